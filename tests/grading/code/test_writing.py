from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.grading.code import try_code, write_tests
from aha.grading.sandbox import Sandbox
from aha.types import Calls, Stdio

DISTINCT = Stdio((), seconds=2.0)
RIGHT = ["print(len(set(input().split())))", "seen = []\nfor w in input().split():\n    if w not in seen: seen.append(w)\nprint(len(seen))"]
WRONG = ["print(len(input().split()))", "print(len(set(input())) - 1)", "print(max(map(int, input().split())) + 1)"]
SMALL = "import random\nseed = int(input())\nrandom.seed(seed)\nprint(*[random.randint(0, 3) for _ in range(5)])"
LARGE = "seed = int(input())\nprint(*[10 + (i * i) % (101 + seed) for i in range(500)])"


def test_tests_are_the_inputs_on_which_right_programs_agree_and_wrong_ones_fail(sandbox: Sandbox) -> None:
    made = write_tests(DISTINCT, [SMALL, LARGE], RIGHT, WRONG, sandbox, seeds=4, most=3)
    assert (made.kills, made.wrong, len(made.reference.tests)) == (3, 3, 3) and made.inputs == 8 and not made.drops
    assert all(try_code(made.reference, code, sandbox).fraction == 1.0 for code in RIGHT)
    assert not any(try_code(made.reference, code, sandbox).fraction == 1.0 for code in WRONG)


def test_inputs_that_prove_nothing_are_dropped_with_the_reason(sandbox: Sandbox) -> None:
    own = Stdio((("", "0"), ("1 1", "1")))
    bad = "raise SystemExit(1)"
    differs = [RIGHT[0], "words = input().split()\nprint(len(set(words)) if len(words) < 500 else -1)"]
    made = write_tests(own, [bad, LARGE], differs, [], sandbox, seeds=2)
    assert made.drops == {"a generator failed": 2, "a right submission fails": 1, "the right submissions differ": 2}
    assert made.reference.tests == (("1 1", "1\n"),)


def test_functions_get_tests_too(sandbox: Sandbox) -> None:
    generator = "import json\nseed = int(input())\nprint(json.dumps([list(range(-seed, seed))]))"
    made = write_tests(Calls("f", ()), [generator], ["def f(xs): return sum(xs)"], ["def f(xs): return 0"], sandbox, seeds=4)
    assert made.kills == 1 and made.reference.tests[0] == ("[[-1, 0]]\n", "-1") and len(made.reference.tests) == 4


def test_the_same_programs_write_the_same_tests(sandbox: Sandbox) -> None:
    one, other = (write_tests(DISTINCT, [SMALL], RIGHT, WRONG, sandbox, seeds=3) for _ in range(2))
    assert one == other


def test_without_a_right_submission_nobody_says_what_is_expected(sandbox: Sandbox) -> None:
    with pytest.raises(BadInput, match="no right submission"):
        write_tests(DISTINCT, [SMALL], [], WRONG, sandbox)
