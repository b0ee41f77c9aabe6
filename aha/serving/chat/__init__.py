"""A model behind OpenAI's protocol: requests, prompts, the thread that samples, and replies."""
