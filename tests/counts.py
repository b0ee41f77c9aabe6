"""Which parameters of a test `make test` runs; the others run in `make long` only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def ordinary(values: Iterable[Any], *kept: Any) -> list[Any]:
    """All values of one parameter, of which `make test` runs those that are kept."""
    return [value if value in kept else pytest.param(value, marks=pytest.mark.long) for value in values]


def ordinary_rows(rows: Iterable[tuple[Any, ...]], *kept: tuple[Any, ...]) -> list[Any]:
    """All rows of several parameters, of which `make test` runs those that are kept."""
    return [row if row in kept else pytest.param(*row, marks=pytest.mark.long) for row in rows]
