"""A benchmark as a value: the source of its problems, the prompt of a model, the grading of a reply, and the number that is quoted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from aha.answers.claims import claim
from aha.grading import Graders
from aha.grading.maths.votes import vote
from aha.protocols import Sampling
from aha.template import ChatTemplate, Template
from aha.types import Abstained, Choice, Grade, Language, Number, Problem, Reference, Reply, Right, Wrong

Fields = Mapping[str, Any]
LONGEST_VOTE = 500
STRICT_MEASURES = ("strict", "protocol_alone", "strict_alone")  # right by the strict reader; by only one of the two readers
PAPER_SAMPLING = Sampling(0.6, 0.95, 32_768)  # paper §3


class WrongColumns(Exception):
    """The error for a row without any of the column names that its benchmark accepts."""


@dataclass(frozen=True)
class BenchmarkExample:
    """A problem of a benchmark, ready for a model: `prompt` is the whole user turn. `options`: the number of options of a choice. `about`:
    data kept beside the result, such as the order of permuted options."""

    id: str
    prompt: str
    language: Language
    reference: Reference
    category: str = ""
    options: Annotated[int, range(27)] = 0
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """The example as a problem of the tiny world's tasks."""
        return Problem(self.id, self.category, self.prompt, self.language, self.reference)


@dataclass(frozen=True)
class ReplyGrade:
    """The grade of one reply; the answer as it votes (`None`: unreadable); measures of the benchmark's own; and, if a rubric gives marks,
    their share of all `marks`, from 0 to 1."""

    grade: Grade
    vote: str | None
    measures: dict[str, float] = field(default_factory=dict)
    marks: float | None = None


@dataclass(frozen=True)
class Source:
    """The source of a benchmark's rows. `layouts`: patterns of files below the folder of data, of which the first match counts; `hub`:
    name, subset and split of a data set. `columns` describes a row for people. `wrapped`: one JSON object holds all rows by name. `names`:
    a file beside the rows with the list of their names."""

    layouts: tuple[str, ...]
    columns: str
    hub: tuple[str, str | None, str] | None = None
    wrapped: bool = False
    names: str = ""


@dataclass(frozen=True)
class ProblemGenerator:
    """A generator of problems: `examples(problems, prompts, seed)` returns so many of each domain, and so many of each kind of general
    prompt, the same for every model; it raises ValueError if there are fewer. `problems` and `prompts` are the defaults; `prompts` 0: there
    are no general prompts."""

    examples: Callable[[int, int, int], list[BenchmarkExample]]
    problems: int
    prompts: int = 0


def seed_by_name(seed: int, place: int, problem: str, sample: int) -> int:
    """Return 63 bits that depend only on the seed, the problem's name and the sample's number."""
    return int.from_bytes(hashlib.sha256(f"evaluate {seed} {problem} {sample}".encode()).digest()[:8], "big") >> 1


ReadRow = Callable[[Fields, str, int], BenchmarkExample]  # from a row, its file's stem and its number
GradeReply = Callable[[BenchmarkExample, Reply, Graders], ReplyGrade]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `source` and `read` are its rows and the function from a row to an example; `generated` makes the examples if it has no
    rows.

    `grade` gets a finished reply with visible text; with `grades_cut` also one that was cut at the limit after its thought, as its official
    script does; with `grades_all` every reply. `permute`: the example for its n-th sample, if samples see it in different forms. `keep`:
    selects the examples to use.

    `templates`: the default prompt templates; of several, the model gets the one whose form it keeps more often. `k` and `sampling` are
    defaults, too. `seeds(seed, place of the problem, its name, sample)` is a sample's own seed.

    `headline` is the quoted measure, `paper_cell` the paper's names of benchmark and metric. `verified`: the prompt was checked against its
    source. `needs_judge`: only a language model can grade it. `rubric`: the categories whose replies get marks, which do not count in votes
    and pass@k. `literal_votes`: answers vote together if they are spelled alike, not if they have the same value."""

    name: str
    description: str
    licence: str
    grade: GradeReply
    source: Source = Source((), "problems that are generated")
    read: ReadRow | None = None
    generator: ProblemGenerator | None = None
    k: int = 4
    headline: str = "pass@1"
    templates: tuple[Template, ...] = (ChatTemplate(),)
    sampling: Sampling = PAPER_SAMPLING
    paper_cell: tuple[str, str] | None = None
    verified: bool = False
    needs_judge: bool = False
    grades_cut: bool = False
    grades_all: bool = False
    literal_votes: bool = False
    rubric: tuple[str, ...] = ()
    keep: Callable[[BenchmarkExample], bool] | None = None
    permute: Callable[[BenchmarkExample, int], BenchmarkExample] | None = None
    seeds: Callable[[int, int, str, int], int] = seed_by_name

    def variant(self, name: str, description: str, licence: str, source: Source, **changes: Any) -> Benchmark:
        """Return a similar benchmark that differs in these fields and in the `changes`."""
        return replace(self, name=name, description=description, licence=licence, source=source, **changes)

    def example_for(self, example: BenchmarkExample, sample: int) -> BenchmarkExample:
        """Return the example in the form that this sample sees."""
        return example if self.permute is None else self.permute(example, sample)

    def grade_reply(self, example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
        """Return the grade of a reply. A reply cut at the limit is wrong, whatever it holds, unless the benchmark grades it as it is; a
        thought that never ended and an empty reply are always wrong."""
        cut, visible = reply.finished == "length", (reply.answer or "").strip()
        if self.grades_all or (visible and (self.grades_cut or not cut)):
            return self.grade(example, reply, graders)
        why = "cut at the limit of tokens" if cut else "the thinking never ended" if reply.thought else "an empty reply"
        empty_reply = Reply("", None, "", 0, "stop")
        return ReplyGrade(Wrong(why), None, {} if self.headline == "pass@1" else self.grade(example, empty_reply, graders).measures)


# --- shared parts of readers and graders ----------------------------------------------------------------------------------


def pick(fields: Fields, *names: str) -> Any:
    """Return the first of these columns that the row has and that is not empty. WrongColumns if it has none of them."""
    for name in names:
        if fields.get(name) is not None:
            return fields[name]
    raise WrongColumns(" or ".join(names))


def pick_text(fields: Fields, *names: str) -> str:
    """Return the first of these columns that the row has, as text. WrongColumns if it has none of them."""
    return str(pick(fields, *names)).strip()


def row_name(fields: Fields, stem: str, number: int, *names: str) -> str:
    """Return the row's own name, else its place in the file."""
    name = next((fields[column] for column in names if fields.get(column) not in (None, "")), None)
    return f"{stem}/{number}" if name is None else str(name)


def by_rule(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Grade the whole visible text with the project's own grader. The answer that the reply marks is its vote; an unmarked answer can be
    right, too."""
    text = reply.answer or ""
    final, verdict = claim(text), graders.grade(example.reference, text, question=example.prompt)
    ballot = ""
    if final.marked or isinstance(verdict, Right):
        ballot = vote(final, evaluated=isinstance(example.reference, Number))[:LONGEST_VOTE]
    return ReplyGrade(verdict, ballot or None)


def by_chain(chain: Callable[[str], str | None]) -> GradeReply:
    """Return a grader of choices that reads the letter as the benchmark's own script does; no letter is wrong, never a guess. The result of
    the strict reader of rewards is a measure beside it."""

    def grade_choice(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
        letter = chain(reply.answer or "")
        assert isinstance(example.reference, Choice)
        right = letter == example.reference.letter
        strict = isinstance(graders.grade(example.reference, reply.answer), Right)
        beside = dict(zip(STRICT_MEASURES, map(float, (strict, right and not strict, strict and not right)), strict=True))
        if letter is None:
            return ReplyGrade(Wrong("no letter could be read"), None, beside)
        return ReplyGrade(Right() if right else Wrong(f"chooses {letter}, not {example.reference.letter}"), letter, beside)

    return grade_choice


def by_model(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Return an abstention: only a language model can grade the reply."""
    text = (reply.answer or "").strip()[:LONGEST_VOTE]
    return ReplyGrade(Abstained("only a language model can compare this answer with its reference"), text or None)


def option_lines(options: Sequence[str], form: str = "{letter}) {option}") -> str:
    """Return the options with their letters, one line each."""
    return "\n".join(form.format(letter=chr(ord("A") + place), option=option) for place, option in enumerate(options))


def choice_of(answer: object, options: Sequence[str]) -> Choice:
    """Return the reference for a letter, an index from 0, or an option's text. WrongColumns for any other answer."""
    text = str(answer).strip()
    if len(text) == 1 and "A" <= text.upper() <= chr(ord("A") + len(options) - 1):
        return Choice(text.upper(), tuple(options))
    if text.isdecimal() and int(text) < len(options):
        return Choice(chr(ord("A") + int(text)), tuple(options))
    if text in options:
        return Choice(chr(ord("A") + list(options).index(text)), tuple(options))
    raise WrongColumns(f"an answer that is one of the {len(options)} options (it is {text[:40]!r})")
