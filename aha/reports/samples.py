"""Which replies the report shows: the first "aha", and the same problem answered by base, middle and last checkpoint."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aha.durable import trouble
from aha.errors import DiskTrouble
from aha.grading import grade
from aha.rundir import Record
from aha.text import reflection_count, reflections
from aha.types import Group, Language, Reply, Right

Kind = Literal["plain", "aha", "tag"]
_TAG = re.compile(r"</?(?:think|answer)>|<\|[\w-]+\|>")


@dataclass(frozen=True)
class Shown:
    """One reply in pieces: plain text, reflection words, tags."""

    who: str
    question: str
    language: Language
    pieces: tuple[tuple[Kind, str], ...]
    tokens: int
    verdict: Literal["right", "wrong", "broke template"]


@dataclass(frozen=True)
class Comparison:
    """One held-out problem and what each checkpoint said to it, in the order of training."""

    question: str
    language: Language
    why: str
    replies: tuple[Shown, ...]


def pieces(text: str) -> tuple[tuple[Kind, str], ...]:
    """The text cut at reflection words and tags; joined again it is the text."""
    marks: list[tuple[int, int, Kind]] = [(start, end, "aha") for start, end in reflections(text)]
    marks += [(*match.span(), "tag") for match in _TAG.finditer(text)]
    found: list[tuple[Kind, str]] = []
    at = 0
    for start, end, kind in sorted(marks):
        found += [("plain", text[at:start]), (kind, text[start:end])]
        at = end
    return tuple((kind, piece) for kind, piece in [*found, ("plain", text[at:])] if piece)


# --- from the rollouts ------------------------------------------------------------------------------------------------


def first_aha(record: Record, rollouts: Sequence[int]) -> Shown | None:
    """The first right reply of the run with a reflection word: rollout by rollout, group by group, sample by sample."""
    for rollout in rollouts:
        for found in _ahas(record, rollout):
            return found
    return None


def last_aha(record: Record, rollouts: Sequence[int]) -> Shown | None:
    """The right reply of the last rollout with the most reflection words; of several, the shortest."""
    found = list(_ahas(record, rollouts[-1])) if rollouts else []
    return min(found, key=lambda one: (-sum(kind == "aha" for kind, _ in one.pieces), one.tokens), default=None)


def _ahas(record: Record, rollout: int) -> Iterator[Shown]:
    if not (record.root / "groups" / f"{rollout:06d}.jsonl.gz").exists():
        return
    for group in record.groups(rollout):
        for reply in group.replies:
            if reflection_count(reply.text) and _is_right(group, reply):
                yield _shown(f"rollout {rollout}", group, reply)


def _is_right(group: Group, reply: Reply) -> bool:
    """By the grader, not by a reward: a reward may be gamed."""
    return isinstance(grade(group.problem.reference, reply.answer), Right)


def _shown(who: str, group: Group, reply: Reply) -> Shown:
    return Shown(who, group.problem.question, group.problem.language, pieces(reply.text), reply.tokens, "right")


# --- from the evaluations ---------------------------------------------------------------------------------------------


def comparisons(evals: Path) -> list[Comparison]:
    """An English and a Chinese problem that the base got wrong and the last checkpoint right, and one that it still gets wrong."""
    stages = _stages(evals)
    if len(stages) < 2:
        return []
    answered = [{sample["problem"]: sample for sample in _samples(path) if sample["sample"] == 0} for _, path in stages]
    shared = [problem for problem in answered[0] if all(problem in one for one in answered)]
    first, last = answered[0], answered[-1]
    learned = [p for p in shared if not first[p]["right"] and last[p]["right"]]
    still = [p for p in shared if not last[p]["right"]]
    wanted = [(f"learned ({name})", [p for p in learned if last[p]["language"] == language]) for language, name in LANGUAGES.items()]
    chosen = [(why, min(found, key=lambda p: _rank(first[p], last[p]))) for why, found in [*wanted, ("still wrong", still)] if found]
    return [_compared(why, [who for who, _ in stages], [one[problem] for one in answered]) for why, problem in chosen]


LANGUAGES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
TELLING_TOKENS = 120  # long enough to watch it think, short enough to read


def _rank(first: dict[str, Any], last: dict[str, Any]) -> tuple[bool, bool, bool, int, str]:
    """The most telling first: wrong by any reading of the base; the last keeps the template, reflects, is neither curt nor endless."""
    cut = last["finished"] == "length"
    return first["lenient"] or not last["format"], not last["reflection"], cut, abs(last["tokens"] - TELLING_TOKENS), last["problem"]


def _stages(evals: Path) -> list[tuple[str, Path]]:
    """Base, the checkpoint in the middle and the last, as far as they were measured."""
    base, between = evals / "base.jsonl.gz", sorted(path for path in evals.glob("*.jsonl.gz") if path.name.split(".")[0].isdecimal())
    last = sorted(evals.glob("*-zero.jsonl.gz"))[-1:]
    middle = between[len(between) // 2 :][:1]
    if not base.exists():
        return []
    named = [(f"after rollout {int(path.name.split('.')[0])}", path) for path in middle]
    return [("base", base), *named, *((f"last, after rollout {int(path.name.split('-')[0])}", path) for path in last)]


def _samples(path: Path) -> list[dict[str, Any]]:
    with trouble(path):
        data = path.read_bytes()
    try:
        return [json.loads(line) for line in gzip.decompress(data).decode().split("\n") if line]
    except (EOFError, OSError, ValueError) as error:
        raise DiskTrouble(f"{path}: damaged ({error}); delete it and evaluate again") from error


def _compared(why: str, names: Sequence[str], samples: Sequence[dict[str, Any]]) -> Comparison:
    return Comparison(samples[0]["question"], samples[0]["language"], why, tuple(map(_answered, names, samples)))


def _answered(who: str, sample: dict[str, Any]) -> Shown:
    verdict: Literal["right", "wrong", "broke template"] = "right" if sample["right"] else "wrong" if sample["format"] else "broke template"
    return Shown(who, sample["question"], sample["language"], pieces(sample["text"]), sample["tokens"], verdict)
