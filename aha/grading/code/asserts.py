"""Functions tested by assert statements, as HumanEval and MBPP do: call and compare outside where the tests allow it, else replay them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aha.grading.code.caller import AnswerCode, CallFailure, CallResult, CallValue, limits, run_calls
from aha.grading.code.calls import up_to_failure
from aha.grading.code.judging import holds
from aha.grading.code.plan import Assertion, AssertPlan, plan_of
from aha.grading.code.reading import sources
from aha.grading.code.replay import replay
from aha.grading.code.trials import Trial, Trials, shorten
from aha.grading.sandbox.job import Sandbox
from aha.types import Asserts


def try_asserts(reference: Asserts, code: str, sandbox: Sandbox, every: bool) -> Trials:
    """One trial an assertion; where the tests are replayed, one a time that an assertion is checked."""
    pieces = tuple(sources(reference.prompt, reference.entry, code))
    plan = plan_of(reference)
    if plan is None:
        return replay(reference, AnswerCode(pieces, reference.entry), sandbox, every)
    return _run_plan(reference, plan, AnswerCode(pieces, reference.entry, plan.support), sandbox, every)


def _run_plan(reference: Asserts, plan: AssertPlan, answer: AnswerCode, sandbox: Sandbox, every: bool) -> Trials:
    def trials(results: Sequence[CallResult]) -> list[Trial]:
        values = {f"<{number}>": result for number, result in enumerate(results)}
        return [trial for assertion in plan.assertions if (trial := _trial_of(assertion, values)) is not None]

    def enough(results: Sequence[CallResult]) -> bool:
        return not every and any(trial.verdict != "OK" for trial in trials(results))

    results = run_calls(answer, plan.calls, sandbox, limits(reference.seconds, reference.memory_mb, len(reference.tests)), enough)
    return Trials(up_to_failure(trials(results), every), len(plan.assertions))


def _trial_of(assertion: Assertion, results: Mapping[str, CallResult]) -> Trial | None:
    """The trial of an assertion, or `None` while a call that it needs has not been made."""
    operands = [results.get(f"<{number}>") for number in assertion.calls]
    for operand in operands:
        if isinstance(operand, CallFailure):
            return operand.trial
    if None in operands:
        return None
    values = {name: result.value for name, result in results.items() if isinstance(result, CallValue)}
    if holds(assertion.test, values):
        return Trial("OK")
    texts = ", ".join(shorten(operand.text)[1:-1] for operand in operands if isinstance(operand, CallValue))
    return Trial("WA", f"`{shorten(assertion.words)[1:-1]}` does not hold of {texts or 'nothing'}")
