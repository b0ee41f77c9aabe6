"""Arena-Hard: battles against one baseline, judged twice each with the answers in both orders."""

from aha.evals.arena.battles import Battle, Fought, Version, read_battles, read_fought
from aha.evals.arena.judge import verdict
from aha.evals.arena.ratings import Rating, bradley_terry, ratings
from aha.evals.arena.scores import scores_of
from aha.evals.arena.style import Controlled, controlled_ratings
from aha.evals.arena.writing import Style, read_answers, read_styles, style_of

__all__ = [
    "Battle",
    "Controlled",
    "Fought",
    "Rating",
    "Style",
    "Version",
    "bradley_terry",
    "controlled_ratings",
    "ratings",
    "read_answers",
    "read_battles",
    "read_fought",
    "read_styles",
    "scores_of",
    "style_of",
    "verdict",
]
