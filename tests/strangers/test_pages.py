"""Every page, with hostile names and texts in every field, in a real browser: nothing executes, and no name becomes an element."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from aha.reports import write_report
from aha.reports.charts import Chart, Series
from aha.reports.drawing import svg
from aha.reports.graph import Answer, Asked, Claimed, Model, Stage, Value, Whole, graph_html
from aha.reports.review import write_review
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
    stage = Stage(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, "x/", "y", (EVIL,), metrics, ((1.0, EVIL),), (EVIL,))
    shown = Asked(EVIL, EVIL, EVIL, (Answer(EVIL, EVIL, 1, 1.0, True, False),))
    claim = Claimed(EVIL, EVIL, EVIL, 0.1, 0.0, 0.2, True)
    models = tuple(Model(f"{EVIL}{n}", {EVIL: Value(0.5), "reasoning": Value(0.5), "instruction": Value(0.5)}) for n in range(2))
    whole = Whole(EVIL, EVIL, {EVIL: EVIL}, (stage,), (EVIL, "reasoning"), models, (shown,), (claim,), (EVIL,))
    page.write_bytes(graph_html(whole).encode("utf-8", "backslashreplace"))
    return page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pages")
    return [a_run(folder / "run"), a_review(folder / "rows-run"), a_graph(folder / "graph.html")]


def test_no_name_becomes_an_element_of_a_page(pages: list[Path]) -> None:
    for page in pages:
        text = page.read_text(encoding="utf-8").lower()
        assert "c4nary" in text
        assert not any(each in text for each in ("<x-c4nary", "<script>document", "<img", "<svg onload", "onerror='d")), page
        assert "content-security-policy" in text


def test_a_drawing_holds_names_as_text() -> None:
    drawn = svg(
        Chart("k", EVIL, "number", "", "", (Series(EVIL, (0.0, 1.0), (0.0, 1e308)),), marks=((0.5, EVIL),), ticks=(EVIL, EVIL)), 5, 3
    )
    assert "<script" not in drawn and "<x-c4nary" not in drawn and "<svg onload" not in drawn and "\x1b" not in drawn


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_nothing_executes_in_a_browser(pages: list[Path], tmp_path: Path) -> None:
    frames = "".join(f'<iframe src="{page.as_uri()}"></iframe>' for page in pages)
    (tmp_path / "all.html").write_text(f"<title>still</title>{frames}")
    for page in (*pages, tmp_path / "all.html"):
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", profile, "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        dom = done.stdout.lower()
        assert "</html>" in dom, done.stderr[-500:]
        assert "<title>c4nary" not in dom and "<x-c4nary" not in dom, page
