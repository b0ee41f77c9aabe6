"""The graders at work: what a reference needs to be compared with is opened when the first answer needs it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Literal

from aha.answers import gradable
from aha.answers.symbols import ending
from aha.grading.choice import grade_choice
from aha.grading.code import grade_code, try_answer
from aha.grading.countdown import grade_countdown
from aha.grading.maths import DEFAULT, Settings, quick, repeats
from aha.grading.pool import DEADLINE_S, Counts, Pool
from aha.grading.pool.forks import forget_in_children
from aha.grading.sandbox import Sandbox, Tier, open_sandbox
from aha.grading.text import grade_text
from aha.types import Abstained, Asserts, Calls, Choice, Countdown, Grade, Judged, Latex, Number, Open, Reference, Right, Stdio, Text, Wrong

Checkable = Countdown | Number | Latex | Choice | Text | Stdio | Calls | Asserts
FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)  # of our own


class Graders:
    """Worker processes for algebra and a sandbox for code. `grade` may be called from any thread, and in a forked child; a fault of ours
    that an answer brings to light is abstained from, and does not end a run of weeks.

    `workers` None: one for each processor. `sandbox` "auto": the strongest tier that works here, never "unsafe"."""

    def __init__(self, *, workers: int | None = None, deadline_s: float = DEADLINE_S, sandbox: Tier | Literal["auto"] = "auto") -> None:
        self.pool = Pool(workers, deadline_s)
        self.tier = sandbox
        self._opening = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._parents: list[Sandbox | None] = []
        forget_in_children(self)

    def grade(self, reference: Reference, answer: str | None, maths: Settings = DEFAULT, question: str | None = None) -> Grade:
        """Whether the answer is right; `None`, a reply that broke its template, is always wrong. `maths`: how formulas are compared.
        `question`: a formula that only repeats a calculation of it is wrong.

        BadInput where the first answer of a kind finds that this machine cannot grade it, with what to install."""
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
        """The share of its tests that code passes, each of which is run; elsewhere 1 for right and 0 for wrong."""
        if answer is not None and isinstance(reference, Stdio | Calls | Asserts):
            return try_answer(reference, answer, self.sandbox(), every=True).fraction
        grade = self.grade(reference, answer)
        return grade if isinstance(grade, Abstained) else float(isinstance(grade, Right))

    def _mathematics(self, reference: Number | Latex, answer: str, settings: Settings) -> Grade:
        """What is cheap here and at once; what needs algebra in a process of its own."""
        verdict = quick(reference, answer, settings)
        return self.pool.grade(reference, answer, settings) if verdict is None else verdict

    def sandbox(self) -> Sandbox:
        """The one that all programs run in."""
        with self._opening:
            if self._sandbox is None:
                self._sandbox = open_sandbox(self.tier, self.pool.workers)
            return self._sandbox

    def move(self, tier: Tier | Literal["auto"]) -> None:
        """Programs run in this tier from now on."""
        with self._opening:
            if self._sandbox is not None and self.tier != tier:
                self._sandbox.close()
                self._sandbox = None
            self.tier = tier

    @property
    def counts(self) -> Counts:
        """What the worker processes did."""
        return self.pool.counts

    def close(self) -> None:
        """No process is left."""
        self.pool.close()
        with self._opening:
            if self._sandbox is not None:
                self._sandbox.close()
                self._sandbox = None

    def forget(self) -> None:
        """In a forked child: nothing of what the parent opened is used, nor tidied up. (The pool forgets by itself.)"""
        self._opening = threading.Lock()
        self._parents.append(self._sandbox)
        self._sandbox = None

    def __enter__(self) -> Graders:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
