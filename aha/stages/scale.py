"""The test-time scaling lab: the same problems with more samples, with thoughts cut short, and with thoughts that are told to go on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean

from aha.errors import BadInput
from aha.evals.attempts import Tried
from aha.evals.scaling import Arm, budgets
from aha.evals.trials import FREE, Trial, Trials
from aha.protocols import Ask, Engine, Tokenizer
from aha.sampling.prompts import completion_text
from aha.stages.course import Asked, Course, Span, span_of
from aha.types import Completion, Language

Beat = Callable[[str, int, int], None]  # an arm, how many of its problems are done, and how many there are
WAIT: dict[Language, str] = {"en": " Wait,", "zh": " 等等，"}
LEAST = 16  # tokens that an answer needs: a reply so near the end of the context that they do not fit stays as it is
Prefix = tuple[int, ...]


@dataclass(frozen=True)
class Going:
    """What a reply goes on from, in up to `most` more tokens; where not even `least` fit it does not."""

    prefix: Prefix
    most: int
    least: int


@dataclass(frozen=True)
class Scale:
    """`budgets`: the tokens of thinking after which a reply is told to answer; none given: from a sixteenth of the longest reply on.
    `forced`: how many of a problem's samples are (0: none), in up to `answer_tokens` more.

    `longer`: how many times a thought that has ended is told to go on, by `wait_en` or `wait_zh` in the place of its end; each time in up
    to `more_tokens` (0: half of the sampling's) more."""

    budgets: tuple[int, ...] = ()
    forced: int = 8
    answer_tokens: int = 256
    longer: int = 2
    more_tokens: int = 0
    wait_en: str = WAIT["en"]
    wait_zh: str = WAIT["zh"]

    def __post_init__(self) -> None:
        if min(self.forced, self.longer, self.more_tokens, *self.budgets, 0) < 0 or self.answer_tokens < 1:
            raise BadInput(
                f"budgets {self.budgets}, forced {self.forced}, longer {self.longer}, more_tokens {self.more_tokens}, answer_tokens "
                f"{self.answer_tokens}: each must be 0 or more, and answer_tokens 1 or more"
            )


@dataclass(frozen=True)
class Lab:
    """A scale at work. `engine` is opened when something is to be asked; `context`: the most tokens that it reads, None: no limit known."""

    scale: Scale
    course: Course
    engine: Callable[[], Engine]
    tokenizer: Tokenizer
    trials: Trials
    context: int | None
    beat: Beat

    def run(self) -> tuple[list[Arm], list[Arm]]:
        """All samples, then the arms that are cut and those that go on. What the folder holds is not asked again."""
        self._free()
        if not self.forced:
            return [], []
        cut = [self._forced(f"cut {budget}", budget, FREE, partial(self._cut, budget)) for budget in self._budgets()]
        longer, before = [Arm(0, self._tried(FREE))], FREE
        for times in range(1, self.scale.longer + 1):
            longer.append(self._forced(f"longer {times}", times, before, self._longer))
            before = f"longer {times}"
        return cut, longer if self.scale.longer else []

    @property
    def forced(self) -> int:
        """How many of a problem's samples; at most the half that is measured where the other half says how hard the problem is."""
        return min(self.scale.forced, self.course.k - self.course.k // 2)

    @property
    def more_tokens(self) -> int:
        """That a thought may have when it is told to go on."""
        return self.scale.more_tokens or max(1, self.course.sampling.max_tokens // 2)

    # --- what is asked --------------------------------------------------------------------------------------------------

    def _free(self) -> None:
        wanted = [asked for asked in self.course.problems if self.trials.lacks(FREE, asked.id)]
        if not wanted:
            return
        places = [(asked, _alike(asked, prompt)) for asked in wanted for prompt in dict.fromkeys(asked.prompts)]
        asks = [Ask(asked.prompts[numbers[0]], tuple(asked.seed("", number) for number in numbers)) for asked, numbers in places]
        found = {asked.id: dict[int, Trial]() for asked in wanted}
        for index, completions in self.engine().generate(asks, self.course.sampling):
            asked, numbers = places[index]
            said = zip(numbers, completions, strict=True)
            found[asked.id] |= {number: self._trial(asked, number, (), completion) for number, completion in said}
            if len(found[asked.id]) == self.course.k:
                self.trials.add(FREE, asked.id, [found[asked.id][number] for number in range(self.course.k)])
                self._tell(FREE)

    def _forced(self, arm: str, x: int, before: str, planned: Callable[[Asked, int, Trial], Going | None]) -> Arm:
        """An arm that goes on from samples of another: as `planned`, or, where that is None or does not fit, as they are."""
        wanted = [asked for asked in self.course.problems if self.trials.lacks(arm, asked.id)]
        found = {asked.id: dict(enumerate(self.trials.found[before, asked.id][: self.forced])) for asked in wanted}
        going = [
            (asked, number, plan)
            for asked in wanted
            for number, trial in found[asked.id].items()
            if (plan := planned(asked, number, trial)) is not None and self._room(asked, number, plan) >= plan.least
        ]
        left = Counter(asked.id for asked, _, _ in going)
        for asked in wanted:
            if not left[asked.id]:
                self.trials.add(arm, asked.id, list(found[asked.id].values()))
        for at, completion in self._continued(arm, going):
            asked, number, plan = going[at]
            found[asked.id][number] = self._trial(asked, number, plan.prefix, completion)
            left[asked.id] -= 1
            if not left[asked.id]:
                self.trials.add(arm, asked.id, list(found[asked.id].values()))
                self._tell(arm)
        return Arm(x, self._tried(arm))

    def _continued(self, arm: str, going: Sequence[tuple[Asked, int, Going]]) -> Iterator[tuple[int, Completion]]:
        if not going:
            return
        asks = [Ask(asked.prompts[number] + plan.prefix, (asked.seed(f" {arm}", number),)) for asked, number, plan in going]
        most = min(min(plan.most for _, _, plan in going), *(self._room(*each) for each in going))
        for index, (completion,) in self.engine().generate(asks, replace(self.course.sampling, max_tokens=most)):
            yield index, completion

    # --- how a reply goes on --------------------------------------------------------------------------------------------

    def _cut(self, budget: int, asked: Asked, number: int, trial: Trial) -> Going | None:
        """Its first `budget` tokens of thinking, told to answer. None where it was done by then, or thought nothing."""
        span = self._span(asked, number, trial)
        unfinished = span is not None and span.closed is None and trial.finished == "length"
        if span is None or (span.end - span.start <= budget and not unfinished):
            return None
        kept = trial.tokens[: min(span.start + budget, span.end)]
        early = tuple(self.tokenizer.encode(self.course.marks.early))
        return Going(kept + early, self.scale.answer_tokens, min(LEAST, self.scale.answer_tokens))

    def _longer(self, asked: Asked, number: int, trial: Trial) -> Going | None:
        """Its thought without its end, told to go on. None where it did not end."""
        span = self._span(asked, number, trial)
        if span is None or span.closed is None:
            return None
        wait = self.scale.wait_zh if asked.language == "zh" else self.scale.wait_en
        return Going(trial.tokens[: span.end] + tuple(self.tokenizer.encode(wait)), self.more_tokens, self.more_tokens)

    def _budgets(self) -> Sequence[int]:
        trials = [trial for asked in self.course.problems for trial in self.trials.found[FREE, asked.id]]
        return self.scale.budgets or budgets(max(len(trial.tokens) for trial in trials))

    # --- small things ---------------------------------------------------------------------------------------------------

    def _span(self, asked: Asked, number: int, trial: Trial) -> Span | None:
        return span_of(trial.tokens, asked.prompts[number], self.course.marks, self.tokenizer)

    def _room(self, asked: Asked, number: int, plan: Going) -> int:
        return sys.maxsize if self.context is None else self.context - len(asked.prompts[number]) - len(plan.prefix)

    def _trial(self, asked: Asked, number: int, prefix: Prefix, completion: Completion) -> Trial:
        whole = replace(completion, tokens=prefix + completion.tokens, logprobs=())
        right, vote = asked.judge(number, whole)
        logprob = fmean(completion.logprobs) if completion.logprobs and not prefix else None
        return Trial(whole.tokens, completion_text(whole, self.tokenizer), whole.finished, right, vote, logprob)

    def _tried(self, arm: str) -> tuple[Tried, ...]:
        found = self.trials.tried(arm, [asked.id for asked in self.course.problems])
        return tuple(replace(tried, attempts=tried.attempts[: self.forced]) for tried in found)

    def _tell(self, arm: str) -> None:
        done = sum((arm, asked.id) in self.trials.found for asked in self.course.problems)
        self.beat(arm, done, len(self.course.problems))


def _alike(asked: Asked, prompt: Prefix) -> list[int]:
    """The samples that are asked with this prompt."""
    return [number for number, own in enumerate(asked.prompts) if own == prompt]
