"""The test-time scaling lab: the same problems with more samples, with thoughts cut short, and with thoughts made longer."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean
from typing import Any

from aha.codec import decode, differences, encode
from aha.durable import Disk, append_journal, disk_errors, read_document, read_journal, replace_file
from aha.errors import BadInput, DiskTrouble
from aha.evals.run import Evaluation
from aha.evals.samples import GradedSample, Key, ProblemSamples
from aha.evals.scaling import Arm, budgets
from aha.protocols import Ask, Engine, Tokenizer
from aha.sampling.rollouts import completion_text
from aha.template import END_THINK, THINK, ChatTemplate, Delimited, FewShot, Template
from aha.types import Completion, Count, FinishReason, Language

Progress = Callable[[str, int, int], None]  # an arm, the number of its problems done, and the number of all
SETTINGS, TRIALS = "settings.json", "trials.jsonl"
FREE = "free"  # the arm without a limit on thinking
WAIT: dict[Language, str] = {"en": " Wait,", "zh": " 等等，"}
LEAST = 16  # tokens that an answer needs; a reply without that much room in the context stays as it is
Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Scale:
    """`budgets`: the tokens of thinking after which a reply has to answer; if empty, from a sixteenth of the longest reply on. `forced`:
    the number of a problem's samples to which this is done (0: none), in up to `answer_tokens` more.
    `longer`: how many times a finished thought is extended by `wait_en` or `wait_zh` in place of its end, each time in up to `more_tokens`
    (0: half of the sampling's) more."""

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


# --- the span of a thought ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ThinkTags:
    """The tags before and after a thought, and the text that ends it early."""

    opening: str = THINK
    closing: str = END_THINK
    early: str = END_THINK


@dataclass(frozen=True)
class ThoughtSpan:
    """The position of a thought among a reply's tokens: from `start` to before `end`; its closing tag ends before `close`. `close` None:
    the thought was never closed, and `end` is the end of the reply."""

    start: int
    end: int
    close: int | None


def think_tags(template: Template) -> ThinkTags:
    """Return the tags of a template's thoughts."""
    match template:
        case Delimited(token=token):
            return ThinkTags(token, token, token)
        case FewShot(inner=inner):
            return think_tags(inner)
        case ChatTemplate():
            return ThinkTags(early=f"\n{END_THINK}\n\n")
        case _:
            return ThinkTags()


def thought_span(tokens: Sequence[int], prompt: Sequence[int], tags: ThinkTags, tokenizer: Tokenizer) -> ThoughtSpan | None:
    """Return the span of a reply's thought, which the prompt may have opened; None if there is none."""
    text = tokenizer.decode(tokens)
    in_thought = tokenizer.decode(prompt).rstrip().endswith(tags.opening)
    at = 0 if in_thought else text.find(tags.opening)
    if at < 0:
        return None
    first = at + (0 if in_thought else len(tags.opening))
    last = text.find(tags.closing, first)
    places = range(len(tokens) + 1)

    def length(count: int) -> int:
        return len(tokenizer.decode(tokens[:count]))

    start = bisect_left(places, first, key=length)
    if last < 0:
        end = next((place for place in range(start, len(tokens)) if tokens[place] in tokenizer.stop), len(tokens))
        return ThoughtSpan(start, end, None)
    end = max(start, bisect_right(places, last, key=length) - 1)
    return ThoughtSpan(start, end, bisect_left(places, last + len(tags.closing), key=length))


# --- the trials on disk ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScalingTrial:
    """One graded sample of the lab with its tokens, from which it can be continued. `tokens`: all tokens of the reply, those inserted by
    the lab included; `logprob`: a token's mean log-probability if nothing was inserted."""

    tokens: tuple[Count, ...]
    text: str
    finished: FinishReason
    right: bool
    vote: str | None
    logprob: float | None


class TrialJournal:
    """A folder of trials: a problem's samples of one arm are one line, which is on disk when `add` returns. Samples in it are not asked
    again."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.trials = folder, dict[tuple[str, str], tuple[ScalingTrial, ...]]()
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._check(folder / SETTINGS, settings)
        journal = read_journal(folder / TRIALS)
        if journal.damaged_lines:
            raise DiskTrouble(
                f"{folder / TRIALS}: line {journal.damaged_lines[0]} is damaged; delete that line and its samples are asked again"
            )
        if journal.torn_bytes:
            with disk_errors(folder):
                Disk().truncate(folder / TRIALS, journal.end)
        for record in journal.records:
            self.trials[record["arm"], record["problem"]] = tuple(decode(trial, ScalingTrial) for trial in record["trials"])

    def _check(self, path: Path, settings: Mapping[str, Any]) -> None:
        if not path.exists():
            replace_file(Disk(), path, json.dumps(settings, ensure_ascii=False, indent=2).encode())
            return
        record = read_document(path)
        if not isinstance(record, dict):
            raise BadInput(f"{path}: it names no settings; choose another --out")
        if lines := differences(record, settings):
            raise BadInput(
                f"{path.parent}: it was begun with other settings ({'; '.join(lines[:3])}); choose another --out, or the same settings"
            )

    def add(self, arm: str, problem: str, trials: Sequence[ScalingTrial]) -> None:
        """Store a problem's samples of an arm."""
        lines = [encode(trial, ScalingTrial) for trial in trials]
        append_journal(Disk(), self.folder / TRIALS, {"arm": arm, "problem": problem, "trials": lines})
        self.trials[arm, problem] = tuple(trials)

    def samples(self, arm: str, problems: Sequence[str]) -> tuple[ProblemSamples, ...]:
        """Return an arm's samples, in the order of the problems."""
        return tuple(
            ProblemSamples(problem, tuple(_grade(problem, number, trial) for number, trial in enumerate(self.trials[arm, problem])))
            for problem in problems
        )


def _grade(problem: str, number: int, trial: ScalingTrial) -> GradedSample:
    return GradedSample(
        problem, number, float(trial.right), text=trial.text, claim=trial.vote, tokens=len(trial.tokens), finished=trial.finished
    )


# --- the lab --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Continuation:
    """The tokens that a reply continues from, in up to `most` more tokens; if not even `least` fit, it is not continued."""

    prefix: Tokens
    most: int
    least: int


@dataclass(frozen=True)
class ScalingLab:
    """An open lab. `engine` is opened when something is asked; `context`: the most tokens that it reads, None: no limit known."""

    scale: Scale
    evaluation: Evaluation
    engine: Callable[[], Engine]
    tokenizer: Tokenizer
    journal: TrialJournal
    context: int | None
    progress: Progress

    def run(self) -> tuple[list[Arm], list[Arm]]:
        """Sample everything, and return the arms that are cut and those that are longer. Samples in the folder are not asked again."""
        self._sample_free()
        if not self.forced_count:
            return [], []
        cut = [self._force(f"cut {budget}", budget, FREE, partial(self._cut, budget)) for budget in self._budgets()]
        longer, before = [Arm(0, self._samples(FREE))], FREE
        for times in range(1, self.scale.longer + 1):
            longer.append(self._force(f"longer {times}", times, before, self._longer))
            before = f"longer {times}"
        return cut, longer if self.scale.longer else []

    @property
    def forced_count(self) -> int:
        """The number of a problem's samples to continue: at most the half used for scores; the other half tells how hard the problem is."""
        return min(self.scale.forced, self.evaluation.k - self.evaluation.k // 2)

    @property
    def problems(self) -> list[str]:
        """The names of the problems, in order."""
        return [example.id for example in self.evaluation.examples]

    @cached_property
    def prompts(self) -> dict[Key, Tokens]:
        """The token ids of each sample's prompt."""
        return self.evaluation.prompts(self.tokenizer)

    # --- sampling ------------------------------------------------------------------------------------------------------

    def _missing(self, arm: str) -> list[str]:
        return [problem for problem in self.problems if (arm, problem) not in self.journal.trials]

    def _sample_free(self) -> None:
        """Sample every problem k times; samples with the same prompt are one request."""
        k, missing = self.evaluation.k, self._missing(FREE)
        groups: dict[tuple[str, Tokens], list[int]] = {}
        for problem in missing:
            for number in range(k):
                groups.setdefault((problem, self.prompts[problem, number]), []).append(number)
        requests = [
            Ask(prompt, tuple(self.evaluation.sample_seed((problem, number)) for number in numbers))
            for (problem, prompt), numbers in groups.items()
        ]
        places = [(problem, numbers) for (problem, _), numbers in groups.items()]
        trials = {problem: dict[int, ScalingTrial]() for problem in missing}
        for index, completions in self.engine().generate(requests, self.evaluation.sampling) if requests else ():
            problem, numbers = places[index]
            for number, completion in zip(numbers, completions, strict=True):
                trials[problem][number] = self._trial((problem, number), (), completion)
            if len(trials[problem]) == k:
                self._add(FREE, problem, [trials[problem][number] for number in range(k)])

    def _force(self, arm: str, x: int, before: str, plan: Callable[[Key, ScalingTrial], Continuation | None]) -> Arm:
        """Return an arm that continues samples of another as planned; samples without a plan, or without room for it, stay as they are."""
        missing = self._missing(arm)
        trials = {problem: dict(enumerate(self.journal.trials[before, problem][: self.forced_count])) for problem in missing}
        plans: list[tuple[Key, Continuation]] = []
        for problem in missing:
            for number, trial in trials[problem].items():
                continuation = plan((problem, number), trial)
                if continuation is not None and self._room((problem, number), continuation) >= continuation.least:
                    plans.append(((problem, number), continuation))
        remainders = Counter(problem for (problem, _), _ in plans)
        for problem in missing:
            if not remainders[problem]:
                self.journal.add(arm, problem, list(trials[problem].values()))
        for place, completion in self._continue(arm, plans):
            (problem, number), continuation = plans[place]
            trials[problem][number] = self._trial((problem, number), continuation.prefix, completion)
            remainders[problem] -= 1
            if not remainders[problem]:
                self._add(arm, problem, list(trials[problem].values()))
        return Arm(x, self._samples(arm))

    def _continue(self, arm: str, plans: Sequence[tuple[Key, Continuation]]) -> Iterator[tuple[int, Completion]]:
        if not plans:
            return
        requests = [
            Ask(self.prompts[key] + continuation.prefix, (self.evaluation.sample_seed(key, f" {arm}"),)) for key, continuation in plans
        ]
        most = min(min(continuation.most for _, continuation in plans), *(self._room(key, continuation) for key, continuation in plans))
        for index, (completion,) in self.engine().generate(requests, replace(self.evaluation.sampling, max_tokens=most)):
            yield index, completion

    # --- continuations --------------------------------------------------------------------------------------------------

    def _cut(self, budget: int, key: Key, trial: ScalingTrial) -> Continuation | None:
        """Keep the first `budget` tokens of the thought and close it, so that the model answers. None if the thought had ended by then, or
        there was none."""
        span = self._span(key, trial)
        unfinished = span is not None and span.close is None and trial.finished == "length"
        if span is None or (span.end - span.start <= budget and not unfinished):
            return None
        head = trial.tokens[: min(span.start + budget, span.end)]
        early = tuple(self.tokenizer.encode(self._tags.early))
        return Continuation(head + early, self.scale.answer_tokens, min(LEAST, self.scale.answer_tokens))

    def _longer(self, key: Key, trial: ScalingTrial) -> Continuation | None:
        """Replace the end of a thought with "Wait", so that the model keeps thinking. None if the thought did not end."""
        span = self._span(key, trial)
        if span is None or span.close is None:
            return None
        wait = self.scale.wait_zh if self.evaluation.example(key).language == "zh" else self.scale.wait_en
        more = self.scale.more_tokens or max(1, self.evaluation.sampling.max_tokens // 2)
        end = span.end
        while end > span.start and not self.tokenizer.decode(trial.tokens[end - 1 : end]).strip():
            end -= 1  # as a server, which shows a thought without the blank before its end
        return Continuation(trial.tokens[:end] + tuple(self.tokenizer.encode(wait)), more, more)

    def _budgets(self) -> Sequence[int]:
        trials = [trial for problem in self.problems for trial in self.journal.trials[FREE, problem]]
        return self.scale.budgets or budgets(max(len(trial.tokens) for trial in trials))

    @property
    def _tags(self) -> ThinkTags:
        return think_tags(self.evaluation.template)

    def _span(self, key: Key, trial: ScalingTrial) -> ThoughtSpan | None:
        return thought_span(trial.tokens, self.prompts[key], self._tags, self.tokenizer)

    def _room(self, key: Key, continuation: Continuation) -> int:
        return sys.maxsize if self.context is None else self.context - len(self.prompts[key]) - len(continuation.prefix)

    def _trial(self, key: Key, prefix: Tokens, completion: Completion) -> ScalingTrial:
        whole = replace(completion, tokens=(*prefix, *completion.tokens), logprobs=())
        sample = self.evaluation.grade(key, self.evaluation.read_completion(whole, self.prompts[key], self.tokenizer))
        logprob = fmean(completion.logprobs) if completion.logprobs and not prefix else None
        text = completion_text(whole, self.tokenizer)
        return ScalingTrial(tuple(whole.tokens), text, whole.finished, sample.right, sample.claim, logprob)

    def _samples(self, arm: str) -> tuple[ProblemSamples, ...]:
        return tuple(replace(part, samples=part.samples[: self.forced_count]) for part in self.journal.samples(arm, self.problems))

    def _add(self, arm: str, problem: str, trials: Sequence[ScalingTrial]) -> None:
        self.journal.add(arm, problem, trials)
        self.progress(arm, sum((arm, name) in self.journal.trials for name in self.problems), len(self.problems))
