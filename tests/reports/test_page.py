from __future__ import annotations

import html.parser
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.reports import write_report
from tests.reports.conftest import group
from tests.runs import draw_no_charts

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Reads a page, refusing tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words += data


def page_of(root: Path) -> tuple[str, Page]:
    text = write_report(root).read_text()
    page = Page(text)
    assert page.open == []
    return text, page


@pytest.fixture(scope="module")
def finished(finished_run):
    return page_of(finished_run)


def test_the_page_is_whole_and_needs_no_network(finished):
    text, page = finished
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text)
    assert not {tag for tag, _ in page.seen} & {"script", "link", "img", "iframe", "object"}


def test_base_and_zero_stand_in_the_headline(finished, finished_run):
    _, page = finished
    result = json.loads((finished_run / "result.json").read_text())
    for who in ("base", "zero"):
        assert f"{100 * result[who]['pass@1']:.0f} %" in page.words
    assert f"pass@1 changed by +{100 * result['gain']['value']:.0f} points" in page.words
    assert "60 held-out problems, 2 samples of each" in page.words


def test_the_interval_of_the_headline_is_drawn_where_it_lies(finished, finished_run):
    text, _ = finished
    low, high = json.loads((finished_run / "result.json").read_text())["zero"]["ci95"]
    assert f"left: {100 * low:.2f}%; width: {100 * (high - low):.2f}%" in text


@pytest.mark.parametrize(
    "title",
    [
        *("Accuracy", "Length of the replies", "Reflection and mixed languages", "Format", "Reward by part", "Groups that teach nothing"),
        *("Entropy", "Distance from the reference", "Cut at the length limit", "Speed"),
    ],
)
def test_every_plot_is_there_and_says_what_to_look_for(finished, title):
    _, page = finished
    drawn = [attributes for tag, attributes in page.seen if tag == "svg"]
    assert title in page.words
    assert title in {attributes["aria-label"] for attributes in drawn}
    assert page.words.count("Look for:") == len(drawn)


def test_no_id_stands_twice(finished):
    _, page = finished
    ids = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0


def test_every_reference_inside_a_drawing_finds_its_target(finished):
    text, page = finished
    ids = {attributes["id"] for _, attributes in page.seen if "id" in attributes}
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= ids


def test_drawings_take_the_colours_of_the_page(finished):
    text, _ = finished
    assert "var(--c1)" in text
    assert "#0103" not in text
    assert "#0102" not in text
    assert "prefers-color-scheme: dark" in text


def test_settings_stand_with_their_sources(finished):
    _, page = finished
    assert "zero.loss.clip_low" in page.words
    assert "paper §2.2.1, Eq. 1" in page.words


def test_chinese_is_chinese(finished):
    text, page = finished
    assert "得到" in page.words
    assert {attributes.get("lang") for _, attributes in page.seen} >= {"en", "zh"}
    assert "�" not in text


def test_the_picture_for_a_readme_is_written(finished, finished_run):
    assert (finished_run / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_run_gives_the_same_page(finished, finished_run):
    assert write_report(finished_run).read_text() == finished[0]


def test_an_unfinished_run_has_plots_and_says_that_there_is_no_result_yet(run_of):
    _, page = page_of(run_of(rollouts=4, evaluated=False))
    assert "not finished" in page.words
    assert "No result yet" in page.words
    assert "Accuracy" in page.words
    assert "The same problem, before and after" not in page.words


def test_a_run_that_has_only_begun_has_a_page(run_of):
    root = run_of(rollouts=0, evaluated=False)
    _, page = page_of(root)
    assert "No rollout has been recorded yet" in page.words
    assert not (root / "curve.png").exists()


def test_one_rollout_is_enough_for_a_page(run_of):
    _, page = page_of(run_of(rollouts=1, evaluated=False))
    assert "1 rollout\n" in page.words


def test_what_a_model_said_is_text_and_never_markup(run_of, monkeypatch):
    draw_no_charts(lambda module, name, value: monkeypatch.setattr(f"{module}.{name}", value))
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)> wait \u202e\ud800 "

    def hostile(problem, skill, version, draw):
        made = group(replace(problem, question=f"</p><script>alert(3)</script> {problem.question}"), skill, version, draw)
        return replace(made, replies=tuple(replace(reply, text=evil + reply.text) for reply in made.replies))

    text, page = page_of(run_of(rollouts=2, evaluated=False, groups=hostile))
    assert "script" not in {tag for tag, _ in page.seen}
    assert "img" not in {tag for tag, _ in page.seen}
    assert "<script>alert(1)</script>" in page.words
    assert "&lt;script&gt;alert(3)" in text


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no manifest\.json"):
        write_report(tmp_path)


def test_importing_the_reports_loads_neither_torch_nor_matplotlib():
    code = "import sys, aha.reports; print([name for name in ('torch', 'matplotlib', 'jinja2') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
