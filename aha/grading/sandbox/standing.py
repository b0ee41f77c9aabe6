"""Which tier a run's programs go to, why, and whether it withstands attacks: what the doctor says of code."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from aha.grading.sandbox import AUTOMATIC, Tier, open_sandbox, tiers
from aha.grading.sandbox.attacks import Attacked, attacked
from aha.types import Asserts, Calls, Reference, Stdio


@dataclass(frozen=True)
class Standing:
    """`why`: in words; `attacks`: each, with what came of it."""

    tier: Tier
    why: str
    attacks: tuple[Attacked, ...]

    @property
    def holds(self) -> bool:
        return all(each.contained for each in self.attacks)

    def lines(self) -> list[str]:
        """For a person, one thought a line."""
        held = sum(each.contained for each in self.attacks)
        first = f"Programs run in the sandbox tier {self.tier}, {self.why}; it contained {held} of {len(self.attacks)} attacks."
        return [first, *(each.line for each in self.attacks if not each.contained)]


def standing(references: Iterable[Reference], asked: Tier | Literal["auto"] = "auto") -> Standing | None:
    """Of the tier that programs for these references go to; None where none holds code. `BadInput`, saying what to install, where no
    sandbox works. The tier that holds nothing back is named, and not attacked: it would harm this machine as far as it may."""
    if not any(isinstance(each, Stdio | Calls | Asserts) for each in references):
        return None
    with closing(open_sandbox(asked, workers=1)) as opened:
        tier = opened.tier
    return Standing(tier, _why(tier, asked), () if tier == "unsafe" else tuple(attacked(lambda: open_sandbox(tier))))


def _why(tier: Tier, asked: Tier | Literal["auto"]) -> str:
    if asked != "auto":
        return "as asked for, which holds nothing back" if tier == "unsafe" else "as asked for"
    reasons = tiers()
    stronger = [f"{each}: {reasons[each]}" for each in AUTOMATIC[: AUTOMATIC.index(tier)]]
    return f"since no stronger one works here ({'; '.join(stronger)})" if stronger else "the strongest there is"
