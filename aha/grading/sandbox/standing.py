"""Which tier a run's programs go to, why, and whether it withstands attacks: what the doctor says of code."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from aha.grading.sandbox import AUTOMATIC, Tier, open_sandbox, tiers
from aha.grading.sandbox.attacks import Assault, run_attacks
from aha.types import Asserts, Calls, Reference, Stdio


@dataclass(frozen=True)
class SandboxStatus:
    """`why`: in words; `assault`: what came of the attacks on it."""

    tier: Tier
    why: str
    assault: Assault

    @property
    def holds(self) -> bool:
        return self.assault.contained_count == len(self.assault.came)

    def lines(self) -> list[str]:
        """For a person, one thought a line."""
        containments, came = self.assault.contained_count, self.assault.came
        first = f"Programs run in the sandbox tier {self.tier}, {self.why}; it contained {containments} of {len(came)} attacks."
        left_out = [f"No compiled program was among them: {self.assault.compile_error}."] if self.assault.compile_error else []
        return [first, *left_out, *(result.line for result in came if not result.is_contained)]


def sandbox_status(references: Iterable[Reference], tier_name: Tier | Literal["auto"] = "auto") -> SandboxStatus | None:
    """Of the tier that programs for these references go to; None where none holds code. `BadInput`, saying what to install, where no
    sandbox works. The tier that holds nothing back is named, and not attacked: it would harm this machine as far as it may."""
    if not any(isinstance(reference, Stdio | Calls | Asserts) for reference in references):
        return None
    with closing(open_sandbox(tier_name, workers=1)) as sandbox:
        tier = sandbox.tier
    return SandboxStatus(tier, _why(tier, tier_name), Assault(()) if tier == "unsafe" else run_attacks(lambda: open_sandbox(tier)))


def _why(tier: Tier, choice: Tier | Literal["auto"]) -> str:
    if choice != "auto":
        return "as asked for, which holds nothing back" if tier == "unsafe" else "as asked for"
    reasons = tiers()
    stronger = [f"{name}: {reasons[name]}" for name in AUTOMATIC[: AUTOMATIC.index(tier)]]
    return f"since no stronger one works here ({'; '.join(stronger)})" if stronger else "the strongest there is"
