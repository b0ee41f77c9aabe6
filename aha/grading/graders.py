"""The graders at work: the processes and the sandbox that a reference needs are started when the first answer needs them.

Choices: the letter that an answer commits to, or the text of exactly one option; several letters are wrong if one is right.

Texts: the final claim equals one of the reference's texts, exactly or up to spelling variants.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Literal

from aha.answers import gradable
from aha.answers.choosing import chosen
from aha.answers.claims import HASHES, claim, last_line, own_part
from aha.answers.replies import names_box
from aha.answers.surroundings import opens_with, states_words, without_style
from aha.answers.symbols import bare, ending, fold
from aha.grading.code import grade_code, try_answer
from aha.grading.countdown import grade_countdown
from aha.grading.maths import DEFAULT, Settings, quick, repeats
from aha.grading.pool import DEADLINE_S, Counts, Pool
from aha.grading.pool.workers import forget_in_children
from aha.grading.sandbox import Sandbox, Tier, open_sandbox
from aha.lazy import lazy_pattern
from aha.types import Abstained, Asserts, Calls, Choice, Countdown, Grade, Judged, Latex, Number, Open, Reference, Right, Stdio, Text, Wrong

FEWEST = 10  # letters that an answer may name if the number of options is not known


def grade_choice(reference: Choice, answer: str) -> Grade:
    """Return Right for the reference's letter or, if the options are known, its text; for all its letters if it has several."""
    count = max(FEWEST, ord(reference.letter[-1]) - ord("A") + 1)
    letter = chosen(answer, reference.options, count, several=len(reference.letter) > 1)
    if isinstance(letter, Wrong):
        return letter
    return Right() if letter == reference.letter else Wrong(f"chooses {letter}, not {reference.letter}")


LONGEST_CLAIM = 2_000
_TAIL = lazy_pattern(  # text that may follow a claim without taking it back
    r"(?i)(?:\.\s+i hope\b[^.\n]*\.?|\.\s+a common mistake is\b[^\n]*|,\s+as (?:was|is|it)\b[^.\n]*\.?"
    r"|[,\s]+(?:(?:and |but )?not)\s[^.\n]*\.?)\Z"
)
_SPACE = lazy_pattern(r"\\(?:q?quad|boldsymbol|bm)(?![A-Za-z])")


def grade_text(reference: Text, answer: str) -> Grade:
    """Return Right if the whole answer, or its marked final claim, is one of the reference's texts."""
    claim_ = claim(answer)
    final = (last_line(claim_) or claim_.text).strip()
    texts = [
        text
        for text in (
            answer.strip(),
            final,
            _TAIL.sub("", without_style(bare(_SPACE.sub(" ", final[:LONGEST_CLAIM])))).strip(" {}"),
        )
        if 0 < len(text) <= LONGEST_CLAIM
    ]
    if not texts:
        return Wrong("no answer of a readable length")
    line = own_part(answer).rpartition(HASHES)[2].strip() if claim_.boxes and HASHES in answer else ""
    if line and "\n" not in line and not names_box(line) and not _is_one_of(line, reference):
        return Wrong("a box and hashes with another answer")
    if any(_is_one_of(text, reference) for text in texts) or ((opening := opens_with(final)) and _is_one_of(opening, reference)):
        return Right()
    if not claim_.marked and states_words(final[-LONGEST_CLAIM:], lambda words: _is_one_of(words, reference)):
        return Right()
    return Wrong(f"is not {' or '.join(map(repr, reference.values[:3]))}"[:200])


def _is_one_of(text: str, reference: Text) -> bool:
    return any(_same(text, value, exact=reference.exact) for value in reference.values)


def _same(text: str, value: str, *, exact: bool) -> bool:
    if exact:
        return value.strip() in (text, bare(text))
    return fold(text) == fold(value) != "" or text.casefold() == value.strip().casefold()


Checkable = Countdown | Number | Latex | Choice | Text | Stdio | Calls | Asserts
FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)  # of our own


class Graders:
    """Worker processes for algebra and a sandbox for code. `grade` may be called from any thread and in a forked child. An internal error
    that an answer triggers becomes Abstained, so that it does not end a long run.

    `workers` None: one per processor. `sandbox` "auto": the strongest tier that works here, never "unsafe"."""

    def __init__(self, *, workers: int | None = None, deadline_s: float = DEADLINE_S, sandbox: Tier | Literal["auto"] = "auto") -> None:
        self.pool = Pool(workers, deadline_s)
        self.tier = sandbox
        self._opening = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._parents: list[Sandbox | None] = []
        forget_in_children(self)

    def grade(self, reference: Reference, answer: str | None, maths: Settings = DEFAULT, question: str | None = None) -> Grade:
        """Return the grade of an answer; `None`, a reply that broke its template, is always wrong. `maths` sets how formulas are compared.
        `question`: a formula that only repeats a calculation of the question is wrong.

        BadInput, with what to install, if this machine cannot grade answers of this kind."""
        match reference:
            case Open():
                return Abstained("an open question has no reference to compare with")
            case Judged():
                return Abstained("only a language model can compare this answer with its reference")
        if answer is None:
            return Wrong("no answer: the reply broke the template")
        try:
            if question and isinstance(reference, Latex) and repeats(reference, answer, question, maths):
                return Wrong("repeats a calculation of the question, which is left to be done")
            return self._grade(reference, answer, maths)
        except FAULTS as error:
            if not gradable(reference):
                raise
            return Abstained(
                f"cannot be graded: {type(error).__name__}: {error}"[:300], "depth" if isinstance(error, RecursionError) else "fault"
            )

    def _grade(self, reference: Checkable, answer: str, maths: Settings) -> Grade:
        match reference:
            case Stdio() | Calls() | Asserts():
                return grade_code(reference, answer, self.sandbox())
            case Number() | Latex():
                return self._mathematics(reference, ending(answer), maths)
            case Countdown():
                return grade_countdown(reference, ending(answer))
            case Choice():
                return grade_choice(reference, ending(answer))
            case Text():
                return grade_text(reference, ending(answer))

    def fraction(self, reference: Reference, answer: str | None) -> float | Abstained:
        """Return the share of its tests that code passes, all of which are run; for other answers 1 if right, 0 if wrong."""
        if answer is not None and isinstance(reference, Stdio | Calls | Asserts):
            return try_answer(reference, answer, self.sandbox(), every=True).fraction
        grade = self.grade(reference, answer)
        return grade if isinstance(grade, Abstained) else float(isinstance(grade, Right))

    def _mathematics(self, reference: Number | Latex, answer: str, settings: Settings) -> Grade:
        """Grade cheap cases in this process, and those that need algebra in a worker process."""
        verdict = quick(reference, answer, settings)
        return self.pool.grade(reference, answer, settings) if verdict is None else verdict

    def sandbox(self) -> Sandbox:
        """Return the sandbox that all programs run in, opened at the first call."""
        with self._opening:
            if self._sandbox is None:
                self._sandbox = open_sandbox(self.tier, self.pool.workers)
            return self._sandbox

    @property
    def counts(self) -> Counts:
        """The counts of the worker processes."""
        return self.pool.counts

    def close(self) -> None:
        """End all worker processes and the sandbox."""
        self.pool.close()
        with self._opening:
            if self._sandbox is not None:
                self._sandbox.close()
                self._sandbox = None

    def forget(self) -> None:
        """Drop the parent's sandbox in a forked child without closing it. (The pool has its own `forget`.)"""
        self._opening = threading.Lock()
        self._parents.append(self._sandbox)
        self._sandbox = None

    def __enter__(self) -> Graders:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
