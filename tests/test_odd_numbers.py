"""Every number that a person can set, in every recipe and every command, with values that mean nothing."""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest

from aha.cli import build_parser, main
from aha.commands.benchmark_runs import EvalSettings
from aha.commands.judge_session import Judging
from aha.commands.terminal import NumberFlag
from aha.errors import BadInput, bounds_of, is_within
from aha.evals.benchmarks import BENCHMARKS
from aha.protocols import ChatOptions, Compute
from aha.recipes import RECIPES
from aha.settings import Leaf, _members, leaves, override, parse
from aha.stages.scaling_lab import Scale

ODD = ("0", "-1", "nan", "inf", "-inf", "1e99", "9" * 30, "", " ", "1.5", "0x10", "１", "true")
NOTHING = ("nan", "inf", "-inf", "1e99", "9" * 30, "", " ", "0x10", "true")  # means nothing as a number of anything
EVALUATION = {
    "evaluate": EvalSettings.usual(BENCHMARKS["gsm8k"]),
    "client": ChatOptions(),
    "judging": Judging(),
    "scale": Scale(),
    "compute": Compute(),
}


def trees() -> Iterator[tuple[str, Any]]:
    yield from ((name, recipe().tree) for name, recipe in RECIPES.items())
    yield "evaluation", EVALUATION


def numbers(tree: object) -> dict[str, Leaf]:
    """The leaves that hold one number."""
    return {path: leaf for path, leaf in leaves(tree).items() if {int, float} & set(_members(leaf.annotation))}


def kinds() -> dict[tuple[str, str], tuple[str, Leaf]]:
    """One leaf of each kind of stage, by the rest of its path."""
    places = {}
    for _, tree in trees():
        assert isinstance(tree, dict) or hasattr(tree, "items")
        for path, leaf in numbers(tree).items():
            stage, _, rest = path.partition(".")
            places[type(tree[stage]).__name__, rest] = (path, leaf)
    return places


KINDS = kinds()


def test_every_number_of_every_recipe_is_refused_in_one_line_or_within_the_bounds_of_its_field():
    signed, faults = set[str](), list[tuple[str, str, object]]()
    for path, leaf in KINDS.values():
        bounds = bounds_of(leaf.annotation)
        assert bounds is not None, path
        for text in ODD:
            try:
                value = parse(path, leaf, text)
            except BadInput as error:
                if "\n" in str(error) or path not in str(error):
                    faults.append((path, text, str(error)))
                continue
            if text in NOTHING or not isinstance(value, int | float) or not is_within(value, leaf.annotation):
                faults.append((path, text, value))
            if text == "-1":
                signed.add(path.rpartition(".")[2])
            if text == "1.5" and float not in _members(leaf.annotation):
                faults.append((path, text, value))
    assert not faults
    assert len(KINDS) > 150
    assert signed == {"weight", "bias"}  # a number below 0 is taken only where the field says so


def flags() -> Iterator[tuple[list[str], str, NumberFlag]]:
    """Each number among the flags of each command: the words before it, its name, its type."""

    def walk(words: list[str], parser: ArgumentParser) -> Iterator[tuple[list[str], str, NumberFlag]]:
        for action in parser._actions:
            if isinstance(action, _SubParsersAction):
                for name, below in action.choices.items():
                    yield from walk([*words, name], below)
            assert action.type not in (int, float), f"{words} {action.option_strings}: NumberFlag refuses what means nothing"
            if isinstance(action.type, NumberFlag):
                yield words, action.option_strings[0], action.type

    yield from walk([], build_parser())


def test_every_number_among_the_flags_is_refused_in_one_line_before_anything_else_is_looked_at(capsys):
    tried = 0
    for words, flag, kind in flags():
        for text in (*NOTHING, "-1", *(("1.5",) if isinstance(kind.bounds, range) else ())):
            code = main([*words, f"{flag}={text}"])
            said = capsys.readouterr().err
            assert code == 2 and said.count("\n") == 1, (words, flag, text, said)
            assert flag in said and ("it takes" in said), (words, flag, text, said)
            tried += 1
    assert tried > 300


@pytest.mark.parametrize("name", ["k", "problems", "prompts"])
def test_a_count_of_nothing_is_no_way_to_ask_for_the_usual_count(name):
    with pytest.raises(BadInput, match=rf"--evaluate.{name} 0: it takes a whole number of 1 or more or none"):
        override(EVALUATION, [(name, "0")], main="evaluate")


def test_numbers_within_a_tuple_have_the_bounds_of_numbers():
    for text in ("-1", "1e99", "nan"):
        with pytest.raises(BadInput):
            override(EVALUATION, [("scale.budgets", f"8,{text}")])
    assert get_origin(leaves(EVALUATION)["scale.budgets"].annotation) is tuple
    assert get_args(leaves(EVALUATION)["scale.budgets"].annotation)[1:] == (Ellipsis,)
