"""The judges of a golden corpus: our own grader, a reward, a grader or a benchmark's chain, named on the command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import isfinite
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

from aha.answers.statements import CHAINS, Chain
from aha.commands.choose import File, load_module
from aha.errors import BadInput
from aha.grading import Graders
from aha.grading.maths.algebra import DEFAULT, Settings
from aha.grading.sandbox import tiers
from aha.protocols import Reward
from aha.rewards import Accuracy
from aha.rewards.bench import Judge
from aha.rewards.own import error_text, no_exit
from aha.settings import nearest
from aha.tasks.corpora import NO_LETTER, Case, Corpus
from aha.tasks.reading import RefusedRow
from aha.template import END_THINK
from aha.types import Abstained, Asserts, Calls, Choice, Grade, Problem, Reply, Right, Stdio, Text, Wrong

PAYS_FROM = 0.5
Chooses = Callable[[Corpus], Judge]


def judge_of(reward: str | None, grader: str | None, chain: str | None, graders: Graders) -> tuple[str, Chooses]:
    """Return the judge's name, and a function from the corpus to the judge. BadInput for more than one, or if it cannot be loaded."""
    if sum(choice is not None for choice in (reward, grader, chain)) > 1:
        raise BadInput("--reward, --grader and --chain exclude each other: one judge at a time")
    if reward is not None:
        rule = Accuracy() if reward == "accuracy" else load(reward, "--reward")
        judge = _reward_judge(rule.live(graders) if isinstance(rule, Accuracy) else rule)
        return f"reward {reward}", lambda corpus: judge
    if grader is not None:
        grading = _grading(load(grader, "--grader"))
        return f"grader {grader}", lambda corpus: grading
    if chain is not None and chain not in CHAINS:
        raise BadInput(f"--chain {chain}: there are {', '.join(CHAINS)}{nearest(chain, list(CHAINS))}")
    return f"chain {chain}" if chain else "grade", lambda corpus: _chain_or_grade(chain or corpus.chain, graders)


def _chain_or_grade(chain: str, graders: Graders) -> Judge:
    return _chain_judge(chain) if chain else partial(_grade_case, graders=graders)


def runnable(corpus: Corpus) -> Corpus:
    """Return the corpus, without programs if no sandbox works here; each is then listed as left out, with what to install."""
    programs = [case for case in corpus.cases if isinstance(case.reference, Stdio | Calls | Asserts)]
    reasons = {tier: reason for tier, reason in tiers().items() if tier != "unsafe"} if programs else {}
    if not programs or None in reasons.values():
        return corpus
    why = "; ".join(f"{tier}: {reason}" for tier, reason in reasons.items())
    left_out = (*corpus.left_out, *(RefusedRow(case.place, f"a program, and no sandbox works here ({why})") for case in programs))
    return replace(corpus, cases=tuple(case for case in corpus.cases if case not in programs), left_out=left_out)


def settings_of(flags: Mapping[str, object]) -> Settings:
    """Return the settings with which a row wants formulas to be compared."""
    settings = DEFAULT
    for name, value in flags.items():
        match name, value:
            case "allow_set_relation_comp", bool(relations):
                settings = replace(settings, relations=relations)
            case "strict", bool(strict):
                settings = replace(settings, strict=strict)
            case "precision", int(places):
                settings = replace(settings, precision=places)
            case "how", ("auto" | "box" | "line" | "number" | "whole") as how:
                settings = replace(settings, how=how)
    return settings


def _grade_case(case: Case, graders: Graders) -> Grade:
    return graders.grade(case.reference, case.answer, settings_of(case.flags), case.question or None)


def _chain_judge(name: str) -> Judge:
    chain: Chain = CHAINS[name]

    def judge(case: Case) -> Grade:
        letter = chain(case.answer or "")
        match case.reference:
            case Choice(right):
                return Right() if letter == right else Wrong(f"takes {letter or NO_LETTER}, not {right}")
            case Text((value,)):
                return Right() if (letter or NO_LETTER) == value else Wrong(f"takes {letter or NO_LETTER}, not {value}")
        return Abstained(f"a chain reads letters, not a {type(case.reference).__name__}")

    return judge


def _reward_judge(reward: Reward) -> Judge:
    """Return a judge that grades right from half a point on; an error raised by the reward is an abstention that names it."""

    def judge(case: Case) -> Grade:
        problem = Problem(case.place, type(case.reference).__name__.lower(), case.question, "en", case.reference)
        thought, mark, _ = case.reply.rpartition(END_THINK)
        reply = Reply(case.reply, thought if mark else None, case.answer, len(case.reply), "stop")
        try:
            with no_exit():
                return _as_grade(_only(reward(problem, [reply])))
        except (Exception, SystemExit) as error:  # an error of a person's own code is its verdict on this case
            return Abstained(f"raised {type(error).__name__}: {error_text(error)}")

    return judge


def _only(values: Any) -> object:
    """Return the only value of a reward for one reply."""
    try:
        return values[0] if len(values) == 1 and not isinstance(values, str) else _nonsense(values)
    except TypeError:
        return _nonsense(values)


def _nonsense(values: object) -> Abstained:
    return Abstained(f"returned {str(values)[:100]}: a list with one value for each reply is needed")


def _grading(grader: Callable[..., object]) -> Judge:
    def judge(case: Case) -> Grade:
        try:
            with no_exit():
                return _as_grade(grader(case.reference, case.answer or ""))
        except (Exception, SystemExit) as error:  # an error of a person's own code is its verdict on this case
            return Abstained(f"raised {type(error).__name__}: {error_text(error)}")

    return judge


def _as_grade(value: object) -> Grade:
    match value:
        case Right() | Wrong() | Abstained():
            return value
        case Real() if isfinite(value):
            return Right() if float(value) >= PAYS_FROM else Wrong(f"pays {value}")
    return Abstained(f"returned {str(value)[:100]}: a grade, a truth or a finite number is needed")


def load(spec: str, flag: str) -> Any:
    """Return the object that `module:name` or `file.py:name` names; a class is instantiated without settings."""
    place, colon, name = spec.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise BadInput(f"{flag} {spec}: module:name or file.py:name is needed")
    value = getattr(_module(place, flag), name, None)
    if not callable(value):
        raise BadInput(f"{flag} {spec}: there is nothing to call by the name {name} in {place}")
    try:
        return value() if isinstance(value, type) else value
    except (Exception, SystemExit) as error:  # an error of a person's own class is reported in one line
        raise BadInput(f"{flag} {spec}: {name} cannot be made without settings: {type(error).__name__}: {error_text(error)}") from error


def _module(place: str, flag: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place).expanduser()
        if not path.is_file():
            raise BadInput(f"{flag}: {place}: there is no such file")
        return load_module("judge", str(path), File.read(str(path)).data)
    except BadInput:
        raise
    except (Exception, SystemExit) as error:  # an error of a person's own module is reported in one line
        raise BadInput(f"{flag}: {place} cannot be loaded: {type(error).__name__}: {error_text(error)}") from error
