"""Which option a reply chooses, read without knowing which is right: one letter, or none where it offers several, hedges or denies.

The last thing said counts: a box, an announcement ("the answer is", "C is correct", 故选), a correction ("actually, it's D"), else all that
a reply says, its last line or its first. A letter within a formula is no letter of an option."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aha.answers.announcing import announcements
from aha.answers.boxes import boxes, is_mention
from aha.answers.claims import NOT_THAT, first_line, own_part, unstyled
from aha.answers.numbers import rational
from aha.answers.surroundings import DENIED, around
from aha.answers.symbols import ending
from aha.answers.words import INVISIBLE, bare, folded
from aha.types import Wrong

LONGEST_STATEMENT = 2_000
LAST = 20  # statements that are looked at, from the end
SEVERAL = Wrong("several options")
NONE = Wrong("no option is named")

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OPEN, _CLOSE = r"[(\[<{\"'“”‘’«「*_ ]*", r"[)\]>}\"'“”‘’»」*_ ]*"
_MARKER = re.compile(
    rf"{_OPEN}(?:([A-Z])|([a-z])(?=[)\]>}}\"'”’]*\s*[)\]>}}\"'.:]|{_CLOSE}\W*$)){_CLOSE}(?![A-Za-z0-9+#^_\\])(?!\s*(?:[=<≤≥≠]|\\(?:[gln]eq?|in|cap|cup|approx|to)(?![a-z])))"
)
_FORMULA = re.compile(r"\\\(.{1,400}?\\\)|\\\[.{1,400}?\\\]|\$\$[^$]{1,400}\$\$|\$[^$\n]{1,400}\$", re.S)
_ONE_LETTER = re.compile(r"[\s$\\()\[\]{}.:*]*(?:(?:text|textbf|mathrm|mathbf|boxed|bf)\b[\s{(\[*]*)*[A-Za-z][\s)}\]$\\.:*]*")

_LETTER_NEXT = rf"(?=(?:option\s+|choice\s+)?{_OPEN}[A-Z](?![A-Za-z]))"
_CHOOSES = re.compile(
    r"(?i)\b(?:choose|chose|pick|select|go with|going with|opt for|i(?:'d| would) say|leav(?:es|ing)(?: only)?)\b"
    r"|(?<!wrong )(?<!incorrect )\b(?:options?|choices?|letter)\b(?:[^.\n:=]{0,40}?\bis\b\s*:?|\s*[:=])"
    rf"|(?<!不)(?<!不能)(?<!不应)选(?:择|项(?=[:是为])|(?!项))|\b(?:final )?(?:choice|answer)\s*-\s|\bit(?:'s|’s| is| must be"
    rf"| should be)\s+(?-i:{_LETTER_NEXT})"
)
_CORRECT = re.compile(
    r"(?i)(?:^|(?<=[.!?;。\n]))([^.!?;。\n]{0,160}?)(?:\b(?:is|was)\s+(?:therefore\s+|thus\s+|clearly\s+)?(?:(?:the|my|our)\s+)?"
    r"(?:only\s+)?(?:(?:final |correct |right |best )?answer|correct|right|best|true)\b|\b(?:ist|est|es|è)\s+(?:richtig"
    r"|korrekt|correcte?|juste|vraie?|correct[ao]|giust[ao])\b)"
    r"|(?:^|(?<=[.!?;。,\n]))([^.!?;。,\n]{0,60}?)(?<!不)(?:是正确|正确|が正解|が正しい|이 정답|가 정답)"
)
_BUT = re.compile(
    r"(?i)\b(all|every(?:thing| option)?|none|nothing)\b[^.\n]{0,30}?\b(?:except|but|other than|besides)\b\s*(?:for\s+)?(?:option\s+)?"
    rf"{_OPEN}(?-i:([A-Z]))\b{_CLOSE}\s*(?:is|are|was|were)\s+(?:all\s+)?(wrong|incorrect|false|right|correct|true)\b"
)
_INSTEAD = re.compile(
    r"(?i)(?:[.!?;,\n—–]\s*)(?:(?:actually|wait|no|correction|sorry|oops|hmm|on second thoughts?|rather|scratch that)\b[,.:!\s—–-]*)+"
    rf"(?:(?:it(?:'s|’s| is| should be| must be)|the (?:\w+ )?answer (?:is|should be|must be)|i mean|make (?:it|that))\b"
    rf"[:\s]*)?(?-i:{_LETTER_NEXT})"
)
_FILLER = re.compile(
    r"(?i)^(?:[\s,:：\"“”'‘>#*]+|-\s(?!\s*[0-9.])|(?:so|thus|hence|therefore|clearly|definitely|simply|indeed|then|probably|likely"
    r"|most likely|it is|it's|"
    r"it must be|that is|the|correct|right|final|best|answer|options?|choice|letter|is|are|be|i think|i believe|i would say|antwort"
    r"|opci[óo]n|letra|lettre|buchstabe|donc|also)\b(?!\))(?=\W)|所以|因此|故|应该|选项|应选|选择|选|是|为|は|은|는)+"
)
_LINK = (
    r"(?:\s*(?:[,;、/&|~+?]|-+>|→|[-–—](?!\s*[a-z])|\b(?:and|or|nor|then|und|oder|et|ou|y|o|e|to)\b|或者?|和|与|及|または|と"
    r"|또는|와|과)\s*)+"
)
_ANOTHER = re.compile(
    rf"(?i)^[)\].]*\s*(?:\(?{_LINK}(?:(?:maybe|possibly|perhaps|also|even|either|option|choice|the)\b\s*|选项)?|(?<=\s))"
    rf"{_OPEN}(?-i:([A-Z])){_CLOSE}(?![A-Za-z0-9'’])"
)
_MORE = rf"(?:\s*(?:,|、|\band\b|\bor\b|&|和|与)\s*)+{_OPEN}(?-i:[A-Z]){_CLOSE}(?![A-Za-z0-9])"
_JUDGED = re.compile(  # something is said of these letters, other than that they are right too
    rf"(?i)(?:{_MORE})*\s*(?:(?:is|are|was|were|being|seems?|looks?)\b"
    r"(?!\s+(?:also\s+|equally\s+|both\s+|all\s+)?(?:correct|right|possible|true|valid|plausible|acceptable|fine)\b)"
    r"|(?:does|do|has|have|had|would|can|could|cannot|needs?|fails?|gives?|requires?|contradicts?|ignores?|says|describes?|refers?|means|leads)\b"
    r"|[:：]\s*\S|都?错|都?不)"
)
_DENIED = re.compile(
    r"(?i)^[)\].\s]*(?:,?\s*which\s+)?(?:is|was|选项|项|是|ist|est|es)?\s*(?:also\s+)?(?:not\b|n['’]t\b|wrong\b|incorrect\b|false\b|falsch\b|nicht\b|错|不)"
)
_DENIED_AFTER = re.compile(r"(?i)[)\].\s]*(?:이|가|は|が)?\s*(?:아닙|아니|では?(?:あり|ない)|じゃ|(?:is|was)\s+(?:too|impossible)\b)")
_CROSSED = re.compile(r"\\(?:[xb]?cancel|sout|lnot|neq?|phantom)(?![A-Za-z])|~~")
_DOUBTS_IT = re.compile(
    r"(?i)(?:\b(?:doubt|disagree|mistake is to|not (?:think|believe|sure)|n['’]t (?:think|believe))\b[^.\n]*"
    r"|\b(?:people|many|some|others?|students|they|you)\s+(?:would |might |may )?(?:choose|chose|pick|select"
    r"|opt for))\s*(?:answer|it is|it['’]s|that)?\W*\Z"
)
_ONE_OF = re.compile(r"(?i)\s*(?:one of|i am torn|i['’]m torn|between)\b")
_UNFINISHED = re.compile(r"(?i)\b(?:but|not|than|except|never)\W*\Z")
_STRUCK = re.compile(r"\W*~~[^~]*~~\W*")
_LINKED = re.compile(rf"(?i)\s*[)\].]*\s*\(?{_LINK}")
_DOUBTED = re.compile(r"(?i)\s*(?:nicht|not|never|anything but|i (?:doubt|do not|don['’]t|am torn)|i['’]m torn|between|one of)\b")
_HEDGED = re.compile(
    r"(?i)\bor (?:maybe|perhaps|possibly|it (?:could|might))\b|\bbut (?:it )?(?:might|may|could)(?: also)? be\b"
    r"|\bif \w+ is\b|\binstead of\s*\Z"
)
_ALSO = re.compile(
    r"(?-i:\b([A-Z]))\b\s*(?:is|are|could be|may be|might be|would be)\s+(?:also|equally|both)\s+(?:correct|right|possible|true|valid)",
    re.I,
)
_NEGATED = re.compile(
    r"(?i)\b(?:not|never|neither|nor|cannot|wrong|incorrect|false|none|except|doubt|disagree|nicht|kein|pas"
    r"|anything but|mistake|no es|no est|non è)\b|n['’]t\b|不|非|错|아니|아닙|ではあり|ではな|じゃな"
)
_LONE = re.compile(r"(?<![A-Za-z0-9'’\\_^{°])(?<![0-9°] )([A-Z])(?![A-Za-z0-9'’_^])(?!\s*[=<>+*/^≤≥])")
_LISTED = re.compile(r"(?<!\S)[(\[]?([A-Z])[)\].:](?=\s)")
_POINTED = re.compile(
    r"(?i)(?:\b(?:option|choice|letter|opci[óo]n)s?|选项?)\s*[(\[]?(?-i:([A-Z]))(?![A-Za-z0-9'’])|(?<![A-Za-z0-9])[(\[](?-i:([A-Z]))[)\]]"
)
_WORD_AFTER = re.compile(r"\s+(?!(?:or|and|is|nor|are|because|since|as|but|then|was|being)\b)[a-z]")
_SENTENCE = re.compile(r"[.;。；\n]\s|\n|。")
_MARKED_LINE = re.compile(r"\s*(?:[-*>]\s*)?[(\[]?([A-Z])(?:[)\].:]|\s*$)")
_BETWEEN_BOXES = re.compile(r"(?i)[\s,;$、，；/|&.~]*(?:\\quad|\\text\{\s*(?:or|and|then)\s*\}|\b(?:or|and|then)\b|或者?|和)?[\s,$]*")
_PRIMED = re.compile(r"[A-Za-z]['’]")
_LETTER_ALONE = re.compile(r"\(?[A-Z]\)?[.:]?")
_BOX_FIRST = re.compile(r"[$*(\[{\\\s]*f?boxed")
_BOX_OPTION = re.compile(r"(?i)[^()]{0,80}\((?:option|choice|answer)\s+(?-i:([A-Z]))\)")
_SETS = re.compile(r"(?i)(?:[\s,;、/&.()\[\]{}:*\"'“”]|\band\b|\bund\b|\bet\b|\boptions?\b|\bonly\b|和|与|及|と|와|과|选项?)*")


def chosen(answer: str, options: Sequence[str] = (), count: int = 10, *, several: bool = False) -> str | Wrong:
    """The letter that an answer commits to; of `options` where their texts are known, else of the first `count` letters.

    `several`: of a question with several right letters, all that it names, in the order of the alphabet."""
    reader = _reader(tuple(options), count, several)
    text = (
        INVISIBLE.sub("", unicodedata.normalize("NFKC", own_part(ending(answer))))
        .replace("\\ ", " ")
        .replace("~", " ~ ")
        .replace("\\lor", " or ")
        .replace("\\vee", " or ")
    )
    if _STRUCK.fullmatch(answer[-200:]):
        return NONE
    for statement in _statements(text):
        letter = reader.boxed(statement.text) if statement.boxed else reader.statement(statement.text, announced=True)
        if letter is not NONE:
            return letter
    return reader.unannounced(text)


@dataclass(frozen=True)
class _Statement:
    """What may hold the choice, and where it begins: within a box, else after an announcement or before "is correct"."""

    begins: int
    text: str
    boxed: bool = False


def _statements(text: str) -> list[_Statement]:
    """The last first; a box within an announced line comes after what the line begins with."""
    spoken = sorted(_spoken(text), key=lambda each: each.begins)[-LAST:]
    found = list(reversed(spoken))
    for box in _last_box(text):
        place = next((place for place, each in enumerate(found) if each.begins <= box.begins), len(found))
        holds = place < len(found) and box.begins < found[place].begins + len(found[place].text) and not _BOX_FIRST.match(found[place].text)
        found.insert(place + holds, box)
    return found


def _last_box(text: str) -> list[_Statement]:
    """The last box that holds something; with the one before it where they stand side by side."""
    found = [box for box in boxes(text) if not is_mention(box[0]) and around(text, box) is not DENIED]
    if not found:
        return []
    content, start, _ = found[-1]
    if _CROSSED.search(content):
        return []
    if len(found) > 1 and found[-2][0].strip() != content.strip() and _BETWEEN_BOXES.fullmatch(text[found[-2][2] : start]):
        content = f"{found[-2][0]} , {content}"
    return [_Statement(start, unstyled(content), boxed=True)]


def _spoken(text: str) -> Iterator[_Statement]:
    """What follows an announcement, to the end of its line or on the next, and what "is correct"."""
    begins = [begins for _, begins in zip(range(LAST), (each for _, each in announcements(text)), strict=False)]
    for place in {*begins, *(found.end() for found in _CHOOSES.finditer(text)), *(found.end() for found in _INSTEAD.finditer(text))}:
        said = text[place : place + LONGEST_STATEMENT]
        line = NOT_THAT.sub("", first_line(said.lstrip(" \t\n*_:#")))
        if not _BOX_FIRST.match(line) and "~  ~" not in line and not _DOUBTS_IT.search(text, max(0, place - 70), place):
            yield _Statement(place + max(0, said.find(line)), unstyled(line))
    for found in _CORRECT.finditer(text):
        yield _Statement(found.start(), found[1] or found[2] or "")


@dataclass(frozen=True)
class _Reader:
    """Reads statements against one question's options: `letters` that there are, and who has which text, by three ways to compare."""

    letters: str
    texts: tuple[Mapping[object, str], ...]
    longest: int
    several: bool
    options: tuple[str, ...] = ()

    def boxed(self, text: str) -> str | Wrong:
        """The letter that a box holds: alone, before its option's text or as `(option B)`, never within a formula."""
        plain = bare(text).strip()
        if (named := self.named(plain)) is not NONE and not _LETTER_ALONE.fullmatch(plain):
            return named
        if self.several or len(self._listed(plain)) > 1:
            return self._set(plain)
        if found := _BOX_OPTION.fullmatch(plain):
            return found[1] if found[1] in self.letters else NONE
        marker = _MARKER.match(_FILLER.sub("", plain, count=1))
        if marker is None or _PRIMED.match(plain):
            return NONE
        letter, rest = (marker[1] or marker[2]).upper(), _FILLER.sub("", plain, count=1)[marker.end() :]
        if letter not in self.letters:
            return NONE
        text = rest.strip(" .:,-–—)]=\"'”").lstrip()
        worded = re.search(r"[.:,)\]~–—-]\s*\Z", marker.group()) or rest[:1] in ".:,)]-–—~" or re.match(r"\s*(?:\w+\s+)*\w{3}", text)
        return self.beside(letter, rest) if not text or (worded and not re.search(r"[\\=<>^_+]", text)) else NONE

    def _listed(self, text: str) -> set[str]:
        """The letters of a text that is nothing but letters set apart."""
        return {*re.findall("[A-Z]", text)} if _SETS.fullmatch(re.sub(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", "", text)) else set()

    def _set(self, text: str) -> str | Wrong:
        """All the letters of a list, `ACD` or `A, C and D`."""
        text = re.sub(r"\b[A-Z]{2,10}\b", lambda found: ",".join(found.group()), text) if self.several else text
        found = self._listed(text)
        if not found or not found <= {*self.letters}:
            return NONE
        return "".join(sorted(found)) if self.several else SEVERAL

    def statement(self, text: str, *, announced: bool) -> str | Wrong:
        """The letter of one statement; an announced one may stand among words, another only at its start or as "option C", "(C)"."""
        whole = bare(text).strip()
        if (named := self.named(whole)) is not NONE and not _LETTER_ALONE.fullmatch(whole):
            return named
        text = (
            whole
            if self.several
            else bare(_FORMULA.sub(lambda found: found.group() if _ONE_LETTER.fullmatch(found.group()) else " ¤ ", text)).strip()
        )
        if but := _BUT.search(text):
            positive = but[3].lower() in ("right", "correct", "true")
            return but[2] if but[2] in self.letters and positive == (but[1].lower() in ("none", "nothing")) else NONE
        if len({*_LISTED.findall(text)} & {*self.letters}) >= min(4, len(self.letters)):
            return SEVERAL  # the question said again
        if _DOUBTED.match(text) or "~~" in text:
            return SEVERAL if _ONE_OF.match(text) else NONE
        if corrected := _INSTEAD.search(text):
            return self.statement(text[corrected.end() :], announced=True)
        if re.match(r"(?i)\s*(?:either|both)\b", text) and not self.several:
            return SEVERAL
        text = _FILLER.sub("", text, count=1)
        if self.several:
            return self._several(text)
        for part in (text, _SENTENCE.split(text, maxsplit=1)[0]):
            if (named := self.named(part)) is not NONE and not _LETTER_ALONE.fullmatch(part.strip()):
                return named
        marker = _MARKER.match(text)
        if marker and not (marker[1] and self._article(text, marker.end(1))):
            letter = (marker[1] or marker[2]).upper()
            return self.beside(letter, text[marker.end() :]) if letter in self.letters else NONE
        return self.among(text, _LONE if announced else _POINTED)

    def _several(self, text: str) -> str | Wrong:
        """The letters that a statement begins with, as far as its sentence goes."""
        if re.match(r"(?i)[^.;\n]*?\b(?:is|are)\s+(?:not|wrong|incorrect|false|too)\b", text) and not re.search(r"(?i)because|since", text):
            return NONE
        for part in (
            text,
            _SENTENCE.split(text, maxsplit=1)[0],
            re.split(r"(?i)\s+(?:because|since|as|are|is)\b|:| \(", text, maxsplit=1)[0],
        ):
            if (found := self._set(part)) is not NONE:
                return found
        return NONE

    def named(self, text: str) -> str | Wrong:
        """The letter of the option whose text this is, where exactly one has it."""
        for texts, key in zip(self.texts, _keys(text) if self.texts and len(text) <= self.longest else (), strict=False):
            if hits := texts.get(key):
                return hits if len(hits) == 1 else Wrong("a text that several options share")
        return NONE

    def beside(self, letter: str, rest: str) -> str | Wrong:
        """The letter, unless what follows denies it, adds another, takes it back, or is the text of another option."""
        if _DENIED.match(rest) or _DENIED_AFTER.match(rest):
            return NONE
        if _HEDGED.search(rest):
            return SEVERAL
        if corrected := _INSTEAD.search(rest):
            return self.statement(rest[corrected.end() :], announced=True)
        after = self._after_own(letter, rest)
        if _DENIED.match(after) or _DENIED_AFTER.match(after):
            return NONE
        link = _LINKED.match(after)
        if (
            link
            and isinstance(other := self.named(_SENTENCE.split(after[link.end() :], maxsplit=1)[0].strip(" .()")), str)
            and other != letter
        ):
            return SEVERAL
        another = _ANOTHER.match(rest) or _ANOTHER.match(after)
        source = another.string if another else ""
        adds = another and another[1] in self.letters and another[1] != letter and not self._article(source, another.end(1))
        if another and adds and not _JUDGED.match(source, another.end()):
            return SEVERAL if self.named(rest.strip(" .:,-–—)]")) != letter else letter
        if any(also != letter and also in self.letters for also in _ALSO.findall(rest)):
            return SEVERAL
        text = rest.strip(" .:,–—)]=\"'”").lstrip()
        for part in (text, _SENTENCE.split(text, maxsplit=1)[0]) if text else ():
            if (named := self.named(part)) not in (NONE, letter) and isinstance(named, str):
                return Wrong(f"letter {letter} beside the text of option {named}")
        return letter

    def _after_own(self, letter: str, rest: str) -> str:
        """What follows the letter and its own option's text."""
        place = _ALPHABET.index(letter)
        own = bare(self.options[place]).strip() if place < len(self.options) else ""
        text = rest.lstrip(" .:,–—)]=~(\"'”" + ("" if own.startswith("-") else "-"))
        return text[len(own) :] if own and text.lower().startswith(own.lower()) else rest

    def among(self, text: str, pattern: re.Pattern[str]) -> str | Wrong:
        """The one letter that a text names, nothing being denied in it."""
        found = [match for match in pattern.finditer(text) if not self._article(text, match.end())]
        letters = {letter for match in found if (letter := next(filter(None, match.groups()))) in self.letters}
        if len(letters) > 1:
            return SEVERAL
        return NONE if not letters or _NEGATED.search(text) else letters.pop()

    def unannounced(self, text: str) -> str | Wrong:
        """The letter of a reply that announces nothing: all of it, else its last line, else its first."""
        for _, start, end in reversed(boxes(text)):
            text = f"{text[:start]} {text[end:]}"
        lines = [line for line in text.strip().splitlines() if line.strip() and not _CROSSED.search(line)]
        if len({match[1] for line in lines if (match := _MARKED_LINE.match(bare(line)))} & {*self.letters}) > 1 and not self.several:
            return SEVERAL
        if len(lines) > 1 and _UNFINISHED.search(lines[-2]):
            return NONE
        for line in (lines[-1], lines[0]) if lines else ():
            if (letter := self.statement(unstyled(line), announced=False)) is not NONE:
                return letter
        return NONE

    def _article(self, text: str, end: int) -> bool:
        """Whether the letter that ends here is the word "a" or "I" rather than an option."""
        start = text[max(0, end - 2) : end].strip("([ ")[-1:]
        return start in ("A", "I") and _WORD_AFTER.match(text, end) is not None


@lru_cache(maxsize=256)
def _reader(options: tuple[str, ...], count: int, several: bool) -> _Reader:
    letters = _ALPHABET[: len(options) or count]
    texts: tuple[dict[object, str], ...] = ({}, {}, {}) if options else ()
    for letter, option in zip(letters, options, strict=False):
        for known, key in zip(texts, _keys(bare(option)), strict=True):
            if key:
                known[key] = known.get(key, "") + letter
    longest = 2 * max(map(len, options), default=0) + 100  # no longer text says the same
    return _Reader(letters, texts, longest, several, options)


def _keys(text: str) -> Iterator[object]:
    """What equal options share: the text, the words, the number."""
    yield text.strip()
    yield folded(text, articles=True)
    value = rational(text) if len(text) < 100 else None
    yield value and (value.exact, value.percent)
