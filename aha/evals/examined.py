"""From what was said to what it is worth: each generation graded, all of them scored. Kept as lines of JSON that `aha score` reads too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aha.evals.attempts import Attempt, Sheet, Tried
from aha.evals.exams.exam import Exam, Item, Judged
from aha.evals.refusals import refuses
from aha.evals.scored import Scored, score
from aha.evals.scores import mean_interval
from aha.types import Abstained, Count, Finished, Right, Wrong

LOWER = (  # better when low
    *("truncated", "unparsed", "refused", "abstained", "mean_tokens"),
    *("incorrect", "not_attempted", "unjudged", "lc_standard_error"),
)


@dataclass(frozen=True)
class Generation:
    """One sample of an item: the visible text, and the thinking that was cut off before it."""

    item: str
    sample: Count
    text: str
    thought: str | None
    tokens: Count
    finished: Finished


@dataclass(frozen=True)
class Graded:
    """One generation, judged. `reason`: why it is wrong or could not be judged."""

    item: str
    sample: Count
    right: bool
    vote: str | None
    reason: str
    refused: bool
    abstained: bool
    truncated: bool
    tokens: Count
    options: Count
    category: str
    measures: dict[str, float]
    about: dict[str, Any]


def grade_one(exam: Exam, item: Item, said: Generation) -> Graded:
    """What was cut at the limit is wrong, whatever stands in it, unless the benchmark grades it as it stands; a thought that never ended is
    always wrong. A refusal is not right."""
    cut = said.finished == "length"
    if (cut and not exam.grades_cut) or not said.text.strip():
        why = "cut at the limit of tokens" if cut else "the thinking never ended" if said.thought else "an empty reply"
        judged = Judged(Wrong(why), None, {} if exam.headline == "pass@1" else exam.judge(item, "").measures)
    else:
        judged = exam.judge(item, said.text)
    grade = judged.grade
    right = isinstance(grade, Right)
    return Graded(
        item=item.id,
        sample=said.sample,
        right=right,
        vote=judged.vote,
        reason="" if isinstance(grade, Right) else grade.reason[:200],
        refused=not right and not cut and refuses(said.text),
        abstained=isinstance(grade, Abstained),
        truncated=cut,
        tokens=said.tokens,
        options=item.options,
        category=item.category,
        measures=judged.measures,
        about=item.about,
    )


def line_of(graded: Graded) -> dict[str, Any]:
    """As a line of a file, under the names that `aha score` knows."""
    return {
        "problem_id": graded.item,
        "sample": graded.sample,
        "right": graded.right,
        "vote": graded.vote,
        "reason": graded.reason,
        "refused": graded.refused,
        "abstained": graded.abstained,
        "finished": "length" if graded.truncated else "stop",
        "tokens": graded.tokens,
        "options": [chr(ord("A") + place) for place in range(graded.options)] or None,
        "category": graded.category,
        "measures": graded.measures,
    } | ({"about": graded.about} if graded.about else {})


def sheet_of(graded: Sequence[Graded]) -> Sheet:
    """The samples by problem, in their order."""
    by_item: dict[str, list[Graded]] = {}
    for each in graded:
        by_item.setdefault(each.item, []).append(each)
    tried = (
        Tried(name, tuple(_attempt(each) for each in sorted(found, key=lambda one: one.sample)), found[0].options or None)
        for name, found in by_item.items()
    )
    return Sheet(tuple(tried), answers=True, rewards=False, texts=True, ends=True)


def _attempt(graded: Graded) -> Attempt:
    return Attempt(
        right=graded.right,
        answer=graded.vote,
        truncated=graded.truncated,
        refused=graded.refused,
        abstained=graded.abstained,
        tokens=graded.tokens,
    )


def result_of(exam: Exam, graded: Sequence[Graded], seed: int = 0) -> dict[str, Any]:
    """All that is said of a benchmark: the headline first, each score with its interval, the rates beside it, the categories."""
    scored = score(sheet_of(graded), seed)
    measures = _measures(graded)
    values = _scores(scored) | measures
    result: dict[str, Any] = {"benchmark": exam.name, "headline": exam.headline}
    unjudged = scored.shares.get("abstained", 0.0) == 1.0
    result["value"] = None if unjudged else values.get(exam.headline)
    result["truncated"] = scored.shares["truncated"]
    result |= {"problems": scored.problems, "samples": scored.samples, "k": scored.k}
    if not unjudged:
        result |= values | {"ci95": [scored.pass_at_1.low, scored.pass_at_1.high]}
        if exam.headline in measures:
            result["headline_ci95"] = _interval(graded, exam.headline, seed)
    result |= scored.shares | {"mean_tokens": sum(each.tokens for each in graded) / len(graded)}
    result |= {"sample_se": scored.sample_se, "problem_se": scored.problem_se, "recommended_k": scored.recommended_k}
    if (categories := _categories(graded)) and not unjudged:
        result["categories"] = categories
    return result


def _scores(scored: Scored) -> dict[str, float]:
    """Each score at k = 1, the powers of two and the largest k."""
    shown = sorted({1 << power for power in range(scored.k.bit_length()) if 1 << power <= scored.k} | {scored.k})
    return {f"{curve.name}@{k}": curve.values[k - 1] for curve in scored.curves for k in shown}


def _measures(graded: Sequence[Graded]) -> dict[str, float]:
    """Means of the benchmark's own measures; one that counts instructions is over instructions. A sample without one has 0."""
    names = list(dict.fromkeys(name for each in graded for name in each.measures))
    weights = [each.measures.get("instructions", 1.0) for each in graded]
    found = {}
    for name in names:
        weighted = name.startswith("instruction_")
        total = sum(weights) if weighted else len(graded)
        values = (each.measures.get(name, 0.0) * (weight if weighted else 1) for each, weight in zip(graded, weights, strict=True))
        found[name] = sum(values) / total
    found.pop("instructions", None)
    return found


def _interval(graded: Sequence[Graded], name: str, seed: int) -> list[float]:
    """Of the mean of a measure, over problems."""
    by_item: dict[str, list[float]] = {}
    for each in graded:
        by_item.setdefault(each.item, []).append(each.measures.get(name, 0.0))
    found = mean_interval(list(by_item.values()), seed)
    return [found.low, found.high]


def _categories(graded: Sequence[Graded]) -> dict[str, float]:
    """pass@1 by category, where there are several."""
    found: dict[str, list[bool]] = {}
    for each in graded:
        found.setdefault(each.category, []).append(each.right)
    return {name: sum(rights) / len(rights) for name, rights in sorted(found.items())} if len(found) > 1 else {}


# --- the form of lm-evaluation-harness ----------------------------------------------------------------------------------


def lm_eval(results: Sequence[Mapping[str, Any]], model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`results`, `configs`, `n-shot`, `n-samples` and `config` as that project writes them."""
    return {
        "results": {str(each["benchmark"]): {"alias": each["benchmark"], **dict(_metrics(each))} for each in results},
        "group_subtasks": {str(each["benchmark"]): [] for each in results},
        "configs": {
            str(each["benchmark"]): {
                "task": each["benchmark"],
                "output_type": "generate_until",
                "repeats": each["k"],
                "num_fewshot": 0,
                "generation_kwargs": {**settings, "do_sample": settings.get("temperature", 0) != 0},
            }
            for each in results
        },
        "versions": {str(each["benchmark"]): 1 for each in results},
        "n-shot": {str(each["benchmark"]): 0 for each in results},
        "higher_is_better": {str(each["benchmark"]): {name: name not in LOWER for name in _scores_in(each)} for each in results},
        "n-samples": {str(each["benchmark"]): {"original": each["problems"], "effective": each["problems"]} for each in results},
        "config": {"model": "aha", "model_args": model, "gen_kwargs": dict(settings)},
        "model_name": model,
    }


def _scores_in(result: Mapping[str, Any]) -> list[str]:
    return [name for name, value in result.items() if isinstance(value, float) and name not in ("value", "sample_se", "problem_se")]


def _metrics(result: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name in _scores_in(result):
        yield f"{name},none", result[name]
        if name == "pass@1":
            yield f"{name}_stderr,none", float(result["problem_se"])
            yield from zip((f"{name}_ci95_low,none", f"{name}_ci95_high,none"), result["ci95"], strict=True)
