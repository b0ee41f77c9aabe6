"""The stated rule for a reply that declines to answer, in English and Chinese. Where a judge says NOT_ATTEMPTED, that counts instead.

A reply declines when, in one of its first two sentences or its last one, the speaker says of itself that it cannot, will not or may not
answer, or does not know; and it is short (160 words, a Chinese one counting double), so that a solution which opens with modesty counts as
an attempt.
"""

from __future__ import annotations

import re

from aha.text import count_words

LONGEST = 160
_SENTENCE = re.compile(r"[^.!?。！？\n]+")

_I = r"\b(?:i|we)\b"
_UNABLE = (
    r"(?: can(?:no|')?t| cannot| can not| could(?:n't| not)| won't| will not"
    r"|(?: am| are|'m|'re) (?:not able|unable|not allowed|not permitted)"
    r"| must decline| have to decline| must refuse| decline| refuse|(?: am|'m) not comfortable)"
)
_TO_ANSWER = (
    r"(?:answer|assist|help|provide|comply|discuss|share|fulfill?|engage|create|generate|write|give|offer|support|do (?:that|this)|respond"
    r"|continue|determine|say|tell|verify|confirm|find)"
)
_NO_KNOWLEDGE = r"(?:enough|any|sufficient|access|the|reliable)\b[^.]*\b(?:information|data|knowledge|answer)"
_QUESTION = r"(?:who|what|which|when|where|how|of the answer)"
_ENGLISH = re.compile(
    "|".join(
        (
            rf"{_I}(?: really| simply| just| unfortunately| also)?{_UNABLE}(?: \w+){{0,4}}? {_TO_ANSWER}\b",
            rf"{_I} (?:do not|don't) (?:actually )?(?:know\b|have {_NO_KNOWLEDGE})",
            rf"{_I}(?:'m| am) not (?:sure|certain) {_QUESTION}",
            rf"^\W*{_I} (?:must |have to )?(?:decline|refuse)\b",
        )
    ),
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:我|本人|作为[^，。]{0,20})[^。！？\n]{0,8}?(?:无法|不能|不可以|不便|没法|没办法|拒绝|不会)[^。！？\n]{0,8}?"
    r"(?:回答|提供|帮助|协助|满足|讨论|完成|给出|确定|继续|生成|创作|透露|评论|回应|告诉)"
    r"|(?:我|本人)(?:并|也|确实|真的)?不(?:知道|清楚|了解|确定)(?!.{0,6}(?:是否对|对不对))"
    r"|(?:抱歉|对不起|很遗憾)[，,]?[^。！？\n]{0,12}?(?:无法|不能|不便)[^。！？\n]{0,12}"
    r"|我?(?:没有|缺乏)(?:足够的?|相关的?|可靠的?)(?:信息|资料|数据|知识)"
)


def refuses(text: str) -> bool:
    """Whether the visible part of a reply declines to answer."""
    words = count_words(text)
    if words.en + words.rest + 2 * words.zh > LONGEST:
        return False
    sentences = [match.group() for match in _SENTENCE.finditer(text.replace("’", "'"))]
    return any(_declines(sentence) for sentence in {*sentences[:2], *sentences[-1:]})


def _declines(sentence: str) -> bool:
    return bool(_ENGLISH.search(sentence) or _CHINESE.search(sentence))
