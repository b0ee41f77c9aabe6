"""The option that a reply chooses, read without knowing which is right: one letter, or none if it offers several, hedges or denies.

The last statement counts: a box, an announcement ("the answer is", "C is correct", 故选) or a correction ("actually, it's D"). Without one,
the last line of the reply is read, or its first. A letter within a formula is not the letter of an option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aha.answers import lexicon
from aha.answers.claims import CLOSER, own_part
from aha.answers.closings import UNDECIDED_WORDS, is_denied
from aha.answers.context import denied_after
from aha.answers.grammar import plainly_chosen, without_rival, without_texts
from aha.answers.numbers import option_keys
from aha.answers.replies import boxes, is_mention, with_figures
from aha.answers.statements import (
    CLOSE,
    CONCEDES,
    DENIED_AFTER,
    INSTEAD,
    INTRODUCTION,
    NEGATION,
    OPEN,
    UNREAD,
    before_letter,
    denies_letter,
    judged_alone,
    option_at_end,
    readable,
    stands,
    statements,
    takes_back,
)
from aha.answers.surroundings import without_style
from aha.answers.symbols import bare, ending
from aha.lazy import lazy_pattern
from aha.types import Wrong

SEVERAL, NONE = Wrong("several options"), Wrong("no option is named")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKER = lazy_pattern(
    rf"{OPEN}(?:([A-Z])|([a-z])(?=[)\]>}}\"'”’]*\s*[)\]>}}\"'.:]|{CLOSE}\W*$)){CLOSE}(?![A-Za-z0-9+#^_\\])(?!['’][A-Za-z]|-[A-Za-z]{{2}}|\.[A-Z](?![a-z]))(?!\s*(?:[=<≤≥≠∩∪]|\\(?:[gl]eq?|[gl]t|neq?|cap|cup|in|subset|setminus|times|cdot)\b))"
)
_FORMULA = lazy_pattern(r"\\\(.{1,400}?\\\)|\\\[.{1,400}?\\\]|\$\$[^$]{1,400}\$\$|\$[^$\n]{1,400}\$", re.S)
_ONE_LETTER = lazy_pattern(r"[\s$\\()\[\]{}.:*]*(?:(?:text|textbf|mathrm|mathbf|boxed|bf)\b[\s{(\[*]*)*[A-Za-z][\s)}\]$\\.:*]*")
_ANOTHER_PATTERN = lazy_pattern(
    rf"(?i)^[)\].]*\s*(?:\(?{lexicon.LINK}(?:(?:maybe|possibly|perhaps|also|even|either|option|choice|the)\b\s*|选项)?|(?<=\s))"
    rf"{OPEN}(?-i:([A-Z])){CLOSE}(?![A-Za-z0-9'’])"
)
_MORE = rf"(?:\s*(?:,|、|\band\b|\bor\b|&|和|与)\s*)+{OPEN}(?-i:[A-Z]){CLOSE}(?![A-Za-z0-9])"
_JUDGED_PATTERN = lazy_pattern(  # these letters get a judgement other than "also right"
    rf"(?i)(?:{_MORE}){{0,9}}(?:\s?\([^()\n]{{1,60}}\))?\s*(?:(?:each|all|both)\s+)?(?:(?:is|are|was|were|being|seems?|looks?)\b"
    r"(?!\s+(?:also\s+|equally\s+|both\s+|all\s+)?(?:correct|right|possible|true|valid|plausible|acceptable|fine|good|strong|likely|defensible)\b)"
    r"|(?:does|do|has|have|had|would|can|could|cannot|needs?|fails?|gives?|requires?|contradicts?|violates?|ignores?|says|describes?|refers?|means|leads)\b"
    r"|[:：]\s*\S|都?错|都?不)"
)
_DENIED_PATTERN = lazy_pattern(
    r"(?i)^[)\].\s]*(?:,?\s*which\s+)?(?:n['’]est\b|no\s(?:es|son)\b|non\s[eè]\b|não\sé\b|не\b|nie\sjest\b|(?:is|was|选项|项|是|ist|est|es)?\s*(?:also\s+)?(?:not\b|n['’]t\b"
    r"|(?:the )?least\b|unlikely\b|hardly\b|far from\b|değil|niet\b|नहीं|ไม่|❌|✗|✘|🚫|❎|wrong\b|incorrect[aoe]?s?\b|false\b|fals[ao]\b"
    r"|falsch\b|nicht\b|faux\b|fausse\b|errad[ao]\b|errat[ao]\b|sbagliat[ao]\b|неверен|неверн|неправил"
    r"|błędn|niepoprawn|yanlış|salah\b|onjuist|fout\b|错|不|以外))"
)
_OF_A_LETTER = lazy_pattern(r"(?<![^\W\d_])(?<!['’])(?<![0-9]\s)(?<![0-9])(?![oyeu]\s)[a-z]\s?\([A-Z]\)")
_LONE = lazy_pattern(
    r"(?<![A-Za-z0-9'’\\_^{°])(?<![0-9°] )(?<![+*/^<≤≥] )(?<![+*/^<≤≥-])([A-Z])(?![A-Za-z0-9'’_^]|-[a-z]{2})(?!\s*[=<>+*/^≤≥])"
)
_LISTED_PATTERN = lazy_pattern(r"(?<!\S)[(\[]?([A-Z])[)\].:](?=\s)")
_POINTED_PATTERN = lazy_pattern(
    r"(?i)(?:\b(?:option|choice|letter|opci[óo]n|alternativ[ae]|letra|lettre|opzione|r[ée]ponse|antwort|respuesta|resposta|risposta|вариант|ответ)s?|选项?)\s*[(\[]?(?-i:([A-Z]))(?![A-Za-z0-9'’])|(?<![A-Za-z])[(\[](?-i:([A-Z]))[)\]]"
)
_MARKED_LINE = lazy_pattern(r"\s*(?:[-*>]\s*)?[(\[]?([A-Z])(?:[)\].:]|\s*$)")
_PRIMED_PATTERN, _SENTENCE = lazy_pattern(r"[A-Za-z]['’]"), lazy_pattern(r"[.;。；\n]\s|\n|。")
_NOT_THESE_PATTERN = lazy_pattern(r"(?i)(?<=[\w)\]])[,\s]+(?:(?:and |but )?not|instead of|rather than)\s.*", re.S)
_LEADING_SUBJECT = lazy_pattern(
    r"(?i)\A(?:(?:it|this|that|the (?:answer|value|result)) (?:is )?|(?:(?-i:[a-z])['′]?(?:\([a-z]\))?\s?)?=\s?)"
)
_LETTER_ALONE, _MARKS = map(lazy_pattern, (r"\(?[A-Z]\)?[.:]?", r"[\s()\]}.:,~*\"'”’–—]*"))
_ORDER = lazy_pattern(r"[<>≤≥]|\\(?:[gl]e|[gl]eq|[gl]t|neq?)(?![a-z])")
_RIGHT_TOO = lazy_pattern(r"(?i)\s*(?:also |all |both |the |only )*(?:correct|right|true|valid|answers?)\b")
_BOX_OPTION = lazy_pattern(r"(?i)[^()]{0,80}\((?:option|choice|answer)\s+(?-i:([A-Z]))\)")
_OWN_TEXT = lazy_pattern(r"(?<![A-Za-z])([A-Z])[)\].]?\s\(([^()\n]{1,80})\)")
_CAPITAL = lazy_pattern(r"(?<![A-Za-z])[A-Z](?![A-Za-z])")
_SMALL = lazy_pattern(r"(?<![A-Za-z])[a-z](?![A-Za-z])")
_SETS = lazy_pattern(
    r"(?i)(?:[\s,;、/&+.()\[\]{}:*\"'“”]|\band\b|\b(?:und|et|y|e|en|och|og|dan|và|ve|и)\b|\boptions?\b|\bonly\b|\bboth\b|和|与|及|と|와|과|选项?)*"
)


def chosen(answer: str, options: Sequence[str] = (), count: int = 10, *, several: bool = False) -> str | Wrong:
    """Return the letter that an answer commits to, of `options` if their texts are known, else of the first `count` letters; else Wrong.

    With `several`, the question has several right letters: return all that the answer names, in alphabetical order."""
    reader = _reader(tuple(options), count, several)
    answer = lexicon.SIGNED_BOX.sub(r"\\boxed{-\1}", answer)
    text = reader.opaque(_OF_A_LETTER.sub(UNREAD, readable(own_part(ending(lexicon.RULED_OUT.sub(" ", answer))))))
    if UNDECIDED_WORDS.search(text) or lexicon.EQUATIONS.search(text):
        return SEVERAL
    if (alone := judged_alone(text, reader.letters, several=several)) is not None:
        return alone
    for statement in statements(text):
        letter = reader.boxed(statement.text) if statement.boxed else reader.statement(statement.text, announced=True)
        if letter is not NONE:
            return reader.check_rivals(letter, text)
    return reader.check_rivals(reader.closing_letter(text), text)


@dataclass(frozen=True)
class _Reader:
    """Reader of statements for one question: its valid `letters`, and which of them have a text, compared in three ways."""

    letters: str
    texts: tuple[Mapping[object, str], ...]
    longest: int
    several: bool
    options: tuple[str, ...] = ()

    def check_rivals(self, letter: str | Wrong, text: str) -> str | Wrong:
        """Return the letter; SEVERAL if the last line goes on to another option's text, Wrong if it has that text before the letter."""
        line = bare(text.rstrip().rpartition("\n")[2]).rstrip(" .$*}_").casefold()
        beside = before_letter(line, letter.casefold()) if isinstance(letter, str) else line  # 14 (B)
        for second, option in zip(self.letters, self.options, strict=False):
            words = option.strip().casefold()
            if words and second != letter and line.endswith(words) and lexicon.GOES_ON_TO.search(line[: -len(words)]):
                return SEVERAL if isinstance(letter, str) and not self.several else letter
            if words and second != letter and beside != line and (beside == words or beside.endswith(f" {words}")):
                return Wrong(f"letter {letter} beside the text of option {second}")
        return letter

    def opaque(self, text: str) -> str:
        """Return the text with every box that is denied or holds no choice replaced, so that its letters are not read again."""
        for option in self.options if "\\boxed" in text else ():
            text = re.sub(rf"(\\boxed\{{[^{{}}]{{1,80}}\}}\$?)\s*\({re.escape(option)}\)", r"\1", text)
        figures = with_figures(text, hit := boxes(text))
        for box in reversed(hit):
            content, start, end = box
            choice = is_mention(content) or self.boxed(content) is not NONE
            if not choice or not stands(text, box, figures):
                text = text[:start] + UNREAD + text[end:]
        return text

    def boxed(self, text: str) -> str | Wrong:
        """Return the letter that a box holds: alone, before its option's text or as `(option B)`, but never within a formula."""
        plain = bare(without_style(text).replace("\\{", "{").replace("\\}", "}")).strip(" ~\n")
        plain = plain[1:-1] if plain[:1] == "{" and plain[-1:] == "}" else plain
        if (option_letter := self.letter_of(plain)) is not NONE and not _LETTER_ALONE.fullmatch(plain):
            return option_letter
        opening, after = self._opening(plain)
        if opening and self._adds(opening, after):
            return SEVERAL
        if self.several or len(self._list_of(plain)) > 1:
            return self._set(lexicon.FILLER.sub("", plain, count=1) if self.several else plain)
        if hit := _BOX_OPTION.fullmatch(plain):
            return hit[1] if hit[1] in self.letters else NONE
        marker = _MARKER.match(lexicon.FILLER.sub("", plain, count=1))
        if marker is None or _PRIMED_PATTERN.match(plain):
            return NONE
        letter, rest = (marker[1] or marker[2]).upper(), lexicon.FILLER.sub("", plain, count=1)[marker.end() :]
        if letter not in self.letters:
            return NONE
        text = rest.strip(" .:,-–—)]=\"'”").lstrip()
        wording = re.search(r"[.:,)\]~–—-]\s*\Z", marker.group()) or rest[:1] in ".:,)]-–—~" or self._speaks_for(text)
        own = not text or self._past(letter, rest) != rest or self.letter_of(text) == letter
        return self.beside(letter, rest) if own or (wording and not re.search(r"[\\=<>^_+]", text)) else NONE

    def _speaks_for(self, text: str) -> bool:
        """Return True if words directly after a letter call it right; if the options' texts are not known, they may be its text."""
        return (lexicon.CALLS_RIGHT.match(text) if self.options else re.match(r"(?:\w+\s+)*\w{3}", text)) is not None

    def _list_of(self, text: str) -> set[str]:
        """Return the letters of a text that is nothing but separated letters, else an empty set; small ones if there are several."""
        small = {*_SMALL.findall(text.lower())} if _SETS.fullmatch(_SMALL.sub("", text)) else set()
        capitals = _CAPITAL.findall(text) if _SETS.fullmatch(_CAPITAL.sub("", text)) else ()
        return {*capitals} or ({letter.upper() for letter in small} if len(small) > 1 else set())

    def _is_several(self, text: str) -> bool:
        """Return True if one letter is asked for and a text lists several, alone or beside their options' texts: a) 10, b) 12."""
        own = {self._letter_with_text(part) for part in lexicon.AND.split(text.strip(" ."))} - {None}
        return not self.several and (len(own) > 1 or len(self._list_of(text)) > 1)

    def _set(self, text: str) -> str | Wrong:
        """Return the letters of a list, `ACD`, `A (red) and C` or `red and blue`, if several may be right; SEVERAL if only one may be."""
        if self.several:
            parts = [self._letter_with_text(part) or self.letter_of(part) for part in lexicon.AND.split(text.strip(" ."))]
            letters = [part for part in parts if isinstance(part, str)]
            lone = _OWN_TEXT.sub(lambda hit: hit[1] if self.letter_of(hit[2]) == hit[1] else hit.group(), text)
            text = ",".join(letters) if len(letters) == len(parts) else lone
            text = re.sub(r"\b[A-Z]{2,10}\b", lambda hit: ",".join(hit.group()), text)
        hit = self._list_of(text)
        if not hit or not hit <= {*self.letters}:
            return SEVERAL if hit & {*self.letters} else NONE
        return "".join(sorted(hit)) if self.several else SEVERAL

    def statement(self, text: str, *, announced: bool) -> str | Wrong:
        """Return the letter of a statement: anywhere among words if it is announced, else only at the start or as "option C", "(C)"."""
        text = CLOSER.sub("", text)
        if (option_letter := self._option_alone(bare(text).strip())) is not NONE:
            return option_letter
        text = bare(_FORMULA.sub(self._readable, text)).strip(" \n*")
        if (exception := lexicon.exception(text, self.letters)) is not None:
            return exception or NONE
        if len({*_LISTED_PATTERN.findall(text)} & {*self.letters}) >= min(4, len(self.letters)) or self._is_several(text):
            return SEVERAL  # also if the question is repeated
        is_set = self.several and re.match(r"[A-Z]{2,}\b", text)  # BE is no word here
        text = without_rival(text if is_set else lexicon.FILLER.sub("", text, count=1), self.options)
        if self.several:
            return self._letter_set(text)
        for part in (text, _SENTENCE.split(text, maxsplit=1)[0]):
            if (option_letter := self.letter_of(part)) is not NONE and not _LETTER_ALONE.fullmatch(part.strip()):
                return self.beside(option_letter, text[len(part) :]) if isinstance(option_letter, str) else option_letter
        opening, rest = self._opening(text)
        if opening and (lexicon.INSTEAD_OF.match(rest) or rest.strip(" .*") == f"({opening})" or lexicon.REASON.match(rest)):
            return opening
        if opening and (self._adds(opening, rest) or _DENIED_PATTERN.match(rest)):
            return SEVERAL
        marker = _MARKER.match(text)
        if marker and not (marker[1] and self._article(text, marker.end(1))):
            return self._of_marker(text, marker, announced=announced)
        if not announced and self._names_others(text):
            return SEVERAL
        if (letter := self.among(text, _LONE if announced else _POINTED_PATTERN)) is not NONE or not announced:
            return letter
        return option_at_end(_SENTENCE.split(text, maxsplit=1)[0], self.letters, self.options) or NONE

    def _of_marker(self, text: str, marker: re.Match[str], *, announced: bool) -> str | Wrong:
        """Return the letter that opens a statement if nothing after it speaks against it; without an announcement, all speaks for it."""
        letter, rest = (marker[1] or marker[2]).upper(), text[marker.end() :]
        if not announced and self._opening(rest.lstrip())[0] != letter and denies_letter(text, marker.end()):
            return NONE
        return self.beside(letter, rest) if letter in self.letters else NONE

    def _option_alone(self, text: str) -> str | Wrong:
        """Return the letter of a text that is an option's, perhaps after "it is"; NONE for others and for a lone letter."""
        parts = (part for part in (text, _LEADING_SUBJECT.sub("", text)) if not _LETTER_ALONE.fullmatch(part))
        return next((letter for letter in map(self.letter_of, parts) if letter is not NONE), NONE)

    def _readable(self, formula: re.Match[str]) -> str:
        """Return the text of a formula that is only letters or a letter and an option's text; any other formula becomes UNREAD."""
        inner = formula.group().strip("$").removeprefix("\\[").removeprefix("\\(").removesuffix("\\]").removesuffix("\\)").strip()
        if _ONE_LETTER.fullmatch(formula.group()) or (self.several and self._set(inner) is not NONE):
            return formula.group()
        if self.letter_of(inner) is not NONE or re.fullmatch(r"(?i:option|choice) [(]?[A-Z][)]?[.]?", inner):
            return f" {inner} "
        plain = bare(inner)
        marker = None if _ORDER.search(inner) else _MARKER.match(plain)
        return f" {plain} " if marker and self.letter_of(_MARKS.sub("", plain[marker.end() :], count=1)) is not NONE else UNREAD

    def _letter_with_text(self, text: str) -> str | None:
        """Return the letter of a text that is a letter and its own option's text, "C) blue", else None."""
        marker = _MARKER.match(text)
        letter = (marker[1] or marker[2]).upper() if marker else None
        return letter if marker and self.letter_of(_MARKS.sub("", text[marker.end() :], count=1)) == letter else None

    def _opening(self, text: str) -> tuple[str, str]:
        """Return the letter of the longest option whose text begins this one, and the rest; an empty letter and the text if none does."""
        low = text.casefold()
        for option, letter in sorted(zip(self.options, self.letters, strict=False), key=lambda pair: -len(pair[0])):
            rest = text[len(option) :]
            if (len(option) > 1 or option.isdigit()) and low.startswith(option.casefold()) and not re.match(r"[A-Za-z0-9_]|[.,/]\d", rest):
                return letter, rest
        return "", text

    def _past(self, letter: str, rest: str) -> str:
        """Return the text after a letter and its own option's text."""
        for skip in (_MARKS.match(rest), re.match(rf"{_MARKS.pattern}-?\s*", rest)):
            opening, after = self._opening(rest[skip.end() if skip else 0 :])
            if opening not in (letter, ""):
                return rest  # A. -12, where 12 is A's
            if opening == letter:
                return after.lstrip(")]}\"'”’*")
        return rest

    def _adds(self, letter: str, rest: str) -> bool:
        """Return True if the text after an option goes on with the letter or text of another."""
        link = re.match(rf"(?i)[)\].\"'”]*\s*\(?{lexicon.LINK}", rest)
        if link is None:
            return False
        tail = rest[link.end() :].lstrip(" ([*")
        opening = self._opening(f"-{tail}" if link.group().rstrip().endswith("-") else tail)[0] or self._opening(tail)[0]
        marker = _ANOTHER_PATTERN.match(rest)
        second = marker[1] if marker and not self._article(rest, marker.end(1)) and self._stands(rest, marker.end()) else ""
        return any(more not in ("", letter) and more in self.letters for more in (opening, second))

    def _stands(self, text: str, end: int) -> bool:
        """Return True if nothing is said of the letter that ends here; a colon and an option's text do not count."""
        judgement = _JUDGED_PATTERN.match(text, end)
        return judgement is None or bool(self._opening(re.sub(r"\A\s*[:：]\s*", "", text[end:]))[0])

    def _names_others(self, text: str) -> bool:
        """Return True if a statement without an announcement names several options without judging them."""
        places = [place for place in _LONE.finditer(text[:400]) if not self._article(text, place.end())]
        return len({place[1] for place in places if not _JUDGED_PATTERN.match(text, place.end())} & {*self.letters}) > 1

    def _letter_set(self, text: str) -> str | Wrong:
        """Return the letters at the start of a statement, within its first sentence, unless more than "are right" is said of them."""
        for correction in INSTEAD.finditer(text):
            return self._letter_set(text[correction.end() :])
        text = INTRODUCTION.sub("", _NOT_THESE_PATTERN.sub("", without_texts(text, self.letters, self.options)))
        sentence, clause = (
            _SENTENCE.split(text, maxsplit=1)[0],
            re.split(r"(?i)\s+(?:because|since|as|are|is)\b|:| \((?![A-Z]\))", text, maxsplit=1)[0],
        )
        for part in (text, sentence, clause):
            if (hit := self._set(part)) is not NONE:
                return hit if self._upheld(text[len(part) :]) else NONE
        return NONE

    def _upheld(self, rest: str) -> bool:
        """Return True if the text after several letters says nothing against them."""
        verb = re.match(r"(?i)\s+(?:are|is)\b", rest)
        judgement = verb is not None and not _RIGHT_TOO.match(rest, verb.end())
        return not (judgement or _DENIED_PATTERN.match(rest) or DENIED_AFTER.match(rest) or lexicon.HEDGE.search(rest))

    def letter_of(self, text: str) -> str | Wrong:
        """Return the letter of the option with this text; Wrong if several options share the text, NONE if no option has it."""
        for texts, key in zip(self.texts, option_keys(text) if self.texts and len(text) <= self.longest else (), strict=False):
            if hits := texts.get(key):
                return hits if len(hits) == 1 else Wrong("a text that several options share")
        return NONE

    def beside(self, letter: str, rest: str) -> str | Wrong:
        """Return the letter, unless the text after it denies it, adds another, takes it back or is the text of another option."""
        if isinstance(other := self.letter_of(rest.strip(" .:,–—)]=\"'”*")), str) and other != letter:
            return Wrong(f"letter {letter} beside the text of option {other}")
        spelling, rest = rest, lexicon.SHARE.sub("", CONCEDES.sub(".", self._past(letter, rest)))
        if _DENIED_PATTERN.match(rest) or DENIED_AFTER.match(rest) or (takes_back(rest) and not INSTEAD.search(rest)):
            return NONE
        if correction := INSTEAD.search(rest):
            return self.statement(rest[correction.end() :], announced=True)
        if self._adds(letter, rest):
            return SEVERAL
        for retraction in lexicon.RETRACTION.finditer(rest):
            if instead := self._opening(rest[retraction.end() :])[0]:
                return instead
        next_match = _ANOTHER_PATTERN.match(rest)
        adds = next_match and next_match[1] in self.letters and next_match[1] != letter and not self._article(rest, next_match.end(1))
        if next_match and adds and not _JUDGED_PATTERN.match(rest, next_match.end()):
            return SEVERAL if self.letter_of(rest.strip(" .:,-–—)]")) != letter else letter
        if (addition := lexicon.ADDED_LETTER.search(rest)) and addition[1] in self.letters and addition[1] != letter:
            return SEVERAL
        if (set(lexicon.ALSO.findall(rest)) - {letter}) & {*self.letters}:
            return SEVERAL
        text = rest.strip(" .:,-–—)]=\"'”").lstrip() if rest == spelling else ""
        for part in (text, _SENTENCE.split(text, maxsplit=1)[0], text.partition(", ")[0]) if text else ():
            if (option_letter := self.letter_of(part)) not in (NONE, letter) and isinstance(option_letter, str):
                return Wrong(f"letter {letter} beside the text of option {option_letter}")
        return letter

    def among(self, text: str, pattern: re.Pattern[str]) -> str | Wrong:
        """Return the only letter that a text names, or NONE if anything in the text is denied."""
        if pattern is _POINTED_PATTERN and lexicon.REFERS.search(text):
            return NONE
        hit = [match for match in pattern.finditer(text) if not self._article(text, match.end())]
        if hit and lexicon.SPELLING.search(text, 0, hit[-1].start()):
            return NONE
        if hit and (is_denied(text, hit[-1].start()) or denied_after(text[hit[-1].end() :])):
            return NONE
        letters = {letter for match in hit if (letter := next(filter(None, match.groups()))) in self.letters}
        if len(letters) > 1:
            return SEVERAL
        return NONE if not letters or NEGATION.search(text) else letters.pop()

    def closing_letter(self, text: str) -> str | Wrong:
        """Return the letter of a reply that announces nothing, from its last line or else its first."""
        lines = [line for line in text.strip().splitlines() if line.strip(" $\\[]")]
        if lines and lines[-1].rstrip(' *_)"”').endswith(("?", "？")):
            return NONE
        marks = [match for line in lines if (match := _MARKED_LINE.match(bare(line)))]
        if self.several and 1 < len(marks) == len(lines) < len(self.letters):
            return self._set(",".join(mark[1] for mark in marks))
        if len({mark[1] for mark in marks} & {*self.letters}) > 1 and not self.several:
            return SEVERAL
        last = re.split(r"(?<!(?<![A-Za-z])[A-Z])[.!]\s", bare(lines[-1]).strip(" .*"))[-1] if lines and not self.several else ""
        if last.count(" ") > 1 and (letter := plainly_chosen(last, self.letters, self.options) or NONE) is not NONE:
            return letter
        for line in (lines[-1], lines[0]) if lines else ():
            if (letter := self.statement(line, announced=False)) is not NONE:
                return letter
        last, rule = lines[-1] if lines else "", (self.letters, self.options)
        return option_at_end(last, *rule) or plainly_chosen(bare(last), *rule) or NONE

    def _article(self, text: str, end: int) -> bool:
        """Return True if the letter that ends here is the word "a" or "I" rather than an option."""
        start = text[max(0, end - 2) : end].strip("([ ")[-1:]
        return start in ("A", "I") and lexicon.WORD_AFTER.match(text, end) is not None


@lru_cache(maxsize=256)
def _reader(options: tuple[str, ...], count: int, several: bool) -> _Reader:
    letters = _ALPHABET[: len(options) or count]
    texts: tuple[dict[object, str], ...] = ({}, {}, {}, {}) if options else ()
    for letter, option in zip(letters, options, strict=False):
        for entry, key in zip(texts, option_keys(bare(option)), strict=True):
            if key:
                entry[key] = entry.get(key, "") + letter
    longest = 2 * max(map(len, options), default=0) + 100  # a longer text is not an option's text
    return _Reader(letters, texts, longest, several, tuple(bare(option).strip() for option in options))
