"""Claims that contain a right number but are a bound, several numbers, or the number with a sign before or after it."""

from __future__ import annotations

from aha.specimens.family import ANYWHERE, MATHS, Template, templates
from aha.specimens.other_than_numbers import FACTORIAL, MORE_THAN_A_NUMBER, MORE_THAN_AN_INTEGER

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
§, give or take one
§ plus or minus ¶
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
        ANYWHERE,
        "any",
        needs={"number"},
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
        ANYWHERE,
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
        ANYWHERE,
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
    ANYWHERE,
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
    ANYWHERE,
    "text",
    needs={"day"},
)

HALF_CLAIMS = templates(
    r"""
He might have §.
He may have § of them.
Maybe he has §.
Perhaps there are §.
She should have gotten §.
The total should have been §.
You'd think it's §.
Some think it's §.
[§]: reference
(§): note
§: done
print(§)
她本来可以赚§美元。
她本应有§个苹果。
""",
    ANYWHERE,
    needs={"number"},
)

NEAR_NUMBERS: tuple[Template, ...] = (
    *BOUNDS,
    *MORE_THAN_A_NUMBER,
    *FACTORIAL,
    *MORE_THAN_AN_INTEGER,
    *SIGNS,
    *SHARES,
    *DATES,
    *HALF_CLAIMS,
)
