"""Claims made by rules: addressed, spread over all rules, and made without a grader."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tracemalloc
from itertools import islice

import pytest

from aha.specimens import FAMILIES, Side, forms, of_every_rule, rules, specimen, specimens
from aha.types import Latex, Number
from tests.house import ROOT, the_house

KNOWS = {"aha.types"}
READERS = ("aha.answers", "aha.grading", "aha.tasks", "aha.rewards")
PRINTS_A_DIGEST = """
import hashlib, sys
from aha.specimens import specimens
print(hashlib.sha256("".join(map(repr, specimens(2_000, seed=5))).encode()).hexdigest())
print(sorted(name for name in sys.modules if name.startswith({readers})))
"""


def imported() -> set[str]:
    from tests.house import imports

    house = the_house()
    sources = [source for source in house.values() if source.room == "specimens"]
    return {each.module for source in sources for each in imports(source, house) if each.module.startswith("aha")}


def test_the_generator_imports_no_parser_and_no_grader() -> None:
    others = {module for module in imported() if not module.startswith("aha.specimens")}
    assert {".".join(module.split(".")[:2]) for module in others} <= KNOWS


def in_another_process(seed_of_hashes: str) -> list[str]:
    script = PRINTS_A_DIGEST.format(readers=READERS)
    environment = {**os.environ, "PYTHONHASHSEED": seed_of_hashes, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60)
    return run.stdout.splitlines()


def test_the_same_seed_gives_the_same_claims_in_every_process_and_loads_no_reader() -> None:
    here = hashlib.sha256("".join(map(repr, specimens(2_000, seed=5))).encode()).hexdigest()
    assert in_another_process("1") == in_another_process("2") == [here, "[]"]


def test_a_claim_is_found_again_by_its_address() -> None:
    for made in islice(specimens(5_000, seed=3), 4_000, 4_040):
        assert specimen(3, made.family, made.number) == made


def test_other_seeds_give_other_claims() -> None:
    assert [made.reply for made in specimens(200, seed=1)] != [made.reply for made in specimens(200, seed=2)]


@pytest.mark.parametrize(("side", "least"), [("right", 200), ("wrong", 500)])
def test_every_kind_of_gold_has_many_forms(side: Side, least: int) -> None:
    counts = {family.name: forms(family.name, side) for family in FAMILIES}
    assert len(counts) >= 20
    assert {name: count for name, count in counts.items() if count < least} == {}


def test_every_rule_can_be_applied() -> None:
    applied = {(made.family, made.side, made.rule) for made in of_every_rule(seed=1)}
    sides: tuple[Side, ...] = ("right", "wrong")
    wanted = {(family.name, side, rule.name) for family in FAMILIES for side in sides for rule in rules(family.name, side)}
    assert wanted - applied == set()


def test_rules_take_turns() -> None:
    family = "several values"
    count = len(rules(family, "right"))
    first = [specimen(0, family, 3 * number).rule for number in range(count)]
    assert len(set(first)) > 0.8 * count
    assert len(set(first[: count // 3])) > 0.2 * count


def test_a_third_is_right_and_no_hole_of_a_template_is_left() -> None:
    found = list(specimens(6_000, seed=2))
    assert sum(made.side == "right" for made in found) == pytest.approx(2_000, abs=50)
    assert [made for made in found if any(hole in made.reply for hole in "§¶◊⏎␠")] == []


def test_a_stream_keeps_nothing() -> None:
    for _ in specimens(3_000):  # what is cached is cached now
        pass
    tracemalloc.start()
    for _ in specimens(3_000, seed=1):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**20


def test_a_family_says_what_is_right_and_what_is_wrong_of_one_gold() -> None:
    """Three addresses of the simplest family, read by hand."""
    replies = [specimen(0, "count", number) for number in (0, 1, 2)]
    assert [made.side for made in replies] == ["right", "wrong", "wrong"]
    assert all(isinstance(made.reference, Number) for made in replies)
    assert isinstance(specimen(0, "fraction", 0).reference, Latex)
