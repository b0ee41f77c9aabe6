"""What this machine lets the tests of the bwrap tier do."""

from __future__ import annotations

import os

import pytest

from aha.grading.sandbox.bwrap import why_not
from aha.grading.sandbox.compiled import COMPILERS

REASON = why_not()
needs_bwrap = pytest.mark.skipif(REASON is not None, reason=f"bwrap: {REASON}")
needs_compiler = pytest.mark.skipif(not any(os.access(each, os.X_OK) for each in COMPILERS), reason="no C++ compiler here")
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
