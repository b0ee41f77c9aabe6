"""One sandbox for all tests of graders of code: the strongest tier that works here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aha.errors import BadInput
from aha.grading.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The programs of these tests are ours, so a machine without isolation runs them too."""
    try:
        opened = open_sandbox("auto", 2)
    except BadInput:
        opened = open_sandbox("unsafe", 2)
    yield opened
    opened.close()
