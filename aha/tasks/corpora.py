"""Golden corpora: answers with the grade that a grader should give. They are our own, a user's, or published ones in their own forms.

Rows of a reference and a reply are graded by `aha grade`; rows that also hold the expected grade are run by `aha bench-reward`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal, cast

from aha.answers.replies import answer_part
from aha.durable import open_file
from aha.durable.reading import LARGEST, Unpacks, watch
from aha.errors import BadInput
from aha.json_text import parse_json
from aha.lazy import lazy_pattern
from aha.specimens import Specimen
from aha.tasks.golds import KINDS, Bad, Kind, reference_of
from aha.tasks.reading import DataRow, RefusedRow, rows_of
from aha.types import Abstained, Latex, Number, Reference, Text

GOLDS = ("gold", "reference", "ground_truth", "target")
REPLIES = ("pred", "answer", "prediction", "response", "completion")
MOST_ROWS = 500_000  # of a file that is read as a whole: short rows take many times their bytes in memory
FLAGS: dict[str, Callable[[object], bool]] = {  # flags for comparing formulas, each with a check of its values
    "allow_set_relation_comp": lambda value: isinstance(value, bool),
    "strict": lambda value: isinstance(value, bool),
    "precision": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 50,
    "how": lambda value: value in ("auto", "box", "line", "number", "whole"),
}

_ANSWER_TAG = lazy_pattern(r"<answer>(.*?)</answer>", re.S)
_ONE_LETTER = lazy_pattern(r"\s*\(?[A-J]\)?\.?\s*")


@dataclass(frozen=True)
class PairRow:
    """One row of a reference and an answer. `reference` is Abstained, with the reason, if the gold cannot be graded; `answer` is the answer
    part of the reply, `None` if there is none."""

    place: str
    fields: Mapping[str, object]
    reference: Reference | Abstained
    answer: str | None
    flags: Mapping[str, object] = field(default_factory=dict)


def pairs_of(source: str, kind: Kind = "auto") -> list[PairRow]:
    """Return every row of a JSON-lines file. BadInput names the first row that has no reply or cannot be read; a row whose gold cannot be
    graded is kept, as long as some row has a gold."""
    rows = _all_rows(source)
    if bad := [row for row in rows if isinstance(row, RefusedRow)]:
        raise BadInput(f"{bad[0]}" + (f" ({len(bad)} such rows)" if len(bad) > 1 else ""))
    pairs = [pair_of(row, kind) for row in rows if isinstance(row, DataRow)]
    if not pairs:
        raise BadInput(f"{source} is empty: one JSON object a line, with `gold` and `pred`, is needed")
    if not any(name in pair.fields for pair in pairs for name in GOLDS):
        raise BadInput(f"{pairs[0].place}: no row has a `gold`: there are {', '.join(map(repr, list(pairs[0].fields)[:20]))}")
    return pairs


def _all_rows(source: str) -> list[DataRow | RefusedRow]:
    """Return all rows; BadInput if there are too many to be held at once."""
    rows = list(islice(rows_of(source, "train", None), MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise BadInput(f"{source}: it has more than {MOST_ROWS:,} rows, the most that is read as a whole; split it")
    return rows


def pair_of(row: DataRow, kind: Kind = "auto") -> PairRow:
    """Return the pair in a row; BadInput if it has no reply."""
    replies = [name for name in REPLIES if name in row.fields]
    if not replies:
        raise BadInput(f"{row.place}: no `pred`: there are {', '.join(map(repr, list(row.fields)[:20]))}")
    reply = row.fields[replies[0]]
    if reply is not None and (isinstance(reply, bool) or not isinstance(reply, str | int | Decimal)):
        raise BadInput(f"{row.place}: field {replies[0]!r} is of type {type(reply).__name__}: a text is needed")
    return PairRow(row.place, row.fields, gold_of(row, kind), None if reply is None else answer_of(str(reply)), _flags(row))


def _flags(row: DataRow) -> dict[str, object]:
    flags = {name: row.fields[name] for name in FLAGS if row.fields.get(name) is not None}
    for name, value in flags.items():
        if not FLAGS[name](value):
            raise BadInput(f"{row.place}: {name} is {str(value)[:40]!r}: true or false is needed, for precision 0 to 50, for how a place")
    return flags


def answer_of(reply: str) -> str | None:
    """Return the part of a reply that counts: after the thinking, within <answer> tags if there are any; `None` if the thinking never
    ends."""
    text = answer_part(reply)
    answers = _ANSWER_TAG.findall(text)
    text = answers[-1] if answers else text
    return text.strip() or None


def gold_of(row: DataRow, kind: Kind = "auto") -> Reference | Abstained:
    """Return the reference of a row, whose own `kind` overrides the caller's; Abstained with the reason if it cannot be graded."""
    row_kind = row.fields.get("kind", kind)
    if row_kind not in KINDS:
        raise BadInput(f"{row.place}: kind is {row_kind!r}: one of {', '.join(KINDS)} is needed")
    name, gold = next(((name, row.fields[name]) for name in GOLDS if row.fields.get(name) is not None), ("gold", None))
    kind = next(kind_name for kind_name in KINDS if kind_name == row_kind)
    if kind == "auto" and isinstance(gold, str) and _ONE_LETTER.fullmatch(gold):
        kind = "choice"
    if gold is None and kind not in ("countdown", "stdio", "calls", "asserts", "open"):
        return Abstained("the row has no gold")
    try:
        return reference_of(name, gold, row.fields, kind, solution=False)
    except Bad as bad:
        return Abstained(f"the gold cannot be graded: {bad}")


Expected = Literal["right", "wrong", "abstained", "unpaid"]  # unpaid: wrong or abstained, as long as it is not right

OUR_GOLDEN = Path(__file__).resolve().parent.parent / "assets" / "golden"
NO_LETTER = "no letter"
_EXPECTED: dict[object, Expected] = {
    "right": "right",
    "wrong": "wrong",
    "abstained": "abstained",
    "unpaid": "unpaid",
    1: "right",  # and true
    0: "wrong",  # and false
}


@dataclass(frozen=True)
class Case:
    """One answer with its expected grade. A case that is not `counted` is run and shown, but never counts as a failure."""

    place: str
    reference: Reference
    answer: str | None
    expected: Expected
    tag: str
    question: str = ""
    reply: str = ""
    counted: bool = True
    flags: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """The cases of a source. `chain`: the cases are outputs with the letter that this published chain extracts. `left_out`: unusable
    rows."""

    name: str
    cases: tuple[Case, ...]
    left_out: tuple[RefusedRow, ...] = ()
    chain: str | None = None


def case_of(specimen: Specimen) -> Case:
    """Return the specimen as a case, with its rule as the tag."""
    reply = specimen.reply
    place = f"{specimen.family} {specimen.number}"
    return Case(place, specimen.reference, answer_of(reply), specimen.side, specimen.rule, specimen.question, reply)


def corpus_of(source: str | None) -> Corpus:
    """Return the cases of a file, of all .jsonl files in a folder, or our own. BadInput if there are none, or a row is malformed."""
    path = OUR_GOLDEN if source is None else Path(source).expanduser()
    if path.is_dir():
        file_cases = [_from_file(str(file)) for file in sorted(path.glob("*.jsonl"))]
        cases = tuple(case for corpus in file_cases for case in corpus.cases)
        corpus = Corpus(path.name, cases, tuple(row for corpus in file_cases for row in corpus.left_out))
    else:
        corpus = _from_file(str(path))
    if not corpus.cases:
        raise BadInput(f"{path}: there is no case in it: one JSON object a line, with gold, answer and expected, is needed")
    return corpus


def _from_file(source: str) -> Corpus:
    rows = _unzip(Path(source)) if source.endswith(".zip") else _all_rows(source)
    if bad := [row for row in rows if isinstance(row, RefusedRow)]:
        raise BadInput(str(bad[0]))
    usable = [row for row in rows if isinstance(row, DataRow)]
    if not usable:
        return Corpus(Path(source).name, ())
    form = next(form for recognises, form in FORMS if recognises(usable[0].fields))
    row_cases = [case for row in usable for case in _read_form(form, row)]
    cases = tuple(case for case in row_cases if isinstance(case, Case))
    left_out = tuple(case for case in row_cases if isinstance(case, RefusedRow))
    return Corpus(Path(source).name, cases, left_out, "mmlu-pro" if form is _mmlu_pro else None)


def _read_form(form: Callable[[DataRow], Iterator[Case | RefusedRow]], row: DataRow) -> list[Case | RefusedRow]:
    """Return the cases of a row; BadInput if it is not in the form of the first row."""
    try:
        return list(form(row))
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        words = f"no {error}" if isinstance(error, KeyError) else str(error) or "a field of another type"
        raise BadInput(f"{row.place}: it is not in the form of the first row: {words[:100]}") from None


def _unzip(path: Path) -> list[DataRow | RefusedRow]:
    """Return the rows of the one JSON file in a zip."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as packed:
            name = next(member for member in packed.namelist() if member.endswith(".json"))
            with packed.open(name) as member:
                data = watch(cast(Unpacks, member), path).read(LARGEST + 1)
        if len(data) > LARGEST:
            raise BadInput(f"{path}: it unpacks to more than {LARGEST:,} bytes, the most that is read of such a file")
        rows = parse_json(data)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, StopIteration, ValueError) as error:
        raise BadInput(f"{path}: no zip with a JSON file in it ({error or type(error).__name__})") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{path}, {name}: a list of objects is needed")
    return [DataRow(f"{path}, row {i}", f"{path.name}:{i}", row) for i, row in enumerate(rows, start=1)]


# --- forms ------------------------------------------------------------------------------------------------------------


def _golden(row: DataRow) -> Iterator[Case | RefusedRow]:
    """Yield the case of a row in our form: gold, answer (or pred), expected, and a tag. Rows with flags, or whose label is called `result`,
    are shown but not counted."""
    if not {"gold", "kind"} & set(row.fields):
        yield RefusedRow(row.place, "no gold")
        return
    label = row.fields.get("expected", row.fields.get("result"))
    if not isinstance(label, str | int) or label not in _EXPECTED:
        raise BadInput(f"{row.place}: expected is {label!r}: right, wrong, abstained, unpaid, 1 or 0 is needed")
    pair = pair_of(row)
    if isinstance(pair.reference, Abstained):
        if _EXPECTED[label] != "abstained":
            yield RefusedRow(row.place, pair.reference.reason)
        return
    tag = str(row.fields.get("tag", row.fields.get("test", "")))
    counted = not set(pair.flags) - {"how"} and "expected" in row.fields
    question, reply = (str(row.fields.get(name, "")) for name in ("question", "answer" if "answer" in row.fields else "pred"))
    yield Case(row.place, pair.reference, pair.answer, _EXPECTED[label], tag, question, reply, counted, pair.flags)


def _gsm8k_models(row: DataRow) -> Iterator[Case | RefusedRow]:
    """Yield the cases of one question with a solution by each model, and its publisher's verdicts."""
    gold = Number(str(row.fields["ground_truth"]).rpartition("A:")[2].strip())
    for model, record in row.fields.items():
        if isinstance(record, dict):
            solution = str(record["solution"])
            expected = _EXPECTED[record["is_correct"] is True]
            yield Case(row.place, gold, answer_of(solution), expected, model, str(row.fields["question"]), solution)


def _math_samples(row: DataRow) -> Iterator[Case | RefusedRow]:
    """Yield the cases of one question with several samples, `code`, and a score for each."""
    replies, scores = row.fields["code"], row.fields["score"]
    assert isinstance(replies, list) and isinstance(scores, list)
    for i, (reply, score) in enumerate(zip(replies, scores, strict=True)):
        question = str(row.fields.get("question", ""))
        yield Case(
            f"{row.place}, sample {i}", Latex(str(row.fields["answer"])), answer_of(reply), _EXPECTED[score is True], "", question, reply
        )


def _mmlu_pro(row: DataRow) -> Iterator[Case | RefusedRow]:
    """Yield an output with the letter that the published chain found in it."""
    output, letter = row.fields["model_outputs"], row.fields["pred"]
    reply = str(output[0] if isinstance(output, list) else output)
    yield Case(row.place, Text((str(letter or NO_LETTER),), exact=True), reply, "right", str(row.fields.get("category", "")), reply=reply)


def _simple_evals(row: DataRow) -> Iterator[Case | RefusedRow]:
    """Yield the case of a result in results/NAME/FILE, with its question from ../../benches/NAME.jsonl."""
    path = Path(row.place.rpartition(", ")[0]).resolve()
    name = path.parent.name
    try:
        bench_row = _bench(path.parent.parent.parent / "benches" / f"{name}.jsonl").get(str(row.fields["id"]))
        if bench_row is None:
            raise Bad(f"id {row.fields['id']!r} is not in its benchmark")
        reference = _reference_for(name, bench_row)
    except Bad as bad:
        yield RefusedRow(row.place, str(bad))
        return
    reply, expected = str(row.fields["answer"]), _EXPECTED[row.fields["is_correct"] is True]
    yield Case(row.place, reference, answer_of(reply), expected, name, str(row.fields["instruction"]), reply)


@lru_cache(maxsize=4)
def _bench(path: Path) -> dict[str, Mapping[str, object]]:
    return {str(row.fields["id"]): row.fields for row in rows_of(str(path), "train", None) if isinstance(row, DataRow)}


def _reference_for(name: str, row: Mapping[str, object]) -> Reference:
    kinds: dict[str, Kind] = {"mmlu": "choice", "mgsm": "number", "math": "latex"}
    return reference_of("target", row.get("target"), row, kinds.get(name, "asserts"))


FORMS: tuple[tuple[Callable[[Mapping[str, object]], bool], Callable[[DataRow], Iterator[Case | RefusedRow]]], ...] = (
    (lambda row: "model_outputs" in row and "pred" in row, _mmlu_pro),
    (lambda row: "ground_truth" in row and any(isinstance(value, dict) and "is_correct" in value for value in row.values()), _gsm8k_models),
    (lambda row: isinstance(row.get("code"), list) and isinstance(row.get("score"), list) and "answer" in row, _math_samples),
    (lambda row: {"id", "answer", "is_correct", "instruction"} <= set(row), _simple_evals),
    (lambda row: True, _golden),
)
