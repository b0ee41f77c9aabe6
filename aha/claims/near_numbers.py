"""Claims in which a right number stands and which are another number, several, a bound, or no number at all."""

from __future__ import annotations

from aha.claims.family import MATHS, Template, templates

ANY = frozenset({"any"})

BOUNDS = (
    templates(
        r"""
at least §
at most §
more than §
less than §
fewer than §
greater than §
no more than §
no less than §
up to §
§ or more
§ or less
§ or fewer
§ at most
over §
under §
above §
below §
almost §
nearly §
just under §
slightly more than §
between § and ¶
between ¶ and §
from ¶ to §
§ to ¶
¶ to §
somewhere from § up to ¶
mindestens §
höchstens §
mehr als §
weniger als §
zwischen § und ¶
au moins §
au plus §
plus de §
moins de §
al menos §
como máximo §
más de §
menos de §
至少§
至多§
大于§
小于§
不超过§
少なくとも§
§以上
§未満
적어도 §
§ 이상
""",
        gives="text",
        needs={"number"},
    )
    + templates(
        r"""
> §
< §
\ge §
\le §
\geq §
\leqslant §
x > §
x \ge §
x < §
§ \le x
x \neq §
x \ne §
¶ \le x \le §
x \in [§, \infty)
x \in (¶, §)
[§, ¶]
(¶, §)
\{¶, §\}
\{§, ¶\}
§ \text{ or more}
\text{at least } §
\text{at most } §
\text{less than } §
\text{between } ¶ \text{ and } §
¶ \text{ to } §
§ \to ¶
¶ \rightarrow §
§ \sim ¶
¶ \sim §
§ \pm ¶
¶ \pm §
§ \mid ¶
§ \text{--} ¶
\lim_{x \to §} f(x)
""",
        MATHS,
        "tex",
        needs={"number"},
    )
    + templates(
        r"""
§+
>§
≥ §
≤ §
< §
§~¶
¶~§
§ – ¶
¶ — §
§..¶
¶...§
""",
        ANY,
        "any",
        needs={"number"},
    )
)

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
\left(§\right)!
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
    frozenset({"any"}),
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
        ANY,
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
        ANY,
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
§ §
0.§
§.§
.§
§:¶
§/¶
§ / ¶
""",
        ANY,
        "text",
        needs={"whole", "positive"},
    )
)

SIGNS = (
    templates(
        r"""
minus §
negative §
moins §
menos §
负§
マイナス§
마이너스 §
""",
        frozenset({"any"}),
        "text",
        needs={"number", "positive"},
    )
    + templates(
        r"""
-§
- §
-(§)
-\left(§\right)
\pm §
\mp §
- \, §
-\text{ }§
\text{negative } §
\text{minus } §
-{§}
x = -§
""",
        MATHS,
        "tex",
        needs={"number", "positive"},
    )
    + templates(
        r"""
-\boxed{§}
$-\boxed{§}$
- \boxed{§}
−\boxed{§}
The answer is $-\boxed{§}$.
The answer is negative \boxed{§}.
\pm\boxed{§}
\boxed{-§}
\boxed{−§}
The answer is - §.
Answer: - §
The answer is –§.
""",
        MATHS,
        needs={"number", "positive"},
    )
    + templates(
        """
−§
±§
""",
        ANY,
        "any",
        needs={"number", "positive"},
    )
)

SHARES = templates(
    r"""
§\%
§ \%
§ \text{ percent}
""",
    MATHS,
    "tex",
    needs={"number", "whole share"},
) + templates(
    """
§%
§ %
§ percent
§ per cent
§ Prozent
""",
    ANY,
    "text",
    needs={"number", "whole share"},
)

DATES = templates(
    r"""
2024-03-§
March §
§ March
on March §, 2021
\text{March } §
2021/§/¶
§:30
""",
    ANY,
    "text",
    needs={"day"},
)

NEAR_NUMBERS: tuple[Template, ...] = (*BOUNDS, *MORE_THAN_A_NUMBER, *MORE_THAN_AN_INTEGER, *SIGNS, *SHARES, *DATES)
