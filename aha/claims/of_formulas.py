"""The families whose gold is a formula: multiples of pi, roots, complex numbers, polynomials, powers and factorials, lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial, isqrt
from random import Random

from aha.claims.family import Family, Mistake, Stands, Surface
from aha.claims.near_numbers import NEAR_NUMBERS
from aha.claims.numbers import filled
from aha.claims.numerals import cut, grouped, root, rounded
from aha.claims.snares import SNARES
from aha.types import Latex

ONE = frozenset({"one"})
PI = Fraction(31415926535897932384626433832795028841971, 10**40)
SNARED = (*NEAR_NUMBERS, *SNARES)


def number_traits(value: Fraction) -> frozenset[str]:
    return frozenset({"number", "one", "whole share", *(("positive",) if value > 0 else ())})


def _parts(value: Fraction) -> dict[str, object]:
    a, b = abs(value.numerator), value.denominator
    return {"s": "-" if value < 0 else "", "a": a, "b": b, "c": "" if a == 1 else a}


# --- multiples of pi --------------------------------------------------------------------------------------------------


def a_multiple(rng: Random) -> Fraction:
    value = Fraction(rng.randint(1, 40), rng.choice((1, 1, 1, 2, 3, 4, 5, 6, 12)))
    return -value if rng.random() < 0.15 else value


def of_pi(name: str, stands: Stands, text: str, whole: bool | None = None) -> Surface[Fraction]:
    """<s> the sign, <a> over <b>, <c> is <a> without a 1; `whole`: only of whole multiples, or of none."""

    def write(value: Fraction, rng: Random) -> str | None:
        return None if whole is not None and whole != (value.denominator == 1) else filled(text, **_parts(value))

    return Surface(name, stands, write)


def _pi_decimal(rounds: bool, most: int, least: int) -> Callable[[Fraction, Random], str]:
    return lambda value, rng: (rounded if rounds else cut)(value * PI, rng.randint(least, most))


def _of_fraction(name: str, change: Callable[[Fraction, Random], Fraction]) -> Mistake[Fraction]:
    """Another factor, never 0, never one of which some function is itself."""

    def changed(value: Fraction, rng: Random) -> Fraction | None:
        other = change(value, rng)
        return None if other in (0, value, 2 * value) else other

    return Mistake(name, changed)


FACTOR_MISTAKES = (
    _of_fraction("one more", lambda value, rng: value + 1),
    _of_fraction("one less", lambda value, rng: value - 1),
    _of_fraction("the other sign", lambda value, rng: -value),
    _of_fraction("half", lambda value, rng: value / 2),
    _of_fraction("three times", lambda value, rng: value * 3),
    _of_fraction("the reciprocal", lambda value, rng: 1 / value),
    _of_fraction("another denominator", lambda value, rng: Fraction(value.numerator, value.denominator + rng.randint(1, 3))),
    _of_fraction("another numerator", lambda value, rng: value + Fraction(rng.choice((1, 2, -1)), value.denominator)),
    _of_fraction("ten times", lambda value, rng: value * 10),
)

MULTIPLE: Family[Fraction] = Family(
    "multiple of pi",
    a_multiple,
    lambda value, rng: Latex(filled(r"<s><c>\pi" if value.denominator == 1 else r"<s>\frac{<c>\pi}{<b>}", **_parts(value))),
    (
        of_pi("a factor", "tex", r"<s><c>\pi", True),
        of_pi("a factor set apart", "tex", r"<s><c> \pi", True),
        of_pi("a sign of its own", "any", "<s><c>π", True),
        of_pi("a product", "tex", r"<s>\pi \cdot <a>", True),
        of_pi("a unit", "tex", r"<s><c>\pi\text{ cm}^2", True),
        of_pi("a fraction", "tex", r"<s>\frac{<c>\pi}{<b>}", False),
        of_pi("a display fraction", "tex", r"<s>\dfrac{<c>\pi}{<b>}", False),
        of_pi("a fraction before", "tex", r"<s>\frac{<a>}{<b>}\pi", False),
        of_pi("a slash", "tex", r"<s><c>\pi/<b>", False),
        of_pi("a slash and a sign of its own", "any", "<s><c>π/<b>", False),
        of_pi("a name", "tex", r"x = <s>\frac{<c>\pi}{<b>}", False),
        of_pi("a name, whole", "tex", r"S = <s><c>\pi", True),
        of_pi("an unreduced factor", "tex", r"<s>\frac{<a>0\pi}{<b>0}"),
        Surface("six places or more, rounded", "any", _pi_decimal(True, 14, 6), exact=False),
        Surface("six places or more, cut off", "any", _pi_decimal(False, 14, 6), exact=False),
    ),
    FACTOR_MISTAKES,
    traps=(
        of_pi("no pi", "tex", r"<s>\frac{<a>}{<b>}", False),
        of_pi("no pi, whole", "any", "<s><a>", True),
        of_pi("pi below", "tex", r"<s>\frac{<a>}{<b>\pi}"),
        of_pi("pi squared", "tex", r"<s>\frac{<a>\pi^2}{<b>}"),
        of_pi("pi added", "tex", r"<s>\frac{<a>}{<b>} + \pi"),
        of_pi("e for pi", "tex", r"<s>\frac{<a>e}{<b>}"),
        of_pi("p for pi", "tex", "<s><a>p", True),
        of_pi("a root of pi", "tex", r"<s>\frac{<a>\sqrt{\pi}}{<b>}"),
        of_pi("degrees", "tex", r"<s>\frac{<a>\pi}{<b>}^\circ"),
        of_pi("a variable too", "tex", r"<s>\frac{<a>\pi x}{<b>}"),
        of_pi("22/7", "tex", r"<s>\frac{22 \cdot <a>}{7 \cdot <b>}"),
        of_pi("3.14", "tex", r"<s>\frac{3.14 \cdot <a>}{<b>}"),
        Surface("a short decimal", "any", _pi_decimal(True, 5, 1)),
        Surface("a short decimal, cut off", "any", _pi_decimal(False, 5, 1)),
    ),
    snares=SNARED,
    plain=(of_pi("a fraction", "tex", r"<s>\frac{<c>\pi}{<b>}", False), of_pi("a factor", "tex", r"<s><c>\pi", True)),
    traits=number_traits,
)


# --- roots ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Root:
    """`factor` times the square root of `radicand`, which no square divides."""

    factor: Fraction
    radicand: int

    def __str__(self) -> str:
        return rf"{self.factor}\sqrt{{{self.radicand}}}"


SQUARE_FREE = (2, 3, 5, 6, 7, 10, 11, 13, 14, 15)


def a_root(rng: Random) -> Root:
    factor = Fraction(rng.randint(1, 20), rng.choice((1, 1, 1, 2, 3, 4, 5)))
    return Root(-factor if rng.random() < 0.15 else factor, rng.choice(SQUARE_FREE))


def rooted(name: str, stands: Stands, text: str, whole: bool | None = None, least: int = 1) -> Surface[Root]:
    """<s> sign, <a> over <b> the factor, <c> is <a> without a 1, <n> the radicand, <aan> a²n, <an> a·n, <bn> b·n."""

    def write(value: Root, rng: Random) -> str | None:
        if (whole is not None and whole != (value.factor.denominator == 1)) or abs(value.factor.numerator) < least:
            return None
        a, b, n = abs(value.factor.numerator), value.factor.denominator, value.radicand
        return filled(text, **_parts(value.factor), n=n, aan=a * a * n, an=a * n, bn=b * n, aanb=a * a * n * b)

    return Surface(name, stands, write)


def _root_decimal(rounds: bool, least: int, most: int) -> Callable[[Root, Random], str]:
    def write(value: Root, rng: Random) -> str:
        digits = root(value.factor**2 * value.radicand, rng.randint(least, most), rounds)
        return ("-" if value.factor < 0 else "") + digits

    return write


def _root_mistake(name: str, change: Callable[[Root, Random], Root]) -> Mistake[Root]:
    def changed(value: Root, rng: Random) -> Root | None:
        other = change(value, rng)
        return None if other.factor == 0 or other == value or other == Root(2 * value.factor, value.radicand) else other

    return Mistake(name, changed)


ROOT: Family[Root] = Family(
    "square root",
    a_root,
    lambda value, rng: Latex(
        filled(
            r"<s><c>\sqrt{<n>}" if value.factor.denominator == 1 else r"<s>\frac{<c>\sqrt{<n>}}{<b>}",
            **_parts(value.factor),
            n=value.radicand,
        )
    ),
    (
        rooted("a root", "tex", r"<s><c>\sqrt{<n>}", True),
        rooted("a root set apart", "tex", r"<s><c> \sqrt{<n>}", True),
        rooted("a product", "tex", r"<s><a> \cdot \sqrt{<n>}", True),
        rooted("a product the other way round", "tex", r"<s>\sqrt{<n>} \cdot <a>", True),
        rooted("a sign of its own", "any", "<s><c>√<n>", True),
        rooted("all below the root", "tex", r"<s>\sqrt{<aan>}", True, 2),
        rooted("a root below", "tex", r"<s>\frac{<an>}{\sqrt{<n>}}", True),
        rooted("a power", "tex", r"<s><a> \cdot <n>^{1/2}", True),
        rooted("a unit", "tex", r"<s><c>\sqrt{<n>}\text{ cm}", True),
        rooted("parentheses for braces", "tex", r"<s><c>\sqrt(<n>)", True),
        rooted("a fraction", "tex", r"<s>\frac{<c>\sqrt{<n>}}{<b>}", False),
        rooted("a display fraction", "tex", r"<s>\dfrac{<c>\sqrt{<n>}}{<b>}", False),
        rooted("a fraction before", "tex", r"<s>\frac{<a>}{<b>}\sqrt{<n>}", False),
        rooted("a slash", "tex", r"<s><c>\sqrt{<n>}/<b>", False),
        rooted("a fraction with a root below", "tex", r"<s>\frac{<an>}{<b>\sqrt{<n>}}", False),
        rooted("a name", "tex", r"x = <s>\frac{<c>\sqrt{<n>}}{<b>}", False),
        rooted("a name, whole", "tex", r"AB = <s><c>\sqrt{<n>}", True),
        Surface("six places or more, rounded", "any", _root_decimal(True, 6, 14), exact=False),
        Surface("six places or more, cut off", "any", _root_decimal(False, 6, 14), exact=False),
    ),
    (
        _root_mistake("one more before", lambda value, rng: Root(value.factor + 1, value.radicand)),
        _root_mistake("another radicand", lambda value, rng: Root(value.factor, rng.choice(SQUARE_FREE))),
        _root_mistake("the other sign", lambda value, rng: Root(-value.factor, value.radicand)),
        _root_mistake("half", lambda value, rng: Root(value.factor / 2, value.radicand)),
        _root_mistake("three times", lambda value, rng: Root(value.factor * 3, value.radicand)),
        _root_mistake("the reciprocal of the factor", lambda value, rng: Root(1 / value.factor, value.radicand)),
        _root_mistake(
            "another denominator", lambda value, rng: Root(Fraction(value.factor.numerator, value.factor.denominator + 1), value.radicand)
        ),
        _root_mistake("some more", lambda value, rng: Root(value.factor + rng.randint(2, 9), value.radicand)),
    ),
    traps=(
        rooted("no root", "tex", r"<s>\frac{<an>}{<b>}"),
        rooted("the radicand alone", "any", "<n>"),
        rooted("the factor alone", "tex", r"<s>\frac{<a>}{<b>}", False),
        rooted("a cube root", "tex", r"<s>\frac{<a>\sqrt[3]{<n>}}{<b>}"),
        rooted("a sum", "tex", r"<s>\frac{<a>}{<b>} + \sqrt{<n>}"),
        rooted("a variable too", "tex", r"<s>\frac{<a>\sqrt{<n>}}{<b>}x"),
        rooted("a power", "tex", r"<s>\frac{<a> \cdot <n>^2}{<b>}"),
        rooted("two signs", "tex", r"\pm\frac{<a>\sqrt{<n>}}{<b>}"),
        rooted("a digit too many", "tex", r"<s>\frac{<a>\sqrt{<n><n>}}{<b>}"),
        rooted("pi for the root", "tex", r"<s>\frac{<a>\pi}{<b>}"),
        rooted("times i", "tex", r"<s>\frac{<a>\sqrt{<n>}}{<b>}i"),
        Surface("a short decimal", "any", _root_decimal(True, 1, 5)),
        Surface("a short decimal, cut off", "any", _root_decimal(False, 1, 5)),
    ),
    snares=SNARED,
    plain=(rooted("a root", "tex", r"<s><c>\sqrt{<n>}", True), rooted("a fraction", "tex", r"<s>\frac{<c>\sqrt{<n>}}{<b>}", False)),
    traits=lambda value: number_traits(value.factor),
)


# --- complex numbers --------------------------------------------------------------------------------------------------


def a_complex(rng: Random) -> tuple[int, int]:
    while True:
        a, b = rng.randint(-20, 20), rng.randint(-20, 20)
        if a and b and abs(a) != abs(b):
            return a, b


def complexly(name: str, stands: Stands, text: str, simple: bool | None = None) -> Surface[tuple[int, int]]:
    """<a> the real part, <b> the size of the imaginary one without a 1, <n> with it, <s> its sign, <o> the other sign, <m> its minus
    where it is negative; `simple`: only where the imaginary part's size is 1, or only where it is not."""

    def write(value: tuple[int, int], rng: Random) -> str | None:
        a, b = value
        if simple is not None and simple != (abs(b) == 1):
            return None
        size = "" if abs(b) == 1 else str(abs(b))
        signs = {"s": "-" if b < 0 else "+", "o": "+" if b < 0 else "-", "m": "-" if b < 0 else "", "as": "-" if a < 0 else "+"}
        return filled(text, a=a, aa=abs(a), b=size, n=abs(b), full=b, sum=a + b, **signs)

    return Surface(name, stands, write)


def _complex_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def changed(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        other = change(*value, rng)
        return None if other == value or 0 in other else other

    return Mistake(name, changed)


COMPLEX: Family[tuple[int, int]] = Family(
    "complex number",
    a_complex,
    lambda value, rng: Latex(str(complexly("", "tex", "<a><s><b>i").write(value, rng))),
    (
        complexly("a sum", "any", "<a><s><b>i"),
        complexly("a sum set apart", "any", "<a> <s> <b>i"),
        complexly("the other way round", "any", "<m><b>i <as> <aa>"),
        complexly("a gap before i", "tex", r"<a> <s> <b>\,i"),
        complexly("i set apart", "tex", "<a> <s> <b> i"),
        complexly("a product", "tex", r"<a> <s> <n> \cdot i"),
        complexly("j", "any", "<a><s><n>j"),
        complexly("i in \\mathrm", "tex", r"<a><s><b>\mathrm{i}"),
        complexly("a name", "tex", "z = <a> <s> <b>i"),
        complexly("parentheses", "sealed", "(<a> <s> <b>i)"),
        complexly("two signs", "tex", "<a> + <full>i", False),
        complexly("a number in parentheses", "tex", "<a> + (<full>)i", False),
        complexly("braces", "tex", "{<a>}<s>{<n>}i"),
        complexly("\\left and \\right", "tex", r"\left(<a> <s> <b>i\right)"),
    ),
    (
        _complex_mistake("the conjugate", lambda a, b, rng: (a, -b)),
        _complex_mistake("the other sign", lambda a, b, rng: (-a, -b)),
        _complex_mistake("parts swapped", lambda a, b, rng: (b, a)),
        _complex_mistake("the real part off", lambda a, b, rng: (a + rng.choice((1, -1, 10)), b)),
        _complex_mistake("the imaginary part off", lambda a, b, rng: (a, b + rng.choice((1, -1, 10)))),
        _complex_mistake("times i", lambda a, b, rng: (-b, a)),
        _complex_mistake("twice", lambda a, b, rng: (2 * a, 2 * b)),
        _complex_mistake("the real part's sign", lambda a, b, rng: (-a, b)),
    ),
    traps=(
        complexly("the real part alone", "any", "<a>"),
        complexly("the imaginary part alone", "any", "<m><b>i"),
        complexly("no i", "any", "<a> <s> <n>"),
        complexly("the sum alone", "any", "<sum>"),
        complexly("a pair", "tex", "(<a>, <full>)"),
        complexly("a list", "any", "<a>, <full>i"),
        complexly("i squared", "tex", "<a> <s> <b>i^2"),
        complexly("x for i", "tex", "<a> <s> <b>x"),
        complexly("both signs", "tex", r"<a> \pm <b>i"),
        complexly("the size", "tex", "|<a> <s> <b>i|"),
        complexly("the conjugate's bar", "tex", r"\overline{<a> <s> <b>i}"),
        complexly("a root", "tex", r"\sqrt{<a> <s> <b>i}"),
        complexly("a square", "tex", "(<a> <s> <b>i)^2"),
        complexly("a bound", "tex", "z > <a> <s> <b>i"),
        complexly("something added", "tex", "<a> <s> <b>i + C"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)


# --- polynomials ------------------------------------------------------------------------------------------------------

Coefficients = tuple[int, ...]  # of 1, x, x^2 and so on; the last one is not 0


def a_polynomial(rng: Random) -> Coefficients:
    degree = rng.choice((1, 2, 2, 2, 3))
    lower = [rng.randint(-9, 9) for _ in range(degree)]
    if not any(lower):
        lower[0] = 1
    return (*lower, rng.choice((1, 1, 1, 2, 3, -1, -2)))


def terms(value: Coefficients, x: str = "x", power: str = "<x>^<e>") -> list[tuple[str, str]]:
    """Sign and size of each term that is not 0, the highest power first."""
    written = []
    for e in range(len(value) - 1, -1, -1):
        size = abs(value[e])
        if size:
            letters = "" if e == 0 else x if e == 1 else filled(power, x=x, e=e)
            written.append(("-" if value[e] < 0 else "+", ("" if size == 1 and e else str(size)) + letters))
    return written


def summed(parts: list[tuple[str, str]], gap: str = " ", doubled: bool = False) -> str:
    """The terms in a row; `doubled`: a plus before each sign."""
    first, rest = parts[0], parts[1:]
    text = ("-" if first[0] == "-" else "") + first[1]
    for sign, size in rest:
        text += f"{gap}+{gap}{'-' if sign == '-' else ''}{size}" if doubled else f"{gap}{sign}{gap}{size}"
    return text


def polynomial(name: str, stands: Stands, text: str, x: str = "x", power: str = "<x>^<e>", gap: str = " ") -> Surface[Coefficients]:
    return Surface(name, stands, lambda value, rng: filled(text, p=summed(terms(value, x, power), gap)))


def _turned(value: Coefficients, rng: Random) -> str | None:
    parts = terms(value)
    turned = parts[::-1]
    return summed(turned) if turned != parts else None


def _horner(value: Coefficients, rng: Random) -> str | None:
    """x(ax + b) + c."""
    if len(value) != 3 or not value[0] or not value[1]:
        return None
    c, b, a = value
    lead = "" if a == 1 else "-" if a == -1 else str(a)
    return f"x({lead}x {'-' if b < 0 else '+'} {abs(b)}) {'-' if c < 0 else '+'} {abs(c)}"


def _doubled_signs(value: Coefficients, rng: Random) -> str | None:
    parts = terms(value)
    return summed(parts, doubled=True) if any(sign == "-" for sign, _ in parts[1:]) else None


def _squared(value: Coefficients, rng: Random) -> str | None:
    """(x + h)^2 + k for a monic polynomial of degree two with an even middle."""
    if len(value) != 3 or value[2] != 1 or value[1] % 2 or not value[1]:
        return None
    h = value[1] // 2
    k = value[0] - h * h
    rest = "" if not k else f" {'-' if k < 0 else '+'} {abs(k)}"
    return f"(x {'-' if h < 0 else '+'} {abs(h)})^2{rest}"


def _factored(value: Coefficients, rng: Random) -> str | None:
    """Two factors, where whole roots exist."""
    if len(value) != 3 or value[2] != 1:
        return None
    size = value[1] ** 2 - 4 * value[0]
    if size < 0 or isqrt(size) ** 2 != size:
        return None
    roots = [(-value[1] + isqrt(size)) // 2, (-value[1] - isqrt(size)) // 2]
    return "".join("x" if not r else f"(x {'-' if r > 0 else '+'} {abs(r)})" for r in roots) if 0 not in roots else None


def _fraction_of_itself(value: Coefficients, rng: Random) -> str:
    double = tuple(2 * each for each in value)
    return rf"\frac{{{summed(terms(double))}}}{{2}}"


def _polynomial_mistake(name: str, change: Callable[[list[int], Random], list[int]]) -> Mistake[Coefficients]:
    def changed(value: Coefficients, rng: Random) -> Coefficients | None:
        other = change(list(value), rng)
        while other and not other[-1]:
            other.pop()
        return None if len(other) < 2 or tuple(other) == value or not any(other[:-1]) else tuple(other)

    return Mistake(name, changed)


def _one_off(value: list[int], rng: Random) -> list[int]:
    value[rng.randrange(len(value))] += rng.choice((1, -1, 2, 5))
    return value


def _one_sign(value: list[int], rng: Random) -> list[int]:
    i = rng.randrange(len(value))
    value[i] = -value[i]
    return value


def _one_less_term(value: list[int], rng: Random) -> list[int]:
    value[rng.randrange(len(value) - 1)] = 0
    return value


def _two_swapped(value: list[int], rng: Random) -> list[int]:
    i = rng.randrange(len(value) - 1)
    value[i], value[i + 1] = value[i + 1], value[i]
    return value


POLYNOMIAL: Family[Coefficients] = Family(
    "polynomial",
    a_polynomial,
    lambda value, rng: Latex(summed(terms(value), gap=rng.choice(("", " ")))),
    (
        polynomial("terms", "tex", "<p>"),
        polynomial("terms, close", "tex", "<p>", gap=""),
        polynomial("braced powers", "tex", "<p>", power="<x>^{<e>}"),
        polynomial("doubly braced powers", "tex", "<p>", power="{{<x>}^{<e>}}"),
        polynomial("stars for powers", "sealed", "<p>", power="<x>**<e>"),
        polynomial("parentheses", "sealed", "(<p>)"),
        polynomial("a function", "tex", "f(x) = <p>"),
        polynomial("a polynomial's name", "tex", "P(x) = <p>"),
        polynomial("\\left and \\right", "tex", r"\left(<p>\right)"),
        polynomial("zero added", "tex", "<p> + 0"),
        Surface("the other way round", "tex", _turned),
        Surface("nested", "tex", _horner),
        Surface("two signs in a row", "tex", _doubled_signs),
        Surface("a square", "tex", _squared),
        Surface("factors", "tex", _factored),
        Surface("a fraction of itself", "tex", _fraction_of_itself),
    ),
    (
        _polynomial_mistake("one coefficient off", _one_off),
        _polynomial_mistake("one sign", _one_sign),
        _polynomial_mistake("a term missing", _one_less_term),
        _polynomial_mistake("two coefficients swapped", _two_swapped),
        _polynomial_mistake("one power more", lambda value, rng: [0, *value]),
        _polynomial_mistake("all signs", lambda value, rng: [-each for each in value]),
        _polynomial_mistake("twice", lambda value, rng: [2 * each for each in value]),
        _polynomial_mistake("its derivative", lambda value, rng: [e * each for e, each in enumerate(value)][1:]),
    ),
    traps=(
        polynomial("another variable", "tex", "<p>", x="y"),
        polynomial("a capital variable", "tex", "<p>", x="X"),
        polynomial("a bound", "tex", "<p> > 0"),
        polynomial("another bound", "tex", r"<p> \ge 1"),
        polynomial("a constant too", "tex", "<p> + C"),
        polynomial("one more variable", "tex", "<p> + y"),
        polynomial("an end left open", "tex", r"<p> + \ldots"),
        polynomial("a square of it", "tex", "(<p>)^2"),
        polynomial("a root of it", "tex", r"\sqrt{<p>}"),
        polynomial("a fraction below it", "tex", r"\frac{1}{<p>}"),
        polynomial("its size", "tex", "|<p>| + 1"),
        polynomial("a function of it", "tex", "g(<p>)"),
        polynomial("a false equation", "tex", "<p> = <p> + 1"),
        polynomial("not", "tex", r"\neq <p>"),
        polynomial("a product with x", "tex", "x(<p>)"),
        polynomial("two signs", "tex", r"\pm(<p>)"),
        polynomial("an integral", "tex", r"\int (<p>)\, dx"),
        polynomial("a derivative", "tex", r"\frac{d}{dx}(<p>)"),
        polynomial("a value of x", "tex", "f(1) = <p> + 1"),
        polynomial("plus or minus", "tex", r"<p> \pm 1"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)


# --- large numbers with a short name ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """A whole number and the ways to write it without its digits."""

    number: int
    names: tuple[str, ...]


def _a_power(rng: Random) -> Named:
    base, exponent = rng.randint(2, 9), rng.randint(4, 12)
    number = base**exponent
    return Named(
        number, (rf"{base}^{{{exponent}}}", rf"{base} \cdot {base}^{{{exponent - 1}}}", rf"\frac{{{base}^{{{exponent + 1}}}}}{{{base}}}")
    )


def _a_factorial(rng: Random) -> Named:
    n = rng.randint(5, 12)
    return Named(factorial(n), (f"{n}!", rf"{n} \cdot {n - 1}!", rf"\frac{{{n + 1}!}}{{{n + 1}}}"))


def _a_binomial(rng: Random) -> Named:
    n = rng.randint(8, 16)
    k = rng.randint(2, n // 2 - 1)
    names = (
        rf"\binom{{{n}}}{{{k}}}",
        rf"\binom{{{n}}}{{{n - k}}}",
        rf"\dbinom{{{n}}}{{{k}}}",
        rf"C_{{{n}}}^{{{k}}}",
        rf"{{C}}_{{{n}}}^{{{k}}}",
    )
    return Named(comb(n, k), (*names, rf"\frac{{{n}!}}{{{k}! \, {n - k}!}}", rf"\mathrm{{C}}_{{{n}}}^{{{k}}}"))


def a_named(rng: Random) -> Named:
    return rng.choice((_a_power, _a_factorial, _a_binomial))(rng)


def by_name(name: str, stands: Stands, text: str) -> Surface[Named]:
    """<w> one of its names, <n> its digits, <c> with commas."""

    def write(value: Named, rng: Random) -> str | None:
        if "<w>" in text and not value.names:
            return None
        return filled(
            text,
            w=rng.choice(value.names) if value.names else "",
            n=value.number,
            c=grouped(value.number, ","),
            b=grouped(value.number, "{,}"),
        )

    return Surface(name, stands, write)


def _other_number(name: str, change: Callable[[int, Random], int]) -> Mistake[Named]:
    def changed(value: Named, rng: Random) -> Named | None:
        other = change(value.number, rng)
        return None if other in (0, 1, -1, value.number, 2 * value.number) else Named(other, ())

    return Mistake(name, changed)


def _other_name(value: Named, rng: Random) -> Named | None:
    other = a_named(rng)
    return None if other.number in (value.number, 2 * value.number) else other


NAMED: Family[Named] = Family(
    "power or factorial",
    a_named,
    lambda value, rng: Latex(rng.choice((value.names[0], str(value.number)))),
    (
        by_name("a name", "tex", "<w>"),
        by_name("digits", "any", "<n>"),
        by_name("commas", "any", "<c>"),
        by_name("braced commas", "tex", "<b>"),
        by_name("a true equation", "tex", "<w> = <n>"),
        by_name("a letter's equation", "tex", "N = <w>"),
        by_name("a letter's equation to its end", "tex", "N = <w> = <n>"),
        by_name("one decimal place", "any", "<n>.0"),
        by_name("ways", "text", "<n> ways"),
    ),
    (
        _other_number("one more", lambda n, rng: n + 1),
        _other_number("one less", lambda n, rng: n - 1),
        _other_number("ten times", lambda n, rng: n * 10),
        _other_number("half", lambda n, rng: n // 2),
        _other_number("some more", lambda n, rng: n + rng.randint(2, 10**4)),
        _other_number("the other sign", lambda n, rng: -n),
        _other_number("a digit off", lambda n, rng: n + rng.randint(1, 9) * 10 ** rng.randrange(len(str(n)))),
        Mistake("another power", _other_name),
    ),
    traps=(
        by_name("a factor too many", "tex", r"2 \cdot <w>"),
        by_name("one too many", "tex", "<w> + 1"),
        by_name("its square", "tex", r"\left(<w>\right)^2"),
        by_name("a false equation", "tex", "<w> = <n>1"),
        by_name("another false equation", "tex", "<n>0 = <w>"),
        by_name("its reciprocal", "tex", r"\frac{1}{<w>}"),
        by_name("a factorial of it", "sealed", r"\left(<n>\right)!"),
        by_name("a power of it", "tex", "{<n>}^{<n>}"),
        by_name("less one part in a million", "tex", r"<n> \cdot (1 - 10^{-9})"),
    ),
    snares=SNARED,
    plain=(by_name("a name", "tex", "<w>"), by_name("digits", "any", "<n>")),
    traits=lambda value: frozenset({"number", "one", "positive", "whole share"}),
)


# --- lines ------------------------------------------------------------------------------------------------------------


def a_line(rng: Random) -> tuple[int, int]:
    """Slope and intercept, neither 0."""
    return rng.choice((-1, 1)) * rng.randint(1, 9), rng.choice((-1, 1)) * rng.randint(1, 12)


def line(name: str, text: str, unless: int = 0) -> Surface[tuple[int, int]]:
    """<mx> slope times x, <b> the intercept with its sign, <nb> with the other one, <pmx> minus slope times x; not of the slope `unless`."""

    def write(value: tuple[int, int], rng: Random) -> str | None:
        m, b = value
        if m == unless:
            return None
        size = "" if abs(m) == 1 else str(abs(m))
        signs = {"mx": f"{'-' if m < 0 else ''}{size}x", "pmx": f"{'+' if m < 0 else '-'} {size}x"}
        return filled(text, **signs, b=f"{'-' if b < 0 else '+'} {abs(b)}", nb=f"{'+' if b < 0 else '-'} {abs(b)}", i=b, m=m)

    return Surface(name, "tex", write)


def _line_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def changed(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        other = change(*value, rng)
        return None if other == value or 0 in other else other

    return Mistake(name, changed)


LINE: Family[tuple[int, int]] = Family(
    "line",
    a_line,
    lambda value, rng: Latex(str(line("", "y = <mx> <b>").write(value, rng))),
    (
        line("solved for y", "y = <mx> <b>"),
        line("close", "y=<mx><b>"),
        line("the intercept first", "y = <i> + <m>x"),
        line("zero on the right", "<mx> - y <b> = 0"),
        line("zero on the left", "0 = <mx> <b> - y"),
        line("y last", "<mx> <b> = y"),
        line("the intercept alone", "y <pmx> = <i>"),
        line("twice", "2y = 2(<mx> <b>)"),
        line("y less the intercept", "y <nb> = <mx>"),
        line("braces", "{y} = {<mx>} <b>"),
    ),
    (
        _line_mistake("the slope off", lambda m, b, rng: (m + rng.choice((1, -1)), b)),
        _line_mistake("the intercept off", lambda m, b, rng: (m, b + rng.choice((1, -1, 2)))),
        _line_mistake("the slope's sign", lambda m, b, rng: (-m, b)),
        _line_mistake("the intercept's sign", lambda m, b, rng: (m, -b)),
        _line_mistake("both swapped", lambda m, b, rng: (b, m)),
        _line_mistake("all signs", lambda m, b, rng: (-m, -b)),
    ),
    traps=(
        line("another pair of letters", "v = <m>u <b>"),
        line("letters swapped", "x = <m>y <b>", -1),
        line("a bound", "y > <mx> <b>"),
        line("another bound", r"y \le <mx> <b>"),
        line("not", r"y \neq <mx> <b>"),
        line("a square", "y = (<mx> <b>)^2"),
        line("y squared", "y^2 = <mx> <b>"),
        line("no intercept", "y = <mx>"),
        line("the slope alone", "<m>"),
        line("the intercept's value", "<i>"),
        line("two lines", r"y = <mx> <b> \text{ or } y = <mx>"),
        line("another line as well", "y = <mx> <b>, y = x^2"),
        line("a constant", "y = <mx> <b> + C"),
    ),
    snares=SNARES,
    traits=lambda value: ONE,
)

FORMULAS = (MULTIPLE, ROOT, COMPLEX, POLYNOMIAL, NAMED, LINE)
