"""Boxes and options in sentences of other languages: a word that nobody knows takes no box away, one that denies does."""

from __future__ import annotations

import itertools

import pytest

from aha.types import Choice, Latex, Number, Right
from tests.graders import grade


def is_right(reference: Choice | Latex | Number, reply: str) -> bool:
    return isinstance(grade(reference, reply), Right)


@pytest.mark.parametrize(
    "sentence",
    [
        "La diagonal del cuadrado de lado 6 mide {}.",
        "A négyzet átlója {}.",
        "Následně má krychle úhlopříčku {}.",
        "Следовательно, диагональ квадрата {} см.",
        "Quindi la diagonale misura {} centimetri.",
        "Ďalej teda {}.",
        "所以对角线的长\\({}\\)厘米。",
        "よって対角線 ${}$ です。",
        "따라서 대각선의 길이 ${}$ cm",
        "Do đó đường chéo dài {} mét.",
    ],
)
def test_a_box_in_a_sentence_of_another_language_is_the_answer(sentence: str) -> None:
    assert is_right(Latex("6\\sqrt{2}"), sentence.format("\\boxed{6\\sqrt{2}}"))


@pytest.mark.parametrize(
    "sentence",
    [
        "Die Antwort ist nicht {}.",
        "La respuesta no es {}.",
        "Quizás {}.",
        "A válasz nem {}.",
        "Svaret er ikke {}.",
        "Vastaus ei ole {}.",
        "Odgovor nije {}.",
        "La risposta non è {}.",
        "Ответ не {}.",
        "答案不是{}。",
        "有人认为是{}。",
        "答えは{}ではない。",
        "답은 {}이 아니다.",
        "答案至少{}。",
        "最多{}。",
    ],
)
def test_a_box_that_a_known_word_takes_away_is_none(sentence: str) -> None:
    assert not is_right(Number("8"), sentence.format("\\boxed{8}"))


def test_a_block_of_tex_holds_its_box() -> None:
    assert is_right(Latex("5"), "```latex\n\\boxed{x=5}\n```") and is_right(Number("5"), "```tex\n\\boxed{5}\n```")


_NAMES = {  # the right option, in words that say so: before the letter, and what may stand right before it
    "German": ("Die richtige Antwort ist", "Richtig ist", "Antwort"),
    "French": ("La bonne réponse est", "La réponse correcte est donc", "la réponse"),
    "Spanish": ("La respuesta correcta es", "Por lo tanto, la opción correcta es", "la opción"),
    "Portuguese": ("A alternativa correta é", "Portanto, a resposta certa é", "a letra"),
    "Italian": ("La risposta esatta è", "Quindi l'opzione corretta è", "la lettera"),
    "Dutch": ("Het juiste antwoord is", "Dus het goede antwoord is", "optie"),
    "Polish": ("Poprawna odpowiedź to", "Więc prawidłowa odpowiedź to", "opcja"),
    "Russian": ("Правильный ответ —", "Итак, верный вариант:", "вариант"),
    "Vietnamese": ("Đáp án đúng là", "Vậy đáp án đúng là", "phương án"),
    "Indonesian": ("Jawaban yang benar adalah", "Jadi, pilihan yang tepat adalah", "pilihan"),
    "Czech": ("Správná odpověď je", "Správná odpověď:", "možnost"),
    "Swedish": ("Rätt svar är", "Alltså är rätt svar:", "alternativ"),
}
_ENDS = ("C.", "C", "C)", "c).", "C: x", "**C**.", "(C)")


@pytest.mark.parametrize("language", _NAMES)
def test_the_right_option_is_named_in_many_words(language: str) -> None:
    *leads, noun = _NAMES[language]
    missed = [
        reply
        for lead, between, end in itertools.product(leads, ("", f"{noun} "), _ENDS)
        if not is_right(Choice("C", ("w", "y", "x", "z")), reply := f"{lead} {between}{end}")
    ]
    assert not missed


@pytest.mark.parametrize(
    "reply",
    [
        "Richtig ist nicht C.",
        "Die falsche Antwort ist C.",
        "La respuesta correcta no es C.",
        "Richtig ist C oder D.",
        "La risposta corretta è C o D.",
        "Odpowiedź to nie C.",
        "La bonne réponse est C. Non, c'est D.",
        "选C还是选D，我无法确定。",
        "Cではなく、Aを選ぶべきです。",
        "La respuesta correcta es C, D.",
        "La opción correcta es casi C.",
        "Wahrscheinlich ist die richtige Antwort C, oder vielleicht D.",
    ],
)
def test_an_option_that_is_denied_or_one_of_several_is_not_chosen(reply: str) -> None:
    assert not is_right(Choice("C"), reply)
