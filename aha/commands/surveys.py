"""What `aha bench-reward` tells of a survey: for a program, and for a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aha.rewards.bench import RuleCount, Survey
    from aha.specimens import Side, Specimen
    from aha.types import Grade, Reference

MOST_ROWS = 20
LONGEST = 110
SIDES: tuple[Side, ...] = ("wrong", "right")


def summary(survey: Survey, seed: int) -> dict[str, object]:
    """All counts, by kind of gold and by rule."""
    return {
        "seed": seed,
        "right": survey.total("right"),
        "wrong": survey.total("wrong"),
        "false_positives": survey.paid_wrongly(),
        "false_negatives": survey.misses() - survey.abstentions("right"),
        "abstained": survey.abstentions("right") + survey.abstentions("wrong"),
        "missed": survey.misses(),
        "seconds": round(survey.wall_s, 3),
        "kinds": {family: _of_family(survey, family) for family in survey.families},
        "abstentions": dict(sorted(survey.reasons.items(), key=lambda item: -item[1])),
        "settings": [
            {"setting": setting, "expected": side, "failures": failures, "claims": claims}
            for side in SIDES
            for setting, failures, claims in survey.failing_settings(side)
        ],
        "rules": [_of_rule(count) for side in SIDES for count in survey.failures(side)],
    }


def page(survey: Survey, seed: int, name: str, most: float) -> list[str]:
    """The totals, a line for each kind of gold, and the rules that fail."""
    kinds = survey.families
    right, wrong = survey.total("right"), survey.total("wrong")
    share = f"{100 * survey.miss_rate:.2f} %, at most {100 * most:g} % are let pass"
    lines = [
        f"made by rules (seed {seed}): {name} over {right + wrong:,} claims about golds of {len(kinds)} kinds, in {survey.wall_s:.1f} s",
        f"right claims {right:,}: missed {survey.misses():,} ({share}), of which abstained {survey.abstentions('right'):,}",
        f"wrong claims {wrong:,}: paid {survey.paid_wrongly():,}, abstained {survey.abstentions('wrong'):,}",
        f"  {'kind of gold':<30} {'right':>8} {'missed':>8} {'wrong':>8} {'paid':>8} {'abstained':>9}",
    ]
    lines += [_row(survey, family) for family in kinds]
    for reason, count in sorted(survey.reasons.items(), key=lambda item: -item[1])[:5]:
        lines.append(f"abstained {count:,} times: {reason[:LONGEST]}")
    for side, title in zip(SIDES, ("PAID WRONGLY", "missed"), strict=True):
        for setting, failures, claims in survey.failing_settings(side)[:MOST_ROWS]:
            lines.append(f"{title} in the setting {setting!r}: {failures:,} of {claims:,}")
    lines += _failures("PAID WRONGLY", survey.failures("wrong")) + _failures("missed", survey.failures("right"))
    return lines


def _of_family(survey: Survey, family: str) -> dict[str, int]:
    return {
        "right": survey.total("right", family),
        "missed": survey.misses(family),
        "wrong": survey.total("wrong", family),
        "paid": survey.paid_wrongly(family),
        "abstained": survey.abstentions("right", family) + survey.abstentions("wrong", family),
    }


def _of_rule(count: RuleCount) -> dict[str, object]:
    return {
        "kind": count.family,
        "rule": count.rule,
        "expected": count.side,
        "failures": count.failures,
        "claims": count.total,
        "examples": [_example(specimen, grade) for specimen, grade in count.examples],
    }


def _example(specimen: Specimen, grade: Grade) -> dict[str, object]:
    return {
        "gold": gold(specimen.reference),
        "reply": specimen.reply if len(specimen.reply) <= 1000 else f"{specimen.reply[:500]} ... {specimen.reply[-500:]}",
        "grade": type(grade).__name__.lower(),
        "reason": getattr(grade, "reason", ""),
    }


def _row(survey: Survey, family: str) -> str:
    numbers = _of_family(survey, family)
    columns = [f"{numbers[name]:>8,}" for name in ("right", "missed", "wrong", "paid")]
    return f"  {family:<30} {' '.join(columns)} {numbers['abstained']:>9,}"


def _failures(title: str, rules: list[RuleCount]) -> list[str]:
    lines = []
    for count in rules[:MOST_ROWS]:
        specimen, grade = count.examples[0]
        reason = getattr(grade, "reason", "")
        tail = f" ({reason[:LONGEST]})" if reason else ""
        lines.append(
            f"{title}: {count.family}, {count.rule!r}: {count.failures:,} of {count.total:,}; "
            f"gold {gold(specimen.reference)[:LONGEST]}: {_short(specimen.reply)}{tail}"
        )
    return lines + [f"... and {len(rules) - MOST_ROWS} more rules"] * (len(rules) > MOST_ROWS)


def _short(reply: str) -> str:
    text = json.dumps(reply, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:30]} ... {text[-(LONGEST - 30) :]}"


def gold(reference: Reference) -> str:
    """What the reference asks for, on one line."""
    fields = {name: value for name, value in vars(reference).items() if value not in ((), "", False, None)}
    return str(next(iter(fields.values()))) if len(fields) == 1 else str(fields)
