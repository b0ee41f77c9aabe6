"""All that is said of battles, under the names that programs read: of published files and of fresh judgments alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aha.evals.arena.battles import Battle, Version
from aha.evals.arena.ratings import ratings
from aha.evals.arena.style import controlled_ratings
from aha.evals.arena.writing import Style


def scores_of(
    battles: Sequence[Battle], version: Version, styles: Mapping[tuple[str, str], Style] | None = None, baseline: str | None = None
) -> list[dict[str, Any]]:
    """One a model, the best first; per cent. With `styles` of all answers, the score with the style taken out stands beside."""
    controlled = {each.model: each for each in controlled_ratings(battles, styles, version, baseline)} if styles else {}
    found = []
    for rating in ratings(battles):
        scores: dict[str, Any] = {"model": rating.model, "score": rating.score, "ci95": list(rating.ci95), "n": rating.n}
        scores |= {"ci95_questions": list(rating.ci95_questions)}
        scores |= {"ci90": list(rating.ci90)} if version == "v2.0" else {}
        if style := controlled.get(rating.model):
            scores |= {"score_style_control": style.score, f"ci{style.level}_style_control": list(style.interval)}
        found.append(scores)
    return found
