"""Word counts of a text by language, and its reflection words: the one measure for rewards, filters, evals and reports.

Code, formulas, numbers and tags are not words and are left out first. Quotes are the words of others, and their language counts only if
there is nothing else. Chinese has no spaces, so its words are counted by rule: a listed
word is one, and the text between listed words counts one word for every two characters begun.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aha.lazy import lazy_pattern
from aha.types import Language

# The ten words whose rise the paper plots (nature C.2), and their Chinese counterparts. "不对" is not among them: it only rejects,
# unlike an English "no".
REFLECTION_EN = ("wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check")
REFLECTION_ZH = (*("等等", "等一下", "错误", "错了", "但是", "然而", "不过", "重试", "再试"), *("验证", "评估", "检查"))

# Frequent words of more than one character, so that a word is counted as one wherever it begins.
_FREQUENT_ZH = """不对 所以 得到 使用 因为 因此 如果 那么 然后 可以 可能 不能 不是 没有 我们 你们 他们 这个 那个 这样 现在
首先 其次 最后 或者 而且 什么 怎么 为什么 多少 知道 思考 考虑 问题 答案 回答 数字 计算 结果 等于 方程 函数 代码 语言 根据 需要
应该 已经 一个 一下 正确 之间"""

_NOT_PROSE = lazy_pattern(
    r"""```.*?(?:```|\Z)                                  # fenced code, closed or not
      | `[^`\n]+`                                         # code in a line
      | \$\$.*?(?:\$\$|\Z)                                # a displayed formula
      | \$(?=[^\s$])[^$\n]*(?<=[^\s$])\$(?!\d)            # a formula in a line; "$5 or $6" is money
      | \\\[.*?(?:\\\]|\Z) | \\\(.*?(?:\\\)|\Z)           # the same in brackets
      | \\begin\{(\w+\*?)\}.*?(?:\\end\{\1\}|\Z)
      | \\[A-Za-z]+                                       # a command left alone
      | </?[A-Za-z_]\w*>|<\|[^|<>\s]*\|>                  # tags and special tokens
      | https?://\S+
    """,
    re.DOTALL | re.VERBOSE,
)

# A quote: text between quotation marks in one line, too short to think in. Apostrophes and inch signs are not quotation marks.
_QUOTATION = lazy_pattern(
    r"""“[^“”\n]{1,200}”|「[^「」\n]{1,200}」|『[^『』\n]{1,200}』|«[^«»\n]{1,200}»|(?<![A-Za-z0-9])"(?=\S)[^"\n]{0,199}[^"\s]"(?![A-Za-z0-9])"""
)

_HAN = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_LATIN = "[A-Za-z\u00c0-\u024f]"
_CHINESE_WORDS = "|".join(sorted({*REFLECTION_ZH, *_FREQUENT_ZH.split()}, key=lambda word: (-len(word), word)))
_ZH_WORD = lazy_pattern(rf"{_CHINESE_WORDS}|{_HAN}(?:(?!{_CHINESE_WORDS}){_HAN})?")
_EN_WORD = lazy_pattern(rf"(?<![\w']){_LATIN}+(?:['’-]{_LATIN}+)*|(?<={_HAN}){_LATIN}+")
_OTHER_WORD = lazy_pattern(rf"(?:(?!{_HAN}|{_LATIN})[^\W\d_])+")
_LONE_WORDS = frozenset("aAI")  # any other single letter is a variable
_REFLECTION = lazy_pattern(rf"(?<!{_LATIN})(?:{'|'.join(REFLECTION_EN)})(?!{_LATIN})|{'|'.join(REFLECTION_ZH)}", re.IGNORECASE)


@dataclass(frozen=True)
class Words:
    """The number of words in a text: in Latin letters (taken for English), in Chinese characters, in any other script."""

    en: int
    zh: int
    rest: int

    @property
    def total(self) -> int:
        return self.en + self.zh + self.rest


def prose(text: str) -> str:
    """Return the text with code, formulas, tags and addresses blanked out; every word keeps its position."""
    return _NOT_PROSE.sub(lambda match: " " * len(match[0]), text)


def count_words(text: str) -> Words:
    """Count the words of the text's prose by language; numbers, symbols and single letters (variables) are not words. Quotes count only
    if there is nothing else."""
    plain = prose(text)
    counts = _count(_QUOTATION.sub(lambda match: " " * len(match[0]), plain))
    return counts if counts.total else _count(plain)


def _count(plain: str) -> Words:
    latin = sum(len(word) > 1 or word in _LONE_WORDS for word in _EN_WORD.findall(plain))
    other_words = sum(len(word) > 1 for word in _OTHER_WORD.findall(plain))
    return Words(latin, len(_ZH_WORD.findall(plain)), other_words)


def language_share(text: str, language: Language) -> float:
    """Return the share of the text's words that are in `language` (paper §2.3.2); 1.0 for a text without words."""
    words = count_words(text)
    if words.total == 0:
        return 1.0
    match language:
        case "en":
            return words.en / words.total
        case "zh":
            return words.zh / words.total


def mixes_languages(text: str) -> bool:
    """Return True if the text has both English and Chinese words."""
    words = count_words(text)
    return words.en > 0 and words.zh > 0


def reflections(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each reflection word: whole words in any case, in prose only (paper §2.2.4; list: nature C.2)."""
    return [match.span() for match in _REFLECTION.finditer(prose(text))]


def reflection_count(text: str) -> int:
    """Return the number of reflection words in the text."""
    return len(reflections(text))


def reflects(text: str) -> bool:
    """Return True if the text has a reflection word."""
    return _REFLECTION.search(prose(text)) is not None


# --- pieces -----------------------------------------------------------------------------------------------------------

_PIECE = lazy_pattern(rf"{_HAN}|\d+|(?:(?!{_HAN})[^\W\d_])+|[^\w\s]|_")


def pieces(text: str, symbols: bool = True) -> list[str]:
    """Return the words, whole numbers, single Chinese characters and, if `symbols`, all other signs; case and width do not count."""
    pieces = _PIECE.findall(unicodedata.normalize("NFKC", text).casefold())
    return pieces if symbols else [piece for piece in pieces if piece[0].isalnum()]


def ngrams(pieces: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """Yield every run of pieces that comes to `n` words, two Chinese characters counting as one word."""
    sizes = [1 if re.match(_HAN, piece) else 2 for piece in pieces]
    end = size = 0
    for start in range(len(pieces)):
        while end < len(pieces) and size < 2 * n:
            size += sizes[end]
            end += 1
        if size < 2 * n:
            return
        yield tuple(pieces[start:end])
        size -= sizes[start]


def repeated_share(text: str, n: int) -> float:
    """Return the share of the text's runs of `n` words that occurred earlier in it; 0.0 for a text with fewer words."""
    grams = list(ngrams(pieces(text), n))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
