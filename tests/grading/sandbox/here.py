"""What this machine lets the tests of the bwrap tier do."""

from __future__ import annotations

import os

import psutil
import pytest

from aha.grading.sandbox.bwrap import why_not
from aha.grading.sandbox.compiled import COMPILERS

REASON = why_not()
needs_bwrap = pytest.mark.skipif(REASON is not None, reason=f"bwrap: {REASON}")
needs_compiler = pytest.mark.skipif(not any(os.access(each, os.X_OK) for each in COMPILERS), reason="no C++ compiler here")
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def begun_since(before: set[int]) -> list[psutil.Process]:
    """The processes that this one has begun, with their descendants, but for those in `before`; what other tests opened then goes on, and
    may begin processes of its own at any time."""
    tops = [each for each in psutil.Process().children() if each.pid not in before]
    return [each for top in tops for each in (top, *_descendants(top))]


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
