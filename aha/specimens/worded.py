"""The families whose gold is no number: words, names, dates, yes and no, infinity, and sets that have names."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from aha.specimens.family import SINGLE, Family, Mistake, Stands, Surface
from aha.specimens.numbers import fill
from aha.specimens.snares import SNARES
from aha.types import Latex, Text

PEOPLE = "Marie Curie|Isaac Newton|Ada Lovelace|Alan Turing|Emmy Noether|Carl Gauss|Jane Austen|Charles Darwin|Rosa Parks|Frida Kahlo"
PLACES = "Paris|London|Madrid|Lisbon|Vienna|Athens|Cairo|Tokyo|Beijing|Buenos Aires|New Delhi|San Marino"
THINGS = "photosynthesis|gravity|oxygen|copper|a triangle|the moon|evaporation|an isosceles triangle|osmosis|a parallelogram"
WORDS = "even|odd|prime|composite|rational|irrational|increasing|decreasing|convergent|divergent|Monday|Tuesday|Friday|north|south|red|blue"
MONTHS = "January February March April May June July August September October November December".split()
LIKE = {"a": "а", "e": "е", "o": "о", "c": "с", "p": "р", "i": "і"}  # Latin letters and the Cyrillic ones that look like them


@dataclass(frozen=True)
class Phrase:
    """A phrase and the group it comes from."""

    text: str
    group: tuple[str, ...]


GROUPS = tuple(tuple(group.split("|")) for group in (PEOPLE, PLACES, THINGS))


def a_phrase(rng: Random) -> Phrase:
    """Draw a name, a place or a thing."""
    group = rng.choice(GROUPS)
    return Phrase(rng.choice(group), group)


def phrase(name: str, stands: Stands, text: str, words: int = 1) -> Surface[Phrase]:
    """A surface of phrases: <p> the phrase, <l> in lower and <u> in upper case, <f> its first and <z> its last word, articles left out;
    only for phrases of `words` such words or more."""

    def write(value: Phrase, rng: Random) -> str | None:
        parts = _bare(value).split()
        if len(parts) < words:
            return None
        return fill(text, p=value.text, l=value.text.lower(), u=value.text.upper(), f=parts[0], z=parts[-1])

    return Surface(name, stands, write)


def _bare(value: Phrase) -> str:
    return value.text.removeprefix("a ").removeprefix("an ").removeprefix("the ")


def _article(value: Phrase, rng: Random) -> str | None:
    """Return the phrase without its article, or None if it has none."""
    bare = _bare(value)
    return bare if bare != value.text else None


def _letter_alike(value: Phrase, rng: Random) -> str | None:
    spots = [i for i, letter in enumerate(value.text) if letter in LIKE and i > 1]
    if not spots:
        return None
    i = rng.choice(spots)
    return value.text[:i] + LIKE[value.text[i]] + value.text[i + 1 :]


def _misspelt(value: Phrase, rng: Random) -> str:
    i = rng.randrange(len(value.text) - len(_bare(value)) + 1, len(value.text) - 1)
    return value.text[:i] + rng.choice("qxz") + value.text[i:]


def _rival_of(value: Phrase, rng: Random) -> Phrase | None:
    rival = rng.choice(value.group)
    return None if rival == value.text else Phrase(rival, value.group)


def _of_another_group(value: Phrase, rng: Random) -> Phrase | None:
    group = rng.choice(GROUPS)
    return None if group == value.group else Phrase(rng.choice(group), group)


PHRASE_TRAPS = (
    phrase("the first word", "text", "<f>", 2),
    phrase("the last word", "text", "<z>", 2),
    phrase("a longer name", "text", "<p> Junior"),
    phrase("a street", "text", "<p> Street"),
    phrase("a digit after it", "text", "<p>2"),
    phrase("a prefix", "text", "un<l>"),
    phrase("another's", "text", "<p>'s brother"),
    phrase("before it", "text", "something before <p>"),
    phrase("a question", "text", "whoever knows <p>"),
    phrase("like it", "text", "similar to <p>"),
    Surface("a letter of another script", "text", _letter_alike),
    Surface("a letter too many", "text", _misspelt),
)

NAME: Family[Phrase] = Family(
    "name",
    a_phrase,
    lambda value, rng: Text((value.text,)),
    (
        phrase("as it stands", "text", "<p>"),
        phrase("lower case", "text", "<l>"),
        phrase("upper case", "text", "<u>"),
        phrase("quotes", "text", '"<p>"'),
        phrase("typographic quotes", "text", "“<p>”"),
        phrase("\\text", "tex", r"\text{<p>}"),
        phrase("\\textbf", "tex", r"\textbf{<p>}"),
        phrase("\\mathrm", "tex", r"\mathrm{<p>}"),
        Surface("no article", "text", _article),
    ),
    (Mistake("another of its kind", _rival_of), Mistake("another kind", _of_another_group)),
    traps=PHRASE_TRAPS,
    snares=SNARES,
    traits=lambda value: SINGLE,
)

WORD: Family[Phrase] = Family(
    "word in LaTeX",
    lambda rng: Phrase(rng.choice(WORDS.split("|")), tuple(WORDS.split("|"))),
    lambda value, rng: Latex(rf"\text{{{value.text}}}"),
    (
        phrase("as it stands", "text", "<p>"),
        phrase("lower case", "text", "<l>"),
        phrase("upper case", "text", "<u>"),
        phrase("\\text", "tex", r"\text{<p>}"),
        phrase("\\text and a blank", "tex", r"\text{ <p> }"),
        phrase("\\textbf", "tex", r"\textbf{<p>}"),
        phrase("\\mathrm", "tex", r"\mathrm{<p>}"),
        phrase("\\text in capitals", "tex", r"\text{<u>}"),
    ),
    (Mistake("another of its kind", _rival_of),),
    traps=(
        *(trap for trap in PHRASE_TRAPS if trap.name not in ("a street", "a longer name", "the first word", "the last word")),
        phrase("neither", "text", "neither <p> nor something else"),
        phrase("both", "text", "both <p> and its opposite"),
        phrase("less than it", "text", "almost <p>"),
        phrase("a number", "any", "2"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- dates ------------------------------------------------------------------------------------------------------------


def a_date(rng: Random) -> tuple[int, int]:
    """Draw a month and a day."""
    return rng.randint(1, 12), rng.randint(2, 28)


def date(name: str, stands: Stands, text: str) -> Surface[tuple[int, int]]:
    """A surface of dates: <m> the month, <l> in lower case, <d> the day, <n> the next month, <e> the next day."""
    return Surface(
        name,
        stands,
        lambda value, rng: fill(
            text, m=MONTHS[value[0] - 1], l=MONTHS[value[0] - 1].lower(), d=value[1], n=MONTHS[value[0] % 12], e=value[1] + 1
        ),
    )


def _date_mistake(name: str, month: int, day: int) -> Mistake[tuple[int, int]]:
    return Mistake(name, lambda value, rng: ((value[0] - 1 + month) % 12 + 1, (value[1] - 1 + day) % 28 + 1))


DATE: Family[tuple[int, int]] = Family(
    "date",
    a_date,
    lambda value, rng: Text((f"{MONTHS[value[0] - 1]} {value[1]}",)),
    (
        date("month and day", "text", "<m> <d>"),
        date("lower case", "text", "<l> <d>"),
        date("\\text", "tex", r"\text{<m> <d>}"),
        date("\\textbf", "tex", r"\textbf{<m> <d>}"),
        date("quotes", "text", '"<m> <d>"'),
    ),
    (
        _date_mistake("the next day", 0, 1),
        _date_mistake("the day before", 0, 27),
        _date_mistake("the next month", 1, 0),
        _date_mistake("the month before", 11, 0),
        _date_mistake("ten days later", 0, 10),
    ),
    traps=(
        date("the day alone", "any", "<d>"),
        date("the month alone", "text", "<m>"),
        date("before it", "text", "before <m> <d>"),
        date("after it", "text", "after <m> <d>"),
        date("a span", "text", "<m> <d> to <m> <e>"),
        date("a longer span", "text", "from <m> <d> to <n> <d>"),
        date("one of two", "text", "<m> <d> or <e>"),
        date("a digit more", "text", "<m> <d>1"),
        date("the day after it", "text", "the day after <m> <d>"),
        date("the year alone", "text", "in <m> of <d>00"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- yes and no -------------------------------------------------------------------------------------------------------

OPPOSITES = {"Yes": "No", "No": "Yes", "True": "False", "False": "True"}


def verdict(name: str, stands: Stands, text: str, of: str = "Yes No True False") -> Surface[str]:
    """A surface of verdicts: <v> the word, <l> in lower and <u> in upper case, <o> the opposite; only for the words `of`."""

    def write(value: str, rng: Random) -> str | None:
        return fill(text, v=value, l=value.lower(), u=value.upper(), o=OPPOSITES[value].lower()) if value in of.split() else None

    return Surface(name, stands, write)


VERDICT: Family[str] = Family(
    "yes or no",
    lambda rng: rng.choice(tuple(OPPOSITES)),
    lambda value, rng: Latex(rf"\text{{{value}}}") if rng.random() < 0.5 else Text((value,)),
    (
        verdict("as it stands", "text", "<v>"),
        verdict("lower case", "text", "<l>"),
        verdict("upper case", "text", "<u>"),
        verdict("\\text", "tex", r"\text{<v>}"),
        verdict("\\text in lower case", "tex", r"\text{<l>}"),
        verdict("\\textbf", "tex", r"\textbf{<v>}"),
        verdict("\\mathrm", "tex", r"\mathrm{<v>}"),
        verdict("quotes", "text", '"<v>"'),
    ),
    (Mistake("the opposite", lambda value, rng: OPPOSITES[value]),),
    traps=(
        verdict("both", "text", "<l> and <o>"),
        verdict("one of both", "text", "<l> or <o>"),
        verdict("the other first", "text", "<o> or <l>"),
        verdict("a slash", "text", "<l>/<o>"),
        verdict("perhaps", "text", "maybe <l>, maybe <o>"),
        verdict("partly", "text", "partly <l>"),
        verdict("in no case", "text", "never <l>"),
        verdict("a longer word", "text", "<l>terday"),
        verdict("twice the other", "text", "<o>, <o>"),
        verdict("a number", "any", "1"),
        verdict("depends", "text", "it depends"),
    ),
    snares=SNARES,
    traits=lambda value: SINGLE,
)


# --- sets and values with a name --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """A constant: its name, how a reference writes it, and how a claim may write it."""

    name: str
    gold: str
    tex: tuple[str, ...]
    text: tuple[str, ...]


CONSTANTS: tuple[Constant, ...] = (
    Constant("infinity", r"\infty", (r"\infty", r"+\infty", r"\text{infinity}", r"{\infty}", r"\text{Infinity}"), ("∞", "infinity")),
    Constant("minus infinity", r"-\infty", (r"-\infty", r"- \infty", r"\text{negative infinity}"), ("-∞", "−∞", "negative infinity")),
    Constant(
        "nothing",
        r"\emptyset",
        (
            r"\emptyset",
            r"\varnothing",
            r"\{\}",
            r"\{ \}",
            r"\text{no solution}",
            r"\text{no real solutions}",
            r"\text{There are no solutions}",
        ),
        ("∅", "no solution", "no solutions", "no real solutions", "the empty set"),
    ),
    Constant(
        "all reals",
        r"\mathbb{R}",
        (
            r"\mathbb{R}",
            r"(-\infty, \infty)",
            r"\left(-\infty, \infty\right)",
            r"(-\infty, +\infty)",
            r"x \in \mathbb{R}",
            r"\text{all real numbers}",
            r"\text{All real numbers}",
            r"\text{all reals}",
        ),
        ("ℝ", "all real numbers", "all reals", "(-∞, ∞)"),
    ),
)


def constant(stands: Stands, i: int) -> Surface[Constant]:
    """A surface of claim number `i` of a constant."""

    def write(value: Constant, rng: Random) -> str | None:
        claims = value.tex if stands == "tex" else value.text
        return claims[i] if i < len(claims) else None

    return Surface(f"{'LaTeX' if stands == 'tex' else 'signs and words'}, {i + 1}", stands, write)


def not_of(name: str, stands: Stands, text: str) -> Surface[Constant]:
    """A surface of a claim that equals none of the constants."""
    return Surface(name, stands, lambda value, rng: text)


CONSTANT: Family[Constant] = Family(
    "infinity, nothing, everything",
    lambda rng: rng.choice(CONSTANTS),
    lambda value, rng: Latex(value.gold),
    (*(constant("tex", i) for i in range(8)), *(constant("text", i) for i in range(5))),
    (Mistake("another", lambda value, rng: rival if (rival := rng.choice(CONSTANTS)) != value else None),),
    traps=(
        not_of("zero", "any", "0"),
        not_of("one", "any", "1"),
        not_of("the set of zero", "tex", r"\{0\}"),
        not_of("the set of nothing", "tex", r"\{\emptyset\}"),
        not_of("eight", "any", "8"),
        not_of("a large number", "tex", "10^{100}"),
        not_of("whole numbers", "tex", r"\mathbb{Z}"),
        not_of("positive numbers", "tex", r"(0, \infty)"),
        not_of("all but zero", "tex", r"x \neq 0"),
        not_of("all but zero in words", "text", "all real numbers except 0"),
        not_of("the plane", "tex", r"\mathbb{R}^2"),
        not_of("complex numbers", "tex", r"\mathbb{C}"),
        not_of("half the line", "tex", r"(-\infty, 0]"),
        not_of("two values", "tex", r"\{-\infty, \infty\}"),
        not_of("either sign", "tex", r"\pm\infty"),
        not_of("a letter", "tex", "x"),
        not_of("one solution", "text", "exactly one solution"),
        not_of("some solutions", "text", "two solutions"),
    ),
    snares=SNARES,
    traits=lambda value: frozenset({"one", "constant"}),
)

WORDS_AND_NAMES = (NAME, WORD, DATE, VERDICT, CONSTANT)
