"""Servers that speak OpenAI's protocol: their addresses, the calls, and a server as a chat."""
