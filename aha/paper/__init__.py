"""The paper's published numbers: Figures 1 and 2 and Tables 2, 4, 5 and 6 of arXiv 2501.12948, as printed, each with its page.

Others' results, not measured here. Per cent, but for ratings; `None` where the paper prints a dash. Models are named as each table
prints them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = "DeepSeek-R1, arXiv 2501.12948"
SAME_MODEL = {  # Figure 1's names and the tables' spellings -> one name
    "DeepSeek R1": "DeepSeek-R1",
    "DeepSeek V3": "DeepSeek-V3",
    "DeepSeek-R1-32B": "DeepSeek-R1-Distill-Qwen-32B",
    "GPT-4o 0513": "GPT-4o-0513",
    "OpenAI o1-mini": "OpenAI-o1-mini",
    "OpenAI o1-1217": "OpenAI-o1-1217",
}


@dataclass(frozen=True)
class TrainingRun:
    """A training run as published: `hours` long, on so many GPUs. `lengths`: the most tokens of a reply, and for how many rollouts.
    `ahead`: the tokens per decoding step, as the model speculates. `fill` is not published: the average length of a reply as a share of the
    most tokens, guessed from the curve of lengths."""

    gpus: int
    hours: float
    lengths: tuple[tuple[int, int], ...]
    ahead: float
    fill: float


# Nature Table 7 and Methods: 64 x 8 GPUs, 10,400 steps, 16 a rollout; the base's own report (2412.19437) has 1.8 tokens a step
R1_ZERO_RUN = TrainingRun(512, 198.0, ((32_768, 513), (65_536, 137)), 1.8, 0.2)


@dataclass(frozen=True)
class Column:
    """The benchmark and the metric of a column, both as printed; `group`: English, Code, Math or Chinese, in Table 4."""

    benchmark: str
    metric: str
    group: str = ""

    @property
    def is_rating(self) -> bool:
        """True if the column's numbers are ratings and not per cent."""
        return self.metric.lower() == "rating"


@dataclass(frozen=True)
class PublishedRow:
    """The numbers of one model, one value per column."""

    model: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class PublishedTable:
    """A table or figure: `key` as `table4`, `name` as "Table 4", its page in the PDF of 22 pages."""

    key: str
    name: str
    page: int
    columns: tuple[Column, ...]
    rows: tuple[PublishedRow, ...]

    def value(self, model: str, benchmark: str, metric: str) -> float | None:
        """Return the printed number of a model, by its name in this table. KeyError for a cell that is not there."""
        for row in self.rows:
            for column, value in zip(self.columns, row.values, strict=True):
                if (row.model, column.benchmark, column.metric) == (model, benchmark, metric):
                    return value
        raise KeyError(f"{self.name} has no {benchmark} ({metric}) of {model}")


@dataclass(frozen=True)
class PublishedNumber:
    """One printed number, and the table and page where it is printed."""

    model: str
    value: float
    table: str
    page: int


@cache
def tables() -> dict[str, PublishedTable]:
    """Return the tables by key: figure1, figure2, table2, table4, table5, table6."""
    records = json.loads((Path(__file__).parent / "numbers.json").read_text(encoding="utf-8"))
    return {record["key"]: _table(record) for record in records}


def published_numbers(benchmark: str, metric: str) -> list[PublishedNumber]:
    """Return every model's number for a benchmark and metric, one per model. Case, blanks and punctuation of names do not count. Figure 1
    comes last, as it repeats the tables."""
    numbers: dict[str, PublishedNumber] = {}
    for table, row, column, value in _cells():
        if value is not None and _plain(column.benchmark) == _plain(benchmark) and _plain(column.metric) == _plain(metric):
            model = SAME_MODEL.get(row.model, row.model)
            numbers.setdefault(model, PublishedNumber(model, value, table.name, table.page))
    return list(numbers.values())


def _cells() -> Iterator[tuple[PublishedTable, PublishedRow, Column, float | None]]:
    for table in sorted(tables().values(), key=lambda table: table.key.startswith("figure")):
        for row in table.rows:
            for column, value in zip(table.columns, row.values, strict=True):
                yield table, row, column, value


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _table(data: dict[str, object]) -> PublishedTable:
    columns, models = data["columns"], data["models"]
    assert isinstance(columns, list) and isinstance(models, dict)
    return PublishedTable(
        key=str(data["key"]),
        name=str(data["name"]),
        page=int(str(data["page"])),
        columns=tuple(Column(**column) for column in columns),
        rows=tuple(PublishedRow(model, tuple(values)) for model, values in models.items()),
    )
