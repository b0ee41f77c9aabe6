"""Short answers of fact against a reference: correct, incorrect or not attempted (SimpleQA, C-SimpleQA, FRAMES)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

import numpy as np

from aha.evals.benchmark import LONGEST_VOTE, Benchmark, BenchmarkExample, ReplyGrade
from aha.evals.intervals import RESAMPLES, wilson
from aha.evals.judged.judged_benchmark import JudgedSample, JudgePrompt, JudgeRun, JudgeVerdict
from aha.evals.result import Result, result_of
from aha.evals.samples import GradedSample, sample_set
from aha.lazy import lazy_pattern
from aha.protocols import Sampling
from aha.template import apart
from aha.types import Abstained, ChatReply, Conversation, Judged, Message, Right, Wrong

CORRECT, INCORRECT, NOT_ATTEMPTED = "CORRECT", "INCORRECT", "NOT_ATTEMPTED"
LETTERS = {"A": CORRECT, "B": INCORRECT, "C": NOT_ATTEMPTED}
USUAL = "The answer is " + "x" * 120
_LABEL = (
    r"\b(?:(?:the |my |final |overall )*(?:grade|answer|verdict|label|result|judge?ment|evaluation|choice|letter)"
    r"(?: is| would be| should be| must be)?[ :=]+)"
)
_LINE = lazy_pattern(rf"(?:{_LABEL})?(?:(?P<letter>[abc])\b[ :.,=–—-]*)?(?P<name>not[ _]attempted|incorrect|correct)?[ .!]*", re.IGNORECASE)
_NOUNS = "grade|verdict|answer|label|choice|rating|judge?ment|classification|appropriate|right|correct|fitting"
_BEFORE = lazy_pattern(
    rf"^\W*(?i:{_LABEL})?([ABC])(?=\W*$|\s*[:.,)\-–—\]*]|\s(?:is|would be|seems)\s(?:the |my |final |most |best )*(?:{_NOUNS})\b)"
)
_AFTER_LABEL = lazy_pattern(rf"(?i:{_LABEL})([ABC])\b")
_GRADE_MARK = lazy_pattern(  # the last of these counts: the grade is B, VERDICT: (B)
    r"(?i:\b(?:grade|verdict|judge?ment|evaluation)\s*(?:(?:is|was|would be|should be|must be)\b\s*:?|[:=–—-])\s*[\"'“”(\[{]*)([A-Z])\b"
)
_AT_END = lazy_pattern(
    r"(?<![A-Za-z0-9])([ABC])\W*$|(?i:\b(?:option|it|is|say|choose|pick|select|be|as|a|an|the|so|hence|thus)[\s:]+)([bc])\W*$"
)
_JOINT = r"\s*(?:/|\||,|\b(?:or|and)\b)\s*"
_LETTER_LIST = lazy_pattern(rf"\b[ABC]{_JOINT}[ABC]\b|(?<!NOT )\b(?:IN)?CORRECT{_JOINT}(?:INCORRECT|CORRECT|NOT[ _]ATTEMPTED)\b")
_DRESS = lazy_pattern(r"</?[A-Za-z_ ]{1,20}>|<\|\w{1,20}\|>|\\(?:boxed|text(?:bf)?)|[*`\"'“”{}\[\]()$#>]")
_NAME = r"(?P<name>not[ _]attempted|incorrect|correct|wrong|right)"
_STATEMENT = (
    lazy_pattern(  # the name alone, or said of the answer: "incorrect: another year", "the answer is not correct", "graded as CORRECT"
        r"(?i)(?:(?:^|(?<=[.!?;:,\n]))\W*|\b(?:is|was|be|as|it['’]s|are|grade|graded|marked|(?P<joined>is|was)(?=n['’]t))\b\W*)"
        r"(?P<denied>(?:not|never|n['’]t|neither|rather than|instead of)\s+(?:(?:graded|marked|an?|as|be)\s+)*)?"
        r"(?:(?:clearly|therefore|thus|fully|completely|factually|simply|also|an?|the)\s+)*"
        rf"{_NAME}(?=\W*(?:$|[.,:;!)\n✅✓❌✗–—-]|\b(?:because|since|as|and|given|due|but|rather|not|nor)\b))(?!\W{{0,2}}\?)"
    )
)
_NO_ATTEMPT = lazy_pattern(r"(?i)\b(?:did|does|do|has|was|is)(?: not|n['’]t) (?:been )?(?:make any |make an )?attempt(?:ed)?\b")
_DENIED_NAME = lazy_pattern(
    r"(?i:\b(?:not|never|neither|nor|cannot be|isn['’]t|wasn['’]t|rather than|instead of))\s+(?:(?:graded|marked|an?|as|be)\s+)*"
    r"(?:NOT[ _]ATTEMPTED|INCORRECT|CORRECT)(?![A-Za-z])|(?<![A-Za-z])(?:NOT[ _]ATTEMPTED|INCORRECT|CORRECT)\s?\?"
)
_VERDICT_NAME = lazy_pattern(r"(?<![A-Za-z])(NOT[ _]ATTEMPTED|INCORRECT|CORRECT)(?![A-Za-z])")
_OF_REFERENCE = lazy_pattern(r"\bthe\sCORRECT\s(?:answer|target|value|name|year|date|one)\b")  # B: it contradicts the CORRECT answer
_FIELD = lazy_pattern(r"""(?i)["'](?:grade|verdict|label|judge?ment|result|correctness|answer)["']\s*:\s*["']([^"'\n]{1,20})["']""")


@dataclass(frozen=True)
class FactVerdicts:
    """The judging of one game per reply. A judge's reply without a letter or name of a verdict is no verdict, unlike NOT_ATTEMPTED."""

    prompt: JudgePrompt
    judges: tuple[str, ...] = ("gpt-4o", "gpt-4o-2024-08-06")
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=16)
    top: int = 0
    expected: int = 2
    again: str = "That was no verdict. Reply with A (CORRECT), B (INCORRECT) or C (NOT_ATTEMPTED), one letter and nothing else."

    def usual_reply(self, example: BenchmarkExample) -> str:
        return USUAL

    def questions(self, example: BenchmarkExample, text: str) -> list[Conversation]:
        assert isinstance(example.reference, Judged)
        question = self.prompt.fill({"question": example.prompt, "target": example.reference.value, "predicted_answer": text})
        return [Conversation((Message("user", question),))]

    def verdict(self, replies: Sequence[ChatReply]) -> JudgeVerdict | None:
        return read_verdict(replies[-1].text) if replies else None

    def grade(self, example: BenchmarkExample, text: str, verdicts: Sequence[JudgeVerdict | None]) -> ReplyGrade:
        vote = text.strip()[:LONGEST_VOTE] or None
        match list(verdicts):
            case ["CORRECT"]:
                return ReplyGrade(Right(), vote, {"not_attempted": 0.0})
            case ["INCORRECT"]:
                return ReplyGrade(Wrong("the judge finds it incorrect"), vote, {"not_attempted": 0.0})
            case ["NOT_ATTEMPTED"]:
                return ReplyGrade(Wrong("the judge finds no attempt in it"), vote, {"not_attempted": 1.0})
        return ReplyGrade(Abstained("the judge gave no verdict"), vote, {"not_attempted": 0.0})

    def result(self, benchmark: Benchmark, samples: Sequence[JudgedSample], folder: Path, run: JudgeRun) -> Result:
        graded_samples = [sample.sample for sample in samples]
        return replace(result_of(graded_samples, benchmark, run.model, run.seed), scores=fact_scores(graded_samples, run.seed))


def read_verdict(text: str) -> str | None:
    """Return the verdict on a line of its own; else that of a letter at the start, after a word for a verdict, or at the end; else the one
    that is named. None for anything else, and for two different ones. Thoughts and invisible text do not count."""
    visible = "".join(letter for letter in normalize("NFKC", apart(text)[0]) if category(letter) != "Cf")
    text = visible.strip().replace("*", "")
    fields = _FIELD.findall(text)
    if lines := set().union(*map(_line, fields if len(fields) == 1 else text.split("\n"))):
        return lines.pop() if len(lines) == 1 else None
    if _LETTER_LIST.search(text):
        return None
    grades = list(_GRADE_MARK.finditer(text))
    letter = _BEFORE.search(text) or (grades[-1] if grades else _AFTER_LABEL.search(text) or _AT_END.search(text))
    if letter is not None and letter[1] and letter[1].upper() not in LETTERS:
        return None
    labels = {name.replace(" ", "_") for name in _VERDICT_NAME.findall(_DENIED_NAME.sub(" ", text))}
    if letter is not None:
        letter_label = LETTERS[(letter.group(1) or letter.group(2)).upper()]
        labels = labels if not _OF_REFERENCE.search(text) else labels - {CORRECT}
        return letter_label if not labels or letter_label in labels else None
    labels = labels or _statements(text)
    return labels.pop() if len(labels) == 1 else None


def _statements(text: str) -> set[str]:
    """Return the verdicts that sentences state in small letters; "not correct" is INCORRECT, "not incorrect" is no verdict."""
    if _NO_ATTEMPT.search(text):
        return {NOT_ATTEMPTED}
    labels = set()
    for match in _STATEMENT.finditer(text):
        name = {"wrong": INCORRECT, "right": CORRECT}.get(match["name"].lower(), match["name"].upper().replace(" ", "_"))
        if match["denied"] and "than" not in match["denied"] and "instead" not in match["denied"]:
            name = INCORRECT if name == CORRECT else ""
        elif match["denied"]:
            continue
        labels.add(name)
    return labels if "" not in labels else {NOT_ATTEMPTED} if NOT_ATTEMPTED in labels else set()


def _line(line: str) -> set[str]:
    """Return the verdicts on a line, in any markup: of a letter, its name, or both, which may differ."""
    match = _LINE.fullmatch(" ".join(_DRESS.sub(" ", line).split()))
    letter, name = match.group("letter", "name") if match else (None, None)
    return ({LETTERS[letter.upper()]} if letter else set()) | ({name.upper().replace(" ", "_")} if name else set())


def fact_scores(fact_samples: Sequence[GradedSample], seed: int = 0) -> dict[str, Any]:
    """Return shares of all samples, and the share of correct ones among those attempted; F is the harmonic mean of both. The two quotients
    have 95 % intervals over problems, by the bootstrap, or by Wilson if the quotient is 0 or 1. A cut or empty reply is incorrect."""
    counts = np.asarray([_counts(part.samples) for part in sample_set(fact_samples).problems])
    samples = len(fact_samples)
    correct, incorrect, refusals, abstentions = counts.sum(axis=0)
    draw = np.random.default_rng(seed)
    resamples = np.asarray([counts[draw.integers(0, len(counts), len(counts))].sum(axis=0) for _ in range(RESAMPLES)])
    precision, f_score = _quotients(counts.sum(axis=0)[None])
    distributions = _quotients(resamples)
    intervals = [[float(end) for end in np.percentile(values, [2.5, 97.5])] for values in distributions]
    if precision[0] in (0.0, 1.0):
        attempts = int((counts[:, :2].sum(axis=1) > 0).sum())
        intervals[0] = list(wilson(float(precision[0]), attempts)) if attempts else [0.0, 1.0]
    if f_score[0] in (0.0, 1.0):
        attempt_share = float((correct + incorrect) / samples)
        intervals[1] = [2 * share / (1 + max(share, attempt_share)) for share in wilson(float(f_score[0]), len(counts))]
    return {
        "correct": float(correct / samples),
        "incorrect": float(incorrect / samples),
        "not_attempted": float(refusals / samples),
        "unjudged": float(abstentions / samples),
        "correct_given_attempted": float(precision[0]),
        "correct_given_attempted_ci95": intervals[0],
        "f_score": float(f_score[0]),
        "f_score_ci95": intervals[1],
    }


def _counts(samples: Sequence[GradedSample]) -> tuple[int, int, int, int]:
    """Return the numbers of samples that are correct, incorrect, not attempted, and without a verdict."""
    right = sum(sample.right for sample in samples)
    refusals = sum(sample.measures.get("not_attempted", 0.0) > 0 for sample in samples)
    abstentions = sum(sample.abstained for sample in samples)
    return right, len(samples) - right - refusals - abstentions, refusals, abstentions


def _quotients(counts: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[Any, Any]:
    """Return for each row correct / (correct + incorrect), and its harmonic mean with correct / all; 0 if nothing was attempted."""
    correct, attempts, every = counts[:, 0].astype(float), (counts[:, 0] + counts[:, 1]).astype(float), counts.sum(axis=1).astype(float)
    precision = np.divide(correct, attempts, out=np.zeros_like(correct), where=attempts > 0)
    return precision, np.divide(2 * correct, attempts + every, out=np.zeros_like(correct), where=attempts + every > 0)
