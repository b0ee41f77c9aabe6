"""A sentence with several values as one formula, and with one value said twice as one: `1 und 2` is `$1, 2$`, "3/5, or 60%" is 3/5."""

from __future__ import annotations

import re
from fractions import Fraction

from aha.answers import lexicon
from aha.answers.formulas import Call, Num, Sym
from aha.answers.languages import ONLY_ENGLISH
from aha.answers.numbers import rational
from aha.answers.numerals import in_digits
from aha.answers.reading import read
from aha.answers.units import unit
from aha.lazy import lazy_pattern

_ITEM = (
    r"(?:\$[^$\n]{1,80}\$|\\\([^\n]{1,80}?\\\)|"
    r"(?:(?<![A-Za-z])[a-z](?:_\{?[0-9]\}?|[₁-₉])?\s?=\s?)?(?<![0-9.,/])[-−]?[0-9]+(?:[./][0-9]+)?(?![0-9]))"
)
_AND_ABROAD = r"und|oder|et|ou|y|e|o|u|en|of|i|lub|и|или|і|або|ve|veya|och|eller|og|dan|atau|và|hoặc"
_AND_IN_HAN = r"和|与|及|或|或者|および|または|と|그리고|또는|와|과"
_LIST = lazy_pattern(
    rf"(?P<first>{_ITEM})(?P<middle>(?:\s?[,，、]\s?{_ITEM}){{0,4}})"
    rf"(?:,?\s(?:{_AND_ABROAD})\s|\s?(?:{_AND_IN_HAN})\s?|(?P<comma>\s?[,，、]\s?))(?P<last>{_ITEM})(?=\s*[.。]?\s*\Z)"
)
_OR_ABROAD = lazy_pattern(
    r"(?:(?<=[\s$)}%0-9])|(?<=[-\s=+*/(][a-z]))\s(?:o|ou|oder|или|або|veya|lub|atau|hoặc|nebo|sau|eller)\s(?=[-$\\(0-9A-Za-z\u4e00-\u9fff])"
)
_DENIES = lazy_pattern("[不非没未无别]|ない|않|아니")
_ROOM = 200  # characters at the end of a sentence that hold its values
_ITEMS = lazy_pattern(_ITEM)
_DELIMITERS = lazy_pattern(r"\A(?:\$|\\\()|(?:\$|\\\))\Z")
_NAME = lazy_pattern(r"\s*([A-Za-z])(?:_\{?[0-9]\}?|[₁-₉])?\s*=")
_QUANTITIES = frozenset(lexicon.QUANTITIES.split())
_OF_A_QUANTITY = lazy_pattern(
    r"(?:(?:So|Thus|Hence|Therefore),? )?(?:[Tt]he |[Ii]ts )?(?P<nouns>[A-Za-z]{3,}(?: [a-z]{3,})?) "
    r"(?=\$?[A-Za-z](?:_\{?\w{1,3}\}?|\([a-z]\))?\s?=)"
)
_TICKS = lazy_pattern(r"(?<!`)`([^`\n]{1,60})`(?!`)")
_UNIT_TWICE = lazy_pattern(  # √2 cm ≈ 1.41 cm
    r"(?P<exact>[0-9)}√π$])\s?(?P<unit>[a-z]{1,10}(?:²|³|\^[23])?)\s?(?P<sign>≈|=|\\approx)\s?(?P<near>[0-9.]+)\s?(?P=unit)(?![a-z])"
)
_OR_PERCENT = lazy_pattern(  # 3/5, or 60%
    r"(?P<value>\$[^$\n]{1,60}\$|\\\([^\n]{1,60}?\\\)|(?<![0-9.,/])[0-9]+(?:[./][0-9]+)?)"
    r",? (?:or|i\.e\.,?|that is,?) (?P<percent>\$?[0-9.]+\s?\\?%\$?)(?=[.]?\s*\Z)"
)
_PART_OF = lazy_pattern(r"(?<![0-9.,/])([0-9]{1,6}) (?:in|out of) ([0-9]{1,6})(?=\W*\Z)")
_OF_A_DIVISION = lazy_pattern(
    r"(?<=emainder) when [^,.;]{1,60}? (?:is|are) divided by [$\\(]{0,2}[0-9a-z]{1,9}[$\\)]{0,2}(?= (?:is|equals)\b)"
)
_IN_BASE = lazy_pattern(r"(?<![\w.,$])([0-9]{1,60}) (?:in base |\(base |\(in base )([2-9]|[1-9][0-9])\)?(?=[.]?\s*\Z)")
_CHANCE = lazy_pattern(r"(?i)\b(?:probability|chances?|likelihood|fraction|proportion)\b")


def join_values(sentence: str) -> str:
    """Return a sentence that ends in several values, joined by words of another language, with one formula that lists them."""
    if sentence.isascii() and not ONLY_ENGLISH.isdisjoint(sentence.lower().split()):
        return sentence
    hit = _LIST.search(sentence, max(0, len(sentence) - _ROOM))
    head = sentence[: hit.start()] if hit else ""
    if hit is None or _DENIES.search(head) or _LIST_GOES_ON.search(head) or (hit["comma"] and not _one_name(_ITEMS.findall(hit.group()))):
        return sentence
    values = [_DELIMITERS.sub("", item).strip() for item in _ITEMS.findall(hit.group())]
    return f"{head}${', '.join(values)}${sentence[hit.end() :]}"


_LIST_GOES_ON = lazy_pattern(r"[0-9)}π∞$]\s*[,;，、]\s*\Z")
_VALUE = r"[-+−]?(?:[0-9a-z√π/.^²+−-]+|∞|infinity)"
_TERM = r"(?:(?<![0-9.])[0-9]+(?:\.[0-9]+)?(?![0-9])|[A-Za-z](?![A-Za-z])|[-+−*/^()√π²³·×{}])"
_PLAIN_FORMULA = lazy_pattern(  # a point, an interval, an equation or an inequality in plain text
    rf"(?<=[\s:：はが为是])(?P<formula>(?:[A-Za-z]\s?[=∈]\s?)?\{{\s?{_VALUE}(?:\s?,\s?{_VALUE}){{0,9}}\s?\}}|(?:[A-Za-z]\s?[=∈]\s?)?[(\[⟨]\s?{_VALUE}(?:\s?[,;]\s?{_VALUE}){{1,2}}\s?[)\]⟩]"
    rf"|(?=[^=<>≤≥]*[A-Za-z]){_TERM}(?:\s?{_TERM})*(?:\s?(?:=|[<>]=?|[≤≥])\s?{_TERM}(?:\s?{_TERM})*){{1,2}})(?P<after>\s*(?:です|である|입니다|이다)?\s*[.。]?\s*)\Z"
)


def with_delimiters(text: str) -> str:
    """Return a text with the plain formula that ends its last sentence between dollars, if words stand before it."""
    last = _LAST_SENTENCE.search(text, max(0, len(text) - 300))
    hit = _PLAIN_FORMULA.search(last.group()) if last and "$" not in last.group() and "\\" not in last.group() else None
    head = last.group()[: hit.start()] if last and hit else ""
    if last is None:
        return text
    if (values_match := _NAMED_VALUES.fullmatch(last.group())) is not None:
        return f"{text[: last.start()]}{values_match['lead']}${_AND_BETWEEN.sub(', ', values_match['values'])}$."
    if hit is None or not _HAS_WORD.search(head) or _ENDS_OPEN.search(head):
        return text
    formula = hit["formula"]
    if re.fullmatch(r"\s*\{[^{}]*,[^{}]*\}\s*", re.split("[=∈]", formula)[-1]):
        formula = formula.replace("{", "\\{").replace("}", "\\}")
    return f"{text[: last.start() + hit.start()]}${formula}${hit['after']}"


_NAMED_VALUE = r"[A-Za-z]\s?=\s?[-−]?[0-9]+(?:[./][0-9]+)?"
_NAMED_VALUES = lazy_pattern(  # So p = 5 and q = 2
    r"(?P<lead>\s*(?:(?:So|Thus|Hence|Therefore|Then|Finally),? )?"
    r"(?:(?:[Ww]e|[Yy]ou) (?:get|have|find|obtain) |(?:[Tt]his|[Tt]hat) gives )?)"
    rf"(?P<values>{_NAMED_VALUE}(?:,? and {_NAMED_VALUE}|, {_NAMED_VALUE}){{1,4}})[.]?\s*"
)
_AND_BETWEEN = lazy_pattern(r",? and ")
_ENDS_OPEN = lazy_pattern(r"(?i)[=<>≤≥0-9不非没未无别]|ない|않|아니|\b(?:and|or|und|oder|et|ou|y|o|e|и|или)\s*\Z")
_HAS_WORD = lazy_pattern(r"[^\W\d_]{2}|[\u3040-\u9fff]")
_LAST_SENTENCE = lazy_pattern(r"[^.!?。！？\n]+[.。]?\s*\Z")


def alternatives(line: str) -> str:
    """Return an announced line of another language with "or" for its word of that meaning."""
    return _OR_ABROAD.sub(" or ", line)


def join_values_at_end(text: str) -> str:
    """Return a text with the values that end its last sentence as one formula."""
    last = _LAST_SENTENCE.search(text, max(0, len(text) - 300))
    return text[: last.start()] + join_values(last.group()) if last else text


def _one_name(items: list[str]) -> bool:
    """Return True if all items are values of one name, as x_1 = 1 and x_2 = 2 are."""
    names = [_NAME.match(_DELIMITERS.sub("", item)) for item in items]
    return all(names) and len({name[1] for name in names if name}) == 1


def _are_equal(first: str, second: str) -> bool:
    """Return True if both texts are numbers of one value."""
    value, partner = rational(_DELIMITERS.sub("", first)), rational(_DELIMITERS.sub("", second))
    return value is not None and partner is not None and value.equals(partner)


_OTHER_UNITS = lazy_pattern(  # 96 minutes, or 1 hour and 36 minutes
    r"(?P<value>(?<![0-9.,/])[0-9][0-9,.]* ?[a-z]{1,12})(?:,? (?:or|i\.e\.,?|that is,?|which is) | \()"
    r"(?P<other>[0-9][0-9.]* ?[a-z][^()\n]{0,40}?)\)?(?=[.]?\s*\Z)"
)


def _amount(text: str) -> tuple[object, Fraction] | None:
    """Return the kinds and the size of a quantity in one or several units, or None for anything else."""
    node = read(text).node
    parts = node.args if isinstance(node, Call) and node.name == "compound" else (node,)
    total, kinds = Fraction(0), set[object]()
    for part in parts:
        match part:
            case Call("unit", (Num(value), Sym(name))) if measure := unit(name):
                total += value * measure.size
                kinds.add(measure.kinds)
            case _:
                return None
    return (kinds.pop(), total) if len(kinds) == 1 else None


def without_noun(text: str) -> str:
    """Return a text of one line without the noun before its name: slope m = 3."""
    hit = _OF_A_QUANTITY.match(text) if "=" in text and "\n" not in text else None
    return text[hit.end() :] if hit and _QUANTITIES.issuperset(hit["nouns"].lower().split()) else text


def once(text: str) -> str:
    """Return a text without backticks around a value, the unit of a value that its rounded form repeats, or a chance as a fraction."""
    text = _TICKS.sub(r"\1", text) if "`" in text else text
    if "≈" in text or "\\approx" in text:
        text = _UNIT_TWICE.sub(lambda hit: f"{hit['exact']} {hit['sign']} {hit['near']} {hit['unit']}", text)
    if "%" in text and (hit := _OR_PERCENT.search(text)) and _are_equal(hit["value"], hit["percent"]):
        text = text[: hit.end("value")] + text[hit.end() :]
    hit = _OTHER_UNITS.search(text) if " or " in text or "(" in text or "i.e." in text or "which is" in text else None
    if hit and (amount := _amount(hit["value"])) and amount == _amount(hit["other"]):
        text = text[: hit.end("value")] + text[hit.end() :]
    if " divided by " in text:
        text = _OF_A_DIVISION.sub("", text)
    if "base" in text:
        text = _IN_BASE.sub(r"$\1_{\2}$", text)
    if (" in " in text or " out of " in text) and _CHANCE.search(text):
        text = _PART_OF.sub(lambda hit: f"{hit[1]}/{hit[2]}" if int(hit[1]) <= int(hit[2]) else hit.group(), text)
    return text


_FORMULA = r"(?:\$[^$\n]{1,60}\$|\\\([^\n]{1,60}?\\\)|(?:[A-Za-z]\s?=\s?)?[-−]?[0-9][0-9./]*)"
_SORT = (
    r"(?:(?:an?|the|this|that)\s)?(?:(?:negative|other|second|extraneous|extra|spurious|invalid)\s)*"
    r"(?:solutions?|roots?|values?|cases?|ones?|answers?)"
)
_REJECTS = r"(?:reject|discard|exclud|dismiss|disregard|ignor|omit|eliminat|rul)(?:e?s|ed?|ing)?(?:\sout)?"
_UNFIT = (
    rf"(?:extraneous|spurious|rejected|discarded|excluded|ruled out|invalid|inadmissible|impossible|negative"
    rf"|not (?:valid|possible|allowed|admissible|{_SORT})|an? extraneous {_SORT})"
)
_REJECTION = lazy_pattern(  # rejecting x = -1; since x = -1 is extraneous
    rf"(?i)(?:(?:we|i|so|and|after|by|where|while|with)\s)*{_REJECTS}\s(?:{_SORT}\s?)?(?P<out>{_FORMULA})?(?:,?\s(?:as|because|since|for)\s[^.]{{1,60}})?"
    rf"|(?:(?:since|as|because|and|while|where|with)\s)*(?:{_SORT}\s)?(?P<unfit>{_FORMULA})\s(?:is|was|being)\s{_UNFIT}(?:\s(?:in|for|since|because|as)\s[^.]{{1,60}})?"
)
_UPHELD_PATTERN = lazy_pattern(
    r"(?i)(?:and\s)?(?:both|all|each|which)(?:\sof\s(?:which|them|these))?(?:\s(?:solutions|values|roots))?\s(?:(?:indeed|both|all)\s)?"
    r"(?:satisf(?:y|ies)|check(?:s)? out|works?"
    r"|(?:is|are) (?:valid|admissible|correct|solutions|real))(?:\s(?:the|this|all|both|our)\s[a-z ]{1,40})?"
)
_LAST_REMARK = lazy_pattern(r"\s*(?:\((?P<inside>(?:[^()\n]|\\[()]){3,120})\)|[,;—–]\s(?P<beside>[^,;.\n]{3,120}))[.]?\s*\Z")
_COLOUR = lazy_pattern(r"\\(?:text)?color\s?\{[A-Za-z]{1,20}\}(?=\s?[{$\\])")
_ENDS_IN_WORD = lazy_pattern(r"[A-Za-z$)0-9][.)]{0,2}\s*\Z")
_FORM = r"\\[dt]?frac[0-9]{2}|\\[dt]?frac\{[0-9]{1,9}\}\{[0-9]{1,9}\}|[0-9][0-9,]*(?:\.[0-9]+)?(?:/[0-9]+)?(?:\s?\\?%)?|\.[0-9]+"
_SAME_TWICE = lazy_pattern(  # 0.75 (or 75%), 1,000,000 (one million), 0.75, i.e. 75%
    rf"(?<![\w.,/^_-])(?<![_^]\{{)(?P<value>[-−]?(?:{_FORM}))(?P<closes>[}}$*\s]{{0,4}})"
    rf"(?:\s\((?P<lead>(?:or|i\.e\.,?|that is,?|equivalently,?|which is|also)\s|=\s?)?|(?P<beside>,?\s(?:i\.e\.|that is),?\s))\$?"
    rf"(?P<repeat>[-−]?(?:{_FORM})(?![0-9.,/]*[0-9])|(?:[0-9]+ )?[a-z]{{3,9}}(?:[ -][a-z]{{3,9}}){{0,7}})\$?(?(beside)(?=[.\s]*\Z)|\))"
)
_LONGEST_REMARK, _FIGURES = 150, lazy_pattern(r"[-−]?[0-9][0-9./]*(?<![./])")


_NEARLY = lazy_pattern(  # $2\\sqrt5$ (about 4.47)
    r"(?P<opens>\$|\\\()(?P<exact>[^$\n=]{1,80}?)(?P<closes>\$|\\\))(?P<unit>\s[a-z]{1,12})?"
    r"\s\((?:which is |or )?(?:about|approximately|roughly|approx\.|≈|\\approx)\s?"
    r"\$?(?P<near>[0-9]+\.[0-9]+)\$?(?P=unit)?\)(?=[.]?\s*\Z)"
)


def _without_repeat(match: re.Match[str]) -> str:
    """Return a number without its other form behind it; if the text says that it is another number, with "or" between the two."""
    value, repeat = (_exact(in_digits(match[name])) for name in ("value", "repeat"))
    if value is None or repeat is None or match["value"] == match["repeat"]:
        return match.group()
    if value == repeat or ((match["lead"] or match["beside"]) and _rounds(value, match["repeat"])):
        return f"{match['value']}{match['closes']}"
    return f"{match['value']}{match['closes']} or {match['repeat']}" if match["lead"] or match["beside"] else match.group()


def _rounds(value: Fraction, decimal: str) -> bool:
    """Return True if a decimal has at least two places, all of which are digits of the value, rounded or cut off."""
    exact, places = _exact(decimal), len(decimal.partition(".")[2])
    return exact is not None and decimal[-1:].isdigit() and places > 1 and abs(value - exact) < Fraction(1, 10**places)


def _exact(text: str) -> Fraction | None:
    value = rational(text)
    return None if value is None else value.exact / 100 if value.percent else value.exact


def without_remark(text: str) -> str:
    """Return a reply without colours and without a remark behind its claim that rejects another value, as in x = 3 (rejecting x = -1), or
    calls all of them right."""
    text = _COLOUR.sub("", text) if "color{" in text else text
    at = max(0, len(text) - 2 * _LONGEST_REMARK)
    if any(text.find(sign, at) >= 0 for sign in (" (", "i.e", "that is")):
        text = text[:at] + _SAME_TWICE.sub(_without_repeat, text[at:])
    remark = _LAST_REMARK.search(text, max(0, len(text) - _LONGEST_REMARK)) if _ENDS_IN_WORD.search(text, len(text) - 5) else None
    if remark is None:
        return text
    if remark["inside"] and (nearly := _NEARLY.search(text, max(0, len(text) - 2 * _LONGEST_REMARK))) is not None:
        return (
            f"{text[: nearly.start()]}{nearly['opens']}{nearly['exact']} \\approx {nearly['near']}{nearly['closes']}{nearly['unit'] or ''}."
        )
    words = remark["inside"] or remark["beside"]
    if (rejection := _REJECTION.fullmatch(words)) is not None:
        value = _DELIMITERS.sub("", rejection["out"] or rejection["unfit"] or "").rpartition("=")[2].strip()
        near = text[max(0, remark.start() - _LONGEST_REMARK) : remark.start()].rpartition(". ")[2]
        values = _FIGURES.findall(near)
        return "" if values[-1:] == [value] else text if value in values else text[: remark.start()]
    return text[: remark.start()] if _UPHELD_PATTERN.fullmatch(words) else text
