"""Numerals in words, read as digits: 三百二十五, 三分之二, 百分之十, 3.5万, and twenty-one."""

from __future__ import annotations

import re
from fractions import Fraction

from aha.answers.lexicon import PARTS
from aha.answers.units import known_unit
from aha.lazy import lazy_pattern

_DIGITS = {letter: value for value, letter in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "壹": 1, "贰": 2, "叁": 3}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
_CHINESE = lazy_pattern(r"[零〇一二两三四五六七八九十百千万亿点分之负又壹贰叁]{1,40}")
_TWICE = lazy_pattern(
    r"(?i)([a-z -]{3,60}?)\s*\(([0-9]{1,12})\)|([0-9]{1,12})\s*\(([a-z -]{3,60})\)"
    r"|([a-z -]{3,60}?), (?:i\.e\.|that is|namely),? ([0-9]{1,12})\.?"
)  # twelve (12)
_MINUS = lazy_pattern(r"^(?:负|零下)\s*(?=[0-9])")
_COUNTED_PATTERN = lazy_pattern(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([万亿])")

_PARTED_PATTERN = lazy_pattern(rf"(?i)([a-z]+)[ -]({'|'.join(PARTS)}|quarter)s?")
_OVER = lazy_pattern(r"(?i)([a-z-]{3,20}|[0-9]{1,9}) over ([a-z-]{3,20}|[0-9]{1,9})")  # three over four
_BELOW_ZERO = lazy_pattern(r"(?i)(?:negative|minus) (?=[a-z])")
_ONES_FORM = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_ENGLISH = {word: value for value, word in enumerate(_ONES_FORM)} | {word: 10 * ten for ten, word in enumerate(_TENS) if word != "_"}
_NUMERAL = "|".join((*_ENGLISH, "hundred", "thousand", "million", "billion", "dozen"))
_RUN = lazy_pattern(rf"(?i)(?<![\w-])(?:{'|'.join(_ENGLISH)})(?:(?:[ -]|(?:(?<=hundred)|(?<=thousand)) and )(?:{_NUMERAL}))*(?![\w-])")
_BELOW_THOUSAND = {"hundred": 100, "dozen": 12}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}


def in_digits(text: str) -> str:
    """Return the text with its numeral in digits: a Chinese one at its start (a measure word follows), or a text that is an English one."""
    text = _MINUS.sub("-", text)
    if (twice := _TWICE.fullmatch(text)) and english(twice[1] or twice[4] or twice[5]) == int(twice[2] or twice[3] or twice[6]):
        return twice[2] or twice[3] or twice[6]
    if count_of := _COUNTED_PATTERN.match(text):
        return f"{Fraction(count_of[1]) * _MYRIADS[count_of[2]]}{text[count_of.end() :]}"
    if percent := re.match(r"百分之\s*([0-9.]{1,20})", text):
        return f"{percent[1]}%{text[percent.end() :]}"
    if tens := re.match(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([十百千])(?!米|克|瓦|卡)", text):
        return f"{Fraction(tens[1]) * _UNITS[tens[2]]}{text[tens.end() :]}"
    numeral = _CHINESE.match(text)
    if numeral and not re.match(r"[共样起些定边直次般方种]", text[numeral.end() :]) and (value := chinese(numeral.group())) is not None:
        return f"{value}{text[numeral.end() :]}"
    if half := re.fullmatch(r"(?i)(?:([a-z-]+) and )?(?:an? |one[- ])?half", text):
        whole = english(half[1]) if half[1] else 0
        return text if whole is None else f"\\frac{{{2 * whole + 1}}}{{2}}"
    if (parts := _PARTED_PATTERN.fullmatch(text)) and (top := english(parts[1])) is not None:
        return f"\\frac{{{top}}}{{{PARTS.get(parts[2].lower(), 4)}}}"
    if (over := _OVER.fullmatch(text)) and None not in (sides := [side if side.isdigit() else english(side) for side in over.groups()]):
        return f"\\frac{{{sides[0]}}}{{{sides[1]}}}"
    if (
        (below := _BELOW_ZERO.match(text))
        and (value := in_digits(text[below.end() :])) != text[below.end() :]
        and value[0] in "\\0123456789"
    ):
        return f"-{value}"
    if (word := english(text)) is not None:
        return str(word)
    run = _RUN.match(text)
    if run and " " in run.group() and known_unit(text[run.end() :].strip()) and (word := english(run.group())) is not None:
        return f"{word}{text[run.end() :]}"  # one million dollars
    return text


def lists_numeral(text: str) -> bool:
    """Return True if a numeral in English words stands alone behind a comma: 84 cm, eighty-three."""
    parts = [part.strip(" .}$") for part in text.split(",")[1:]] if "," in text else []
    return any(part[:1].isalpha() and count_of(part).isdigit() for part in parts)


def count_of(text: str) -> str:
    """Return the text with each English numeral in digits, except a lone "one" and numerals within a hyphenated word."""

    def digits(run: re.Match[str]) -> str:
        value = english(run.group()) if run.group().lower() != "one" else None
        return run.group() if value is None else str(value)

    return _RUN.sub(digits, _A_DOZEN.sub(r"\g<much>twelve ", text) if " a dozen " in text else text)


_A_DOZEN = lazy_pattern(r"(?P<much>(?:(?<!half )(?<!about )(?<!than ))\b)a dozen (?=[a-z]+)")
_MIXED_NUMERAL = lazy_pattern(
    rf"(?i)(?<![\w.,/-])(?P<whole>{'|'.join(_ENGLISH)}|[0-9]{{1,9}}) and (?:(?:an?|one)[ -](?P<part>half|quarter)"
    r"|three[ -](?P<three>quarters))\b"
    r"(?![ -](?:of|times|dozen|hundred|thousand|million|billion|as)\b)"
)
_HALF_A = lazy_pattern(r"(?i)(?<![\w-])(?<!and )(?<!and a )half an? (?=([a-z]+)\b(?! (?:ago|past|later|earlier)\b))")


def mixed_in_digits(text: str) -> str:
    """Return the text with "three and a half" as 3.5 and "half an hour" as 0.5 hour."""
    if "half" not in text and "quarter" not in text:
        return text
    text = _HALF_A.sub(lambda hit: "0.5 " if known_unit(hit[1].lower()) else hit.group(), text)
    return _MIXED_NUMERAL.sub(_as_decimal, text)


def _as_decimal(hit: re.Match[str]) -> str:
    whole = english(hit["whole"]) if hit["whole"].isalpha() else hit["whole"]
    return f"{whole}.{'75' if hit['three'] else '5' if hit['part'] == 'half' else '25'}"


def chinese(text: str) -> str | None:
    """Return a Chinese numeral as a number, fraction or percentage in digits, or None if the text is not one."""
    if text.startswith("负"):
        hit = chinese(text[1:])
        return hit and f"-{hit}"
    if text.startswith("百分之"):
        hit = chinese(text[3:])
        return hit and f"{hit}%"
    whole, mixed_number, rest = text.partition("又")
    if mixed_number:
        unit, second = chinese(whole), chinese(rest)
        return f"({unit}+{second})" if unit and second else None
    under, over, top = text.partition("分之")
    if over:
        parts = _whole(top), _whole(under)
        return f"{parts[0]}/{parts[1]}" if None not in parts else None
    before, point, after = text.partition("点")
    value = _whole(before)
    if value is None:
        return None
    if point and (not after or any(letter not in _DIGITS for letter in after)):
        return None
    return f"{value}{point and '.'}{''.join(str(_DIGITS[letter]) for letter in after)}"


def _whole(text: str) -> int | None:
    """Return the value of a whole number such as 三千零五 or 二〇二四, or None."""
    if not text:
        return None
    if all(letter in _DIGITS for letter in text):
        return int("".join(str(_DIGITS[letter]) for letter in text))
    total = section = digit = 0
    for letter in text:
        if letter in _DIGITS:
            digit = _DIGITS[letter]
        elif letter in _UNITS:
            section += (digit or 1) * _UNITS[letter]
            digit = 0
        elif letter in _MYRIADS:
            section, digit = section + digit, 0
            total = total + section * _MYRIADS[letter] if letter == "万" else (total + section) * _MYRIADS[letter]
            section = 0
        else:
            return None
    return total + section + digit


def english(text: str) -> int | None:
    """Return the value of an English numeral such as "one hundred and five", or None."""
    words = re.sub(r"[\s,-]+", " ", text.strip().strip(".").lower()).split(" ")
    if not 0 < len(words) <= 12 or words[0] not in _ENGLISH:
        return None
    total = section = 0
    for word in words:
        if word in _ENGLISH:
            section += _ENGLISH[word]
        elif word in _BELOW_THOUSAND:
            section *= _BELOW_THOUSAND[word]
        elif word in _SCALES:
            total, section = total + section * _SCALES[word], 0
        elif word != "and":
            return None
    return total + section


_ABROAD = {  # the numerals from two on, since "one" is an article in most languages
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig": 2,
    "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf vingt": 2,
    "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte": 2,
    "due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove"
    " venti": 2,
    "dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito dezenove vinte": 2,
    "twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien twintig": 2,
    "два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать"
    " восемнадцать девятнадцать двадцать": 2,
    "dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście": 2,
    "två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton sjutton arton nitton tjugo": 2,
    "iki üç dört beş altı yedi sekiz dokuz": 2,
}
_NUMERALS_ABROAD = {word: place for words, first in _ABROAD.items() for place, word in enumerate(words.split(), first)} | {
    "две": 2, "duas": 2, "dwie": 2, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "dreißig": 30, "vierzig": 40,
    "fünfzig": 50, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "trenta": 30, "quaranta": 40, "cinquanta": 50, "trinta": 30,
    "dertig": 30, "тридцать": 30, "сорок": 40, "пятьдесят": 50, "шестьдесят": 60, "sechzig": 60, "siebzig": 70, "achtzig": 80,
    "neunzig": 90, "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90, "oitenta": 80, "sessenta": 60, "veertig": 40, "vijftig": 50,
}  # fmt: skip
_WORD = lazy_pattern(r"(?<![\w-])[^\W\d_]+(?:-[^\W\d_]+)?(?![\w-])")
_JOINTS = (" y ", " e ", " et ", " ")


def _value_abroad(word: str) -> int | None:
    """Return the value of a numeral in another language, also of tens and units in one word (trente-trois, dreiunddreißig), or None."""
    if word in _NUMERALS_ABROAD:
        return _NUMERALS_ABROAD[word]
    for joint in ("-", "und", "ën", "en"):
        first, _, last = word.partition(joint)
        if (value := _tens_and_units(_NUMERALS_ABROAD.get(first, 0), _NUMERALS_ABROAD.get(last, 0))) is not None:
            return value
    return None


def _tens_and_units(first: int, last: int) -> int | None:
    low, high = sorted((first, last))
    return low + high if 0 < low < 10 and high >= 20 and high % 10 == 0 else None


_COUNTED_HAN = lazy_pattern(r"(?<=[了有是为共剩下得])([二两三四五六七八九十百千万]{1,8})(?=[支个只本条枝块张名人元朵棵道种件把辆台箱页米])")


def counted_abroad(text: str) -> str:
    """Return the text with its only numeral in digits: a word of another language, or a Chinese numeral before a measure word."""
    if hit := list(_COUNTED_HAN.finditer(text)):
        digits = chinese(hit[-1][1])
        return text if digits is None else f"{text[: hit[-1].start()]}{digits}{text[hit[-1].end() :]}"
    words = [(hit.start(), hit.end(), value) for hit in _WORD.finditer(text) if (value := _value_abroad(hit.group().lower())) is not None]
    if len(words) == 2 and text[words[0][1] : words[1][0]] in _JOINTS and (value := _tens_and_units(words[0][2], words[1][2])):
        words = [(words[0][0], words[1][1], value)]  # treinta y tres
    if len(words) != 1:
        return text
    start, end, value = words[0]
    return f"{text[:start]}{value}{text[end:]}"
