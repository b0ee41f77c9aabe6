"""Countdown puzzles, and products for which repeating the question is no answer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface, templates
from aha.specimens.numbers import fill
from aha.specimens.snares import RUNS_ON, THOUGHTS
from aha.types import Countdown, Latex


@dataclass(frozen=True)
class Puzzle:
    """Numbers, an expression that uses each of them once, and its value."""

    numbers: tuple[int, ...]
    expression: str
    target: int


def _combine(numbers: list[int], rng: Random) -> tuple[str, Fraction]:
    """Return a random expression of all numbers, with parentheses around every operation, and its value."""
    if len(numbers) == 1:
        return str(numbers[0]), Fraction(numbers[0])
    cut = rng.randint(1, len(numbers) - 1)
    (left, a), (right, b) = _combine(numbers[:cut], rng), _combine(numbers[cut:], rng)
    sign = rng.choice("+-*/" if b else "+-*")
    value = {"+": a + b, "-": a - b, "*": a * b}[sign] if sign != "/" else a / b
    return f"({left}{sign}{right})", value


def a_puzzle(rng: Random) -> Puzzle:
    """Draw three to five numbers and an expression of them whose value is an integer from 5 to 999."""
    while True:
        numbers = [rng.randint(1, 50) for _ in range(rng.randint(3, 5))]
        text, value = _combine(numbers, rng)
        if value.denominator == 1 and 5 <= value <= 999 and value.numerator not in numbers:
            return Puzzle(tuple(numbers), text[1:-1], value.numerator)


def puzzle(name: str, stands: Stands, text: str) -> Surface[Puzzle]:
    """A surface of puzzles: <e> the expression, <s> with blanks, <t> with LaTeX signs, <n> the target, <o> one more, <l> the last
    number."""

    def write(value: Puzzle, rng: Random) -> str:
        with_blanks = "".join(f" {sign} " if sign in "+-*/" else sign for sign in value.expression)
        latex = with_blanks.replace("*", r"\times").replace("/", r"\div")
        signs = value.expression.replace("*", "×").replace("/", "÷")
        row = ", ".join(map(str, value.numbers))
        plus = "+".join(map(str, value.numbers[1:]))
        return fill(
            text,
            e=value.expression,
            s=with_blanks,
            t=latex,
            u=signs,
            n=value.target,
            o=value.target + 1,
            l=value.numbers[-1],
            r=row,
            p=plus,
        )

    return Surface(name, stands, write)


def _rival(value: Puzzle, rng: Random) -> Puzzle | None:
    """Return another expression of the same numbers with another value."""
    numbers = list(value.numbers)
    rng.shuffle(numbers)
    text, number = _combine(numbers, rng)
    return None if number == value.target else Puzzle(value.numbers, text[1:-1], number.numerator if number.denominator == 1 else 0)


def _rival_numbers(value: Puzzle, rng: Random) -> Puzzle | None:
    """Return an expression of other numbers with the right value."""
    first = rng.randint(1, value.target - 1)
    numbers = (first, value.target - first)
    return None if sorted(numbers) == sorted(value.numbers) else Puzzle(numbers, f"{first}+{value.target - first}", value.target)


PUZZLE_REPLIES = templates(
    r"""
§
$§$
\(§\)
\[§\]
\boxed{§}
$\boxed{§}$
\[\boxed{§}\]
<answer>§</answer>
<answer>$§$</answer>
<answer>\boxed{§}</answer>
<think>◊</think>§
<think>◊</think>\boxed{§}
<think>◊</think><answer>§</answer>
◊⏎⏎\boxed{§}
◊ So it is $\boxed{§}$.
The answer is $\boxed{§}$.
◊⏎⏎$$\boxed{§}$$
<think></think> <answer> § </answer>
<think>◊ \boxed{¶}</think>\boxed{§}
**Answer:** $\boxed{§}$
\boxed{ § }
[THINK]◊[/THINK]\boxed{§}
\boxed{§}⏎⏎This completes the solution.
◊◊◊⏎⏎\boxed{§}
"""
)

PUZZLE: Family[Puzzle] = Family(
    "countdown",
    a_puzzle,
    lambda value, rng: Countdown(value.numbers, value.target),
    (
        puzzle("close", "any", "<e>"),
        puzzle("blanks", "any", "<s>"),
        puzzle("signs of LaTeX", "tex", "<t>"),
        puzzle("multiplication signs", "any", "<u>"),
        puzzle("an equation", "any", "<e>=<n>"),
        puzzle("an equation with blanks", "any", "<s> = <n>"),
        puzzle("an equation in LaTeX", "tex", "<t> = <n>"),
        puzzle("parentheses around", "any", "(<e>)"),
        puzzle("an equation after parentheses", "any", "(<e>) = <n>"),
    ),
    (Mistake("another expression", _rival), Mistake("other numbers", _rival_numbers)),
    traps=(
        puzzle("the target alone", "any", "<n>"),
        puzzle("the target's equation", "any", "<n> = <n>"),
        puzzle("a number too many", "any", "<e>+0"),
        puzzle("a number twice", "any", "<e>+<l>-<l>"),
        puzzle("a false equation", "any", "<e>=<o>"),
        puzzle("two results", "any", "<e>=<n>=<n>"),
        puzzle("a call", "any", "eval('<e>')"),
        puzzle("a statement after it", "any", "<e>; import os"),
        puzzle("a comment after it", "any", "<e>#"),
        puzzle("a parenthesis too many", "any", "(<e>"),
        puzzle("a parenthesis too many at the end", "any", "<e>)"),
        puzzle("the numbers alone", "any", "<r>"),
        puzzle("a power of one", "any", "(<e>)**1"),
        puzzle("the target multiplied", "any", "<n>*(<e>)/(<e>)"),
        puzzle("a factorial", "any", "(<e>)!"),
        puzzle("two of them", "any", "<e> or <e>"),
        puzzle("a comma", "any", "<e>, <n>"),
        puzzle("a name", "any", "x + <e> - x"),
        puzzle("a decimal", "any", "<e>*1.0"),
        puzzle("an exponent", "any", "<e>+0e0"),
        puzzle("one number missing", "any", "<p>"),
    ),
    replies=PUZZLE_REPLIES,
    snares=(*THOUGHTS, *RUNS_ON),
)


# --- products of a question -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Product:
    """Two numbers that the question asks to multiply or add, and the result."""

    a: int
    b: int
    sign: str  # as the question writes it
    value: int


SIGNS = {r"\cdot": lambda a, b: a * b, r"\times": lambda a, b: a * b, "+": lambda a, b: a + b, "-": lambda a, b: a - b}


def a_product(rng: Random) -> Product:
    """Draw two numbers and the operation that the question asks for."""
    sign = rng.choice(tuple(SIGNS))
    a, b = rng.randint(200, 999), rng.randint(12, 99)  # neither is what comes out
    return Product(a, b, sign, SIGNS[sign](a, b))


def product(name: str, stands: Stands, text: str) -> Surface[Product]:
    """A surface of products: <a>, <b> and <s> the numbers and the sign, <n> the value, <o> one more."""
    return Surface(name, stands, lambda value, rng: fill(text, a=value.a, b=value.b, s=value.sign, n=value.value, o=value.value + 1))


def _value_off(name: str, step: int) -> Mistake[Product]:
    return Mistake(name, lambda value, rng: Product(value.a, value.b, value.sign, value.value + step))


QUESTION: Family[Product] = Family(
    "question's own sum",
    a_product,
    lambda value, rng: Latex(str(value.value)),
    (
        product("digits", "any", "<n>"),
        product("a name", "tex", "x = <n>"),
        product("a true equation", "tex", "<a> <s> <b> = <n>"),
        product("one decimal place", "any", "<n>.0"),
        product("in braces", "tex", "{<n>}"),
        product("a fraction", "tex", r"\frac{<n>}{1}"),
    ),
    (
        _value_off("one more", 1),
        _value_off("one less", -1),
        _value_off("ten more", 10),
        _value_off("a hundred less", -100),
        Mistake("the other sign", lambda value, rng: Product(value.a, value.b, value.sign, -value.value)),
    ),
    traps=(
        product("the question's sum", "tex", "<a> <s> <b>"),
        product("the question's sum, in braces", "tex", "{<a> <s> <b>}"),
        product("the question's sum without an end", "tex", "<a> <s> <b> ="),
        product("the question's sum and a mark", "tex", "<a> <s> <b> = ?"),
        product("the first alone", "any", "<a>"),
        product("the second alone", "any", "<b>"),
        product("a false equation", "tex", "<a> <s> <b> = <o>"),
        product("a list", "any", "<a>, <b>"),
    ),
    snares=(*THOUGHTS, *RUNS_ON),
    traits=lambda value: frozenset({"one", "number"}),
    question=lambda value: f"What is ${value.a} {value.sign} {value.b}$?",
)

SUMS = (PUZZLE, QUESTION)
