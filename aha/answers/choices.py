"""Which option a reply chooses: the extraction chains of the benchmarks, to the letter, and our own for rewards.

A chain is what a benchmark's authors published, with all it does oddly, so that their numbers can be had again. `chosen` reads what RL
replies look like; it commits to one letter without knowing which is right, and to none where a reply offers several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aha.answers.claims import boxes
from aha.answers.numbers import rational
from aha.answers.words import bare, folded
from aha.types import Wrong

Chain = Callable[[str], str | None]

# --- chains of benchmarks (the answer part of a reply goes in; `None` scores as wrong) ---------------------------------

_GPQA = re.compile(r"(?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?")

_MARKS = ("**", "$\\boxed{", "}$", "\\$", "$\\text{", "$", "\\mathrm{", "\\{", "\\text", "\\(", "\\mathbf{", "{", "\\boxed")
_WORDS = (
    *(r"Answer\s*:", "Answer\\s*:\u200b+", r"উত্তর\s*:", r"उत्तर\s*:", "উত্তরঃ", r"Antwort\s*:", r"답변\s*:", r"정답\s*:", r"답\s*:"),
    *(r"答案\s*：", r"答案\s*:", r"答\s*：", r"答\s*:", r"答复\s*：", r"答曰\s*："),
    *("الإجابة:", "الجواب:", "إجابة:", "الإجابة النهائية:", "الإجابة الصحيحة:", "الإجابة الصحيحة هي:", "الإجابة هي:", "الجواب النهائي:"),
    *(r"Respuesta\s*:", r"Risposta\s*:", r"答え\s*:", r"答え\s*：", r"回答\s*:", r"回答\s*：", r"解答\s*:", r"Jawaban\s*:", r"Réponse\s*:"),
    *(r"Resposta\s*:", r"Jibu\s*:", r"Idahun\s*:", r"Ìdáhùn\s*:", r"Idáhùn\s*:", r"Àmọ̀nà\s*:", r"Àdáhùn\s*:", r"Ànúgọ\s*:", r"Àṣàyàn\s*:"),
)
_MMLU = tuple(re.compile(rf"(?i){word}[ \t]*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])") for word in _WORDS)
_LATIN = str.maketrans("أبجدঅবডঢＡＢＣＤ", "ABCDABCDABCD")

_PRO_SAID = re.compile(r"answer is \(?([A-J])\)?")
_PRO_ANSWER = re.compile(r"(?=[aA]nswer:\s*([A-J]))")
_PRO_LONE = re.compile(r"\b[A-J]\b")


def gpqa(text: str) -> str | None:
    """GPQA as simple-evals reads it: the first `Answer: X`."""
    found = _GPQA.search(text)
    return found[1] if found else None


def mmlu(text: str) -> str | None:
    """MMLU as simple-evals reads it: marks dropped, then the first hit of each language's word for "answer", in their order."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    found = next((hit for word in _MMLU if (hit := word.search(text))), None)
    return found[1].translate(_LATIN) if found else None


def mmlu_pro(text: str) -> str | None:
    """MMLU-Pro's three steps: the first `answer is (X)`, the last `Answer: X` of the first line that has one, the last lone capital."""
    text = text.replace("**", "")
    if said := _PRO_SAID.search(text):
        return said[1]
    return _pro_answer(text) or (lone[-1] if (lone := _PRO_LONE.findall(text)) else None)


def _pro_answer(text: str) -> str | None:
    """`.*[aA]nswer:\\s*([A-J])` by steps, since that expression takes quadratic time on a long line."""
    letter, end = None, -1
    for found in _PRO_ANSWER.finditer(text):
        if letter is not None and found.start() > end:
            break
        end = text.find("\n", found.start()) if letter is None else end
        end = len(text) if end < 0 else end
        letter = found[1]
    return letter


CHAINS: dict[str, Chain] = {"gpqa": gpqa, "mmlu": mmlu, "mmlu-pro": mmlu_pro}

# --- our own ----------------------------------------------------------------------------------------------------------

LONGEST_STATEMENT = 2_000
LAST = 20  # announcements that are looked at, from the end
SEVERAL = Wrong("several options")
NONE = Wrong("no option is named")

_SAID = re.compile(
    r"(?i)(?<!wrong )(?<!incorrect )\banswers?\b[^.\n:=]{0,60}?(?:\b(?:is|are|be)\b\s*:?|[:=]|(?<=answer) -)"
    r"|(?<!wrong )(?<!incorrect )\b(?:options?|choices?|letter)\s*(?:\bis\b\s*:?|[:=])"
    r"|\b(?:choose|chose|pick|select|go with|going with|opt for)\b"
    r"|答案(?:[^。\n:是为选不非]{0,12}(?=[:是为选]))?|(?<!不)(?<!不能)(?<!不应)选(?:择|项(?=[:是为])|(?!项))|解答?(?=:)"
)
_CORRECT = re.compile(
    r"(?i)(?:^|(?<=[.!?;。\n]))([^.!?;。\n]{0,160}?)\b(?:is|was)\s+(?:therefore\s+|thus\s+|clearly\s+)?(?:the\s+)?"
    r"(?:only\s+)?(?:correct|right|best|true)\b|(?:^|(?<=[.!?;。,\n]))([^.!?;。,\n]{0,60}?)(?<!不)(?:是正确|正确)"
)
_FILLER = re.compile(
    r"(?i)^(?:[\s,:\"“”'‘>#*]+|-\s|(?:so|thus|hence|therefore|clearly|definitely|simply|indeed|then|probably|likely|most likely|it is|it's|"
    r"it must be|that is|the|correct|right|final|best|answer|options?|choice|letter|is|are|be|i think|i believe|i would say)\b(?!\))(?=\W)|"
    r"所以|因此|故|应该|选项|应选|选择|选|是|为)+"
)
_MARKER = re.compile(r"[(\[<{]?\s*(?:([A-Z])|([a-z])(?=\s*[)\]]|\W*$))\s*[)\]>}]?(?![A-Za-z0-9'’+#])")
_ANOTHER = re.compile(
    r"(?i)^[)\].]*\s*(?:(?:(?:[(,;]\s*)?(?:\bor\b|\band\b|\bnor\b|或者?|和|与|及)|[,;/、&+])\s*(?:maybe|possibly|perhaps|also|even|option|choice|选项)?"
    r"|(?<![).])(?<=\s))\s*[(\[]?(?-i:([A-Z]))(?![A-Za-z0-9'’])"
)
_DENIED = re.compile(r"(?i)^[)\]\s]*(?:is|was|选项|项|是)?\s*(?:also\s+)?(?:not\b|wrong\b|incorrect\b|false\b|错|不)")
_NEGATED = re.compile(r"(?i)\b(?:not|never|neither|nor|cannot|wrong|incorrect|false|none|except)\b|n't\b|不|非|错")
_LONE = re.compile(r"(?<![A-Za-z0-9'’\\])([A-Z])(?![A-Za-z0-9'’])")
_LISTED = re.compile(r"(?<!\S)[(\[]?([A-Z])[)\].:](?=\s)")
_POINTED = re.compile(r"(?i)(?:\b(?:option|choice|letter)s?|选项?)\s*[(\[]?(?-i:([A-Z]))(?![A-Za-z0-9'’])|[(\[](?-i:([A-Z]))[)\]]")
_WORD_AFTER = re.compile(r"\s+(?!or\b|and\b|is\b|nor\b|are\b)[a-z]")
_BETWEEN_BOXES = re.compile(r"(?i)[\s,;$、，；/|&.]*(?:\\quad|\\text\{\s*(?:or|and)\s*\}|\bor\b|\band\b|或者?|和)?[\s,$]*")
_SENTENCE = re.compile(r"[.;。；\n]\s|\n|。")


def chosen(answer: str, options: Sequence[str] = (), count: int = 10) -> str | Wrong:
    """The letter that an answer commits to: in its last box, after its last announcement, or as all it says; of `options` where their
    texts are known, else of the first `count` letters."""
    reader = _reader(tuple(options), count)
    found = boxes(answer)
    if len(found) > 1 and found[-1][0].strip() != found[-2][0].strip() and _BETWEEN_BOXES.fullmatch(answer[found[-2][2] : found[-1][1]]):
        return SEVERAL
    if found and (boxed := reader.statement(bare(found[-1][0]), announced=True)) is not NONE:
        return boxed
    text = bare(answer)
    said = (reader.statement(statement, announced=True) for statement in _announced(text))
    return next((letter for letter in said if letter is not NONE), None) or reader.unannounced(text)


def _announced(text: str) -> Iterator[str]:
    """What follows an announcement, to the end of its line or on the next, and what "is correct"; the last first, and not all of them."""
    after = list(_SAID.finditer(text))[-LAST:]
    before = list(_CORRECT.finditer(text))[-LAST:]
    for match in sorted(after + before, key=re.Match.end, reverse=True)[:LAST]:
        if match.re is _CORRECT:
            yield match[1] or match[2] or ""
        else:
            yield text[match.end() : match.end() + LONGEST_STATEMENT].strip().partition("\n")[0]


@dataclass(frozen=True)
class _Reader:
    """Reads statements against one question's options: `letters` that there are, and who has which text, by three ways to compare."""

    letters: str
    texts: tuple[Mapping[object, str], ...]
    longest: int

    def statement(self, text: str, *, announced: bool) -> str | Wrong:
        """The letter of one statement; an announced one may stand among words, another only at its start or as "option C", "(C)"."""
        text = text.strip()
        if (named := self.named(text)) is not NONE:
            return named
        if len({*_LISTED.findall(text)} & {*self.letters}) >= min(4, len(self.letters)):
            return SEVERAL  # the question said again
        text = _FILLER.sub("", text, count=1)
        for part in (text, _SENTENCE.split(text, maxsplit=1)[0]):
            if (named := self.named(part)) is not NONE:
                return named
        marker = _MARKER.match(text)
        if marker and not (marker[1] and self._article(text, marker.end(1))):
            letter = (marker[1] or marker[2]).upper()
            return self.beside(letter, text[marker.end() :]) if letter in self.letters else NONE
        return self.among(text, _LONE if announced else _POINTED)

    def named(self, text: str) -> str | Wrong:
        """The letter of the option whose text this is, where exactly one has it."""
        for texts, key in zip(self.texts, _keys(text) if self.texts and len(text) <= self.longest else (), strict=False):
            if hits := texts.get(key):
                return hits if len(hits) == 1 else Wrong("a text that several options share")
        return NONE

    def beside(self, letter: str, rest: str) -> str | Wrong:
        """The letter, unless what follows denies it, adds another, or is the text of another option."""
        if _DENIED.match(rest):
            return NONE
        another = _ANOTHER.match(rest)
        if another and another[1] in self.letters and another[1] != letter and not self._article(rest, another.end(1)):
            return SEVERAL if self.named(rest.strip(" .:,-–—)]")) != letter else letter
        text = rest.strip(" .:,-–—)]=\"'”").lstrip()
        for part in (text, _SENTENCE.split(text, maxsplit=1)[0]) if text else ():
            if (named := self.named(part)) not in (NONE, letter) and isinstance(named, str):
                return Wrong(f"letter {letter} beside the text of option {named}")
        return letter

    def among(self, text: str, pattern: re.Pattern[str]) -> str | Wrong:
        """The one letter that a text names, nothing being denied in it."""
        found = [match for match in pattern.finditer(text) if not self._article(text, match.end())]
        letters = {letter for match in found if (letter := next(filter(None, match.groups()))) in self.letters}
        if len(letters) > 1:
            return SEVERAL
        return NONE if not letters or _NEGATED.search(text) else letters.pop()

    def unannounced(self, text: str) -> str | Wrong:
        """The letter of a reply that announces nothing: all of it, else its last line, else its first."""
        lines = [line for line in text.strip().splitlines() if line.strip()]
        marked = {match[1] for line in lines if (match := re.match(r"\s*(?:[-*>]\s*)?[(\[]?([A-Z])(?:[)\].:]|\s*$)", line))}
        if len(marked & set(self.letters)) > 1:
            return SEVERAL
        for line in (lines[-1], lines[0]) if lines else ():
            if (letter := self.statement(line, announced=False)) is not NONE:
                return letter
        return NONE

    def _article(self, text: str, end: int) -> bool:
        """Whether the letter that ends here is the word "a" or "I" rather than an option."""
        start = text[max(0, end - 2) : end].strip("([ ")[-1:]
        return start in ("A", "I") and _WORD_AFTER.match(text, end) is not None


@lru_cache(maxsize=256)
def _reader(options: tuple[str, ...], count: int) -> _Reader:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options) or count]
    texts: tuple[dict[object, str], ...] = ({}, {}, {}) if options else ()
    for letter, option in zip(letters, options, strict=False):
        for known, key in zip(texts, _keys(bare(option)), strict=True):
            if key:
                known[key] = known.get(key, "") + letter
    longest = 2 * max(map(len, options), default=0) + 100  # no longer text says the same
    return _Reader(letters, texts, longest)


def _keys(text: str) -> Iterator[object]:
    """What equal options share: the text, the words, the number."""
    yield text.strip()
    yield folded(text, articles=True)
    value = rational(text) if len(text) < 100 else None
    yield value and (value.exact, value.percent)
