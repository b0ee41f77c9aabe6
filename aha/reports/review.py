"""The review of a data set by a person: a page of its rows, and the corrections that it saves, applied to the set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aha.durable import Disk, Shards, disk_errors, replace_file
from aha.errors import BadInput
from aha.reports.page import render
from aha.rundir import Record
from aha.tasks.examples import read_examples, write_example
from aha.tasks.reading import DataRow, RefusedRow, count_rows, rows_of, shards_of
from aha.text import language_share
from aha.types import Conversation, Example

TEMPLATE, SCRIPT = "review.html.jinja", "review.js"
PAGE, ROWS, RAW, BEFORE = "review.html", "rows", "raw", "rows-before-review"
LETTERS_A_LINE, MOST_LINES = 110, 18


@dataclass(frozen=True)
class ReviewRow:
    """One row as the page shows it; `raw`: the row that it was rewritten from."""

    id: str
    domain: str
    language: str
    question: str
    thought: str | None
    answer: str
    share: float
    lines: int
    raw: str


@dataclass(frozen=True)
class Edit:
    """A person's correction of a row; without an answer the row is dropped."""

    answer: str | None
    thought: str | None


def write_review(root: Path, most: int | None = 200) -> tuple[Path, int]:
    """Write `review.html` with at most `most` rows into the run directory; return its path and the number of all rows."""
    examples = _rows(root)
    raw = {example.id.removesuffix("/raw"): example for example in read_examples(root / RAW)} if (root / RAW).is_dir() else {}
    record = Record(root)
    funnel = record.result.get("funnel") if (root / "manifest.json").exists() and record.finished else None
    rows = [_row(example, raw.get(example.id)) for example in examples[:most]]
    page = render(TEMPLATE, SCRIPT, name=root.resolve().name, folder=str(root), rows=rows, total=len(examples), funnel=funnel)
    replace_file(Disk(), root / PAGE, page.encode("utf-8", "backslashreplace"))
    return root / PAGE, len(examples)


def take(root: Path, file: Path) -> Counter[str]:
    """Apply a person's changes and removals to the rows of the set; the old rows are kept in `rows-before-review`. Corrected rows are
    written as JSON lines, whatever their old format.

    `file` has the lines that the page saves (`id`, `content`, `reasoning_content`, or `drop`), or whole rows. BadInput, with file and line,
    for any other line; then nothing is changed."""
    edits, counts, rows = dict(_edits(file)), Counter[str](), []
    examples = _rows(root)
    if unknown := edits.keys() - {example.id for example in examples}:
        raise BadInput(f"{file}: no row is called {sorted(unknown)[0]!r}; ids stay as they are, so that a row's origin can be told")
    for example in examples:
        edited_example = _edit_example(example, edits.get(example.id))
        counts["kept" if edited_example == example else "dropped" if edited_example is None else "changed"] += 1
        rows += [edited_example] if edited_example is not None else []
    if not rows:
        raise BadInput(f"{file}: it drops every row, and then there is no set")
    _replace(root, [write_example(row) for row in rows])
    return counts


def _rows(root: Path) -> list[Example]:
    if not (root / ROWS).is_dir():
        raise BadInput(f"{root}: no folder {ROWS} in it; name the run directory of a stage that makes rows")
    return read_examples(root / ROWS)


def _row(example: Example, raw: Example | None) -> ReviewRow:
    *before, last = example.conversation.messages
    message = raw.conversation.messages[-1] if raw is not None else None
    lines = sum(1 + len(line) // LETTERS_A_LINE for line in (last.thought or "").splitlines())
    return ReviewRow(
        id=example.id,
        domain=example.domain,
        language=example.language,
        question="\n\n".join(message.content for message in before),
        thought=last.thought,
        answer=last.content,
        share=language_share(last.thought or "", example.language),
        lines=min(MOST_LINES, max(2, lines)),
        raw=f"{message.thought}\n\n{message.content}" if message is not None else "",
    )


def _edits(file: Path) -> Iterator[tuple[str, Edit]]:
    for row in rows_of(str(file), "train", None):
        if isinstance(row, RefusedRow):
            raise BadInput(str(row))
        name = row.fields.get("id")
        if not isinstance(name, str):
            raise BadInput(f"{row.place}: no id: it says which row is meant")
        yield name, Edit(None, None) if row.fields.get("drop") is True else _edit(row)


def _edit(row: DataRow) -> Edit:
    messages = row.fields.get("messages")
    fields: Mapping[str, Any] = messages[-1] if isinstance(messages, list) and messages and isinstance(messages[-1], dict) else row.fields
    answer, thought = fields.get("content"), fields.get("reasoning_content")
    if not isinstance(answer, str) or not answer.strip() or not isinstance(thought, str | None):
        raise BadInput(f'{row.place}: {{"id", "content", "reasoning_content"}}, a whole row, or {{"id", "drop": true}} is needed')
    return Edit(answer.strip(), thought)


def _edit_example(example: Example, edit: Edit | None) -> Example | None:
    if edit is None:
        return example
    if edit.answer is None:
        return None
    *before, last = example.conversation.messages
    thought = last.thought if edit.thought is None else edit.thought.strip()
    return replace(example, conversation=Conversation((*before, replace(last, content=edit.answer, thought=thought))))


def _replace(root: Path, lines: Sequence[str]) -> None:
    """Rename the old rows away and the new ones into place; a crash in between leaves both, under names that say which is which."""
    disk, rows, before, beside = Disk(), root / ROWS, root / BEFORE, root / "rows-reviewed"
    per_shard = max(1, max(map(count_rows, shards_of(str(rows)))))
    with disk_errors(root):
        for stale in (beside, before):
            if stale.exists():
                disk.remove(stale)
    Shards(beside, per_shard, disk=disk).append(lines)
    with disk_errors(root):
        disk.rename(rows, before)
        disk.rename(beside, rows)
        disk.fsync(root)
