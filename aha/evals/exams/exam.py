"""A published benchmark as a value: where its rows are, how one is asked and read, how an answer is judged, which number is quoted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from aha.answers.claims import claim
from aha.grading import grade
from aha.grading.maths.votes import vote
from aha.types import Abstained, Choice, Grade, Language, Number, Reference, Right, Wrong

Fields = Mapping[str, Any]
LONGEST_VOTE = 500


class WrongColumns(Exception):
    """A row has none of the names that its benchmark's rows have."""


@dataclass(frozen=True)
class Item:
    """A row, ready to be asked: `prompt` is the whole user turn. `options`: how many a choice has. `about`: what is to be kept beside the
    result, such as the order of permuted options."""

    id: str
    prompt: str
    language: Language
    reference: Reference
    category: str = ""
    options: Annotated[int, range(27)] = 0
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """The grade of one reply, the answer as it votes (`None`: none could be read), and measures of the benchmark's own."""

    grade: Grade
    vote: str | None
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """`layouts`: patterns of files below the folder of data, the first that is there counts; `hub`: name, subset and split of a data set.
    `columns` is what a row has, for people."""

    layouts: tuple[str, ...]
    columns: str
    hub: tuple[str, str | None, str] | None = None
    wrapped: bool = False  # whether one JSON object holds all rows by name
    names: str = ""  # a file beside the rows with the list of their names


Read = Callable[[Fields, str, int], Item]
JudgeReply = Callable[[Item, str], Judged]


@dataclass(frozen=True)
class Exam:
    """`read` makes an item of a row, its file's stem and its number; `judge` gets the visible text of a finished reply. `turn`: the item as
    its n-th sample sees it, where samples see it in different forms.

    `headline` is the measure that is quoted, `published` the paper's names of benchmark and metric. `verified`: the prompt was checked
    against its source. `needs_judge`: only a language model can grade it. `grades_cut`: a reply cut at the limit after its thought is
    judged as it stands, as its official script does; elsewhere it is wrong."""

    name: str
    what: str
    licence: str
    source: Source
    read: Read
    judge: JudgeReply
    k: int = 4
    headline: str = "pass@1"
    published: tuple[str, str] | None = None
    verified: bool = False
    needs_judge: bool = False
    grades_cut: bool = False
    keep: Callable[[Item], bool] | None = None
    turn: Callable[[Item, int], Item] | None = None

    def kin(self, name: str, what: str, licence: str, source: Source, **changes: Any) -> Exam:
        """Another benchmark, which differs in these and in what is named besides."""
        return replace(self, name=name, what=what, licence=licence, source=source, **changes)

    def seen(self, item: Item, sample: int) -> Item:
        """The item as this sample of it is asked and judged."""
        return item if self.turn is None else self.turn(item, sample)


# --- what most readers and judges share ---------------------------------------------------------------------------------


def pick(fields: Fields, *names: str) -> Any:
    """The first of these columns that the row has and that is not empty. WrongColumns, where it has none of them."""
    for name in names:
        if fields.get(name) is not None:
            return fields[name]
    raise WrongColumns(" or ".join(names))


def said(fields: Fields, *names: str) -> str:
    """The same, as text."""
    return str(pick(fields, *names)).strip()


def named(fields: Fields, stem: str, number: int, *names: str) -> str:
    """The row's own name, else its place."""
    found = next((fields[name] for name in names if fields.get(name) not in (None, "")), None)
    return f"{stem}/{number}" if found is None else str(found)


def by_rule(item: Item, text: str) -> Judged:
    """The house's grader on the whole visible text. What it marks as its answer votes, and what is right without a mark."""
    claimed, found = claim(text), grade(item.reference, text, question=item.prompt)
    cast = ""
    if claimed.marked or isinstance(found, Right):
        cast = vote(claimed, evaluated=isinstance(item.reference, Number))[:LONGEST_VOTE]
    return Judged(found, cast or None)


def by_chain(chain: Callable[[str], str | None]) -> JudgeReply:
    """A choice read by a benchmark's own extraction; no letter is wrong, never a guess."""

    def judge(item: Item, text: str) -> Judged:
        letter = chain(text)
        assert isinstance(item.reference, Choice)
        if letter is None:
            return Judged(Wrong("no letter could be read"), None)
        right = letter == item.reference.letter
        return Judged(Right() if right else Wrong(f"chooses {letter}, not {item.reference.letter}"), letter)

    return judge


def by_model(item: Item, text: str) -> Judged:
    """Nothing here can say."""
    return Judged(Abstained("only a language model can compare this answer with its reference"), text.strip()[:LONGEST_VOTE] or None)


def lettered(options: Sequence[str], form: str = "{letter}) {option}") -> str:
    """One line an option."""
    return "\n".join(form.format(letter=chr(ord("A") + place), option=option) for place, option in enumerate(options))


def choice_of(answer: object, options: Sequence[str]) -> Choice:
    """From a letter, a place from 0 on, or an option's text. WrongColumns, where it is none of them."""
    text = str(answer).strip()
    if len(text) == 1 and "A" <= text.upper() <= chr(ord("A") + len(options) - 1):
        return Choice(text.upper(), tuple(options))
    if text.isdecimal() and int(text) < len(options):
        return Choice(chr(ord("A") + int(text)), tuple(options))
    if text in options:
        return Choice(chr(ord("A") + list(options).index(text)), tuple(options))
    raise WrongColumns(f"an answer that is one of the {len(options)} options (it is {text[:40]!r})")
