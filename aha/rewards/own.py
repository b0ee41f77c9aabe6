"""Checks and messages for what a user's own code returns or raises: even its numbers and errors may have methods that raise."""

from __future__ import annotations

import math
import traceback
from contextlib import suppress
from typing import SupportsFloat

from aha.redact import clip

LONGEST = 60
MOST = 1e60


def is_ours(reward: object) -> bool:
    """Return True if the reward is part of the package, so that an exception in it is a bug of ours."""
    return str(getattr(reward, "__module__", "")).startswith("aha.")


def is_number(value: SupportsFloat) -> bool:
    """Return True if the value can be weighted, summed and squared: a finite number of at most `MOST` in size."""
    try:
        return math.isfinite(value) and abs(float(value)) <= MOST
    except Exception:
        return False


def shorten(value: object) -> str:
    """Return a value as a short text for a message, or its type if it cannot be written."""
    with suppress(Exception):  # an integer of ten thousand digits raises
        return clip(repr(value), LONGEST)
    return f"a value of type {type(value).__name__}"


def error_text(error: BaseException) -> str:
    """Return the message of an exception in one line."""
    try:
        return clip(str(error))
    except Exception:
        return "it cannot say what"


def describe_error(error: BaseException) -> str:
    """Return an exception in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error_text(error)}{place}"
