from __future__ import annotations

import ast

from aha.grading.code import mutation_score
from aha.grading.code.quality import mutants
from aha.grading.sandbox import Sandbox
from aha.types import Calls, Stdio

LARGEST = "def largest(xs):\n    best = xs[0]\n    for x in xs[1:]:\n        if x > best:\n            best = x\n    return best\n"
WEAK = Calls("largest", (("[[1, 2]]", "2"),))
STRONG = Calls("largest", (("[[1, 2, 0]]", "2"), ("[[3]]", "3"), ("[[-1, -5, -7]]", "-1"), ("[[2, 2, 1, 4]]", "4")))


def test_each_mutant_has_one_mistake_and_is_python() -> None:
    made = mutants(LARGEST, 50)
    assert len({mutant.source for mutant in made}) == len(made) >= 6
    for mutant in made:
        ast.parse(mutant.source)
        changed = [one != other for one, other in zip(LARGEST.splitlines(), mutant.source.splitlines(), strict=True)]
        assert sum(changed) == 1, mutant


def test_mutants_depend_on_the_seed_and_on_nothing_else() -> None:
    assert mutants(LARGEST, 3, seed=1) == mutants(LARGEST, 3, seed=1) != mutants(LARGEST, 3, seed=2)
    assert len(mutants(LARGEST, 3)) == 3 and mutants(LARGEST, 0) == [] and mutants("not python", 5) == []


def test_a_strong_test_set_kills_more_than_a_weak_one(sandbox: Sandbox) -> None:
    wrong = ["def largest(xs): return xs[-1]", "def largest(xs): return max(0, *xs)", "def largest(xs): return sum(xs)"]
    weak, strong = (mutation_score(each, [LARGEST], wrong, sandbox) for each in (WEAK, STRONG))
    assert (weak.submissions.killed_count, weak.submissions.survivors) == (1, ("submission 1", "submission 2"))
    assert strong.submissions.share == 1.0 and strong.submissions.total == 3 and strong.refusals == ()
    assert weak.mutants.share is not None and strong.mutants.share is not None and weak.mutants.share < strong.mutants.share
    harmless = (
        "'x > best' became 'x >= best'",
        "line 3: '1' became '0'",
    )  # of equals either is the largest; the first may be looked at twice
    assert all(survivor.endswith(harmless) for survivor in strong.mutants.survivors)


def test_a_test_set_that_refuses_a_right_program_says_so_and_makes_no_mutants(sandbox: Sandbox) -> None:
    score = mutation_score(Stdio((("1", "2"),)), ["print(1)"], [], sandbox)
    assert score.refusals == ("right submission 1: test 1 of 1: WA, word 1 is '1', not '2'",)
    assert score.mutants.total == 0 and score.submissions.share is None
