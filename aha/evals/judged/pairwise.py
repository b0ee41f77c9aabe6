"""Benchmarks in which a judge compares two replies.

AlpacaEval 2.0 from fresh verdicts: the judge's first token says which of two outputs it prefers, and its log-probabilities how surely.

Arena-Hard from fresh verdicts: two games per question, with the baseline's answer first in one and second in the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from aha.durable import Disk, replace_file
from aha.errors import BadInput
from aha.evals.alpaca import Calibration, calibration_in, preference, read_annotations, shown_in_reverse, weighted_preferences, win_rates
from aha.evals.arena import Version, read_answers, read_battles, scores_of, style_of, verdict
from aha.evals.arena.battles import BASELINES, WRITERS, wins_of_a
from aha.evals.benchmark import LONGEST_VOTE, Benchmark, BenchmarkExample, ReplyGrade
from aha.evals.files import find_file, need_fields, read_rows
from aha.evals.judged.judged_benchmark import ANSWER_PAIR, JudgedSample, JudgePrompt, JudgeRun, JudgeVerdict
from aha.evals.result import Result, result_of
from aha.protocols import Sampling
from aha.types import Abstained, ChatReply, Conversation, Message, Right, Wrong

BASELINE = "gpt4_1106_preview"
OUTPUTS = ("reference_outputs_gpt4_1106_preview.json", "alpaca_eval_gpt4_baseline.json", "alpaca_eval.json")
ANNOTATIONS = "annotations.json"
LOSS = 1.0
Orders = Literal["published", "both"]


@dataclass(frozen=True)
class BaselineOutputs:
    """The outputs that the model is compared with: their model's name, and by instruction, without blanks around it, the row of the
    file."""

    name: str
    rows: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Preferences:
    """The judging of one game per reply, in an order drawn by the instruction, as published; with `orders` "both", of two games, whose mean
    counts.

    For a judge without log-probabilities, its letter counts, 0 or 1. A cut or empty reply has lost."""

    prompt: JudgePrompt
    baseline: BaselineOutputs
    calibration: Calibration
    orders: Orders = "published"
    judges: tuple[str, ...] = ("gpt-4-1106-preview",)
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=1)
    top: int = 5
    expected: int = 1
    again: str = "Reply with one letter, m or M, and nothing else."

    @property
    def usual(self) -> bool:
        """True if baseline and order are those of the published table."""
        return self.baseline.name == BASELINE and self.orders == "published"

    def usual_reply(self, example: BenchmarkExample) -> str:
        return str(self.baseline.rows[example.prompt]["output"])

    def questions(self, example: BenchmarkExample, text: str) -> list[Conversation]:
        return [self._conversation(example, text, reverse) for reverse in self._orders(example)]

    def verdict(self, replies: Sequence[ChatReply]) -> JudgeVerdict | None:
        """Return the probability that the judge gives to M."""
        if not replies:
            return None
        top = [{"token": token, "logprob": value} for token, value in replies[-1].top]
        likelihood = preference(top, reverse=False)
        if likelihood is not None:
            return likelihood - 1.0
        return {"m": 0.0, "M": 1.0}.get(replies[-1].text.strip(" \n\t.'\"`*"))

    def grade(self, example: BenchmarkExample, text: str, verdicts: Sequence[JudgeVerdict | None]) -> ReplyGrade:
        vote, wins = text.strip()[:LONGEST_VOTE] or None, self._wins(example, verdicts)
        if wins is None:
            return ReplyGrade(Abstained("the judge gave no verdict"), vote)
        return ReplyGrade(Right() if wins > 0.5 else Wrong(f"the judge prefers {self.baseline.name}"), vote, {"preference": wins})

    def result(self, benchmark: Benchmark, samples: Sequence[JudgedSample], folder: Path, run: JudgeRun) -> Result:
        """Return the result through a file of annotations in the published form, by the code that reads published files."""
        rows = [self._row(sample, run) for sample in samples]
        replace_file(Disk(), folder / ANNOTATIONS, (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace"))
        annotations = read_annotations(folder / ANNOTATIONS)
        rates = win_rates(annotations, self.calibration)
        scores = {
            **asdict(rates),
            "unjudged": (len(rows) - rates.n) / len(rows),
            "weighed": weighted_preferences(annotations)[0] / len(rows) if self.orders == "published" else _share_with_logprobs(samples),
            "baseline": self.baseline.name,
        }
        return result_of([sample.sample for sample in samples], benchmark, run.model, run.seed).with_scores("lc_win_rate", scores)

    def _orders(self, example: BenchmarkExample) -> list[bool]:
        """Return for each game whether the model is shown as m."""
        in_reverse = shown_in_reverse(self._raw(example))
        return [in_reverse] if self.orders == "published" else [in_reverse, not in_reverse]

    def _raw(self, example: BenchmarkExample) -> str:
        return str(self.baseline.rows[example.prompt]["instruction"])

    def _conversation(self, example: BenchmarkExample, text: str, reverse: bool) -> Conversation:
        base = str(self.baseline.rows[example.prompt]["output"])
        small, large = (text, base) if reverse else (base, text)
        values = {"instruction": self._raw(example), "output_1": small, "output_2": large}
        turns = [(role, JudgePrompt(turn, published=self.prompt.published).fill(values)) for role, turn in self.prompt.turns()]
        return Conversation(tuple(Message("system" if role == "system" else "user", turn) for role, turn in turns))

    def _wins(self, example: BenchmarkExample, verdicts: Sequence[JudgeVerdict | None]) -> float | None:
        wins = [
            float(verdict) if not reverse else 1.0 - float(verdict)
            for reverse, verdict in zip(self._orders(example), verdicts, strict=True)
            if verdict is not None
        ]
        return sum(wins) / len(wins) if wins and len(wins) == len(verdicts) else None

    def _row(self, sample: JudgedSample, run: JudgeRun) -> dict[str, Any]:
        base = self.baseline.rows[sample.example.prompt]
        wins = self._wins(sample.example, sample.verdicts) if sample.verdicts else LOSS - 1.0
        row: dict[str, Any] = {
            "instruction": base["instruction"],
            "output_1": base["output"],
            "generator_1": self.baseline.name,
            "output_2": sample.sample.text,
            "generator_2": run.model,
            "annotator": run.judge,
            "preference": None if wins is None else 1.0 + wins,
        }
        if len(sample.verdicts) == 1 and sample.replies[0][-1:] and sample.replies[0][-1].top:
            top = [{"token": token, "logprob": value} for token, value in sample.replies[0][-1].top]
            row["raw_completion"] = {"logprobs": {"content": [{"top_logprobs": top}]}}
        return row


def _share_with_logprobs(samples: Sequence[JudgedSample]) -> float:
    """Return the share of samples whose every verdict came with log-probabilities."""
    flags = (bool(sample.replies) and all(bool(replies and replies[-1].top) for replies in sample.replies) for sample in samples)
    return sum(flags) / len(samples)


def read_baseline(files: Sequence[Path], folder: Path | None) -> BaselineOutputs:
    """Read the baseline from the named files, else from the published one in the data. BadInput if there is none, or it mixes models."""
    paths = list(files) or [path for path in (find_file(folder, *OUTPUTS, within="alpaca_eval"),) if path is not None]
    if not paths:
        raise BadInput(f"alpaca_eval: the baseline's outputs are not in the data ({OUTPUTS[0]}); name their file with --baseline-answers")
    rows: dict[str, Mapping[str, Any]] = {}
    names: set[str] = set()
    for path in paths:
        outputs = read_rows(path)
        need_fields(path, outputs, ("instruction", "output"), "an output")
        rows |= {str(row["instruction"]).strip(): row for row in outputs}
        names |= {str(row.get("generator", path.stem)) for row in outputs}
    if len(names) > 1:
        raise BadInput(f"{', '.join(map(str, paths))}: outputs of {len(names)} models ({', '.join(sorted(names)[:3])}); a baseline is one")
    return BaselineOutputs(names.pop(), rows)


def preferences(
    examples: Sequence[BenchmarkExample], files: Sequence[Path], folder: Path | None, prompt: JudgePrompt, orders: Orders
) -> Preferences:
    """Return the judged benchmark with everything that its scores will need, found before any sampling."""
    baseline, calibration = read_baseline(files, folder), calibration_in(folder)
    if missing := [example for example in examples if example.prompt not in baseline.rows]:
        raise BadInput(f"alpaca_eval: {baseline.name} has no output for {len(missing)} of {len(examples)} instructions ({missing[0].id} …)")
    calibration.of([str(baseline.rows[example.prompt]["instruction"]) for example in examples])
    return Preferences(prompt, baseline, calibration, orders)


JUDGMENTS, ANSWERS = "judgments.jsonl", "answers.jsonl"
LOSSES = ("A>>B", "B>>A")  # in the two games: the baseline is A, then B
_PAIR = JudgePrompt(ANSWER_PAIR, published=True)


@dataclass(frozen=True)
class ArenaMatches:
    """The judging of two games per question against a baseline's answer. A cut or empty reply has lost both by the wider margin."""

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
        """The prompt with which most questions are judged."""
        return self.prompts.get("arena-hard-v0.1" if self.version == "v0.1" else "hard_prompt", self.prompts[""])

    @property
    def usual(self) -> bool:
        """True if every question's baseline is the published one."""
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
        """Return the last label in the judge's replies; None for an invalid one, such as A<>B."""
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
        """Return the result through files of judgments and answers in the published form, by the code that reads published files."""
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
    """Return the share of a game that the model won, with a verdict of three battles counted once."""
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
    """Return the judged benchmark, the questions that have a baseline's answer, and a note on those left out: a whole category may have no
    baseline here.

    BadInput if a baseline lacks some questions."""
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
