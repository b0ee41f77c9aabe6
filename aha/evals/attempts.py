"""Judged samples by problem, and files of them: one record a sample, or one a problem with a list in each field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.evals.files import read_json
from aha.evals.refusals import refuses
from aha.types import Abstained, Grade, Right, Wrong

VERDICTS = {"true": True, "false": False, "True": True, "False": False}


@dataclass(frozen=True)
class Attempt:
    """One sample of a problem, judged. `answer`: as it votes. `refused`: declined to answer, by the stated rule. `tokens`: all that it
    said, its thinking included."""

    right: bool
    answer: str | None = None
    reward: float | None = None
    truncated: bool = False
    refused: bool = False
    abstained: bool = False
    tokens: int | None = None


@dataclass(frozen=True)
class Tried:
    """A problem and its attempts; `options`: how many a choice had."""

    problem: str
    attempts: tuple[Attempt, ...]
    options: int | None = None

    @property
    def verdicts(self) -> list[bool]:
        """Of its attempts, in their order."""
        return [attempt.right for attempt in self.attempts]


@dataclass(frozen=True)
class Sheet:
    """All problems of a file. The flags say what it records: answers that can vote, rewards, texts, and whether a reply was cut."""

    problems: tuple[Tried, ...]
    answers: bool
    rewards: bool
    texts: bool
    ends: bool


@dataclass(frozen=True)
class Fields:
    """Which field of a record holds what, a dot for each level down; `None`: the first of `KNOWN` that is there."""

    problem: str | None = None
    right: str | None = None
    answer: str | None = None
    reward: str | None = None
    text: str | None = None
    finished: str | None = None


KNOWN: dict[str, tuple[str, ...]] = {
    "problem": ("problem_id", "task_id", "question_id", "unique_id", "doc_id", "idx", "id", "key", "problem"),
    "right": ("right", "is_correct", "correct", "passed", "graded_list", "score", "scores", "exact_match", "acc"),
    "answer": ("vote", "pred", "prediction", "extracted_answer", "answers", "filtered_resps"),
    "reward": ("reward", "rewards", "pred_score", "rm_score"),
    "text": ("text", "response", "responses", "reply", "cot_content"),
    "finished": ("finished", "finish_reason"),
    "tokens": ("tokens", "completion_tokens", "num_tokens"),
}
Judge = Callable[[Mapping[str, Any]], Grade]


def read_attempts(path: Path, named: Fields | None = None, judge: Judge | None = None, filter: str | None = None) -> Sheet:
    """The file's one result, or that of the `filter` of this name. BadInput where there are several, and as `read_results`."""
    results = read_results(path, named, judge)
    if filter is not None and filter not in results:
        raise BadInput(f"{path}: no result of a filter {filter}; there are {', '.join(results)}")
    if filter is None and len(results) > 1:
        raise BadInput(
            f"{path}: {len(results)} results ({', '.join(results)}); `aha score` takes one with --filter NAME; "
            "elsewhere keep the records of one"
        )
    return results[filter] if filter is not None else next(iter(results.values()))


def read_results(path: Path, named: Fields | None = None, judge: Judge | None = None) -> dict[str, Sheet]:
    """The file's samples, problem by problem in the order in which they first stand there. `judge` decides where no field does.

    By name: lm-evaluation-harness logs every sample once for each filter that read it, EvalPlus judges it by its base tests and by all.
    These are so many results, not so many samples; any other file has one, without a name. BadInput, in one line, for a field that is not
    there or not what it should be."""
    parts: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, record in enumerate(_records(path, read_json(path)), start=1):
        name = record["filter"] if "doc_id" in record and isinstance(record.get("filter"), str) else ""
        parts.setdefault(name, []).append((number, record))
    return {name: _sheet(path, records, named or Fields(), judge) for name, records in parts.items()}


def _sheet(path: Path, records: Sequence[tuple[int, dict[str, Any]]], named: Fields, judge: Judge | None) -> Sheet:
    _, first = records[0]
    found = {role: _found(path, role, getattr(named, role, None), first) for role in KNOWN}
    if found["problem"] is None and all(isinstance(record.get("question"), str) for _, record in records):
        found["problem"] = "question"
    if found["problem"] is None:
        raise _no_field(path, first, "problem", "which problem a sample belongs to")
    if found["right"] is None and judge is None and not _is_choice(first):
        raise _no_field(path, first, "right", "whether a sample is right")
    by_problem: dict[str, list[Attempt]] = {}
    options: dict[str, int | None] = {}
    for number, record in records:
        where = f"{path}, record {number}"
        problem = str(_at(where, record, found["problem"]))
        by_problem.setdefault(problem, []).extend(_attempts(where, record, found, judge))
        options[problem] = len(record["options"]) if isinstance(record.get("options"), list) else None
    return Sheet(
        tuple(Tried(problem, tuple(attempts), options[problem]) for problem, attempts in by_problem.items()),
        *(found[role] is not None for role in ("answer", "reward", "text", "finished")),
    )


STATUS = {"status": "", "base_status": "base", "plus_status": "plus"}


def _evalplus(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """EvalPlus' {"eval": {task: [{"base_status", "plus_status"}]}}: a record a sample and a set of tests; `plus` means both sets.
    BigCodeBench has one set, and `status`."""
    records = []
    for task, samples in data["eval"].items():
        for sample in samples if isinstance(samples, list) else [samples]:
            fields = sample if isinstance(sample, dict) else {}
            passed = {name: fields[field] == "pass" for field, name in STATUS.items() if isinstance(fields.get(field), str)}
            passed |= {"plus": passed["base"] and passed["plus"]} if {"base", "plus"} <= passed.keys() else {}
            records += [{"doc_id": task, "problem": task, "right": right, "filter": name} for name, right in passed.items()]
    return records


def _records(path: Path, data: Any) -> list[dict[str, Any]]:
    """The records, also of the form {"raw_scored_generations": {problem: [verdicts]}, "raw_generations": {problem: [answers]}}."""
    if isinstance(data, dict) and isinstance(data.get("raw_scored_generations"), dict):
        said = data.get("raw_generations") or {}
        return [
            {"problem": problem, "right": right} | ({"vote": said[problem]} if problem in said else {})
            for problem, right in data["raw_scored_generations"].items()
        ]
    if isinstance(data, dict) and isinstance(data.get("eval"), dict) and (records := _evalplus(data)):
        return records
    records = data if isinstance(data, list) else [data]
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise BadInput(f"{path}, record {number}: {str(record)[:60]!r} where an object with named fields should stand")
    if not records:
        raise BadInput(f"{path}: no record in it")
    return records


def _found(path: Path, role: str, name: str | None, record: Mapping[str, Any]) -> str | None:
    if name is not None:
        _at(f"{path}, record 1", record, name)
        return name
    if role == "answer" and "vote" not in record and "right" in record and "answer" in record:
        return "answer"  # our own general form; elsewhere `answer` is the reference
    if role == "right" and isinstance(metrics := record.get("metrics"), list):  # lm-evaluation-harness names them
        return next((str(metric) for metric in metrics if record.get(metric) in (0, 1)), None)
    return next((known for known in KNOWN[role] if known in record), None)


def _at(where: str, record: Mapping[str, Any], name: str | None) -> Any:
    """What stands at a dotted name. BadInput, naming what is there, where nothing does."""
    value: Any = record
    for part in [name] if name in record else str(name).split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise BadInput(f"{where}: no field {name}; there are {', '.join(map(str, record))}")
        value = value[part]
    return value


def _no_field(path: Path, record: Mapping[str, Any], role: str, means: str) -> BadInput:
    return BadInput(f"{path}: no field says {means} (there are {', '.join(map(str, record))}); name it with --{role} FIELD")


def _is_choice(record: Mapping[str, Any]) -> bool:
    """A published choice: the letter that was read, the one that is right, and the options."""
    return {"pred", "answer", "options"} <= record.keys()


def _attempts(where: str, record: Mapping[str, Any], found: Mapping[str, str | None], judge: Judge | None) -> list[Attempt]:
    verdicts = _at(where, record, found["right"]) if found["right"] is not None else _judged(record, judge)
    many = isinstance(verdicts, list)
    grades = [_grade(where, verdict) for verdict in verdicts] if isinstance(verdicts, list) else [_grade(where, verdicts)]
    apart = ("problem", "right", "tokens")
    columns = {role: _column(where, record, name, many, len(grades)) for role, name in found.items() if role not in apart}
    counts = _counts(record.get(str(found["tokens"])), len(grades))
    return [
        Attempt(
            right=isinstance(grade, Right),
            answer=_answer(columns["answer"][number]),
            reward=_reward(where, columns["reward"][number]),
            truncated=columns["finished"][number] in ("length", "max_tokens", False, 0),
            refused=isinstance(text := columns["text"][number], str) and not isinstance(grade, Right) and refuses(_visible(text)),
            abstained=isinstance(grade, Abstained) or record.get("abstained") is True,
            tokens=counts[number],
        )
        for number, grade in enumerate(grades)
    ]


def _judged(record: Mapping[str, Any], judge: Judge | None) -> Grade | bool:
    return judge(record) if judge is not None else bool(record["pred"] == record["answer"])


def _column(where: str, record: Mapping[str, Any], name: str | None, many: bool, count: int) -> Sequence[Any]:
    if name is None:
        return [None] * count
    values = _at(where, record, name)
    if not many:
        return [values]
    if not isinstance(values, list) or len(values) != count:
        raise BadInput(f"{where}: {name} holds {len(values) if isinstance(values, list) else 'no list'} for {count} verdicts")
    return values


def _grade(where: str, value: object) -> Grade:
    if isinstance(value, Right | Wrong | Abstained):
        return value
    if isinstance(value, str):
        value = VERDICTS.get(value, value)
    if isinstance(value, float | int) and value in (0, 1):
        return Right() if value else Wrong()
    raise BadInput(f"{where}: the verdict is {str(value)[:40]!r}; a sample is right or wrong: true or false, 1 or 0")


def _answer(value: object) -> str | None:
    """None where nothing was read, for which lm-evaluation-harness writes `[invalid]`."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return None if value is None or value in ("", "[invalid]") else str(value)


def _reward(where: str, value: object) -> float | None:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or (isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)):
        return None if value is None else float(value)
    raise BadInput(f"{where}: the reward is {str(value)[:40]!r}; it has to be one number")


def _counts(value: object, count: int) -> list[int | None]:
    """Numbers of tokens; other people's `tokens` may be anything else, which says nothing."""
    values = value if isinstance(value, list) else [value]
    known = [each if isinstance(each, int) and not isinstance(each, bool) and each >= 0 else None for each in values]
    return known if len(known) == count else [None] * count


def _visible(text: str) -> str:
    return text.rpartition("</think>")[2]
