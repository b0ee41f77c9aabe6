"""The report page: it gathers the data, draws the charts, and fills the template.

It shows the first "aha", and the same problem answered by base, middle and last checkpoint.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aha.codec import check_fields
from aha.durable import Disk, naming_file, read_document, replace_file
from aha.errors import BadInput
from aha.grading import Graders
from aha.lazy import lazy_pattern
from aha.reports.charts import Chart, Unit, charts, format_value
from aha.reports.drawing import picture, svg
from aha.rundir import Record
from aha.rundir.record import evaluation_names, question_lines, sample_lines
from aha.text import reflection_count, reflections
from aha.types import Group, Language, Reply, Right

Kind = Literal["plain", "aha", "tag"]
PLAN = {"predicted": dict[str, Any], "peak": int}
MOST_NAMES = 1_000  # the most names of metrics; a run has some dozens
PLAN_OF_A_STAGE = {"unit": str, "seconds": float | None, "parts": dict[str, int], "peak": int}
_TAG = lazy_pattern(r"</?(?:think|answer)>|<\|[\w-]+\|>")


@dataclass(frozen=True)
class SampleRow:
    """One reply in pieces: plain text, reflection words, tags."""

    speaker: str
    question: str
    language: Language
    pieces: tuple[tuple[Kind, str], ...]
    tokens: int
    verdict: Literal["right", "wrong", "broke template"]


@dataclass(frozen=True)
class SampleComparison:
    """One held-out problem and each checkpoint's reply to it, in the order of training."""

    question: str
    language: Language
    why: str
    replies: tuple[SampleRow, ...]


def pieces(text: str) -> tuple[tuple[Kind, str], ...]:
    """Cut a text at reflection words and tags; joined, the pieces are the text again."""
    marks: list[tuple[int, int, Kind]] = [(start, end, "aha") for start, end in reflections(text)]
    marks += [(*match.span(), "tag") for match in _TAG.finditer(text)]
    parts: list[tuple[Kind, str]] = []
    at = 0
    for start, end, kind in sorted(marks):
        parts += [("plain", text[at:start]), (kind, text[start:end])]
        at = end
    return tuple((kind, piece) for kind, piece in [*parts, ("plain", text[at:])] if piece)


# --- from the rollouts ------------------------------------------------------------------------------------------------


def first_aha(record: Record, rollouts: Sequence[int], graders: Graders) -> SampleRow | None:
    """Return the first right reply of the run with a reflection word: rollout by rollout, group by group, sample by sample."""
    for rollout in rollouts:
        for sample in _ahas(record, rollout, graders):
            return sample
    return None


def last_aha(record: Record, rollouts: Sequence[int], graders: Graders) -> SampleRow | None:
    """Return the right reply of the last rollout with the most reflection words; of several, the shortest."""
    samples = list(_ahas(record, rollouts[-1], graders)) if rollouts else []
    return min(samples, key=lambda sample: (-sum(kind == "aha" for kind, _ in sample.pieces), sample.tokens), default=None)


def _ahas(record: Record, rollout: int, graders: Graders) -> Iterator[SampleRow]:
    if record.groups_bytes(rollout) is None:
        return
    for group in record.read_groups(rollout):
        for reply in group.replies:
            if reflection_count(reply.text) and _is_right(group, reply, graders):
                yield _sample_row(f"rollout {rollout}", group, reply)


def _is_right(group: Group, reply: Reply, graders: Graders) -> bool:
    """Return True if the grader, not a reward, finds the reply right: a reward may be gamed."""
    return isinstance(graders.grade(group.problem.reference, reply.answer), Right)


def _sample_row(speaker: str, group: Group, reply: Reply) -> SampleRow:
    return SampleRow(speaker, group.problem.question, group.problem.language, pieces(reply.text), reply.tokens, "right")


# --- from the evaluations ---------------------------------------------------------------------------------------------


def comparisons(evals: Path) -> list[SampleComparison]:
    """Return an English and a Chinese problem that the base got wrong and the last checkpoint right, and one that it still gets wrong."""
    stages = _stages(evals)
    if len(stages) < 2:
        return []
    first_samples = [{line["problem"]: line for line in sample_lines(path) if line["sample"] == 0} for _, path in stages]
    questions = question_lines(stages[0][1])
    common = [problem for problem in first_samples[0] if all(problem in samples for samples in first_samples)]
    first, last = first_samples[0], first_samples[-1]
    gains = [p for p in common if not _right(first[p]) and _right(last[p])]
    still = [p for p in common if not _right(last[p])]
    kinds = [(f"learned ({name})", [p for p in gains if questions[p]["language"] == language]) for language, name in LANGUAGES.items()]
    chosen = [(why, min(names, key=lambda p: _rank(first[p], last[p]))) for why, names in [*kinds, ("still wrong", still)] if names]
    return [
        _comparison(
            why, questions[problem], [(speaker, samples[problem]) for (speaker, _), samples in zip(stages, first_samples, strict=True)]
        )
        for why, problem in chosen
    ]


LANGUAGES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
TELLING_TOKENS = 120  # long enough to watch it think, short enough to read


def _right(sample: dict[str, Any]) -> bool:
    return bool(sample["grade"] == 1.0)


def _measure(sample: dict[str, Any], name: str) -> bool:
    return bool(sample["measures"].get(name))


def _rank(first: dict[str, Any], last: dict[str, Any]) -> tuple[bool, bool, bool, int, str]:
    """Return a sort key, the most telling first: wrong base by any reading; a last reply in the template, with reflection, of a fit
    length."""
    cut = last["finished"] == "length"
    is_broken = _measure(first, "lenient") or not _measure(last, "format")
    return is_broken, not _measure(last, "reflection"), cut, abs(last["tokens"] - TELLING_TOKENS), last["problem"]


def _stages(evals: Path) -> list[tuple[str, Path]]:
    """Return base, the middle checkpoint and the last, as far as they were measured."""
    names = evaluation_names(evals)
    if "base" not in names:
        return []
    between, last = [name for name in names if name.isdecimal()], [name for name in names if name.endswith("-zero")][-1:]
    middle = between[len(between) // 2 :][:1]
    stages = [("base", evals / "base"), *((f"after rollout {int(name)}", evals / name) for name in middle)]
    return [*stages, *((f"last, after rollout {int(name.partition('-')[0])}", evals / name) for name in last)]


def _comparison(why: str, question: dict[str, Any], samples: Sequence[tuple[str, dict[str, Any]]]) -> SampleComparison:
    text, language = question["prompt"], question["language"]
    return SampleComparison(text, language, why, tuple(_answer_row(speaker, text, language, sample) for speaker, sample in samples))


def _answer_row(speaker: str, question: str, language: Language, sample: dict[str, Any]) -> SampleRow:
    verdict: Literal["wrong", "broke template"] = "wrong" if _measure(sample, "format") else "broke template"
    return SampleRow(speaker, question, language, pieces(sample["text"]), sample["tokens"], "right" if _right(sample) else verdict)


TEMPLATE = "page.html.jinja"
PICTURES = ("accuracy", "length")
STORY = ("imitation", "accuracy", "length", "voice", "format", "reward", "probe")
WIDE, NARROW = (11, 3.6), (5.4, 2.7)


@dataclass(frozen=True)
class PageRow:
    """A line of the headline table; `low` and `high` in per cent of the bar, if the value has an interval."""

    name: str
    means: str
    base: str
    zero: str
    change: str
    bars: tuple[tuple[float, float, float], ...] = ()


HEADLINE: tuple[tuple[str, str, Unit, str], ...] = (
    ("pass@1", "pass@1", "share", "right replies, mean over held-out problems; the bar is the 95 % interval"),
    ("cons@k", "cons@k", "share", "right by a majority vote of the k samples"),
    ("lenient", "lenient", "share", "right by the last expression anywhere, so that format earns nothing"),
    ("pass@1_short", "pass@1 cut short", "share", "right within a few tokens, with no room to think"),
    ("format", "format", "share", "replies that keep the template"),
    ("length", "length", "tokens", "tokens in a reply"),
    ("reflection", "reflection", "share", "replies with a word such as “wait” or 等等"),
    ("mixing", "mixed languages", "share", "replies that think in both languages"),
    ("truncated", "cut", "share", "replies that ran into the length limit"),
)


def write_report(root: Path) -> Path:
    """Write `report.html`, and `curve.png` for a README, into the run directory; the run may be unfinished or still at work."""
    if not (root / "manifest.json").exists():
        raise BadInput(f"{root}: no manifest.json in it, so it is not a run directory; name the folder that `aha run` wrote")
    record = Record(root)
    if (count := len({name for row in record.metrics() for name in row})) > MOST_NAMES:
        raise BadInput(f"{root / 'metrics.jsonl'}: {count:,} metrics of different names; a page shows {MOST_NAMES:,} at most")
    result = record.result if record.finished else None
    chart_list = charts(record.metrics(), record.timings(), result)
    with Graders() as graders:
        page = _page(record, result, chart_list, graders)
    replace_file(Disk(), root / "report.html", page.encode("utf-8", "backslashreplace"))
    if pictures := [chart for chart in chart_list if chart.key in PICTURES]:
        replace_file(Disk(), root / "curve.png", picture(pictures))
    return root / "report.html"


def _page(record: Record, result: Mapping[str, Any] | None, chart_list: list[Chart], graders: Graders) -> str:
    pictures = [(chart, svg(chart, *WIDE if chart.key == "accuracy" else NARROW)) for chart in chart_list]
    metrics = record.metrics()
    rollouts = [int(row["rollout"]) for row in metrics]
    return render(
        TEMPLATE,
        name=record.root.resolve().name,
        manifest=record.manifest(),
        finished=record.finished,
        rollouts=len(metrics),
        steps=int(metrics[-1].get("step", 0)) if metrics else 0,
        duration=_duration(result, record.timings()),
        headline=_headline(result),
        scope=_scope(result),
        funnel=(result or {}).get("funnel"),
        sentence=_sentence(result),
        story=[picture for picture in pictures if picture[0].key in STORY],
        hidden=[picture for picture in pictures if picture[0].key not in STORY],
        first=first_aha(record, rollouts, graders),
        last=last_aha(record, rollouts[1:], graders),
        comparisons=comparisons(record.root / "evals"),
        columns=sorted({key for row in metrics for key in row} - {"rollout"}),
        metrics=metrics,
        plan=_plan(record),
    )


def _plan(record: Record) -> list[tuple[str, str, str]]:
    """Return (name, predicted, actual) of memory and time, as `aha run` wrote them to `plan.json`; empty without that file."""
    path = record.root / "plan.json"
    if not path.is_file():
        return []
    with naming_file(path):
        plan_record = check_fields(read_document(path), PLAN)
        stages = {name: check_fields(stage, PLAN_OF_A_STAGE, PLAN_OF_A_STAGE) for name, stage in plan_record.get("predicted", {}).items()}
    if not stages:
        return []
    durations = [line["seconds"] for line in record.timings() if "seconds" in line]
    rows = []
    for name, stage in stages.items():
        seconds = stage["seconds"]
        if seconds is not None and durations:
            rows.append((f"{name}: a {stage['unit']}", f"{seconds:,.1f} s", f"{sum(durations) / len(durations):,.1f} s"))
        rows += [(f"{name}: {part}", _mib(size), "") for part, size in stage["parts"].items()]
    peak = max(stage["peak"] for stage in stages.values())
    return [("memory at its peak", _mib(peak), _mib(plan_record.get("peak"))), *rows]


def _mib(size: object) -> str:
    return f"{size / (1 << 20):,.0f} MiB" if isinstance(size, int) else ""


def render(template: str, script: str = "", **values: object) -> str:
    """Fill a template of this folder. All values but our drawings are escaped, and the browser is told to run only our own `script`."""
    try:
        import jinja2
        from markupsafe import Markup
    except ModuleNotFoundError as error:
        raise BadInput("the report needs jinja2, which is not installed: pip install 'aha[report]'") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    code = Markup((Path(__file__).parent / script).read_text(encoding="utf-8")) if script else ""  # ours
    return environment.get_template(template).render(**values, script=code, policy=_policy(str(code)))


def _policy(script: str) -> str:
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    runs = f"'sha256-{digest}'" if script else "'none'"
    return f"default-src 'none'; script-src {runs}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _headline(result: Mapping[str, Any] | None) -> list[PageRow]:
    if not result or not {"base", "zero"} <= result.keys():
        return []
    base, zero = result["base"], result["zero"]
    return [_row(key, name, unit, means, base, zero) for key, name, unit, means in HEADLINE if key in base and key in zero]


def _row(key: str, name: str, unit: Unit, means: str, base: Mapping[str, Any], zero: Mapping[str, Any]) -> PageRow:
    bars = (
        tuple((100 * result_["ci95"][0], 100 * result_[key], 100 * result_["ci95"][1]) for result_ in (base, zero))
        if key == "pass@1"
        else ()
    )
    return PageRow(
        name.replace("@k", f"@{zero['k']}"),
        means,
        format_value(base[key], unit),
        format_value(zero[key], unit),
        _change(base[key], zero[key], unit),
        bars,
    )


def _change(base: float, zero: float, unit: Unit) -> str:
    if unit == "tokens":
        return f"× {zero / base:.1f}" if base else ""
    points = 100 * (zero - base)
    return f"{points:+.{0 if abs(points) >= 9.5 else 1}f} points".replace("-", "−") if points else "no change"


def _scope(result: Mapping[str, Any] | None) -> str:
    return f"{result['zero']['problems']:,} held-out problems, {result['zero']['k']} samples of each" if result and "zero" in result else ""


def _sentence(result: Mapping[str, Any] | None) -> str:
    if not result or "gain" not in result:
        return ""
    gain = result["gain"]
    low, value, high = (f"{100 * gain[key]:+.0f}".replace("-", "−") for key in ("low", "value", "high"))
    verdict = "more than chance explains" if gain["low"] > 0 else "which chance alone could explain"
    return f"Over the same problems, pass@1 changed by {value} points (95 % interval {low} to {high}), {verdict}."


def _duration(result: Mapping[str, Any] | None, timings: list[dict[str, float]]) -> str:
    seconds = (result or {}).get("seconds", sum(row.get("seconds", 0.0) for row in timings))
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest_s = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
