"""Statements in which a reply may choose an option: its last box, announcements, corrections, "is correct". Styles are removed first.

Also the answer extraction of benchmarks, as their authors published it, oddities included, so that their numbers can be reproduced. For
rewards, `aha.answers.choosing` reads what RL replies look like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aha.answers import languages, lexicon
from aha.answers.closings import is_denied
from aha.answers.context import denied_after, row, takes_away
from aha.answers.grammar import upholds
from aha.answers.replies import Box, announcements, boxes, first_line, is_mention, with_figures
from aha.answers.surroundings import stands_alone, without_style
from aha.answers.symbols import INVISIBLE, bare, ending
from aha.lazy import lazy_pattern

LONGEST_STATEMENT = 2_000
_NEAR = 200  # characters that are read after a box
LAST = 20  # statements that are read, from the end
UNREAD = " ¤ "  # replaces a formula, a denied box or struck-out text
OPEN, CLOSE = r"[(\[<{\"'“”‘’«「*_ ]*", r"[)\]>}\"'“”‘’»」*_ ]*"

_LETTER_NEXT = rf"(?=(?:[Oo]ptions? |[Cc]hoices? )?{OPEN}[A-Z]{{1,8}}(?![A-Za-z]))"
_CHOOSES = lazy_pattern(
    r"(?i)\b(?:choose|chose|pick|select|go with|going with|opt for|i(?:'d|'ll|’ll| would| will) (?:say|go for)|left with|leav(?:es"
    r"|ing)(?! (?:out|aside)\b)(?: only)?)\b"
    r"|(?<!wrong )(?<!incorrect )\b(?:options?|choices?|letter)\b(?:[^.\n:=]{0,40}?\b(?:is|(?:would|should|must|will|has to) be)\b\s*:?"
    r"|(?:\shere|\snow)?\s*[:=])"
    r"|\b(?:only|best|correct|right|true) (?:statement|claim|conclusion|one|sentence|candidate|possibility"
    r"|completion|fit|match|term|word|phrase|ending)\b[^.\n:=]{0,60}?\bis\b\s*:?"
    r"|\b(?:everything|the evidence|it all|all of this)\s+(?:points?|leads?)\s+to\b"
    r"|\bonly\s+(?:option\s+|choice\s+)?(?=(?-i:[A-Z])\s+(?:remains|is left|fits|works|survives|holds|can be|satisfies|meets|fulfill?s"
    r"|matches|qualifies|passes"
    r"|obeys|agrees|makes sense|complies|corresponds|is (?:an?|the|left|consistent|possible|valid|plausible))\b)"
    rf"|\b(?:making|makes|made)\s+(?=(?-i:(?:option )?{OPEN}[A-Z]{CLOSE})\s*(?:the|our|my)\s+(?:only\s+)?(?:correct|right|best|answer"
    rf"|one|choice|option)\b)"
    r"|\b(?:eliminating|excluding|discarding|ruling out)\b[^.\n]{1,60}?\b(?:gives|yields|gets us to|points to|brings us to)\b"
    rf"|(?:(?:^|(?<=[.;,\n]\s))(?:so|thus|hence|therefore|(?:that|which"
    rf"|this) leaves(?: us with)?),?\s+(?:only\s+)?)(?=(?-i:{OPEN}[A-Z]{CLOSE})[.!]?\s*(?:\n|\Z))"
    rf"|(?:^|(?<=[.!?,;\n]\s))(?:{lexicon.CONCLUDES_ROW}),?\s(?=(?-i:{OPEN}[A-Z]{CLOSE})[.!]?\s*(?:\n|\Z))"
    rf"|(?<=[a-z]{{3}}\s)(?:→|⇒|[=-]>)\s?(?=(?-i:{OPEN}[A-Z]{CLOSE})[.!]?\s*(?:\n|\Z))"
    rf"|(?<!不)(?<!不能)(?<!不应)(?:选(?:择|项[:是为]|(?!项))|应该?[为是])|\b(?:right|correct) (?:options?|choices?|letters?) are\b:?"
    rf"|\b(?:final )?(?:choice|answer)\s*-\s|\bit(?:'s|’s| is| must be"
    rf"| should be| has to be| can only be)\s+(?:(?:actually|really|in fact|clearly|indeed|definitely|certainly|therefore|thus"
    rf"|rather)\s+)?(?-i:{_LETTER_NEXT})"
)
_CORRECT = lazy_pattern(
    r"(?i)(?:^|(?<=[.!?;。\n]))([^.!?;。\n]{0,160}?)(?:\b(?:is|was|must be|has to be)\s+(?:therefore\s+|thus\s+|clearly\s+)?(?:(?:the|my"
    r"|our)\s+)?"
    r"(?:only\s+)?(?:(?:final |correct |right |best )?answer|correct|right|best|true)\b(?!\s(?:most|many|some|that|which|people"
    r"|students)\b)|\b(?:ist|est|es|è)\s+(?:richtig"
    r"|korrekt|correcte?|juste|vraie?|correct[ao]|giust[ao])\b)"
    r"|(?:^|(?<=[.!?;。,\n]))([^.!?;。,\n]{0,60}?)(?<!不)[都均]?(?:符合(?:题意|要求)|是(?:正确|对的)|正确(?!选项|答案)|(?<=[都均])对(?=[。\s]|\Z)"
    r"|が正解|が正しい|(?:이|가) 정답(?!\s*[이은]?\s?(?:아니|아닙)))"
    r"|(?:^|(?<=[.!?;\n]))([^.!?;\n]{0,80}?)\b(?:fits|matches) best\b"
    rf"|(?:^|(?<=[.!?;\n]))[^.!?;\n]{{0,80}}?\bist ((?-i:(?:Option |Antwort )?{OPEN}[A-Z]{CLOSE})) ?(?:richtig|korrekt)\b"
)
_LAST_CLAUSE = lazy_pattern(  # B is wrong, D
    rf"(?i)\A[^.]*\b(?:falsch|faux|fausse|falsa?|incorrect[ao]?|wrong|false|sbagliata?|errad[ao]|nicht|not|pas|неверн\w*)\b[^.]*?,\s(?:(?:and|but|und|aber|et|mais|y|e|ma|а)\s)?"
    rf"(?=(?:option\s)?(?-i:{OPEN}[A-Z]{CLOSE})\Z)"
)
_OPTION_LETTER = rf"(?-i:{OPEN}([A-Z])(?![^\W_]){CLOSE}|{OPEN}([a-z]) ?\){CLOSE})"
_IS_ABROAD = rf"(?:{lexicon.IS_ROW})(?![^\W_])"
_CHOOSES_ABROAD = rf"(?:{lexicon.CHOOSES_ROW})(?![^\W_])"
_CALLED_RIGHT = lazy_pattern(  # Richtig ist D, la respuesta correcta es la opción D: all their words are known
    rf"(?i)(?:^|(?<=[.!?。\n])|(?<=[,،])(?=\s(?:{lexicon.CONCLUDES_ROW})(?![^\W_])))\W*(?P<words>(?:(?:{lexicon.SMALL_ROW}|{lexicon.OPTION_ROW}|{lexicon.RIGHT_ROW}|{lexicon.SPEAKER_ROW}|{_IS_ABROAD}"
    rf"|{_CHOOSES_ABROAD})(?:[\s,:]+|(?<=['’]))){{1,9}}?){_OPTION_LETTER}"
    r"(?=\s*(?P<last>है[।.]?|ครับ|ค่ะ)?\s*(?:[.।:(,;–—-]|(?<=[)\]])\s+\S|(?<=[)\]]\s)\S|\n|\Z))(?!\s*[,-]\s*[A-Z](?![^\W_]))"
)
INTRODUCTION = lazy_pattern(  # die richtigen Antworten sind; A is wrong, so
    rf"(?i)\A(?:(?:(?:{lexicon.SMALL_ROW}|(?:{lexicon.OPTION_ROW}|{lexicon.RIGHT_ROW})(?:s|es|en|n|i|e)?|risposte|les|las|gli|{_IS_ABROAD}|sind|sont|son|sono|são|zijn|są)[\s:,]+)+|[^.\n]*,\s(?:so|thus|hence|therefore)\s)(?={OPEN}(?-i:[A-Z])(?!\w))"
)
_NAMES_OPTION = lazy_pattern(rf"(?i)(?<![^\W_])(?:{lexicon.OPTION_ROW}|{lexicon.RIGHT_ROW})(?![^\W_])")
_IS_SO = lazy_pattern(rf"(?i)(?<![^\W_])(?:{_IS_ABROAD})|:")
_IS_CHOSEN = lazy_pattern(rf"(?i)(?<![^\W_]){_CHOOSES_ABROAD}")
_TAKEN_BACK_ABROAD = lazy_pattern(rf"(?i)[.!?,;—–]\s*(?:{languages.CORRECTS})|{languages.TAKES_BACK}")
CONCEDES = lazy_pattern(  # though A is close: what is said of other options, unless it calls them right
    rf"(?i),?\s(?:(?:(?:even\s)?though|although|while|whereas|albeit)\s(?P<other>(?:options?\s|choices?\s)?{OPEN}(?-i:[A-Z]){CLOSE}(?![A-Za-z0-9'’]))"
    r"|(?:though|although|while|whereas|but|albeit)\s[^.,\n]{0,60}?\b(?:say|think|pick|choose|select|answer|prefer|guess|suggest)\s"
    rf"(?:options?\s|choices?\s)?{OPEN}(?-i:[A-Z]){CLOSE}"
    rf"|but\s(?:options?\s|choices?\s)?{OPEN}(?-i:[A-Z]){CLOSE}(?:\([^()\n]{{1,60}}\)\s?)?\s?(?:is|was|looks?|seems?|comes?)\s(?:also\s|very\s|quite\s|pretty\s|so\s)*(?:close|tempting|similar|wrong|incorrect|false)\b)"
    r"(?![^.\n]*\b(?:right|correct|better|true|possible|valid|could|may|might|would|answer|best|acceptable|fits?|works|equally|instead|or)\b)[^.\n]*"
)
DENIED_AFTER = lazy_pattern(
    r"(?i)[)\].\s]*(?:이|가|는|은|は|が)?\s*(?:(?:正解|正答|答え|答|正しく|정답|답)(?:이|가)?\s*)?(?:[^A-Z。\n]{0,12}(?:では|じゃ)(?:ありません|ない|なく)|間違|誤り|誤っ|違[うい]|不正解|不適|틀[리렸린]|오답|아닙|아니|では?(?:あり|ない|な[いく])|じゃ|(?:is|was)\s+(?:too|impossible)\b)"
)
INSTEAD = lazy_pattern(
    rf"(?i)(?:[.!?;,\n—–]\s*)(?:(?:{lexicon.CORRECTORS}|scratch that|edit|update)\b[,.:!\s—–-]*)+"
    rf"(?:(?:it(?:'s|’s| is| should be| must be)|the (?:\w+ )?answer (?:is|should be|must be)|i meant?|make (?:it|that))\b"
    rf"[:\s]*)?(?-i:{_LETTER_NEXT})"
)
_BETWEEN_BOXES = lazy_pattern(r"(?i)[\s,;$、，；/|&.~]*(?:\\quad|\\text\{\s*(?:or|and|then)\s*\}|\b(?:or|and|then)\b|或者?|和)?[\s,$]*")
_ENDED_PATTERN = lazy_pattern(r"[.!?;:。]|\n|\b(?:so|thus|hence|therefore|but|not|because|since|then)\b")
_BOX_FIRST = lazy_pattern(r"[$*(\[{\\\s]*f?boxed")
_CROSSED_PATTERN = lazy_pattern(r"\\(?:[xb]?cancel|sout|lnot|neq?|phantom)(?![A-Za-z])|~~")
_CUT_SHORT = lazy_pattern(r"(?i)(\b(?:not|never|anything but|neither|nor|except|instead of|rather than|other than)|n['’]t)[ \t:]*\n\s*")
_STRUCK_PATTERN = lazy_pattern(
    r"~~(?:[^~\n]|~(?!~)){0,400}~~|\\(?:[bx]?cancel|sout|st|h?phantom|vphantom)\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
)
_TIED_PATTERN = lazy_pattern(r"(?<=[)}])~(?=\\[a-z])")  # \\textbf{(A)}~\\text{red}
_BOX_IN_BOX = lazy_pattern(r"\\boxed\{(\\boxed\{[^{}]{0,200}\})\}")
_STRUCK_LETTER = lazy_pattern(r"(?m)^([\s*_#>]*)~~\(?[A-Z]\)?~~,?[ \t]+(?=\(?[A-Z]\)?\W*$)")  # ~~B~~ C
_SQUARES = {first + place: 65 + place for first in (0x1F150, 0x1F170) for place in range(26)}  # letters in black circles and squares
_SIMPLE_HAN = str.maketrans(
    "選擇項錯誤確對應為題無綜還與個這說斷決論間並則僅餘屬該", "选择项错误确对应为题无综还与个这说断决论间并则仅余属该"
)
_KANA = lazy_pattern(r"[\u3040-\u30ff]")
_OTHER_SCRIPTS = str.maketrans("أابجدঅবডঢАБСГ", "AABCDABCDABCD")  # as simple-evals has them; what Cyrillic has for B is either letter
_OTHER_LETTER = lazy_pattern(r"(?m)(?<![^\W_])[أابجدঅবডঢАБСГ](?![^\W_])(?=\)|[\s\])}.*_:؛،।。]*$)")
_CONTRAST = lazy_pattern(  # not D but B; nicht D, sondern B
    rf"(?:\b(?:not|nicht)|\b(?P<en>is|was)n['’]t|\bn['’](?P<fr>est) pas|\bno (?P<es>es)|\bnon (?P<it>è)|\bnão (?P<pt>é)"
    rf"|\bне)\s(?:[\w'’]{{1,12}}\s){{0,2}}?{OPEN}[A-Z]{CLOSE}"
    rf"(?:\([^()\n]{{1,60}}\))?,?\s(?:but|sondern|mais|sino|bensì|ma|mas|а)\s(?:rather\s|instead\s|(?:the\s)?(?:option"
    rf"|answer)\s)?(?={OPEN}[A-Z]{CLOSE}(?!\w))"
    rf"|(?:不是|并非|而非)(?:选项)?\s?{OPEN}[A-Z]{CLOSE}[,，]?\s?而(?:是|应[是为选])|[(「]?(?<![A-Za-z])[A-Z][)」]?\s?(?:ではなく(?:て)?[,、，]?|(?:이|가)\s아니(?:라"
    rf"|고),?\s)(?=\s?{OPEN}[A-Z])"
)
_CHANGES = lazy_pattern(
    rf"(?<![^\W_])(?:I|Let me|let me)(?:['’]ll|['’]d like to| will| would like to| want to| must| need to| have to|['’]m|)\s(?:chang"
    rf"|switch)(?:e|ed|ing|)\s(?:(?:my|the)\s(?:final\s)?"
    rf"(?:answer|choice)\s)?(?:from\s(?:[Oo]ption\s)?{OPEN}[A-Z]{CLOSE}\s?)?to\s(?={OPEN}[A-Z]{CLOSE}(?!\w))"
)
_HAN_HEADING = lazy_pattern(r"【\s*(?:(?P<letter>[A-Z])|(?P<answer>(?:最终|正确|参考)?(?:答案|正解|正答|回答))|[^】\n]{1,12})\s*】")
_STYLE = lazy_pattern(r"\\(?:text(?:bf|it|rm|sf)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{([^{}]{0,2000})\}")
_LAYOUT = lazy_pattern(
    r"\\(?:textcolor|colorbox|color)\s*\{[^{}]{0,30}\}|\\(?:begin|end)\s*\{[a-z]{1,12}\*?\}(?:\{[a-z|]{0,4}\})?|\\bbox\s*\[[^\]]{0,60}\]"
    r"|\\(?:underline|emph|texttt|boldsymbol|bm|large|Large|LARGE|huge|Huge|small|displaystyle|q?quad|checkmark)(?![A-Za-z])"
)


def readable(text: str) -> str:
    """Return the text without styles and struck-out parts; a sentence that breaks off at "not" is joined to its next line."""
    text = _STRUCK_LETTER.sub(r"\1", text) if "~~" in text else _TIED_PATTERN.sub(" ", text)
    text = _STRUCK_PATTERN.sub(UNREAD, INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))
    text = _LAYOUT.sub(" ", text) if "\\" in text else text  # \large\text{C}
    for _ in range(3):  # \textbf{\text{C}}
        text = _STYLE.sub(r"\1", text)
    text = _LAYOUT.sub(" ", text) if "\\" in text else text
    text = _BOX_IN_BOX.sub(r"\1", text) if "\\boxed{\\boxed" in text else text
    text = lexicon.FIELD_OF_ANSWER.sub(r"\nAnswer: \1\n", lexicon.ANSWER_TAGS.sub(" ", text))
    if not text.isascii():
        text = lexicon.TURKISH_IS.sub("", lexicon.CLAUSE_END.sub("\n", _HAN_HEADING.sub(_heading, text.translate(_SQUARES))))
        text = text if _KANA.search(text) else text.translate(_SIMPLE_HAN)
        text = _OTHER_LETTER.sub(lambda hit: hit.group().translate(_OTHER_SCRIPTS), text) if lexicon.OTHER_WORD.search(text) else text
    text = _CHANGES.sub("Answer: ", lexicon.NEAREST.sub(r"\1", text) if "est to" in text else text)
    text = _CONTRAST.sub(lambda hit: next((f"{verb} " for verb in hit.groups() if verb), ""), text)
    return _CUT_SHORT.sub(r"\1 ", lexicon.SPACES.sub(" ", ending(text)).replace("~", " ~ ").replace("***", "**"))


def _heading(hit: re.Match[str]) -> str:
    """Return the text that stands for a heading in lenticular brackets: a letter in parentheses, an announcement or a new line."""
    return f"({hit['letter']})" if hit["letter"] else "\n答案：" if hit["answer"] else "\n"


@dataclass(frozen=True)
class Statement:
    """A passage that may hold the choice and its start: the content of a box, the text after an announcement or before "is correct"."""

    begins: int
    text: str
    boxed: bool = False


def statements(text: str) -> list[Statement]:
    """Return the statements, the last first; a box within an announced line follows that line, unless the line begins with it."""
    speech = sorted(_speech(text), key=lambda item: item.begins)[-LAST:]
    found_match = list(reversed(speech))
    for box in _last_box(text):
        place = next((place for place, item in enumerate(found_match) if item.begins <= box.begins), len(found_match))
        holds = (
            place < len(found_match)
            and box.begins < found_match[place].begins + len(found_match[place].text)
            and not _BOX_FIRST.match(found_match[place].text)
        )
        found_match.insert(place + holds, box)
    return found_match


_BESIDE_A_BOX = lazy_pattern(r"box(?:ed)?\s?\{[^\n]{1,40}\}[\s$]*[-+*/|~][\s$]*\Z")  # C/D: both are named


def stands(text: str, box: Box, figures: str) -> bool:
    """Return True if nothing around a box takes away what it holds. `figures`: the text before it, with figures in place of its boxes."""
    rest, next_match, _ = text[box[2] : box[2] + _NEAR].partition("\\boxed")
    beside = next_match and _BETWEEN_BOXES.fullmatch(rest)
    speech = figures[: box[1]] + text[box[1] :]
    return (
        (stands_alone(text, box) or _BESIDE_A_BOX.search(text, 0, box[1]) is not None)  # a letter in a sum is no option
        and not is_denied(speech, box[1], None if beside else box[2], boxed=True)
        and bool(beside or not denied_after(rest))
    )


def _last_box(text: str) -> list[Statement]:
    """Return the last box that holds something, joined to those before that stand beside it; an empty list without a box."""
    hit = boxes(text)
    figures = with_figures(text, hit)
    found_match = [box for box in hit if not is_mention(box[0]) and stands(text, box, figures)]
    if not found_match:
        return []
    content, start, _ = found_match[-1]
    if _CROSSED_PATTERN.search(content):
        return []
    for earlier, begins, end in reversed(found_match[:-1]):
        between = text[end:start]
        if earlier.strip() == content.strip() or not (_BETWEEN_BOXES.fullmatch(between) or not _ENDED_PATTERN.search(between)):
            break
        content, start = f"{earlier} , {content}", begins
    return [Statement(found_match[-1][1], without_style(content), boxed=True)]


def _speech(text: str) -> Iterator[Statement]:
    """Yield the text after each announcement, from the same line or the next, and each clause that says "is correct"."""
    begins = [begins for _, begins in zip(range(LAST), (item for _, item in announcements(text)), strict=False)]
    corrections = {found_match.end() for found_match in INSTEAD.finditer(text)}
    for place in {*begins, *(found_match.end() for found_match in _CHOOSES.finditer(text)), *corrections}:
        statement = text[place : place + LONGEST_STATEMENT]
        line = first_line(statement.lstrip(" \t\n*_:#"))
        if (place in corrections or not is_denied(text, place)) and not lexicon.OTHER_THAN_RIGHT.search(text, max(0, place - 80), place):
            yield Statement(place + max(0, statement.find(line)), without_style(line))
    for found_match in _CALLED_RIGHT.finditer(text):
        words, letter = found_match["words"], found_match[2] or found_match[3]
        if not _IS_CHOSEN.search(words) and not (
            _NAMES_OPTION.search(words) and (_IS_SO.search(words) or found_match["last"] or lexicon.NO_COPULA.search(words))
        ):
            continue
        if _TAKEN_BACK_ABROAD.search(text, found_match.end(), found_match.end() + _NEAR):
            continue
        ends = text.find("\n", found_match.end())
        rest = text[found_match.end() : ends if ends >= 0 else len(text)][:LONGEST_STATEMENT]
        yield Statement(found_match.start(2 if found_match[2] else 3), f"{letter.upper()}{' ' if rest[:1].isalnum() else ''}{rest}")
    for found_match in _CORRECT.finditer(text):
        statement = next(filter(None, found_match.groups()), "") if not lexicon.LIMITS.match(text, found_match.end()) else ""
        yield Statement(
            found_match.start(), _LAST_CLAUSE.sub("", lexicon.OPENING.sub("", lexicon.CLAUSE_BEFORE.sub("", statement.strip())))
        )


def takes_back(rest: str) -> bool:
    """Return True if the text after a letter takes it back; what is said of other options does not count."""
    rest = lexicon.OPTION_I.sub("J", rest)
    statement_match = lexicon.SENTENCE_END.search(rest, 3)
    return bool(denied_after(rest, understood=False) or _TAKEN_BACK_ABROAD.search(rest[:200]) or lexicon.UNSURE.search(rest[:200])) or (
        statement_match is not None
        and not upholds(lexicon.OTHER_OPTIONS.split(rest[statement_match.start() :], maxsplit=1)[0], opens=False)
    )


_FAILS = lazy_pattern(
    r"(?i)\b(?:but|fails?|exclude[ds]?|discard\w*|eliminat\w*|rules?|ruled|reject\w*|contradict\w*|violat\w*|impossible"
    r"|too|worst|least|only some|some of|partly)\b"
)
NEGATION = lazy_pattern(
    r"(?i)\b(?:(?:incorrect|fals[aoe]|errad[ao]|errat[ao]|errón|sbagliat|faux|неверн|неверен|неправильн|falsch|onjuist|yanlış|błędn"
    r"|mistak)\w*|not|never|neither|nor|cannot|wrong|incorrect|false|none|except|doubt|disagree|nicht|kein|pas"
    r"|anything but|mistake|mistakenly|wrongly|tempting|trap|no (?:es|son)|n['’]est|ne|non è|não)\b|n['’]t\b|不|非|错"
    r"|아니|아닙|ありません|では?ない|じゃない"
)


def denies_letter(text: str, end: int) -> bool:
    """Return True if what is said of the letter that opens a sentence denies it or, after a bare letter, is not known to call it right."""
    if re.match(r"\W?[A-Z]\s+[a-z]", text) and end < 4:
        praise = lexicon.CALLS_RIGHT.match(text, end)
        if praise is None or lexicon.LIMITS.match(text, praise.end()):
            return True
    if lexicon.DEFINES.match(text, end):
        return True
    return lexicon.IS_SAID_OF_IT.match(text, end) is not None and bool(NEGATION.search(text, end) or _FAILS.search(text, end))


_CONCLUDED_PATTERN = lazy_pattern(r"(?:[,;.]\s*)?\b(?:so|hence|thus|therefore)\b[^=]{0,30}\Z|\s*(?:→|⇒|[=-]>)\s*\Z")
_NO_OPTION = lazy_pattern(
    r"(?i)\b(?:many|some|few|others|people|students|someone|not|never|neither|nor|cannot|except|wrong|incorrect|false|or|if|unless|maybe|perhaps|could|might|least|most|than|above|below|over|under|after|before|until|nearly|almost|between|up|about|approximately|roughly|around|but|mistake)\b|n['’]t\b|[≠不非]|\\(?:neq?|not|lnot)(?![a-z])"
)
_SUBJECT = lazy_pattern(r"(?i)\A(?!.*\\pm)[^.,;:?!|±\n]{2,80}\s\Z")


def before_letter(line: str, letter: str) -> str:
    """Return the text before a letter that ends a line and repeats it or follows from it: "14 (b)", "v = 14, so (b)"; else the line."""
    head = lexicon.AS_OPTION.sub("", line).removesuffix(f"({letter})").rstrip() if line.rstrip(")").endswith(letter) else line
    if head != line and (conclusion := _CONCLUDED_PATTERN.search(head)) and "=" in head[: conclusion.start()]:
        return head[: conclusion.start()].rpartition("=")[2].strip(" $*")
    return head


_OWN_LETTER = lazy_pattern(r"\(?[a-z][).:]+\s*\Z")  # to answer (a) red


def option_at_end(line: str, letters: str, options: Sequence[str]) -> str | None:
    """Return the letter of the option whose text ends a plain sentence, as in "the speed is 0.4 m/s", or None for any other line."""
    low = lexicon.OPENING.sub("", bare(line).strip()).rstrip(" .!*_").casefold()
    low = next((low[: -len(tail)] for other in options if low.endswith(tail := f", not {other.casefold()}")), low)
    if subject := lexicon.RELATIVE_SUBJECT.fullmatch(low):
        low, letter = subject["head"] + "is x", subject["letter"].upper()
        return letter if letter in letters and not _NO_OPTION.search(low) and not takes_away(row(low)) else None
    if low.endswith(")") and (marker := re.search(r"\s\(([a-z])\)\Z", low)):
        texts = dict(zip(letters.lower(), options, strict=False))
        low = low[: marker.start()] if low[: marker.start()].endswith(texts.get(marker[1], "\n").casefold()) else low
    ends = [(len(text), letter, text) for letter, option in zip(letters, options, strict=False) if (text := option.casefold())]
    ends = [item for item in ends if low.endswith(f" {item[2]}")]
    if not ends:
        return None
    length, letter, text = max(ends)
    head = _OWN_LETTER.sub("", low[: len(low) - length])
    if text[:1].isdigit() and re.search(r"(?:[-−<>≤≥]|\\[gl]eq?)\s?\Z", head):
        return None
    if re.search(rf"[,;:.]\s(?:so|thus|hence|therefore)(?:\sit(?:'s|\sis))?,?\s[(\[]?{letter.lower()}[)\].:,]+\s*\Z", head):
        return letter
    if not _SUBJECT.match(head) or _NO_OPTION.search(head) or takes_away(row(head)):
        return None
    probe = f"{head}is " if text.partition(" ")[0].endswith("s") and " " in text else head  # it stays the same
    if is_denied(f"{probe}{text}", len(probe), len(probe) + length):
        return None
    rivals = [other.casefold() for other in options if other.casefold() not in text]
    return None if any(re.search(rf"(?<!\w){re.escape(other)}(?!\w)", head) for other in rivals) else letter


_JUDGEMENT = lazy_pattern(
    r"(?<![A-Za-z0-9])[(\[]?([A-Z])[)\].:]{0,2}\s*(?i:(yes|true|correct|right|✓|✔️?|✅|☑)|no|false|incorrect|wrong|✗|✘|❌|❎)(?![A-Za-z])"
)
_JUDGED_LINE = lazy_pattern(
    r"(?i)\s*(?:[-*>•]\s*)?(?-i:[(\[]?([A-Z])[)\].:]{0,2})(?=\W)(?![^\n]*(?:\bnot\b|n['’]t\b|\?))[^\n]{0,200}?"
    r"(?:(?:[-–—:,(\s]\s*|\bis\s)(yes|true|correct|right|✓|✔️?|✅|☑)[\s).!*_]*)?"
)


def judged_alone(text: str, letters: str, *, several: bool = False) -> str | None:
    """Return the only letter called right, with `several` all, where the last line judges every option, (A) ✗ (B) ✓, or lines do."""
    lines = [line for line in text.rstrip().split("\n")[-3 * len(letters) :] if line.strip()]
    judged = {match[1]: match[2] is not None for match in _JUDGEMENT.finditer(lines[-1] if lines else "")}
    if {*judged} != {*letters}:
        judged = {hit[1]: hit[2] is not None for line in lines[-len(letters) :] if (hit := _JUDGED_LINE.fullmatch(bare(line)))}
    right = "".join(sorted(letter for letter, holds in judged.items() if holds))
    return right if right and (several or len(right) == 1) and len(judged) > 2 and {*judged} == {*letters} else None


Chain = Callable[[str], str | None]

# --- chains of benchmarks (the answer part of a reply goes in; `None` scores as wrong) ---------------------------------

_GPQA = lazy_pattern(r"(?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?")

_MARKS = ("**", "$\\boxed{", "}$", "\\$", "$\\text{", "$", "\\mathrm{", "\\{", "\\text", "\\(", "\\mathbf{", "{", "\\boxed")
_WORDS = (
    *(r"Answer\s*:", "Answer\\s*:\u200b+", r"উত্তর\s*:", r"उत्तर\s*:", "উত্তরঃ", r"Antwort\s*:", r"답변\s*:", r"정답\s*:", r"답\s*:"),
    *(r"答案\s*：", r"答案\s*:", r"答\s*：", r"答\s*:", r"答复\s*：", r"答曰\s*："),
    *("الإجابة:", "الجواب:", "إجابة:", "الإجابة النهائية:", "الإجابة الصحيحة:", "الإجابة الصحيحة هي:", "الإجابة هي:", "الجواب النهائي:"),
    *(r"Respuesta\s*:", r"Risposta\s*:", r"答え\s*:", r"答え\s*：", r"回答\s*:", r"回答\s*：", r"解答\s*:", r"Jawaban\s*:", r"Réponse\s*:"),
    *(r"Resposta\s*:", r"Jibu\s*:", r"Idahun\s*:", r"Ìdáhùn\s*:", r"Idáhùn\s*:", r"Àmọ̀nà\s*:", r"Àdáhùn\s*:", r"Ànúgọ\s*:", r"Àṣàyàn\s*:"),
)
_MMLU = tuple(lazy_pattern(rf"(?i){word}[ \t]*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])") for word in _WORDS)
_LATIN = str.maketrans("أبجدঅবডঢＡＢＣＤ", "ABCDABCDABCD")

_PRO_SAID_PATTERN = lazy_pattern(r"answer is \(?([A-J])\)?")
_PRO_ANSWER = lazy_pattern(r"(?=[aA]nswer:\s*([A-J]))")
_PRO_LONE = lazy_pattern(r"\b[A-J]\b")


def gpqa(text: str) -> str | None:
    """Return the letter of a GPQA reply as simple-evals reads it: the first `Answer: X`."""
    found_match = _GPQA.search(text)
    return found_match[1] if found_match else None


def mmlu(text: str) -> str | None:
    """Return the letter of an MMLU reply as simple-evals reads it: without marks, the first hit of each language's "answer" in turn."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    found_match = next((hit for word in _MMLU if (hit := word.search(text))), None)
    return found_match[1].translate(_LATIN) if found_match else None


def mmlu_pro(text: str) -> str | None:
    """Return the letter by MMLU-Pro's steps: first `answer is (X)`, last `Answer: X` of the first line that has one, last lone capital."""
    text = text.replace("**", "")
    if statement := _PRO_SAID_PATTERN.search(text):
        return statement[1]
    return _pro_answer(text) or (lone[-1] if (lone := _PRO_LONE.findall(text)) else None)


def _pro_answer(text: str) -> str | None:
    """Match `.*[aA]nswer:\\s*([A-J])` in steps, since that expression takes quadratic time on a long line."""
    letter, end = None, -1
    for found_match in _PRO_ANSWER.finditer(text):
        if letter is not None and found_match.start() > end:
            break
        end = text.find("\n", found_match.start()) if letter is None else end
        end = len(text) if end < 0 else end
        letter = found_match[1]
    return letter


CHAINS: dict[str, Chain] = {"gpqa": gpqa, "mmlu": mmlu, "mmlu-pro": mmlu_pro}
