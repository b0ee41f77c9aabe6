"""Units of measure and the conversions between them. A word that is not a unit here counts things and is not compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from aha.lazy import lazy_pattern

_TABLE = """
length 1 metre metres 米
length 1/100 厘米 公分
length 1/1000 毫米
length 1/10 分米
length 1000 千米 公里
length 127/5000 inch inches in 英寸
length 381/1250 ft foot feet 英尺
length 1143/1250 yd yard yards
length 201168/125 mi mile miles 英里
length 1/10000000000 Å AA angstrom angstroms
length 201168/1000 furlong furlongs
length 1852 nmi
area 10000 hectare hectares ha 公顷
area 316160658/78125 acre acres
volume 1/1000 litre litres 升
volume 1/1000000 cc 毫升
volume 473176473/125000000000 gallon gallons gal
volume 473176473/500000000000 quart quarts qt
volume 473176473/1000000000000 pint pints pt
mass 1 gramme grammes gm gms 克
mass 1000 kilo kilos kilogramme kilogrammes 千克 公斤
mass 1/1000 毫克
mass 500 斤
mass 1000000 tonne tonnes 吨
mass 45359237/100000 lb lbs pound pounds 磅
mass 45359237/1600000 oz ounce ounces
time 1 sec secs second seconds 秒 秒钟
time 60 min mins minute minutes 分钟 分
time 3600 hr hrs hour hours 小时 时
time 86400 day days 天 日
time 604800 week weeks wk wks 周 星期
month 1 month months 月 个月
month 12 year years yr yrs 年
speed 1397/3125 mph
speed 5/18 kph kmh kmph
dollar 1 dollar dollars usd USD ¤ 美元
dollar 1/100 cent cents ¢ 美分
euro 1 euro euros EUR € 欧元
pound 1 £ GBP 英镑
yuan 1 yuan rmb RMB CNY 元 人民币
yuan 1/10 角
yen 1 yen JPY ¥ 日元 円
rupee 1 rupee rupees Rs INR ₹
won 1 won KRW ₩ 韩元
franc 1 franc francs CHF
rouble 1 ruble rubles rouble roubles RUB ₽
lira 1 lira liras TRY ₺
krona 1 kr krona kronor kroner SEK
real 1 reais BRL
zloty 1 zloty zlotys PLN
peso 1 peso pesos MXN
dong 1 VND ₫
rupiah 1 rupiah IDR
baht 1 baht THB ฿
shekel 1 shekel shekels ILS ₪
naira 1 naira NGN ₦
hryvnia 1 hryvnia UAH ₴
rand 1 ZAR
ordinal 1 ordinal
percent 1 percent prozent Prozent porcento procent pct percentage % per\u00a0cent 百分
degree 1 degree degrees deg degs 度
radian 1 radian radians rad rads 弧度
celsius 1 celsius 摄氏度
fahrenheit 1 fahrenheit 华氏度
energy 1/10000000 erg ergs
force 1/100000 dyne dynes
molarity 1 M molar
byte 1 byte bytes
bit 1 bit bits
"""
_PREFIXED_FORM = """
length 1 m meter meters
volume 1/1000 l L liter liters
mass 1 g gram grams
time 1 s
current 1 A amp amps ampere amperes
temperature 1 K kelvin kelvins
amount 1 mol mole moles
energy 1 J joule joules
energy 160217663/100000000000000000000000000 eV
energy 523/125 cal calorie calories
force 1 N newton newtons
power 1 W watt watts
pressure 1 Pa pascal pascals
charge 1 C coulomb coulombs
potential 1 V volt volts
resistance 1 Ω Omega ohm ohms
capacitance 1 F farad farads
frequency 1 Hz hertz
field 1 T tesla teslas
amu 1 amu u
parsec 1 pc parsec parsecs
pressure 100000 bar bars
"""
_SYMBOLS = {"n": -9, "μ": -6, "µ": -6, "mu": -6, "m": -3, "c": -2, "d": -1, "k": 3, "M": 6, "G": 9, "T": 12, "p": -12}
_NAMES = {"nano": -9, "micro": -6, "milli": -3, "centi": -2, "deci": -1, "kilo": 3, "mega": 6, "giga": 9, "tera": 12, "pico": -12}

KnownUnit = tuple[str, Fraction]
_POWER = lazy_pattern(r"\^\s*\{?\s*(-?)\s*([0-9])\s*\}?")
_POWER_ALONE = lazy_pattern(r"\^?(-?[0-9])")


def _rows(table: str) -> Iterator[tuple[str, KnownUnit]]:
    for kind, size, *names in (line.split(" ") for line in table.split("\n") if line):
        for name in names:
            yield name, (kind, Fraction(size))


def _with_prefixes() -> Iterator[tuple[str, KnownUnit]]:
    for name, (kind, size) in _rows(_PREFIXED_FORM):
        yield name, (kind, size)
        symbol = len(name) <= 3 and name not in ("amp", "ohm", "cal", "bar")
        for prefix, power in (_SYMBOLS if symbol else _NAMES).items():
            yield prefix + name, (kind, size * Fraction(10) ** power)
    yield from (("kcal", ("energy", Fraction(4184))), ("Kg", ("mass", Fraction(1000))), ("KM", ("length", Fraction(1000))))


_KNOWN_WORDS: dict[str, KnownUnit] = {**dict(_with_prefixes()), **dict(_rows(_TABLE))}
_LOWER = {name.lower(): entry for name, entry in reversed(_KNOWN_WORDS.items()) if len(name) > 2}
LETTER_UNITS = frozenset("mgshlLNJWVKCAFT")
_LETTERS = {"h": ("time", Fraction(3600)), **{name: _KNOWN_WORDS[name] for name in LETTER_UNITS - {"h"}}}
_NO_UNITS = frozenset("pm dm cd pt pC nC cA Cal mal dal pal dl gal in am pl cl nl kl nu mu au".split()) - {
    "in",
    "gal",
    "dm",
    "pt",
    "cl",
    "dl",
}
_POWERS = {"square": 2, "sq": 2, "sq.": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3, "平方": 2, "立方": 3}
_PIECE = lazy_pattern(r"平方|立方|[\u3400-\u9fff]+|sq\.|[A-Za-z¤€£₹%¢ΩµμÅ]+|/|\^?-?[0-9]|[^\s{}.()\[\]·*]")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as sorted kinds with their powers (`length` 2), and its size in basic units."""

    kinds: tuple[tuple[str, int], ...]
    size: Fraction


def known_unit(word: str) -> bool:
    """Return True if the word is a unit of measure; single Latin letters are not, since they may be variables."""
    return (
        (len(word) > 1 or not word.isascii())
        and word not in _NO_UNITS
        and (word in _KNOWN_WORDS or word.lower() in _LOWER or word.lower() in _POWERS)
    ) or word in "€£¤%¢₹Ω"


def measures(word: str) -> bool:
    """Return True if the word or single letter names a unit."""
    return known_unit(word) or word in _LETTERS


@lru_cache(maxsize=1024)
def unit(text: str) -> Unit | None:
    """Return the unit that a phrase names (`square centimeters`, `cm ^2`, `km per hour`, `千米/时`), or None if part of it is not known."""
    text = _POWER.sub(r"^\1\2", text.strip().strip(".,")).replace("每", "/").replace(" per ", " / ")
    kinds, size, sign, power = dict[str, int](), Fraction(1), 1, 1
    last: tuple[str, Fraction, int] | None = None
    for word in _PIECE.findall(text):
        if word == "/":
            sign, last = -1, None
        elif (power_of := _POWER_ALONE.fullmatch(word)) and last:
            more = sign * last[2] * (int(power_of[1]) - 1)
            kinds[last[0]] += more
            size *= last[1] ** more
        elif (value := _POWERS.get(word.lower())) is not None:
            if word in ("squared", "cubed") and last:
                kinds[last[0]] += sign * (value - 1)
                size *= last[1] ** (sign * (value - 1))
            else:
                power = value
        elif (entry := _KNOWN_WORDS.get(word) or _LETTERS.get(word) or _LOWER.get(word.lower())) is not None:
            kinds[entry[0]] = kinds.get(entry[0], 0) + sign * power
            size *= entry[1] ** (sign * power)
            last, power = (*entry, power), 1
        else:
            return None
    return _simple(kinds, size)


_DERIVED_WORDS: tuple[tuple[str, dict[str, int], Fraction], ...] = (
    ("pressure", {"force": 1, "length": -2}, Fraction(1)),
    ("power", {"energy": 1, "time": -1}, Fraction(1)),
    ("energy", {"force": 1, "length": 1}, Fraction(1)),
    ("force", {"mass": 1, "length": 1, "time": -2}, Fraction(1000)),
    ("frequency", {"time": -1}, Fraction(1)),
    ("area", {"length": 2}, Fraction(1)),
    ("volume", {"length": 3}, Fraction(1)),
    ("speed", {"length": 1, "time": -1}, Fraction(1)),
    ("charge", {"current": 1, "time": 1}, Fraction(1)),
)


def _simple(kinds: dict[str, int], size: Fraction) -> Unit | None:
    """Return a unit with derived kinds such as force expressed in lengths, masses and times, or None if no kind is left."""
    for name, parts, scale in _DERIVED_WORDS:
        times = kinds.pop(name, 0)
        size *= scale**times
        for kind, power in parts.items():
            kinds[kind] = kinds.get(kind, 0) + power * times
    match = tuple(sorted((kind, power) for kind, power in kinds.items() if power))
    return Unit(match, size) if match else None
