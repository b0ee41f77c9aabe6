"""Mixtures: the rows of each domain that make up a set of given shares, and several sources of problems as one, each with its share of
every round."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite

from aha.errors import BadInput
from aha.protocols import Problems
from aha.types import Problem


@dataclass(frozen=True)
class Share:
    """A domain's share of the set."""

    name: str
    share: float

    def __post_init__(self) -> None:
        if not isfinite(self.share) or self.share < 0:
            raise BadInput(f"the share of {self.name} is {self.share}: 0 or more is needed")


@dataclass(frozen=True)
class Mix:
    """The shares of the set, relative to their sum, so counts work too; without shares every row stays. `rows`: the most rows."""

    shares: tuple[Share, ...] = ()
    rows: int | None = None

    def __post_init__(self) -> None:
        names = [share.name for share in self.shares]
        if len(set(names)) < len(names) or (self.shares and not sum(share.share for share in self.shares) > 0):
            raise BadInput(f"mix of {', '.join(names)}: each domain once, at least one with a share above 0, is needed")
        if self.rows is not None and self.rows < 1:
            raise BadInput(f"rows is {self.rows}: a set has 1 row or more")

    def quotas(self, present: Mapping[str, int]) -> dict[str, int]:
        """Return the number of rows of each domain, as many as the scarcest domain allows. BadInput if rows or mix lack a domain."""
        if not self.shares:
            return _at_most(present, self.rows)
        total = sum(share.share for share in self.shares)
        shares = {share.name: share.share / total for share in self.shares if share.share > 0}
        if absent := [name for name in shares if not present.get(name)]:
            raise BadInput(f"the mix needs {shares[absent[0]]:.0%} of {absent[0]}, and no such row was kept: {_counts_text(present)}")
        if extra := [name for name in present if name not in {share.name for share in self.shares}]:
            raise BadInput(
                f"the mix does not name {extra[0]}, of which there are rows: {_counts_text(present)}; a share of 0 leaves them out"
            )
        size = min(present[name] / share for name, share in shares.items())
        size = min(size, float(self.rows)) if self.rows is not None else size
        return {name: min(present[name], max(1, floor(size * share + 1e-9))) for name, share in shares.items()}


def chosen(ids: Iterable[tuple[str, str]], quotas: Mapping[str, int], seed: int) -> set[str]:
    """Return the ids, out of (id, domain) pairs, that fill the quotas: drawn by the seed, independent of their order."""
    by_domain: dict[str, list[str]] = {}
    for name, domain in ids:
        by_domain.setdefault(domain, []).append(name)
    return {
        name for domain, names in by_domain.items() for name in sorted(names, key=lambda name: _rank(name, seed))[: quotas.get(domain, 0)]
    }


def _at_most(present: Mapping[str, int], rows: int | None) -> dict[str, int]:
    """Return all counts, or counts reduced in proportion to `rows` in total."""
    total = sum(present.values())
    if rows is None or rows >= total:
        return dict(present)
    exact = {name: count * rows / total for name, count in present.items()}
    counts = {name: floor(value) for name, value in exact.items()}
    order: Sequence[str] = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    return {name: counts[name] + (name in order[: rows - sum(counts.values())]) for name in exact}


def _counts_text(present: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in present.items()) or "there are none"


def _rank(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"mix {seed} {name}".encode("utf-8", "replace"), digest_size=16).digest()


@dataclass(frozen=True)
class MixedProblems:
    """A source of problems from several parts in proportion to their weights, in a drawn order. Shares are exact up to one problem per
    round, not drawn, so that even a small round has every domain."""

    parts: tuple[tuple[Problems, float], ...]

    def __post_init__(self) -> None:
        weights = [weight for _, weight in self.parts]
        if not weights or not all(0 < weight < float("inf") for weight in weights):
            raise BadInput(f"the weights of a mix are {weights}: one or more are needed, each above 0")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` problems for a round of a rollout; no problem occurs twice unless two parts give the same one."""
        draw = random.Random(f"mixed {seed} {rollout} {round}")
        shares = self.shares(count, draw)
        problems = [
            problem
            for (part, _), share in zip(self.parts, shares, strict=True)
            if share
            for problem in part.at(rollout, round, share, seed)
        ]
        draw.shuffle(problems)
        return problems

    def check(self, count: int, seed: int) -> None:
        """Raise BadInput if a part cannot give the most that a round of `count` problems may ask of it."""
        total = sum(weight for _, weight in self.parts)
        for part, weight in self.parts:
            part.at(0, 0, max(1, ceil(count * weight / total - 1e-9)), seed)

    def shares(self, count: int, draw: random.Random) -> list[int]:
        """Return how many of `count` problems each part gives: its share rounded down, the rest drawn by the remainders, so that a part too
        small for one problem per round has its turn in some."""
        total = sum(weight for _, weight in self.parts)
        exact = [count * weight / total for _, weight in self.parts]
        whole = [floor(share + 1e-9) for share in exact]
        while (remainder := count - sum(whole)) > 0:
            remainders = [max(0.0, share - floor_) for share, floor_ in zip(exact, whole, strict=True)]
            (chosen,) = draw.choices(range(len(whole)), remainders if sum(remainders) > 1e-9 * remainder else None)
            whole[chosen] += 1
        return whole
