"""Tiny programs: a function described in words, to be written in Python and graded by running it.

The difficulty is the order: `x, then + 4, then * 3` needs parentheses, `x, then * 3, then + 4` needs none.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Literal, get_args

from aha.errors import BadInput, Ratio
from aha.tasks.chain import NAMES, SYMBOLS, said_in_order
from aha.tasks.countdown import LARGEST_NUMBER, OPERATIONS
from aha.tasks.filters import Split, draw_keys, draw_language
from aha.types import Calls, Language, Problem

DOMAIN = "program"
Start = Literal["x", "sum", "max", "min", "len"]
Operand = int | Literal["y"]
ARGUMENTS: dict[bool, tuple[tuple[object, ...], ...]] = {  # arguments of the tests: numbers, or a list
    False: ((2, 3), (7, 1), (5, 11), (12, 8)),
    True: (([3, 1, 2],), ([5, 8],), ([9, 4, 4, 6],), ([10],)),
}
STARTS: dict[Start, dict[Language, str]] = {
    "x": {"en": "x", "zh": "x"},
    "sum": {"en": "the sum of s", "zh": "s的和"},
    "max": {"en": "the most of s", "zh": "s最大的数"},
    "min": {"en": "the least of s", "zh": "s最小的数"},
    "len": {"en": "the length of s", "zh": "s的长度"},
}


@dataclass(frozen=True)
class Program:
    """The value that a function returns: `start`, and the steps applied from left to right."""

    start: Start
    steps: tuple[tuple[str, Operand], ...]

    def __str__(self) -> str:
        """Return the program as `x-p4-ty`, its name in ids and in the split."""
        return "-".join([self.start, *(f"{NAMES[operator]}{operand}" for operator, operand in self.steps)])

    @property
    def of_list(self) -> bool:
        return self.start != "x"

    @property
    def parameters(self) -> str:
        if self.of_list:
            return "s"
        return "x, y" if any(operand == "y" for _, operand in self.steps) else "x"

    @property
    def arguments(self) -> tuple[tuple[object, ...], ...]:
        """The arguments of each test."""
        return tuple(values[: self.parameters.count(",") + 1] for values in ARGUMENTS[self.of_list])

    def value(self, *arguments: object) -> int:
        """Return the value of the function."""
        result = _begin(self.start, arguments[0])
        for operator, operand in self.steps:
            number = arguments[1] if operand == "y" else operand
            assert isinstance(number, int)
            result = OPERATIONS[operator](result, number)
        return result

    def expressions(self) -> list[str]:
        """Return the expression after each step, the start's own first; parentheses only where Python needs them."""
        expressions = ["x" if self.start == "x" else f"{self.start}(s)"]
        loose = False  # True if the expression so far binds less tightly than a product
        for operator, operand in self.steps:
            whole = f"( {expressions[-1]} )" if loose and operator == "*" else expressions[-1]
            expressions.append(f"{whole} {operator} {operand}")
            loose = operator != "*"
        return expressions

    @property
    def code(self) -> str:
        return f"def f({self.parameters}):\n    return {self.expressions()[-1]}"


def _begin(start: Start, argument: object) -> int:
    match start, argument:
        case "x", int():
            return argument
        case "sum", list():
            return sum(argument)
        case "max", list():
            return int(max(argument))
        case "min", list():
            return int(min(argument))
        case "len", list():
            return len(argument)
    raise TypeError(f"{start} of {argument!r}")


def program_of(problem: Problem) -> Program:
    """Return the program that a problem of this domain asks for, read from its id."""
    start, *steps = problem.id.split("/")[1].split("-")
    assert start in STARTS
    return Program(start, tuple((SYMBOLS[step[0]], "y" if step[1:] == "y" else int(step[1:])) for step in steps))


def draw_program(longest: int, draw: random.Random) -> Program:
    """Draw two to `longest` steps; half of the programs over numbers have a second parameter. Programs that an idle program passes for are
    left out."""
    while True:
        start: Start = draw.choice(("x", "x", "x", *get_args(Start)))
        steps: list[tuple[str, Operand]] = [(draw.choice("+-*"), draw.randint(2, LARGEST_NUMBER)) for _ in range(draw.randint(2, longest))]
        if start == "x" and draw.random() < 1 / 2:
            place = draw.randrange(len(steps))
            steps[place] = (steps[place][0], "y")
        program = Program(start, tuple(steps))
        if _says_something(program):
            return program


def _says_something(program: Program) -> bool:
    values = [program.value(*arguments) for arguments in program.arguments]
    return len(set(values)) > 1 and values != [arguments[0] for arguments in program.arguments]


def question(program: Program, language: Language) -> str:
    """Return the question as the tiny world asks it."""
    steps_in_order = said_in_order(STARTS[program.start][language], program.steps, language)
    return (
        f"Please write f({program.parameters}): {steps_in_order}."
        if language == "en"
        else f"请写 f({program.parameters}): {steps_in_order}。"
    )


@dataclass(frozen=True)
class ProgramProblems:
    """A source of tiny programs of two to `longest` steps. `chinese`: the share of questions in Chinese."""

    longest: int = 3
    chinese: Ratio = 0.5
    split: Split = "train"

    def __post_init__(self) -> None:
        if self.longest < 2:
            raise BadInput(f"longest is {self.longest}: a program has 2 steps or more")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` different problems for a round of a rollout."""
        draw = random.Random(f"program {seed} {rollout} {round}")
        programs = draw_keys(DOMAIN, self.split, count, draw, lambda draw: draw_program(self.longest, draw))
        return [self._ask(program, draw_language(self.chinese, draw)) for program in programs]

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """Return a fixed sample of `count` different problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)

    def _ask(self, program: Program, language: Language) -> Problem:
        tests = tuple((json.dumps(list(values)), json.dumps(program.value(*values))) for values in program.arguments)
        reference = Calls("f", tests, seconds=1.0, memory_mb=256)
        return Problem(f"{DOMAIN}/{program}/{language}", DOMAIN, question(program, language), language, reference)
