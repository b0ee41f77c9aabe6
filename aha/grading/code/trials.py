"""What became of an answer's tests: one trial each, as far as they were run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aha.grading.sandbox.job import Verdict
from aha.types import Abstained, Grade, Right, Wrong

MOST_CHARACTERS = 60


@dataclass(frozen=True)
class Trial:
    """How one test went. `reason` is for people: printable, short, and about the answer only."""

    verdict: Verdict | Literal["WA"]
    reason: str = ""


@dataclass(frozen=True)
class Trials:
    """`done`: the tests that were run, in order. `tests`: how many there are; those that were not run count as not passed."""

    trials: tuple[Trial, ...]
    tests: int

    @property
    def passed_count(self) -> int:
        return sum(trial.verdict == "OK" for trial in self.trials)

    @property
    def grade(self) -> Grade:
        """Right when every test passed, Wrong by the first that failed; Abstained where the sandbox failed before any test did."""
        for number, trial in enumerate(self.trials, start=1):
            if trial.verdict == "INFRA":
                return Abstained(f"test {number} of {self.tests} could not be run: {trial.reason}")
            if trial.verdict != "OK":
                return Wrong(f"test {number} of {self.tests}: {trial.verdict}{trial.reason and f', {trial.reason}'}")
        if not self.tests:
            return Abstained("there are no tests")
        return Right() if len(self.trials) == self.tests else Abstained(f"{len(self.trials)} of {self.tests} tests were run")

    @property
    def fraction(self) -> float | Abstained:
        """The share of tests passed; Abstained where one could not be run."""
        failure = next((trial for trial in self.trials if trial.verdict == "INFRA"), None)
        if failure or not self.tests:
            return Abstained(failure.reason if failure else "there are no tests")
        return self.passed_count / self.tests


def shorten(value: object) -> str:
    """A value for people: printable ASCII, short; a text or bytes are cut before they are written out."""
    text = ascii(value[: MOST_CHARACTERS + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."
