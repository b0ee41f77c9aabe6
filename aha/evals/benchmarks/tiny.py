"""The benchmarks with generated problems: held-out countdown, the whole tiny world at once, and word problems for chat models."""

from __future__ import annotations

from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial

from aha.evals.benchmark import Benchmark, BenchmarkExample, ProblemGenerator, ReplyGrade
from aha.grading import Graders
from aha.grading.countdown import last_expression
from aha.lazy import lazy_pattern
from aha.protocols import Sampling
from aha.sampling.rollouts import seed_for
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.general import KINDS, GeneralProblems
from aha.tasks.program import ProgramProblems
from aha.tasks.rubric import is_safe, marks
from aha.tasks.word_problems import UNSEEN, WordProblems, word_problem_of
from aha.template import ChatTemplate, Delimited, Short
from aha.text import language_share, mixes_languages, reflects
from aha.types import Number, Open, Problem, Reply, Right, Wrong

SHORT = 32  # the most tokens of a right reply that counts for pass@1_short
SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_tokens=300)
LICENCE = "generated here; no licence is needed"
WORLD_PLACE = -3  # the rollout number in the tiny world's seeds: no training, probe or evaluation has it

REASONING: dict[str, ChainProblems | CountdownProblems | ProgramProblems] = {
    "countdown": CountdownProblems(split="held-out"),
    "chain": ChainProblems(split="held-out"),
    "program": ProgramProblems(split="held-out"),
}
GENERAL = {kind: GeneralProblems((kind,), split="held-out") for kind in KINDS}


def _example(problem: Problem) -> BenchmarkExample:
    return BenchmarkExample(problem.id, problem.question, problem.language, problem.reference, problem.domain)


# --- countdown ----------------------------------------------------------------------------------------------------------


def _countdown_examples(numbers: int, problems: int, prompts: int, seed: int) -> list[BenchmarkExample]:
    return [_example(problem) for problem in CountdownProblems(numbers=numbers, split="held-out").all(problems, seed)]


def grade_countdown(example: BenchmarkExample, reply: Reply, graders: Graders, short: int = SHORT) -> ReplyGrade:
    """Grade the answer that the template reads. `lenient`: right by the last expression anywhere in the text, so that a broken template is
    not taken for inability. Expressions that are spelled alike up to blanks vote together, not those of equal value."""
    verdict = graders.grade(example.reference, reply.answer)
    right = isinstance(verdict, Right)
    measures = {
        "lenient": isinstance(graders.grade(example.reference, last_expression(reply.text)), Right),
        "format": reply.well_formed,
        "length": reply.tokens,
        "reflection": reflects(reply.text),
        "mixing": mixes_languages(reply.text if reply.thought is None else reply.thought),
        "pass@1_short": right and reply.tokens <= short,
    }
    vote = None if reply.answer is None else "".join(reply.answer.split())
    return ReplyGrade(verdict, vote, {name: float(value) for name, value in measures.items()})


COUNTDOWN = Benchmark(
    name="countdown",
    description="countdown: three numbers, held out, half of the questions in Chinese",
    licence=LICENCE,
    generator=ProblemGenerator(partial(_countdown_examples, 3), problems=500),
    grade=grade_countdown,
    templates=(Short(),),
    sampling=SAMPLING,
    verified=True,
    grades_all=True,
    literal_votes=True,
)
COUNTDOWN_4 = replace(
    COUNTDOWN,
    name="countdown4",
    description="countdown: four numbers, held out, half of the questions in Chinese",
    generator=ProblemGenerator(partial(_countdown_examples, 4), problems=500),
)


# --- the whole world ----------------------------------------------------------------------------------------------------


def _world_examples(problems: int, prompts: int, seed: int) -> list[BenchmarkExample]:
    reasoning = [problem for source in REASONING.values() for problem in source.all(problems, seed)]
    return [_example(problem) for problem in (*reasoning, *(p for source in GENERAL.values() for p in source.all(prompts, seed)))]


def grade_world(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Grade reasoning by its answer, and a general prompt by the rubric without its noise. `consistency`: the share of words in the
    prompt's language, in the thought if there is one, else in the whole reply. `safe` is measured if there is something to refuse."""
    words = reply.text if reply.thought is None else reply.thought or str(reply.answer)
    kind = "general" if isinstance(example.reference, Open) else "reasoning"
    measures = {
        f"consistency/{kind}": language_share(words, example.language),
        "mixing": float(mixes_languages(words)),
        f"form/{kind}": float(reply.well_formed),
        f"length/{example.category}": float(reply.tokens),
    }
    if kind == "reasoning":
        verdict = graders.grade(example.reference, reply.answer)
        return ReplyGrade(verdict, reply.answer, {"reasoning": float(isinstance(verdict, Right)), **measures})
    criteria_marks = marks(example.problem, reply.answer, reply.thought or "")
    criteria = {f"criteria/{name}": float(value) for name, value in asdict(criteria_marks).items()}
    safe = {"safe": float(is_safe(example.problem, reply.text))} if example.category == "harm" else {}
    failures = ", ".join(name for name, value in asdict(criteria_marks).items() if value < 1)
    verdict = Wrong(f"lacks {failures}"[:200]) if failures else Right()
    return ReplyGrade(verdict, None, {"instruction": criteria_marks.total, **measures, **criteria, **safe}, marks=criteria_marks.total)


def seed_by_place(seed: int, place: int, problem: str, sample: int, rollout: int = WORLD_PLACE) -> int:
    """Return a seed that depends on the places of the problem and the sample, as in training."""
    return seed_for(seed, rollout, place, sample)


TINY_WORLD = replace(
    COUNTDOWN,
    name="tiny-world",
    description="the tiny world: three kinds of reasoning, four of general prompts, two languages, held out",
    generator=ProblemGenerator(_world_examples, problems=100, prompts=48),
    grade=grade_world,
    k=2,
    headline="reasoning",
    templates=(Delimited(), Short()),
    rubric=tuple(GENERAL),
    seeds=seed_by_place,
)


# --- word problems ------------------------------------------------------------------------------------------------------

NUMBER = lazy_pattern(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
SUFFIXES = {"": "", "-number": "Answer with a number alone.", "-steps": "Let's think step by step. End with the answer as a number."}


def _word_examples(suffix: str, problems: int, prompts: int, seed: int) -> list[BenchmarkExample]:
    examples = [_example(problem) for problem in WordProblems(split="held-out").all(problems, seed)]
    return [
        replace(
            example,
            prompt=f"{example.prompt}\n{suffix}" if suffix else example.prompt,
            category="unseen form" if word_problem_of(example.problem).form in UNSEEN else "trained form",
        )
        for example in examples
    ]


def last_number(text: str | None) -> str | None:
    """Return the last number in a text, without commas between its thousands."""
    numbers = NUMBER.findall(text or "")
    return numbers[-1].replace(",", "") if numbers else None


def grade_last_number(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Grade the last number of the answer, whatever surrounds it: of the whole reply if the template has no tags, which is most lenient,
    else of the text after the thought."""
    assert isinstance(example.reference, Number)
    number = last_number(reply.answer)
    right = number is not None and Fraction(number) == Fraction(example.reference.value)
    verdict = Right() if right else Wrong(f"the last number is {number}, not {example.reference.value}" if number else "it has no number")
    anywhere = last_number(reply.text)
    measures = {
        "lenient": float(anywhere is not None and Fraction(anywhere) == Fraction(example.reference.value)),
        "format": float(reply.well_formed),
        "length": float(reply.tokens),
    }
    return ReplyGrade(verdict, number, measures)


WORD_PROBLEMS = tuple(
    Benchmark(
        name=f"word-problems{ending}",
        description=f"word problems of one or two operations, held out{f', asked: {suffix}' * bool(suffix)}",
        licence=LICENCE,
        generator=ProblemGenerator(partial(_word_examples, suffix), problems=500),
        grade=grade_last_number,
        k=1,
        templates=(ChatTemplate(),),
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=256),
        verified=True,
        grades_all=True,
    )
    for ending, suffix in SUFFIXES.items()
)
BENCHMARKS = (COUNTDOWN, COUNTDOWN_4, TINY_WORLD, *WORD_PROBLEMS)
