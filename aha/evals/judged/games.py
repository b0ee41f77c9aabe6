"""Arena-Hard from fresh verdicts: two games a question, the baseline's answer first in one and second in the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.durable import Disk, replace_file
from aha.errors import BadInput
from aha.evals.arena import Version, read_answers, read_battles, scores_of, style_of, verdict
from aha.evals.arena.battles import BASELINES, WRITERS
from aha.evals.arena.judge import wins_of_a
from aha.evals.examined import result_of
from aha.evals.exams.exam import LONGEST_VOTE, Exam, Item, Judged
from aha.evals.files import find_file
from aha.evals.judged.jury import About, Found, Verdict
from aha.evals.judged.prompts import SHOWN, Prompt
from aha.protocols import Sampling
from aha.redact import hide_tree
from aha.types import Abstained, Conversation, Message, Right, Said, Wrong

JUDGMENTS, ANSWERS = "judgments.jsonl", "answers.jsonl"
LOST = ("A>>B", "B>>A")  # by whom: the baseline is A, then B
_SHOWN = Prompt(SHOWN, published=True)


@dataclass(frozen=True)
class Games:
    """Every question has a baseline's answer. What was cut or empty has lost both games by the wider margin."""

    prompts: Mapping[str, Prompt]
    version: Version
    answers: Mapping[str, tuple[str, str]]  # question -> baseline's name and its answer
    judges: tuple[str, ...]
    sampling: Sampling
    top: int = 0
    expected: int = 600
    again: str = "There is no final label in that yet. Finish the comparison and end with one label, such as [[A>B]]."

    @property
    def prompt(self) -> Prompt:
        """The one that most questions are judged with."""
        return self.prompts.get("arena-hard-v0.1" if self.version == "v0.1" else "hard_prompt", self.prompts[""])

    @property
    def usual(self) -> bool:
        """Whether every question's baseline is the published one's."""
        return all(name in (BASELINES[self.version], *WRITERS.values()) for name, _ in self.answers.values())

    def guess(self, item: Item) -> str:
        return self.answers[item.id][1]

    def games(self, item: Item, text: str) -> list[Conversation]:
        base = self.answers[item.id][1]
        system = Message("system", self.prompts.get(item.category, self.prompt).text)
        shown = (_SHOWN.filled({"QUESTION": item.prompt, "ANSWER_A": one, "ANSWER_B": two}) for one, two in ((base, text), (text, base)))
        return [Conversation((system, Message("user", each))) for each in shown]

    def verdict(self, replies: Sequence[Said]) -> Verdict | None:
        """The last label of all that was said. One that is no label, such as A<>B, is none."""
        label = verdict("\n".join(said.text for said in replies))
        return label if label is not None and wins_of_a(label) is not None else None

    def judged(self, item: Item, text: str, verdicts: Sequence[Verdict | None]) -> Judged:
        vote = text.strip()[:LONGEST_VOTE] or None
        wins = [win for win in map(_wins, verdicts, (True, False)) if win is not None]
        if not wins:
            return Judged(Abstained("neither game has a verdict"), vote)
        mean = sum(wins) / len(wins)
        return Judged(Right() if mean > 0.5 else Wrong("does not beat the baseline"), vote, {"wins": mean})

    def result(self, exam: Exam, found: Sequence[Found], folder: Path, about: About) -> dict[str, Any]:
        """Through files of judgments and answers, in the published form, by the code that reads everybody's."""
        self._write(found, folder, about)
        battles = read_battles([folder / JUDGMENTS], self.version)
        parts = {each.item.id: each.item.category if self.version == "v2.0" else "all" for each in found}
        fought: dict[str, list[Any]] = {}
        for battle in battles:
            fought.setdefault(parts[battle.question], []).append(battle)
        styles = {(about.model, each.item.id): style_of(each.said.text) for each in found}
        styles |= {(self.answers[each.item.id][0], each.item.id): style_of(self.answers[each.item.id][1]) for each in found}
        names = {parts[each.item.id]: self.answers[each.item.id][0] for each in found}
        scores = {part: scores_of(each, self.version, styles, names[part])[0] for part, each in fought.items()}
        headline = scores.get("hard_prompt") or next(iter(scores.values()))
        beside = result_of(exam, [each.graded for each in found], about.seed)
        kept = ("benchmark", "problems", "samples", "k", "truncated", "refused", "mean_tokens")
        missing = sum(verdict is None for each in found for verdict in each.verdicts)
        result = {name: beside[name] for name in kept} | {"headline": "score", "value": headline["score"]}
        result |= {name: value for name, value in headline.items() if name != "model"}
        result |= {"unjudged": missing / (2 * len(found)), "baseline": ", ".join(dict.fromkeys(names.values()))}
        return result | ({"parts": scores} if len(scores) > 1 else {})

    def _write(self, found: Sequence[Found], folder: Path, about: About) -> None:
        judgments = [{"question_id": each.item.id, "model": about.model, "judge": about.judge, "games": _games(each)} for each in found]
        answers = [_answer(each.item.id, about.model, each.item.prompt, each.said.text) for each in found]
        for name, rows in ((JUDGMENTS, judgments), (ANSWERS, answers)):
            text = "".join(json.dumps(hide_tree(row), ensure_ascii=False) + "\n" for row in rows)
            replace_file(Disk(), folder / name, text.encode("utf-8", "replace"))


def _wins(said: Verdict | None, baseline_first: bool) -> float | None:
    """How much of a game the model won, a verdict of three battles counting once."""
    wins = wins_of_a(str(said)) if said is not None else None
    return None if wins is None else 1.0 - wins[0] if baseline_first else wins[0]


def _games(found: Found) -> list[dict[str, Any]]:
    if not found.verdicts:
        return [{"score": score, "judgment": None} for score in LOST]
    return [
        {"score": said, "judgment": "\n".join(reply.text for reply in replies) or None}
        for said, replies in zip(found.verdicts, found.replies, strict=True)
    ]


def _answer(question: str, model: str, asked: str, said: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": {"answer": said}}]
    return {"uid": question, "model": model, "messages": messages}


def games(
    items: Sequence[Item], files: Sequence[Path], folder: Path | None, version: Version, prompts: Mapping[str, Prompt]
) -> tuple[Games, list[Item], str]:
    """The jury, the questions that have a baseline's answer, and what to say of those left out: a whole category may have no baseline here.

    BadInput where a baseline is there and lacks some questions."""
    wanted = {item.id: WRITERS.get(item.category, BASELINES[version]) for item in items}
    names = dict.fromkeys(wanted.values())
    paths = list(files) or [path for name in names if (path := find_file(folder, f"{name}.jsonl", within="model_answer")) is not None]
    known = read_answers(paths)
    only = next(iter(known)) if files and len(known) == 1 else None
    chosen = {question: name if name in known or only is None else only for question, name in wanted.items()}
    left_out = [item for item in items if chosen[item.id] not in known]
    used = [item for item in items if chosen[item.id] in known]
    missing_names = ", ".join(dict.fromkeys(chosen[item.id] for item in left_out))
    if not used:
        raise BadInput(f"no answers of {missing_names}, the baseline, are in the data; name their file with --baseline-answers FILE")
    if missing := [item.id for item in used if item.id not in known[chosen[item.id]]]:
        raise BadInput(f"{chosen[missing[0]]}: no answer to {len(missing)} of {len(used)} questions, the first {missing[0]}")
    answers = {item.id: (chosen[item.id], known[chosen[item.id]][item.id]) for item in used}
    judges, most = (("gpt-4-1106-preview",), 4_096) if version == "v0.1" else (("gpt-4.1", "gpt-4.1-2025-04-14"), 16_000)
    why = (
        f"{len(left_out)} questions are left out: no answers of {missing_names}; name their file with --baseline-answers"
        if left_out
        else ""
    )
    return Games(prompts, version, answers, judges, Sampling(temperature=0.0, max_tokens=most)), used, why
