"""Closing sentences that no box marks: quantities with their nouns, differences, checks after them, other languages; names are made up."""

from __future__ import annotations

import itertools

import pytest

from aha.answers.languages import LANGUAGES
from aha.types import Choice, Latex, Number, Right
from tests.graders import grade

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


@pytest.mark.parametrize(
    "sentence",
    [
        "Sie braucht **§** Minuten.",
        "Also hat sie § Äpfel.",
        "Insgesamt zahlt Vrolo § Euro.",
        "Donc elle a § pommes.",
        "No total são § vasos.",
        "Quindi Vrolo paga § euro.",
        "Así que Vrolo tiene § manzanas.",
        "Dus ze heeft § appels.",
        "Значит, у неё осталось § яблок.",
        "Zostało jej § jabłek.",
        "Geriye § elma kaldı.",
        "Vậy còn lại § quả táo.",
        "Jadi dia memiliki § apel.",
        "全部で§個です",
        "ดังนั้นเธอเหลือ § ลูก",
        "Ответ: § конфет.",
        r"Insgesamt zahlt die Familie \boxed{§} Euro.",
        "18 / 2 = 9.\n\nCheck: 2 * 9 = 18, which matches.\n\nSo Vrolo pockets **$§** every day at the market.",
        "La risposta è 19. Anzi, no: è §.",
    ],
)
def test_closing_sentences_of_many_languages_state_their_number(sentence: str) -> None:
    for number in ("23", "408"):
        assert isinstance(grade(Number(number), sentence.replace("§", number)), Right)
        assert not isinstance(grade(Number(number), sentence.replace("§", "31")), Right)


@pytest.mark.parametrize(
    "sentence",
    [
        *(f"Sie braucht {word} § Minuten." for word in ("nicht", "keine", "mindestens", "höchstens", "etwa", "vielleicht", "fast")),
        "Wenn er geht, hat sie § Äpfel.",
        "Vrolo glaubt, sie hat § Äpfel.",
        *(f"Also hat sie § {word} Äpfel." for word in ("Millionen", "Prozent mehr", "mal so viele", "und noch drei")),
        "Donc elle n'a pas § pommes.",
        *(f"Donc elle a {word} § pommes." for word in ("au moins", "presque", "environ", "moins de")),
        "Si elle a § pommes.",
        *(f"Así que {word} § manzanas." for word in ("no tiene", "tiene al menos", "tiene casi", "tiene más de")),
        *(f"Ela {word} § reais." for word in ("não paga", "paga pelo menos", "paga quase")),
        *(f"Quindi {word} § euro." for word in ("non paga", "paga almeno", "paga circa")),
        *(f"У неё {word} § яблок." for word in ("не осталось", "осталось минимум", "осталось около")),
        "Ответ: § тысяч.",
        *(f"{word} § jabłek." for word in ("Nie zostało", "Zostało co najmniej")),
        "Vậy không còn § quả táo.",
        "所以她没有§个苹果。",
        "ดังนั้นเธอไม่มี § ลูก",
        r"Insgesamt zahlt die Familie nicht \boxed{§} Euro.",
        r"Insgesamt zahlt die Familie mindestens \boxed{§} Euro.",
        *(f"So Vrolo {word} **$§** every day." for word in ("never pockets", "misjudges", "estimates", "lacks", "scoops")),
        "So the tax eats $§.",
        "They claim there are § vases.",
        *(
            f"{attempt} § vases."
            for attempt in ("The naive calculation gives", "At first glance she has", "The initial estimate is", "A hasty count gives")
        ),
        "Suppose he does not drop any marbles.\nIn that case the answer would be §.\nHowever, he drops three of them on the way.",
        "He has § marbles.\nHowever, he drops three of them on the way.",
        "La risposta è §. Anzi, no: è 20.",
        "La respuesta es §. Espera, en realidad son 20.",
        "Die Antwort ist §. Nein, doch nicht: 20.",
        "La réponse est §. En fait, c'est 20.",
        "Ответ: §. Вернее, 20.",
        "Ответ: §. Нет, точнее 20.",
        "So the answer is thirteen, i.e. §.",
    ],
)
def test_closing_sentences_of_many_languages_that_take_their_number_away_are_not_paid(sentence: str) -> None:
    for number in ("23", "408"):
        assert not isinstance(grade(Number(number), sentence.replace("§", number)), Right)


def test_digits_of_every_script_are_digits() -> None:
    for zero in (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50, 0xFF10):
        digits = "".join(chr(zero + int(digit)) for digit in "28")
        assert isinstance(grade(Number("28"), f"উত্তর হল {digits}।"), Right)
        assert not isinstance(grade(Number("29"), f"উত্তর হল {digits}।"), Right)
        assert not isinstance(grade(Number("28"), f"উত্তর {digits} নয়।"), Right)


def test_a_numeral_said_twice_is_one_number() -> None:
    for reference in (Number("13"), Latex("13")):
        assert isinstance(grade(reference, "So the answer is thirteen, i.e. 13."), Right)
        assert not isinstance(grade(reference, "So the answer is fourteen, i.e. 13."), Right)


def test_a_check_in_another_language_leaves_a_box_as_it_is() -> None:
    stated = "On développe puis on simplifie.\nIl vient $2x=-7$, donc $x=\\boxed{\\frac{-7}{2}}$.\nVérification : $2\\cdot(-3{,}5)=-7$"
    assert isinstance(grade(Latex(r"-\frac{7}{2}"), f"{stated}."), Right)
    assert not isinstance(grade(Latex(r"-\frac{7}{2}"), f"{stated}, donc c'est faux."), Right)


@pytest.mark.parametrize(
    ("announced", "denied"),
    [
        ("Richtig ist §", "Richtig ist nicht §"),
        ("Верный вариант — §", "Неверный вариант — §"),
        ("คำตอบที่ถูกต้องคือ §", "คำตอบที่ไม่ถูกต้องคือ §"),
        ("सही उत्तर § है।", "सही उत्तर § नहीं है।"),
        ("The most plausible option is §.", "The least plausible option is §. I would need more data to pick one."),
    ],
)
def test_choices_are_announced_and_denied_in_many_languages(announced: str, denied: str) -> None:
    for letter in "CD":
        assert isinstance(grade(Choice(letter, ("wug", "dax", "blicket", "fep")), announced.replace("§", letter)), Right)
        assert not isinstance(grade(Choice(letter, ("wug", "dax", "blicket", "fep")), denied.replace("§", letter)), Right)


ATTEMPTS = """Die naive Rechnung ergibt § Äpfel. | Eine erste Schätzung ergibt § Äpfel. | Der Taschenrechner liefert § Äpfel. | Die falsche Summe ist §.
Irrtümlich hat Zumi § Äpfel. | Zumi hat § Äpfel vergessen. | Zumi verschätzt § Äpfel. | Das Quadrat der Antwort ist §. | Zumi hat § Dutzend Äpfel.
Le calcul naïf donne § pommes. | La première estimation est §. | L'élève pressé obtient §. | La moitié vaut §. | Zumi aurait § pommes.
El cálculo ingenuo da § manzanas. | La respuesta equivocada es §. | Zumi olvida § manzanas. | Zumi tendría § manzanas.
O cálculo ingênuo dá § maçãs. | A resposta errada é §. | Il calcolo ingenuo dà § mele. | La risposta apparente è §. | Zumi non ha § mele.
De naïeve berekening geeft § appels. | Het foute antwoord is §. | Zumi heeft § appels vergeten. | Den naiva beräkningen ger § äpplen.
Наивный расчёт даёт § яблок. | Неверный ответ равен §. | Поспешный счёт даёт § яблок. | Naiwne obliczenie daje § jabłek. | Błędna odpowiedź wynosi §.
Saf hesap § elma eder. | Phép tính sai là §. | Perhitungan naif menghasilkan § apel. | Jibu lisilo sahihi ni §. | ليس لديها § تفاحات. | 天真的计算得到§个苹果。"""
PLAIN = """Die Summe der Zahlen ist §. | **Antwort: Sie zahlt jeden Monat § €.** | Somit werden insgesamt **§ Ziegel** benötigt. | Zumi ist § Jahre alt.
Am Ende sind im Korb noch § Eier. | Es bleiben 5 + ¶ = **§ Äpfel** übrig. | Il y a donc § élèves dans la classe. | Le prix total est de § euros.
Por lo tanto, hay **§ lápices** en total. | **Respuesta:** gasta § euros al año. | Cada niño recibe § galletas. | O preço total é de § reais.
La risposta è §, non 9. | In totale ci sono § studenti. | Ze heeft § vazen nodig. | Totalt betalar hon § kronor. | Всего в классе § учеников.
Отже, у неї залишилося § яблук. | Suma wynosi §. | Tedy má Zumi § jablek. | Deci Zumi are § mere. | Toplam § lira öder. | Mỗi bạn được § cái kẹo.
Setiap anak mendapat § permen. | Jumla ni §. | إذن لديها § تفاحات. | इसलिए उसके पास § सेब हैं।"""


def sentences(table: str) -> list[str]:
    return [sentence.strip() for line in table.splitlines() for sentence in line.split(" | ")]


@pytest.mark.parametrize("sentence", sentences(ATTEMPTS))
def test_what_governs_a_number_in_another_language_takes_it_away_where_it_is_not_known(sentence: str) -> None:
    for number, mark in itertools.product(("23", "408"), ("§", "\\boxed{§}")):
        assert not isinstance(grade(Number(number), sentence.replace("§", mark.replace("§", number))), Right)


@pytest.mark.parametrize("sentence", sentences(PLAIN))
def test_a_plain_sentence_of_another_language_states_its_number(sentence: str) -> None:
    for number in (23, 408):
        assert isinstance(grade(Number(str(number)), sentence.replace("§", str(number)).replace("¶", str(number - 5))), Right)
        assert not isinstance(grade(Number(str(number)), sentence.replace("§", "31").replace("¶", str(number - 5))), Right)


def test_each_word_of_a_language_stands_in_one_row() -> None:
    for name, language in LANGUAGES.items():
        for row in language[:-1]:
            assert len(row.split()) == len({*row.split()}), (name, row)


@pytest.mark.parametrize(
    "reply",
    [
        "17 — October has seventeen days in this calendar, and the shop is open on each of them.",
        "Not counting the driver, there are 17 passengers on the bus.",
        "So Zumi still has 17 km to go.",
        r"\boxed{17}, no remainder.",
        "The answer is 17. No, really.",
        "**She writes 17 pages a year.**",
        r"Therefore, $AC = 5x = \boxed{17}$.",
        r"The distance between the foci is $2c = \boxed{17}$.",
    ],
)
def test_what_stands_beside_a_claim_and_changes_nothing(reply: str) -> None:
    assert isinstance(grade(Number("17"), reply), Right)
    assert not isinstance(grade(Number("18"), reply), Right)


@pytest.mark.parametrize(
    "reply",
    [
        "17 — no, that is off.",
        r"Therefore $2x = \boxed{17}$",
        "The answer is 17. No.",
        r"\boxed{17}, no more.",
        r"The square alone has \boxed{17}. To this one still has to add the circle, so the total area is $17+25\pi$.",
        r"Now we have $\boxed{17}$ for the first part; subtracting the second one, $\frac12$, the value of the whole expression is $\frac{33}2$.",
    ],
)
def test_what_stands_beside_a_claim_and_takes_it_away(reply: str) -> None:
    assert not isinstance(grade(Number("17"), reply), Right)


IN_ALL = (  # § in sentences without a verb, with a place and a count, or with the count as subject, and neighbours that take it away
    "En total § euros.|In totale § euro.|In totaal 1.§ euro|Hay § estudiantes.|В классе § учеников.|Вместе у них § книг.|В итоге у Тома § карточек."
    "|§ яблок|Na końcu Tom ma § kart.|Całkowity koszt wynosi § zł.|Sonunda Tom’un § kartı olur.|Ada § siswa.|Till slut har Tom § kort."
    "|因此她每天赚§美元。|二人で§冊の本を持っています。|よって、1日に§ドル稼ぎます。|したがって、§人になります。|결국 톰은 카드 §장을 갖게 됩니다."
    "|둘이 합쳐 §권의 책이 있습니다.|§분이 걸립니다.|그러므로 하루에 §달러를 법니다.|في النهاية لدى توم § بطاقة.|يوجد § طالبًا.|Vastaus: § euroa"
    "|Antwort: § Äpfel bleiben übrig.|also ist der Anteil §/7|Natalia sold § clips altogether in April and May.|It takes § days."
)
NOT_IN_ALL = (
    "§ lira ödemez.|§ lira fazla.|§的一半|§の半分|§의 절반|अधिकतम § छात्र हैं।|Sınıfta en fazla § öğrenci vardır.|학생은 §명 이하입니다."
    "|§달러가 있다면 살 수 있습니다.|生徒は§人以下です。|Вместе у них не § книг.|В классе почти § учеников.|It takes about § days.|She has roughly § apples."
    "|§ (wrong)|approximately §.0|≈ §|§%%"
)


def test_a_count_without_a_verb_is_read_in_many_languages() -> None:
    numbers = {"In totaal 1.§ euro": "1036", "also ist der Anteil §/7": "36/7"}
    sentences = IN_ALL.split("|")
    missed = [
        item for item in sentences if grade(Number(numbers.get(item, "36")), item.replace("§", "036" if "1.§" in item else "36")) != Right()
    ]
    assert not missed
    assert not [item for item in NOT_IN_ALL.split("|") if grade(Number("36"), item.replace("§", "36")) == Right()]


@pytest.mark.parametrize(
    ("gold", "reply"),
    [
        ("24", "two dozen"),
        ("3/4", "three quarters"),
        ("3/4", "three over four"),
        ("-4", "negative four"),
        ("100", "USD 100"),
        ("100", "100 US dollars"),
        ("100", "€100,00"),
        ("12.5", "La risposta è 12,5"),
        ("12", "\\begin{align*}x&=12\\end{align*}"),
        ("12", "→ 12"),
        ("12", "«12»"),
        ("18", "$18.00/day"),
        ("96", "My first guess was 72 but the correct answer is 96."),
    ],
)
def test_numbers_are_read_in_words_currencies_and_ordinals(gold: str, reply: str) -> None:
    assert grade(Number(gold), reply) == grade(Latex(gold), reply) == Right()
