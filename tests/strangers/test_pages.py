"""Every page, with hostile names and texts in every field, in a real browser: nothing executes, and no name becomes an element."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import aha.reports
from aha.reports import write_report
from aha.reports.charts import Chart, Series
from aha.reports.compare import compare_html, compare_markdown
from aha.reports.drawing import svg
from aha.reports.graph import AnswerCell, ClaimRow, MeasuredValue, Model, QuestionRow, StageCard, Whole, graph_html
from aha.reports.paper_tables import CurvePoint, ResultFile, Run, read_run
from aha.reports.paper_tables import ResultValue as ScoreValue
from aha.reports.review import write_review
from aha.reports.scaling_page import FORCED_ANSWER, cut_example, scaling_html
from aha.rundir import Frame, Manifest, RunDir, Setting
from aha.tasks.examples import write_example
from aha.types import Conversation, Example, Message
from tests.runs import group

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
RUN = "document.title='c4nary'"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f'"><x-c4nary><img src=x onerror={RUN!r}>',
    f"'-->]]></style></title></textarea><svg onload={RUN!r}><x-c4nary>",
    "\\1\\g<0>$x^{2}$\\frac{1}{0} {{7*7}}{% raw %}\x00\x1b]0;c4nary\x07\u202e\ud800",
)
EVIL = " ".join(PAYLOADS)
ELEMENTS = ("<x-c4nary", "<script>document", "<img", "<svg onload")  # what a name may not become
MANIFEST = Manifest(EVIL, {EVIL: Setting(EVIL, EVIL)}, {EVIL: 1}, {EVIL: EVIL}, EVIL, (EVIL,), EVIL, frame=Frame({"a": EVIL}))


def a_run(folder: Path) -> Path:
    run = RunDir.open(folder, MANIFEST)
    problem = replace(group(0).problem, id=EVIL, question=EVIL, domain=EVIL)
    for rollout in range(2):
        metrics = {
            "step": rollout + 1.0,
            "accuracy": 0.5,
            "reward": 1.0,
            f"reward/{EVIL}": 1.0 + rollout,
            f"weight/{EVIL}": 1.0,
            EVIL: 1e308,
        }
        run.commit(rollout, metrics, {"seconds": 1.0}, [replace(group(rollout), problem=problem)])
    funnel = {"domains": {EVIL: {"prompts": 1.0}}, "dropped": {EVIL: {EVIL: 1.0}}}
    run.finish({"finished": True, "rows": 1, "funnel": funnel, EVIL: EVIL})
    run.close()
    return write_report(folder)


def a_review(folder: Path) -> Path:
    (folder / "rows").mkdir(parents=True)
    text = EVIL.replace("\x00", "").replace("\ud800", "")  # rows with either are refused
    asked = Conversation((Message("user", text), Message("assistant", text, text)))
    (folder / "rows/00000.jsonl").write_bytes(f"{write_example(Example(text, text, 'en', asked))}\n".encode("utf-8", "backslashreplace"))
    return write_review(folder)[0]


def a_graph(page: Path) -> Path:
    metrics = tuple({"rollout": float(n), "step": n + 1.0, EVIL: float(n), "loss": 1.0} for n in range(3))
    stage = StageCard(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, "x/", "y", (EVIL,), metrics, ((1.0, EVIL),), (EVIL,))
    shown = QuestionRow(EVIL, EVIL, EVIL, (AnswerCell(EVIL, EVIL, 1, 1.0, True, False),))
    claim = ClaimRow(EVIL, EVIL, EVIL, 0.1, 0.0, 0.2, True)
    models = tuple(
        Model(f"{EVIL}{n}", {EVIL: MeasuredValue(0.5), "reasoning": MeasuredValue(0.5), "instruction": MeasuredValue(0.5)})
        for n in range(2)
    )
    whole = Whole(EVIL, EVIL, {EVIL: EVIL}, (stage,), (EVIL, "reasoning"), models, (shown,), (claim,), (EVIL,))
    page.write_bytes(graph_html(whole).encode("utf-8", "backslashreplace"))
    return page


def a_comparison(page: Path) -> Path:
    """A result that a stranger wrote, beside a run with a curve of checkpoints."""
    results = [
        {"benchmark": EVIL, "name": EVIL, "pass@1": 0.5, EVIL: EVIL},
        {"benchmark": "aime24", "name": EVIL, "pass@1": 0.5, "k": EVIL},
    ]
    file = page.with_suffix(".json")
    file.write_text(json.dumps(results))
    run = read_run(f"{EVIL.replace('=', '')}={file}")
    points = tuple(CurvePoint(place, ScoreValue(50.0, 40.0, 60.0)) for place in range(3))
    trained = Run(EVIL, (ResultFile(EVIL, EVIL, {"pass@1": 1e308, "protocol": "unverified"}),), points)
    return wrote(page, compare_html([run, trained]))


def a_scaling(page: Path) -> Path:
    ways = (EVIL, "pass@n", "cons@n", FORCED_ANSWER)
    points = [
        {"n": n, "budget": n, "times": n, "accuracy": 0.5, "ci95": [0.0, 1.0], "tokens": 9.0, "tokens_per_solved": 18.0} for n in (1, 2)
    ]
    curves = [{"name": name, "points": points} for name in ways]
    level = {"level": EVIL, "problems": 1, "pass@1": 0.5, "tokens": 1.0, "tokens_right": 1.0, "tokens_per_solved": 1.0, "curves": curves}
    numbers = {"k": 2, "samples": curves, "budget": curves, "longer": curves[0], "levels": [level]}
    return wrote(
        page, scaling_html(numbers, EVIL, {EVIL: EVIL}, cut_example(EVIL, EVIL, [(EVIL, True, 1, f"<think>{EVIL}</think>{EVIL}")]))
    )


def wrote(page: Path, text: str) -> Path:
    page.write_bytes(text.encode("utf-8", "backslashreplace"))
    return page


def a_page_that_runs(page: Path) -> Path:
    """What the checks have to see: a name that no page of ours would let through."""
    return wrote(page, f"<html><head><title>still</title></head><body>{EVIL}</body></html>")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pages")
    drawn = [a_graph(folder / "graph.html"), a_comparison(folder / "compare.html"), a_scaling(folder / "scale.html")]
    return [a_run(folder / "run"), a_review(folder / "rows-run"), *drawn]


def test_every_template_of_a_page_is_among_them() -> None:
    """`a_run` fills page and funnel, the others one each: a new template wants a page here."""
    templates = {path.name.partition(".")[0] for path in Path(aha.reports.__file__).parent.glob("*.jinja")}
    assert templates == {"page", "funnel", "review", "graph", "compare", "scaling"}


def test_no_name_becomes_an_element_of_a_page(pages: list[Path]) -> None:
    for page in pages:
        text = page.read_text(encoding="utf-8").lower()
        assert "c4nary" in text
        assert not any(element in text for element in ELEMENTS), page
        assert "content-security-policy" in text


def test_a_drawing_holds_names_as_text() -> None:
    drawn = svg(
        Chart("k", EVIL, "number", "", "", (Series(EVIL, (0.0, 1.0), (0.0, 1e308)),), marks=((0.5, EVIL),), ticks=(EVIL, EVIL)), 5, 3
    )
    assert "<script" not in drawn and "<x-c4nary" not in drawn and "<svg onload" not in drawn and "\x1b" not in drawn


def test_a_name_in_markdown_makes_no_element_no_link_and_no_cell(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    name = f"{EVIL} [x](javascript:y) | `z`\n\n# title"
    file.write_text(json.dumps([{"benchmark": name, "name": name, "pass@1": 0.5}, {"benchmark": "aime24", "name": name, "pass@1": 0.5}]))
    text = compare_markdown([read_run(f"mine={file}")])
    assert not re.search(r"(?<!\\)<|(?<!\\)\[x|(?<!\\)`|^# title|[\x00-\x09\x1b]", text, re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def dom_of(page: Path, folder: Path) -> str:
    """A page as the browser has it after it has been opened, in lower case."""
    profile = f"--user-data-dir={tempfile.mkdtemp(dir=folder)}"
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", profile, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    dom = done.stdout.lower()
    assert "</html>" in dom, done.stderr[-500:]
    return dom


def executed(dom: str) -> bool:
    return "<title>c4nary" in dom or "<x-c4nary" in dom


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_nothing_executes_in_a_browser(pages: list[Path], tmp_path: Path) -> None:
    """Each page alone, and a page that does run, so that the check is known to see it."""
    with ThreadPoolExecutor(3) as browsers:
        *doms, of_a_page_that_runs = browsers.map(lambda page: dom_of(page, tmp_path), [*pages, a_page_that_runs(tmp_path / "runs.html")])
    assert [page for page, dom in zip(pages, doms, strict=True) if executed(dom)] == []
    assert executed(of_a_page_that_runs)


def test_the_check_of_texts_sees_a_name_that_became_an_element(tmp_path: Path) -> None:
    text = a_page_that_runs(tmp_path / "runs.html").read_text(encoding="utf-8").lower()
    assert all(element in text for element in ELEMENTS)
