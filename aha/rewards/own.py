"""What code of a person's own may return or raise, in words: even its numbers and its errors may have methods that raise."""

from __future__ import annotations

import math
import traceback
from contextlib import suppress
from typing import SupportsFloat

from aha.redact import clip

LONGEST = 60
MOST = 1e60


def is_ours(reward: object) -> bool:
    """Whether the reward is one of the package, so that what it raises is a mistake of ours."""
    return str(getattr(reward, "__module__", "")).startswith("aha.")


def is_number(value: SupportsFloat) -> bool:
    """Whether it is a number that can be weighted, summed and squared: a finite one of at most `MOST` in size."""
    try:
        return math.isfinite(value) and abs(float(value)) <= MOST
    except Exception:
        return False


def shorten(value: object) -> str:
    """A value for a message: its first letters, or its type where it cannot be written."""
    with suppress(Exception):  # a number of ten thousand digits cannot
        return clip(repr(value), LONGEST)
    return f"a value of type {type(value).__name__}"


def error_text(error: BaseException) -> str:
    """What an exception says, in one line."""
    try:
        return clip(str(error))
    except Exception:
        return "it cannot say what"


def describe_error(error: BaseException) -> str:
    """An exception in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error_text(error)}{place}"
