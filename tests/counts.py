"""What `make test` runs: some parameters of a test, and some examples of a property; all of them run in `make long`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

LONG = "AHA_LONG" in os.environ  # set by `make long`


def examples(count: int, **more: Any) -> settings:
    """The settings of a property that is tried with so many examples, of which `make test` tries a quarter. A machine that others load is
    no failure."""
    return settings(max_examples=count if LONG else max(10, count // 4), deadline=None, **more)


def ordinary(values: Iterable[Any], *kept: Any) -> list[Any]:
    """All values of one parameter, of which `make test` runs those that are kept."""
    return [value if value in kept else pytest.param(value, marks=pytest.mark.long) for value in values]


def ordinary_rows(rows: Iterable[tuple[Any, ...]], *kept: tuple[Any, ...]) -> list[Any]:
    """All rows of several parameters, of which `make test` runs those that are kept."""
    return [row if row in kept else pytest.param(*row, marks=pytest.mark.long) for row in rows]
