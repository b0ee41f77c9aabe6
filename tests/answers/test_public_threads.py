"""Forms of claims that were read wrongly at first sight, beside neighbours that say something else."""

from __future__ import annotations

import pytest

from aha.grading import grade
from aha.types import Choice, Latex, Number, Right

TWELVES = ("10", "12", "14", "16")
FORMS = [
    (Latex("52_8"), r"\boxed{52_{\text{eight}}}", r"\boxed{52_{\text{nine}}}"),
    (Latex("3:10"), "\\[\n3\\text{ to }10\n\\]", "\\[\n3\\text{ to }11\n\\]"),
    (Latex(r"7:51\text{ a.m.}"), r"\boxed{{07:51}}", r"\boxed{{19:51}}"),
    (Latex("-3"), r"\boxed{\text{negative 3}}", r"\boxed{\text{3}}"),
    (Latex(r"-\infty"), r"$-\infty$", r"$-\infty$, $\text{all real numbers}$"),
    (Latex(r"\infty"), r"The answer is $+\infty$.", r"The answer is one of the following: $+\infty$, negative infinity."),
    (Latex("11:8"), "La respuesta es AB:BC = 11:8.", "La respuesta es AB:BC = 8:11."),
    (Latex("8"), "<|begin_of_solution|> \\boxed{8} <|end_of_solution|>", "<|begin_of_thought|> \\boxed{8}"),
    (Number("77"), "Both sides are the same.\n77 m", "Both sides are the same.\n+77\\text{M}"),
    (Number("1200"), "Er verdient insgesamt 1.200 Euro.", "Er verdient insgesamt 1,20 Euro."),
    (Number("1250"), "El total es 1250.", "El total no es 1250."),
    (Number("1300"), "El total no es 1250, sino 1300.", "El total no es 1300, sino 1250."),
    (Number("1250"), "Итого: 1250 рублей.", "Итого: не 1250 рублей."),
    (Number("1250"), "合计1250元。", "估计1250元。"),
    (Number("33"), "La réponse est trente-trois (33).", "La réponse est trente-trois (34)."),
    (Number("2.5"), '{"final_answer": 2.5, "confidence": 0.9}', '{"final_answer": 0.9, "confidence": 2.5}'),
    (Number("210"), "Farmer Brown would need 360-150 = 210 more", "Farmer Brown would need 360-150 = 210 or more"),
    (Number("5"), "[ANSWER]5[/ANSWER]", "[ANSWER]5 or 6[/ANSWER]"),
    (Choice("B", TWELVES), '{"choice": "B"}', '{"choice": ["A", "B"]}'),
    (Choice("A", ("12", "-12", "15")), "The answer is A. 12", "The answer is A. -12"),
    (Choice("C", TWELVES), "x_1 = (C)", "x_1 = (C), x_2 = 12"),
    (Latex("7:22"), "Donc AB:BC = 7:22.", "Donc AB:BC n'est pas 7:22."),
    (
        Latex(r"\begin{pmatrix} 1 & 2 \end{pmatrix}"),
        "So $A = \\begin{pmatrix}\n1 & 2\n\\end{pmatrix}$.",
        "So $A = \\begin{pmatrix}\n2 & 1\n\\end{pmatrix}$.",
    ),
    (Choice("B", TWELVES), "The answer is 12 (B)", "The answer is 14 (B)"),
    (Choice("C", ("red", "green", "blue", "grey")), "The answer is option (C), not (A).", "The answer is option (A), not (C)."),
]


@pytest.mark.parametrize(("reference", "right", "wrong"), FORMS, ids=[right for _, right, _ in FORMS])
def test_a_form_is_paid_and_its_neighbour_is_not(reference: Latex | Number | Choice, right: str, wrong: str) -> None:
    assert isinstance(grade(reference, right), Right)
    assert not isinstance(grade(reference, wrong), Right)


def test_a_claim_far_before_the_end_is_taken_back_by_the_last_words() -> None:
    steps = "We look at the next of many small cases. " * 60
    assert isinstance(grade(Latex("7"), f"The answer is $\\boxed{{7}}$. {steps}"), Right)
    assert not isinstance(grade(Latex("7"), f"The answer is $\\boxed{{7}}$. {steps}Wait, that is wrong: the answer is 8."), Right)
