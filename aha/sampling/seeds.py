"""Seeds as functions of a place in the run."""

from __future__ import annotations

import hashlib


def seed_for(*place: int) -> int:
    """Return a 63-bit seed that is a function of the place in the run (run, rollout, round, problem, sample) and of nothing else."""
    digest = hashlib.blake2b(" ".join(map(str, place)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
