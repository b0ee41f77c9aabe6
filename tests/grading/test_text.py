"""Words: equal up to how they are written, or to the letter."""

from __future__ import annotations

from aha.grading.graders import grade_text
from aha.types import Right, Text, Wrong

PARIS = Text(("Paris", "City of Light"))


def test_any_of_the_texts_is_right_however_it_is_announced() -> None:
    for answer in ("paris.", "The answer is **Paris**.", "\\boxed{\\text{the City of Light}}", "答案是 Paris", "Long story.\n#### Paris"):
        assert grade_text(PARIS, answer) == Right()


def test_a_text_among_others_is_wrong() -> None:
    for answer in ("Paris or London", "not Paris", "Pаris", "", "Paris\nThe answer is London", "x" * 5000):
        assert isinstance(grade_text(PARIS, answer), Wrong)


def test_exact_asks_for_every_letter() -> None:
    exact = Text(("x_Y",), exact=True)
    assert grade_text(exact, "Answer: x_Y") == Right()
    assert isinstance(grade_text(exact, "x_y"), Wrong)


def test_a_text_of_marks_alone_is_compared_as_it_stands() -> None:
    assert grade_text(Text(("?!",)), "?!") == Right()
    assert isinstance(grade_text(Text(("?!",)), "..."), Wrong)
