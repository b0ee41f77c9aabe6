"""How much a set of tests notices: the share of programs known to be wrong that it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aha.grading.code.mutants import mutants
from aha.grading.code.trying import try_code
from aha.grading.sandbox.job import Sandbox
from aha.types import Code, Grade, Right, Wrong


@dataclass(frozen=True)
class ProgramScore:
    """Of `tried` wrong programs, those that the tests fail; the names of those that pass; those of which nothing can be said."""

    killed_count: int
    survivors: tuple[str, ...]
    abstentions: int = 0

    @property
    def total(self) -> int:
        return self.killed_count + len(self.survivors)

    @property
    def share(self) -> float | None:
        return self.killed_count / self.total if self.total else None


@dataclass(frozen=True)
class MutationScore:
    """Incorrect submissions, and mutants of a right one (some of which may be right still, so that 1 need not be within reach).
    `refused`: the right submissions that the tests fail, with which nothing else means much."""

    submissions: ProgramScore
    mutants: ProgramScore
    refusals: tuple[str, ...]


def mutation_score(
    reference: Code, right: Sequence[str], wrong: Sequence[str], sandbox: Sandbox, *, most_mutants: int = 20, seed: int = 0
) -> MutationScore:
    """The tests of the reference against right and wrong programs, and against mutants of the first right one."""
    grades = {f"right submission {number}": try_code(reference, code, sandbox).grade for number, code in enumerate(right, start=1)}
    refusals = tuple(f"{name}: {grade.reason}" for name, grade in grades.items() if not isinstance(grade, Right))
    mutant_list = mutants(right[0], most_mutants, seed) if right and not refusals else []
    return MutationScore(
        _score(reference, [(f"submission {number}", code) for number, code in enumerate(wrong, start=1)], sandbox),
        _score(reference, [(mutant.change, mutant.source) for mutant in mutant_list], sandbox),
        refusals,
    )


def _score(reference: Code, programs: Sequence[tuple[str, str]], sandbox: Sandbox) -> ProgramScore:
    grades: list[tuple[str, Grade]] = [(name, try_code(reference, code, sandbox).grade) for name, code in programs]
    killed_count = sum(isinstance(grade, Wrong) for _, grade in grades)
    survivors = tuple(name for name, grade in grades if isinstance(grade, Right))
    return ProgramScore(killed_count, survivors, len(grades) - killed_count - len(survivors))
