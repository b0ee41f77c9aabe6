"""One string for the many ways to write the same words: case, width, punctuation, articles, thousands separators, numbers as words."""

from __future__ import annotations

import re
import unicodedata

from aha.answers.symbols import LONGEST

INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")

_WRAPPER = re.compile(r"\\(?:text(?:bf|it|rm|sf)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{([^{}]{0,2000})\}")
_MARKUP = re.compile(r"\*\*|__|`|\\[()\[\]]|(?<!\\)\$|\\left(?![a-z])|\\right(?![a-z])|\\[,;!:]")
_APART = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")  # hyphens, dashes, the minus sign
_KEPT = re.compile(r"(?<=[0-9])[.:/](?=[0-9])|(?<![\w.])-(?= ?\.?[0-9])|(?<!\w)\.(?=[0-9])|[#%&@+<>=^|~$€£¥°]")
_THOUSANDS = re.compile(r"(?<![0-9.,])([0-9]{1,3}(?:,[0-9]{3})+)(?![0-9,])")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_HAN_BLANK = re.compile(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])")

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
VALUES = {word: value for value, word in enumerate(_ONES.split())} | {word: 10 * (i + 2) for i, word in enumerate(_TENS.split())}
_NUMERAL = re.compile(rf"\b(?:(?:{_TENS.replace(' ', '|')}) (?:{'|'.join(_ONES.split()[1:10])})|{'|'.join(VALUES)})\b")


def bare(text: str) -> str:
    """The text without the markup of Markdown and LaTeX around words, wide letters and signs narrow, invisible ones gone."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text[-LONGEST:]))
    for _ in range(3):  # \textbf{\text{C}}
        text = _WRAPPER.sub(r"\1", text)
    return _MARKUP.sub("", text)


def folded(text: str, *, articles: bool = False) -> str:
    """What two texts share that say the same words. Signs that carry meaning stay: of a number, of a percentage, of C++ and C#.
    `articles` stay where a lone "a" may be more than one."""
    text = bare(text).translate(_APART).casefold().replace("’", "'").replace("'", "")
    text = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), text)
    text = "".join(_plain(text)).replace("_", " ")
    text = " ".join(text.split())
    text = (text if articles else " ".join(_ARTICLES.sub(" ", text).split())) or text
    return _HAN_BLANK.sub("", _NUMERAL.sub(_digits, text))


def _plain(text: str) -> list[str]:
    """Letter by letter: punctuation as a blank, a period within an abbreviation (U.S.) as nothing."""
    kept = {match.start() for match in _KEPT.finditer(text)}
    return [
        letter if at in kept or not unicodedata.category(letter).startswith("P") else "" if letter == "." else " "
        for at, letter in enumerate(text)
    ]


def _digits(match: re.Match[str]) -> str:
    return str(sum(VALUES[word] for word in match[0].split()))
