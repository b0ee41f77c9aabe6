"""Golds that are option letters: with the options' texts and without, of ten options, of numbers.

Golds of several letters, all of which have to be named, in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from aha.specimens.family import Family, Mistake, Stands, Surface
from aha.specimens.numbers import fill
from aha.specimens.snares import DENIALS, OTHER_LAST, RUNS_ON, SNARES, THOUGHTS
from aha.types import Choice

TEXTS = (
    ("Lisbon", "Madrid", "Athens", "Vienna"),
    ("red", "green", "blue", "grey"),
    ("photosynthesis", "gravity", "oxygen", "copper"),
    ("a sudden fall", "a slow rise", "no change", "a steady state", "a short pause"),
    ("ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay"),
)
NUMBERS = (("12", "-12", "15", "21"), ("0.5", "0.25", "2", "4"), ("3", "-3", "9", "-9", "27"))
LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Option:
    """A letter among options, and the options' texts; without texts, the number of letters."""

    letter: str
    texts: tuple[str, ...]
    count: int

    @property
    def text(self) -> str | None:
        return self.texts[LETTERS.index(self.letter)] if self.texts else None


def _letter(count: int, rng: Random) -> str:
    return rng.choice(LETTERS[:count])


def an_option(rng: Random) -> Option:
    """Draw a letter among options with texts."""
    texts = rng.choice(TEXTS)
    return Option(_letter(len(texts), rng), texts, len(texts))


def a_bare_option(rng: Random) -> Option:
    """Draw a letter among 4, 5 or 10."""
    count = rng.choice((4, 4, 5, 10))
    return Option(_letter(count, rng), (), count)


def a_numbered_option(rng: Random) -> Option:
    """Draw a letter among options that are numbers."""
    texts = rng.choice(NUMBERS)
    return Option(_letter(len(texts), rng), texts, len(texts))


def option(name: str, stands: Stands, text: str, but: str = "") -> Surface[Option]:
    """A surface of letters: <L> the letter, <l> in lower case, <w> full-width, <b> bold, <t> its text, <O> another letter, <o> the text of
    that one; not for the letters `but`."""

    def write(value: Option, rng: Random) -> str | None:
        if value.letter in but or ("<t>" in text and value.text is None) or ("<o>" in text and not value.texts):
            return None
        rival = rng.choice([letter for letter in LETTERS[: value.count] if letter != value.letter])
        third = next(letter for letter in LETTERS if letter not in (value.letter, rival))
        parts = {"L": value.letter, "l": value.letter.lower(), "w": chr(ord(value.letter) + 0xFEE0), "b": chr(ord(value.letter) + 0x1D3BF)}
        texts = {"t": value.text, "o": Option(rival, value.texts, value.count).text}
        return fill(text, **parts, **texts, O=rival, X=third)

    return Surface(name, stands, write)


LETTER: tuple[Surface[Option], ...] = (
    option("a letter", "text", "<L>"),
    option("parentheses", "text", "(<L>)"),
    option("brackets", "text", "[<L>]"),
    option("\\text", "tex", r"\text{<L>}"),
    option("\\textbf", "tex", r"\textbf{<L>}"),
    option("\\textbf and parentheses", "tex", r"\textbf{(<L>)}"),
    option("\\mathrm", "tex", r"\mathrm{<L>}"),
    option("\\mathbf", "tex", r"\mathbf{<L>}"),
    option("option", "text", "option <L>"),
    option("Option in parentheses", "text", "option (<L>)"),
    option("full width", "text", "<w>"),
    option("a bold sign", "text", "<b>"),
    option("a small letter alone", "reply", "<l>", "AI"),
    option("a small letter in parentheses", "reply", "(<l>)"),
    option("a small letter after Answer", "reply", "Answer: <l>"),
    option("a small letter in a box", "reply", r"\boxed{<l>}"),
    option("a dot", "reply", "<L>."),
    option("a parenthesis", "reply", "<L>)"),
    option("JSON", "reply", '{"answer": "<L>"}'),
    option("a fence of JSON", "reply", '```json\n{"reasoning": "since <O> is too small", "answer": "<L>"}\n```'),
    option("is correct", "reply", "Option <L> is correct."),
    option("is the correct answer", "reply", "<L> is the correct answer."),
    option("choose", "reply", "I choose <L>."),
    option("would go with", "reply", "I'd go with option <L>."),
    option("the best choice", "reply", "The best choice is <L>."),
    option("the correct option", "reply", "The correct option is <L>."),
    option("the answer must be", "reply", "The answer must be <L>, since <O> is elsewhere."),
    option("believe", "reply", "Answer: I believe it is <L>"),
    option("final choice", "reply", "Final choice - <L>"),
    option("not another", "reply", "Answer: It is not <O>, the answer is <L>"),
    option("what seemed right at first", "reply", "Answer seems to be <O>.\n\nAnswer: <L>"),
    option("not sure of another", "reply", "It could be <O>, but I am not sure. <L> is my final answer."),
    option("another is incorrect", "reply", "The answer is <L>. <O> is incorrect because it is too small."),
    option("another is wrong", "reply", "Answer: <L>. <O> is wrong."),
    option("another is wrong after a line", "reply", "Answer: <L>\n<O> is wrong."),
    option("another is wrong after a semicolon", "reply", "The answer is <L>; <O> is wrong."),
    option("another is wrong after a comma", "reply", "The answer is <L>, <O> is wrong."),
    option("another would not do", "reply", "The answer is <L>. <O> would need heat."),
    option("options are wrong", "reply", "The correct answer is <L>. Options <O> and <X> are wrong."),
    option("others are wrong", "reply", "The correct answer is <L>. <O> and <X> are wrong."),
    option("since", "reply", "The answer is <L>, since <O> is wrong."),
    option("and not", "reply", "The answer is <L> and not <O>."),
    option("a car", "reply", "The answer is <L>. A car needs fuel."),
    option("I", "reply", "The answer is <L>. I checked it twice."),
    option("because I", "reply", "The answer is <L> because I added both terms."),
    option("a claim, then a formula", "reply", r"Energy is $\boxed{E = mc^2}$.<gap>The answer is (<L>).".replace("<gap>", "\n\n")),
    option("a claim after a unit", "reply", r"The current is $\boxed{2\,\mathrm{A}}$.<gap>**Answer: <L>**".replace("<gap>", "\n\n")),
    option("all are false but one", "reply", "<O> is false. <X> is false. <L> is true."),
    option("many pick another", "reply", "The answer is <L>. Many people pick <O> here."),
    option("Chinese, choose", "reply", "故选：<L>。"),
    option("Chinese, choose at the end", "reply", "综上所述，<O>、<X>都错误，因此选<L>。"),
    option("Chinese, is right", "reply", "选项<L>正确，其余错误。"),
    option("Chinese, should choose", "reply", "本题应选 <L> 项"),
    option("Chinese, parentheses", "reply", "正确答案是（<L>）。"),
)

WITH_TEXT: tuple[Surface[Option], ...] = (
    option("a letter and its text", "text", "<L>. <t>"),
    option("a letter, a colon and its text", "text", "<L>: <t>"),
    option("a letter, a parenthesis and its text", "text", "<L>) <t>"),
    option("a letter in parentheses and its text", "text", "(<L>) <t>"),
    option("a letter and its text in \\text", "tex", r"\text{<L>. <t>}"),
    option("a bold letter and its text", "tex", r"\textbf{(<L>)}~\text{<t>}"),
    option("its text", "text", "<t>"),
    option("its text in \\text", "tex", r"\text{<t>}"),
    option("a small letter and its text", "reply", "<l>. <t>"),
    option("a small letter, a parenthesis and its text", "reply", "<l>) <t>"),
    option("a small letter, a colon and its text", "reply", "<l>: <t>"),
    option("an announced small letter and its text", "reply", "The answer is <l>. <t>", "AI"),
)

WITH_NUMBER: tuple[Surface[Option], ...] = (
    option("a letter and its number", "text", "<L>. <t>"),
    option("a letter in parentheses and its number", "text", "(<L>) <t>"),
    option("its number", "any", "<t>"),
    option("its number in a box", "reply", r"$\boxed{<t>}$"),
    option("its number announced", "reply", "The answer is <t>."),
)


def _rival_of(value: Option, rng: Random) -> Option:
    return Option(rng.choice([letter for letter in LETTERS[: value.count] if letter != value.letter]), value.texts, value.count)


CHOICE_TRAPS: tuple[Surface[Option], ...] = (
    option("in an equation", "sealed", "<L> = mc^2"),
    option("at an equation's end", "sealed", "F = q v <L>"),
    option("an equation of a number", "sealed", "<L> = 5"),
    option("an intersection", "sealed", r"<L> \cap <O>"),
    option("a union", "sealed", r"<L> \cup <O>"),
    option("a factor", "sealed", "2<L>"),
    option("a power", "sealed", "<L>^2"),
    option("a subscript", "sealed", "x_{<L>}"),
    option("with a subscript", "sealed", "<L>_1"),
    option("a sum", "sealed", "<L> + <O>"),
    option("a fraction", "sealed", r"\frac{<L>}{2}"),
    option("a function", "sealed", "f(<L>)"),
    option("a unit", "sealed", r"2 \text{ <L>}"),
    option("a unit, close", "sealed", "37 <L>"),
    option("degrees", "sealed", r"37^\circ <L>"),
    option("a vector", "sealed", r"\vec{<L>} \times \vec{<O>}"),
    option("a bound", "sealed", r"<L> \ge 2"),
    option("two letters", "text", "<L><O>"),
    option("two letters, a slash", "text", "<L>/<O>"),
    option("two letters, a bar", "text", "<L>|<O>"),
    option("two letters, a tilde", "text", "<L>~<O>"),
    option("two letters, a comma", "text", "<L>, <O>"),
    option("two letters, then", "text", "<L> then <O>"),
    option("two letters, and", "text", "<O> and <L>"),
    option("two letters, or", "text", "<L> or <O>"),
    option("two letters, both", "text", "both <L> and <O>"),
    option("two letters, either", "text", "either <O> or <L>"),
    option("two letters, a plus", "text", "<L>+<O>"),
    option("two letters, an ampersand", "text", "<L> & <O>"),
    option("three letters", "text", "<L>, <O>, <X>"),
    option("a span", "text", "<L> to <O>"),
    option("a word that begins with it", "text", "<L>eing sure"),
    option("the letter twice", "text", "<L><L>"),
    option("all letters", "reply", "A, B, C, D"),
    option("all letters, listed", "reply", "The options are A, B, C and D."),
    option("all letters in a row", "reply", "ABCD"),
    option("neither", "reply", "Neither <L> nor <O> is correct."),
    option("is incorrect", "reply", "Option <L> is incorrect."),
    option("is wrong", "reply", "<L> is wrong."),
    option("everything but", "reply", "Everything but <L>"),
    option("incorrect answer", "reply", "The incorrect answer is <L>."),
    option("then another", "reply", "The answer is <L>. Actually, it's <O>."),
    option("or another after a dot", "reply", "<L>. Or <O>."),
    option("both are correct", "reply", "<L> and <O> are correct."),
    option("torn", "reply", "I am torn between <L> and <O>."),
    option("a sentence with A", "reply", "A good solution does not exist."),
    option("a sentence with I", "reply", "I think so"),
    option("another sentence with I", "reply", "I cannot say"),
    option("a Cyrillic letter", "reply", "Answer: <cyrillic>".replace("<cyrillic>", "Д")),
    option("a question", "reply", "Should it be <L> or <O>?"),
    option("do not know", "reply", "Answer: Don't know"),
    option("none of the options", "reply", "Answer: None of the above"),
    option("not sure of it", "reply", "It could be <L>, but I am not sure. <O> is my final answer."),
    option("the letter after", "reply", "The letter after <L>"),
    option("Chinese, not", "reply", "不选<L>"),
    option("Chinese, or", "reply", "<L>或<O>"),
    option("Chinese, is not", "reply", "答案不是<L>"),
    option("Chinese, all", "reply", "以上都是"),
    option("then another letter's answer", "reply", "Answer: <L>\nWait, that is wrong.\nAnswer: <O>"),
)

CONTRADICTIONS: tuple[Surface[Option], ...] = (
    option("a letter and another's text", "text", "<L>. <o>"),
    option("another letter and its text", "text", "<O>. <t>"),
    option("another letter in parentheses and its text", "text", "(<O>) <t>"),
    option("its text or another", "text", "<t> or <o>"),
    option("all texts", "reply", "A) <t>\nB) <o>"),
    option("not its text", "text", "not <t>"),
    option("a longer text", "text", "<t>ish"),
)


def _signs(value: Option, rng: Random) -> str | None:
    """A number with the sign of another option before it."""
    text = value.text or ""
    return f"Answer: - {text}" if not text.startswith("-") else f"The answer is {text.removeprefix('-')}."


def _choice_traits(value: Option) -> frozenset[str]:
    return frozenset({"one", "letter"})


def _gold(value: Option, rng: Random) -> Choice:
    return Choice(value.letter, value.texts)


CHOICES: tuple[Family[Option], ...] = (
    Family(
        "choice",
        an_option,
        _gold,
        (*LETTER, *WITH_TEXT),
        (Mistake("another letter", _rival_of),),
        traps=(*CHOICE_TRAPS, *CONTRADICTIONS),
        snares=SNARES,
        traits=_choice_traits,
    ),
    Family(
        "choice without texts",
        a_bare_option,
        _gold,
        LETTER,
        (Mistake("another letter", _rival_of),),
        traps=CHOICE_TRAPS,
        snares=SNARES,
        traits=_choice_traits,
    ),
    Family(
        "choice of numbers",
        a_numbered_option,
        _gold,
        (*LETTER, *WITH_NUMBER),
        (Mistake("another letter", _rival_of),),
        traps=(*CHOICE_TRAPS, *CONTRADICTIONS[:4], Surface("the other sign", "reply", _signs)),
        snares=SNARES,
        traits=_choice_traits,
    ),
)


@dataclass(frozen=True)
class Options:
    """The right letters in alphabetical order, and the texts of all options."""

    letters: str
    texts: tuple[str, ...]


def some_options(rng: Random) -> Options:
    """Draw two or three right letters of four to ten options, never all of them."""
    texts = rng.choice(TEXTS)
    return Options("".join(sorted(rng.sample(LETTERS[: len(texts)], rng.choice((2, 2, 3))))), texts)


def letters(name: str, stands: Stands, text: str, mark: str = "", last: str = "", reverse: bool = False) -> Surface[Options]:
    """A surface of several letters: <v> all with the mark between them, `last` before the last one; <a> the first, <r> the others, <n> a
    wrong one."""

    def write(value: Options, rng: Random) -> str | None:
        row = value.letters[::-1] if reverse else value.letters
        if not row:
            return None
        wrong = next(letter for letter in LETTERS if letter not in row)
        joint = mark.join(row[:-1]) + (last or mark) + row[-1] if len(row) > 1 else row
        return fill(text, v=joint, a=row[0], r=", ".join(row[1:]), n=wrong)

    return Surface(name, stands, write)


def _letter_mistake(name: str, change: Callable[[Options, Random], str]) -> Mistake[Options]:
    def apply(value: Options, rng: Random) -> Options | None:
        rival = "".join(sorted(set(change(value, rng))))
        return None if rival == value.letters or not rival else Options(rival, value.texts)

    return Mistake(name, apply)


def _a_wrong_letter(value: Options, rng: Random) -> str:
    return rng.choice([letter for letter in LETTERS[: len(value.texts)] if letter not in value.letters] or [""])


LETTER_SET: Family[Options] = Family(
    "several right options",
    some_options,
    lambda value, rng: Choice(value.letters, value.texts),
    (
        letters("in a row", "text", "<v>"),
        letters("commas", "text", "<v>", ", "),
        letters("commas without blanks", "text", "<v>", ","),
        letters("an and", "text", "<v>", ", ", " and "),
        letters("parentheses", "text", "(<v>)", "), (", ") and ("),
        letters("the other way round", "text", "<v>", ", ", reverse=True),
        letters("options", "text", "options <v>", ", ", " and "),
        letters("\\text", "tex", r"\text{<v>}", ", "),
        letters("\\text in a row", "tex", r"\text{<v>}"),
        letters("are correct", "reply", "<v> are correct.", ", ", " and "),
        letters("the answers are", "reply", "The answers are <v>.", ", ", " and "),
        letters("the correct options are", "reply", "The correct options are <v>.", ", ", " and "),
    ),
    (
        _letter_mistake("one missing", lambda value, rng: value.letters[1:]),
        _letter_mistake("the last one missing", lambda value, rng: value.letters[:-1]),
        _letter_mistake("one too many", lambda value, rng: value.letters + _a_wrong_letter(value, rng)),
        _letter_mistake("another one", lambda value, rng: value.letters[1:] + _a_wrong_letter(value, rng)),
    ),
    traps=(
        letters("or", "text", "<v>", " or "),
        letters("either", "text", "either <v>", ", ", " or "),
        letters("only the first", "text", "only <a>"),
        letters("one of them", "text", "one of <v>", ", ", " and "),
        letters("not them", "text", "not <v>", ", ", " and "),
        letters("the first and not the others", "reply", "The answer is <a> and not <r>."),
        letters("all but them", "reply", "Everything but <v>", ", ", " and "),
        letters("they are wrong", "reply", "<v> are wrong.", ", ", " and "),
        letters("a wrong one too", "reply", "The answers are <v> and <n>.", ", "),
        letters("all options", "reply", "All of the above"),
        letters("all letters", "reply", "ABCDEFGHIJ"),
        letters("an equation", "sealed", "<v> = 5"),
    ),
    snares=(*DENIALS, *OTHER_LAST, *THOUGHTS, *RUNS_ON),
    traits=lambda value: frozenset({"letter"}),
)
