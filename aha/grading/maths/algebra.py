"""Equivalence by math-verify and sympy, for what values at points cannot settle: integrals, sums, equations with the same solutions.

It may run for ever or fill the memory; whoever calls it does so in a process with limits.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from aha.answers.cleaning import clean
from aha.grading.maths.settings import Settings

_TOWER = re.compile(r"\^\s*\{?\s*[0-9]{5,}|[0-9]{5,}\s*\)?\s*!|!\s*\)?\s*!|\^[^^]{0,30}\^[^^]{0,30}\^")

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
    if not wanted:
        return "the reference is mathematics of a kind that cannot be compared"
    return bool(
        verify(
            wanted,
            claimed,
            float_rounding=6 if settings.precision is None else settings.precision,
            strict=settings.strict,
            allow_set_relation_comp=settings.relations,
            timeout_seconds=None,
            raise_on_error=True,  # what runs out of memory has not said "wrong"
        )
    )


def _expressions(text: str) -> list[Any]:
    """What math-verify makes of a formula; its string alone is nothing."""
    from math_verify import LatexExtractionConfig, parse

    found = parse(f"${clean(text)}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
    return [each for each in found if not isinstance(each, str)]
