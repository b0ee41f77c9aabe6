"""What to run: values only, no loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aha.recipes.r1_zero import dapo, drgrpo, r1_zero
from aha.recipes.recipe import Recipe
from aha.recipes.sft import STUDENTS, distilled, sft
from aha.recipes.zero import zero

RECIPES: dict[str, Callable[[], Recipe]] = {
    "zero": zero,
    "r1-zero": r1_zero,
    "drgrpo": drgrpo,
    "dapo": dapo,
    "sft": sft,
    **{name: partial(distilled, name) for name in STUDENTS},
}

__all__ = ["RECIPES", "Recipe", "dapo", "drgrpo", "r1_zero", "sft", "zero"]
