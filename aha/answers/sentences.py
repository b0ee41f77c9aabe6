"""The formula that a sentence claims at its end, read only if every word around it is one that claims.

A sentence is cut into clauses; the last after "so", "then" or a colon counts, an explanation ("since …", "not 8") does not. In it, the last
number or formula is the claim if a word before it admits one ("is", "has", "costs", but not "step" or "March"), if a verb separates it from
any number before it, and if a unit, a noun or "in all" follows, but no word that says another number, a bound or a denial."""

from __future__ import annotations

import re

from aha.answers.closings import is_supposed, plain_count
from aha.answers.context import denied_after, denied_before, suspect
from aha.answers.formulas import SPAN, Piece, pieces_of
from aha.answers.grammar import kinds, plain_forms
from aha.answers.joining import join_values, once
from aha.answers.languages import ONLY_ENGLISH
from aha.answers.lexicon import HAS_QUANTITY, OF_MONEY, PARTS, SAYS_MORE, SCALES, SUSPECT
from aha.answers.numerals import count_of, counted_abroad, in_digits, lists_numeral, mixed_in_digits
from aha.answers.rephrasing import IS_RESULT, in_plain_words, leads_to_sum, without_asides
from aha.answers.symbols import money_behind
from aha.answers.units import known_unit, measures
from aha.lazy import lazy_pattern

LONGEST = 600
_SENTENCE = lazy_pattern(
    r"(?<![ap]\.m)(?<!\b[A-Za-z])[.。!?](?=\s+[A-Z\u00c0-\u00de\u0100-\u0180\u0400-\u042f\u0590-\u0eff\u4e00-\u9fff*\\$(]|\s*$)|[。।]|\n+"
)
_HOWEVER = lazy_pattern(
    r"(?i)\s*[*_]{0,2}(?:(?:sorry|oops|no|wait),?\s(?:i\smeant?|it\sis)|i\smeant|correction|however|but|yet|aber|mais|pero|mas|però|но|maar|ale)\b"
)
_CLOSING = lazy_pattern(r"(?i)(?:i hope|hope (?:this|it)|let me know|note that|this is (?:the|our)|thank)")
_NEW_CLAUSE = lazy_pattern(
    r"(?i)(?:[,;]?\s*\b(?:so|thus|therefore|hence|then|which (?:is|gives|means|makes|equals|comes to)|that is|i\.e\."
    r"|giving|making|leaving|meaning"
    r"|making (?:it|that)|for a total of)\b|[;；:：]|，|所以|因此|故|即)"
)
_EXPLAINS = lazy_pattern(
    r"(?i)[,(]?\s*\b(?:since|because|as|where|when|if|given|using|by|for|with|that|which|whose|from|after"
    r"|as needed)\b|[,(]\s*(?:but |and )?not\b|,\s*(?:in|all|al)\b|，"
)
_TEXT = lazy_pattern(r"\\(?:text|textbf|textrm|mathrm|mbox)\s*\{([^{}]*)\}")
_PRICE_PAIR = lazy_pattern(r"\$[0-9][0-9.,]*\s*(?:[-+−–*×=]|(?:[a-z]+\s+){1,4})?\s*\$[0-9]")
_CALCULATOR = lazy_pattern(r"<<[^<>\n]{0,80}>>|`?\\f?boxed\s*(?:\{\s*\})?`?")
_ASKS = lazy_pattern(
    r"(?i)\b(?:what|how|(?<![a-z] )who|(?<!we )(?<!i )(?:find|compute|calculate|evaluate|determine|solve)|guess|if|whether)\b"
)
_PRICES = lazy_pattern(r"(?<!\\)\$(?=[0-9])")
_DENIED_START = lazy_pattern(r"(?i)\W*(?:[a-z]+ly )?(?:not|never|nicht|pas|non|nunca|não|niet|inte|nie|не|(?:any|every)thing but)\b")
_SPACES, _TIMES = map(lazy_pattern, (r"[ \t]+", r"(?<=[0-9]) x (?=[0-9])"))
_FIGURES = lazy_pattern(r"[0-9$\\½¼¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞√π∞₀-₉]")
_LIST_PHRASE = lazy_pattern(r"(?i)\b(?:one|some|any|either|all|each) of (?:the following|these)\b")
_IF_IF = lazy_pattern(r"(?i)\bif\b[^.\n]*\bif\b")
_AND = lazy_pattern(r"(?i)\b(?:and|und|et|y|oder|ou|o|или|або|veya|lub|atau|hoặc|nebo|sau|eller)\b|[或和]|または|또는")
_UNFINISHED_PATTERN = lazy_pattern(r"(?i)\b(?:not|but|than|least|most|except|never|minus|negative|to)\W*\Z")
_IT_IS = lazy_pattern(r"(?i)\bit(?:['’]s| is)\b")
_IS_ANSWER = lazy_pattern(
    r"(?i)is (?:the|our|my) (?:\w+ )?(?:answer|solution|result)(?: to (?:the|this|our|your) (?:question|problem))?\Z"
    r"|is (?:it|correct|right)\Z"
    r"|(?:works and )?is the (?:smallest|largest|least|greatest|only|unique)(?: such| possible)?(?: (?:number|integer|value|one))?\Z"
)
_JUDGED_PATTERN = lazy_pattern(
    r"(?i)(?:^|\s)(?:is|was|would|could|might|may|can|cannot|does|fails|seems|looks)\b|\bminus\b|\b(?:times|plus) \w"
)
_CHANGES = lazy_pattern(
    r"[的の의折成]|月(?!份)|(?:st|nd|rd|th)\b(?! (?:day|week|month|year|hour|minute|floor|place|attempt|try|time)s?\b)|[MBk](?![A-Za-z/^·])"
)  # 5th, 77M
_RATE_OVER_TIME = lazy_pattern(  # 45 dollars per hour for each of three hours; 52 of the loaves, the rest
    r"(?i)\b(?:per|an?|each|every)\s[a-z]+\s(?:for|over|during)\s(?:an?|each|every|all|the|[0-9]|two|three|four|five|six|seven)\b"
    r"|\bthe (?:rest|others?|remainder)\b|\bfor the (?:first|second|other|former)\b[^.]*[0-9]"
    r"|\bof the (?:answer|result|solution)\b|\bonly (?:by|if|when|because)\b"
)
_TO_GRADER = lazy_pattern(
    r"(?i)\b(?:evaluator|grader|rubric|full (?:marks|credit)|maximum (?:score|reward))\b"
    r"|\b(?:which|that|gives|(?<!\bit )is|equals|by|of|the)\W*\Z"
)  # or it breaks off
_SAID_OF_IT_PATTERN = lazy_pattern(
    r"(?:has|comes|does|works|appears|gives|seems|looks|fails|will|can|cannot|must|may|might|should|would|could|lies|leads|exceeds)\b"
)
_IN_CASE = lazy_pattern(r"\W*(?:For|When|At|With|By|From|On|If|Where|Taking|Letting|Setting|Putting)\b\W*(?:[a-z]+\s){0,2}\W*")
_OF_A_NUMBER = lazy_pattern(r"(?i)\b(?:ends?|starts?|begins?|divisible|multiple)\b")
_OF_A_UNIT = lazy_pattern(r"of an? ([a-z]{1,12})")  # 2/3 of a minute
_ABOUT = lazy_pattern(r"(?i)\b(?:about|around|roughly|approximately|approx\.?|circa)\s*\Z")  # no more than a guess at a whole number
_WHOLE = lazy_pattern(r"(?P<near>[≈~])?\s?[$¤€£\\]*[0-9][0-9,]*")
_IN_MONTHS = lazy_pattern(
    r"\b(?:in|during|for|over) (?:{0})(?:(?:, (?:{0}))*,? and (?:{0}))?\b".format(
        "January|February|March|April|May|June|July|August|September|October|November|December"
    )
)
_FURTHER = lazy_pattern(r"(?i)(?<!or )(?<!and )\bmore\b(?! than)")
_OPERATES = lazy_pattern(
    r"(?i)\b(?:half|third|quarter|fifth|tenth|root|square|cube|twice|double|triple|percent|multiple|divisor|element|member|neighbour|bound|power|factor|negative|divisible|number|sum|product|difference|ratio"
    r"|average|mean|reciprocal|opposite|logarithm)\s+(?:of\s+)?\W*\Z"
)
_FIRMLY = lazy_pattern(r"(?i)[,(]?\s*(?:since|because|given|not|but|and)\b")
_ADMITS = frozenset(
    (
        "is are was were be been being equals equal equaled has have had having gets get got gives give gave makes make made "
        "costs cost pays pay paid earns earn earned spends spend spent saves save saved needs need needed takes take took uses "
        "use used sells sell sold buys buy bought eats eat ate leaves leave left totals total totaling totalling contains contain "
        "includes include remain remains weighs weigh receives receive received yields yield obtain obtains find finds say says "
        "approximately about around roughly exactly only just precisely of to at for answer answered answers a an the thus so "
        "hence therefore then now still altogether all worth runs run ran owes owe charges charge comes come read reads writes "
        "write wrote picks picked us you me them him her collected walked travels travel produces produce see get's that's it's "
        "there's solution value result length sum product number"
    ).split()
)
_VERB = lazy_pattern(
    r"(?i)\b(?:is|are|was|were|be|equals?|has|have|had|makes?|made|gives?|gave|costs?|gets?|got|takes?|needs?|leaves?|left|earns?|pays?|paid|contain|hold|weigh|total|measure|equal|it['’]s)\b|[=⇒]"
)
_DENIED_HEAD = lazy_pattern(r"(?i)(?:\bnot|n['’]t|\bnever|\\neq?|≠)[^\w]*(?:\w+[^\w]+){0,2}\Z")
_MONEY, _OF_VERBS = lazy_pattern(r"[$\\* ]{0,6}[$¤€£](?=[0-9])"), ("b", "u", "y", "s", "d", "g")
_HAN_ADMITS = lazy_pattern(
    r"(?:全部で|合計で?|[合总]计|花费|耗费|卖出|花掉|支出|剩下|留下|得到|求得|算得|等于"
    r"|[读看买卖做走跑吃写种画赚挣收是为はがも有共得于需要剩余花付用了成达值:：]|\A)\s*\Z"
)
_LABELS = lazy_pattern(r"(?:第\s*|[没沒][^，。,]{0,6})\Z")
_SPEAKS, _FORMULA = lazy_pattern(r"[^\W\d_]{2}|="), lazy_pattern(r"\$[^$]+\$")
_IN_OR_AFTER = lazy_pattern(r"(?i)\b(?:in|with|with probability|after)\s*\Z")
_MEASURE = lazy_pattern(r"\s*\\?(?:text\{)?\s*([A-Za-z]+|[%°])")
_VERB_FORM, _IS_BOUND = lazy_pattern(r"\b[a-z]+(?:s|ed)\b"), lazy_pattern(r"[<>]=\s*\Z|<\s*\Z|[A-Za-z]\s*>\s*\Z")
_WORDS = lazy_pattern(r"[^\W\d_]+(?:['’][a-z]+)?")
_LEADS_TO, _HAN = lazy_pattern(r"(?i)\bto\s*(?:\w+\s*)?\W*\Z"), lazy_pattern("[\u3400-\u9fff]")


def claimed_formula(text: str, *, marked: bool, boxed: bool = False) -> str | None:
    """Return the formula that a text of words claims, with its unit, or None if it claims none that is understood."""
    text = _price(money_behind(once(_TEXT.sub(r" \1 ", _CALCULATOR.sub("", text[:LONGEST] if marked else _ending(text))))))
    if "~~" in text or (marked and _DENIED_START.match(text)):
        return None
    text = mixed_in_digits(_TIMES.sub("*", _SPACES.sub(" ", text)).replace("per cent", "percent"))
    sentences = _sentences(text)
    if (boxed and sentences[1:]) or lists_numeral(text) or _IF_IF.search(text) or _LIST_PHRASE.search(text) or _TO_GRADER.search(text):
        return None  # all of a box is the claim
    if sentences and (" than " in (last := sentences[0 if marked else -1]) or " dozen " in last):
        sentences[0 if marked else -1] = _with_digits(last)  # seven more than; a dozen
    claim = _last_claim(sentences, marked=marked, boxed=boxed)
    if claim is None and "=" in text and not marked and sentences:
        head = in_plain_words(sentences[-1], sums=True).rpartition(IS_RESULT)[0]
        return _last_claim(sentences, marked=False, boxed=boxed, sums=True) if leads_to_sum(head) else None
    return claim


def _last_claim(sentences: list[str], *, marked: bool, boxed: bool, sums: bool = False) -> str | None:
    """Return the formula that the last sentence with a figure claims, or the first sentence if it is `marked`."""
    claim_place = 0 if marked else len(sentences) - 1

    def plain_words(place: int) -> str:
        words = in_plain_words(sentences[place], sums=sums)
        return in_plain_words(_with_digits(words), sums=sums) if place == claim_place else words

    for place in [0] if marked and sentences else range(len(sentences) - 1, -1, -1):
        sentence = plain_words(place)
        if marked or _FIGURES.search(sentence):
            if (plain := plain_count(join_values(sentence), marked=marked)) is None:
                return None
            sentence = plain
            if not marked and is_supposed(sentence):
                return None
            before = plain_words(place - 1) if place and not marked else ""
            if _UNFINISHED_PATTERN.search(before):
                return None
            bare = not marked and place > 0 and not any(_SPEAKS.search(item) for item in (before, plain_words(place)))
            return None if bare else _claim_of(without_asides(sentence), marked=marked, boxed=boxed)
        if (SAYS_MORE.search(sentence) or _HOWEVER.match(sentence)) and not _CLOSING.match(sentence.strip()):
            return None
    return None


_IN_BRACKETS, _INFINITY = map(lazy_pattern, (r" \(([0-9]{1,9})\)", r"\b(?:(negative|minus) |(?:positive|plus) )?infinity\b"))
_CONCLUDES = lazy_pattern(r"(?i).*\b(?:so|thus|hence|therefore|altogether|in total|in all|which (?:leaves|makes|gives|means))\b", re.S)


def _with_digits(sentence: str) -> str:
    """Return the sentence with its numeral in digits if the sentence, or the clause that concludes it, has no figures."""
    if (twice := _IN_BRACKETS.search(sentence)) and twice[1] in counted_abroad(without := sentence.replace(twice.group(), "", 1)).split():
        sentence = without  # trente-trois (33)
    if not _FIGURES.search(sentence):
        if "infinity" in sentence:
            return _INFINITY.sub(lambda hit: "-∞" if hit[1] else "∞", sentence)
        in_english = count_of(sentence)
        abroad = in_english == sentence and ONLY_ENGLISH.isdisjoint(sentence.lower().split())
        return counted_abroad(sentence) if abroad else in_english
    last = _CONCLUDES.match(sentence)
    return f"{last.group()}{count_of(sentence[last.end() :])}" if last and not _FIGURES.search(sentence, last.end()) else sentence


_FOREIGN = lazy_pattern("[\u0590-\u0eff]")  # scripts in which only the nouns below are known
_FOREIGN_NOUNS = frozenset("है हैं টি টাকা ডলার रुपये डॉलर రూపాయలు డాలర్లు บาท คน ใบ ชิ้น กิโลเมตร ชั่วโมง นาที วัน دولار كم ساعة يوم".split())
_BOLD_SIDE = lazy_pattern(r"(?<=[=≈] )\*\*(?=\\?[$€£]?[0-9])")
_SYMBOL = r"(?:(?<![A-Za-z])(?:[A-Za-z]|sin|cos|tan|log|ln|sqrt|pi)(?![A-Za-z]))"
_SIDE = lazy_pattern(
    rf"(?:(?:So|Thus|Hence|Therefore|Then|Donc|Ainsi|Also|Daher|Somit|Entonces|Luego|Quindi|Portanto),?\s)?(?:(?:the\s)?(?:[A-Za-z]{{2,}}\s){{0,4}}?(?:(?:sin|cos|tan)\s?[0-9]+°|[A-Z]{{1,3}}(?:[:/][A-Z]{{1,3}}){{0,2}}|[a-z](?:\([^()]{{1,9}}\))?)\s?="
    rf"|(?:The|the|Its)\s(?:[A-Za-z]{{2,}}\s){{1,5}}(?:is|equals|is at|lies at)(?:\s(?:therefore|thus|then))?)\s"
    rf"(?P<side>(?:[^A-Za-z=\n]|{_SYMBOL}){{3,80}})"
)
_OF_ANGLE = lazy_pattern(r"(?:sin|cos|tan)\s?[0-9]+°")


def closing_side(text: str) -> str | None:
    """Return the formula with letters or roots that ends the last sentence, after "is" or the one equality sign of a name, or None."""
    sentences = _sentences(_ending(text))
    hit = _SIDE.fullmatch(sentences[-1].strip(" *")) if sentences else None
    if hit is None or not re.search(r"[-+*/^√()−:\\]", hit["side"]) or (len(sentences) > 1 and _UNFINISHED_PATTERN.search(sentences[-2])):
        return None
    head = _OF_ANGLE.sub("x", sentences[-1].strip(" *")[: hit.start("side")])
    if _DENIED_START.match(sentences[-1]) or suspect(head) or denied_before(head, len(head)):
        return None
    return hit["side"].rstrip(" .")


def _price(text: str) -> str:
    """Return the text with the dollar signs of prices escaped: those before a figure that close no formula."""
    return text if text.count("$") < 2 else _PRICES.sub(r"\\$", text) if _PRICE_PAIR.search(text) else text


def _ending(text: str) -> str:
    """Return the last part of a long text, from the start of a word and outside a formula between dollars."""
    if len(text) <= LONGEST:
        return text
    at = len(text) - LONGEST
    at = max(text.find("$", at) + 1, at) if text.count("$", 0, at) % 2 else at
    return text[at:].partition(" ")[2] or text[at:]


def _sentences(text: str) -> list[str]:
    """Return the sentences of a text; a period within a formula does not end a sentence."""
    hit, is_open = list[str](), 0
    spans = [span.span() for span in SPAN.finditer(text)]
    for end in _SENTENCE.finditer(text):
        if not any(low < end.start() < high - 1 for low, high in spans):
            hit.append(text[is_open : end.start()])
            is_open = end.end()
    return [item for item in (*hit, text[is_open:]) if item.strip(" .*_#\n")]


def _claim_of(sentence: str, *, marked: bool, boxed: bool) -> str | None:
    pieces = pieces_of(sentence)
    clauses = [hit.end() for hit in _NEW_CLAUSE.finditer(sentence) if any(piece.start >= hit.end() for piece in pieces)]
    clauses = [end for end in clauses if not any(piece.start < end < piece.end for piece in pieces)]
    clauses += [hit.end() for hit in _IT_IS.finditer(sentence) if pieces and pieces[0].end <= hit.start() and pieces[-1].start >= hit.end()]
    is_open = max(clauses, default=0)
    if (boxed and any(piece.start < is_open for piece in pieces)) or (is_open and _DENIED_HEAD.search(sentence[:is_open])):
        return None
    pieces = [piece for piece in pieces if piece.start >= is_open]
    if not pieces:
        return None
    ends = _explanation(sentence, pieces)
    pieces = [piece for piece in pieces if piece.start < ends]
    pieces = _join(sentence, pieces)
    last = pieces[-1]
    if last.text[0] == "(" and sentence[last.start - 1 : last.start].isalnum():
        return None  # f(3)
    before = sentence[pieces[-2].end if len(pieces) > 1 else is_open : last.start]
    if _GOES_ON_IN_A_FORMULA.match(sentence, last.end) or _IS_A_LABEL.match(sentence, last.end):
        return None
    calculated = "=" in last.text and not _OF_A_NUMBER.search(before) and _IN_OR_AFTER.search(before) is not None
    if (len(pieces) > 1 and not calculated and not _leads_on(before)) or sentence[last.end : last.end + 2] in (
        "..",
        "…",
        "\\d",
        "\\l",
        "\\c",
    ):
        return None
    after = sentence[last.end : ends].strip(" \t*_$").rstrip(".,:;!?。，！？*_ ")
    if _RATE_OVER_TIME.search(sentence, last.end) or denied_before(sentence, last.start, last.end) or denied_after(sentence[last.end :]):
        return None
    if not calculated and after and not _IS_ANSWER.match(after) and _of_a_case(before, after):
        return None
    if ((whole := _WHOLE.fullmatch(last.text)) and (whole["near"] or _ABOUT.search(before))) or " at first" in sentence[last.end : ends]:
        return None
    if (_FURTHER.match(after) and not before.strip()) or (not marked and after.endswith(" ago")):
        return None  # i.e. 12 more
    measured = _MEASURE.match(after)
    if not calculated and not _admitted(
        before,
        start=is_open == 0 and marked,
        unit=measured is not None and measures(measured[1]) and measured[1].lower() not in ("in", "a", "am"),
        noun=measured is not None,
        percent=last.text.endswith("%") or after.startswith("percent"),
        money=_MONEY.match(last.text) is not None and not _FORMULA.fullmatch(last.text),
    ):
        return None
    return _with_noun(last.text, after)


_IS_A_LABEL = lazy_pattern(r"[)\]*_$]{0,4}\s?:\s*[*_]{0,2}[^\W\d_]")  # [12]: reference
_GOES_ON_IN_A_FORMULA = lazy_pattern(r"\$?\s*(?:,|;|\b(?:and|or)\b)\s*\$\s*[A-Za-z\\]")  # $1$, $ all real numbers $
_JOINS = lazy_pattern(r"\s*(?:,|,?\s*(?:and|und|et|y|e))\s*")
_LISTS_VALUES = lazy_pattern(r"(?i)\b(?:are|sind|sont|son)\b[\s*]*\Z")


def _join(sentence: str, pieces: list[Piece]) -> list[Piece]:
    """Return the formulas with those at the end as one list if "are" leads to them and only commas and "and" stand between them."""
    first = len(pieces) - 1
    while first > 0 and _JOINS.fullmatch(sentence, pieces[first - 1].end, pieces[first].start):
        first -= 1
    if (
        first == len(pieces) - 1
        or not _LISTS_VALUES.search(sentence[: pieces[first].start])
        or "." in sentence[pieces[-1].end :].strip()[:-1]
    ):
        return pieces
    values = ", ".join(piece.text.strip("$* ") for piece in pieces[first:])
    return [*pieces[:first], Piece(pieces[first].start, pieces[-1].end, values)]


def _explanation(sentence: str, pieces: list[Piece]) -> int:
    """Return the index where an explanation after the claim begins; words such as "that" begin none if a verb leads on to a formula."""
    for hit in _EXPLAINS.finditer(sentence, pieces[0].end):
        next_token = next((piece.start for piece in pieces if piece.start >= hit.end()), None)
        goes_on = next_token is not None and _VERB.search(sentence, hit.end(), next_token) and not _FIRMLY.match(hit.group())
        if not _within(hit.start(), pieces) and not goes_on:
            return hit.start()
    return len(sentence)


def _of_a_case(before: str, after: str) -> bool:
    """Return True if a value is only the subject or the case of a statement: "26 comes close", "For k = 8 the series diverges"."""
    return _SAID_OF_IT_PATTERN.match(after) is not None if not before.strip(" ,*_$") else _IN_CASE.fullmatch(before) is not None


def _leads_on(between: str) -> bool:
    """Return True if a verb stands between two values: comes to, tends to, yields."""
    return _VERB.search(between) is not None or any(
        kinds(word) in ("b", "u", "y") and word not in ("does", "measures", "uses") for word in _VERB_FORM.findall(between)
    )


def _within(place: int, pieces: list[Piece]) -> bool:
    return any(piece.start <= place < piece.end for piece in pieces)


_ARGUMENT = lazy_pattern(  # the number of divisors of 18; but the price of 18 dollars, a total of 18
    r"(?i)(?:\bthe (?:(?!an? )[a-z]+ )*"
    r"(?!age|cost|price|rate|total|value|amount|size|speed|weight|distance|height|length|width|mark|sum|final)[a-z]{3,}|\b(?:divisors|digits|factors|multiples|powers|elements|members|subsets|roots))\s+of\s*\W*\Z"
)
_KNOWN_BEFORE = lazy_pattern(r"(?i)\bevery\W*\Z|\A\W*(?:the|these|those|his|her|their|our|all)\W*\Z")  # the 42 chairs were
_SCALES_PATTERN = lazy_pattern(r"(?i)\b(?:we|i|you|multipl[a-z]*|divid[a-z]*|scal[a-z]*|adjust[a-z]*)\b")
_ODD_SIGN, _RELATES = lazy_pattern(r"[?？@^]\s*\Z|#\Z"), lazy_pattern(r"\b(?:divid|exceed|preced|approach|bound|surpass)(?:e?s|ed)\W*\Z")
_LEADS_IN = lazy_pattern(r"[:：*✅∴⇒]\Z|(?<![<>!])=\Z|(?:\A|\n|[-=])>\Z")  # not >=


def _admitted(before: str, *, start: bool, unit: bool, noun: bool, percent: bool, money: bool) -> bool:
    """Return True if the words before a formula let it be a claim."""
    words = _WORDS.findall(before)
    if _IS_BOUND.search(before) or _ARGUMENT.search(before) or (not start and _KNOWN_BEFORE.search(before)):
        return False
    if _ASKS.search(before) or _OPERATES.search(before) or "up to" in before or _ODD_SIGN.search(before):
        return False
    if (SAYS_MORE.search(before) and not _LEADS_TO.search(before)) or _RELATES.search(before):
        return False
    if not words:
        return start or not before.strip(" ,*_:#-") or _LEADS_IN.search(before.rstrip()) is not None
    if _HAN.search(before):
        return _HAN_ADMITS.search(before := before.rstrip(" *_$")) is not None and _LABELS.search(before) is None
    if money and kinds(words[-1]) in _OF_VERBS and OF_MONEY.isdisjoint((words[-1].lower(), *plain_forms(words[-1].lower()))):
        return False  # the tax eats $8
    return (
        unit
        or words[-1].lower() in _ADMITS
        or kinds(words[-1]) in ("i", "b", "j", "u", "y")
        or (noun and words[-1].endswith("ed"))
        or HAS_QUANTITY.search(before) is not None
        or (percent and words[-1] == "by" and not _SCALES_PATTERN.search(before) and not _OF_A_NUMBER.search(before))
        or before.rstrip()[-1:] in (":", "：", IS_RESULT)
    )


def _with_noun(formula: str, after: str) -> str | None:
    """Return the formula with the unit or scale word after it, or None if the words after it are not a noun or unit."""
    formula = formula.strip()
    while formula.startswith("**") or formula.endswith("**"):
        formula = formula.removeprefix("**").removesuffix("**").strip()
    formula = _BOLD_SIDE.sub("", formula).strip("`\"“”' ").lstrip("= ").rstrip(".,;:?。，")
    after = _IN_MONTHS.sub("", _FURTHER.sub("", after)).strip()
    if not after:
        return formula
    if _CHANGES.match(after) or (_FOREIGN.search(after) and after.strip(" ।") not in _FOREIGN_NOUNS):
        return None
    if after[0] in ",，、;；" and in_digits(rest := after.strip(",，、;； ")) != rest:
        return None
    if _IS_ANSWER.match(after):
        return formula
    if (single_part := _OF_A_UNIT.fullmatch(after)) and known_unit(single_part[1]):
        return f"{formula} {single_part[1]}"
    if _JUDGED_PATTERN.search(after) and not _IS_ANSWER.match(after):
        return None
    words = _WORDS.findall(after)
    if SAYS_MORE.search(after) or len(words) > 12 or any(word.lower() in SUSPECT for word in words):
        return None
    if _AND.search(after):
        return None
    if after[0] in "万亿千百十" and not known_unit(after):
        return f"{formula}{after[0]}"
    scale = words[0].lower().removesuffix("s") if words else ""
    scale = "million" if words and (scale in PARTS or words[0].lower() == "halves") else scale
    if 0 < len(words) <= 3 and scale not in SCALES and all(measures(word) or word in ("square", "cubic", "per") for word in words):
        return f"{formula} {after}"
    return f"{formula} {words[0]}" if scale in SCALES or (words and known_unit(words[0])) else formula
