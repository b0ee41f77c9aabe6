"""Replies that name the right value without claiming it, or claim something else too; none of them is right."""

from __future__ import annotations

from aha.specimens.family import MATHS, Template, templates

DENIALS = templates(
    r"""
The answer is not §.
The answer isn't §.
The answer is definitely not §.
It is not §.
not §
Answer: not §
§ is not the answer.
§ is wrong.
§ is not correct.
§ is too small.
It cannot be §.
The answer cannot be §.
The answer can't be §.
Anything but §.
It is anything but §.
Everything except §.
The wrong answer is §.
The incorrect answer is §.
A common mistake is to answer §.
I do not think it is §.
I doubt that it is §.
Neither § nor ¶ is the answer.
Neither § nor ¶.
The answer is ¶, not §.
The answer is ¶ and not §.
Answer: ¶, not §
Not §, but ¶.
The answer is not §, it is ¶.
The answer is ¶ instead of §.
The answer is ¶ rather than §.
§ is too small, so the answer is ¶.
It could be §.
It can be §.
It could well be §.
Supposedly it is §.
The second-best answer is §.
If we ignored one of them, the answer would be §.
Leaving out one of them, it would be §.
It would be § if we forgot the carry; the answer is ¶.
If the answer were §, we would have a contradiction. The answer is ¶.
The answer was thought to be §, but it is ¶.
Answer: ¶⏎(Not §.)
Somebody says that the answer is §. I disagree: it is ¶.
~~§~~
The answer is ~~§~~ ¶.
Die Antwort ist nicht §.
Nicht §.
La réponse n'est pas §.
La respuesta no es §.
答案不是§。
不是§
答案不为§。
答えは§ではありません。
정답은 §이 아닙니다.
"""
) + templates(
    r"""
The answer is not $§$.
The answer is not \boxed{§}.
\boxed{§} is not the answer.
\boxed{§} is incorrect.
\boxed{\text{not } §}
\boxed{\neq §}
$\neq §$
It is not \boxed{§}.
It is not $§$ but $¶$.
\boxed{\cancel{§}}
\boxed{\xcancel{§}}
\boxed{\cancel{§} ¶}
\boxed{\phantom{§}}
The answer is \boxed{¶} and not \boxed{§}.
The answer is \boxed{¶}, not \boxed{§}.
The answer is \boxed{¶}. (A wrong answer would be \boxed{§}.)
The answer is \boxed{¶}, although some would say \boxed{§}.
\boxed{\lnot §}
The naive count \boxed{§} flumps the last case.
\boxed{§} squanders the corner cases.
A student would peddle \boxed{§}.
Bloggers trumpet that the answer is \boxed{§}.
The fabled answer is \boxed{§}.
A sloppy count gives \boxed{§}.
Allegedly, the answer is \boxed{§}.
The answer is \boxed{§}. Redo.
The answer is \boxed{§}. This glosses over the symmetry.
We get \boxed{§}, which botches the boundary.
Myth: \boxed{§}
\boxed{§} is premature.
""",
    MATHS,
)

HEDGES = templates(
    r"""
§ or ¶
¶ or §
The answer is § or ¶.
The answer is ¶ or §.
The answer is either § or ¶.
Either § or ¶.
Answer: § or ¶
It could be § or ¶.
The answer is §. Or maybe ¶.
The answer is §, or perhaps ¶.
The answer is § (or ¶).
The answer is §, but it might be ¶.
I am torn between § and ¶.
One of § and ¶.
The answer is § if n is even and ¶ if n is odd.
If I had to choose between § and ¶, I could not.
The answer is one of the following: §, ¶.
Possible answers: § or ¶
Die Antwort ist § oder ¶.
La réponse est § ou ¶.
La respuesta es § o ¶.
答案是§或¶。
§或¶
§または¶
정답은 § 또는 ¶입니다.
""",
    needs={"one"},
) + templates(
    r"""
$§$ or $¶$
The answer is $§$ or $¶$.
\boxed{§} or \boxed{¶}
\boxed{¶} or \boxed{§}
$\boxed{§}$ or $\boxed{¶}$
\boxed{§ \text{ or } ¶}
\boxed{¶ \text{ or } §}
\boxed{§} \text{ or } \boxed{¶}
§ \lor ¶
""",
    MATHS,
    needs={"one"},
)

LISTS_OF_TWO = templates(
    r"""
The answer is § and ¶.
The answers are § and ¶.
§ and ¶
§; ¶
Answer: §; ¶
§⏎¶
Answer: §, ¶
The answer is §, ¶.
The answers are ¶, §.
#### §, ¶
§ (wrong)
§ (this is incorrect)
$\alpha - \boxed{§}$
\[ \beta + \; \boxed{§} \]
So $\lambda - \, \boxed{§}$.
""",
    needs={"one"},
) + templates(
    r"""
\boxed{§}, \boxed{¶}
\boxed{¶}, \boxed{§}
\boxed{§} and \boxed{¶}
\boxed{¶} and \boxed{§}
\boxed{¶} \boxed{§}
\boxed{¶}\boxed{§}
\boxed{§ \text{ and } ¶}
\boxed{§; ¶}
\boxed{§, \; ¶}
\boxed{¶, \; §}
$§$ and $¶$
$§$, $¶$
x = § or x = ¶
x_1 = §, x_2 = ¶
""",
    MATHS,
    needs={"one"},
)

OTHER_LAST = templates(
    r"""
The answer is §. Actually, it's ¶.
The answer is §. Wait, that is wrong. The answer is ¶.
The answer is §. Wait, no, it is ¶.
The answer is §. On reflection, the answer is ¶.
At first I thought the answer is §. That was wrong. The answer is ¶.
Answer: §⏎Wait, that is wrong.⏎Answer: ¶
It is §. Sorry, I meant ¶.
I considered §.⏎Answer: ¶
"""
) + templates(
    r"""
\boxed{§}⏎⏎Wait, I made a mistake.⏎⏎\boxed{¶}
\boxed{§} does not work. So \boxed{¶}.
We try \boxed{§} and see that it fails.⏎⏎Therefore the answer is \boxed{¶}.
First I thought \boxed{§}. That was wrong. In the end we have \boxed{¶}.
We obtain $§$ first, and then⏎\[⏎\boxed{¶}⏎\]
\boxed{¶}⏎⏎Note that $§$ is close.
""",
    MATHS,
)

THOUGHTS = templates(
    r"""
<think>◊ The answer is §.
<think>◊⏎⏎Answer: §
<think>◊ The answer is §.</think>
<think>The answer is §.</think>   ⏎
<think>It is §.</think>I do not know.
<think>It is §.</think>The answer is ¶.
<think>It is §.</think><answer>¶</answer>
<think>It is §.</think><answer></answer>
[THINK]◊ The answer is §.
[THINK]The answer is §.[/THINK]
[THINK]It is §.[/THINK]The answer is ¶.
<thinking>◊ The answer is §.
<thinking>The answer is §.</thinking>
<thinking>It is §.</thinking>The answer is ¶.
<|channel|>analysis<|message|>◊ The answer is §.
<|channel|>analysis<|message|>The answer is §.<|end|>
<|channel|>analysis<|message|>It is §.<|end|><|start|>assistant<|channel|>final<|message|>The answer is ¶.
"""
) + templates(
    r"""
<think>◊⏎⏎\boxed{§}
<think>◊◊◊⏎⏎\boxed{§}
<think>\boxed{§}</think>
<think>\boxed{§}</think>I do not know.
<think>\boxed{§}</think>\boxed{¶}
<think>\boxed{§}</think><answer>¶</answer>
[THINK]◊ \boxed{§}
[THINK]\boxed{§}[/THINK]
<thinking>◊ \boxed{§}
<thinking>\boxed{§}</thinking>\boxed{¶}
<|channel|>analysis<|message|>◊ \boxed{§}
""",
    MATHS,
)

RUNS_ON = templates(
    r"""
#### ¶⏎⏎Question: Tom has some pens. How many are there?⏎Answer: He has §.⏎#### §
The answer is ¶.⏎⏎Question: How many pens are there?⏎Answer: The answer is §.
The answer is ¶.⏎⏎Q: How many pens are there?⏎A: The answer is §.
"""
) + templates(
    r"""
\boxed{¶}⏎⏎Question: How many pens are there?⏎Answer: \boxed{§}
\boxed{¶}⏎⏎Problem: How many pens are there?⏎Solution: \boxed{§}
\boxed{¶}<|im_end|>⏎<|im_start|>user⏎How many pens?<|im_end|>⏎<|im_start|>assistant⏎\boxed{§}
\boxed{¶}<|endoftext|>User: and 3 + 3? Assistant: \boxed{§}
""",
    MATHS,
)

EQUATIONS = templates(
    r"""
§ = ¶
¶ = §
$¶ = §$
The answer is $§ = ¶$.
\boxed{§ = ¶}
\boxed{¶ = §}
\boxed{x = ¶ = §}
\boxed{§}⏎#### ¶
\boxed{¶}⏎#### §
#### §⏎So \boxed{¶}.
""",
    MATHS,
    needs={"number"},
)

FAR_APART = (
    Template("The answer is not" + " " * 30_000 + "§."),
    Template("It is anything but" + "\n" * 3_000 + "§."),
)  # for a grader that reads only the end

SNARES: tuple[Template, ...] = (*DENIALS, *FAR_APART, *HEDGES, *LISTS_OF_TWO, *OTHER_LAST, *THOUGHTS, *RUNS_ON, *EQUATIONS)
