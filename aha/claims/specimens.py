"""Claims by the thousand: each a reference, a reply and whether the reply is right, addressed by seed, family and number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Literal

from aha.claims.empties import FLOODS, LIKE_A_LETTER, LIKE_NOTHING, SHORT
from aha.claims.family import LONG_TALK, OTHER, TALK, AnyFamily, Mistake, Stands, Surface, Template
from aha.claims.of_choices import CHOICES
from aha.claims.of_collections import COLLECTIONS
from aha.claims.of_formulas import FORMULAS
from aha.claims.of_numbers import NUMBERS
from aha.claims.of_quantities import QUANTITIES
from aha.claims.of_sums import SUMS
from aha.claims.of_words import WORDED
from aha.claims.replies import REPLIES
from aha.claims.talk import long_talk, talk
from aha.types import Reference

FAMILIES: tuple[AnyFamily, ...] = (*NUMBERS, *QUANTITIES, *FORMULAS, *COLLECTIONS, *WORDED, *CHOICES, *SUMS)
BY_NAME: dict[str, AnyFamily] = {family.name: family for family in FAMILIES}
ONE_RIGHT_IN = 3
TRIES = 40  # draws of a value until a rule can be applied; then the next rule's turn comes

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
class Rule:
    """A way to a claim. `by` a surface: the right value on it, or one of the traps; a mistake: another value; a template: it spoils a
    right claim; texts: they claim nothing."""

    side: Side
    name: str
    by: By


@cache
def rules(family: str, side: Side) -> tuple[Rule, ...]:
    """The rules of a family, in the order in which their turns come."""
    of = BY_NAME[family]
    if side == "right":
        return tuple(Rule(side, surface.name, surface) for surface in of.surfaces)
    possible = _traits(family)
    snares = [snare for snare in of.snares if snare.needs <= possible and _surfaces(family, snare.takes, _joins(snare))]
    return (
        *(Rule(side, mistake.name, mistake) for mistake in of.mistakes),
        *(Rule(side, trap.name, trap) for trap in of.traps),
        *(Rule(side, snare.text, snare) for snare in snares),
        Rule(side, "nothing claimed", SHORT),
        Rule(side, "a flood", FLOODS),
    )


@cache
def _traits(family: str) -> frozenset[str]:
    """All traits that values of the family have."""
    of, rng = BY_NAME[family], Random(family)
    return frozenset().union(*(of.traits(of.draw(rng)) for _ in range(100)))


def _joins(template: Template) -> bool:
    """Whether the template joins its claim to others, so that it takes plain ones only."""
    return "number" in template.needs


def specimens(count: int, seed: int = 0) -> Iterator[Specimen]:
    """So many, the families in turn; none is kept."""
    for i in range(count):
        yield specimen(seed, FAMILIES[i % len(FAMILIES)].name, i // len(FAMILIES))


def of_every_rule(seed: int = 0) -> Iterator[Specimen]:
    """One of each rule of each family."""
    for family in FAMILIES:
        for side in ("right", "wrong"):
            for number, rule in enumerate(rules(family.name, side)):
                made = _apply(rule, family, number, Random(f"{seed} {family.name} {side} {number}"))
                if made is not None:
                    yield made


def specimen(seed: int, family: str, number: int) -> Specimen:
    """The specimen of an address; a third of all are right, and rules take turns."""
    rng = Random(f"{seed} {family} {number}")
    turn, rest = divmod(number, ONE_RIGHT_IN)
    side: Side = "wrong" if rest else "right"
    row = rules(family, side)
    start = turn if side == "right" else turn * (ONE_RIGHT_IN - 1) + rest - 1
    for step in range(len(row)):
        made = _apply(row[(start + step) % len(row)], BY_NAME[family], number, rng)
        if made is not None:
            return made
    raise AssertionError(f"no rule of {family} can be applied")


def _apply(rule: Rule, family: AnyFamily, number: int, rng: Random) -> Specimen | None:
    for _ in range(TRIES):
        value = family.draw(rng)
        made = _reply(rule, family, value, rng)
        if made is not None:
            reply, setting = made
            reference = family.reference(value, rng)
            return Specimen(family.name, number, rule.side, rule.name, setting, reference, family.question(value), reply)
    return None


def _reply(rule: Rule, family: AnyFamily, value: Any, rng: Random) -> tuple[str, str] | None:
    """The whole reply and the template around its claim."""
    by = rule.by
    if isinstance(by, tuple):
        return _empty(by, family.traits(value), rng)
    if isinstance(by, Template):
        return _spoiled(by, family, value, rng)
    if isinstance(by, Mistake):
        other = by.change(value, rng)
        made = None if other is None else _written(family, other, None, rng, exact=by.tiny)
        return None if made is None else _set(family, value, made[0], made[1], rng, value)
    claim = by.write(value, rng)
    if claim is None:
        return None
    if rule.side == "wrong":
        return _set(family, value, claim, by.stands, rng)
    return _set(family, value, claim, by.stands, rng, _mistaken(family, value, rng))


def _empty(texts: tuple[str, ...], traits: frozenset[str], rng: Random) -> tuple[str, str] | None:
    text = rng.choice(texts)
    unclear = ("constant" in traits and text in LIKE_NOTHING) or ("letter" in traits and text in LIKE_A_LETTER)
    return None if unclear else (text, "")


def _spoiled(template: Template, family: AnyFamily, value: Any, rng: Random) -> tuple[str, str] | None:
    """A right claim in a template that makes it wrong."""
    if not template.fits(family.traits(value)):
        return None
    plain = _joins(template)
    claim = _written(family, value, template.takes, rng, plain=plain)
    other = ""
    if OTHER in template.text:
        mistaken = _mistaken(family, value, rng)
        found = None if mistaken is None else _written(family, mistaken, template.takes, rng, plain=plain)
        if found is None:
            return None
        other = found[0]
    return None if claim is None else _set(family, value, _filled(template, claim[0], other, rng), template.gives, rng)


def _mistaken(family: AnyFamily, value: Any, rng: Random) -> Any:
    """Another value, by a mistake that is large enough to show on every surface; `None` where none was made."""
    for _ in range(8):
        mistake = rng.choice(family.mistakes)
        other = None if mistake.tiny else mistake.change(value, rng)
        if other is not None:
            return other
    return None


@cache
def _surfaces(family: str, takes: frozenset[str] | None, plain: bool) -> tuple[Surface[Any], ...]:
    of = BY_NAME[family]
    row = of.plain if plain else (*of.surfaces, *of.strays)
    return tuple(surface for surface in row if takes is None or surface.stands in takes)


def _written(
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
def _settings(family: str, stands: Stands, traits: frozenset[str], with_other: bool) -> tuple[Template, ...]:
    row = BY_NAME[family].replies or REPLIES
    return tuple(each for each in row if stands in each.takes and each.fits(traits) and (with_other or OTHER not in each.text))


def _set(family: AnyFamily, value: Any, claim: str, stands: Stands, rng: Random, distraction: Any = None) -> tuple[str, str] | None:
    """The claim in a template that changes nothing; `distraction`: a value that a template may name beside it."""
    if stands == "reply":
        return claim, ""
    template = rng.choice(_settings(family.name, stands, family.traits(value), distraction is not None))
    other = ""
    if OTHER in template.text:
        found = _written(family, distraction, template.takes, rng)
        if found is None:
            return None
        other = found[0]
    return _filled(template, claim, other, rng), template.text


def _filled(template: Template, claim: str, other: str, rng: Random) -> str:
    text = template.text
    if LONG_TALK in text:
        text = text.replace(LONG_TALK, long_talk(rng))
    return Template(text).fill(claim, other, talk(rng) if TALK in text else "")
