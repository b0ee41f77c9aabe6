"""Files of graded samples, ours and others': one record per sample, or one per problem with a list in each field."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.evals.files import as_records, need_fields, read_json, read_rows
from aha.evals.samples import GradedSample, ProblemSamples, SampleSet, read_samples, read_settings, refuses, sample_set
from aha.grading import Graders
from aha.rundir.record import RESULT, SAMPLES, SETTINGS, samples_file
from aha.types import Abstained, Asserts, Grade, Right, Wrong

VERDICTS = {"true": True, "false": False, "True": True, "False": False}
OUR_FIELDS = (
    {"problem", "sample", "grade"},
    {"problem_id", "vote", "measures"},
    {"problem", "lenient", "short"},
    {"problem", "marks", "form"},
)
STATUS = {"status": "", "base_status": "base", "plus_status": "plus"}
SECONDS = 1.5  # of processor time, and five times that by the clock: the benchmark's own 3 s by the clock are too short on a busy machine


@dataclass(frozen=True)
class FieldNames:
    """The names of a record's fields by role, with a dot for each level down; `None`: the first of `FIELD_NAMES` in the record."""

    problem: str | None = None
    right: str | None = None
    answer: str | None = None
    reward: str | None = None
    text: str | None = None
    finished: str | None = None


FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "problem": ("problem_id", "task_id", "question_id", "unique_id", "doc_id", "idx", "id", "key", "problem"),
    "right": ("right", "is_correct", "correct", "passed", "graded_list", "score", "scores", "exact_match", "acc"),
    "answer": ("vote", "pred", "prediction", "extracted_answer", "answers", "filtered_resps"),
    "reward": ("reward", "rewards", "pred_score", "rm_score"),
    "text": ("text", "response", "responses", "reply", "cot_content"),
    "finished": ("finished", "finish_reason"),
    "tokens": ("tokens", "completion_tokens", "num_tokens"),
}
PLACES = ("sample", "sample_id", "sample_index", "sample_idx")  # of a sample among those of its problem
Columns = Mapping[str, str | None]  # the name of the field for each role of `FIELD_NAMES`
GradeRecord = Callable[[Mapping[str, Any]], Grade]


def read_sample_set(
    path: Path, names: FieldNames | None = None, grade_record: GradeRecord | None = None, filter_name: str | None = None
) -> SampleSet:
    """Return the only result of a file, or that of the named filter. BadInput if there are several, and as in `read_sample_sets`."""
    results = read_sample_sets(path, names, grade_record)
    if filter_name is not None and filter_name not in results:
        raise BadInput(f"{path}: no result of a filter {filter_name}; there are {', '.join(results)}")
    if filter_name is None and len(results) > 1:
        raise BadInput(
            f"{path}: {len(results)} results ({', '.join(results)}); `aha score` takes one with --filter NAME; "
            "elsewhere keep the records of one"
        )
    return results[filter_name] if filter_name is not None else next(iter(results.values()))


def read_sample_sets(path: Path, names: FieldNames | None = None, grade_record: GradeRecord | None = None) -> dict[str, SampleSet]:
    """Return the samples of a file, or of an evaluation's folder, problem by problem in the order of first appearance. `grade_record`
    grades records without a field that does.

    The results have names: lm-evaluation-harness logs a sample once per filter, EvalPlus grades it by its base tests and by all. These are
    several results, not several samples; any other file has one, without a name. BadInput for a missing field or a wrong type."""
    file = graded_file(path)
    records = _records(file, read_json(file))
    if names in (None, FieldNames()) and any(fields <= records[0].keys() for fields in OUR_FIELDS):
        return {"": sample_set(read_samples(file))}
    parts: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, (name, record) in enumerate(zip(_filter_names(records), records, strict=True), start=1):
        parts.setdefault(name, []).append((number, record))
    return {name: _set_of(file, records, names or FieldNames(), grade_record) for name, records in parts.items()}


def _filter_names(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the name of each record's filter, empty for other files. Older versions of lm-evaluation-harness write no names, and log the
    same reply of a document once per filter: these are called "filter 1", "filter 2"."""
    if not all("doc_id" in record and "filtered_resps" in record and "filter" not in record for record in records):
        return [record["filter"] if "doc_id" in record and isinstance(record.get("filter"), str) else "" for record in records]
    replies = [json.dumps([record["doc_id"], record.get("resps")]) for record in records]
    counts, names = Counter[str](), list[str]()
    for reply in replies:
        counts[reply] += 1
        names.append(f"filter {counts[reply]}")
    return names if {*counts.values()} == {len({*names})} and len({*names}) > 1 else [""] * len(records)


def graded_file(path: Path) -> Path:
    """Return the file of graded samples that a path names: itself, that of an evaluation's folder, or of the only evaluation in a folder.
    BadInput for any other folder, with what it holds."""
    if (file := samples_file(path)) is not None or not path.is_dir():
        return file or path
    files = [file for folder in sorted(path.glob("*/")) if (file := samples_file(folder)) is not None]
    if len(files) == 1:
        return files[0]
    if files:
        raise BadInput(f"{path}: results of {len(files)} benchmarks; name one of them: {', '.join(str(file.parent) for file in files)}")
    if (path / SETTINGS).is_file() or any(path.glob(f"*/{SETTINGS}")):
        raise BadInput(f"{path}: the evaluation was begun and has no sample yet; repeat its `aha eval` command, which goes on with it")
    raise BadInput(f"{path}: a folder without {SAMPLES}; name a folder that `aha eval --out` wrote, or a file of graded samples")


def unfinished_line(path: Path) -> str:
    """Return what is missing of the evaluation whose samples these are, and how to get it; empty for a finished one and for other files."""
    file = graded_file(path)
    folder = file.parent
    if file.name != SAMPLES or not (folder / SETTINGS).is_file() or (folder / RESULT).is_file():
        return ""
    settings, count = read_settings(folder), len(read_samples(file))
    whole = f" of {settings['problems'] * settings['k']:,}" if settings.get("problems") else ""
    return f"{folder}: unfinished, {count:,}{whole} samples; its `aha eval` command, repeated, asks for the rest"


def _set_of(path: Path, records: Sequence[tuple[int, dict[str, Any]]], names: FieldNames, grade_record: GradeRecord | None) -> SampleSet:
    _, first = records[0]
    _refuse_twice(path, records)
    whole = {name: value for _, record in reversed(records) for name, value in record.items()} | first  # with fields that the first lacks
    columns = {role: _column_name(path, role, getattr(names, role, None), whole) for role in FIELD_NAMES}
    if columns["problem"] is None and all(isinstance(record.get("question"), str) for _, record in records):
        columns["problem"] = "question"
    if columns["problem"] is None:
        raise _no_field(path, first, "problem", "which problem a sample belongs to")
    if columns["right"] is None and grade_record is None and not _is_choice(first):
        raise _no_field(path, first, "right", "whether a sample is right")
    samples: dict[str, list[GradedSample]] = {}
    options: dict[str, int | None] = {}
    for number, record in records:
        where = f"{path}, record {number}"
        problem = str(_at(where, record, columns["problem"]))
        problem_samples = samples.setdefault(problem, [])
        problem_samples += _samples(where, problem, len(problem_samples), record, columns, grade_record)
        options[problem] = len(record["options"]) if isinstance(record.get("options"), list) else None
    return SampleSet(
        tuple(ProblemSamples(problem, tuple(problem_samples), options[problem]) for problem, problem_samples in samples.items()),
        *(columns[role] is not None for role in ("answer", "reward", "text", "finished")),
    )


def _refuse_twice(path: Path, records: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Refuse a sample that stands twice, as in a file that was appended to itself: it would count as two draws."""
    seen: dict[tuple[str, ...], int] = {}
    for number, record in records:
        problem = next((record[name] for name in FIELD_NAMES["problem"] if name in record), None)
        place = next((record[name] for name in PLACES if isinstance(record.get(name), int)), None)
        if problem is None or place is None:
            return
        earlier = seen.setdefault((str(problem), str(place)), number)
        if earlier != number:
            raise BadInput(f"{path}, record {number}: sample {place} of {str(problem)[:40]!r} is in record {earlier} too; leave one out")


def _evalplus(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one record per sample and set of tests of EvalPlus' {"eval": {task: [{"base_status", "plus_status"}]}}; `plus` means both
    sets. BigCodeBench has one set, and `status`."""
    records = []
    for task, samples in data["eval"].items():
        for sample in samples if isinstance(samples, list) else [samples]:
            fields = sample if isinstance(sample, dict) else {}
            statuses = {name: fields[field] == "pass" for field, name in STATUS.items() if isinstance(fields.get(field), str)}
            statuses |= {"plus": statuses["base"] and statuses["plus"]} if {"base", "plus"} <= statuses.keys() else {}
            records += [{"doc_id": task, "problem": task, "right": right, "filter": name} for name, right in statuses.items()]
    return records


def _records(path: Path, data: Any) -> list[dict[str, Any]]:
    """Return the records, also of the form {"raw_scored_generations": {problem: [verdicts]}, "raw_generations": {problem: [answers]}}."""
    if isinstance(data, dict) and isinstance(data.get("raw_scored_generations"), dict):
        answers = data.get("raw_generations") or {}
        return [
            {"problem": problem, "right": right} | ({"vote": answers[problem]} if problem in answers else {})
            for problem, right in data["raw_scored_generations"].items()
        ]
    if isinstance(data, dict) and isinstance(data.get("eval"), dict) and (records := _evalplus(data)):
        return records
    return as_records(path, data)


def _column_name(path: Path, role: str, name: str | None, record: Mapping[str, Any]) -> str | None:
    if name is not None:
        _at(f"{path}, record 1", record, name)
        return name
    if role == "answer" and "vote" not in record and "right" in record and "answer" in record:
        return "answer"  # in our own general form; elsewhere `answer` is the reference
    if role == "right" and isinstance(metrics := record.get("metrics"), list):  # lm-evaluation-harness names them
        return next((str(metric) for metric in metrics if record.get(metric) in (0, 1)), None)
    return next((name for name in FIELD_NAMES[role] if name in record), None)


def _at(where: str, record: Mapping[str, Any], name: str | None) -> Any:
    """Return the value at a dotted name. BadInput, naming the existing fields, if there is none."""
    value: Any = record
    for part in [name] if name in record else str(name).split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise BadInput(f"{where}: no field {name}; there are {', '.join(map(str, record))}")
        value = value[part]
    return value


def _no_field(path: Path, record: Mapping[str, Any], role: str, means: str) -> BadInput:
    return BadInput(f"{path}: no field says {means} (its fields are {', '.join(map(str, record)) or 'none'}); name it with --{role} FIELD")


def _is_choice(record: Mapping[str, Any]) -> bool:
    """Return True for a record of a published choice: the letter that was read, the right one, and the options."""
    return {"pred", "answer", "options"} <= record.keys()


def _samples(
    where: str, problem: str, first: int, record: Mapping[str, Any], columns: Columns, grade_record: GradeRecord | None
) -> list[GradedSample]:
    if columns["right"] is not None:
        verdicts = _at(where, record, columns["right"])
    else:
        verdicts = grade_record(record) if grade_record is not None else bool(record["pred"] == record["answer"])
    many = isinstance(verdicts, list)
    grades = [_grade(where, verdict) for verdict in (verdicts if many else [verdicts])]
    apart = ("problem", "right", "tokens")
    values = {role: _column(where, record, name, many, len(grades)) for role, name in columns.items() if role not in apart}
    counts = _counts(record.get(str(columns["tokens"])), len(grades))
    samples = []
    for number, verdict in enumerate(grades):
        right, cut = isinstance(verdict, Right), values["finished"][number] in ("length", "max_tokens", False, 0)
        text = values["text"][number]
        abstained = isinstance(verdict, Abstained) or record.get("abstained") is True
        samples.append(
            GradedSample(
                problem=problem,
                sample=first + number,
                grade=None if abstained and not right else float(right),
                text=text if isinstance(text, str) else "",
                claim=_answer(values["answer"][number]),
                refused=isinstance(text, str) and not right and refuses(text.rpartition("</think>")[2]),
                tokens=counts[number],
                finished="length" if cut else "stop",
                reward=_reward(where, values["reward"][number]),
            )
        )
    return samples


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
    """Return an answer; None if none was read, for which lm-evaluation-harness writes `[invalid]`."""
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
    """Return numbers of tokens; a `tokens` of another type in others' files is ignored."""
    values = value if isinstance(value, list) else [value]
    counts = [number if isinstance(number, int) and not isinstance(number, bool) and number >= 0 else None for number in values]
    return counts if len(counts) == count else [None] * count


# --- completions of code problems without a verdict -----------------------------------------------------------------------


def completion_grader(problems: Path, graders: Graders) -> GradeRecord:
    """Return a grader of records with `task_id` and `completion`, which runs the tests of a file of problems in HumanEval's form."""
    rows = read_rows(problems)
    need_fields(problems, rows, ("task_id", "prompt", "entry_point", "test"), "a code problem")
    references = {str(row["task_id"]): Asserts(row["entry_point"], row["test"], row["prompt"], seconds=SECONDS) for row in rows}

    def grade_completion(record: Mapping[str, Any]) -> Grade:
        task, completion = record.get("task_id"), record.get("completion")
        if not isinstance(completion, str):
            raise BadInput(f"sample of {task}: no field completion with a program in it; there are {', '.join(map(str, record))}")
        if str(task) not in references:
            raise BadInput(f"sample of {task}: {problems} has no problem with this task_id")
        verdict = graders.grade(references[str(task)], completion)
        if isinstance(verdict, Abstained):
            raise BadInput(f"sample of {task}: it cannot be run here: {verdict.reason}")
        return verdict

    return grade_completion
