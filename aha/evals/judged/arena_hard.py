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
from aha.evals.arena.battles import BASELINES, WRITERS, wins_of_a
from aha.evals.benchmark import LONGEST_VOTE, Benchmark, BenchmarkExample, ReplyGrade
from aha.evals.files import find_file
from aha.evals.judged.judged_benchmark import ANSWER_PAIR, JudgedSample, JudgePrompt, JudgeRun, JudgeVerdict
from aha.evals.result import Result, result_of
from aha.protocols import Sampling
from aha.types import Abstained, ChatReply, Conversation, Message, Right, Wrong

JUDGMENTS, ANSWERS = "judgments.jsonl", "answers.jsonl"
LOSSES = ("A>>B", "B>>A")  # by whom: the baseline is A, then B
_PAIR = JudgePrompt(ANSWER_PAIR, published=True)


@dataclass(frozen=True)
class ArenaMatches:
    """Every question has a baseline's answer. What was cut or empty has lost both games by the wider margin."""

    prompts: Mapping[str, JudgePrompt]
    version: Version
    answers: Mapping[str, tuple[str, str]]  # question -> baseline's name and its answer
    judges: tuple[str, ...]
    sampling: Sampling
    top: int = 0
    expected: int = 600
    again: str = "There is no final label in that yet. Finish the comparison and end with one label, such as [[A>B]]."

    @property
    def prompt(self) -> JudgePrompt:
        """The one that most questions are judged with."""
        return self.prompts.get("arena-hard-v0.1" if self.version == "v0.1" else "hard_prompt", self.prompts[""])

    @property
    def usual(self) -> bool:
        """Whether every question's baseline is the published one's."""
        return all(name in (BASELINES[self.version], *WRITERS.values()) for name, _ in self.answers.values())

    def usual_reply(self, example: BenchmarkExample) -> str:
        return self.answers[example.id][1]

    def questions(self, example: BenchmarkExample, text: str) -> list[Conversation]:
        base = self.answers[example.id][1]
        system = Message("system", self.prompts.get(example.category, self.prompt).text)
        pairs = ((base, text), (text, base))
        prompts = (_PAIR.fill({"QUESTION": example.prompt, "ANSWER_A": first, "ANSWER_B": two}) for first, two in pairs)
        return [Conversation((system, Message("user", prompt))) for prompt in prompts]

    def verdict(self, replies: Sequence[ChatReply]) -> JudgeVerdict | None:
        """The last label of all that was said. One that is no label, such as A<>B, is none."""
        label = verdict("\n".join(reply.text for reply in replies))
        return label if label is not None and wins_of_a(label) is not None else None

    def grade(self, example: BenchmarkExample, text: str, verdicts: Sequence[JudgeVerdict | None]) -> ReplyGrade:
        vote = text.strip()[:LONGEST_VOTE] or None
        wins = [win for win in map(_wins, verdicts, (True, False)) if win is not None]
        if not wins:
            return ReplyGrade(Abstained("neither game has a verdict"), vote)
        mean = sum(wins) / len(wins)
        return ReplyGrade(Right() if mean > 0.5 else Wrong("does not beat the baseline"), vote, {"wins": mean})

    def result(self, benchmark: Benchmark, samples: Sequence[JudgedSample], folder: Path, run: JudgeRun) -> Result:
        """Return the result through files of judgments and answers, in the published form, by the code that reads everybody's."""
        self._write(samples, folder, run)
        battles = read_battles([folder / JUDGMENTS], self.version)
        questions = {sample.example.id: sample for sample in samples}
        parts = {name: sample.example.category if self.version == "v2.0" else "all" for name, sample in questions.items()}
        by_part: dict[str, list[Any]] = {}
        for battle in battles:
            by_part.setdefault(parts[battle.question], []).append(battle)
        styles = {(run.model, name): style_of(sample.sample.text) for name, sample in questions.items()}
        styles |= {(self.answers[name][0], name): style_of(self.answers[name][1]) for name in questions}
        baselines = {parts[name]: self.answers[name][0] for name in questions}
        ratings = {part: scores_of(part_battles, self.version, styles, baselines[part])[0] for part, part_battles in by_part.items()}
        headline = ratings.get("hard_prompt") or next(iter(ratings.values()))
        missing = sum(verdict is None for sample in samples for verdict in sample.verdicts)
        scores = {name: value for name, value in headline.items() if name != "model"}
        scores |= {"unjudged": missing / (2 * len(samples)), "baseline": ", ".join(dict.fromkeys(baselines.values()))}
        scores |= {"parts": ratings} if len(ratings) > 1 else {}
        return result_of([sample.sample for sample in samples], benchmark, run.model, run.seed).with_scores("score", scores)

    def _write(self, samples: Sequence[JudgedSample], folder: Path, run: JudgeRun) -> None:
        judgments = [
            {"question_id": sample.example.id, "model": run.model, "judge": run.judge, "games": _games(sample)} for sample in samples
        ]
        answers = [_answer(sample.example.id, run.model, sample.example.prompt, sample.sample.text) for sample in samples]
        for name, rows in ((JUDGMENTS, judgments), (ANSWERS, answers)):
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            replace_file(Disk(), folder / name, text.encode("utf-8", "replace"))


def _wins(label: JudgeVerdict | None, baseline_first: bool) -> float | None:
    """How much of a game the model won, a verdict of three battles counting once."""
    wins = wins_of_a(str(label)) if label is not None else None
    return None if wins is None else 1.0 - wins[0] if baseline_first else wins[0]


def _games(sample: JudgedSample) -> list[dict[str, Any]]:
    if not sample.verdicts:
        return [{"score": score, "judgment": None} for score in LOSSES]
    return [
        {"score": label, "judgment": "\n".join(reply.text for reply in replies) or None}
        for label, replies in zip(sample.verdicts, sample.replies, strict=True)
    ]


def _answer(question: str, model: str, prompt: str, text: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": {"answer": text}}]
    return {"uid": question, "model": model, "messages": messages}


def matches(
    examples: Sequence[BenchmarkExample], files: Sequence[Path], folder: Path | None, version: Version, prompts: Mapping[str, JudgePrompt]
) -> tuple[ArenaMatches, list[BenchmarkExample], str]:
    """Return the judged benchmark, the questions that have a baseline's answer, and what to say of those left out: a whole category may
    have no baseline here.

    BadInput where a baseline is there and lacks some questions."""
    baselines = {example.id: WRITERS.get(example.category, BASELINES[version]) for example in examples}
    names = dict.fromkeys(baselines.values())
    paths = list(files) or [path for name in names if (path := find_file(folder, f"{name}.jsonl", within="model_answer")) is not None]
    answered_prompts = read_answers(paths)
    only = next(iter(answered_prompts)) if files and len(answered_prompts) == 1 else None
    chosen = {question: name if name in answered_prompts or only is None else only for question, name in baselines.items()}
    left_out = [example for example in examples if chosen[example.id] not in answered_prompts]
    answered_examples = [example for example in examples if chosen[example.id] in answered_prompts]
    missing_names = ", ".join(dict.fromkeys(chosen[example.id] for example in left_out))
    if not answered_examples:
        raise BadInput(f"no answers of {missing_names}, the baseline, are in the data; name their file with --baseline-answers FILE")
    if missing := [example.id for example in answered_examples if example.id not in answered_prompts[chosen[example.id]]]:
        raise BadInput(f"{chosen[missing[0]]}: no answer to {len(missing)} of {len(answered_examples)} questions, the first {missing[0]}")
    answers = {example.id: (chosen[example.id], answered_prompts[chosen[example.id]][example.id]) for example in answered_examples}
    judges, most = (("gpt-4-1106-preview",), 4_096) if version == "v0.1" else (("gpt-4.1", "gpt-4.1-2025-04-14"), 16_000)
    why = (
        f"{len(left_out)} questions are left out: no answers of {missing_names}; name their file with --baseline-answers"
        if left_out
        else ""
    )
    return ArenaMatches(prompts, version, answers, judges, Sampling(temperature=0.0, max_tokens=most)), answered_examples, why
