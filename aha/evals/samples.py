"""Graded samples, and the journal of an evaluation: every sample is a line, written to the disk before the model samples much more.

A reply is taken to decline to answer, in English or Chinese, when in one of its first two sentences or its last one the speaker says of
itself that it cannot, will not or may not answer, or does not know; and it is short (160 words, a Chinese one counting double), so that a
solution which opens with modesty counts as an attempt. A judge's NOT_ATTEMPTED counts instead of this rule.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from aha.answers import gradable
from aha.codec import check_fields, decode, differences, encode
from aha.durable import Disk, append_journal, disk_errors, naming_file, read_document, read_journal, read_records, replace_file, seal
from aha.errors import BadInput, DiskTrouble
from aha.evals.benchmark import Benchmark, BenchmarkExample
from aha.grading import Graders
from aha.lazy import lazy_pattern
from aha.redact import hide
from aha.rundir.record import EXAMPLES, OLD_REPLIES, RESULT, SAMPLES, SETTINGS, sample_lines
from aha.text import count_words
from aha.types import Count, FinishReason, Positive, Reference, Reply, Right, Wrong

LONGEST = 160
_SENTENCE = lazy_pattern(r"[^.!?。！？\n]+")

_I = r"\b(?:i|we)\b"
_UNABLE = (
    r"(?: can(?:no|')?t| cannot| can not| could(?:n't| not)| won't| will not"
    r"|(?: am| are|'m|'re) (?:not able|unable|not allowed|not permitted)"
    r"| must decline| have to decline| must refuse| decline| refuse|(?: am|'m) not comfortable)"
)
_TO_ANSWER = (
    r"(?:answer|assist|help|provide|comply|discuss|share|fulfill?|engage|create|generate|write|give|offer|support|do (?:that|this)|respond"
    r"|continue|determine|say|tell|verify|confirm|find)"
)
_NO_KNOWLEDGE = r"(?:enough|any|sufficient|access|the|reliable)\b[^.]*\b(?:information|data|knowledge|answer)"
_QUESTION = r"(?:who|what|which|when|where|how|of the answer)"
_ENGLISH = lazy_pattern(
    "|".join(
        (
            rf"{_I}(?: really| simply| just| unfortunately| also)?{_UNABLE}(?: \w+){{0,4}}? {_TO_ANSWER}\b",
            rf"{_I} (?:do not|don't) (?:actually )?(?:know\b|have {_NO_KNOWLEDGE})",
            rf"{_I}(?:'m| am) not (?:sure|certain) {_QUESTION}",
            rf"^\W*{_I} (?:must |have to )?(?:decline|refuse)\b",
        )
    ),
    re.IGNORECASE,
)
_CHINESE = lazy_pattern(
    r"(?:我|本人|作为[^，。]{0,20})[^。！？\n]{0,8}?(?:无法|不能|不可以|不便|没法|没办法|拒绝|不会)[^。！？\n]{0,8}?"
    r"(?:回答|提供|帮助|协助|满足|讨论|完成|给出|确定|继续|生成|创作|透露|评论|回应|告诉)"
    r"|(?:我|本人)(?:并|也|确实|真的)?不(?:知道|清楚|了解|确定)(?!.{0,6}(?:是否对|对不对))"
    r"|(?:抱歉|对不起|很遗憾)[，,]?[^。！？\n]{0,12}?(?:无法|不能|不便)[^。！？\n]{0,12}"
    r"|我?(?:没有|缺乏)(?:足够的?|相关的?|可靠的?)(?:信息|资料|数据|知识)"
)


def refuses(text: str) -> bool:
    """Return True if the visible part of a reply declines to answer."""
    words = count_words(text)
    if words.en + words.rest + 2 * words.zh > LONGEST:
        return False
    sentences = [match.group() for match in _SENTENCE.finditer(text.replace("’", "'"))]
    return any(_declines(sentence) for sentence in {*sentences[:2], *sentences[-1:]})


def _declines(sentence: str) -> bool:
    return bool(_ENGLISH.search(sentence) or _CHINESE.search(sentence))


Key = tuple[str, int]  # (problem, number of the sample)
SETTING_TYPES = {  # types of the settings that are read back from a folder
    "benchmark": str, "k": Positive, "problems": Positive | None, "seed": Count, "max_tokens": Positive | None,
    "model": str | None, "data": str | None,
}  # fmt: skip
FLUSH_S = 0.2  # the longest wait of a sample for others to be written with it


@dataclass(frozen=True)
class GradedSample:
    """One reply to one problem, graded: a line of an evaluation's journal.

    `grade`: 1 if it is right, 0 if it is wrong, values between for a rubric's marks, None if it could not be graded; `reason` says why it
    is not right. `text`: the visible part of the reply, with the thinking apart in `thought` (of the tiny world: all sampled text).
    `claim`: the answer as read, in the form in which it votes; None if unreadable. `refused`: it declines to answer, by the stated rule.
    `prompt`: a hash of the model's prompt, `seed`: the sample's seed. `reward`: a reward model's number, in others' files."""

    problem: str
    sample: Count
    grade: float | None
    reason: str = ""
    text: str = ""
    thought: str | None = None
    claim: str | None = None
    refused: bool = False
    tokens: Count | None = None
    finished: FinishReason | None = None
    prompt: str = ""
    seed: int | None = None
    category: str = ""
    options: Count = 0
    measures: dict[str, float] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    reward: float | None = None

    @property
    def right(self) -> bool:
        """True if the reply is right."""
        return self.grade == 1.0

    @property
    def abstained(self) -> bool:
        """True if the reply could not be graded."""
        return self.grade is None

    @property
    def truncated(self) -> bool:
        """True if the reply was cut at the limit of tokens."""
        return self.finished == "length"

    def measure(self, name: str) -> float:
        """Return a measure of this sample; `pass@1` is 1 if it is right. A missing measure is 0."""
        return float(self.right) if name == "pass@1" else self.measures.get(name, 0.0)


@dataclass(frozen=True)
class ProblemSamples:
    """All samples of one problem. `options`: the number of its options, if it is a choice."""

    problem: str
    samples: tuple[GradedSample, ...]
    options: int | None = None

    @property
    def verdicts(self) -> list[bool]:
        """The list of whether each sample is right, in order."""
        return [sample.right for sample in self.samples]


@dataclass(frozen=True)
class SampleSet:
    """The samples of all problems. The flags say what was recorded: answers that can vote, rewards, texts, and whether a reply was cut.
    `literal_votes`: answers vote together if they are spelled alike, not if they have the same value."""

    problems: tuple[ProblemSamples, ...]
    answers: bool = True
    rewards: bool = False
    texts: bool = True
    ends: bool = True
    literal_votes: bool = False


def grade_sample(
    benchmark: Benchmark,
    example: BenchmarkExample,
    reply: Reply,
    sample: int,
    graders: Graders,
    prompt: Sequence[int] | str = "",
    seed: int | None = None,
) -> GradedSample:
    """Return the graded sample of a reply. A refusal is never right. A reply that broke its template has no visible text, and all of it
    counts as thought, unless the benchmark grades everything."""
    visible = reply.answer or ""
    if not benchmark.grades_all:
        reply = replace(reply, text=visible, answer=visible, thought=reply.text if reply.answer is None else reply.thought)
    result = benchmark.grade_reply(example, reply, graders)
    right = isinstance(result.grade, Right)
    share = None if not isinstance(result.grade, Right | Wrong) else float(right) if result.marks is None else result.marks
    return GradedSample(
        problem=example.id,
        sample=sample,
        grade=share,
        reason="" if isinstance(result.grade, Right) else result.grade.reason[:200],
        text=reply.text,
        thought=None if benchmark.grades_all and (reply.thought or "") in reply.text else reply.thought,  # the text may contain it
        claim=result.vote,
        refused=not right and reply.finished == "stop" and refuses(visible),
        tokens=reply.tokens,
        finished=reply.finished,
        prompt=prompt_hash(prompt),
        seed=seed,
        category=example.category,
        options=example.options,
        measures=result.measures,
        about=example.about,
    )


def ungraded_sample(key: Key, reply: Reply) -> GradedSample:
    """Return a reply as a sample that is not graded yet."""
    problem, number = key
    return GradedSample(problem, number, None, text=reply.text, thought=reply.thought, tokens=reply.tokens, finished=reply.finished)


def prompt_hash(prompt: Sequence[int] | str) -> str:
    """Return the first 64 bits of the sha256 of a prompt's token ids, or of its text, in hexadecimal digits."""
    return hashlib.sha256(str(prompt if isinstance(prompt, str) else list(prompt)).encode("utf-8", "replace")).hexdigest()[:16]


def sample_set(samples: Iterable[GradedSample], *, literal_votes: bool = False) -> SampleSet:
    """Return the samples by problem, the problems in the order of their first samples."""
    by_problem: dict[str, list[GradedSample]] = {}
    for sample in samples:
        by_problem.setdefault(sample.problem, []).append(sample)
    problems = (
        ProblemSamples(name, tuple(sorted(samples, key=lambda sample: sample.sample)), samples[0].options or None)
        for name, samples in by_problem.items()
    )
    return SampleSet(tuple(problems), literal_votes=literal_votes)


# --- the journal ----------------------------------------------------------------------------------------------------------


class SampleJournal:
    """The journal in the folder of one evaluation, or in memory without a folder. Opening it drops a half-written last line; every complete
    line is kept, each sample once. Any thread may add.

    `replies`: the replies of a folder of 0.1, which kept replies and grades apart; they are still to be graded and added."""

    def __init__(self, folder: Path | None, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, dict(settings)
        self.samples: dict[Key, GradedSample] = {}
        self.replies: dict[Key, Reply] = {}
        self._buffer: list[GradedSample] = []
        self._lock, self._last_flush = Lock(), time.monotonic()
        if folder is None:
            return
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        stored_settings = read_settings(folder) if (folder / SETTINGS).exists() else None
        if stored_settings is not None and (lines := differences(stored_settings, self.settings)):
            raise BadInput(
                f"{folder}: it was begun with other settings ({'; '.join(lines[:3])}); choose another --out, or the same settings"
            )
        if stored_settings is None:
            replace_file(Disk(), folder / SETTINGS, json.dumps(self.settings, ensure_ascii=False, indent=2).encode())
        for record in _whole_lines(folder / SAMPLES):
            sample: GradedSample = decode(record, GradedSample)
            self.samples.setdefault((sample.problem, sample.sample), sample)
        for key, reply in old_replies(folder).items():
            if key not in self.samples:
                self.replies[key] = reply

    def add(self, sample: GradedSample) -> None:
        """Keep a sample; one that is already there is unchanged. It is on the device a moment later, or when `flush` returns."""
        with self._lock:
            if (sample.problem, sample.sample) in self.samples:
                return
            self.samples[sample.problem, sample.sample] = sample
            self._buffer.append(sample)
            if time.monotonic() - self._last_flush > FLUSH_S:
                self._write()

    def flush(self) -> None:
        """Write every sample to the device before returning."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        buffer, self._buffer = self._buffer, []
        if self.folder is not None and buffer:
            append_journal(Disk(), self.folder / SAMPLES, *(encode(sample, GradedSample) for sample in buffer))
        self._last_flush = time.monotonic()

    def keep_examples(self, examples: Sequence[BenchmarkExample]) -> None:
        """Keep the examples as they were used, so that the folder can be graded again if their rows have moved; those of the first start
        are kept."""
        if self.folder is not None and not (self.folder / EXAMPLES).exists():
            lines = (
                json.dumps({**vars(example), "reference": encode(example.reference, Reference)}, ensure_ascii=False) for example in examples
            )
            data = hide("".join(f"{line}\n" for line in lines)).encode("utf-8", "replace")
            replace_file(Disk(), self.folder / EXAMPLES, gzip.compress(data, 6, mtime=0))

    def finish(self, samples: Sequence[GradedSample], result: Mapping[str, Any]) -> None:
        """Write the samples in their order and the result, each file completely or not at all."""
        self.flush()
        if self.folder is not None:
            write_evaluation(self.folder, samples, result)


def write_evaluation(folder: Path, samples: Sequence[GradedSample], result: Mapping[str, Any]) -> None:
    """Write an evaluation's samples, which `aha score` reads, and its result."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    replace_file(Disk(), folder / SAMPLES, b"".join(seal(encode(sample, GradedSample)) for sample in samples))
    replace_file(Disk(), folder / RESULT, (json.dumps(result, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace"))


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal, without a last line that a crash cut."""
    journal = read_journal(path)
    if journal.damaged_lines:
        raise DiskTrouble(f"{path}: line {journal.damaged_lines[0]} is damaged; delete that line and its samples are asked again")
    if journal.torn_bytes:
        with disk_errors(path):
            Disk().truncate(path, journal.end)
    return [{name: value for name, value in record.items() if name != "crc"} for record in journal.records]


def old_replies(folder: Path) -> dict[Key, Reply]:
    """Return the replies in a folder of 0.1."""
    replies: dict[Key, Reply] = {}
    for line in _whole_lines(folder / OLD_REPLIES):
        with naming_file(folder / OLD_REPLIES):
            reply = Reply(
                line["text"], line["thought"], line["text"], decode(line["tokens"], Count), decode(line["finished"], FinishReason)
            )
        replies.setdefault((line["item"], line["sample"]), reply)
    return replies


def read_samples(path: Path) -> list[GradedSample]:
    """Return the graded samples of an evaluation's folder, or of a file of 0.1. DiskTrouble if it is damaged."""
    try:
        return [decode(line, GradedSample) for line in sample_lines(path)]
    except BadInput as error:
        raise DiskTrouble(f"{path}: damaged ({error}); delete it and evaluate again") from error


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a folder's samples. BadInput if it is not such a folder."""
    path = folder / SETTINGS
    if not path.is_file():
        raise BadInput(f"{folder}: no {SETTINGS} in it; a folder that `aha eval --out` wrote is needed")
    document = read_document(path)
    with naming_file(path):
        return check_fields(document, SETTING_TYPES, ("benchmark", "k"))


def read_examples(folder: Path) -> list[BenchmarkExample] | None:
    """Return the examples that were kept with the samples; None if there are none."""
    path = folder / EXAMPLES
    if not path.is_file():
        return None
    try:
        return [_example(row) for _, row in read_records(path)]
    except BadInput as error:
        raise DiskTrouble(f"{path}: damaged ({type(error).__name__}); delete it and name the benchmark's rows with --data") from None


def _example(row: Any) -> BenchmarkExample:
    example: BenchmarkExample = decode(row, BenchmarkExample)
    if not gradable(example.reference):
        raise BadInput(f"{example.id[:60]!r}: no reply could be compared with its answer")
    return example
