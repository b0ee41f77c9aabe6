"""The mistakes that people and models make with a single number, and texts that only look like the number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

from aha.specimens.family import Mistake, Surface
from aha.specimens.numbers import Exact, cut, decimal, places, round_to, whole

LOOK_ALIKE = {"0": "O", "1": "l", "3": "З", "5": "Ƽ", "6": "б", "8": "Ȣ"}


# --- mistakes ---------------------------------------------------------------------------------------------------------


def number_mistake(name: str, change: Callable[[Fraction, Random], Fraction | None], tiny: bool = False) -> Mistake[Fraction]:
    """A mistake that never gives 0, 1, -1, the value itself or twice it, so that no template that joins both values is true."""

    def apply(value: Fraction, rng: Random) -> Fraction | None:
        rival = change(value, rng)
        return None if rival is None or rival in (0, 1, -1, value, 2 * value) or abs(rival) > 10**30 else rival

    return Mistake(name, apply, tiny)


def _of_digits(change: Callable[[str, Random], str]) -> Callable[[Fraction, Random], Fraction | None]:
    """Return a change of a number by a change of its decimal digits."""

    def apply(value: Fraction, rng: Random) -> Fraction | None:
        digits = decimal(abs(value))
        if digits is None or len(digits) > 30:
            return None
        rival = change(digits, rng)
        return Fraction(rival) * (-1 if value < 0 else 1) if rival.strip(".") else None

    return apply


def _swap(digits: str, rng: Random) -> str:
    pairs = [i for i in range(len(digits) - 1) if "." not in digits[i : i + 2] and digits[i] != digits[i + 1]]
    if not pairs:
        return digits
    i = rng.choice(pairs)
    return digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :]


def _another_digit(digits: str, rng: Random) -> str:
    i = rng.choice([i for i, digit in enumerate(digits) if digit != "."])
    return digits[:i] + str((int(digits[i]) + rng.randint(1, 9)) % 10) + digits[i + 1 :]


def _without_a_digit(digits: str, rng: Random) -> str:
    i = rng.choice([i for i, digit in enumerate(digits) if digit != "."])
    return digits[:i] + digits[i + 1 :]


def _with_a_digit(digits: str, rng: Random) -> str:
    i = rng.randint(0, len(digits))
    return digits[:i] + str(rng.randint(1, 9)) + digits[i:]


def _round(value: Fraction, rng: Random) -> Fraction:
    return Fraction(round_to(value, rng.randint(0, 3)))


DIGIT_MISTAKES: tuple[Mistake[Fraction], ...] = (
    number_mistake("two digits swapped", _of_digits(_swap)),
    number_mistake("another digit", _of_digits(_another_digit)),
    number_mistake("a digit missing", _of_digits(_without_a_digit)),
    number_mistake("a digit too many", _of_digits(_with_a_digit)),
)
VALUE_MISTAKES: tuple[Mistake[Fraction], ...] = (
    number_mistake("one more", lambda value, rng: value + 1),
    number_mistake("one less", lambda value, rng: value - 1),
    number_mistake("the other sign", lambda value, rng: -value),
    number_mistake("ten times", lambda value, rng: value * 10),
    number_mistake("a tenth", lambda value, rng: value / 10),
    number_mistake("half", lambda value, rng: value / 2),
    number_mistake("three times", lambda value, rng: value * 3),
    number_mistake("the square", lambda value, rng: value * value),
    number_mistake("some more", lambda value, rng: value + rng.randint(2, 90)),
    number_mistake("another numerator", lambda value, rng: value + Fraction(rng.choice((1, -1, 2)), value.denominator)),
    number_mistake("another denominator", lambda value, rng: Fraction(value.numerator, value.denominator + rng.randint(1, 3))),
)
TINY_MISTAKES: tuple[Mistake[Fraction], ...] = (
    number_mistake("a tiny bit more", lambda value, rng: value + Fraction(1, 10 ** rng.randint(7, 17)), tiny=True),
    number_mistake("a tiny bit less", lambda value, rng: value - Fraction(1, 10 ** rng.randint(7, 17)), tiny=True),
)
NUMBER_MISTAKES = (*VALUE_MISTAKES, *DIGIT_MISTAKES, *TINY_MISTAKES)
RECIPROCAL = (number_mistake("the reciprocal", lambda value, rng: 1 / value if value and value.denominator < 1000 else None),)
ROUND = (number_mistake("rounded", _round),)
HUNDREDFOLD: tuple[Mistake[Fraction], ...] = (
    number_mistake("a hundred times", lambda value, rng: value * 100),
    number_mistake("a hundredth", lambda value, rng: value / 100),
)


# --- traps ------------------------------------------------------------------------------------------------------------


def _longer(value: Fraction, rng: Random) -> str | None:
    n = whole(value)
    return None if n is None or n <= 0 else rng.choice((f"{rng.randint(1, 9)}{n}", f"{n}{rng.randint(0, 9)}", f"{n}{n}"))


def _split(value: Fraction, rng: Random) -> str | None:
    digits = str(whole(value) or "")
    if len(digits) not in (2, 3) or digits.startswith("-"):
        return None
    i = rng.randint(1, len(digits) - 1)
    return f"{digits[:i]} {digits[i:]}"


def _bad_groups(value: Fraction, rng: Random) -> str | None:
    digits = str(whole(value) or "")
    return f"{digits[:-2]},{digits[-2:]}" if len(digits) >= 3 and not digits.startswith("-") else None


def _look_alike(value: Fraction, rng: Random) -> str | None:
    digits = str(whole(value) or "")
    spots = [i for i, digit in enumerate(digits) if digit in LOOK_ALIKE]
    if not spots or digits.startswith("-"):
        return None
    i = rng.choice(spots)
    return digits[:i] + LOOK_ALIKE[digits[i]] + digits[i + 1 :]


def _superscripts(value: Fraction, rng: Random) -> str | None:
    digits = str(whole(value) or "")
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in digits) if digits.isdigit() else None


def _neighbours(value: Fraction, rng: Random) -> str | None:
    n = whole(value)
    if n is None:
        return None
    start = n - rng.randint(0, 4)
    return rng.choice((", ", "; ", " or ", " and ", "\n", " / ")).join(str(start + i) for i in range(5))


def _count_up(value: Fraction, rng: Random) -> str | None:
    n = whole(value)
    return rng.choice((rf"1,2,\ldots,{n}", rf"0,1,\dots,{n}", rf"\{{1,2,\ldots,{n}\}}", rf"{n}, {n + 1}, \ldots")) if n and n > 3 else None


def _many_boxes(value: Fraction, rng: Random) -> str | None:
    n = whole(value)
    if n is None:
        return None
    start = n - rng.randint(1, 4)
    return rng.choice((" ", ", ", " or ", "")).join(rf"\boxed{{{start + i}}}" for i in range(5))


def _short(value: Fraction, rng: Random) -> str | None:
    """Return a non-terminating decimal with fewer than six places, cut or rounded."""
    return (cut if rng.random() < 0.5 else round_to)(value, rng.randint(1, 5)) if places(value) is None else None


def _last_digit_off(value: Fraction, rng: Random) -> str | None:
    if places(value) is not None:
        return None
    count = rng.randint(6, 12)
    off = Fraction(round_to(value, count)) + Fraction(rng.choice((1, -1, 2, -2)), 10**count)
    return None if cut(off, count) in (cut(value, count), round_to(value, count)) else cut(off, count)


WHOLE_TRAPS: tuple[Exact, ...] = (
    Surface("more digits", "any", _longer),
    Surface("digits apart", "any", _split),
    Surface("digits badly grouped", "any", _bad_groups),
    Surface("a letter for a digit", "any", _look_alike),
    Surface("raised digits", "any", _superscripts),
    Surface("neighbours too", "text", _neighbours),
    Surface("all numbers up to it", "tex", _count_up),
    Surface("many boxes", "reply", _many_boxes),
)

ENDLESS_TRAPS: tuple[Exact, ...] = (
    Surface("a short decimal", "any", _short),
    Surface("a long decimal, off in its last place", "any", _last_digit_off),
)
