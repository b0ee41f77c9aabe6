"""The sandbox tiers in which untrusted programs run, behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from aha.errors import BadInput
from aha.grading.sandbox.job import Job, Language, Limits, Outcome, Sandbox, Tier, Verdict

__all__ = ["Job", "Language", "Limits", "Outcome", "Sandbox", "Tier", "Verdict", "open_sandbox", "tiers"]

TIERS: tuple[Tier, ...] = ("bwrap", "wasm", "remote", "unsafe")
AUTOMATIC: tuple[Tier, ...] = ("bwrap", "wasm")  # strongest first; the tiers remote and unsafe are chosen by name only


class SandboxOpener(Protocol):
    """The class of a tier, called to open a sandbox."""

    def __call__(self, *, workers: int) -> Sandbox: ...


def open_sandbox(tier: Tier | Literal["auto"] = "auto", workers: int = 2) -> Sandbox:
    """Open the tier named, or the strongest one that works here, for `workers` programs at once; `BadInput` says what to install."""
    if workers < 1:
        raise BadInput(f"sandbox workers is {workers}: a program needs a place to run, so 1 or more")
    if tier != "auto":
        return _open_tier(tier, workers)
    reasons = []
    for name in AUTOMATIC:
        try:
            return _open_tier(name, workers)
        except BadInput as error:
            reasons.append(str(error))
    raise BadInput("no sandbox for programs works here: " + "; ".join(reasons))


def tiers() -> dict[Tier, str | None]:
    """Return every tier, strongest first, with `None` if it works here, else the reason why not."""
    return {tier: _tier(tier)[0]() for tier in TIERS}


def _open_tier(tier: Tier, workers: int) -> Sandbox:
    why_not, opens = _tier(tier)
    reason = why_not()
    if reason is not None:
        raise BadInput(f"sandbox {tier}: {reason}")
    return opens(workers=workers)


def _tier(tier: Tier) -> tuple[Callable[[], str | None], SandboxOpener]:
    """Return the `why_not` function and the class of a tier, whose module is imported only here."""
    match tier:
        case "bwrap":
            from aha.grading.sandbox import bwrap

            return bwrap.why_not, bwrap.BwrapSandbox
        case "wasm":
            from aha.grading.sandbox import wasm

            return wasm.why_not, wasm.WasmSandbox
        case "remote":
            from aha.grading.sandbox import remote

            return remote.why_not, remote.RemoteSandbox
        case "unsafe":
            from aha.grading.sandbox import unsafe

            return unsafe.why_not, unsafe.UnsafeSandbox
        case _:
            raise BadInput(f"sandbox tier is {tier!r}: it is one of auto, {', '.join(TIERS)}")
