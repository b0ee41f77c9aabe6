"""Golds with letters: complex numbers, polynomials, lines."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from random import Random

from aha.specimens.family import SINGLE, Family, Mistake, Stands, Surface
from aha.specimens.numbers import fill
from aha.specimens.snares import SNARES
from aha.types import Latex

# --- complex numbers --------------------------------------------------------------------------------------------------


def a_complex(rng: Random) -> tuple[int, int]:
    """Draw a real and an imaginary part, neither 0, of different sizes."""
    while True:
        a, b = rng.randint(-20, 20), rng.randint(-20, 20)
        if a and b and abs(a) != abs(b):
            return a, b


def complex_form(name: str, stands: Stands, text: str, simple: bool | None = None) -> Surface[tuple[int, int]]:
    """A surface of complex numbers: <a> the real part, <b> the size of the imaginary part without a 1, <n> with it, <s> its sign, <o> the
    other sign, <m> a minus if it is negative; `simple`: only if the imaginary part's size is 1, or only if it is not."""

    def write(value: tuple[int, int], rng: Random) -> str | None:
        a, b = value
        if simple is not None and simple != (abs(b) == 1):
            return None
        size = "" if abs(b) == 1 else str(abs(b))
        signs = {"s": "-" if b < 0 else "+", "o": "+" if b < 0 else "-", "m": "-" if b < 0 else "", "as": "-" if a < 0 else "+"}
        return fill(text, a=a, aa=abs(a), b=size, n=abs(b), full=b, sum=a + b, **signs)

    return Surface(name, stands, write)


def _pair_mistake(name: str, change: Callable[[int, int, Random], tuple[int, int]]) -> Mistake[tuple[int, int]]:
    def apply(value: tuple[int, int], rng: Random) -> tuple[int, int] | None:
        rival = change(*value, rng)
        return None if rival == value or 0 in rival else rival

    return Mistake(name, apply)


COMPLEX: Family[tuple[int, int]] = Family(
    "complex number",
    a_complex,
    lambda value, rng: Latex(str(complex_form("", "tex", "<a><s><b>i").write(value, rng))),
    (
        complex_form("a sum", "any", "<a><s><b>i"),
        complex_form("a sum set apart", "any", "<a> <s> <b>i"),
        complex_form("the other way round", "any", "<m><b>i <as> <aa>"),
        complex_form("a gap before i", "tex", r"<a> <s> <b>\,i"),
        complex_form("i set apart", "tex", "<a> <s> <b> i"),
        complex_form("a product", "tex", r"<a> <s> <n> \cdot i"),
        complex_form("j", "any", "<a><s><n>j"),
        complex_form("i in \\mathrm", "tex", r"<a><s><b>\mathrm{i}"),
        complex_form("a name", "tex", "z = <a> <s> <b>i"),
        complex_form("parentheses", "sealed", "(<a> <s> <b>i)"),
        complex_form("two signs", "tex", "<a> + <full>i", False),
        complex_form("a number in parentheses", "tex", "<a> + (<full>)i", False),
        complex_form("braces", "tex", "{<a>}<s>{<n>}i"),
        complex_form("\\left and \\right", "tex", r"\left(<a> <s> <b>i\right)"),
    ),
    (
        _pair_mistake("the conjugate", lambda a, b, rng: (a, -b)),
        _pair_mistake("the other sign", lambda a, b, rng: (-a, -b)),
        _pair_mistake("parts swapped", lambda a, b, rng: (b, a)),
        _pair_mistake("the real part off", lambda a, b, rng: (a + rng.choice((1, -1, 10)), b)),
        _pair_mistake("the imaginary part off", lambda a, b, rng: (a, b + rng.choice((1, -1, 10)))),
        _pair_mistake("times i", lambda a, b, rng: (-b, a)),
        _pair_mistake("twice", lambda a, b, rng: (2 * a, 2 * b)),
        _pair_mistake("the real part's sign", lambda a, b, rng: (-a, b)),
    ),
    traps=(
        complex_form("the real part alone", "any", "<a>"),
        complex_form("the imaginary part alone", "any", "<m><b>i"),
        complex_form("no i", "any", "<a> <s> <n>"),
        complex_form("the sum alone", "any", "<sum>"),
        complex_form("a pair", "tex", "(<a>, <full>)"),
        complex_form("a list", "any", "<a>, <full>i"),
        complex_form("i squared", "tex", "<a> <s> <b>i^2"),
        complex_form("x for i", "tex", "<a> <s> <b>x"),
        complex_form("both signs", "tex", r"<a> \pm <b>i"),
        complex_form("the size", "tex", "|<a> <s> <b>i|"),
        complex_form("the conjugate's bar", "tex", r"\overline{<a> <s> <b>i}"),
        complex_form("a root", "tex", r"\sqrt{<a> <s> <b>i}"),
        complex_form("a square", "tex", "(<a> <s> <b>i)^2"),
        complex_form("a bound", "tex", "z > <a> <s> <b>i"),
        complex_form("something added", "tex", "<a> <s> <b>i + C"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- polynomials ------------------------------------------------------------------------------------------------------

Coefficients = tuple[int, ...]  # of 1, x, x^2 and so on; the last one is not 0


def a_polynomial(rng: Random) -> Coefficients:
    """Draw coefficients of degree 1 to 3, at least two of them not 0."""
    degree = rng.choice((1, 2, 2, 2, 3))
    lower = [rng.randint(-9, 9) for _ in range(degree)]
    if not any(lower):
        lower[0] = 1
    return (*lower, rng.choice((1, 1, 1, 2, 3, -1, -2)))


def terms(value: Coefficients, x: str = "x", power: str = "<x>^<e>") -> list[tuple[str, str]]:
    """Return the sign and size of each nonzero term, the highest power first."""
    row = []
    for e in range(len(value) - 1, -1, -1):
        size = abs(value[e])
        if size:
            letters = "" if e == 0 else x if e == 1 else fill(power, x=x, e=e)
            row.append(("-" if value[e] < 0 else "+", ("" if size == 1 and e else str(size)) + letters))
    return row


def sum_of(parts: list[tuple[str, str]], gap: str = " ", double_signs: bool = False) -> str:
    """Return the terms in a row; `double_signs`: with a plus before each sign."""
    first, tail = parts[0], parts[1:]
    text = ("-" if first[0] == "-" else "") + first[1]
    for sign, size in tail:
        text += f"{gap}+{gap}{'-' if sign == '-' else ''}{size}" if double_signs else f"{gap}{sign}{gap}{size}"
    return text


def polynomial(name: str, stands: Stands, text: str, x: str = "x", power: str = "<x>^<e>", gap: str = " ") -> Surface[Coefficients]:
    """A surface of polynomials: <p> the terms, in the letter `x` and with powers as `power` writes them."""
    return Surface(name, stands, lambda value, rng: fill(text, p=sum_of(terms(value, x, power), gap)))


def _reverse(value: Coefficients, rng: Random) -> str | None:
    parts = terms(value)
    reverse = parts[::-1]
    return sum_of(reverse) if reverse != parts else None


def _horner(value: Coefficients, rng: Random) -> str | None:
    """Write the polynomial as x(ax + b) + c."""
    if len(value) != 3 or not value[0] or not value[1]:
        return None
    c, b, a = value
    lead = "" if a == 1 else "-" if a == -1 else str(a)
    return f"x({lead}x {'-' if b < 0 else '+'} {abs(b)}) {'-' if c < 0 else '+'} {abs(c)}"


def _doubled_signs(value: Coefficients, rng: Random) -> str | None:
    parts = terms(value)
    return sum_of(parts, double_signs=True) if any(sign == "-" for sign, _ in parts[1:]) else None


def _square(value: Coefficients, rng: Random) -> str | None:
    """Write a monic polynomial of degree two with an even middle coefficient as (x + h)^2 + k."""
    if len(value) != 3 or value[2] != 1 or value[1] % 2 or not value[1]:
        return None
    h = value[1] // 2
    k = value[0] - h * h
    tail = "" if not k else f" {'-' if k < 0 else '+'} {abs(k)}"
    return f"(x {'-' if h < 0 else '+'} {abs(h)})^2{tail}"


def _factors(value: Coefficients, rng: Random) -> str | None:
    """Write the polynomial as two factors, if it has integer roots other than 0."""
    if len(value) != 3 or value[2] != 1:
        return None
    size = value[1] ** 2 - 4 * value[0]
    if size < 0 or isqrt(size) ** 2 != size:
        return None
    roots = [(-value[1] + isqrt(size)) // 2, (-value[1] - isqrt(size)) // 2]
    return "".join("x" if not r else f"(x {'-' if r > 0 else '+'} {abs(r)})" for r in roots) if 0 not in roots else None


def _fraction_over_equal(value: Coefficients, rng: Random) -> str:
    double = tuple(2 * coefficient for coefficient in value)
    return rf"\frac{{{sum_of(terms(double))}}}{{2}}"


def _polynomial_mistake(name: str, change: Callable[[list[int], Random], list[int]]) -> Mistake[Coefficients]:
    def apply(value: Coefficients, rng: Random) -> Coefficients | None:
        rival = change(list(value), rng)
        while rival and not rival[-1]:
            rival.pop()
        return None if len(rival) < 2 or tuple(rival) == value or not any(rival[:-1]) else tuple(rival)

    return Mistake(name, apply)


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


def _swap_two(value: list[int], rng: Random) -> list[int]:
    i = rng.randrange(len(value) - 1)
    value[i], value[i + 1] = value[i + 1], value[i]
    return value


POLYNOMIAL: Family[Coefficients] = Family(
    "polynomial",
    a_polynomial,
    lambda value, rng: Latex(sum_of(terms(value), gap=rng.choice(("", " ")))),
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
        Surface("the other way round", "tex", _reverse),
        Surface("nested", "tex", _horner),
        Surface("two signs in a row", "tex", _doubled_signs),
        Surface("a square", "tex", _square),
        Surface("factors", "tex", _factors),
        Surface("a fraction of itself", "tex", _fraction_over_equal),
    ),
    (
        _polynomial_mistake("one coefficient off", _one_off),
        _polynomial_mistake("one sign", _one_sign),
        _polynomial_mistake("a term missing", _one_less_term),
        _polynomial_mistake("two coefficients swapped", _swap_two),
        _polynomial_mistake("one power more", lambda value, rng: [0, *value]),
        _polynomial_mistake("all signs", lambda value, rng: [-coefficient for coefficient in value]),
        _polynomial_mistake("twice", lambda value, rng: [2 * coefficient for coefficient in value]),
        _polynomial_mistake("its derivative", lambda value, rng: [e * coefficient for e, coefficient in enumerate(value)][1:]),
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
    traits=lambda value: SINGLE,
)


# --- lines ------------------------------------------------------------------------------------------------------------


def a_line(rng: Random) -> tuple[int, int]:
    """Draw a slope and an intercept, neither 0."""
    return rng.choice((-1, 1)) * rng.randint(1, 9), rng.choice((-1, 1)) * rng.randint(1, 12)


def line(name: str, text: str, unless: int = 0) -> Surface[tuple[int, int]]:
    """A surface of lines: <mx> slope times x, <b> the intercept with its sign, <nb> with the other sign, <pmx> minus slope times x; not for
    the slope `unless`."""

    def write(value: tuple[int, int], rng: Random) -> str | None:
        m, b = value
        if m == unless:
            return None
        size = "" if abs(m) == 1 else str(abs(m))
        signs = {"mx": f"{'-' if m < 0 else ''}{size}x", "pmx": f"{'+' if m < 0 else '-'} {size}x"}
        return fill(text, **signs, b=f"{'-' if b < 0 else '+'} {abs(b)}", nb=f"{'+' if b < 0 else '-'} {abs(b)}", i=b, m=m)

    return Surface(name, "tex", write)


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
        _pair_mistake("the slope off", lambda m, b, rng: (m + rng.choice((1, -1)), b)),
        _pair_mistake("the intercept off", lambda m, b, rng: (m, b + rng.choice((1, -1, 2)))),
        _pair_mistake("the slope's sign", lambda m, b, rng: (-m, b)),
        _pair_mistake("the intercept's sign", lambda m, b, rng: (m, -b)),
        _pair_mistake("both swapped", lambda m, b, rng: (b, m)),
        _pair_mistake("all signs", lambda m, b, rng: (-m, -b)),
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
    traits=lambda value: SINGLE,
)

ALGEBRA = (COMPLEX, POLYNOMIAL, LINE)
