"""Forms of claims that were read wrongly at first sight, beside neighbours that say something else."""

from __future__ import annotations

import pytest

from aha.types import Choice, Latex, Number, Reference, Right, Text
from tests.graders import grade

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
    (Number("12"), "So 12 it is.", "So 13 it is, not 12."),
    (Number("12"), "[12]", "[12]: reference"),
    (Number("12"), "The answer is 12.", "The answer is ~12."),
    (Number("12"), "\\boxed{~12~}", "It takes ~12 minutes."),
    (Number("12"), "12, I'm pretty sure.", "12, I'm not sure."),
    (Latex("12"), "It's definitely not 20. It's 12.", "It's definitely not 12. It's 20."),
    (Number("12"), "She should have 12 apples left.", "She should have gotten 12 apples."),
    (Number("12"), "He has 12.", "He might have 12."),
    (Number("12"), "I'd say it's 12.", "Some think it's 12."),
    (Number("12"), "She needs 12 more books to reach 20.", "She needs at least 12 more books."),
    (Latex("12"), "She has twelve apples.", "She has a dozen or more apples."),
    (Number("3.5"), "It takes three and a half hours.", "It takes three and a half million hours."),
    (Number("1200"), "₹1,200", "₹1,200 lakh"),
    (Latex("1200"), "She pays CHF 1'200 in total.", "She pays CHF 12'00 in total."),
    (Number("12"), "12¢", "12¢ or more"),
    (Number("12"), "她每天赚12美元。", "她本来可以赚12美元。"),
    (Number("12"), "彼女は毎日12ドル稼ぎます。", "彼女は毎日12ドル以上稼ぎます。"),
    (Number("12"), "<answer>12", "<answer>12 or 13"),
    (Latex(r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}"), "(1,-2)^T", "(-2,1)^T"),
    (Latex(r"\begin{pmatrix} 0 & 1 \\ 2 & 3 \end{pmatrix}"), "[[0, 1], [2, 3]]", "[[0, 2], [1, 3]]"),
    (Latex(r"\frac{1}{2}"), "The probability is given by $\\boxed{\\frac12}$.", "The probability is not given by $\\boxed{\\frac12}$."),
    (Choice("B", TWELVES), "The answer is (B), though (A) is close.", "The answer is (B), though (A) could be right."),
    (Choice("B", TWELVES), "Answer: B (12). A (10) would be wrong.", "Answer: B (12), A (10)."),
    (Choice("B", TWELVES), '{"choice": "B", "reason": "A is too small"}', '{"choice": "B", "option": "A"}'),
    (Choice("C", TWELVES), "C가 정답입니다.", "C가 정답이 아닙니다."),
    (Choice("B", ("cannot be found", "cannot be determined")), "It cannot be determined.", "It can be determined."),
    (Number("64"), "Not 56 but 64.", "Not 64 but 56."),
    (Number("64"), "We're left with 64.", "We're left with less than 64."),
    (Number("64"), "8^2 = 64", "8^2 = 64 = 65"),
    (Number("27"), "27 = 35 - 8", "27 = 35 - 9"),
    (Number("27"), "By my count, 27.", "By a naive count, 27."),
    (Number("27"), "This leaves Sam with 27 marbles.", "This leaves Sam with fewer than 27 marbles."),
    (Number("27"), "Sam has 27 marbles left.\n\nIs there anything else I can help with?", "Sam has 27 marbles left?"),
    (Number("0"), "No apples are left.", "Not all apples are left."),
    (Number("1.75"), "one and three quarters", "one and three quarters of them"),
    (Latex(r"64\text{ m}^2"), "64 sq. m", "64 m3"),
    (Latex(r"45^\circ"), "45^{o}", "45^{o}C"),
    (Latex(r"5\text{ m/s}"), "300 m/min", "300 m/s"),
    (Latex(r"\text{Friday}"), "on Friday", "not on Friday"),
    (Choice("C", TWELVES), "The number is 14.", "The number is not 14."),
    (Choice("C", TWELVES), "n = 14, so (C)", "n = 12, so (C)"),
    (Choice("C", TWELVES), "C est la bonne réponse.", "C n'est pas la bonne réponse."),
    (Choice("C", TWELVES), "Cが正しい。", "Cは間違い。"),
    (Number("18"), "Ответ — 18.", "Ответ — не 18."),
    (Number("18"), "Antwort – 18 Euro", "Antwort – 18 Tausend"),
    (
        Number("12"),
        "<FINAL_ANSWER>11</FINAL_ANSWER> Check. <FINAL_ANSWER>12</FINAL_ANSWER>",
        "<FINAL_ANSWER>12</FINAL_ANSWER> Check. <FINAL_ANSWER>11</FINAL_ANSWER>",
    ),
    (Latex("42"), r"\boxed{1}###Response\boxed{2}###Response\boxed{42}", r"\boxed{42}###Response\boxed{2}###Response\boxed{1}"),
    (Choice("C", TWELVES), "A、B、D都不對，只有選項C是正確的。", "A、B、D都對，只有選項C是錯誤的。"),
    (Choice("C", TWELVES), "故選C。", "不選C。"),
    (Choice("C", TWELVES), r"\boxed{C is correct}", r"\boxed{C vitamin}"),
    (Text(("Tokyo",)), "The capital of Japan is Tokyo.", "Some say that the capital of Japan is Tokyo."),
]


@pytest.mark.parametrize(("reference", "right", "wrong"), FORMS, ids=[right for _, right, _ in FORMS])
def test_a_form_is_paid_and_its_neighbour_is_not(reference: Reference, right: str, wrong: str) -> None:
    assert isinstance(grade(reference, right), Right)
    assert not isinstance(grade(reference, wrong), Right)


CORRECTIONS = (
    ", actually {}",
    ", sorry, {}",
    ", wait, {}",
    ", correction: {}",
    ", nope, {}",
    ", I mean {}",
    "... I mean {}",
    ". I meant {}.",
    ", make that {}",
    ", or rather {}",
    ", better: {}",
    " — no, {}",
    ". My bad, {}.",
    ". Hold on: {}.",
    ". Let me correct that: {}.",
)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_correction_directly_behind_a_claim_is_the_claim(correction: str) -> None:
    for form in (r"\boxed{{{}}}", r"The answer is ${}$", "The answer is {}"):
        for reference in (Number("5"), Latex("5")):
            assert not isinstance(grade(reference, form.format(5) + correction.format(6)), Right), form
    for form in (r"\boxed{{{}}}", "The answer is {}"):
        assert not isinstance(grade(Choice("B", TWELVES), form.format("B") + correction.format("C")), Right), form
    assert isinstance(grade(Number("5"), "The answer is 5. I mean it."), Right)


SETS = ("a, b, d", "a, b and d", "(a), (b), (d)", "ANSWER: a b d", r"\boxed{a,b,d}", "A) 10, B) 12, D) 16", "a) 10, b) 12, d) 16")


@pytest.mark.parametrize("text", SETS)
def test_several_letters_are_read_in_small_letters_and_beside_their_texts(text: str) -> None:
    assert isinstance(grade(Choice("ABD", TWELVES), text), Right)
    for letters in ("AB", "ABC", "D", "A"):
        assert not isinstance(grade(Choice(letters, TWELVES), text), Right), letters


def test_a_claim_far_before_the_end_is_taken_back_by_the_last_words() -> None:
    steps = "We look at the next of many small cases. " * 60
    assert isinstance(grade(Latex("7"), f"The answer is $\\boxed{{7}}$. {steps}"), Right)
    assert not isinstance(grade(Latex("7"), f"The answer is $\\boxed{{7}}$. {steps}Wait, that is wrong: the answer is 8."), Right)
