"""Arena-Hard: battles against one baseline, each judged twice, with the answers in both orders."""

from aha.evals.arena.battles import Battle, Version, read_answers, read_battle_set, read_battles, read_styles, style_of, verdict
from aha.evals.arena.ratings import scores_of

__all__ = [
    "Battle",
    "Version",
    "read_answers",
    "read_battle_set",
    "read_battles",
    "read_styles",
    "scores_of",
    "style_of",
    "verdict",
]
