"""Units of measure: which words name one, and how many of another it is. Words that are no unit here count things and are not compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

FUNCTION_WORDS = {
    name: name for name in "sin cos tan cot sec csc sinh cosh tanh coth ln lg log exp max min gcd lcm arg det deg dim ker Re Im erf".split()
} | {
    **{f"arc{name}": f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan")},
    "sqrt": "sqrt",
    "cbrt": "cbrt",
    "abs": "abs",
    "floor": "floor",
    "ceil": "ceil",
    "factorial": "factorial",
    "sign": "sgn",
    "sgn": "sgn",
}

_TABLE = """
length 1 m meter meters metre metres 米
length 1/100 cm centimeter centimeters centimetre centimetres 厘米 公分
length 1/1000 mm millimeter millimeters millimetre millimetres 毫米
length 1/10 dm decimeter decimeters 分米
length 1000 km kilometer kilometers kilometre kilometres 千米 公里
length 127/5000 inch inches in
length 381/1250 ft foot feet 英尺
length 1143/1250 yd yard yards
length 201168/125 mi mile miles 英里
area 10000 hectare hectares ha 公顷
area 316160658/78125 acre acres
volume 1/1000 l L liter liters litre litres 升
volume 1/1000000 ml mL milliliter milliliters 毫升
volume 473176473/125000000000 gallon gallons gal
mass 1 g gram grams gm 克
mass 1000 kg kilogram kilograms kilo kilos 千克 公斤
mass 1/1000 mg milligram milligrams 毫克
mass 500 斤
mass 1000000 tonne tonnes 吨
mass 45359237/100000 lb lbs pound pounds 磅
mass 45359237/1600000 oz ounce ounces
time 1 s sec secs second seconds 秒 秒钟
time 60 min mins minute minutes 分钟
time 3600 h hr hrs hour hours 小时 时
time 86400 day days 天 日
time 604800 week weeks 周 星期
month 1 month months 月 个月
month 12 year years yr yrs 年
speed 1397/3125 mph
speed 5/18 kph kmh
dollar 1 dollar dollars usd USD ¤ 美元
dollar 1/100 cent cents ¢ 美分
euro 1 euro euros EUR € 欧元
pound 1 £ GBP 英镑
yuan 1 yuan rmb RMB CNY 元 人民币
yuan 1/10 角
yen 1 yen JPY 日元
percent 1 percent pct percentage % per\u00a0cent 百分
degree 1 degree degrees deg 度
radian 1 radian radians rad rads 弧度
celsius 1 celsius 摄氏度
fahrenheit 1 fahrenheit 华氏度
energy 1 J joule joules
energy 1000 kJ
energy 8010883/50000000000000000000000000 eV
force 1 N newton newtons
power 1 W watt watts
charge 1 C coulomb coulombs
potential 1 V volt volts
frequency 1 Hz hertz
amount 1 mol mole moles
temperature 1 K kelvin kelvins
dozen 1 dozen
"""
LETTER_UNITS = frozenset("mgshlLNJWVKC")
_KNOWN = {name: (line.split()[0], Fraction(line.split()[1])) for line in _TABLE.split("\n") if line for name in line.split(" ")[2:]}
_POWERS = {"square": 2, "sq": 2, "sq.": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3, "平方": 2, "立方": 3}
_LETTER_UNIT = re.compile(r"(?<=[0-9.)}])\s*([mgshlLNJWVKC])(?:\^\{?([23])\}?)?\s*[.]?$")


@dataclass(frozen=True, slots=True)
class Unit:
    """Kinds with their powers, sorted (`length` 2), and how many basic units one of it is."""

    kinds: tuple[tuple[str, int], ...]
    size: Fraction


def known_unit(word: str) -> bool:
    """Whether the word is a unit of measure; single letters are left to be variables."""
    return word in _KNOWN or (len(word) > 1 and (word.lower() in _KNOWN or word.lower() in _POWERS))


def with_letter_unit(text: str) -> str | None:
    """`5 m` and `3.2m^2` with their last letter as a unit, where it may be one."""
    found = _LETTER_UNIT.search(text)
    return f"{text[: found.start()]}\\text{{ {found[1]}}}" + (f"^{found[2]}" if found[2] else "") if found else None


def unit(text: str) -> Unit | None:
    """The unit a phrase names: `square centimeters`, `cm^2`, `km per hour`, `千米/时`; `None` where any of it is no unit known here."""
    text = re.sub(r"\^\s*\{?\s*(-?[0-9])\s*\}?", r"^\1", text.strip().strip(".,")).replace("每", "/").replace(" per ", " / ")
    kinds, size, sign, power = dict[str, int](), Fraction(1), 1, 1
    last: tuple[str, Fraction, int] | None = None
    for word in re.findall(r"平方|立方|[\u3400-\u9fff]+|sq\.|[A-Za-z¤€£%¢]+|/|\^?-?[0-9]|[^\s{}.]", text):
        if word == "/":
            sign, last = -1, None
        elif (raised := re.fullmatch(r"\^?(-?[0-9])", word)) and last:
            more = sign * last[2] * (int(raised[1]) - 1)
            kinds[last[0]] += more
            size *= last[1] ** more
        elif (value := _POWERS.get(word.lower())) is not None:
            if word in ("squared", "cubed") and last:
                kinds[last[0]] += sign * (value - 1)
                size *= last[1] ** (sign * (value - 1))
            else:
                power = value
        elif (known := _KNOWN.get(word) or _KNOWN.get(word.lower())) is not None:
            kinds[known[0]] = kinds.get(known[0], 0) + sign * power
            size *= known[1] ** (sign * power)
            last, power = (*known, power), 1
        else:
            return None
    return _simple(kinds, size)


def _simple(kinds: dict[str, int], size: Fraction) -> Unit | None:
    """Areas, volumes and speeds as powers of lengths and times."""
    for name, parts in (("area", {"length": 2}), ("volume", {"length": 3}), ("speed", {"length": 1, "time": -1})):
        times = kinds.pop(name, 0)
        for kind, power in parts.items():
            kinds[kind] = kinds.get(kind, 0) + power * times
    found = tuple(sorted((kind, power) for kind, power in kinds.items() if power))
    return Unit(found, size) if found else None
