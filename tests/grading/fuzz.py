"""Answers that nobody should have to read: the n-th is a function of n."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from aha.types import Choice, Countdown, Latex, Number, Reference, Text

FORMULAS = r"""
72 ; -3 ; 3/4 ; 0.125 ; 1{,}234 ; 25\% ; \frac{1}{2} ; \frac{-3}{7} ; 2\sqrt{3} ; \sqrt[3]{2} ; \pi ; \frac{\pi^2}{6}
x^2+2x+1 ; \frac{x+1}{x-1} ; e^{2x}\sin x ; \ln(1+x) ; (1,2) ; [0,1) ; (-\infty,3]\cup[5,\infty) ; \{1,2,3\} ; (3,-1,2)
\begin{pmatrix}1&2\\3&4\end{pmatrix} ; x=3 ; y=2x+1 ; x^2+y^2=9 ; x\le 4 ; 1<x<2 ; 3+4i ; e^{i\pi/3} ; 1011_2 ; 45^\circ
\text{east} ; 12\text{ cm} ; \$18.50 ; \binom{10}{3} ; 5! ; \log_2 8 ; |x-1| ; \lfloor 2.5\rfloor ; \int_0^1 x^2\,dx
\sum_{n=1}^{10} n ; x \in \mathbb{R} ; 10^{12} ; 0.\overline{3} ; \frac{3}{x}+C ; \emptyset
"""
GOLDS = FORMULAS.strip().replace("\n", " ; ").split(" ; ")
REFERENCES: list[Reference] = [
    *map(Latex, GOLDS),
    *map(Number, ("72", "-3", "3/4", "1,234.5", "0")),
    Choice("B", ("red", "green", "blue", "none of these")),
    Choice("J"),
    Text(("Paris", "巴黎")),
    Text(("O(n log n)",), exact=True),
    Countdown((3, 7, 25), 96),
]
SIGNS = (
    "0123456789+-*/^_=<>(){}[]|,.:;!?$%&#~'\"\\ \n\tabcxyzABCé√π∞∑∫½²₂≤≠×÷−…“”，。：（）【】的是答案圆１２０＝"
    "\u200b\u202e\ufeff\0\ud800\U0001d7d9👍"
)
COMMANDS = "frac sqrt boxed text left right begin end sum int lim log sin pi infty cdot times pm leq cup in overline binom pmatrix".split()
AFTER = ["", "{", "}", " ", "{2}", "[3]", "_{n}", "^{x}"]
WAYS = ["{}", "\\boxed{{{}}}", "The answer is ${}$.", "$$\\boxed{{{}}}$$ so", "#### {}", "答案：{}", "x = {}", "\\boxed{{{}"]
PAIRS = [("{", "}"), ("(", ")"), ("\\sqrt{", "}"), ("\\frac{1}{1+", "}"), ("\\boxed{", "}"), ("\\left(", "\\right)"), ("|", "|")]


def answer(number: int) -> tuple[Reference, str]:
    """The reference and the answer of that number."""
    draw = Random(f"fuzz {number}")
    reference = draw.choice(REFERENCES)
    kind = draw.choices(list(KINDS), weights=list(KINDS.values()))[0]
    return reference, kind(draw, gold(reference, draw))


def gold(reference: Reference, draw: Random) -> str:
    match reference:
        case Latex(value) | Number(value):
            return value
        case Choice(letter):
            return letter
        case Text(values):
            return draw.choice(values)
        case _:
            return "3 * (25 + 7)"


def formula(draw: Random, depth: int = 3) -> str:
    """One of the grammar: sums, products, fractions, roots, powers, functions of numbers and letters."""
    if depth == 0 or draw.random() < 0.2:
        return draw.choice(["x", "y", "n", "\\pi", "e", "i", str(draw.randint(0, 12)), f"{draw.randint(0, 99)}.{draw.randint(0, 99)}"])
    a, b = formula(draw, depth - 1), formula(draw, depth - 1)
    sums = [f"{a}+{b}", f"{a}-{b}", f"{a} {b}", f"{a}\\cdot {b}", f"\\frac{{{a}}}{{{b}}}", f"\\sqrt{{{a}}}", f"({a})^{{{b}}}"]
    functions = [f"\\sin({a})", f"\\ln({a})", f"|{a}|", f"({a},{b})", f"\\{{{a},{b}\\}}", f"{a}={b}", f"\\binom{{{a}}}{{{b}}}"]
    return draw.choice(sums + functions)


def said(draw: Random, text: str) -> str:
    """A formula as models hand it in."""
    return draw.choice(WAYS).format(text)


def grammatical(draw: Random, gold: str) -> str:
    return said(draw, formula(draw))


def laborious(draw: Random, gold: str) -> str:
    a, b = formula(draw, 2), formula(draw, 1)
    work = [f"\\int {a}\\,dx", f"\\int_0^{{{b}}} {a}\\,dx", f"\\sum_{{n=1}}^{{{b}}} {a}", f"\\lim_{{x\\to 0}} {a}", f"({a})!"]
    return said(draw, draw.choice(work))


def near(draw: Random, gold: str) -> str:
    ways = [gold, f"{gold}+0", f"{gold} + 1", f"-{gold}", f"\\left({gold}\\right)", f"{gold} or {gold}", f"{gold}, 7"]
    return said(draw, draw.choice(ways))


def truncated(draw: Random, gold: str) -> str:
    whole = said(draw, draw.choice([gold, formula(draw)]))
    return whole[: draw.randint(0, len(whole))] if draw.random() < 0.5 else whole[draw.randint(0, len(whole)) :]


def mutated(draw: Random, gold: str) -> str:
    """Bytes of the gold answer changed, dropped, doubled; what is no text any more is kept as lone surrogates."""
    data = bytearray(said(draw, gold).encode("utf-8", "surrogatepass"))
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(3):
            case 0:
                data[at:at] = bytes([draw.randrange(256)])
            case 1:
                data[at : at + draw.randint(1, 4)] = b""
            case 2:
                data[at:at] = data[max(0, at - draw.randint(1, 20)) : at]
    return data.decode("utf-8", "surrogateescape")


def soup(draw: Random, gold: str) -> str:
    return "".join(draw.choices(SIGNS, k=draw.randint(0, 200)))


def commands(draw: Random, gold: str) -> str:
    return "".join(f"\\{draw.choice(COMMANDS)}{draw.choice(AFTER)}" for _ in range(draw.randint(1, 60)))


def tower(draw: Random, gold: str) -> str:
    sign = draw.choice(["^", "^", "^", "!", "_"])
    parts = [draw.choice(["9", "10", "x", "2.5", "(1+x)", "10^9", "\\pi"]) for _ in range(draw.randint(2, 12))]
    if sign == "!":
        return said(draw, "(" * len(parts) + parts[0] + ")!" * len(parts))
    return said(draw, f"{sign}{{".join(parts) + "}" * (len(parts) - 1))


def nested(draw: Random, gold: str) -> str:
    opened, closed = draw.choice(PAIRS)
    deep = draw.choice([3, 30, 300, 3_000, 30_000])
    return opened * deep + gold + closed * draw.choice([deep, deep, deep - 1, 0])


def huge(draw: Random, gold: str) -> str:
    piece = draw.choice(["9", "x", "1+", "\\boxed{1}", "{", " ", "\n", "的", "$", "1,", "\\frac", "or ", "ab1^"])
    return draw.choice(["", gold]) + (piece * (1_000_000 // len(piece))) + draw.choice(["", gold])


KINDS: dict[Callable[[Random, str], str], float] = {
    grammatical: 20, near: 20, truncated: 15, mutated: 20, soup: 10, commands: 5, tower: 5, nested: 3, huge: 1, laborious: 1,
}  # fmt: skip
