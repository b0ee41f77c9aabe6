"""The rewards: each is a function of one problem and all its replies. `Rewards` selects them by domain and sums them with weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from inspect import iscoroutine
from itertools import islice
from numbers import Real
from typing import Any

from aha.errors import AhaError, BadInput, Signed
from aha.protocols import Backend, Hosts, Opens, Reward
from aha.redact import clip
from aha.rewards.judge import Judge
from aha.rewards.own import TidyReward, describe_error, is_number, is_ours, shorten, why_no_reward
from aha.rewards.rules import Accuracy, Format, Harmless, Helpful, LanguageConsistency, SoftOverlong
from aha.types import Abstained, Part, Problem, Reply, Score, Sees

__all__ = [
    "Accuracy",
    "Format",
    "Harmless",
    "Helpful",
    "Judge",
    "LanguageConsistency",
    "RewardPart",
    "Rewards",
    "SoftOverlong",
    "all_scenarios",
    "paper",
    "reasoning_rewards",
]


@dataclass(frozen=True)
class RewardPart:
    """A reward with its weight and the part of the reply it sees; `domains` limits it to problems of these domains (`None`: no limit)."""

    name: str
    reward: Reward | Opens[Reward]
    weight: Signed = 1.0
    sees: Sees = "all"
    domains: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not is_number(self.weight):
            raise BadInput(f"reward '{self.name}' has weight {self.weight}: a weight has to be a finite number (of 1e60 at most)")
        if problem := why_no_reward(self.reward):
            raise BadInput(f"reward '{self.name}' {problem}")

    def covers(self, problem: Problem) -> bool:
        return self.domains is None or problem.domain in self.domains

    def values(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        """Return the reward's values, one per reply, each finite or Abstained; BadInput otherwise."""
        if not callable(self.reward):
            raise BadInput(f"reward '{self.name}' has to be opened first: use it within `with rewards.open(backend) as live`")
        try:
            values_of_user: Any = self.reward(problem, replies)  # a user's own function may return anything
            if kind := _no_list(values_of_user):
                raise BadInput(f"{self._about(problem, replies)} returned {kind}: a list of numbers, one a reply, is needed")
            values = [] if values_of_user is None else list(islice(values_of_user, len(replies) + 1))
            if len(values) == len(replies):
                return [self._check(value, problem, reply) for value, reply in zip(values, replies, strict=True)]
        except (AhaError, KeyboardInterrupt):
            raise
        except BaseException as error:  # sys.exit, too: a user's own code must not end a run as if it were finished
            if not is_ours(self.reward):
                raise BadInput(f"{self._about(problem, replies)} raised {describe_error(error)}") from error
            raise
        more = "more than " * (len(values) > len(replies))
        count = "None" if values_of_user is None else f"{more}{min(len(values), len(replies))} values"
        raise BadInput(f"{self._about(problem, replies)} returned {count} for {len(replies)} replies: one value a reply is needed")

    def _check(self, value: object, problem: Problem, reply: Reply) -> float | Abstained:
        match value:
            case Abstained():
                return value
            case Real() if is_number(value):
                return float(value)
        message = f"{self._about(problem, [reply])} returned {shorten(value)}"
        raise BadInput(f"{message}: a finite number (of 1e60 at most) or Abstained is needed")

    def _about(self, problem: Problem, replies: Sequence[Reply]) -> str:
        """Name the reward, the problem and the first reply, so that the user can find the mistake."""
        first = clip(replies[0].text, 80) if replies else ""
        more = f" and {len(replies) - 1} more" if len(replies) > 1 else ""
        return f"reward '{self.name}' on problem {clip(problem.id, 80)}, reply {first!r}{more},"


def _no_list(values: object) -> str:
    """Return what a reward returned in place of values in the order of the replies; empty if it may be those."""
    if iscoroutine(values):
        values.close()
        return "a coroutine, which nobody awaits"
    if isinstance(values, Real):
        return f"the one number {shorten(values)}"
    return f"a {type(values).__name__}" if isinstance(values, str | bytes | Mapping | Set) else ""


@dataclass(frozen=True)
class Rewards:
    """The parts whose weighted values are summed to a reply's score."""

    parts: tuple[RewardPart, ...]

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise BadInput(f"rewards are named {names}: at least one is needed, each with a name of its own")

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> tuple[Score, ...]:
        """Return one score per reply, in order, from the parts that cover the problem's domain. BadInput if there is none."""
        parts = [part for part in self.parts if part.covers(problem)]
        if not parts:
            raise BadInput(f"no reward covers domain '{problem.domain}' of {problem.id}: give one that has it in `domains`, or None")
        columns = [part.values(problem, replies) for part in parts]
        return tuple(_score(parts, [column[i] for column in columns]) for i in range(len(replies)))

    def with_weights(self, weights: Mapping[str, float]) -> Rewards:
        """Return the same rewards with these weights changed."""
        return replace(self, parts=tuple(replace(part, weight=weights.get(part.name, part.weight)) for part in self.parts))

    def without(self, names: Collection[str]) -> Rewards:
        """Return the rewards without these, which are then not computed at all."""
        return replace(self, parts=tuple(part for part in self.parts if part.name not in names))

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Rewards]:
        """Open what the rewards need (graders, a sandbox, a judge) once, yield the live rewards, and close it at the end."""
        with ExitStack() as stack:
            yield replace(self, parts=tuple(_open(part, backend, stack) for part in self.parts))


def _open(part: RewardPart, backend: Backend, stack: ExitStack) -> RewardPart:
    match part.reward:
        case Opens() as opens:
            opening = backend.host(opens) if isinstance(backend, Hosts) else opens.open(backend)
            return replace(part, reward=stack.enter_context(opening))
        case _:
            return part if is_ours(part.reward) else replace(part, reward=TidyReward(part.reward, part.name))


def _score(reward_parts: Sequence[RewardPart], values: Sequence[float | Abstained]) -> Score:
    parts = tuple(Part(w.name, value, w.weight, w.sees) for w, value in zip(reward_parts, values, strict=True))
    total = 0.0
    for part in parts:
        if isinstance(part.value, Abstained):
            return Score(Abstained(f"{part.name}: {part.value.reason}", part.value.cause), parts)
        total += part.weight * part.value
    return Score(total, parts)


def paper() -> Rewards:
    """Return R1-Zero's rule rewards: accuracy and format with equal weights."""
    return Rewards((RewardPart("accuracy", Accuracy(), 1.0, "summary"), RewardPart("format", Format(), 1.0, "all")))


def reasoning_rewards() -> Rewards:
    """Return the rewards of R1's first RL stage: the rules and the language of the thought, summed directly (paper §2.3.2; nature keeps the
    format)."""
    language = RewardPart("language", LanguageConsistency(), 1.0, "thought")
    return Rewards((*paper().parts, language))


def all_scenarios(helpful: str, harmless: str, rule_domains: tuple[str, ...], general: tuple[str, ...], safety: tuple[str, ...]) -> Rewards:
    """Return the rewards of R1's second RL stage (paper §2.3.4): rules if an answer can be checked, else the preference model of the
    prompt's one kind (nature); format and language everywhere. `helpful` and `harmless` are models. BadInput if a domain is named twice."""
    if twice := {*rule_domains} & {*general} | {*rule_domains} & {*safety} | {*general} & {*safety}:
        raise BadInput(f"domain '{min(twice)}' is named twice: a prompt is rewarded by rules, for its help or for its safety")
    form, language = reasoning_rewards().parts[1:]
    return Rewards(
        (
            RewardPart("accuracy", Accuracy(), 1.0, "summary", rule_domains),
            form,
            language,
            RewardPart("helpful", Helpful(helpful), 1.0, "summary", general),
            RewardPart("harmless", Harmless(harmless), 1.0, "all", safety),
        )
    )
