"""The published benchmarks by the name a person types. A new one is a value in a file here, and stands in that file's `EXAMS`."""

from __future__ import annotations

from aha.errors import BadInput
from aha.evals.exams import choices, code, maths, words
from aha.evals.exams.exam import Exam, Item, Judged
from aha.evals.exams.loading import items_of
from aha.settings import nearest

__all__ = ["EXAMS", "Exam", "Item", "Judged", "exam", "items_of"]

EXAMS: dict[str, Exam] = {each.name: each for room in (maths, choices, code, words) for each in room.EXAMS}


def exam(name: str, others: tuple[str, ...] = ()) -> Exam:
    """The benchmark of that name, `-` as good as `_`. BadInput, with the nearest, for any other; `others` are known elsewhere."""
    found = EXAMS.get(name.lower().replace("-", "_").replace(".", ""))
    if found is None:
        every = [*EXAMS, *others]
        raise BadInput(f"{name}: no such benchmark; there are {', '.join(every)}{nearest(name.lower(), every)}")
    return found
