"""Which option a reply chooses: the extraction chains of the benchmarks, to the letter, and our own for rewards.

A chain is what a benchmark's authors published, with all it does oddly, so that their numbers can be had again. `chosen` reads what RL
replies look like; it commits to one letter without knowing which is right, and to none where a reply offers several.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Chain = Callable[[str], str | None]

# --- chains of benchmarks (the answer part of a reply goes in; `None` scores as wrong) ---------------------------------

_GPQA = re.compile(r"(?i)Answer[ \t]*:[ \t]*\$?([A-D])\$?")

_MARKS = ("**", "$\\boxed{", "}$", "\\$", "$\\text{", "$", "\\mathrm{", "\\{", "\\text", "\\(", "\\mathbf{", "{", "\\boxed")
_WORDS = (
    *(r"Answer\s*:", "Answer\\s*:\u200b+", r"উত্তর\s*:", r"उत्तर\s*:", "উত্তরঃ", r"Antwort\s*:", r"답변\s*:", r"정답\s*:", r"답\s*:"),
    *(r"答案\s*：", r"答案\s*:", r"答\s*：", r"答\s*:", r"答复\s*：", r"答曰\s*："),
    *("الإجابة:", "الجواب:", "إجابة:", "الإجابة النهائية:", "الإجابة الصحيحة:", "الإجابة الصحيحة هي:", "الإجابة هي:", "الجواب النهائي:"),
    *(r"Respuesta\s*:", r"Risposta\s*:", r"答え\s*:", r"答え\s*：", r"回答\s*:", r"回答\s*：", r"解答\s*:", r"Jawaban\s*:", r"Réponse\s*:"),
    *(r"Resposta\s*:", r"Jibu\s*:", r"Idahun\s*:", r"Ìdáhùn\s*:", r"Idáhùn\s*:", r"Àmọ̀nà\s*:", r"Àdáhùn\s*:", r"Ànúgọ\s*:", r"Àṣàyàn\s*:"),
)
_MMLU = tuple(re.compile(rf"(?i){word}[ \t]*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])") for word in _WORDS)
_LATIN = str.maketrans("أبجدঅবডঢＡＢＣＤ", "ABCDABCDABCD")

_PRO_SAID = re.compile(r"answer is \(?([A-J])\)?")
_PRO_ANSWER = re.compile(r"(?=[aA]nswer:\s*([A-J]))")
_PRO_LONE = re.compile(r"\b[A-J]\b")


def gpqa(text: str) -> str | None:
    """GPQA as simple-evals reads it: the first `Answer: X`."""
    found = _GPQA.search(text)
    return found[1] if found else None


def mmlu(text: str) -> str | None:
    """MMLU as simple-evals reads it: marks dropped, then the first hit of each language's word for "answer", in their order."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    found = next((hit for word in _MMLU if (hit := word.search(text))), None)
    return found[1].translate(_LATIN) if found else None


def mmlu_pro(text: str) -> str | None:
    """MMLU-Pro's three steps: the first `answer is (X)`, the last `Answer: X` of the first line that has one, the last lone capital."""
    text = text.replace("**", "")
    if said := _PRO_SAID.search(text):
        return said[1]
    return _pro_answer(text) or (lone[-1] if (lone := _PRO_LONE.findall(text)) else None)


def _pro_answer(text: str) -> str | None:
    """`.*[aA]nswer:\\s*([A-J])` by steps, since that expression takes quadratic time on a long line."""
    letter, end = None, -1
    for found in _PRO_ANSWER.finditer(text):
        if letter is not None and found.start() > end:
            break
        end = text.find("\n", found.start()) if letter is None else end
        end = len(text) if end < 0 else end
        letter = found[1]
    return letter


CHAINS: dict[str, Chain] = {"gpqa": gpqa, "mmlu": mmlu, "mmlu-pro": mmlu_pro}
