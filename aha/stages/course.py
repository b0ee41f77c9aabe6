"""A benchmark as the scaling lab asks it: prompts, how a thought is opened and ended, and what a reply is worth."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aha.evals.benchmark import Benchmark
from aha.evals.examined import Generation, grade_one
from aha.evals.exams.exam import Exam, Item
from aha.protocols import Sampling, Tokenizer
from aha.sampling.prompts import prompt_tokens
from aha.stages import evaluate, examine
from aha.stages.evaluate import Evaluate
from aha.stages.examine import Protocolled, prompts
from aha.template import END_THINK, THINK, Delimited, FewShot, Template
from aha.types import Completion, Language, Problem

Verdict = tuple[bool, str | None]


@dataclass(frozen=True)
class Marks:
    """What stands before a thought and after it, and what is written to end it early."""

    opening: str = THINK
    closing: str = END_THINK
    early: str = END_THINK


@dataclass(frozen=True)
class Asked:
    """One problem: the prompt of each sample, its language, how a sample's reply is judged, and the seed of an arm's sample."""

    id: str
    question: str
    language: Language
    prompts: tuple[tuple[int, ...], ...]
    judge: Callable[[int, Completion], Verdict]
    seed: Callable[[str, int], int]


@dataclass(frozen=True)
class Course:
    """A benchmark, asked `k` times a problem."""

    name: str
    problems: tuple[Asked, ...]
    k: int
    sampling: Sampling
    marks: Marks


@dataclass(frozen=True)
class Span:
    """Where a thought stands among the tokens of a reply: from `start`, to before `end`; its closing mark ends before `closed`. `closed`
    None: it was never closed, and `end` is the end of the reply."""

    start: int
    end: int
    closed: int | None


def span_of(tokens: Sequence[int], prompt: Sequence[int], marks: Marks, tokenizer: Tokenizer) -> Span | None:
    """The thought of a reply, which the prompt may have opened; None where there is none."""
    text = tokenizer.decode(tokens)
    opened = tokenizer.decode(prompt).rstrip().endswith(marks.opening)
    at = 0 if opened else text.find(marks.opening)
    if at < 0:
        return None
    first = at + (0 if opened else len(marks.opening))
    last = text.find(marks.closing, first)
    places = range(len(tokens) + 1)

    def length(count: int) -> int:
        return len(tokenizer.decode(tokens[:count]))

    start = bisect_left(places, first, key=length)
    if last < 0:
        ends = next((place for place in range(start, len(tokens)) if tokens[place] in tokenizer.stop), len(tokens))
        return Span(start, ends, None)
    return Span(start, max(start, bisect_right(places, last, key=length) - 1), bisect_left(places, last + len(marks.closing), key=length))


def course_of_benchmark(stage: Evaluate, live: Benchmark, tokenizer: Tokenizer) -> Course:
    """One of ours. Its samples are those that `Evaluate` would draw."""

    def asked(problem: Problem) -> Asked:
        def judge(number: int, completion: Completion) -> Verdict:
            sample = stage.judged(live, problem, 0, completion, tokenizer)
            return sample.right, sample.vote

        return Asked(
            problem.id,
            problem.question,
            problem.language,
            (prompt_tokens(stage.template, problem.question, tokenizer),) * stage.k,
            judge,
            lambda arm, number: evaluate.seed_of(stage.seed, problem.id + arm, number),
        )

    return Course(stage.benchmark, tuple(map(asked, stage.held_out())), stage.k, stage.sampling, _marks(stage.template))


def course_of_exam(exam: Exam, items: Sequence[Item], how: Protocolled, tokenizer: Tokenizer) -> Course:
    """A published one. Its samples are those that `aha eval` would draw."""
    tokens = prompts(how, items, tokenizer)

    def asked(item: Item) -> Asked:
        def judge(number: int, completion: Completion) -> Verdict:
            said = examine.read(how, completion, tokens[item.id, number], tokenizer)
            generation = Generation(item.id, number, said.text, said.thought, said.tokens, said.finished)
            graded = grade_one(exam, how.seen(item, number), generation)
            return graded.right, graded.vote

        def seed(arm: str, number: int) -> int:
            return examine.seed_of(how.seed, item.id + arm, number)

        return Asked(item.id, item.prompt, item.language, tuple(tokens[item.id, number] for number in range(how.k)), judge, seed)

    marks = Marks(early=f"\n{END_THINK}\n\n") if how.form == "chat" else Marks()
    return Course(exam.name, tuple(map(asked, items)), how.k, how.sampling, marks)


def _marks(template: Template) -> Marks:
    match template:
        case Delimited(token=token):
            return Marks(token, token, token)
        case FewShot(inner=inner):
            return _marks(inner)
        case _:
            return Marks()
