"""Equivalence by math-verify and sympy, for what values at points cannot settle: integrals, sums, equations with the same solutions.

It may run for ever or fill the memory; whoever calls it does so in a process with limits.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from aha.answers.cleaning import clean
from aha.answers.reading import read
from aha.grading.maths.settings import Settings

_TOWER = re.compile(r"\^\s*\{?\s*[0-9]{5,}|[0-9]{5,}\s*\)?\s*!|!\s*\)?\s*!|\^[^^]{0,30}\^[^^]{0,30}\^")

DIGITS = 40
_MINUTES = re.compile(r"[0-9]\s*(?:'|\^\s*\{?\s*\\prime)")


def equivalent(gold: str, said: str, settings: Settings) -> bool | str:
    """Whether algebra finds the two equal, or why it has nothing to say: the reference is beyond it."""
    if _TOWER.search(said) and not _TOWER.search(gold):
        return False  # a number beyond reach is no final answer
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it complains of having no time limit, which is ours
    from math_verify import verify

    if _MINUTES.search(said) and not _MINUTES.search(gold):
        return False  # math-verify drops the sign
    wanted, claimed = _expressions(gold), _expressions(said)
    if not claimed:
        return False
    if not wanted and read(gold).node is not None and read(said).node is None:
        return False
    if not wanted:
        return "the reference is mathematics of a kind that cannot be compared"
    if len(wanted) == len(claimed) == 1 and (same := _constants(wanted[0], claimed[0])) is not None:
        return same
    return bool(
        verify(
            wanted,
            claimed,
            float_rounding=DIGITS if settings.precision is None else settings.precision,
            strict=settings.strict,
            allow_set_relation_comp=settings.relations,
            timeout_seconds=None,
            raise_on_error=True,  # what runs out of memory has not said "wrong"
        )
    )


def _constants(one: Any, other: Any) -> bool | str | None:
    """Whether two numbers are one: apart in their digits, or equal by algebra; why neither can be said; `None` for what is no number."""
    from sympy import Expr, Float, simplify
    from sympy.core.function import AppliedUndef

    if (
        not (isinstance(one, Expr) and isinstance(other, Expr))
        or one.free_symbols
        or other.free_symbols
        or one.has(Float)
        or other.has(Float)
    ):
        return None
    if other.has(AppliedUndef) and not one.has(AppliedUndef):
        return False  # the limit of some f(x) says nothing
    difference = (one - other).doit()
    if difference == 0:
        return True
    value = abs(difference).evalf(DIGITS, maxn=10 * DIGITS)
    if value.is_Number and value.is_finite and value > 10 ** (10 - DIGITS):
        return False
    return (
        True
        if simplify(difference) == 0 or difference.equals(0)
        else "the two are too near to be told apart, and nothing proves them equal"
    )


def _expressions(text: str) -> list[Any]:
    """What math-verify makes of a formula; its string alone is nothing."""
    from math_verify import LatexExtractionConfig, parse

    found = parse(f"${clean(text)}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
    return [each for each in found if not isinstance(each, str)]
