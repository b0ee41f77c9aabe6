"""What the rules write is what they say it is: checked where plain Python can read it."""

from __future__ import annotations

import re
from fractions import Fraction
from random import Random

import pytest

from aha.specimens import BY_NAME, FAMILIES
from aha.specimens.family import AnyFamily, Surface
from aha.specimens.puzzles import PUZZLE
from aha.types import Countdown

PLAIN = re.compile(r"-?\d+(\.\d+)?|-?\d+ ?/ ?\d+")
DRAWS = 60


def read(claim: str) -> Fraction | None:
    """The number in a claim that is nothing but digits, a dot or a slash."""
    return Fraction(claim.replace(" ", "")) if PLAIN.fullmatch(claim) else None


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_mistake_changes_the_value(family: AnyFamily) -> None:
    rng = Random(f"mistakes {family.name}")
    for mistake in family.mistakes:
        pairs = [(value, mistake.change(value, rng)) for value in (family.draw(rng) for _ in range(DRAWS))]
        assert [pair for pair in pairs if pair[0] == pair[1]] == []
        assert any(other is not None for _, other in pairs), mistake.name


ENDLESS = ("fraction", "fraction as a number", "mixed number", "repeating decimal")
NUMBERS = ("whole number", "count", "decimal", "decimal as a number", *ENDLESS)


@pytest.mark.parametrize("name", NUMBERS)
def test_exact_surfaces_of_a_number_are_read_back(name: str) -> None:
    family, rng = BY_NAME[name], Random(name)
    surfaces: tuple[Surface[Fraction], ...] = tuple(surface for surface in family.surfaces if surface.exact and surface.stands == "any")
    checked = 0
    for surface in surfaces:
        for value in (family.draw(rng) for _ in range(DRAWS)):
            number = read(surface.write(value, rng) or "")
            assert number in (None, value), surface.name
            checked += number is not None
    assert checked >= DRAWS


@pytest.mark.parametrize("name", ENDLESS)
def test_long_decimals_are_within_their_last_place(name: str) -> None:
    family, rng = BY_NAME[name], Random(name)
    for surface in (surface for surface in family.surfaces if not surface.exact):
        for value in (family.draw(rng) for _ in range(DRAWS)):
            digits = surface.write(value, rng)
            if digits is not None:
                count = len(digits.partition(".")[2])
                assert count >= 6
                assert abs(Fraction(digits) - value) < Fraction(1, 10**count)


@pytest.mark.parametrize("name", ENDLESS)
def test_traps_of_decimals_are_no_rounding_the_rule_allows(name: str) -> None:
    """Fewer than six places, or further from the value than its last place."""
    family, rng = BY_NAME[name], Random(name)
    checked = 0
    for trap in (trap for trap in family.traps if "decimal" in trap.name):
        for value in (family.draw(rng) for _ in range(DRAWS)):
            digits = trap.write(value, rng)
            if digits is not None:
                count = len(digits.partition(".")[2])
                assert count < 6 or abs(Fraction(digits) - value) >= Fraction(1, 2 * 10**count)
                checked += 1
    assert checked > DRAWS // 2


def value_of(expression: str) -> Fraction:
    """What + - * / and parentheses come to, in exact fractions."""
    tokens = re.findall(r"\d+|[-+*/()]", expression)

    def term() -> Fraction:
        token = tokens.pop(0)
        if token != "(":
            return Fraction(int(token))
        inner = total()
        assert tokens.pop(0) == ")"
        return inner

    def product() -> Fraction:
        value = term()
        while tokens and tokens[0] in "*/":
            sign, factor = tokens.pop(0), term()
            value = value * factor if sign == "*" else value / factor
        return value

    def total() -> Fraction:
        value = product()
        while tokens and tokens[0] in "+-":
            sign, part = tokens.pop(0), product()
            value = value + part if sign == "+" else value - part
        return value

    return total()


def test_a_countdown_expression_uses_every_number_once_and_comes_to_the_target() -> None:
    rng = Random("countdown")
    for _ in range(DRAWS):
        puzzle = PUZZLE.draw(rng)
        assert sorted(map(int, re.findall(r"\d+", puzzle.expression))) == sorted(puzzle.numbers)
        assert value_of(puzzle.expression) == puzzle.target
        assert PUZZLE.reference(puzzle, rng) == Countdown(puzzle.numbers, puzzle.target)
