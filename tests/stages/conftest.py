from __future__ import annotations

import pytest

from tests.stages.small import fresh


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fresh(tmp_path_factory.mktemp("fresh"))
