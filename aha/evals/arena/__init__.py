"""Arena-Hard: battles against one baseline, judged twice each with the answers in both orders."""

from aha.evals.arena.battles import Battle, BattleSet, Version, read_battle_set, read_battles
from aha.evals.arena.judge import verdict
from aha.evals.arena.ratings import Rating, bradley_terry, ratings
from aha.evals.arena.scores import scores_of
from aha.evals.arena.style import StyleScore, controlled_ratings
from aha.evals.arena.writing import Style, read_answers, read_styles, style_of

__all__ = [
    "Battle",
    "BattleSet",
    "Rating",
    "Style",
    "StyleScore",
    "Version",
    "bradley_terry",
    "controlled_ratings",
    "ratings",
    "read_answers",
    "read_battle_set",
    "read_battles",
    "read_styles",
    "scores_of",
    "style_of",
    "verdict",
]
