"""Golds of several letters: all of them have to be named, in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface
from aha.specimens.letters import LETTERS, TEXTS
from aha.specimens.numbers import fill
from aha.specimens.snares import DENIALS, OTHER_LAST, RUNS_ON, THOUGHTS
from aha.types import Choice


@dataclass(frozen=True)
class Options:
    """The right letters in the order of the alphabet, and the texts of all options."""

    letters: str
    texts: tuple[str, ...]


def some_options(rng: Random) -> Options:
    """Two or three of four to ten options, never all of them."""
    texts = rng.choice(TEXTS)
    return Options("".join(sorted(rng.sample(LETTERS[: len(texts)], rng.choice((2, 2, 3))))), texts)


def letters(name: str, stands: Stands, text: str, mark: str = "", last: str = "", reverse: bool = False) -> Surface[Options]:
    """<v> the letters with the mark between them, `last` before the last one; <a> the first, <r> the others, <n> a letter that is wrong."""

    def write(value: Options, rng: Random) -> str | None:
        row = value.letters[::-1] if reverse else value.letters
        if not row:
            return None
        wrong = next(letter for letter in LETTERS if letter not in row)
        joint = mark.join(row[:-1]) + (last or mark) + row[-1] if len(row) > 1 else row
        return fill(text, v=joint, a=row[0], r=", ".join(row[1:]), n=wrong)

    return Surface(name, stands, write)


def _letter_mistake(name: str, change: Callable[[Options, Random], str]) -> Mistake[Options]:
    def apply(value: Options, rng: Random) -> Options | None:
        rival = "".join(sorted(set(change(value, rng))))
        return None if rival == value.letters or not rival else Options(rival, value.texts)

    return Mistake(name, apply)


def _a_wrong_letter(value: Options, rng: Random) -> str:
    return rng.choice([letter for letter in LETTERS[: len(value.texts)] if letter not in value.letters] or [""])


LETTER_SET: Family[Options] = Family(
    "several right options",
    some_options,
    lambda value, rng: Choice(value.letters, value.texts),
    (
        letters("in a row", "text", "<v>"),
        letters("commas", "text", "<v>", ", "),
        letters("commas without blanks", "text", "<v>", ","),
        letters("an and", "text", "<v>", ", ", " and "),
        letters("parentheses", "text", "(<v>)", "), (", ") and ("),
        letters("the other way round", "text", "<v>", ", ", reverse=True),
        letters("options", "text", "options <v>", ", ", " and "),
        letters("\\text", "tex", r"\text{<v>}", ", "),
        letters("\\text in a row", "tex", r"\text{<v>}"),
        letters("are correct", "reply", "<v> are correct.", ", ", " and "),
        letters("the answers are", "reply", "The answers are <v>.", ", ", " and "),
        letters("the correct options are", "reply", "The correct options are <v>.", ", ", " and "),
    ),
    (
        _letter_mistake("one missing", lambda value, rng: value.letters[1:]),
        _letter_mistake("the last one missing", lambda value, rng: value.letters[:-1]),
        _letter_mistake("one too many", lambda value, rng: value.letters + _a_wrong_letter(value, rng)),
        _letter_mistake("another one", lambda value, rng: value.letters[1:] + _a_wrong_letter(value, rng)),
    ),
    traps=(
        letters("or", "text", "<v>", " or "),
        letters("either", "text", "either <v>", ", ", " or "),
        letters("only the first", "text", "only <a>"),
        letters("one of them", "text", "one of <v>", ", ", " and "),
        letters("not them", "text", "not <v>", ", ", " and "),
        letters("the first and not the others", "reply", "The answer is <a> and not <r>."),
        letters("all but them", "reply", "Everything but <v>", ", ", " and "),
        letters("they are wrong", "reply", "<v> are wrong.", ", ", " and "),
        letters("a wrong one too", "reply", "The answers are <v> and <n>.", ", "),
        letters("all options", "reply", "All of the above"),
        letters("all letters", "reply", "ABCDEFGHIJ"),
        letters("an equation", "sealed", "<v> = 5"),
    ),
    snares=(*DENIALS, *OTHER_LAST, *THOUGHTS, *RUNS_ON),
    traits=lambda value: frozenset({"letter"}),
)
