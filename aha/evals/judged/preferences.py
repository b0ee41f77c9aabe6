"""AlpacaEval 2.0 from fresh verdicts: which of two outputs a judge would rather have, and how sure it is by its first token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aha.durable import Disk, replace_file
from aha.errors import BadInput
from aha.evals.alpaca import Calibration, calibration_in, preference, read_annotations, recomputed, shown_in_reverse, win_rates
from aha.evals.examined import result_of
from aha.evals.exams.exam import LONGEST_VOTE, Exam, Item, Judged
from aha.evals.files import find_file, need_fields, read_rows
from aha.evals.judged.jury import About, Found, Verdict
from aha.evals.judged.prompts import Prompt
from aha.protocols import Sampling
from aha.redact import hide_tree
from aha.types import Abstained, Conversation, Message, Right, Said, Wrong

BASELINE = "gpt4_1106_preview"
OUTPUTS = ("reference_outputs_gpt4_1106_preview.json", "alpaca_eval_gpt4_baseline.json", "alpaca_eval.json")
ANNOTATIONS = "annotations.json"
LOST = 1.0
Orders = Literal["published", "both"]


@dataclass(frozen=True)
class Baseline:
    """What the model is compared with: its name, and by instruction, blanks around it left out, the row as it stands in the file."""

    name: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Preferences:
    """One game a reply, in the order that the instruction draws, as published; with `orders` "both" two, whose mean counts.

    A judge that sends no log-probabilities is read by its letter, 0 or 1. What was cut or empty has lost."""

    prompt: Prompt
    baseline: Baseline
    calibration: Calibration
    orders: Orders = "published"
    judges: tuple[str, ...] = ("gpt-4-1106-preview",)
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=1)
    top: int = 5
    expected: int = 1
    again: str = "Reply with one letter, m or M, and nothing else."

    @property
    def usual(self) -> bool:
        """Whether baseline and order are those of the published table."""
        return self.baseline.name == BASELINE and self.orders == "published"

    def guess(self, item: Item) -> str:
        return str(self.baseline.rows[item.prompt]["output"])

    def games(self, item: Item, text: str) -> list[Conversation]:
        return [self._shown(item, text, reverse) for reverse in self._orders(item)]

    def verdict(self, replies: Sequence[Said]) -> Verdict | None:
        """How much of the judge's word goes to M."""
        if not replies:
            return None
        top = [{"token": token, "logprob": value} for token, value in replies[-1].top]
        sure = preference(top, reverse=False)
        if sure is not None:
            return sure - 1.0
        return {"m": 0.0, "M": 1.0}.get(replies[-1].text.strip(" \n\t.'\"`*"))

    def judged(self, item: Item, text: str, verdicts: Sequence[Verdict | None]) -> Judged:
        vote, wins = text.strip()[:LONGEST_VOTE] or None, self._wins(item, verdicts)
        if wins is None:
            return Judged(Abstained("the judge gave no verdict"), vote)
        return Judged(Right() if wins > 0.5 else Wrong(f"the judge prefers {self.baseline.name}"), vote, {"preference": wins})

    def result(self, exam: Exam, found: Sequence[Found], folder: Path, about: About) -> dict[str, Any]:
        """Through the file of annotations, in the published form, by the code that reads everybody's."""
        rows = [hide_tree(self._row(each, about)) for each in found]
        replace_file(Disk(), folder / ANNOTATIONS, (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace"))
        annotations = read_annotations(folder / ANNOTATIONS)
        rates = win_rates(annotations, self.calibration)
        beside = result_of(exam, [each.graded for each in found], about.seed)
        kept = ("benchmark", "problems", "samples", "k", "truncated", "refused", "mean_tokens")
        return {name: beside[name] for name in kept} | {
            "headline": "lc_win_rate",
            "value": rates.lc_win_rate,
            "win_rate": rates.win_rate,
            "lc_win_rate": rates.lc_win_rate,
            "lc_standard_error": rates.lc_standard_error,
            "discrete_win_rate": rates.discrete_win_rate,
            "n": rates.n,
            "unjudged": (len(rows) - rates.n) / len(rows),
            "weighed": recomputed(annotations)[0] / len(rows) if self.orders == "published" else _weighed(found),
            "baseline": self.baseline.name,
        }

    def _orders(self, item: Item) -> list[bool]:
        """For each game whether the model is shown as m."""
        drawn = shown_in_reverse(self._raw(item))
        return [drawn] if self.orders == "published" else [drawn, not drawn]

    def _raw(self, item: Item) -> str:
        return str(self.baseline.rows[item.prompt]["instruction"])

    def _shown(self, item: Item, text: str, reverse: bool) -> Conversation:
        base = str(self.baseline.rows[item.prompt]["output"])
        small, large = (text, base) if reverse else (base, text)
        values = {"instruction": self._raw(item), "output_1": small, "output_2": large}
        turns = [(role, Prompt(turn, published=self.prompt.published).filled(values)) for role, turn in self.prompt.turns()]
        return Conversation(tuple(Message("system" if role == "system" else "user", turn) for role, turn in turns))

    def _wins(self, item: Item, verdicts: Sequence[Verdict | None]) -> float | None:
        said = [
            float(verdict) if not reverse else 1.0 - float(verdict)
            for reverse, verdict in zip(self._orders(item), verdicts, strict=True)
            if verdict is not None
        ]
        return sum(said) / len(said) if said and len(said) == len(verdicts) else None

    def _row(self, found: Found, about: About) -> dict[str, Any]:
        base = self.baseline.rows[found.item.prompt]
        wins = self._wins(found.item, found.verdicts) if found.verdicts else LOST - 1.0
        row: dict[str, Any] = {
            "instruction": base["instruction"],
            "output_1": base["output"],
            "generator_1": self.baseline.name,
            "output_2": found.said.text,
            "generator_2": about.model,
            "annotator": about.judge,
            "preference": None if wins is None else 1.0 + wins,
        }
        if len(found.verdicts) == 1 and found.replies[0][-1:] and found.replies[0][-1].top:
            top = [{"token": token, "logprob": value} for token, value in found.replies[0][-1].top]
            row["raw_completion"] = {"logprobs": {"content": [{"top_logprobs": top}]}}
        return row


def _weighed(found: Sequence[Found]) -> float:
    """The share of samples whose every verdict came with log-probabilities."""
    return sum(bool(each.replies) and all(bool(said and said[-1].top) for said in each.replies) for each in found) / len(found)


def read_baseline(files: Sequence[Path], folder: Path | None) -> Baseline:
    """From the files that were named, else from the published one in the data. BadInput where there is none, or several models in it."""
    paths = list(files) or [path for path in (find_file(folder, *OUTPUTS, within="alpaca_eval"),) if path is not None]
    if not paths:
        raise BadInput(f"alpaca_eval: the baseline's outputs are not in the data ({OUTPUTS[0]}); name their file with --baseline-answers")
    rows: dict[str, Mapping[str, Any]] = {}
    names: set[str] = set()
    for path in paths:
        found = read_rows(path)
        need_fields(path, found, ("instruction", "output"), "an output")
        rows |= {str(row["instruction"]).strip(): row for row in found}
        names |= {str(row.get("generator", path.stem)) for row in found}
    if len(names) > 1:
        raise BadInput(f"{', '.join(map(str, paths))}: outputs of {len(names)} models ({', '.join(sorted(names)[:3])}); a baseline is one")
    return Baseline(names.pop(), rows)


def preferences(items: Sequence[Item], files: Sequence[Path], folder: Path | None, prompt: Prompt, orders: Orders) -> Preferences:
    """Everything that the scores will need, looked for before anything is asked."""
    baseline, calibration = read_baseline(files, folder), calibration_in(folder)
    if missing := [item for item in items if item.prompt not in baseline.rows]:
        raise BadInput(f"alpaca_eval: {baseline.name} has no output for {len(missing)} of {len(items)} instructions ({missing[0].id} …)")
    calibration.of([str(baseline.rows[item.prompt]["instruction"]) for item in items])
    return Preferences(prompt, baseline, calibration, orders)
