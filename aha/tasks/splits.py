"""What no training data may contain: a fixed share of every world of problems, told by a hash of what a problem is."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Literal, TypeVar

from aha.errors import BadInput

Split = Literal["train", "held-out"]
Key = TypeVar("Key")

HELD_OUT_PER_CENT = 10
MOST_DRAWS = 1_000  # for each key that is wanted; a world that small has run out


def is_held_out(world: str, key: object) -> bool:
    """Whether the problem of that key, in any language and wording, is held out. Fixed for ever: change nothing here."""
    digest = hashlib.sha256(f"{world} {key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < HELD_OUT_PER_CENT


def draw_keys(
    world: str,
    split: Split,
    count: int,
    draw: random.Random,
    draw_key: Callable[[random.Random], Key],
    known_by: Callable[[Key], object] = lambda key: key,
) -> list[Key]:
    """`count` different keys of one side of the split, as `one` draws them; the split knows a key by what `known_by` says. BadInput where
    the world has fewer."""
    keys = dict[Key, None]()
    for _ in range(count * MOST_DRAWS):
        if len(keys) == count:
            break
        key = draw_key(draw)
        if is_held_out(world, known_by(key)) == (split == "held-out"):
            keys[key] = None
    if len(keys) < count:
        raise BadInput(f"{count} different problems of {world} ({split}) at once: it has no more than {len(keys)}; ask for fewer")
    return list(keys)


def draw_language(chinese: float, draw: random.Random) -> Literal["en", "zh"]:
    """Chinese with that probability."""
    return "zh" if draw.random() < chinese else "en"
