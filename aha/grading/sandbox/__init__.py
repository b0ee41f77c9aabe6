"""Where a stranger's program runs: the tiers of isolation, strongest first, behind one seam."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Literal

from aha.errors import BadInput
from aha.grading.sandbox.job import Job, Language, Limits, Outcome, Sandbox, Tier, Verdict

__all__ = ["Job", "Language", "Limits", "Outcome", "Sandbox", "Tier", "Verdict", "open_sandbox", "tiers"]

AUTOMATIC: tuple[Tier, ...] = ("bwrap", "wasm")  # strongest first; a pool elsewhere and no protection at all are chosen by name only
CLASSES: dict[Tier, str] = {"bwrap": "BwrapSandbox", "wasm": "WasmSandbox", "remote": "RemoteSandbox", "unsafe": "UnsafeSandbox"}


def open_sandbox(tier: Tier | Literal["auto"] = "auto", workers: int = 2) -> Sandbox:
    """The tier named, or the strongest that works here, for `workers` programs at once; `BadInput` says what to install for one."""
    if workers < 1:
        raise BadInput(f"sandbox workers is {workers}: a program needs a place to run, so 1 or more")
    if tier != "auto":
        return _opened(tier, workers)
    reasons = []
    for each in AUTOMATIC:
        try:
            return _opened(each, workers)
        except BadInput as error:
            reasons.append(str(error))
    raise BadInput("no sandbox for programs works here: " + "; ".join(reasons))


def tiers() -> dict[Tier, str | None]:
    """Every tier, strongest first: `None` where it works here, else the reason why not."""
    return {tier: _why_not(tier) for tier in CLASSES}


def _opened(tier: Tier, workers: int) -> Sandbox:
    reason = _why_not(tier)
    if reason is not None:
        raise BadInput(f"sandbox {tier}: {reason}")
    sandbox: Sandbox = getattr(_module(tier), CLASSES[tier])(workers=workers)
    return sandbox


def _why_not(tier: Tier) -> str | None:
    try:
        reason: str | None = _module(tier).why_not()
    except ModuleNotFoundError as error:
        return f"not part of this installation ({error})"
    return reason


def _module(tier: Tier) -> ModuleType:
    return import_module(f"aha.grading.sandbox.{tier}")
