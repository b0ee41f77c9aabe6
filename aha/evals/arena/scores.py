"""All that is said of battles, under the names that programs read: of published files and of fresh judgments alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aha.evals.arena.battles import BASELINES, Battle, Version
from aha.evals.arena.ratings import Rating, ratings
from aha.evals.arena.style import Heartbeat, StyleScore, controlled_ratings
from aha.evals.arena.writing import Style


def scores_of(
    battles: Sequence[Battle],
    version: Version,
    styles: Mapping[tuple[str, str], Style] | None = None,
    baseline: str | None = None,
    heartbeat: Heartbeat = lambda done, of: None,
) -> list[dict[str, Any]]:
    """One a model, the best first; then the baseline's own, 50 by definition, where there are several models or it is judged itself. Per
    cent. With `styles` of all answers, the score with the style taken out stands beside."""
    base, even = baseline or BASELINES[version], (50.0, 50.0)
    contests = [battle for battle in battles if battle.model != base]
    style_scores = controlled_ratings(contests, styles, version, base, heartbeat=heartbeat) if styles and contests else []
    by_model = {score.model: score for score in style_scores}
    rows = [_row(rating, version, by_model.get(rating.model)) for rating in ratings(contests)]
    if len(rows) != 1 or len(contests) < len(battles):
        base_rating = Rating(base, 50.0, even, even, even, len(battles) - len(contests))
        rows.append(_row(base_rating, version, StyleScore(base, 50.0, even, 95 if version == "v0.1" else 90) if styles else None))
    return rows


def _row(rating: Rating, version: Version, style: StyleScore | None) -> dict[str, Any]:
    row: dict[str, Any] = {"model": rating.model, "score": rating.score, "ci95": list(rating.ci95), "n": rating.n}
    row |= {"ci95_questions": list(rating.ci95_questions)}
    row |= {"ci90": list(rating.ci90)} if version == "v2.0" else {}
    row |= {"score_style_control": style.score, f"ci{style.level}_style_control": list(style.interval)} if style else {}
    return row
