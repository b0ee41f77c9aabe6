"""The work of reading a long reply, as a count of calls: four times the length takes about four times the work."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from aha.answers.choosing import chosen
from aha.answers.claims import claim, own_part
from aha.answers.replies import answer_part

OPTIONS = ("red", "green", "blue", "grey")
READERS: dict[str, Callable[[str], object]] = {
    "claim": claim,
    "own part": own_part,
    "answer part": answer_part,
    "choice": lambda text: chosen(text, OPTIONS),
}
SHAPES = {
    "boxes": "So \\boxed{B}. ",
    "boxes of a number": "Then \\boxed{7}, and ",
    "empty boxes": "\\boxed{} ",
    "open boxes": "\\boxed{",
    "dollars": "$x$ ",
    "headings without a colon": "answer $x$ ",
    "lines": "The answer is 7\n",
    "brackets": "( [ { ",
    "figures": "31415926535 ",
    "open answer tags": "<answer>7 ",
    "answer tags": "<answer>7</answer> ",
    "open thoughts": "<think>we get 7. ",
    "problems": "we go on.\nProblem: find it. ",
}


def calls(work: Callable[[], object]) -> int:
    """Return how many functions were called, of Python's own and of ours."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reader", READERS)
def test_the_work_of_a_reader_grows_at_most_in_proportion_to_the_length(shape: str, reader: str) -> None:
    short, long = ((SHAPES[shape] * 300)[:length] for length in (500, 2_000))
    read = READERS[reader]
    read(f"{short} ")  # tables are built at the first use
    assert calls(lambda: read(long)) <= 5 * calls(lambda: read(short)) + 500
