"""The recipes by name. A recipe holds values only; it runs nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aha.recipes.r1 import distill_vs_rl, r1
from aha.recipes.r1_real import r1_real, real
from aha.recipes.r1_zero import dapo, drgrpo, qwen32b_zero, r1_stage1, r1_stage2, r1_zero, rm_helpful, rm_safety
from aha.recipes.recipe import Recipe
from aha.recipes.sft import STUDENTS, cold_start, distillation, sample, sft
from aha.recipes.word_problems import word_problems, word_problems_vs_rl
from aha.recipes.zero import zero

__all__ = ["RECIPES", "Recipe", "cold_start", "dapo", "drgrpo", "r1", "r1_real", "r1_zero", "sample", "sft", "zero"]


RECIPES: dict[str, Callable[[], Recipe]] = {
    "zero": zero,
    "r1": r1,
    "r1-real": real,
    "distill-vs-rl": distill_vs_rl,
    "word-problems": word_problems,
    "word-problems-vs-rl": word_problems_vs_rl,
    "r1-zero": r1_zero,
    "r1-stage1": r1_stage1,
    "r1-stage2": r1_stage2,
    "qwen32b-zero": qwen32b_zero,
    "drgrpo": drgrpo,
    "dapo": dapo,
    "sft": sft,
    "rm-helpful": rm_helpful,
    "rm-safety": rm_safety,
    **{name: partial(distillation, name) for name in STUDENTS},
    "sample": sample,
    "cold-start": cold_start,
}
