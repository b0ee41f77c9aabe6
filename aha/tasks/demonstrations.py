"""Replies written by rule: they replace the texts that people wrote for the paper's cold start, and DeepSeek-V3's data in the second SFT
(§2.3.3).

Reasoning is shown as it should be done, including slips and their corrections. Answers to general prompts have varying quality: with less
`care` they are more often in the wrong language, blunt, long, beside the point or unfinished, and sometimes comply with a harmful request.
So a model that imitates them can still learn from preferences.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from aha.errors import BadInput, Ratio
from aha.protocols import Problems
from aha.tasks import chain, program, word_problems
from aha.tasks.general import KINDS, prompt_of, reply
from aha.tasks.rewriting import summary
from aha.types import Conversation, Example, Language, Message, Origin, Problem

ROUND = 100  # problems asked of the source at a time

WORK: dict[Language, str] = {"en": "I work", "zh": "我们算"}
WRITE: dict[Language, str] = {"en": "I write", "zh": "我们写"}
WAIT: dict[Language, str] = {"en": "wait", "zh": "等等"}
CHECK: dict[Language, str] = {"en": "check", "zh": "检查"}
YES: dict[Language, str] = {"en": "yes", "zh": "对"}


@dataclass(frozen=True)
class Demonstrations:
    """A set of `count` examples for the problems of a source. `care`, from 0 to 1: the probability that each point of good manners is
    kept."""

    problems: Problems
    count: int
    care: Ratio = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.care <= 1:
            raise BadInput(f"count is {self.count} and care {self.care}: 1 or more, and a share from 0 to 1")

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples; each depends only on its place and the seed."""
        for start in range(0, self.count, ROUND):
            problems = self.problems.at(start // ROUND, 0, min(ROUND, self.count - start), self.seed)
            for place, problem in enumerate(problems, start):
                draw = random.Random(f"demonstration {self.seed} {place} {problem.id}")
                yield self._example(place, problem, *demonstrate(problem, self.care, draw))

    def _example(self, place: int, problem: Problem, thought: str, answer: str) -> Example:
        conversation = Conversation((Message("user", problem.question), Message("assistant", answer, thought)))
        origin = Origin("demonstrations", problem.id, f"by rule, care {self.care:g}", self.seed, "", "")
        return Example(f"demonstration/{self.seed}/{place}/{problem.id}", problem.domain, problem.language, conversation, origin)


def demonstrate(problem: Problem, care: float, draw: random.Random) -> tuple[str, str]:
    """Return thought and answer for a problem of a domain that the base knows nothing of. BadInput for another domain."""
    match problem.domain:
        case chain.DOMAIN:
            return _chain(problem, draw)
        case program.DOMAIN:
            return _program(problem, draw)
        case word_problems.DOMAIN:
            return word_problems.word_problem_of(problem).solution
        case name if name in KINDS:
            return reply(prompt_of(problem), problem, care, draw)
    raise BadInput(
        f"{problem.id}: no demonstrations of domain {problem.domain}; they are of chain, program, word-problem, {', '.join(KINDS)}"
    )


def _chain(problem: Problem, draw: random.Random) -> tuple[str, str]:
    """Write every step down; sometimes with a slip that is noticed, or with the last step checked."""
    task, language = chain.chain_of(problem), problem.language
    slips = draw.randrange(len(task.steps)) if draw.random() < 0.15 else -1
    words, again, value = [WORK[language], str(task.first)], list[str](), task.first
    for place, ((operator, number), result) in enumerate(zip(task.steps, task.values(), strict=True)):
        step = [operator, str(number), "="]
        if place == slips:
            words += [*step, str(min(199, result + draw.choice((1, 2, 10)))), WAIT[language], str(value)]
        words += [*step, str(result)]
        again, value = [CHECK[language], str(value), *step, str(result), YES[language]], result
    if draw.random() < 0.2:
        words += again
    return " ".join(words), summary(str(value), str(value), language)


def _program(problem: Problem, draw: random.Random) -> tuple[str, str]:
    """Build the expression step by step; sometimes the parentheses are forgotten at first."""
    task, language = program.program_of(problem), problem.language
    tries = list[str]()
    before = ""
    for (operator, operand), expression in zip((("", ""), *task.steps), task.expressions(), strict=True):
        careless = f"{before} {operator} {operand}"
        slip = f"`{careless}` {WAIT[language]} " if before and careless != expression and draw.random() < 0.2 else ""
        tries.append(f"{slip}`{expression}`")
        before = expression
    return f"{WRITE[language]} {chain.THEN[language].join(tries)}", f"```\n{task.code}\n```"
