"""Golds that give values to names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from aha.specimens.family import SINGLE, Family, Mistake, Stands, Surface
from aha.specimens.lists import ALONE, a_number, digits
from aha.specimens.numbers import fill
from aha.specimens.snares import SNARES
from aha.types import Latex

# --- values by name ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solution:
    """A name and its value."""

    name: str
    value: Fraction


def a_solution(rng: Random) -> Solution:
    """Draw a letter and a value for which no template's small function gives the value itself."""
    while True:
        value = a_number(rng)
        if value not in (0, 1, -1, 2):
            return Solution(rng.choice("xyntk"), value)


def solution_form(name: str, stands: Stands, text: str, whole: bool = False) -> Surface[Solution]:
    """A surface of a solution: <x> the name, <v> the value, <o> another name, <k> a factor, <p> the value times it, <n> the value plus
    1."""

    def write(value: Solution, rng: Random) -> str | None:
        if whole and value.value.denominator > 1:
            return None
        rival = rng.choice([letter for letter in "xyntk" if letter != value.name])
        k = rng.randint(2, 9)
        return fill(
            text,
            x=value.name,
            v=digits(value.value),
            s=digits(value.value, True),
            o=rival,
            k=k,
            p=digits(value.value * k),
            n=digits(value.value + 1),
        )

    return Surface(name, stands, write)


SOLUTION: Family[Solution] = Family(
    "named solution",
    a_solution,
    lambda value, rng: Latex(f"{value.name}={digits(value.value)}" if rng.random() < 0.5 else f"{value.name} = {digits(value.value)}"),
    (
        solution_form("an equation", "tex", "<x> = <v>"),
        solution_form("an equation, close", "tex", "<x>=<v>"),
        solution_form("an equation with a slash", "any", "<x> = <s>"),
        solution_form("turned round", "tex", "<v> = <x>"),
        solution_form("the value alone", "tex", "<v>"),
        solution_form("a calculation", "tex", r"<x> = \frac{<p>}{<k>}", whole=True),
        solution_form("one decimal place", "any", "<x> = <s>.0", whole=True),
        solution_form("a unit", "tex", r"<x> = <v> \text{ cm}"),
        solution_form("\\boxed inside", "reply", r"$<x> = \boxed{<v>}$"),
    ),
    (
        Mistake("one more", lambda value, rng: Solution(value.name, value.value + 1)),
        Mistake("one less", lambda value, rng: Solution(value.name, value.value - 1)),
        Mistake("the other sign", lambda value, rng: Solution(value.name, -value.value)),
        Mistake("the reciprocal", lambda value, rng: Solution(value.name, 1 / value.value)),
        Mistake("three times", lambda value, rng: Solution(value.name, 3 * value.value)),
        Mistake("some more", lambda value, rng: Solution(value.name, value.value + rng.randint(2, 40))),
    ),
    traps=(
        solution_form("another name", "tex", "<o> = <v>"),
        solution_form("two values", "tex", r"<x> = <v> \text{ or } <x> = <n>"),
        solution_form("two values in a list", "tex", "<x> = <v>, <x> = <n>"),
        solution_form("a second name", "tex", "<x> = <v>, <o> = <n>"),
        solution_form("not equal", "tex", r"<x> \neq <v>"),
        solution_form("more", "tex", "<x> > <v>"),
        solution_form("at least", "tex", r"<x> \ge <v>"),
        solution_form("the name alone", "tex", "<x>"),
        solution_form("its square", "tex", "<x>^2 = <v>"),
        solution_form("a multiple", "tex", "3<x> = <v>"),
        solution_form("a minus", "tex", "-<x> = <v>"),
        solution_form("a sum", "tex", "<x> + 1 = <v>"),
        solution_form("a false chain", "tex", "<x> = <v> = <n>"),
        solution_form("about", "tex", r"<x> \to <v>"),
        solution_form("both signs", "tex", r"<x> = \pm(<v>)"),
        solution_form("modulo", "tex", r"<x> \equiv <v> \pmod{7}"),
        solution_form("names that differ", "tex", "<x> = <o> + <v>"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


Assignments = tuple[tuple[int, int], ...]  # p and q, one pair for each solution


def an_assignment(rng: Random) -> Assignments:
    """Draw one or two pairs of values for p and q."""
    pairs = dict[tuple[int, int], None]()
    while len(pairs) < 1 + (rng.random() < 0.5):
        pair = (rng.randint(2, 40), rng.randint(2, 40))
        if pair[0] != pair[1]:
            pairs[pair] = None
    return tuple(pairs)


def assignment_form(name: str, stands: Stands, text: str, mark: str = "; ", count: int | None = None) -> Surface[Assignments]:
    """A surface of assignments: the text for each pair of <p> and <q>, joined by the mark."""

    def write(value: Assignments, rng: Random) -> str | None:
        if not value or (count is not None and len(value) != count):
            return None
        return mark.join(fill(text, p=p, q=q) for p, q in value)

    return Surface(name, stands, write)


def _assignment_mistake(name: str, change: Callable[[Assignments, Random], Assignments]) -> Mistake[Assignments]:
    def apply(value: Assignments, rng: Random) -> Assignments | None:
        rival = change(value, rng)
        return None if {*rival} == {*value} or not rival else rival

    return Mistake(name, apply)


ASSIGNMENTS: Family[Assignments] = Family(
    "values by name",
    an_assignment,
    lambda value, rng: Latex(rng.choice(("; ", ";")).join(f"p={p},q={q}" for p, q in value)),
    (
        assignment_form("close", "any", "p=<p>,q=<q>", ";"),
        assignment_form("set apart", "any", "p = <p>, q = <q>", "; "),
        assignment_form("gaps", "tex", r"p=<p>,\ q=<q>", r";\ "),
        assignment_form("and", "tex", r"p = <p> \text{ and } q = <q>", count=1),
        assignment_form("turned round", "tex", "q = <q>, p = <p>", count=1),
        assignment_form("and in a sentence", "text", "p = <p> and q = <q>", count=1),
    ),
    (
        _assignment_mistake("the first off", lambda value, rng: ((value[0][0] + 1, value[0][1]), *value[1:])),
        _assignment_mistake("the second off", lambda value, rng: ((value[0][0], value[0][1] - 1), *value[1:])),
        _assignment_mistake("values swapped", lambda value, rng: tuple((q, p) for p, q in value)),
        _assignment_mistake("one pair too many", lambda value, rng: (*value, (50, 51))),
        _assignment_mistake("one pair missing", lambda value, rng: value[:-1]),
        _assignment_mistake("all signs", lambda value, rng: tuple((-p, -q) for p, q in value)),
    ),
    traps=(
        assignment_form("one name missing", "tex", "p = <p>"),
        assignment_form("the other name missing", "tex", "q = <q>"),
        assignment_form("other names", "tex", "a = <p>, b = <q>"),
        assignment_form("names swapped", "tex", "q = <p>, p = <q>"),
        assignment_form("a third name", "tex", "p = <p>, q = <q>, r = 0"),
        assignment_form("not equal", "tex", r"p \neq <p>, q = <q>"),
        assignment_form("a bound", "tex", "p > <p>, q = <q>"),
        assignment_form("a sum", "tex", "p + q = <p> + <q>"),
        assignment_form("a product", "tex", "pq = <p> \\cdot <q>"),
        assignment_form("a set", "tex", r"\{<p>, <q>\}", ", "),
        assignment_form("or", "tex", r"p = <p> \text{ or } q = <q>"),
        assignment_form("one value for both", "tex", "p = q = <p>"),
    ),
    snares=ALONE,
)

NAMES_AND_VALUES = (SOLUTION, ASSIGNMENTS)
