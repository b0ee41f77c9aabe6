"""What an answer says: where it makes its final claim, and which number or formula that is. Shared by who asks and who grades."""

from __future__ import annotations

from aha.answers.latex import parses
from aha.answers.numbers import rational
from aha.types import Countdown, Latex, Number, Open, Reference


def gradable(reference: Reference) -> bool:
    """Whether an answer to this reference can ever be graded: asked of every gold answer before any compute is spent."""
    match reference:
        case Number(value):
            return rational(value) is not None
        case Latex():
            return parses(reference)
        case Countdown(numbers, _):
            return len(numbers) > 0
        case Open():
            return True
