"""Reasoning that stands before a claim and decides nothing."""

from __future__ import annotations

from random import Random

LINES = (
    "We add the parts one by one.",
    "First we look at the small cases.",
    "Let us write down what is known.",
    "2 + 2 = 4, and the rest follows in the same way.",
    "Let $k$ be the number of steps; then $k^2 > k$ for all $k > 1$.",
    "By symmetry both sides contribute the same.",
    "Hmm, let me check this again.",
    "Step 1: read the question. Step 2: set up the equation.",
    "The terms cancel in pairs.",
    "- We note the first condition.\n- We note the second condition.",
    "Substituting back confirms it.",
    "Using the formula \\(a^2 - b^2 = (a-b)(a+b)\\), the expression factors.",
    "That leaves one case.",
    "我们先列出已知条件。",
    "Wir rechnen Schritt für Schritt.",
    "Calculons étape par étape.",
)


def talk(rng: Random) -> str:
    """One to three lines."""
    return "\n".join(rng.choice(LINES) for _ in range(rng.randint(1, 3)))


def long_talk(rng: Random) -> str:
    """Some thousand characters of it."""
    return "\n\n".join(rng.choice(LINES) for _ in range(rng.randint(60, 200)))
