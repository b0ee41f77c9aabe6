"""Claims that contain a right number but are another number, a formula, or no number at all."""

from __future__ import annotations

from aha.specimens.family import ANYWHERE, MATHS, templates

FACTORIAL = templates(r"\left(§\right)!", MATHS, "sealed", needs={"number"})  # in a sentence the exclamation mark may be the sentence's own

MORE_THAN_A_NUMBER = templates(
    r"""
\sqrt{§}
\sqrt[3]{§}
\frac{1}{§}
\frac{§}{¶}
§ \cdot 2
2 \cdot §
§ + 1
§ - 1
§ + ¶^2
§ \cdot 10^{10}
§ \times 10^{2}
\ln §
\log §
\log_{2} §
\sin §
\cos(§)
e^{§}
2^{§}
f(§)
\binom{§}{2}
\left(§\right)^2
§\sqrt{3}
§ \sqrt 2
§\pi
§ \cdot i
§x
§n
§ + x
§ + C
§ k + 3
§ \pmod{100}
n \equiv § \pmod{100}
§ \mod 3
§\ldots
§, \ldots
§, ¶, \ldots
(§, §)
(§, ¶)
\left(¶, §\right)
\langle §, ¶ \rangle
\begin{pmatrix} § \\ ¶ \end{pmatrix}
\begin{cases} § \\ ¶ \end{cases}
\{ x : x > § \}
f(x) = §x
y = §x
x^2 = §
2x = §
x + 1 = §
-x = §
\frac{x}{2} = §
§ \text{ million}
§ \text{ thousand}
§ \text{ billion}
§ \text{ dozen}
§ \text{ hundred}
§ \text{ tenths}
§ \text{ hundredths}
§ \text{ squared}
§ \text{ cubed}
§ \text{ factorial}
\text{twice } §
\text{half of } §
§ \text{ and a half}
§ \text{ times } ¶
§\permil
""",
    MATHS,
    "tex",
    needs={"number"},
) + templates(
    r"""
§ thousand
§ million
§ billion
§ trillion
§ dozen
§ hundred
§ hundredths
§ tenths
§ thousandths
§ lakh
§ crore
§万
§亿
§千
§ Millionen
§ millions
§ millones
twice §
half of §
double §
the square of §
the square root of §
the reciprocal of §
the negative of §
§ squared
§ factorial
§ plus one
§ minus one
§ times two
§ and a half
one more than §
one less than §
§ divided by ¶
§ times ¶
§ ± 1
§ per mille
§‰
""",
    ANYWHERE,
    "text",
    needs={"number"},
)

MORE_THAN_AN_INTEGER = (
    templates(
        r"""
§!
§!!
- §
–§
""",
        ANYWHERE,
        "sealed",
        needs={"whole", "positive"},
    )
    + templates(
        r"""
§i
§ e
§e
§k
§ k
§a
§M
§_8
§_{16}
§_2
P_{§}
C_{§}^{2}
A_{§}^{2}
H_{§}
F_{§}
a_{§}
x_{§}
{{a}_{§}}
S_{§}
\Gamma(§)
\zeta(§)
\varphi(§)
§\text{k}
§\text{M}
§e3
§E3
§e-3
§ \times 10^3
§ \text{ and } \frac{1}{2}
§\frac{1}{2}
\frac{§}{§}
§ : ¶
§ \choose 2
\text{Theorem } §
\text{May } §
""",
        ANYWHERE,
        "tex",
        needs={"whole", "positive"},
    )
    + templates(
        r"""
§k
§M
§e3
§E5
§e-2
§i
§j
§ 1/2
step §
I got stuck at step §.
Question §
Theorem §
Figure §
Table §
Chapter §
see Equation (§)
I don't know (§ tries)
I tried § times and failed.
a multiple of §
divisible by §
a number that ends in §
a number of § digits
§ §
0.§
§.§
.§
§:¶
§/¶
§ / ¶
""",
        ANYWHERE,
        "text",
        needs={"whole", "positive"},
    )
)
