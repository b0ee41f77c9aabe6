"""The judge's verdict: five grades, of which the outer two weigh three times."""

from __future__ import annotations

import re

WEIGHT = 3
_LABELS = (re.compile(r"\[\[([AB<>=]+)\]\]"), re.compile(r"\[([AB<>=]+)\]"))
_WINS: dict[str, tuple[float, ...]] = {  # of A
    "A>>B": (1.0,) * WEIGHT,
    "A>B": (1.0,),
    "A=B": (0.5,),
    "B>A": (0.0,),
    "B>>A": (0.0,) * WEIGHT,
}
_WINS |= {"B<<A": _WINS["A>>B"], "B<A": _WINS["A>B"], "B=A": _WINS["A=B"], "A<B": _WINS["B>A"], "A<<B": _WINS["B>>A"]}


def verdict(judgment: str) -> str | None:
    """The last label in double brackets, else the last in single ones, in capitals; `None` without any: the game does not count."""
    for label in _LABELS:
        if labels := label.findall(judgment.upper()):
            return str(labels[-1]).strip()
    return None


def wins_of_a(label: str) -> tuple[float, ...] | None:
    """One entry a battle: 1 where A won, 1/2 for a tie, 0. `None` for what is no label."""
    return _WINS.get(label)
