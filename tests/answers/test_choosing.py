"""Which option a reply chooses, in RL and where no benchmark says how to read it."""

from __future__ import annotations

import time

import pytest

from aha.answers.choosing import chosen
from aha.types import Wrong

COLOURS = ("red", "green", "blue", "grey")
NUMBERS = ("12", "-3", "3", "0.5")
TEN = tuple(f"o{place} x{place}" for place in range(10))
VITAMINS = ("vitamin A", "vitamin B", "vitamin C", "vitamin D")


def letter(answer: str, options: tuple[str, ...], *, several: bool = False) -> str | None:
    found = chosen(answer, options, several=several)
    return None if isinstance(found, Wrong) else found


D = [
    "The answer is C. Actually, it's D.",
    "The answer is C. Wait, no, it's D.",
    "The answer is D. B is incorrect because it's small.",
    "The answer is D, because A and B are wrong.",
    "Answer: D\n\nExplanation: A is wrong. B is wrong. C is wrong.",
    "D is correct. A is wrong.",
    "Option D is the right one.",
    "The correct option is D) grey",
    "The correct choice is **D**.",
    "Answer: (D)",
    "Answer: D)",
    "Answer: <D>",
    "Answer: {D}",
    'Answer: "D"',
    "Answer: “D”",
    "Answer: `D`",
    "Answer: _D_",
    "Answer:D",
    "answer is D",
    "ANSWER: D",
    "Final answer: D.",
    "**Final Answer**\n\nD",
    "### Answer\nD",
    "Answer = D",
    "My answer: D",
    "So the answer would be D.",
    "The answer should be D",
    "I'd say D",
    "I would choose D.",
    "D.",
    "D:",
    "D) grey",
    "d) grey",
    "(d)",
    "d",
    '{"answer": "d"}',
    "Die Antwort ist D.",
    "Die korrekte Antwort lautet: D",
    "Antwort D",
    "Richtige Antwort: D",
    "La bonne réponse est D.",
    "Réponse : D",
    "La réponse correcte est la D.",
    "La respuesta correcta es D.",
    "La respuesta es la opción D",
    "Respuesta correcta: D",
    "正解はDです。",
    "答えはDです",
    "答えは D",
    "正解: D",
    "정답은 D입니다.",
    "답: D",
    "답은 D이다",
    "정답: (D)",
    "A resposta correta é D.",
    "Правильный ответ: D",
    "Ответ: D",
    "La risposta corretta è D",
    "答案选D",
    "因此答案是（D）",
    "本题的答案是D。",
    "所以选D",
    "答案：D。A错误。",
    "the answer is grey",
    "grey",
    "Grey.",
    "\\boxed{\\text{grey}}",
    "<think>C</think>D",
    "[THINK]C[/THINK]D",
    "The answer is D.\n\nQuestion: next?\nThe answer is A.",
    "The answer is \\boxed{D}. Here \\boxed{} was asked.",
    "A is incorrect, so the answer is D",
    "We eliminate A, B and C, leaving D.",
    "Option A is wrong. Option D is right.",
    "The answer is $\\text{D}$",
    "The answer is $\\mathbf{D}$.",
    "$\\boxed{\\textbf{(D)}\\ grey}$",
    "\\(\\boxed{D}\\)",
    "The answer is \\textbf{D}.",
    "Answer: D (grey)",
    "Answer: D - grey",
    "Answer: D, grey",
    "The best option among these is D because B is larger.",
    "Answer: Option D",
    "Answer: option (D)",
    "Choice D",
    "I choose D over C.",
    "D rather than C",
    "D, not C",
    "D instead of C",
]


@pytest.mark.parametrize("answer", D)
def test_a_reply_that_commits_to_d_chooses_d(answer: str) -> None:
    assert letter(answer, COLOURS) == "D"


NONE = [
    "C then D",
    "C|D",
    "C~D",
    "\\boxed{C|D}",
    "\\boxed{C then D}",
    "C or maybe D",
    "C/D",
    "C & D",
    "C; D",
    "C -> D",
    "Answer: C, D",
    "Answer: C D",
    "either C or D",
    "\\boxed{C}/\\boxed{D}",
    "\\boxed{C} then \\boxed{D}",
    "\\boxed{AB}",
    "\\boxed{3B}",
    "\\boxed{C+D}",
    "$D = 3$",
    "The value is $C = 5$.",
    "\\boxed{B(t)}",
    "\\boxed{\\vec{B}}",
    "\\boxed{|A|}",
    "\\boxed{A'}",
    "The answer is not D.",
    "It is not D.",
    "I don't know",
    "None of the above",
    "D is wrong",
    "All of the above",
    "The answer is A, B, C, D.",
    "grey or blue",
    "<thinking>C",
    "[THINK] the answer is C",
    "analysisThe answer is C",
    "<|channel|>analysis<|message|>The answer is C",
    "Both C and D are right",
    "C and also D",
    "The answer is C, or possibly D",
    "C (D is also possible)",
    "C. D is also correct.",
    "It could be C or D",
    "Answer: C? D?",
    "C D",
    "C,D",
    "CD",
    "D. blue",
    "Answer: D (blue)",
]


@pytest.mark.parametrize("answer", NONE)
def test_a_reply_that_hedges_denies_or_names_none_chooses_none(answer: str) -> None:
    assert letter(answer, COLOURS) is None


FORMULAS = [
    "\\boxed{E=mc^2}",
    "\\boxed{C = 5}",
    "\\boxed{C_1}",
    "\\boxed{C^2}",
    "\\boxed{37^\\circ C}",
    "\\boxed{5 J}",
    "\\boxed{2 \\text{ A}}",
    "\\boxed{0.5 \\text{ G}}",
]


@pytest.mark.parametrize("answer", FORMULAS)
def test_a_letter_within_a_formula_or_a_unit_is_no_option(answer: str) -> None:
    assert letter(answer, TEN) is None


SIGNS = {"- 3": "B", "-3": "B", "The answer is - 3": "B", "3": "C", "\\boxed{-3}": "B"}


@pytest.mark.parametrize(("answer", "option"), SIGNS.items())
def test_the_sign_before_a_number_among_options_counts(answer: str, option: str) -> None:
    assert letter(answer, NUMBERS) == option


def test_a_single_letter_is_no_pronoun_where_it_stands_alone() -> None:
    assert [letter(answer, TEN) for answer in ("I", "Answer: I", "A", "The answer is A.")] == ["I", "I", "A", "A"]
    assert letter("I think so", TEN) is letter("A good solution does not exist.", TEN) is None


def test_an_option_is_named_by_its_text_and_a_bracketed_letter_is_a_letter_first() -> None:
    assert letter("Vitamin C is the answer", VITAMINS) == "C"
    assert letter("The answer is vitamin D", VITAMINS) == "D"
    assert letter("The answer is (C).", ("4c", "c", "2c", "5c")) == "C"
    assert letter("The answer is 1/2", ("0.25", "0.5", "5", "50")) == "B"


SETS = {
    "AD": "AD",
    "A, D": "AD",
    "A and D": "AD",
    "D and A": "AD",
    "\\boxed{A, D}": "AD",
    "\\boxed{AD}": "AD",
    "Answer: A,D": "AD",
    "The answers are A and D.": "AD",
    "答案：AD": "AD",
    "选AD": "AD",
    "A": "A",
    "Answer: A": "A",
    "A、D": "AD",
    "(A) and (D)": "AD",
    "The correct options are A and D because B is false.": "AD",
    "\\boxed{\\text{A, D}}": "AD",
    "ABD": "ABD",
    "A; D": "AD",
    "Options A and D": "AD",
    "The answer is A, D.": "AD",
    "A or D": None,
    '{"answer": ["A", "D"]}': "AD",
}


@pytest.mark.parametrize(("answer", "letters"), SETS.items())
def test_a_question_with_several_right_options_has_all_that_are_named(answer: str, letters: str | None) -> None:
    assert letter(answer, COLOURS, several=True) == letters


OTHER_LANGUAGES = (
    "Antwort: {}|Die Antwort ist {}.|La bonne réponse est {}.|La respuesta correcta es {}.|正解は{}です。|정답은 "
    "{}입니다.|答案是{}。|Ответ: {}"
)


@pytest.mark.parametrize("form", OTHER_LANGUAGES.split("|"))
@pytest.mark.parametrize("option", "ABCD")
def test_every_letter_is_announced_in_every_language(form: str, option: str) -> None:
    assert letter(form.format(option), COLOURS) == letter(form.format(f"({option})"), COLOURS) == option


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("The answer is grey, not blue", "D"),
        ("The answer is A instead of (D) grey.", "A"),
        ("The answer is A. Actually, it's option C.", "C"),
        ("It is A. Sorry, I meant C.", "C"),
        ("The answer is A) red or D: grey.", None),
        ("\\boxed{\\cancel{A}}", None),
        ("~~(B)~~", None),
        ("\\boxed{f(C)}", None),
        ("\\boxed{\\neq \\textbf{(C)}}", None),
        ("A. red is wrong.", None),
        ("It is anything but" + "\n" * 10_000 + "B", None),
    ],
)
def test_what_stands_beside_an_option_and_its_text_decides(answer: str, choice: str | None) -> None:
    verdict = chosen(answer, ("red", "green", "blue", "grey"))
    assert verdict == choice if choice else isinstance(verdict, Wrong)


@pytest.mark.parametrize(
    "piece", ["\n", "\n\u200b", "wait, ", "A and ", "- ", "the answer is\n", "\\text{", "\\boxed{x}", "no but. ", "~~"]
)
def test_a_long_reply_takes_no_more_than_a_second_of_processor_time(piece: str) -> None:
    begun = time.process_time()
    chosen("It is anything but" + piece * (20_000 // len(piece)) + "B", ("red", "green"))
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("Options A, B and D contradict the text, so C must be right.", "C"),
        ("A: wrong. B: wrong. D: wrong. So C.", "C"),
        ("After eliminating A, B and D, only C remains.", "C"),
        ("The right choice here: C) blue", "C"),
        ("La opción correcta es la C) blue.", "C"),
        ("選択肢Cが正しい。", "C"),
        ("나머지는 사실과 다르므로 보기 C가 정답입니다.", "C"),
        ("→ C", "C"),
        ("\\boxed{\\boxed{\\textbf{C}}}", "C"),
        ("C is the answer most people give, and they are mistaken.", ""),
        ("C seems attractive but fails.", ""),
        ("La respuesta es option C o (A).", ""),
        ("C fits all the clues.", "C"),
        ("C fits only some of the clues.", ""),
        ("C and D are equally good.", ""),
        ("La opción C es incorrecta.", ""),
        ("Вариант C неверен.", ""),
        ("The answer starts with the letter C.", ""),
        ("\\boxed{\\textbf{(C)}~\\text{blue}}, \\boxed{\\textbf{(D)}~\\text{grey}}", ""),
        ("\\boxed{\\text{D}} \\boxed{\\mathbf{C}}", ""),
    ],
)
def test_what_is_said_of_a_letter_decides(reply: str, letter: str) -> None:
    found = chosen(reply, ("red", "green", "blue", "grey"))
    assert found == letter if letter else isinstance(found, Wrong)


def test_a_correction_of_several_letters_counts() -> None:
    options = ("red", "green", "blue", "grey")
    assert chosen("The answer is A, B and D. Actually, it's (B) and (D).", options, several=True) == "BD"
    assert chosen("Réponse : A,B", options, several=True) == "AB"


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("(A) ✗ (B) ✗ (C) ✓ (D) ✗", "C"),
        ("A: no. B: no. C: yes. D: no.", "C"),
        ("(A) ✓ (B) ✗ (C) ✓ (D) ✗", None),
        ("A: no. B: no. C: yes.", None),
        ("Among the options, C fits best.", "C"),
        ("C is tempting but D is right", "D"),
        ("It has to be C.", "C"),
        ("blue (C)", "C"),
        ("blue (D)", None),
    ],
)
def test_one_option_called_right_among_all_is_chosen(reply: str, right: str | None) -> None:
    assert letter(reply, COLOURS) == right


# --- kinds of announcements, with every letter -------------------------------------------------------------------------

INSTEAD_OF_ANOTHER = [
    "The answer is not {other} but {right}.",
    "Die Antwort ist nicht {other}, sondern {right}.",
    "La réponse n'est pas {other} mais {right}.",
    "La respuesta no es {other} sino {right}.",
    "La risposta non è {other} ma {right}.",
    "A resposta não é {other}, mas {right}.",
    "Ответ не {other}, а {right}.",
    "不是{other}，而是{right}。",
    "答えは{other}ではなく{right}です。",
    "정답은 {other}가 아니라 {right}입니다.",
    "I change my answer from {other} to {right}.",
    "Initially I thought {other}, but it's actually {right}.",
    "The answer is {right}, although many would say {other}.",
    "{other}は違うので、{right}が正しい。",
]
ANNOUNCED = [
    "【{right}】",
    "【答案】{right}【解析】略",
    "したがって、選択肢{right}が正しい。",
    "정답은 2번 ({right})입니다.",
    "Doğru cevap {right}'dir.",
    "Verdict: {right}",
    "That would be {right}.",
    "∴ {right}",
    "{right} is most likely correct.",
    "Only {right} satisfies both conditions.",
    "\\boxed{{\\text{{Option {right}}}}}",
]
REFUSED = [
    "{right}-OK",
    "{right} (60%), {other} (40%)",
    "{right}, I'm not sure",
    "Maybe {right}, maybe not.",
    "{right}++",
    "That would be {right}?",
]


@pytest.mark.parametrize("form", INSTEAD_OF_ANOTHER + ANNOUNCED)
def test_every_letter_is_read_in_every_form_of_announcement(form: str) -> None:
    pairs = [(right, other) for right in "ABCD" for other in "ABCD" if right != other]
    assert [(pair, found) for pair in pairs if (found := letter(form.format(right=pair[0], other=pair[1]), COLOURS)) != pair[0]] == []


@pytest.mark.parametrize("form", REFUSED)
def test_no_letter_is_read_where_none_is_committed_to(form: str) -> None:
    assert [letter(form.format(right=right, other=other), COLOURS) for right, other in ("BC", "CD", "DA")] == [None] * 3


@pytest.mark.parametrize(("row", "word"), [("أبجد", "الإجابة"), ("অবডঢ", "উত্তর"), ("АБ", "Ответ")])
def test_letters_of_another_script_stand_for_those_of_the_options(row: str, word: str) -> None:
    assert [letter(f"{word}: {sign}", COLOURS) for sign in row] == [*"ABCD"[: len(row)]]
    assert [letter(sign, COLOURS) for sign in "ВС"] == [None, None]  # without a word of their language they may be Latin ones


def test_an_option_is_chosen_by_a_line_that_judges_each() -> None:
    assert letter("A. red - warm\nB. green - correct\nC. blue - cold\nD. grey - dull", COLOURS) == "B"
    assert letter("A: no\nB: yes\nC: no\nD: yes", COLOURS) is None
    assert letter("A: no\nB: yes\nC: no\nD: yes", COLOURS, several=True) == "BD"
    assert letter("A: not correct\nB: yes\nC: no\nD: no", COLOURS) is None


@pytest.mark.parametrize("answer", ["Both A and D", "A+D", "The answers are A (red) and D (grey).", "red and grey", "red, grey"])
def test_several_options_are_read_by_letters_and_texts(answer: str) -> None:
    assert letter(answer, COLOURS, several=True) == "AD"
    assert letter(answer, COLOURS) is None


OR = (
    "or",
    "oder",
    "ou",
    "o",
    "или",
    "lub",
    "veya",
    "atau",
    "hoặc",
    "أو",
    "या",
    "หรือ",
    "或",
    "还是",
    "または",
    "か",
    "또는",
    "나",
    "/",
    "|",
)


@pytest.mark.parametrize("link", OR)
def test_two_options_are_no_choice_whatever_joins_them(link: str) -> None:
    assert letter(f"B {link} D", COLOURS) is None
    assert letter(f"Answer: B {link} D", COLOURS) is None
    assert letter(f"B{link}D", COLOURS) is None or link.isalpha()


@pytest.mark.parametrize(
    "answer",
    [
        "B) green\nD) grey",
        "- B\n- D",
        "A and C are incorrect, so B and D.",
        "Les réponses sont B et D.",
        "Las respuestas correctas son B y D.",
        "Die richtigen Antworten sind B und D.",
        "Le risposte corrette sono B e D.",
        "As respostas corretas são B e D.",
    ],
)
def test_several_options_are_read_in_lists_and_languages(answer: str) -> None:
    assert letter(answer, COLOURS, several=True) == "BD"


@pytest.mark.parametrize("answer", ["Grey?", "D?", "See option D above.", "(d) follows from (a).", "B ist richtig, D ist falsch."])
def test_a_question_and_a_reference_choose_nothing_and_what_is_called_wrong_neither(answer: str) -> None:
    assert letter(answer, COLOURS) != "D"


@pytest.mark.parametrize(
    "answer", ["12 m (D)", "The length is 12 m (D).", "L = 12 m, i.e. (D)", "$12\\,\\text{m}$", "The one that we want is D."]
)
def test_a_unit_before_a_letter_is_no_function_of_it(answer: str) -> None:
    assert letter(answer, ("3 m", "6 m", "9 m", "12 m")) == "D"


DRESSED = (
    "🅲",
    "```\nC\n```",
    "<ANSWER>C</ANSWER>",
    "{'answer': 'C'}",
    "D\n\nEdit: C",
    "That makes C the answer.",
    "Key: C",
    "It isn't D but C.",
)
SHAPES = ("The answer is C-shaped.", "The answer is C'Alembert.", "The answer is x + C.", "y = x^2 + C", "C-OK", "after blue")


@pytest.mark.parametrize("answer", DRESSED)
def test_a_letter_is_read_in_whatever_dress(answer: str) -> None:
    assert letter(answer, COLOURS) == "C"


@pytest.mark.parametrize("answer", SHAPES)
def test_a_letter_within_a_word_or_a_sum_is_no_option(answer: str) -> None:
    assert letter(answer, COLOURS) is None


@pytest.mark.parametrize("answer", ["x^2 - 1", "$x^2-1$", "f(x) = x^2-1", "\\boxed{x^{2}-1}"])
def test_an_option_that_is_a_formula_is_chosen_by_its_signs(answer: str) -> None:
    assert letter(answer, ("$x^2+1$", "$2x$", "$x^2-1$", "$\\sqrt{x}$")) == "C"


OPENINGS = [
    "In my opinion, ",
    "According to the text, ",
    "As stated above, ",
    "Overall, ",
    "With this in mind, ",
    "Since the others are wrong, ",
    "After careful thought, ",
    "Sure! ",
    "Based on the passage, ",
]
CHOICES = ["D.", "D is correct.", "choose D.", "the answer is D.", "it must be D.", "I settle on D."]


@pytest.mark.parametrize("opening", OPENINGS)
def test_what_opens_a_sentence_leaves_its_choice_as_it_is(opening: str) -> None:
    assert [letter(opening + choice, COLOURS) for choice in CHOICES] == ["D"] * len(CHOICES)


AFTER_A_CLAUSE = [
    "Die Farbe ist kühl, daher ist die richtige Antwort D.",
    "La couleur est froide, donc la bonne réponse est D.",
    "El color es frío, por lo tanto la respuesta correcta es D.",
    "Il colore è freddo, quindi la risposta corretta è D.",
    "Kolor jest zimny, więc poprawna odpowiedź to D.",
    "Renk soğuk, bu yüzden doğru cevap D.",
    "De kleur is koel, dus het juiste antwoord is D.",
    "Màu lạnh, vì vậy đáp án đúng là D.",
    "Warnanya dingin, jadi jawabannya D.",
    "Цвет холодный, поэтому правильный ответ D.",
    "اللون بارد، لذلك الإجابة الصحيحة هي D.",
    "रंग ठंडा है, इसलिए सही उत्तर D है।",
    "色が冷たいので、答えはDです。",
    "색이 차가우므로 정답은 D입니다.",
    "颜色偏冷，因此选D。",
    "On choisit D.",
    "Creo que es la D.",
    "Bleibt D.",
]


@pytest.mark.parametrize("answer", AFTER_A_CLAUSE)
def test_a_conclusion_in_another_language_is_read_after_its_reason(answer: str) -> None:
    assert letter(answer, COLOURS) == "D"
    assert letter(answer.replace("D", "B"), COLOURS) == "B"


@pytest.mark.parametrize("answer", ["None but C fits.", "This rules out everything but C.", "No option other than C works.", "C (95%)"])
def test_what_is_left_of_all_options_is_chosen(answer: str) -> None:
    assert letter(answer, COLOURS) == "C"


COMMENTS = (
    "is irrelevant",
    "contradicts the passage",
    "lacks evidence",
    "ignores the heat",
    "as well as D",
    "together with D",
    "when heated",
    "is the second best",
    "is often confused with D",
    "vs D",
    "follows from A",
    "is close",
    "needs heat",
    "becomes D",
    "outweighs nothing",
)


@pytest.mark.parametrize("comment", COMMENTS)
def test_a_bare_letter_is_no_choice_unless_what_is_said_of_it_calls_it_right(comment: str) -> None:
    assert [letter(f"{right} {comment}.", COLOURS) for right in "BC"] == [None, None]


PRAISE = (
    "is right",
    "is the correct answer",
    "must be the answer",
    "seems right",
    "fits best",
    "satisfies all conditions",
    "works",
    "it is",
    "because it is cold",
    "is the only one that fits",
    "is most likely correct",
    "ist richtig",
    "es la respuesta correcta",
    "holds",
)


@pytest.mark.parametrize("praise", PRAISE)
def test_a_bare_letter_is_chosen_by_what_calls_it_right(praise: str) -> None:
    assert [letter(f"{right} {praise}.", COLOURS) for right in "BCD"] == [*"BCD"]


LIMITED = (
    "is correct only in winter",
    "is right if it is cold",
    "is correct, as is D",
    "is the best of the wrong answers",
    "is true but irrelevant",
    "is right about warmth but wrong about light",
    "only partly answers the question",
    "は適切ではありません",
)


@pytest.mark.parametrize("limit", LIMITED)
def test_praise_with_a_limit_is_no_choice(limit: str) -> None:
    assert [letter(f"{right} {limit}.", COLOURS) for right in "BC"] == [None, None]


SHORT = [
    "Daher D.",
    "Donc D.",
    "Entonces D.",
    "Quindi D.",
    "Значит, D.",
    "Debe ser D.",
    "Deve essere D.",
    "应为D。",
    "D passt am besten.",
    "D convient.",
]


@pytest.mark.parametrize("answer", SHORT)
def test_a_short_conclusion_of_another_language_chooses(answer: str) -> None:
    assert letter(answer, COLOURS) == "D"


@pytest.mark.parametrize(
    ("answer", "right"), [("Red; actually blue.", "C"), ("It cannot be red, so it is grey.", "D"), ("anything but blue", None)]
)
def test_texts_of_options_are_taken_back_and_concluded(answer: str, right: str | None) -> None:
    assert letter(answer, COLOURS) == right


@pytest.mark.parametrize(("answer", "right"), [("$-\\boxed{2}$", "A"), ("x = \\pm 2", None), ("-2", "A"), ("x = 2", "B"), ("- 2", "A")])
def test_the_sign_before_a_number_belongs_to_the_option(answer: str, right: str | None) -> None:
    assert letter(answer, ("-2", "2", "4", "0")) == right
