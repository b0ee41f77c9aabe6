"""The final claim of a reply: its last boxes, else the text after the last `####` or announcement, else its last words.

Text directly around a box within its formula belongs to the claim: the minus before it, the `^2` or `million` after it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from aha.answers import lexicon
from aha.answers.closings import (
    CONFIDENT,
    correction,
    is_denied,
    is_revoked,
    is_supposed,
    other_language,
    without_check,
    without_formal_check,
)
from aha.answers.context import LONGEST, denied_after, may_take_back, stance, states_plainly, suspect, taken_back
from aha.answers.grammar import leads, upholds
from aha.answers.joining import alternatives, join_values, join_values_at_end, with_delimiters, without_noun, without_remark
from aha.answers.numbers import rational
from aha.answers.rephrasing import in_one_form, in_plain_signs
from aha.answers.replies import (
    announcements,
    answer_part,
    boxed,
    boxes,
    final_answer,
    first_line,
    hashed,
    is_mention,
    lists_numbers,
    names_box,
    says_again,
    with_figures,
    with_values_below,
)
from aha.answers.surroundings import DENIALS, around, attachment, before, without_style
from aha.answers.units import known_unit
from aha.lazy import lazy_pattern

__all__ = ["Claim", "How", "boxed", "claim"]

How = Literal["auto", "box", "line", "number", "whole"]
HASHES, SHORT = "####", 30  # characters; a reply this short is nothing but its claim

_USUALLY, LONGEST_HEAD = 400, 300  # characters of the closing statement, and before an announcement, which may hold its condition
_ROOM = 80  # characters before a box that tell its meaning
_NEXT_PROBLEM = lazy_pattern(r"(?:Question|Problem|Exercise|Q|Human|User|Instruction|Input|Passage)[ \t]*[0-9]{0,3}[*\s]*:")
_OTHER_PROBLEMS = [(words[0], lazy_pattern(words)) for words in (
    "Q(?:uestion|(?<=\nQ))", "P(?:roblem|assage)", "I(?:nstruction|nput)", "Human:", "User:", "Exercise"
)]  # fmt: skip
_STARTS = lazy_pattern(r"(?:\n[#*\s]*|[.!\s])\Z")

_PART = (
    r"(?:for\s+)?(?:(?:part|case|question)\s*)?\((?:[a-h]|[ivx]{1,4}|[1-9])\)\s*:?"
    r"|(?:for\s+)?(?:part|case)\s+(?:[a-h]|[1-9])\b:?|第[一二三四1-4][问题][:：]?"
)
_NAME = r"[A-Za-z](?:_\{?[0-9A-Za-z]\}?)?\s*=(?!=)"
_NOUN = (
    r"(?!(?:wait|no|actually|sorry|rather|hence|thus|therefore|because|since|although|is|are|was|were|be|not|so|we"
    r"|then|but|than|to|if|as|it|that|which|gives?|get)\b)[A-Za-z]{2,20}"
)
JOINT = lazy_pattern(
    rf"(?i)(?:[\s$]*(?:{_NOUN}(?:\s+{_NOUN}){{0,2}}?)(?=[\s$,;，；]))?"
    r"(?:\s|[$,;&、，；]|\\[()\[\],;:! ]|\\q?quad\b|\\(?:text|textrm|mbox|mathrm)\s*\{|\}|\b(?:and|or|respectively)\b"
    rf"|[和或与及]|\+{{2,}}|{_PART}|{_NAME})*"
)
_OR = lazy_pattern(r"[}\s$)]\s*(?:\bor\b|或)\s*[\s$(\\]*f?box|\\text\{\s*or\s*\}")
CLOSER = lazy_pattern(
    r"(?i)(?:(?<=[.!?。])\s+(?:i hope|hope (?:this|it)|let me know|(?:a|one|the most) common (?:mistake|error)"
    r"|(?:many|most) (?:students|people|learners)(?: would| may| might| will)? (?:choose|pick|select|answer"
    r"|say|think|forget)(?=(?:[^.!?,;]|(?<=\b[A-J])\.){0,60}[.!]?\Z))|,\s*as (?:it|was|were|asked|required))\b.*\Z"
    rf"|[.,!]\s+(?:{CONFIDENT}|(?:I|we) (?:think|believe))[.!]*\Z"
)
NOT_THAT_WORDS = lazy_pattern(
    r"(?i)\s*(?:,\s*)?\b(?:(?:and|but) not|instead of|rather than)\s+\S(?s:.*)\Z"
    r"|,\s*not\s+(?!(?:only|just|even|sure|certain|exactly|necessarily|quite|really|[a-z]+ing\s\S|if|when|unless|the(?!\s(?:empty|null)\sset))\b)\S(?s:.*)\Z"
)
_LEADS = lazy_pattern(
    r"(?i)(?:^|[.!?。\n]\s*)(?:(?:so|thus|hence|therefore|then|finally|in the end|altogether|in total)\b,?\s*)?"
    r"(?:we (?:get|obtain|have|find)|(?:the|our) (?:final )?(?:result|value|solution|total) is|it is|it['’]s|(?:this"
    r"|that) gives)\s+(?!(?:\w+ly )?not\b)(?!(?:now |then )?(?:clear|evident|obvious|easy|plain|known|given|enough|possible|impossible)\b)"
    r"(?P<said>(?:(?!\.\s+[A-Z0-9$\\(])[^\n])+|\\begin\{[^}]+\}.+?\\end\{[^}]+\}[^\n]{0,9})\Z",
    re.S,
)
_FORMULA = r"(?:(?<![$\\])\$[^$\n]{1,200}\$|\$\$[^$]{1,300}\$\$|\\\([^\n]{1,200}?\\\)|\\\[.{1,300}?\\\])"
_BEHIND = (  # words that may follow the formula a sentence states
    r"\s*(?:である|です|だ|となる|となります|になる|になります|입니다|이다)"
    r"|\sas (?:the (?:only|unique|final|required|desired) (?:solution|answer|value|root)|claimed|required|desired|expected)|\sinstead"
    r"|\sworks(?:,? (?:and|but) no [a-z]+ [a-z]+ (?:does|do|works?))?|\s(?:square |cubic )?units|,? and nowhere else"
    r"|\sis the (?:smallest|largest|least|greatest|first|unique) (?:such |possible )?[a-z]+"
    r"|\sis (?:the|our) (?:only |unique |desired |required |final )?(?:solution|answer|value)"
    r"|\s(?:die einzige Lösung|est l['’]unique solution|es la única solución|è l['’]unica soluzione|é a única solução)"
    r"|,? (?:and|so) (?:we are|we['’]re|I am) done|, which (?:completes|finishes|concludes) the (?:solution|proof|problem|argument)"
    rf"|,\s(?:which is )?(?:attained|achieved|reached|obtained) (?:at|when|for|by) {_FORMULA}|(?P<aside>,\swhich\s[a-z][a-z ]{{2,40}})"
    rf"|,?\sfor (?:every|all|each|any) (?:[a-z]+ ){{0,2}}{_FORMULA}|,?\sfor \$[a-z]\s?(?:>|≥|\\g(?:e|eq|t)(?![a-z])|\\in)[^$=\n]{{1,20}}\$"
)
_LAST_FORMULA = lazy_pattern(
    rf"(?P<formula>(?:{_FORMULA}(?:, {_FORMULA}){{0,4}},? (?P<joint>or|and) )?(?P<last>{_FORMULA}))(?P<behind>{_BEHIND})?\s*[.!。]?\Z", re.S
)
_FORMULA_ALONE = lazy_pattern(
    r"(?i)\W*(?:(?:so|thus|hence|therefore|then|finally|consequently|also|either|donc|damit ist|somit ist|daher ist)\b,?)?\W*"
)
_CLEARLY = lazy_pattern(
    r"(?i)\A\W*(?:(?:so|thus|hence|therefore),? )?(?:it (?:is|becomes) (?:now |then )?(?:clear|evident|obvious|easy to see|plain)"
    r"|it follows|we (?:now )?(?:see|conclude|find|know|deduce)|this (?:shows|means|implies)) that\s*\Z"
)
_LAST_SENTENCE, _IN_A_CASE = lazy_pattern(r"[^.!?\n]+\Z"), lazy_pattern(r"[0-9$)},]\s(?:when(?:ever)?|where|if|since|because)\W*\Z")
_LONGEST_LINE, _ENDING = 200, 60  # characters; the last of a last line that is only a number
_ENDS_IN_BOX = lazy_pattern(
    r"\\boxed\{((?:[^{}\\]|\\[dt]?frac\{[^{}\\]{1,40}\}\{[^{}\\]{1,40}\}|\\(?:sqrt|text|mathrm|textbf)\{[^{}\\]{1,40}\}"
    r"|\\(?:pi|circ|cdot|infty)(?![A-Za-z])|\\[,;!%$ ]){1,80})\}"
    r"\s?[.,]?(?:\$|\\\)|\s{0,9}\\\])?(?:(?<=[$)\]}]) (?P<unit>[a-z]{2,12}(?: [a-z]{2,12})?))?\.?\s*\Z"
)
_ENDED_PATTERN = lazy_pattern(r"[^\W\d_][.!。！]\Z|[$)}][.!。！]\Z|\|\Z")
_EMPHASIS = lazy_pattern(r"(?i)(?<=[.!])\s*no,? (?:really|seriously)[.!]*\s*\Z")
_NOT_IT_PATTERN = lazy_pattern(r"(?i)\b(?:answer|result) (?:(?:is|was) not|(?:is|was)n['’]t|cannot|can['’]t) ")
_ANSWER_FIRST = lazy_pattern(r"\W*?(?P<value>[$€£]?-?[0-9][0-9.,]*)\s+[—–]\s+(?P<why>[A-Z][^\n0-9]{10,300})\Z")
_ARROW = lazy_pattern(
    r"\A(?:(?:So|Thus|Hence|Therefore)[,:]?\s+)?(?:[=-]>|[→⇒⟹⟶➜∴]|\$?\\(?:therefore|implies|Rightarrow|rightarrow|Longrightarrow)(?![A-Za-z]))\s*"
    r"|\A(?i:in (?:total|all|sum|conclusion|short|summary)|altogether|overall|sum|output|ans|total)[,:=]?\s+"
    r"(?=[-$€£\\(]{0,3}[0-9][^\n]{0,30}\Z)"
)
_CONCLUDED_PATTERN = lazy_pattern(r"\A\$[^$]*\\(?:implies|Rightarrow)(?![A-Za-z])([^$]+)\$\s*\.?\Z")
_LONGEST_JOINT, _MOST_BOXES = 120, 60  # characters between two boxes, and boxes joined into one list
_LAST_WORDS, _SHORT_REST = 500, 200  # characters at the end of a long reply; a rest this short is always searched for another claim
SAYS_MORE = lazy_pattern(r"(?i)[,;、，；&]|\b(?:and|or)\b|[和或与及]|\+\+")

_TURN = r"(?:that(?:'s| is| was) (?:wrong|incorrect|not (?:right|correct)|a mistake)|i was wrong|scratch that|never ?mind|i disagree)"
_CORRECTION = lazy_pattern(
    rf"(?i)(?:^\s|[.!?;\n—–]|\.\.\.|[,(](?!\s*no\s))[ \t*]*(?:(?:{lexicon.CORRECTORS}|{_TURN})\b[,.:;!\s—–]*)+"
    r"(?:(?:it(?:'s| is| should be| must be)|(?:that|this) should be|(?:should|must) be|i meant?|make (?:that|it)"
    r"|the (?:\w+ )?answer (?:is|should be|must be))[: \t]+(?P<said>[^\n]{1,200})|(?P<bare>[-$\\(\d][^\n]{0,100}))"
)


class Claim(NamedTuple):
    """The text that holds the final answer. `marked` is True if it was boxed, hashed or announced, False if it is merely all there is;
    `boxes` is the number of boxes it was joined from."""

    text: str
    marked: bool
    boxes: int = 0


def claim(text: str, how: How = "auto") -> Claim:
    """Return the final claim of an answer, from anywhere or only where a protocol wants it: in a box, on an `Answer:` line, at the end."""
    if how == "whole":
        return Claim(text.strip(), marked=True)
    text = in_plain_signs(own_part(text))
    if how == "auto" and (plain := _at_once(text)) is not None:
        return plain
    text = without_remark(in_one_form(text))
    hit = _mark(text, how)
    if hit is None and how == "auto":
        hit = _closing_formula(text := with_delimiters(join_values_at_end(text)))
    if hit is None:
        place_of_first = text.find("=", max(text.rfind(". "), text.rfind("\n"), 0))  # of the last sentence
        equates = [place for place in (place_of_first, text.rfind("=")) if place >= 0]
        denied = how in ("box", "line") or _NOT_IT_PATTERN.search(text) or any(stance(text, place) == "denied" for place in equates)
        first = _ANSWER_FIRST.match(text) if not denied and how == "auto" else None
        if first and not (suspect(first["why"]) or "?" in first["why"]) and upholds(first["why"], opens=False):
            return Claim(first["value"], marked=True)
        said_last = None if denied else without_check(text)
        said_last = _CONCLUDED_PATTERN.sub(r"$\1$", _ARROW.sub("", (said_last or "").strip()))
        return Claim(without_noun(without_style(said_last)), marked=False)
    claim, ends = hit
    return _correction(claim, _looked_at(text[ends:])) if ends < len(text) else claim


def _looked_at(rest: str) -> str:
    """Return the text that may take a claim back: what follows it closely, and the end of the reply."""
    return rest if len(rest) <= LONGEST else f"{rest[: LONGEST - _LAST_WORDS]}\n\n{rest[-_LAST_WORDS:]}"


_LAST_LINE = lazy_pattern(r"(?:\A|\n)(?:[ \t]*A:[ \t]*|####[ \t]*)(?P<said>\$?-?[0-9][0-9.,]*(?<![.,]))\s*\Z")
_UNITS = ("units", "square units", "cubic units")


def _at_once(text: str) -> Claim | None:
    """Return the claim of a reply that ends in a line of one number or in the only box of a plain sentence, as most do, or None."""
    at = text.rfind("\\boxed{", max(0, len(text) - _USUALLY))
    if at < 0:
        line = _LAST_LINE.search(text, max(0, len(text) - _ENDING))
        if line is None or names_box(text) or is_supposed(text[-LONGEST_HEAD:]):
            return None
        return Claim(line["said"], marked=True)
    hit = _ENDS_IN_BOX.match(text, at)
    head = text[max(0, at - LONGEST_HEAD) : at]
    near = max(0, at - _USUALLY)
    if hit is None or not head.isascii() or (text.find("ox", near, at) >= 0 and names_box(text[near:at])):
        return None
    content, unit = hit.groups()
    if "~" in content or is_mention(content) or ("`" in head and "```" in head):
        return None
    if not (unit is None or unit in _UNITS or all(map(known_unit, unit.split()))):
        return None
    if before(head[-_ROOM:], content) != "" or not states_plainly(head) or final_answer(text[:at]) is not None:
        return None
    behind = "" if unit is None or unit in _UNITS else f"\\text{{ {unit}}}"
    return Claim(f"{without_style(content.strip())}{behind}", marked=True, boxes=1)


def _mark(text: str, how: How) -> tuple[Claim, int] | None:
    """Return the claim that a mark holds and the index after which it may be taken back, or None."""
    after_boxes = 0
    if how in ("auto", "box") and "ox" in text:
        if box_claim := closing_boxes(text):
            last = hashed(text) if how == "auto" and HASHES in text else None
            if last is None and how == "auto" and box_claim[0].boxes == 1:
                last = final_answer(text[: text.rfind("ox", 0, box_claim[1])])
            if last is not None:
                value, other = rational(box_claim[0].text), rational(last)
                return box_claim if value is None or other is None or value.equals(other) else (Claim("", marked=True), len(text))
            return box_claim
        after_boxes = max((end for content, _, end in boxes(text) if not is_mention(content)), default=0)  # boxes that claim nothing
    hashes = text.rfind(HASHES, after_boxes) if how == "auto" else -1
    since = hashes + len(HASHES) if hashes >= 0 else after_boxes
    if how in ("auto", "line"):
        for starts, begins in announcements(text[since:]):
            if is_denied(text, since + begins, announced=True) or is_supposed(text[max(0, since + begins - LONGEST_HEAD) : since + begins]):
                continue
            if line := first_line(text[since + begins :]):
                place = text.find(line, since + begins)
                whole = with_values_below(line, text[place + len(line) :])
                wording = without_style(NOT_THAT_WORDS.sub("", CLOSER.sub("", _opened_whole(_EMPHASIS.sub("", whole)))))
                is_english = text[since + starts : since + starts + 3].lower() in ("ans", "a: ")
                wording = wording if is_english else alternatives(join_values(wording))
                return Claim(wording, marked=True), place
    if hashes >= 0:
        line = first_line(text[since:])
        place = text.find(line, since)
        return Claim("" if lists_numbers(line, text[place + len(line) :]) else line, marked=True), place
    return (Claim("", marked=True), len(text)) if after_boxes and how == "auto" else None


def last_line(claim: Claim) -> str | None:
    """Return the last line of a reply without a marked claim if it stands alone below a finished sentence, or None."""
    above, _, line = claim.text.rstrip().rpartition("\n")
    if claim.marked or not above or not 0 < len(line) <= _LONGEST_LINE or not _ENDED_PATTERN.search(above.rstrip()):
        return None
    return without_style(line.strip())


def _closing_formula(text: str) -> tuple[Claim, int] | None:
    """Return the formula that the last sentence states as a whole, after "so we get" or "the result is", and its index, or None."""
    text = text.rstrip()
    if not text.endswith(("✗", "✘", "❌", "❎")) and (hit := _LEADS.search(text, max(0, len(text) - _USUALLY))):
        return Claim(without_style(hit["said"].strip()), marked=True), hit.start("said")
    last = _LAST_FORMULA.search(text, max(0, len(text) - _USUALLY))
    if last is None or not _stated_whole(text, last) or not upholds(last["aside"] or "", opens=False):
        return None
    wording = last["formula"] if last["joint"] is None else _joined_formulas(last["formula"], last["joint"])
    return Claim(without_style(wording), marked=True), last.end("formula")


def _joined_formulas(text: str, joint: str) -> str:
    """Return the formulas of a sentence as one: $x<2$ or $x>3$."""
    parts = [re.sub(r"\A(?:\$\$?|\\[(\[])|(?:\$\$?|\\[)\]])\Z", "", hit.group()) for hit in re.finditer(_FORMULA, text, re.S)]
    return " \\text{ or } ".join(parts) if joint == "or" else ", ".join(parts)


def _stated_whole(text: str, last: re.Match[str]) -> bool:
    """Return True if a sentence that ends with a formula states it by a known verb or sign, in English or another language."""
    start = last.start()
    head = text[max(0, start - LONGEST_HEAD) : start]
    if is_denied(text, start, len(text)) or is_supposed(head) or before(head[-_ROOM:]) != "" or lexicon.OF_A_PART.search(head):
        return False
    if _IN_A_CASE.search(head):
        return False
    sentence = _LAST_SENTENCE.search(head)
    wording = sentence.group() if sentence else ""
    if _FORMULA_ALONE.fullmatch(wording):
        return bool(last["joint"] or (last["behind"] and last["behind"].strip()[:1].isalpha()))
    abroad = other_language(text, start, len(text))
    return abroad == "stated" or (abroad == "English" and (leads(wording) == "states" or _CLEARLY.match(wording) is not None))


def _correction(claim: Claim, rest: str) -> Claim:
    """Return the claim, or if the text after it takes it back, the claim made instead (empty if there is none)."""
    rest = CLOSER.sub("", rest) if "mistake" in rest else rest
    rest = without_formal_check(rest) if claim.boxes else _EMPHASIS.sub("", rest)
    if (len(rest) < 4 and "?" not in rest) or not (may_take_back(rest) or "nswer" in rest or "esult" in rest or len(rest) < _SHORT_REST):
        return claim
    if claim.boxes and says_again(claim.text, rest):
        return claim
    if corrections := list(_CORRECTION.finditer(rest)):
        said_last = corrections[-1]
        return Claim((said_last["said"] or said_last["bare"]).strip(), marked=True)
    if (instead := correction(rest)) is not None:
        return Claim(instead, marked=True)
    if is_revoked(claim.text, rest):
        return Claim("", marked=True)
    if denied_after(rest, claim.text if claim.boxes == 1 else None) if claim.boxes else taken_back(rest):
        return Claim("", marked=True)
    return claim


# --- boxes ------------------------------------------------------------------------------------------------------------


def closing_boxes(text: str) -> tuple[Claim, int] | None:
    """Return the claim of the closing statement's boxes and the end of the last of them, or None if no box holds a claim.

    Boxes count together if only commas, "and", part labels, names or a noun of up to three words stand between them."""
    if alone := _alone(text):
        return alone
    skip = max(0, len(text) - _USUALLY)
    wording, ends, is_open = _group(text[skip:])
    if skip and not is_open:
        skip = 0
        wording, ends, _ = _group(text)
    if not wording:
        return None
    parts = list(dict.fromkeys(wording))
    alternative = len(parts) > 1 and _OR.search(text, max(0, len(text) - _USUALLY))
    return Claim((" or " if alternative else ", ").join(parts), marked=True, boxes=len(parts)), skip + ends


def _alone(text: str) -> tuple[Claim, int] | None:
    """Return the claim of the one box that a reply ends with and the text's end, or None; most replies need no closer look."""
    at = text.rfind("\\boxed{")
    hit = _ENDS_IN_BOX.match(text, at) if at >= 0 else None
    if (
        hit is None
        or hit["unit"]
        or names_box(text[max(0, at - _USUALLY) : at])
        or is_mention(hit[1])
        or before(text[max(0, at - _ROOM) : at], hit[1]) != ""
    ):
        return None
    return None if is_denied(text, at, len(text), boxed=True) else (Claim(without_style(hit[1].strip()), marked=True, boxes=1), len(text))


def _group(text: str) -> tuple[list[str], int, bool]:
    """Return the contents of the last boxes, the end of the last one, and whether the text before them shows that there are no more."""
    hit, wording, ends = [box for box in boxes(text) if not is_mention(box[0])], list[str](), 0
    worded = any(letter.isalpha() for box in hit[:-1] for letter in box[0][-_ROOM:])
    speech = with_figures(text, [box for box in hit[:-1] if len(box[0]) < _ROOM]) if worded else text
    for place in range(len(hit) - 1, -1, -1):
        holder = around(text, hit[place], last=not wording)
        meaning = "denied" if holder is DENIALS else stance(speech, hit[place][1], None if wording else hit[place][2])
        if meaning != "denied" and not wording and holder is not DENIALS:
            abroad = other_language(text, *hit[place][1:], boxed=True)
            meaning = meaning if abroad == "English" else abroad
        if (meaning == "unclear" and not wording) or len(wording) > _MOST_BOXES:
            return [], 0, False
        if holder is not DENIALS and meaning == "stated":
            wording.insert(0, without_style(holder.text))
            ends = ends or holder.end
        elif wording:
            return wording, ends, True
        start = hit[place][1]
        if wording and not _joins(text[hit[place - 1][2] if place else 0 : start]):
            return wording, ends, place > 0 or start >= _ROOM
    return wording, ends, False


def _joins(between: str) -> bool:
    between = between[attachment(between) :]
    if len(between) > _LONGEST_JOINT or not JOINT.fullmatch(between):
        return False
    return bool(SAYS_MORE.search(between)) or not re.search(r"\n\s*\n", between)


# --- lines ------------------------------------------------------------------------------------------------------------


def _opened_whole(line: str) -> str:
    """Return the content of the boxes in a line after `Answer:`, or the line itself if they hold no claim."""
    if "ox" not in line or (group := closing_boxes(line)) is None:
        return line
    return group[0].text


def _single(text: str) -> bool:
    """Return True if no word in the text could begin another problem; a search for each initial is fast."""
    return not any(initial in text and words.search(text) for initial, words in _OTHER_PROBLEMS)


def own_part(text: str) -> str:
    """Return the answer part of a reply up to where it runs on into another problem, which it does only after a claim."""
    text = answer_part(text)
    if _single(text):
        return text
    begins, hashes, floor = len(text) - len(text.lstrip()), text.find(HASHES), 0
    for problem in _NEXT_PROBLEM.finditer(text, begins + 1):
        start = problem.start()
        if _STARTS.search(text, max(0, start - 12), start):
            short = not text[begins + SHORT : start].strip()
            if short or 0 <= hashes <= start - len(HASHES) or _mark(text[max(0, floor - LONGEST_HEAD) : start], "auto"):
                return text[:start]
            floor = start  # no claim up to here
    return text
