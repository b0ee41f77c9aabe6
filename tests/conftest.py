from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import smollm2 as real_model
from tests.counts import LONG, examples
from tests.endtoend.conftest import Warm

settings.register_profile("ours", examples(100))
settings.load_profile("ours")


MEMORY, ROOM = Path("/dev/shm"), 4 << 30
if not LONG and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    # a disk takes milliseconds to confirm what was written, and the tests ask for it a hundred thousand times
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish() -> None:
    """Keep the 750,000 objects of the libraries and the tests' own out of every later collection of garbage."""
    gc.freeze()


@pytest.fixture(scope="session")
def published() -> Callable[[str], Path]:
    """A published file by its place in $AHA_DATA; the test is skipped where it is not there."""

    def find(place: str) -> Path:
        if "AHA_DATA" not in os.environ:
            pytest.skip(f"AHA_DATA is not set: the folder with {place}")
        path = Path(os.environ["AHA_DATA"]) / place
        if not path.exists():
            pytest.skip(f"{path} is not there")
        return path

    return find


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Starts commands and scripts in processes that have torch loaded."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)
    server = Warm(tmp_path_factory.mktemp("warm"), shared)
    yield server
    server.close()


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The folder of a real model, SmolLM2-135M-Instruct; the test is skipped where it cannot be had. Mark the test `real`."""
    try:
        return real_model.folder()
    except real_model.NotHere as reason:
        pytest.skip(str(reason))
