"""What a benchmark asks of a judge: which questions a reply raises, what a verdict looks like, what the verdicts come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from aha.codec import encode
from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample, ReplyGrade
from aha.evals.judged.prompts import JudgePrompt
from aha.evals.result import Result
from aha.evals.samples import GradedSample, Key, grade_sample
from aha.protocols import Sampling
from aha.types import ChatReply, Conversation, Message, Reply

JudgeVerdict = float | str
Samples = Mapping[Key, GradedSample]


class JudgedBenchmark(Protocol):
    """A judged benchmark, as a value. What a judge sees of a reply is its visible text, never the thinking before it."""

    @property
    def judges(self) -> tuple[str, ...]:
        """The models whose verdicts are published."""
        ...

    @property
    def prompt(self) -> JudgePrompt: ...

    @property
    def sampling(self) -> Sampling: ...

    @property
    def top(self) -> int:
        """Of how many tokens log-probabilities are wanted."""
        ...

    @property
    def expected(self) -> int:
        """Tokens of a usual reply of the judge: what a cost is estimated with."""
        ...

    @property
    def again(self) -> str:
        """What is said to a judge that gave no verdict."""
        ...

    def usual_reply(self, example: BenchmarkExample) -> str:
        """Return a text as long as a usual reply, which stands for one in an estimate."""
        ...

    def questions(self, example: BenchmarkExample, text: str) -> list[Conversation]:
        """Return what the judge is asked about one reply."""
        ...

    def verdict(self, replies: Sequence[ChatReply]) -> JudgeVerdict | None:
        """Return what the judge said to one question, in so many turns; None where that is no verdict."""
        ...

    def grade(self, example: BenchmarkExample, text: str, verdicts: Sequence[JudgeVerdict | None]) -> ReplyGrade:
        """Return the grade of a reply by the verdicts of its questions."""
        ...

    def result(self, benchmark: Benchmark, samples: Sequence[JudgedSample], folder: Path, run: JudgeRun) -> Result:
        """Return the result, by the statistics that also read published files; what those read is written to the folder."""
        ...


@dataclass(frozen=True)
class JudgeRun:
    """Whose replies they are, who judged, and the seed of the intervals."""

    model: str
    judge: str
    seed: int


@dataclass(frozen=True)
class JudgeSettings:
    """How the judge is asked. `judge` names server and model, or the weights; what is no verdict is asked for `turns` times in all."""

    judge: str
    sampling: Sampling
    top: int
    turns: int

    def key(self, conversation: Conversation) -> str:
        """Return the sha256 of all that a reply follows from: one text is judged once, however many samples it is the reply of."""
        turns = encode(conversation, Conversation)
        if not conversation.options:
            del turns["options"]  # transcripts of versions without options have the same key
        request = [self.judge, self.top, encode(self.sampling, Sampling), turns]
        return hashlib.sha256(json.dumps(request, sort_keys=True).encode("utf-8", "backslashreplace")).hexdigest()


@dataclass(frozen=True)
class JudgeQuestion:
    """One question to the judge: its place among those of a sample, and the conversation."""

    problem: str
    sample: int
    number: int
    conversation: Conversation


@dataclass(frozen=True)
class JudgedSample:
    """A sample with what the judge said of it. `verdicts` is empty where it was not asked, since the reply was cut or empty."""

    example: BenchmarkExample
    sample: GradedSample
    replies: tuple[tuple[ChatReply, ...], ...]
    verdicts: tuple[JudgeVerdict | None, ...]


def is_judgeable(sample: GradedSample) -> bool:
    """Whether there is anything to judge. What was cut at the limit and what is empty has lost without a judge."""
    return sample.finished == "stop" and bool(sample.text.strip())


def judge_questions(benchmark: JudgedBenchmark, examples: Sequence[BenchmarkExample], samples: Samples, k: int) -> list[JudgeQuestion]:
    """Return every question about every sample that is there and can be judged."""
    pairs = [(example, samples.get((example.id, number))) for example in examples for number in range(k)]
    return [
        JudgeQuestion(example.id, sample.sample, number, conversation)
        for example, sample in pairs
        if sample is not None and is_judgeable(sample)
        for number, conversation in enumerate(benchmark.questions(example, sample.text))
    ]


def replies_and_next(
    benchmark: JudgedBenchmark, settings: JudgeSettings, conversation: Conversation, replies_by_key: Mapping[str, ChatReply]
) -> tuple[tuple[ChatReply, ...], Conversation | None]:
    """Return the judge's replies so far, and what is to be asked next; None where a verdict is there, or the turns are used up."""
    replies: list[ChatReply] = []
    while len(replies) < settings.turns:
        reply = replies_by_key.get(settings.key(conversation))
        if reply is None:
            return tuple(replies), conversation
        replies.append(reply)
        if benchmark.verdict(replies) is not None:
            break
        conversation = _continue(conversation, reply, benchmark.again)
    return tuple(replies), None


def _continue(conversation: Conversation, reply: ChatReply, again: str) -> Conversation:
    """Return the conversation with a reply that is no verdict. An empty reply cannot be sent back: then the question itself is repeated."""
    if not reply.text.strip():
        *before, last = conversation.messages
        return Conversation((*before, Message(last.role, f"{last.content}\n\n{again}")))
    return Conversation((*conversation.messages, Message("assistant", reply.text), Message("user", again)))


def judged_samples(
    judged_benchmark: JudgedBenchmark,
    benchmark: Benchmark,
    examples: Sequence[BenchmarkExample],
    samples: Samples,
    k: int,
    settings: JudgeSettings,
    replies_by_key: Mapping[str, ChatReply],
) -> list[JudgedSample]:
    """Return every sample, graded by what the judge said of it. BadInput where one is missing."""
    result = []
    for example in examples:
        for number in range(k):
            sample = samples.get((example.id, number))
            if sample is None:
                raise BadInput(
                    f"{example.id}: {number} samples of it are saved, fewer than k = {k}; ask for the rest with the same aha eval"
                )
            result.append(_judged_sample(judged_benchmark, benchmark, example, sample, settings, replies_by_key))
    return result


def _judged_sample(
    judged_benchmark: JudgedBenchmark,
    benchmark: Benchmark,
    example: BenchmarkExample,
    sample: GradedSample,
    settings: JudgeSettings,
    replies_by_key: Mapping[str, ChatReply],
) -> JudgedSample:
    conversations = judged_benchmark.questions(example, sample.text) if is_judgeable(sample) else []
    replies = tuple(replies_and_next(judged_benchmark, settings, conversation, replies_by_key)[0] for conversation in conversations)
    verdicts = tuple(map(judged_benchmark.verdict, replies))

    def by_verdicts(example: BenchmarkExample, reply: Reply) -> ReplyGrade:
        return judged_benchmark.grade(example, reply.text, verdicts)

    reply = Reply(sample.text, sample.thought, sample.text, sample.tokens or 0, sample.finished or "stop")
    sample_with_grade = grade_sample(replace(benchmark, grade=by_verdicts), example, reply, sample.sample, "", sample.seed)
    if "not_attempted" in sample_with_grade.measures:  # the judge's word counts, not a rule
        sample_with_grade = replace(sample_with_grade, refused=sample_with_grade.measures["not_attempted"] > 0)
    return JudgedSample(example, replace(sample_with_grade, prompt=sample.prompt), replies, verdicts)
