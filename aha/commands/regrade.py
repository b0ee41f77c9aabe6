"""`aha regrade`: what was said before is graded again, and no model is asked."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput

if TYPE_CHECKING:
    from aha.evals.examined import Generation
    from aha.evals.exams import Exam, Item
    from aha.types import Finished

REPLIES = (
    *("model_outputs", "model_output", "generated_text", "response", "responses", "output", "outputs", "completion", "reply"),
    *("generation", "resps", "output_list", "text"),
)
SHORTEST = 10  # letters of a question that tell it from any other
NAMES = ("question_id", "task_id", "key", "unique_id", "id", "prompt", "instruction", "question")


def flags(parser: ArgumentParser) -> None:
    """The folder or file, and what a file does not say of itself."""
    parser.add_argument("saved", type=Path, metavar="DIR|FILE", help="a folder that `aha eval --out` wrote, or a published file of outputs")
    parser.add_argument("--benchmark", metavar="NAME", help="of a file: which benchmark's rows these are")
    parser.add_argument("--data", metavar="PATH", help="the benchmark's rows, where they are no longer where they were")
    parser.add_argument("--reply", metavar="FIELD", help=f"of a file: the field with the reply ({', '.join(REPLIES[:4])} …)")
    parser.add_argument("--k", type=int, metavar="N", help="only the first so many samples of each problem")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of a file: keep the grades here")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Prints the result of each benchmark as `aha eval` does."""
    from aha.evals.saved import SETTINGS

    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
    saved: Path = arguments.saved.expanduser()
    if saved.is_file():
        return _file(saved, arguments, terminal)
    folders = [saved] if (saved / SETTINGS).is_file() else sorted(path.parent for path in saved.glob(f"*/{SETTINGS}"))
    if not folders:
        raise BadInput(f"{saved}: nothing that was saved by `aha eval --out` is in it")
    for folder in folders:
        _folder(folder, arguments, terminal)
    return 0


def _folder(folder: Path, arguments: Namespace, terminal: Terminal) -> None:
    from aha.commands.results import protocol, tell
    from aha.evals.exams import exam, items_of
    from aha.evals.judged import Transcripts, read_case, scored
    from aha.evals.saved import Saved, kept_items, read_settings

    settings = read_settings(folder)
    asked, k = exam(str(settings["benchmark"])), arguments.k or int(settings["k"])
    kept = None if arguments.data else kept_items(folder)
    items = kept or items_of(asked, arguments.data or settings.get("data"))[0][: settings.get("problems") or None]
    saved = Saved(folder, settings)
    known = {name for name, _ in saved.generations}
    if strangers := sorted(known - {item.id for item in items}):
        raise BadInput(f"{folder}: {strangers[0]} is none of the benchmark's problems now; name the rows as they were with --data PATH")
    about = {"model": settings.get("model")}
    if asked.needs_judge and (case := read_case(folder, asked, items, arguments.data or settings.get("data"), k)):
        graded, result = scored(case, saved.generations, Transcripts(folder), folder, str(about["model"]), int(settings.get("seed", 0)))
        saved.write_grades(graded, result | protocol(case.told))
        tell(case.told, result, terminal)
        return
    _grade(asked, items, saved.generations, k, about, folder, terminal)


def _grade(
    asked: Exam,
    items: Sequence[Item],
    generations: dict[tuple[str, int], Generation],
    k: int,
    about: dict[str, Any],
    out: Path | None,
    terminal: Terminal,
) -> None:
    from aha.commands.results import protocol, tell
    from aha.evals.examined import result_of
    from aha.evals.saved import write_grades
    from aha.stages.examine import grade_all

    graded = grade_all(asked, items, generations, k, lambda what: None)
    result = {**about, **result_of(asked, graded)}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_grades(out, graded, result | protocol(asked))
    tell(asked, result, terminal)


# --- a published file ---------------------------------------------------------------------------------------------------


def _file(path: Path, arguments: Namespace, terminal: Terminal) -> int:
    """Rows with replies in them; the questions from the rows themselves, or by their names from --data."""
    from aha.evals.exams import exam, items_of
    from aha.evals.files import read_rows

    if arguments.benchmark is None:
        raise BadInput(f"{path}: say which benchmark's outputs these are, as in --benchmark mmlu_pro")
    asked, rows = exam(arguments.benchmark), _of_one_filter(read_rows(path))
    field = arguments.reply or next((name for name in REPLIES if name in rows[0]), None)
    if field is None or field not in rows[0]:
        raise BadInput(f"{path}: no field {field or 'with a reply'}; there are {', '.join(rows[0])}; name it with --reply FIELD")
    items, _ = items_of(asked, arguments.data or str(path))
    named = {item.id: item for item in items}
    by_item = _replies(path, rows, field, items, arguments.data is not None)
    k = arguments.k or min(map(len, by_item.values()))
    found = {(name, number): said for name, all_said in by_item.items() for number, said in enumerate(all_said)}
    _grade(asked, [named[name] for name in by_item], found, k, {"file": str(path)}, arguments.out, terminal)
    return 0


def _of_one_filter(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, of lm-evaluation-harness' samples those of the first filter: every filter's row holds the same reply."""
    first = rows[0].get("filter")
    return [row for row in rows if row.get("filter") == first] if "doc_id" in rows[0] and first is not None else rows


def _replies(
    path: Path, rows: Sequence[dict[str, Any]], field: str, items: Sequence[Item], apart_from: bool
) -> dict[str, list[Generation]]:
    """By item, in the order of the rows. `apart_from`: the questions stand in another file, so that names or questions have to match."""
    from aha.evals.examined import Generation
    from aha.template import apart

    if not apart_from and len(rows) != len(items):
        raise BadInput(f"{path}: {len(rows)} rows and {len(items)} problems; name the benchmark's own rows with --data PATH")
    known = {item.prompt: item.id for item in items} | {item.id: item.id for item in items}
    found: dict[str, list[Generation]] = {}
    for number, row in enumerate(rows):
        name = _item_of(row, known, items) if apart_from else items[number].id
        if name is None:
            raise BadInput(f"{path}, record {number + 1}: none of its {', '.join(NAMES)} is that of one of the benchmark's problems")
        finished: Finished = "length" if row.get("finish_reason", row.get("finished")) in ("length", "max_tokens", False) else "stop"
        for text in _texts(row.get(field)):
            visible, thought = apart(text)
            of_item = found.setdefault(name, [])
            of_item.append(Generation(name, len(of_item), visible, thought, 0, finished))
    return found


def _item_of(row: dict[str, Any], known: dict[str, str], items: Sequence[Item]) -> str | None:
    """The problem whose name or prompt the row has; of lm-evaluation-harness' samples, the row at its place that asks its question."""
    if name := next((known[str(row[field])] for field in NAMES if str(row.get(field)) in known), None):
        return name
    match row:
        case {"doc_id": int(place), "doc": dict(doc)} if 0 <= place < len(items):
            questions = [str(doc[field]).strip() for field in (*NAMES, "problem", "Question") if doc.get(field)]
            asks = any(len(question) > SHORTEST and question in items[place].prompt for question in questions)
            return items[place].id if asks else next((known[question] for question in questions if question in known), None)
    return None


def _texts(said: object) -> Iterator[str]:
    """The replies in a field: one, a list of them, or lists in a list, as lm-evaluation-harness has them."""
    if isinstance(said, list):
        for one in said:
            yield from _texts(one)
    else:
        yield str(said or "")


COMMAND = Command("grade again what a model said before, without asking it again", "evaluate", flags, run)
