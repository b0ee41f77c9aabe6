"""The tiny world, measured whole: reasoning that can be checked, by domain; replies to general prompts, by the rubric without its noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from aha.evals.benchmark import ProblemSet
from aha.evals.scores import Interval, mean_interval
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.general import KINDS, GeneralProblems
from aha.tasks.program import ProgramProblems
from aha.tasks.rubric import Marks, is_safe, marks
from aha.text import language_share, mixes_languages
from aha.types import Count, Language, Problem, Reply

NAME = "tiny-world"
PROBLEMS, PROMPTS = 100, 48  # of each reasoning domain, and of each kind of general prompts, that are asked unless somebody says otherwise
REASONING: dict[str, ProblemSet] = {
    "countdown": CountdownProblems(split="held-out"),
    "chain": ChainProblems(split="held-out"),
    "program": ProgramProblems(split="held-out"),
}
GENERAL: dict[str, ProblemSet] = {kind: GeneralProblems((kind,), split="held-out") for kind in KINDS}


@dataclass(frozen=True)
class Shown:
    """One reply, judged. `value`: 1 or 0 for a right or wrong answer, the share of all marks for a general prompt. `consistency`: the share
    of words in the prompt's language, of the thought where there is one, else of all that was said. `safe` is None where nothing is to be
    refused."""

    problem: str
    domain: str
    question: str
    language: Language
    sample: Count
    text: str
    value: float
    form: bool
    consistency: float
    mixing: bool
    tokens: Count
    truncated: bool
    safe: bool | None
    marks: Marks | None


@dataclass(frozen=True)
class Measured:
    """What a model does in the tiny world. Intervals are over problems. `reasoning` and `instruction` are over all problems of their kind,
    as many of each domain."""

    pass_at_1: dict[str, Interval]
    reasoning: Interval
    instruction: Interval
    kinds: dict[str, float]
    criteria: dict[str, float]
    safe: float
    consistency: dict[str, Interval]
    mixing: float
    form: dict[str, float]
    length: dict[str, float]
    truncated: float

    def to_json(self) -> dict[str, object]:
        """The names that programs read."""
        plain = asdict(self)
        return {"pass@1": plain.pop("pass_at_1"), **plain}


def held_out(problems: int, prompts: int, seed: int) -> list[Problem]:
    """`problems` of each reasoning domain and `prompts` of each general kind, none of which any training data holds; the same for every
    model. BadInput where there are fewer."""
    reasoning = [problem for source in REASONING.values() for problem in source.all(problems, seed)]
    return reasoning + [problem for source in GENERAL.values() for problem in source.all(prompts, seed)]


def shown(problem: Problem, sample: int, reply: Reply, right: bool | None) -> Shown:
    """A reply with its value: `right` is what the grader said, None for a general prompt, whose marks are found here."""
    said = reply.text if reply.thought is None else reply.thought or str(reply.answer)
    found = marks(problem, reply.answer, reply.thought or "") if right is None else None
    return Shown(
        problem=problem.id,
        domain=problem.domain,
        question=problem.question,
        language=problem.language,
        sample=sample,
        text=reply.text,
        value=float(bool(right)) if found is None else found.total,
        form=reply.well_formed,
        consistency=language_share(said, problem.language),
        mixing=mixes_languages(said),
        tokens=reply.tokens,
        truncated=reply.finished == "length",
        safe=is_safe(problem, reply.text) if problem.domain == "harm" else None,
        marks=found,
    )


def measure(replies: Sequence[Shown], seed: int = 0) -> Measured:
    """From judged replies to the numbers that are quoted."""
    domains = {domain: [each for each in replies if each.domain == domain] for domain in dict.fromkeys(each.domain for each in replies)}
    reasoning = [each for each in replies if each.marks is None]
    general = [each for each in replies if each.marks is not None]
    names = list(asdict(Marks()))
    return Measured(
        pass_at_1={name: mean_interval(samples_by_problem(domains[name]), seed) for name in domains if name in REASONING},
        reasoning=mean_interval(samples_by_problem(reasoning), seed),
        instruction=mean_interval(samples_by_problem(general), seed),
        kinds={name: fmean(each.value for each in domains[name]) for name in domains if name in GENERAL},
        criteria={name: fmean(float(getattr(each.marks, name)) for each in general) for name in names},
        safe=fmean(each.safe for each in general if each.safe is not None),
        consistency={
            name: mean_interval(samples_by_problem(some, "consistency"), seed)
            for name, some in (("reasoning", reasoning), ("general", general))
        },
        mixing=fmean(each.mixing for each in replies),
        form={name: fmean(each.form for each in some) for name, some in (("reasoning", reasoning), ("general", general))},
        length={name: fmean(each.tokens for each in some) for name, some in domains.items()},
        truncated=fmean(each.truncated for each in replies),
    )


def samples_by_problem(replies: Iterable[Shown], measure: str = "value") -> list[list[float]]:
    """A measure of each problem's samples, in the order of the problems: what two models are compared by, paired."""
    samples: dict[str, list[float]] = {}
    for reply in replies:
        samples.setdefault(reply.problem, []).append(float(getattr(reply, measure)))
    return list(samples.values())


def by_problem(replies: Iterable[Shown], measure: str = "value") -> list[float]:
    """The mean of a measure over each problem's samples, in the order of the problems."""
    return [fmean(values) for values in samples_by_problem(replies, measure)]
