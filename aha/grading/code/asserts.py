"""Functions tested by assert statements, as HumanEval and MBPP do: call and compare outside where the tests allow it, else replay them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aha.grading.code.caller import Answer, Failed, Returned, Said, call_all, limits
from aha.grading.code.calls import up_to_failure
from aha.grading.code.judging import holds
from aha.grading.code.plan import Assertion, Plan, planned
from aha.grading.code.reading import sources
from aha.grading.code.replay import replay
from aha.grading.code.trials import Trial, Trials, shown
from aha.grading.sandbox.job import Sandbox
from aha.types import Asserts


def try_asserts(reference: Asserts, code: str, sandbox: Sandbox, every: bool) -> Trials:
    """One trial an assertion; where the tests are replayed, one a time that an assertion is checked."""
    pieces = tuple(sources(reference.prompt, reference.entry, code))
    plan = planned(reference)
    if plan is None:
        return replay(reference, Answer(pieces, reference.entry), sandbox, every)
    return _planned(reference, plan, Answer(pieces, reference.entry, plan.support), sandbox, every)


def _planned(reference: Asserts, plan: Plan, answer: Answer, sandbox: Sandbox, every: bool) -> Trials:
    def trials(said: Sequence[Said]) -> list[Trial]:
        known = {f"<{number}>": each for number, each in enumerate(said)}
        return [trial for each in plan.assertions if (trial := _judged(each, known)) is not None]

    def enough(said: Sequence[Said]) -> bool:
        return not every and any(trial.verdict != "OK" for trial in trials(said))

    said = call_all(answer, plan.calls, sandbox, limits(reference.seconds, reference.memory_mb, len(reference.tests)), enough)
    return Trials(up_to_failure(trials(said), every), len(plan.assertions))


def _judged(assertion: Assertion, known: Mapping[str, Said]) -> Trial | None:
    """The trial of an assertion, or `None` while a call that it needs has not been made."""
    needed = [known.get(f"<{number}>") for number in assertion.calls]
    for each in needed:
        if isinstance(each, Failed):
            return each.trial
    if None in needed:
        return None
    values = {name: each.value for name, each in known.items() if isinstance(each, Returned)}
    if holds(assertion.test, values):
        return Trial("OK")
    said = ", ".join(shown(each.text)[1:-1] for each in needed if isinstance(each, Returned))
    return Trial("WA", f"`{shown(assertion.words)[1:-1]}` does not hold of {said or 'nothing'}")
