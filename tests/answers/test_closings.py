"""Closing sentences that no box marks: quantities with their nouns, differences, checks after them, other languages; names are made up."""

from __future__ import annotations

import itertools

import pytest

from aha.grading import grade
from aha.types import Choice, Latex, Number, Right

STATED = (  # § is the number, ¤ a name, ¢ a thing that is counted
    "So ¤ ends up with **§ ¢**.",
    "Hence each ¤ receives § ¢, and no ¢ are left over.",
    "¤ has § fewer ¢ than Vrolo.",
    "Therefore, there are § more ¢ than snarks.",
    "¤ is § years older than Vrolo.",
    "**Answer:** ¤ needs § more ¢ to fill the shelf.",
    "There are § ¢.\n\nCheck: 84 / 4 = 21 per row ✓",
    "¤ has 4 + 13 = § ¢.\n\n(A common mistake is to give 13 instead.)",
    "All together that's 4 + 5 + 8 = § ¢. 🎉",
    "Ans. § ¢",
    "So the answer isn't 32 but §.",
)
TAKEN_AWAY = (
    "So ¤ never ends up with **§ ¢**.",
    "¤ has § more than twice as many as Vrolo.",
    "The answer is § more than the number of ¢.",
    "There are § ¢.\n\nCheck: 84 / 4 = 21, not 20, so this fails.",
    "Answer: §\nCheck: it should be 18, so § is wrong.",
    "So the answer isn't § but 32.",
    "**Answer: §** ❌",
    "答案是§。\n\n等等，我漏掉了一种情况。",
)
NAMES, THINGS = ("Zumi", "Quorra", "dwarf"), ("vases", "glimmers", "blorps")


@pytest.mark.parametrize("sentence", STATED)
def test_a_closing_sentence_states_its_number(sentence: str) -> None:
    for name, thing in itertools.product(NAMES, THINGS):
        assert isinstance(grade(Number("17"), sentence.replace("§", "17").replace("¤", name).replace("¢", thing)), Right), (name, thing)


@pytest.mark.parametrize("sentence", TAKEN_AWAY)
def test_a_closing_sentence_that_takes_its_number_away_is_not_paid(sentence: str) -> None:
    for name, thing in itertools.product(NAMES, THINGS):
        assert not isinstance(grade(Number("17"), sentence.replace("§", "17").replace("¤", name).replace("¢", thing)), Right), (name, thing)


@pytest.mark.parametrize(
    ("announced", "denied"),
    [
        ("ดังนั้นคำตอบคือ §", "คำตอบไม่ใช่ §"),
        ("Kwa hivyo, jibu ni §.", "Jibu si §."),
        ("সুতরাং উত্তর §।", "উত্তর § নয়।"),
        ("సమాధానం §.", "సమాధానం § కాదు."),
        ("अतः सही उत्तर § है।", "उत्तर § नहीं है।"),
        ("Đáp án là §.", "Đáp án không phải là §."),
        ("Jadi, jawabannya adalah §.", "Jawabannya bukan §."),
        ("الإجابة هي §.", "الإجابة ليست §."),
        ("Cevap: §", "Cevap § değil."),
        ("Odpowiedź: §", "Odpowiedź to nie §."),
        ("Het antwoord is §.", "Het antwoord is niet §."),
        ("Ответ: § км.", "Ответ: не §."),
        ("Die Summe beträgt §.", "Mindestens sind es § Vasen."),
        ("Il reste donc § vases.", "Il reste au moins § vases."),
        ("所以一共走了§千米。", "答案不是§。"),
    ],
)
def test_answers_are_announced_and_denied_in_many_languages(announced: str, denied: str) -> None:
    for number in ("23", "408"):
        assert isinstance(grade(Number(number), announced.replace("§", number)), Right)
        assert not isinstance(grade(Number(number), denied.replace("§", number)), Right)


@pytest.mark.parametrize(
    ("number", "reply"),
    [
        ("12.5", "La réponse est donc 12,50 €."),
        ("1250", "15.000 € ÷ 12 = 1.250 €.\n\nDie Rate beträgt also 1.250 €."),
        ("6.4", "所以一共走了6.4千米。"),
        ("-3", "The reading is minus 3 degrees."),
        ("12", "The answer is twelve (12)."),
        ("39", "Therefore, the total cost is $14 + $25 = **$39**."),
    ],
)
def test_numbers_in_local_forms(number: str, reply: str) -> None:
    assert isinstance(grade(Number(number), reply), Right)
    assert not isinstance(grade(Number(str(float(number) * 1000)), reply), Right)


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("-5, 6", "So the solutions are x = 6 and x = −5.", "So the solutions are x = 6 and x = 5."),
        ("(1,2),(2,1)", "The pairs are (2, 1) and (1, 2).", "The pairs are (2, 1) and (1, 3)."),
        ("3:4", "The ratio of cats to dogs is 3 to 4.", "The ratio of cats to dogs is not 3 to 4."),
        (r"\frac{\sqrt{6}-\sqrt{2}}{4}", "So sin 15° = (√6 − √2)/4.", "So sin 15° = (√6 + √2)/4."),
        (r"\frac{a+b}{2}", "The midpoint is at (a + b)/2.", "The midpoint is not at (a + b)/2."),
        ("5040", "The 7 books can stand in $7! = 5040$ orders.", "The 7 books can stand in $7! = 5041$ orders."),
        (r"10{:}30\text{ a.m.}", "They arrive at **10:30 AM**.", "They arrive at **10:30 PM**."),
        (r"\text{Thursday}", "It falls on a **Thursday**.", "It does not fall on a **Thursday**."),
        (r"\text{Yes}", "Yes. The slopes multiply to −1.", "Yes. But no, they never meet."),
        ("7", r"Therefore $x = \boxed{7}$", r"Therefore $2x = \boxed{7}$"),
        (r"\left(3,\frac{\pi}{2}\right)", "So (r, θ) = (3, π/2).", "So (r, θ) = (3, π/3)."),
    ],
)
def test_formulas_in_closing_sentences(gold: str, right: str, wrong: str) -> None:
    assert isinstance(grade(Latex(gold), right), Right)
    assert not isinstance(grade(Latex(gold), wrong), Right)


@pytest.mark.parametrize(
    ("letter", "reply"),
    [
        ("AD", "so the right options are A and D."),
        ("C", "~~B~~ C"),
        ("D", "Also ist D richtig."),
        ("D", "因此，正确选项是 D。"),
        ("C", "**Answer: A**\n\n*Edit:* I squared 12.\n\n**Corrected answer: C**"),
    ],
)
def test_choices_in_closing_sentences(letter: str, reply: str) -> None:
    assert isinstance(grade(Choice(letter, ("wug", "dax", "blicket", "fep")), reply), Right)


@pytest.mark.parametrize(
    ("letter", "reply"),
    [
        ("B", "B は正解ではありません。"),
        ("A", "A ❌"),
        ("D", "D is the least likely of them to be right."),
        ("B", "Case 1: the answer is A. Case 2: the answer is B. We are not told which."),
        ("A", "**Answer: A**\n\n*Edit:* I squared 12.\n\n**Corrected answer: C**"),
        ("D", "D ist nicht richtig."),
    ],
)
def test_choices_that_are_taken_away_are_not_paid(letter: str, reply: str) -> None:
    assert not isinstance(grade(Choice(letter, ("wug", "dax", "blicket", "fep")), reply), Right)
