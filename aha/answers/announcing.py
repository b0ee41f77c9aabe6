"""How a reply announces its answer, in many languages: "the answer is", "Answer:", 答案是, "Die Antwort lautet", a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator

_KEY = re.compile(
    r"(?i)(?<![^\W_])(?:answers?|ans(?=[.:])|antwort(?:en)?|lösung|r[ée]ponse|respuesta|resposta|risposta|antwoord|odpowied[źz]|ответ|відповідь|cevap|yanıt"
    r"|jawaban(?:nya)?|jibu|đáp (?:án|số)|svar(?:et)?|răspuns(?:ul)?|απάντηση|vastaus)(?![^\W_])|答え|答案|正解|解答"
    r"|回答|정답|답변|답|答|উত্তর|उत्तर|الإجابة|الجواب|إجابة|ค(?:ำ|\u0e4d\u0e32)ตอบ|సమాధానం|பதில்|জবাব|जवाब|پاسخ|תשובה"
)
_CALLS = re.compile(  # what stands between the word and the claim
    r"[ \t]*(?:\*\*|__|[\"”])?[ \t]*"
    r"(?:(?:[^\W\d]+[ \t]*){0,2}[:：ঃ]|=|[-–—](?=[ \t])|(?=\$|\\[(\[])|(?<=[Aa]ns)\.[ \t]*:?"
    r"|[^.\n:：=!?。]{0,60}?(?:(?<=\s)(?:is|are|was|be|equals|comes (?:out )?to|ist|lautet|sind|est|es|son|é|è|sono"
    r"|wynosi|brzmi|равен|равно|равна|составляет|là|ni|adalah|ialah|هي|هو|είναι)(?![^\W_]|')[ \t]*:?"
    r"|(?:是|为|為|は|은|는|이|等于|应为|应是)[ \t]*[:：]?(?![不非否])|(?:คือ|เท่ากับ)[ \t]*|(?<=[\u0900-\u0eff])[ \t]+(?=[-−$€₹]?[0-9]))"
    r"|(?<=cevap|ответ)[ \t]+(?=[-−]?[0-9]|[A-Z](?![^\W_]))|(?<=powiedź)[ \t]+to(?![^\W_])|[ \t]*(?=\*{0,2}[ \t]*\n))"
    r"[ \t]*(?:\*\*|__|[\"”])?[ \t]*(?:(?:that|then|thus|therefore|donc|also|daher|quindi)\b[ \t]*)?[:：]?[ \t]*"
)
_NOTHING_SAID = re.compile(  # "the answer is correct" announces nothing
    r"(?i)(?:correct|right|clear|helpful|reasonable|consistent|valid|verified|complete|obtained|based|as|what|given|found|of|in|boxed)\b"
)
_DENIED = re.compile(
    r"(?i)\b(?:not|never|cannot|no|nicht|pas|nie|niet|não|non|bukan|si|không|değil)\b|n't\b|[不非]|не |ليس|नहीं|ไม่|కాదు|নয়|নয়"
)
_TURNED = re.compile(r"(?:ist|lautet) die (?:\w+ )?\Z")
_WRONG = re.compile(r"(?i)(?:wrong|incorrect|false|previous|earlier|other|falsche?|错误|不正确)[ \t]*$")
_NOT_EQUAL = re.compile(r"(?:\bnot|n['’]t|\\neq?|≠)[\s$]*(?:\\text\w*\s*\{)?\s*\Z")
_SHORT = re.compile(r"[ \t]*A:[ \t]*(?=\S)")


def announcements(text: str) -> Iterator[tuple[int, int]]:
    """Where announcements begin, and where what they announce begins; the last first."""
    line = text.rstrip().rfind("\n") + 1
    if short := _SHORT.match(text, line):
        yield short.start(), short.end()
    window, end = max(0, len(text) - 400), len(text)
    while end > 0:
        for key in reversed(list(_KEY.finditer(text, max(0, window - 12), end))):
            if key.start() >= window and (begins := _announced(text, key)) is not None:
                yield key.start(), begins
        end, window = window, max(0, window - 4_000)


def _announced(text: str, key: re.Match[str]) -> int | None:
    """Where the claim begins that this word announces; `None` where it announces none."""
    if _TURNED.search(text, max(0, key.start() - 24), key.start()) and text[key.end() : key.end() + 1] == " ":
        return key.end() + 1  # "Also ist die Antwort 31"
    calls = _CALLS.match(text, key.end())
    if _NOT_EQUAL.search(text, max(0, key.start() - 30), key.start()):
        return None
    if calls is None or _WRONG.search(text, max(0, key.start() - 12), key.start()):
        return None
    spoken = calls.group().strip(" \t*_")
    if not spoken and not key.group().isascii() and text[calls.end() : calls.end() + 1].isdigit():
        return calls.end()
    if not spoken:  # a heading, or a formula right behind the word
        begins = text.rfind("\n", 0, key.start()) + 1
        heads = len(re.findall(r"\w+", text[begins : key.start()])) <= 2
        return calls.end() if heads else None
    if _DENIED.search(spoken):
        return None
    if spoken[-1] not in ":：=ঃ" and _NOTHING_SAID.match(text, calls.end()):
        return None
    return calls.end()
