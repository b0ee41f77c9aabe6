from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.grading.sandbox import hostile


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hostile.Trap]:
    """The trap that the hostile programs of a file are run in."""
    with hostile.trap(tmp_path_factory.mktemp("trap")) as trap:
        yield trap
