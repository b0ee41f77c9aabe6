"""Servers that speak OpenAI's protocol: where they are, how one is called, and as a chat."""
