"""Equivalence by math-verify and sympy, for what values at points cannot settle: integrals, sums, equations with the same solutions.

It may run forever or fill the memory, so callers run it in a process with limits. `Settings` holds what a benchmark may ask of the
comparison; its defaults are what training uses."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from aha.answers.claims import How
from aha.answers.reading import read
from aha.answers.symbols import clean
from aha.lazy import lazy_pattern


@dataclass(frozen=True)
class Settings:
    """The settings of a comparison. `how`: where the claim stands. `relations`: `1 < x < 2` may answer an interval. `strict`: variables
    keep their names and sets are not tuples. `precision`: decimals are compared at this many places; if None, a decimal is exact unless it
    has at least `places` places and the other side cannot be written as a decimal. `evaluated`: a calculation that comes to the right value
    is wrong; if None, the kind of reference decides: a Number needs a bare value, a formula does not."""

    how: How = "auto"
    relations: bool = True
    strict: bool = True
    precision: int | None = None
    places: int = 6
    evaluated: bool | None = None


DEFAULT = Settings()


_TOWER = lazy_pattern(r"\^\s*\{?\s*[0-9]{5,}|[0-9]{5,}\s*\)?\s*!|!\s*\)?\s*!|\^[^^]{0,30}\^[^^]{0,30}\^")

DIGITS = 40
_MINUTES = lazy_pattern(r"[0-9]\s*(?:'|\^\s*\{?\s*\\prime)")


def equivalent(gold: str, claim_text: str, settings: Settings) -> bool | str:
    """Return whether algebra finds the two equal, or the reason why the reference is beyond it."""
    if _TOWER.search(claim_text) and not _TOWER.search(gold):
        return False  # a number too large to compute is not a final answer
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns that it has no time limit; ours is outside
    from math_verify import verify

    if _MINUTES.search(claim_text) and not _MINUTES.search(gold):
        return False  # math-verify drops the sign
    golds, claims = _expressions(gold), _expressions(claim_text)
    if not claims:
        return False
    if not golds and read(gold).node is not None and read(claim_text).node is None:
        return False
    if not golds:
        return "the reference is mathematics of a kind that cannot be compared"
    if len(golds) == len(claims) == 1 and (verdict := _constants(golds[0], claims[0])) is not None:
        return verdict
    return bool(
        verify(
            golds,
            claims,
            float_rounding=DIGITS if settings.precision is None else settings.precision,
            strict=settings.strict,
            allow_set_relation_comp=settings.relations,
            timeout_seconds=None,
            raise_on_error=True,  # running out of memory is not a verdict
        )
    )


def _constants(first: Any, second: Any) -> bool | str | None:
    """Return whether two numbers are equal, by their digits or by algebra, or why neither can tell; None if one is not a number."""
    from sympy import Expr, Float, simplify
    from sympy.core.function import AppliedUndef

    if (
        not (isinstance(first, Expr) and isinstance(second, Expr))
        or first.free_symbols
        or second.free_symbols
        or first.has(Float)
        or second.has(Float)
    ):
        return None
    if second.has(AppliedUndef) and not first.has(AppliedUndef):
        return False  # the limit of some f(x) says nothing
    difference = (first - second).doit()
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
    """Return the expressions that math-verify reads in a formula, without a result that is only the text itself."""
    from math_verify import LatexExtractionConfig, parse

    expressions = parse(f"${clean(text)}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
    return [expression for expression in expressions if not isinstance(expression, str)]
