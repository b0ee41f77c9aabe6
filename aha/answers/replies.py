"""The text of a reply that addresses its reader: without thoughts, within its answer tags, up to the end of its turn.

Also the boxes in a text (`\\boxed{…}` and its variants, balanced) and the announcements of an answer in many languages: "the answer is",
"Answer:", 答案是, "Die Antwort lautet", a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from aha.answers.lexicon import SAYS_MORE
from aha.lazy import lazy_pattern

_THOUGHT = lazy_pattern(
    r"(?i)<\s*(?P<ends>/?)\s*(?:think|thinking|thought|thoughts|reasoning|reflection|scratchpad)\s*>|\[(?P<ended>/?)THINK\]|◁(?P<over>/?)think▷"
    r"|<\|(?P<shut>begin|end)_of_thought\|>|(?P<response>###Response(?!\w))"
)
_NAMES_OF_THOUGHTS = ("think", "thought", "reasoning", "reflection", "scratchpad", "###response")  # one stands in each of those marks
_TAG = lazy_pattern(r"<(?:[|｜/]|\s*[a-zA-Z])")
_BRACKETED_TAG = lazy_pattern(r"\[/?(?:THINK|INST|ANSWER)\]")
_BARE_ANALYSIS = lazy_pattern(r"\s*analysis(?=[A-Z]|\s*\n|\s+[A-Z]|:|$)")
_SOLUTION = lazy_pattern(r"<\|(?:begin|end)_of_solution\|>")
_TURN = lazy_pattern(
    r"<\|(?:im_start|im_end|im_sep|endoftext|end_of_text|begin_of_text|eot_id|eom_id|end|return|user|assistant|system|start)\|>"
    r"|</s>|<eos>|<pad>|<end_of_turn>|<start_of_turn>|\[/?INST\]|<｜(?:end▁of▁sentence|User|Assistant)｜>"
)
_ANSWER_TAG = lazy_pattern(r"<(?P<ends>/?)(?i:(?:final[_ -]?)?answer)>|\[(?P<ended>/?)ANSWER\]")
_HTML = lazy_pattern(r"</?(?:b|strong|em|i|u|p|span|div|h[1-6]|center|code|mark|sup|small|font)(?:\s[a-z-]+=[^<>\n]{0,80})?>")
_BREAKS = lazy_pattern(r"<br\s?/?>|</(?:p|div|h[1-6]|li)>(?=\s*<)")
_WRAPPED_PATTERN = lazy_pattern(r"\s*<(?P<name>response|result|output|final|solution)>(?P<text>.*)</(?P=name)>\s*", re.S)
_OPENED_PATTERN = lazy_pattern(
    r"(?i)(?:\A|\n)\s*<(?:final[_ -]?)?answer>(?P<text>(?:(?!<(?:final[_ -]?)?answer>)(?!\n\s*\n).){1,300})\Z", re.S
)  # cut off
_OBJECT = lazy_pattern(r"\s*(?:```(?:json)?\s*)?\{\s*\"(?P<fields>.*)\}\s*(?:```\s*)?", re.S)
_ANSWER_FIELD = lazy_pattern(
    r'(?i)(?<![^\s{,])"(?:final|correct|selected|my)?[_ ]?(?:answer|choice|option|prediction|(?P<loose>result|output|solution))'
    r'(?:_?(?:choice|option|letter|value))?"'
    r'\s*:\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s",{}\[\]]{1,200}))(?=\s*[,}])'
)
_NEAR = 200
FINAL, BARE_FINAL, CHANNEL = "<|channel|>final<|message|>", "assistantfinal", "<|channel|>"
_WORDS = lazy_pattern(r"\w+")


def answer_part(text: str) -> str:
    """Return the reply after the thinking, within the last answer tags if there are any, up to the end of the turn. Return the value of a
    JSON object's one field that is the answer, and an empty string if the thinking never ends."""
    if (
        ("<" in text and _TAG.search(text))
        or ("[" in text and _BRACKETED_TAG.search(text))
        or "◁" in text
        or "###Response" in text
        or text[:40].lstrip().startswith("analysis")
    ):
        text = _HTML.sub("", _BREAKS.sub("\n", _SOLUTION.sub("", _turn(_speech(text)))))
        answers = any(tag in text for tag in ("answer>", "ANSWER>", "Answer>"))
        if (inner := _inside_tags(text) if answers or "ANSWER]" in text else None) is not None:
            text = inner
        elif wrapper := _WRAPPED_PATTERN.fullmatch(text) or (_OPENED_PATTERN.search(text) if answers else None):
            text = wrapper["text"]
    return _value(text) if '"' in text and text.lstrip()[:1] in ("{", "`") else text


def _inside_tags(text: str) -> str | None:
    """Return the text within the last answer tags, an opening one and the next closing one of its kind, or None without such a pair."""
    marks = [(mark[0][0], mark["ends"] == "/" or mark["ended"] == "/", mark.start(), mark.end()) for mark in _ANSWER_TAG.finditer(text)]
    last_end = {kind: start for kind, ends, start, _ in marks if ends}
    is_open, since, hit = "", 0, None
    for kind, ends, start, end in marks:
        if not is_open and not ends and last_end.get(kind, -1) > start:
            is_open, since = kind, end
        elif ends and kind == is_open:
            is_open, hit = "", text[since:start]
    return hit


def _value(text: str) -> str:
    """Return the value of the one field of a JSON object that is named as an answer is, or the text if it is no such object."""
    if not _OBJECT.fullmatch(text):
        return text
    fields = list(_ANSWER_FIELD.finditer(text))
    if len(fields) != 1 or (fields[0]["loose"] and text.count('":') > 1):
        return text
    return fields[0]["text"] if fields[0]["text"] is not None else fields[0]["bare"]


def _speech(text: str) -> str:
    """Return the text after the last thought, or an empty string if the thinking never ends."""
    if CHANNEL in text:
        _, final, text = text.rpartition(FINAL)
        return text if final else ""
    if _BARE_ANALYSIS.match(text):
        return text.rpartition(BARE_FINAL)[2] if BARE_FINAL in text else ""
    small = text.lower()
    if not any(word in small for word in _NAMES_OF_THOUGHTS):
        return text
    open_since, closed_at = False, 0
    for mark in _THOUGHT.finditer(text):
        opens = not (mark["ends"] or mark["ended"] or mark["over"] or mark["shut"] == "end" or mark["response"])
        open_since, closed_at = opens, closed_at if opens else mark.end()
    return "" if open_since else text[closed_at:]


def without_thought(text: str) -> str:
    """Return a reply without the thought that it begins with, whose mark may stand in the prompt, or an empty string if that never ends.
    Unlike in `answer_part`, marks further on belong to the text, as in a program that prints them."""
    if CHANNEL in text[:_NEAR]:
        return _speech(text)
    begins = _THOUGHT.match(text, len(text) - len(text.lstrip()))
    if begins is None and "</" not in text and "THINK]" not in text:
        return text
    for mark in _THOUGHT.finditer(text, begins.end() if begins else 0):
        if (mark["ends"] or mark["ended"] or mark["over"] or mark["shut"] == "end") and (
            begins or text[mark.end() : mark.end() + 1] in ("\n", "")
        ):
            return text[mark.end() :]
    return "" if begins else text


def _turn(text: str) -> str:
    """Return the text up to the token that ends the turn; a token before the first word is ignored."""
    end = _TURN.search(text, len(text) - len(text.lstrip()) + 1)
    return text[: end.start()] if end else text


_BOX = lazy_pattern(
    r"\\{1,2}(?:f?boxed|fbox|framebox)(?![A-Za-z])[ \t]*(?:\[[^\]{}]{0,20}\][ \t]*)?"
    r"|(?<![A-Za-z\\])(?:b|\x08)?oxed[ \t]*(?=\{)"  # the backslash or \b was lost
)
_AROUND = 8, 40  # characters around "ox" that hold the command of a box
_BARE = lazy_pattern(r"-?[0-9]+|[A-Za-z](?![A-Za-z])")  # the 2 of `\boxed 2`
_BRACE = lazy_pattern(r"\\[\\{}]|[{}]")  # an escaped brace is a letter
_MENTION = lazy_pattern(
    r"(?i)(?:\s|\\[,;:! ]|~|\$|\\quad)*(?:(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*(?:\.\.\.|…|\\[lc]?dots|_+|\?"
    r"|(?:the |your |my |final |numerical |correct )*(?:answer|result|solution)(?: here)?)?\s*\}?)(?:\s|\\[,;:! ]|~|\$)*"
)

Box = tuple[str, int, int]


def boxed(text: str) -> str | None:
    """Return the content of the last box with balanced braces, or None if no box closes."""
    hit = boxes(text)
    return hit[-1][0] if hit else None


def boxes(text: str) -> list[Box]:
    """Return the content, start and end of every outermost box that closes."""
    at, hit = 0, list[Box]()
    closing: dict[int, int] | None = None
    while (near := text.find("ox", at)) >= 0:
        if text.startswith("\\boxed{", near - 2):
            end = closing.get(near + 4) if closing is not None else closes(text, near + 4)
            if end is not None:
                hit.append((text[near + 5 : end], near - 2 - (text[near - 3 : near - 2] == "\\"), end + 1))
                at = end + 1
                continue
        if text[near + 2 : near + 4] != "ed" and text[near - 2 : near] not in ("fb", "eb"):  # approx
            at = near + 2
            continue
        match = _BOX.search(text, max(at, near - _AROUND[0]), near + _AROUND[1])
        if match is None:
            at = near + 2
            continue
        at = match.end()
        end = (closing.get(at) if closing is not None else closes(text, at)) if text[at : at + 1] == "{" else None
        if end is None and closing is None:  # from now on each brace is read only once
            closing = _closing(text)
        if end is not None:
            hit.append((text[at + 1 : end], match.start(), end + 1))
        elif bare := _BARE.match(text, at):
            hit.append((bare.group(), match.start(), bare.end()))
        at = max(at, hit[-1][2] if hit else 0)
    return hit


def with_figures(text: str, hit: Sequence[Box]) -> str:
    """Return the text with zeros in place of these boxes, so that a word in a box denies nothing."""
    pieces, at = list[str](), 0
    for _, start, end in hit:
        pieces += (text[at:start], "0" * (end - start))
        at = end
    return "".join((*pieces, text[at:]))


def names_box(text: str) -> bool:
    """Return True if a command that draws a box may stand in a text; words such as "approximately" and "boxes" do not count."""
    return "ox" in text and ("oxed" in text or "fbox" in text or "ebox" in text)


def is_mention(content: str) -> bool:
    """Return True if a box is a placeholder that holds no answer: `\\boxed{}`, `\\boxed{...}`, `\\boxed{answer}`."""
    return len(content) < 60 and not content[:1].isdigit() and _MENTION.fullmatch(content) is not None


def closes(text: str, at: int) -> int | None:
    """Return the index of the brace that closes the one at `at`, or None."""
    near = text.find("}", at)
    if near >= 0 and text.find("{", at + 1, near) < 0 and text[near - 1] != "\\":
        return near  # not nested, as most boxes
    depth = 0
    for brace in _BRACE.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return brace.start()
    return None


def _closing(text: str) -> dict[int, int]:
    """Return the index of the closing brace by the index of its opening brace; escaped braces are skipped."""
    closing, open_at = dict[int, int](), list[int]()
    for brace in _BRACE.finditer(text):
        if brace.group() == "{":
            open_at.append(brace.start())
        elif brace.group() == "}" and open_at:
            closing[open_at.pop()] = brace.start()
    return closing


_HASHED_PATTERN = lazy_pattern(r"####[ \t]*(?P<value>\S{0,30}[0-9]\S{0,30})[ \t]*(?:\n|\Z)")


def hashed(text: str) -> str | None:
    """Return what stands with a figure in the last line that is nothing but hashes and that, or None."""
    lines = list(_HASHED_PATTERN.finditer(text))
    return lines[-1]["value"] if lines else None


_AGAIN, _EDGES = lazy_pattern(r"\A[\s$.\\)\]]*(?:####|(?:[Ff]inal )?[Aa]nswer:)"), " \n\t*$."


def says_again(value: str, rest: str) -> bool:
    """Return True if nothing but the same value, perhaps after hashes or "Answer:", follows a value."""
    return _AGAIN.sub("", rest).strip(_EDGES) == value.strip(_EDGES)


_MORE_NUMBERS = lazy_pattern(r"(?:[ \t]*\n\s*-?[0-9][0-9.,]*)+\s*\Z")


def lists_numbers(value: str, rest: str) -> bool:
    """Return True if nothing but lines of other numbers follows a value."""
    return _MORE_NUMBERS.fullmatch(rest) is not None and {*rest.split()} != {value}


_VALUE_LINE = lazy_pattern(
    r"(?P<bullet>(?:[-*•]|[0-9]{1,2}[.)])[ \t]+)?(?:(?:or|and)\s)?"
    r"(?P<value>(?:\$|\\\()?\s?(?:[A-Za-z](?:_\{?[0-9]\}?)?\s?=\s?)?[-−]?(?:[0-9.]|\\[a-z])[^\s=$]{0,40}(?:\s?\$|\s?\\\))?)[.,;]?"
)


def with_values_below(line: str, rest: str) -> str:
    """Return an announced value and those that stand one a line below it, if nothing else does, as one list; else the line itself."""
    below = [item.strip() for item in rest.split("\n") if item.strip()] if len(rest) < _NEAR else []
    hits = [_VALUE_LINE.fullmatch(item) for item in (line, *below)] if below else []
    if not all(hits) or len({hit["bullet"] is None for hit in hits if hit}) != 1:
        return line
    values = list(dict.fromkeys(hit["value"] for hit in hits if hit))
    return ", ".join(values) if len(values) > 1 else line


_KEY = lazy_pattern(
    r"(?i)(?<![^\W_])(?:answers?|ans(?=[.:])|antwort(?:en)?|lösung|r[ée]ponse|respuesta|resposta|risposta|antwoord|odpowied[źz]|ответ|відповідь|cevap|yanıt"
    r"|jawaban(?:nya)?|jibu|đáp (?:án|số)|câu trả lời|svar(?:et)?|odgovor|отговор(?:ът)?|odpov[eě]ď|jawapan(?:nya)?"
    r"|sagot|răspuns(?:ul)?|απάντηση|vastaus|válasz)(?![^\W_])|答え|答案|正解|解答"
    r"|回答|정답|답변|답|答|উত্তর|उत्तर|الإجابة|الجواب|إجابة|ค(?:ำ|\u0e4d\u0e32)ตอบ|సమాధానం|பதில்|জবাব|जवाब|پاسخ|תשובה"
)
_CALLS = lazy_pattern(  # the text between the word and the claim
    r"[ \t]*(?:\*{1,2}|__|[\"”])?[ \t]*"
    r"(?:['’]s[ \t]+|(?:[^\W\d]+[ \t]*){0,2}(?<!\s[A-Z])"
    r"(?:[:ঃ](?!(?<=[A-Z]:)[A-Z])|：)|=|[-–—](?=[ \t])|(?=\$|\\[(\[])|(?<=[Aa]ns)\.[ \t]*:?"
    r"|[^.\n:：=!?。]{0,60}?(?:(?<=\s)(?:is|are|was|be|equals|comes (?:out )?(?:to|as|at)|(?:turns|works|figures|adds) out to(?: be)?"
    r"|(?:amounts|evaluates|simplifies|reduces|boils down) to|ist|lautet|sind|est|es|son|é|è|sono"
    r"|wynosi|brzmi|равен|равно|равна|составляет|là|ni|adalah|ialah|on|je|е|er|är|este|ay|هي|هو|είναι|היא|הוא)(?![^\W_]|')[ \t]*:?"
    r"|(?:是|为|為|は|은|는|이|等于|应为|应是)[ \t]*[:：]?(?![不非否])|(?:คือ|เท่ากับ)[ \t]*|(?<=[\u0900-\u0eff])[ \t]+(?=[-−$€₹]?[0-9]))"
    r"|(?<=cevap|ответ|álasz)[ \t]+(?=[-−]?[0-9]|[A-Z](?![^\W_]))|(?<=powiedź)[ \t]+to(?![^\W_])|[ \t]*(?=\*{0,2}[ \t]*\n))"
    r"[ \t]*(?:\*\*|__|[\"”])?[ \t]*(?:(?:that|then|thus|therefore|donc|also|daher|quindi)\b[ \t]*)?[:：]?[ \t]*"
)
_NOTHING_SAID_PATTERN = lazy_pattern(  # "the answer is correct" announces nothing
    r"(?i)(?:correct|right|clear|helpful|reasonable|consistent|valid|verified|complete|obtained|based|as|what|given|found|of|in|boxed)\b"
)
_DENIED_PATTERN = lazy_pattern(
    r"(?i)\b(?:not|never|cannot|no|nicht|pas|nie|niet|não|non|bukan|si|không|değil)\b|n't\b|[不非]|не |ليس|नहीं|ไม่|కాదు|নয়|নয়"
)
_TURNED_PATTERN = lazy_pattern(r"(?:ist|lautet) die (?:\w+ )?\Z")
_WRONG = lazy_pattern(r"(?i)(?:wrong|incorrect|false|previous|earlier|other|falsche?|错误|不正确)[ \t]*$")
_NOT_EQUAL = lazy_pattern(r"(?:\bnot|n['’]t|\\neq?|≠)[\s$]*(?:\\text\w*\s*\{)?\s*\Z")
_SHORT, _SENTENCES = (
    lazy_pattern(r"[ \t]*A:[ \t]*(?=\S)"),
    lazy_pattern(
        r"(?!(?i:no|yes|wrong|right|true|false)\b)[^\n]*?(?:[.!?]\s+\S|,\s(?:so|thus|then|and then|hence)\b)"  # A: no. B: yes.
    ),
)


def announcements(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start of each announcement and the start of what it announces, the last announcement first."""
    line = text.rstrip().rfind("\n") + 1
    if (short := _SHORT.match(text, line)) and not _SENTENCES.match(text, short.end()):  # A: and its reasoning is no announcement
        yield short.start(), short.end()
    window, end = max(0, len(text) - 400), len(text)
    while end > 0:
        for key in reversed(list(_KEY.finditer(text, max(0, window - 12), end))):
            if key.start() >= window and (begins := _announcement(text, key)) is not None:
                yield key.start(), begins
        end, window = window, max(0, window - 4_000)


def _announcement(text: str, key: re.Match[str]) -> int | None:
    """Return the index where the claim begins that this word announces, or None if it announces none."""
    if _TURNED_PATTERN.search(text, max(0, key.start() - 24), key.start()) and text[key.end() : key.end() + 1] == " ":
        return key.end() + 1  # "Also ist die Antwort 31"
    calls = _CALLS.match(text, key.end())
    if _NOT_EQUAL.search(text, max(0, key.start() - 30), key.start()):
        return None
    if calls is None or _WRONG.search(text, max(0, key.start() - 12), key.start()):
        return None
    speech = calls.group().strip(" \t*_")
    if not speech and not key.group().isascii() and text[calls.end() : calls.end() + 1].isdigit():
        return calls.end()
    if not speech:  # a heading, or a formula directly after the word
        begins = text.rfind("\n", 0, key.start()) + 1
        words = islice(_WORDS.finditer(text, begins, key.start()), 3)
        return calls.end() if len(list(words)) <= 2 else None
    if _DENIED_PATTERN.search(speech) or (not speech.isascii() and SAYS_MORE.search(speech)):
        return None
    if speech[-1] not in ":：=ঃ" and _NOTHING_SAID_PATTERN.match(text, calls.end()):
        return None
    return calls.end()


_FINAL_ANSWER = lazy_pattern(r"(?i)final answer\W{0,6}(?:is\W{0,4})?(?P<value>-?[0-9][0-9.,/]*)(?<![.,])\W{0,4}?(?:\n|\Z)")


def final_answer(text: str) -> str | None:
    """Return the figure that the last "final answer" of a text announces on a line, or None."""
    if "inal answer" not in text and "inal Answer" not in text:
        return None
    hits = list(_FINAL_ANSWER.finditer(text))
    return hits[-1]["value"] if hits else None


_COPULA = lazy_pattern(r"(?:です|である|だ|입니다|이다|[ \t](?:है|हैं|হল|হলো|হবে|অবশ্যই)|ครับ|ค่ะ|となります|になります)[。.।]?\Z|।\Z")
_LONGEST_MATRIX = 2_000


def first_line(text: str) -> str:
    """Return the first line, or the formula set apart there, without a brace that closes `\\text{Answer: }` or a next JSON key."""
    text = text.lstrip().removeprefix("}").lstrip(" \t\n*:：")
    for opening, closing in (("\\[", "\\]"), ("$$", "$$")):
        if text.startswith(opening) and not text.partition("\n")[0].removeprefix(opening).strip():
            return f"${text.removeprefix(opening).partition(closing)[0].strip()}$"
    line = _COPULA.sub("", _NEXT_KEY.sub("", text[: _ends(text)]).strip())
    while line.endswith("}") and line.count("}") > line.count("{"):
        line = line[:-1]
    return line


_NEXT_KEY = lazy_pattern(r',\s*"[A-Za-z_]{1,30}"\s*:.*', re.S)  # the next key of a JSON object


def _ends(text: str) -> int:
    """Return the index where the first line ends; a matrix that begins on it belongs to it, although it spans several lines."""
    end = text.find("\n")
    while 0 <= end < _LONGEST_MATRIX and text.count("\\begin{", 0, end) > text.count("\\end{", 0, end):
        end = text.find("\n", end + 1)
    return end if end >= 0 else len(text)
