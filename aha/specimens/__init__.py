"""Right and wrong claims about golds of every kind, made by rules that begin from the exact value and know nothing of any grader.

Claims by the thousand: each a reference, a reply and whether the reply is right, addressed by seed, family and number.

Reasoning that stands before a claim and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import gcd
from random import Random
from typing import Any, Literal

from aha.specimens.algebra import ALGEBRA
from aha.specimens.clocks import CLOCKS
from aha.specimens.empties import FLOODS, LIKE_A_LETTER, LIKE_EMPTY, SHORT
from aha.specimens.family import LONG_TALK, RIVAL, TALK, AnyFamily, Mistake, Stands, Surface, Template
from aha.specimens.intervals import INTERVALS
from aha.specimens.irrationals import IRRATIONALS, POWER
from aha.specimens.letters import CHOICES, LETTER_SET
from aha.specimens.lists import LISTS, MATRIX
from aha.specimens.names import NAMES_AND_VALUES
from aha.specimens.puzzles import SUMS
from aha.specimens.replies import REPLIES
from aha.specimens.shares import SHARES
from aha.specimens.single import NUMBERS
from aha.specimens.units import UNITS
from aha.specimens.worded import WORDS_AND_NAMES
from aha.types import Reference

__all__ = ["FAMILIES", "Side", "Specimen", "forms", "of_every_rule", "rules", "specimen", "specimens"]


LINES = (
    "We add the parts one by one.",
    "First we look at the small cases.",
    "Let us write down what is known.",
    "2 + 2 = 4, and the rest follows in the same way.",
    "Let $k$ be the number of steps; then $k^2 > k$ for all $k > 1$.",
    "By symmetry both sides contribute the same.",
    "Hmm, let me check this again.",
    "Step 1: read the question. Step 2: set up the equation.",
    "The terms cancel in pairs.",
    "- We note the first condition.\n- We note the second condition.",
    "Substituting back confirms it.",
    "Using the formula \\(a^2 - b^2 = (a-b)(a+b)\\), the expression factors.",
    "That leaves one case.",
    "我们先列出已知条件。",
    "Wir rechnen Schritt für Schritt.",
    "Calculons étape par étape.",
)


def talk(rng: Random) -> str:
    """One to three lines."""
    return "\n".join(rng.choice(LINES) for _ in range(rng.randint(1, 3)))


def long_talk(rng: Random) -> str:
    """Some thousand characters of it."""
    return "\n\n".join(rng.choice(LINES) for _ in range(rng.randint(60, 200)))


GROUPS: tuple[tuple[AnyFamily, ...], ...] = (
    *(NUMBERS, SHARES, UNITS, CLOCKS, IRRATIONALS, (POWER,), ALGEBRA),
    *(LISTS, INTERVALS, (MATRIX,), NAMES_AND_VALUES, WORDS_AND_NAMES, CHOICES, (LETTER_SET,), SUMS),
)
FAMILIES: tuple[AnyFamily, ...] = tuple(family for group in GROUPS for family in group)
BY_NAME: dict[str, AnyFamily] = {family.name: family for family in FAMILIES}
ONE_RIGHT_IN = 3
TRIES = 100  # draws of a value until a rule can be applied; then the next rule's turn comes

Side = Literal["right", "wrong"]
By = Surface[Any] | Mistake[Any] | Template | tuple[str, ...]


@dataclass(frozen=True)
class Specimen:
    """A reply to a reference of a family, and what it is: `rule` made the claim, and `setting` is the template around it."""

    family: str
    number: int
    side: Side
    rule: str
    setting: str
    reference: Reference
    question: str
    reply: str


@dataclass(frozen=True)
class ClaimRule:
    """A way to a claim. `by` a surface: the right value on it, or one of the traps; a mistake: another value; a template: it spoils a
    right claim; texts: they claim nothing."""

    side: Side
    name: str
    by: By


@cache
def rules(family: str, side: Side) -> tuple[ClaimRule, ...]:
    """The rules of a family, in the order in which their turns come."""
    of = BY_NAME[family]
    if side == "right":
        return tuple(ClaimRule(side, surface.name, surface) for surface in of.surfaces)
    possible = _traits(family)
    snares = [snare for snare in of.snares if snare.needs <= possible and _surfaces(family, snare.takes, _joins(snare))]
    return (
        *(ClaimRule(side, mistake.name, mistake) for mistake in of.mistakes),
        *(ClaimRule(side, trap.name, trap) for trap in of.traps),
        *(ClaimRule(side, _name(snare), snare) for snare in snares),
        ClaimRule(side, "nothing claimed", SHORT),
        ClaimRule(side, "a flood", FLOODS),
    )


@cache
def _stride(count: int) -> int:
    """A step that comes by every rule, and far from the last ones, so that few specimens are of all sorts of rules."""
    return next(step for step in range(count * 61 // 99 + 1, 2 * count + 1) if gcd(step, count) == 1)


@cache
def _traits(family: str) -> frozenset[str]:
    """All traits that values of the family have."""
    of, rng = BY_NAME[family], Random(family)
    return frozenset().union(*(of.traits(of.draw(rng)) for _ in range(100)))


def _name(template: Template) -> str:
    """Its text, a long one in short."""
    return template.text if len(template.text) <= 200 else f"{template.text[:20].rstrip()} ... {template.text[-20:].lstrip()}"


def _joins(template: Template) -> bool:
    """Whether the template joins its claim to others, so that it takes plain ones only."""
    return "number" in template.needs


def forms(family: str, side: Side) -> int:
    """How many forms its claims take: rules times the templates around what they make."""
    of, traits = BY_NAME[family], _traits(family)

    def around(stands: Stands, with_rival: bool = True) -> int:
        return 1 if stands == "reply" else len(_settings(family, stands, traits, with_rival))

    if side == "right":
        return sum(around(surface.stands) for surface in of.surfaces)
    values = sum(around(surface.stands) for surface in _surfaces(family, None, False))
    snares = [rule.by.gives for rule in rules(family, side) if isinstance(rule.by, Template)]
    traps = [trap.stands for trap in of.traps]
    return len(of.mistakes) * values + sum(around(stands, False) for stands in (*traps, *snares)) + len(SHORT) + len(FLOODS)


def specimens(count: int, seed: int = 0) -> Iterator[Specimen]:
    """So many, the families in turn; none is kept."""
    for i in range(count):
        yield specimen(seed, FAMILIES[i % len(FAMILIES)].name, i // len(FAMILIES))


def of_every_rule(seed: int = 0) -> Iterator[Specimen]:
    """One of each rule of each family."""
    for family in FAMILIES:
        for side in ("right", "wrong"):
            for number, rule in enumerate(rules(family.name, side)):
                outcome = _apply(rule, family, number, Random(f"{seed} {family.name} {side} {number}"))
                if outcome is not None:
                    yield outcome


def specimen(seed: int, family: str, number: int) -> Specimen:
    """The specimen of an address; a third of all are right, and rules take turns."""
    rng = Random(f"{seed} {family} {number}")
    turn, tail = divmod(number, ONE_RIGHT_IN)
    side: Side = "wrong" if tail else "right"
    row = rules(family, side)
    start = (turn if side == "right" else turn * (ONE_RIGHT_IN - 1) + tail - 1) * _stride(len(row))
    for step in range(len(row)):
        outcome = _apply(row[(start + step) % len(row)], BY_NAME[family], number, rng)
        if outcome is not None:
            return outcome
    raise AssertionError(f"no rule of {family} can be applied")


def _apply(rule: ClaimRule, family: AnyFamily, number: int, rng: Random) -> Specimen | None:
    for _ in range(TRIES):
        value = family.draw(rng)
        outcome = _reply(rule, family, value, rng)
        if outcome is not None:
            reply, setting = outcome
            reference = family.reference(value, rng)
            return Specimen(family.name, number, rule.side, rule.name, setting, reference, family.question(value), reply)
    return None


def _reply(rule: ClaimRule, family: AnyFamily, value: Any, rng: Random) -> tuple[str, str] | None:
    """The whole reply and the template around its claim."""
    by = rule.by
    if isinstance(by, tuple):
        return _empty(by, family.traits(value), rng)
    if isinstance(by, Template):
        return _spoil(by, family, value, rng)
    if isinstance(by, Mistake):
        rival = by.change(value, rng)
        outcome = None if rival is None else _write(family, rival, None, rng, exact=by.tiny)
        return None if outcome is None else _set(family, value, outcome[0], outcome[1], rng, value)
    claim = by.write(value, rng)
    if claim is None:
        return None
    if rule.side == "wrong":
        return _set(family, value, claim, by.stands, rng)
    return _set(family, value, claim, by.stands, rng, _mistake(family, value, rng))


def _empty(texts: tuple[str, ...], traits: frozenset[str], rng: Random) -> tuple[str, str] | None:
    text = rng.choice(texts)
    unclear = ("constant" in traits and text in LIKE_EMPTY) or ("letter" in traits and text in LIKE_A_LETTER)
    return None if unclear else (text, "")


def _spoil(template: Template, family: AnyFamily, value: Any, rng: Random) -> tuple[str, str] | None:
    """A right claim in a template that makes it wrong."""
    if not template.fits(family.traits(value)):
        return None
    plain = _joins(template)
    claim = _write(family, value, template.takes, rng, plain=plain)
    rival = ""
    if RIVAL in template.text:
        rival_value = _mistake(family, value, rng)
        second = None if rival_value is None else _write(family, rival_value, template.takes, rng, plain=plain)
        if second is None:
            return None
        rival = second[0]
    return None if claim is None else _set(family, value, _fill(template, claim[0], rival, rng), template.gives, rng)


def _mistake(family: AnyFamily, value: Any, rng: Random) -> Any:
    """Another value, by a mistake that is large enough to show on every surface; `None` where none was made."""
    for _ in range(8):
        mistake = rng.choice(family.mistakes)
        rival = None if mistake.tiny else mistake.change(value, rng)
        if rival is not None:
            return rival
    return None


@cache
def _surfaces(family: str, takes: frozenset[str] | None, plain: bool) -> tuple[Surface[Any], ...]:
    of = BY_NAME[family]
    row = of.plain if plain else (*of.surfaces, *of.strays)
    return tuple(surface for surface in row if takes is None or surface.stands in takes)


def _write(
    family: AnyFamily, value: Any, takes: frozenset[str] | None, rng: Random, plain: bool = False, exact: bool = False
) -> tuple[str, Stands] | None:
    """A value on some surface that can stand there."""
    row = _surfaces(family.name, takes, plain)
    for _ in range(16):
        if not row:
            return None
        surface = rng.choice(row)
        claim = surface.write(value, rng) if surface.exact or not exact else None
        if claim is not None:
            return claim, surface.stands
    return None


@cache
def _settings(family: str, stands: Stands, traits: frozenset[str], with_rival: bool) -> tuple[Template, ...]:
    row = BY_NAME[family].replies or REPLIES
    return tuple(
        template for template in row if stands in template.takes and template.fits(traits) and (with_rival or RIVAL not in template.text)
    )


def _set(family: AnyFamily, value: Any, claim: str, stands: Stands, rng: Random, distraction: Any = None) -> tuple[str, str] | None:
    """The claim in a template that changes nothing; `distraction`: a value that a template may name beside it."""
    if stands == "reply":
        return claim, ""
    template = rng.choice(_settings(family.name, stands, family.traits(value), distraction is not None))
    rival = ""
    if RIVAL in template.text:
        second = _write(family, distraction, template.takes, rng)
        if second is None:
            return None
        rival = second[0]
    return _fill(template, claim, rival, rng), template.text


def _fill(template: Template, claim: str, rival: str, rng: Random) -> str:
    text = template.text
    if LONG_TALK in text:
        text = text.replace(LONG_TALK, long_talk(rng))
    return Template(text).fill(claim, rival, talk(rng) if TALK in text else "")
