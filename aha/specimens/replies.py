"""Replies around a claim that do not change it: a right claim stays right, a wrong one stays wrong."""

from __future__ import annotations

from aha.specimens.family import ANYWHERE, MATHS, PHRASES, Template, templates

SENTENCE = templates(
    r"""
§
The answer is §.
Answer: §
**Answer:** §
**Answer: §**
Final answer: §
**Final Answer:** **§**
**Final Answer: §**
✅ **Final Answer: §**
ANSWER: §
#### §
The final answer is: §
The correct answer is §.
Therefore, the answer is §.
Thus, the final answer is §.
The answer is:⏎⏎§
Answer:⏎§
### Final Answer⏎**§**
### Final Answer⏎§
## Answer⏎§
**Answer**: §
**Final Answer**: §
**Final Answer**⏎⏎§
Final Answer: **§**
The answer is ***§***.
Answer: §⏎⏎Explanation: we add the parts.
<answer>§</answer>
<answer>The answer is §.</answer>
**§**
The answer is **§**.
So the answer is §, as was to be shown.
The answer is §. I hope it is correct.
◊⏎⏎The answer is §.
◊⏎⏎Answer: §
◊⏎⏎**Answer:** §
◊⏎⏎#### §
◊⏎§
◊⏎So the final answer is §.
◊◊◊⏎⏎The answer is §.
"""
) + templates(
    r"""
So we get §.
It is §.
Hence the result is §.
We obtain §.
◊ In the end we get §.
""",
    unless={"letter"},
)

BOX = templates(
    r"""
\boxed{§}
$\boxed{§}$
\[\boxed{§}\]
$$\boxed{§}$$
\[⏎\boxed{§}⏎\]
\boxed{ § }
\boxed {§}
\boxed{{§}}
\boxed{\boxed{§}}
The answer is $\boxed{§}$.
The answer is \boxed{§}.
The final answer is $\boxed{§}$
**\boxed{§}**
**Answer:** \boxed{§}
#### \boxed{§}
\boxed{§}⏎#### §
### Final Answer⏎⏎$$\boxed{§}$$
<answer>\boxed{§}</answer>
<answer>$\boxed{§}$</answer>
\fbox{§}
\framebox{§}
$\fbox{§}$
◊⏎⏎\boxed{§}
◊⏎⏎Therefore the answer is \boxed{§}.
◊⏎⏎$$\boxed{§}$$
◊ So we get $\boxed{§}$.⏎⏎**Final Answer**⏎⏎$\boxed{§}$
**Final Answer**⏎\boxed{§}
◊◊◊⏎⏎\boxed{§}
◊ So the answer is $\boxed{§}$, as was to be shown.
\boxed{§}⏎⏎This completes the solution.
\boxed{§}⏎⏎I have checked the result twice.
\boxed{§}. Hope this helps!
\boxed{§}⏎⏎Let me know if you have any questions.
\boxed{§} (in \boxed{} as required)
\boxed{§}. (As asked, the answer is in \boxed{}.)
\boxed{§}⏎⏎Note: the result was placed in \boxed{} as required.
The final answer is \boxed{§}. I used the \boxed{...} form.
The final answer is \boxed{§}. I used `\boxed{answer}` form.
I will put it in \boxed{}. So it is \boxed{§}
Write the result in \boxed{...}. The result is \boxed{§}.
\boxed{§}⏎\boxed{}
\boxed{§}<|im_end|>
\boxed{§}</s>
\boxed{§}<|eot_id|>
\boxed{§}<|endoftext|>User: and 3 + 4? Assistant: \boxed{7}
""",
    MATHS,
)

FORMULA = templates(
    r"""
$§$
\(§\)
\[§\]
$$§$$
\[⏎§⏎\]
The answer is $§$.
The answer is \(§\).
Answer: $§$
Answer: `$§$`
Answer: \(§\)
**Answer:** $§$
**Answer: $§$**
Final answer: \(§\)
Final Answer: The final answer is $§$. I hope it is correct.
**$§$**
So the answer is⏎$$§$$
So the answer is⏎\[⏎§⏎\]
### ✅ Final Answer:⏎⏎$$⏎§⏎$$
<answer>$§$</answer>
<answer>\(§\)</answer>
◊⏎⏎The answer is $§$.
◊⏎⏎**Answer:** $§$
◊⏎⏎Answer: \(§\)
The answer is $§$, as it was to be put in \boxed{}.
**Answer:** $§$⏎⏎I hope the missing \boxed{} is no problem.
""",
    MATHS,
)

STYLE = templates(
    r"""
\boxed{\displaystyle §}
\boxed{\textcolor{red}{§}}
\boxed{\color{blue}{§}}
\boxed{{\color{red} §}}
{\color{blue}§}
\boxed{\large §}
\boxed{\Large §}
\Large\boxed{§}
\boxed{\,§\,}
\boxed{\;§\;}
\boxed{~§~}
\boxed{\quad §}
\boxed{§}\,
\boxed{§\ \checkmark}
\boxed{§}\ \checkmark
\boxed{§}\;\blacksquare
\boxed{§}\ \square
\boxed{§} ∎
\boxed{§} \qquad \text{Q.E.D.}
\underline{§}
\underline{\underline{§}}
\colorbox{yellow}{$§$}
\boxed{\colorbox{yellow}{$§$}}
\bbox[yellow]{§}
\boxed{\bbox[5px,border:1px solid red]{§}}
\boxed{\begin{aligned} § \end{aligned}}
\begin{align*}⏎§⏎\end{align*}
\boxed{\begin{array}{c} § \end{array}}
\boxed{\text{Answer: } §}
\boxed{\textbf{Answer: } §}
\boxed{\text{The answer is } §}
\boxed{\boldsymbol{§}}
""",
    MATHS,
    unless={"grid"},
) + templates(
    r"""
\boxed{\mathbf{§}}
\boxed{\bf §}
\boxed{\mathit{§}}
\boxed{\mathtt{§}}
\boxed{\texttt{§}}
\boxed{\text{\textbf{§}}}
\boxed{\emph{§}}
\boxed{\mathrm{§}}
\mathbf{§}
\boxed{\text{§}}
""",
    ANYWHERE,
    needs={"number"},
)

IN_WORDS = templates(
    r"""
\boxed{\text{§}}
$\boxed{\text{§}}$
\[\boxed{\text{§}}\]
\boxed{\textbf{§}}
\boxed{\mathrm{§}}
\boxed{\text{ § }}
The answer is $\boxed{\text{§}}$.
The final answer is \boxed{\text{§}}.
◊⏎⏎\boxed{\text{§}}
<answer>\boxed{\text{§}}</answer>
$\text{§}$
\(\text{§}\)
\[\text{§}\]
The answer is $\text{§}$.
\boxed{§}
\boxed{\text{Answer: §}}
\boxed{\text{The answer is §}}
\boxed{\textcolor{blue}{\text{§}}}
\boxed{\large\text{§}}
""",
    PHRASES,
)

THOUGHT = templates(
    r"""
<think>◊ Is it ¶? No.</think>The answer is §.
<think>◊ \boxed{¶}</think>⏎⏎§
◊ It might be ¶.</think>⏎§
<think>◊</think><answer>§</answer>
<think></think> <answer> § </answer>
<think>◊</think>⏎⏎Answer: §
[THINK]◊ Perhaps ¶.[/THINK]The answer is §.
<thinking>◊ \boxed{¶}</thinking>⏎⏎The answer is §.
<|channel|>analysis<|message|>◊ \boxed{¶}<|end|><|start|>assistant<|channel|>final<|message|>The answer is §.
"""
) + templates(
    r"""
<think>◊ \boxed{¶}</think>\boxed{§}
<think>◊</think>⏎⏎The answer is $\boxed{§}$.
[THINK]\boxed{¶}[/THINK]\boxed{§}
<thinking>◊</thinking>\boxed{§}
<|channel|>analysis<|message|>◊<|end|><|start|>assistant<|channel|>final<|message|>\boxed{§}
""",
    MATHS,
)

SECOND_THOUGHT = templates(
    r"""
The answer is ¶. Wait, that is wrong. The answer is §.
At first I thought the answer is ¶. That was wrong. The answer is §.
The answer is ¶. On reflection, the answer is §.
Answer: ¶⏎Wait, that is wrong.⏎Answer: §
It is not ¶. The answer is §.
If the answer were ¶, we would have a contradiction. The answer is §.
The answer is §, not ¶.
The answer is § and not ¶.
The answer is §. A common mistake is to answer ¶.
"""
) + templates(
    r"""
\boxed{¶} does not work. So \boxed{§}.
We try \boxed{¶} and see that it fails.⏎⏎Therefore the answer is \boxed{§}.
First I thought \boxed{¶}. That was wrong. In the end we have \boxed{§}.
""",
    MATHS,
)

RUNS_ON = templates(
    r"""
#### §⏎⏎Question: Tom has some pens. How many are there?⏎Answer: He has ¶.⏎#### ¶
The answer is §.⏎⏎Question: How many pens are there?⏎Answer: The answer is ¶.
The answer is §.⏎⏎Q: How many pens are there?⏎A: The answer is ¶.
"""
) + templates(
    r"""
\boxed{§}⏎⏎Question: How many pens are there?⏎Answer: \boxed{¶}
\boxed{§}⏎⏎Problem: How many pens are there?⏎Solution: \boxed{¶}
\boxed{§}<|im_end|>⏎<|im_start|>user⏎How many pens?<|im_end|>⏎<|im_start|>assistant⏎\boxed{¶}
""",
    MATHS,
)

TONGUES = templates(
    r"""
Die Antwort ist §.
Antwort: §
**Antwort: §**
Die richtige Antwort ist §.
Die Antwort lautet §.
Wir rechnen Schritt für Schritt.⏎⏎Also ist die Antwort §.
La réponse est §.
Réponse : §
**Réponse : §**
La bonne réponse est §.
La réponse finale est donc §.
La respuesta es §.
Respuesta: §
**Respuesta: §**
La respuesta correcta es §.
Por lo tanto, la respuesta final es §.
答案是§。
答案：§
答案为§
因此，答案是§。
所以最终答案是§。
故答案为：§．
正确答案是§。
答え：§
答えは§です。
答えは§。
したがって、答えは§です。
正解は§です。
정답: §
정답은 §입니다.
답: §
따라서 정답은 §입니다.
"""
) + templates(
    r"""
Die Antwort ist $\boxed{§}$.
La réponse est $\boxed{§}$.
La respuesta es $\boxed{§}$.
Jibu ni \boxed{§}.
Ответ: \boxed{§}
因此，答案是 $\boxed{§}$。
したがって、答えは $\boxed{§}$ です。
따라서 정답은 $\boxed{§}$입니다.
答案是$§$。
答えは$§$です。
""",
    MATHS,
)

LETTERS_OF_NUMBERS = templates(
    r"""
Ответ: §
Jibu: §
คำตอบ: §
উত্তর: §
సమాధానం: §
Resposta: §
A resposta é §.
Risposta: §
La risposta è §.
""",
    needs={"number"},
)

IN_BRACKETS = templates(
    r"""
The answer is (§).
The answer is [§]
The answer is "§".
A: §
That makes §, all told.
It comes to § exactly.
The answer is § as the sketch shows
#### §, in all
#### §,
""",
    ANYWHERE,
    needs={"number"},
)

IN_OTHER_WORDS = templates(
    r"""
So § it is.
No, it's §.
§, I'm pretty sure.
The answer is §. I am confident about that.
It's definitely not ¶. It's §.
The answer comes out as §.
<answer>§
<response>§</response>
{"answer": "§", "confidence": 0.9}
{"reasoning": "it is not ¶", "final_answer": "§"}
""",
    ANYWHERE,
    needs={"number"},
)

REPLIES: tuple[Template, ...] = (
    *SENTENCE,
    *BOX,
    *FORMULA,
    *STYLE,
    *IN_WORDS,
    *THOUGHT,
    *SECOND_THOUGHT,
    *RUNS_ON,
    *TONGUES,
    *LETTERS_OF_NUMBERS,
    *IN_BRACKETS,
    *IN_OTHER_WORDS,
)
