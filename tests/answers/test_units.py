"""Units of measure by their names."""

from __future__ import annotations

from fractions import Fraction

import pytest

from aha.answers.units import unit

SAME = [
    ("cm^2", "square centimeters"),
    ("cm ^ { 2 }", "平方厘米"),
    ("km/h", "km per hour"),
    ("km/h", "千米/时"),
    ("cubic inches", "in^3"),
    ("dollars", "¤"),
    ("meters squared", "m^2"),
    ("kg", "千克"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_unit_has_many_names(one: str, other: str) -> None:
    assert unit(one) == unit(other) is not None


SIZES = [
    ("km", "m", 1000),
    ("hours", "minutes", 60),
    ("dollars", "cents", 100),
    ("feet", "inches", 12),
    ("m^2", "cm^2", 10_000),
    ("km/h", "m/h", 1000),
]


@pytest.mark.parametrize(("large", "small", "times"), SIZES)
def test_a_unit_is_so_many_of_another(large: str, small: str, times: int) -> None:
    one, other = unit(large), unit(small)
    assert one is not None and other is not None
    assert one.kinds == other.kinds and one.size / other.size == Fraction(times)


@pytest.mark.parametrize(("one", "other"), [("cm", "cm^2"), ("g", "m"), ("km", "km/h"), ("dollars", "euros"), ("seconds", "dollars")])
def test_two_kinds_stay_two(one: str, other: str) -> None:
    a, b = unit(one), unit(other)
    assert a is not None and b is not None and a.kinds != b.kinds


@pytest.mark.parametrize("words", ["apples", "square units", "ways", "", "cm of rain"])
def test_what_counts_things_is_no_unit(words: str) -> None:
    assert unit(words) is None
