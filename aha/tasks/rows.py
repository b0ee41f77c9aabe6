"""Questions with answers from a file or a Hugging Face data set, all of them checked before any compute is spent.

Rows from elsewhere that join a set beside the sampled ones: another run's, a person's, other people's chat files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from random import Random
from typing import Literal

from aha.errors import BadInput
from aha.protocols import Problems
from aha.tasks.code import code_problem, is_code
from aha.tasks.examples import read_examples
from aha.tasks.forms import RowForm
from aha.tasks.golds import Kind
from aha.tasks.reading import DataRow, RefusedRow, check_split, rows_of
from aha.types import Example, Language, Problem

MOST_SKIPS = 0.01
AUTO = "auto"  # the domain follows from the kind of the answer


@dataclass(frozen=True)
class LoadedProblems:
    """The problems of a source, in its order, and the rows that were left out, with the reasons. `contradictions`: both answers of each
    problem, by its id, whose worked solution ends in another answer than its gold one."""

    problems: tuple[Problem, ...]
    refusals: tuple[RefusedRow, ...]
    contradictions: Mapping[str, str]


@dataclass(frozen=True)
class RowProblems:
    """A source of problems from rows. `source`: a .jsonl or .json file, a folder, or the name of a data set (then `split`, `subset`).

    A field is a row's key, a dotted name into an object (`reward_model.ground_truth`), or "auto" for the usual names; a question may be a
    list of messages. `kind` "auto": a Choice if the row has `options` or `choices` (the answer is a letter, a place from 0 on or an
    option's text), a Number after GSM8K's `####` or if the answer is a JSON number, else Latex. `domain` "auto" follows from the answer:
    math, code, stem (choices and words) or general (open). `bad_rows` "skip" leaves bad rows out, but stops if more than 1 in 100 are bad.
    `ignore`: columns treated as absent; `label`: a prefix for ids that rows do not give themselves, for two files of a mix with the same
    name."""

    source: str
    split: str = "train"
    subset: str | None = None
    question_field: str = "auto"
    answer_field: str = "auto"
    id_field: str | None = None
    language: Literal["auto"] | Language = "auto"
    kind: Kind = "auto"
    domain: str = AUTO
    bad_rows: Literal["stop", "skip"] = "stop"
    ignore: tuple[str, ...] = ()
    label: str = ""

    @cached_property
    def contents(self) -> LoadedProblems:
        """The problems of all rows, read and checked once. BadInput names file, row and what is wrong."""
        form = RowForm(
            self.question_field, self.answer_field, self.id_field, self.language, self.kind, self.domain, self.ignore, self.label
        )
        problems, refusals, places, contradictions = list[Problem](), list[RefusedRow](), dict[str, str](), dict[str, str]()
        check_split(self.source, self.split, self.subset)
        for row in rows_of(self.source, self.split, self.subset):
            problem = _problem_of(form, row) if isinstance(row, DataRow) else row
            if isinstance(problem, Problem) and problem.id in places:
                problem = RefusedRow(row.place, f"id {problem.id!r} is that of {places[problem.id]} too: every row needs its own")
            if isinstance(problem, Problem):
                places[problem.id] = row.place
                problems.append(problem)
                if isinstance(row, DataRow) and (answers := form.contradiction(row)):
                    contradictions[problem.id] = answers
            elif self.bad_rows == "stop":
                raise BadInput(str(problem))
            else:
                refusals.append(problem)
        self._accept(len(problems), refusals)
        return LoadedProblems(tuple(problems), tuple(refusals), contradictions)

    def _accept(self, good: int, refusals: list[RefusedRow]) -> None:
        if refusals and len(refusals) > MOST_SKIPS * (good + len(refusals)):
            raise BadInput(
                f"{self.source}: {len(refusals)} of {good + len(refusals)} rows are bad, more than 1 %; the first: {refusals[0]}"
            )
        if not good:
            raise BadInput(f"{self.source} is empty: rows with a question and an answer are needed")

    def keep_problems(self, keep: Callable[[Problem], bool], why: str) -> RowProblems:
        """Return the same source with only the problems that `keep` accepts. BadInput, with `why`, if none is left."""
        rows = tuple(filter(keep, self.contents.problems))
        if not rows:
            raise BadInput(f"{self.source}: none of its {len(self.contents.problems):,} rows is left to be asked: {why}")
        copy = replace(self)
        vars(copy)["contents"] = replace(self.contents, problems=rows)
        return copy

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` problems of a round. Round 0 goes through all rows in a new order each epoch; the rest of an epoch that does not
        fill a rollout is skipped, so that no rollout asks a problem twice. Further rounds are drawn from all rows."""
        problems = self.contents.problems
        self._enough(count)
        if round:
            return Random(f"rows {seed} {rollout} {round}").sample(problems, count)
        epoch, place = divmod(rollout, len(problems) // count)
        order = _order(len(problems), seed, epoch)
        return [problems[i] for i in order[place * count : (place + 1) * count]]

    def all(self, count: int | None = None, seed: int = 0) -> list[Problem]:
        """Return every problem in the source's order, or a fixed sample of `count` of them."""
        if count is None:
            return list(self.contents.problems)
        self._enough(count)
        return Random(f"rows {seed} all").sample(self.contents.problems, count)

    def _enough(self, count: int) -> None:
        if not 1 <= count <= len(self.contents.problems):
            has = len(self.contents.problems)
            raise BadInput(f"{count} problems were asked for at once: {self.source} has {has}, so 1 to that many (--questions, --prompts)")


def drawn_once(problems: Problems, count: int | None, seed: int) -> list[Problem]:
    """Return `count` problems for a stage that goes through them once; `None`: all rows of a file, in its order. BadInput for `None` if the
    problems have no end."""
    if count is not None:
        return problems.at(0, 0, count, seed)
    if isinstance(problems, RowProblems):
        return problems.all()
    raise BadInput("questions is none, which means all problems of a file: say how many of these")


def _problem_of(form: RowForm, row: DataRow) -> Problem | RefusedRow:
    """Return the problem of a row; rows in the form of a code benchmark are read as such, unless another kind is asked for."""
    return code_problem(row) if form.kind == "auto" and is_code(row.fields) else form.problem(row)


@lru_cache(maxsize=2)
def _order(rows: int, seed: int, epoch: int) -> tuple[int, ...]:
    return tuple(Random(f"rows {seed} epoch {epoch}").sample(range(rows), rows))


@dataclass(frozen=True)
class FileExamples:
    """The rows of a file, of a folder of shards, or of another run (`source`), in its order; at most `most` of them, drawn by `seed`.
    `domain`: overrides the domain of every row."""

    source: str
    most: int | None = None
    domain: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise BadInput(f"most is {self.most}: 1 row or more of {self.source} is needed")

    def __iter__(self) -> Iterator[Example]:
        examples = read_examples(self.source)
        if self.most is not None and self.most < len(examples):
            examples = [examples[place] for place in sorted(Random(f"given {self.seed}").sample(range(len(examples)), self.most))]
        return iter(examples if self.domain is None else [replace(example, domain=self.domain) for example in examples])
