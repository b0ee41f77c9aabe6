"""Which tier a run's programs go to, why, and whether it withstands attacks: what the doctor says of code."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from aha.grading.sandbox import AUTOMATIC, Tier, open_sandbox, tiers
from aha.grading.sandbox.attacks import Assault, attacked
from aha.types import Asserts, Calls, Reference, Stdio


@dataclass(frozen=True)
class Standing:
    """`why`: in words; `assault`: what came of the attacks on it."""

    tier: Tier
    why: str
    assault: Assault

    @property
    def holds(self) -> bool:
        return self.assault.contained == len(self.assault.came)

    def lines(self) -> list[str]:
        """For a person, one thought a line."""
        held, came = self.assault.contained, self.assault.came
        first = f"Programs run in the sandbox tier {self.tier}, {self.why}; it contained {held} of {len(came)} attacks."
        left_out = [f"No compiled program was among them: {self.assault.not_compiled}."] if self.assault.not_compiled else []
        return [first, *left_out, *(each.line for each in came if not each.contained)]


def standing(references: Iterable[Reference], asked: Tier | Literal["auto"] = "auto") -> Standing | None:
    """Of the tier that programs for these references go to; None where none holds code. `BadInput`, saying what to install, where no
    sandbox works. The tier that holds nothing back is named, and not attacked: it would harm this machine as far as it may."""
    if not any(isinstance(each, Stdio | Calls | Asserts) for each in references):
        return None
    with closing(open_sandbox(asked, workers=1)) as opened:
        tier = opened.tier
    return Standing(tier, _why(tier, asked), Assault(()) if tier == "unsafe" else attacked(lambda: open_sandbox(tier)))


def _why(tier: Tier, asked: Tier | Literal["auto"]) -> str:
    if asked != "auto":
        return "as asked for, which holds nothing back" if tier == "unsafe" else "as asked for"
    reasons = tiers()
    stronger = [f"{each}: {reasons[each]}" for each in AUTOMATIC[: AUTOMATIC.index(tier)]]
    return f"since no stronger one works here ({'; '.join(stronger)})" if stronger else "the strongest there is"
