"""Which replies the report shows: the first "aha", and the same problem answered by base, middle and last checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aha.grading import grade
from aha.rundir import Record
from aha.rundir.evaluations import evaluation_names, question_lines, sample_lines
from aha.text import reflection_count, reflections
from aha.types import Group, Language, Reply, Right

Kind = Literal["plain", "aha", "tag"]
_TAG = re.compile(r"</?(?:think|answer)>|<\|[\w-]+\|>")


@dataclass(frozen=True)
class SampleRow:
    """One reply in pieces: plain text, reflection words, tags."""

    speaker: str
    question: str
    language: Language
    pieces: tuple[tuple[Kind, str], ...]
    tokens: int
    verdict: Literal["right", "wrong", "broke template"]


@dataclass(frozen=True)
class SampleComparison:
    """One held-out problem and what each checkpoint said to it, in the order of training."""

    question: str
    language: Language
    why: str
    replies: tuple[SampleRow, ...]


def pieces(text: str) -> tuple[tuple[Kind, str], ...]:
    """The text cut at reflection words and tags; joined again it is the text."""
    marks: list[tuple[int, int, Kind]] = [(start, end, "aha") for start, end in reflections(text)]
    marks += [(*match.span(), "tag") for match in _TAG.finditer(text)]
    parts: list[tuple[Kind, str]] = []
    at = 0
    for start, end, kind in sorted(marks):
        parts += [("plain", text[at:start]), (kind, text[start:end])]
        at = end
    return tuple((kind, piece) for kind, piece in [*parts, ("plain", text[at:])] if piece)


# --- from the rollouts ------------------------------------------------------------------------------------------------


def first_aha(record: Record, rollouts: Sequence[int]) -> SampleRow | None:
    """The first right reply of the run with a reflection word: rollout by rollout, group by group, sample by sample."""
    for rollout in rollouts:
        for sample in _ahas(record, rollout):
            return sample
    return None


def last_aha(record: Record, rollouts: Sequence[int]) -> SampleRow | None:
    """The right reply of the last rollout with the most reflection words; of several, the shortest."""
    samples = list(_ahas(record, rollouts[-1])) if rollouts else []
    return min(samples, key=lambda sample: (-sum(kind == "aha" for kind, _ in sample.pieces), sample.tokens), default=None)


def _ahas(record: Record, rollout: int) -> Iterator[SampleRow]:
    if record.groups_bytes(rollout) is None:
        return
    for group in record.read_groups(rollout):
        for reply in group.replies:
            if reflection_count(reply.text) and _is_right(group, reply):
                yield _row(f"rollout {rollout}", group, reply)


def _is_right(group: Group, reply: Reply) -> bool:
    """By the grader, not by a reward: a reward may be gamed."""
    return isinstance(grade(group.problem.reference, reply.answer), Right)


def _row(speaker: str, group: Group, reply: Reply) -> SampleRow:
    return SampleRow(speaker, group.problem.question, group.problem.language, pieces(reply.text), reply.tokens, "right")


# --- from the evaluations ---------------------------------------------------------------------------------------------


def comparisons(evals: Path) -> list[SampleComparison]:
    """Return an English and a Chinese problem that the base got wrong and the last checkpoint right, and one that it still gets wrong."""
    stages = _stages(evals)
    if len(stages) < 2:
        return []
    first_samples = [{line["problem"]: line for line in sample_lines(path) if line["sample"] == 0} for _, path in stages]
    questions = question_lines(stages[0][1])
    common = [problem for problem in first_samples[0] if all(problem in samples for samples in first_samples)]
    first, last = first_samples[0], first_samples[-1]
    gains = [p for p in common if not _right(first[p]) and _right(last[p])]
    still = [p for p in common if not _right(last[p])]
    kinds = [(f"learned ({name})", [p for p in gains if questions[p]["language"] == language]) for language, name in LANGUAGES.items()]
    chosen = [(why, min(names, key=lambda p: _rank(first[p], last[p]))) for why, names in [*kinds, ("still wrong", still)] if names]
    return [
        _comparison(
            why, questions[problem], [(speaker, samples[problem]) for (speaker, _), samples in zip(stages, first_samples, strict=True)]
        )
        for why, problem in chosen
    ]


LANGUAGES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
TELLING_TOKENS = 120  # long enough to watch it think, short enough to read


def _right(sample: dict[str, Any]) -> bool:
    return bool(sample["grade"] == 1.0)


def _measure(sample: dict[str, Any], name: str) -> bool:
    return bool(sample["measures"].get(name))


def _rank(first: dict[str, Any], last: dict[str, Any]) -> tuple[bool, bool, bool, int, str]:
    """The most telling first: wrong by any reading of the base; the last keeps the template, reflects, is neither curt nor endless."""
    cut = last["finished"] == "length"
    is_broken = _measure(first, "lenient") or not _measure(last, "format")
    return is_broken, not _measure(last, "reflection"), cut, abs(last["tokens"] - TELLING_TOKENS), last["problem"]


def _stages(evals: Path) -> list[tuple[str, Path]]:
    """Return base, the checkpoint in the middle and the last, as far as they were measured."""
    names = evaluation_names(evals)
    if "base" not in names:
        return []
    between, last = [name for name in names if name.isdecimal()], [name for name in names if name.endswith("-zero")][-1:]
    middle = between[len(between) // 2 :][:1]
    stages = [("base", evals / "base"), *((f"after rollout {int(name)}", evals / name) for name in middle)]
    return [*stages, *((f"last, after rollout {int(name.partition('-')[0])}", evals / name) for name in last)]


def _comparison(why: str, question: dict[str, Any], samples: Sequence[tuple[str, dict[str, Any]]]) -> SampleComparison:
    text, language = question["prompt"], question["language"]
    return SampleComparison(text, language, why, tuple(_answer_row(speaker, text, language, sample) for speaker, sample in samples))


def _answer_row(speaker: str, question: str, language: Language, sample: dict[str, Any]) -> SampleRow:
    verdict: Literal["wrong", "broke template"] = "wrong" if _measure(sample, "format") else "broke template"
    return SampleRow(speaker, question, language, pieces(sample["text"]), sample["tokens"], "right" if _right(sample) else verdict)
