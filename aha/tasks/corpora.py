"""Golden corpora: answers of which it is known what a grader should say. Our own, a person's, and the forms in which some are published."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

from aha.durable import open_file
from aha.durable.reading import LARGEST, Unpacks, watch
from aha.errors import BadInput
from aha.json_text import parse_json
from aha.specimens import Specimen
from aha.tasks.golds import Bad, Kind, reference_of
from aha.tasks.pairs import answer_of, pair_of
from aha.tasks.reading import DataRow, RefusedRow, rows_of
from aha.types import Abstained, Latex, Number, Reference, Text

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
    """One answer with what a grader should say of it. What is not `counted` is run and shown, but fails nobody."""

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
    """`chain`: the cases are outputs with the letter that this chain is known to take from them. `left_out`: rows that are no case."""

    name: str
    cases: tuple[Case, ...]
    left_out: tuple[RefusedRow, ...] = ()
    chain: str | None = None


def case_of(specimen: Specimen) -> Case:
    """The case in a specimen; its rule is the tag."""
    reply = specimen.reply
    place = f"{specimen.family} {specimen.number}"
    return Case(place, specimen.reference, answer_of(reply), specimen.side, specimen.rule, specimen.question, reply)


def corpus_of(source: str | None) -> Corpus:
    """The cases of a file, of all .jsonl files in a folder, or our own. BadInput where there are none, or a row is none."""
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
    rows = _unzip(Path(source)) if source.endswith(".zip") else list(rows_of(source, "train", None))
    if bad := [row for row in rows if isinstance(row, RefusedRow)]:
        raise BadInput(str(bad[0]))
    usable = [row for row in rows if isinstance(row, DataRow)]
    if not usable:
        return Corpus(Path(source).name, ())
    form = next(form for recognises, form in FORMS if recognises(usable[0].fields))
    row_cases = [case for row in usable for case in form(row)]
    cases = tuple(case for case in row_cases if isinstance(case, Case))
    left_out = tuple(case for case in row_cases if isinstance(case, RefusedRow))
    return Corpus(Path(source).name, cases, left_out, "mmlu-pro" if form is _mmlu_pro else None)


def _unzip(path: Path) -> list[DataRow | RefusedRow]:
    """The rows of the one JSON file in a zip."""
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
    """Ours: gold, answer (or pred), expected, and a tag. Rows with flags, or whose label is called `result`, are shown and not counted."""
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
    """One question with a solution of each model, and whether its publisher found it correct."""
    gold = Number(str(row.fields["ground_truth"]).rpartition("A:")[2].strip())
    for model, record in row.fields.items():
        if isinstance(record, dict):
            solution = str(record["solution"])
            expected = _EXPECTED[record["is_correct"] is True]
            yield Case(row.place, gold, answer_of(solution), expected, model, str(row.fields["question"]), solution)


def _math_samples(row: DataRow) -> Iterator[Case | RefusedRow]:
    """One question with several samples, `code`, and for each whether it was scored as right."""
    replies, scores = row.fields["code"], row.fields["score"]
    assert isinstance(replies, list) and isinstance(scores, list)
    for i, (reply, score) in enumerate(zip(replies, scores, strict=True)):
        question = str(row.fields.get("question", ""))
        yield Case(
            f"{row.place}, sample {i}", Latex(str(row.fields["answer"])), answer_of(reply), _EXPECTED[score is True], "", question, reply
        )


def _mmlu_pro(row: DataRow) -> Iterator[Case | RefusedRow]:
    """An output with the letter that the published chain found in it."""
    output, letter = row.fields["model_outputs"], row.fields["pred"]
    reply = str(output[0] if isinstance(output, list) else output)
    yield Case(row.place, Text((str(letter or NO_LETTER),), exact=True), reply, "right", str(row.fields.get("category", "")), reply=reply)


def _simple_evals(row: DataRow) -> Iterator[Case | RefusedRow]:
    """A result beside its row of ../../benches/NAME.jsonl, where results/NAME/FILE is the source."""
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
