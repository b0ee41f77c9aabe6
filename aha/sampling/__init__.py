"""Sampling: prompts to scored completions, for RL, rejection sampling and evaluation alike. It knows no reward and no run directory."""
