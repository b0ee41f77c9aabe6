from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.cli import main
from aha.errors import BadInput
from aha.reports import write_report
from aha.reports.review import take, write_review
from aha.stages.rewriters import Rules
from aha.tasks.examples import read_examples
from aha.types import Countdown
from tests.sample_runs import EASY, Listed, changed, problem, rows, run, tagged

COUNTED = Listed(tuple(problem(f"用 {n} 4 1 得到 {4 * n - 1}。", Countdown((n, 4, 1), 4 * n - 1), "zh", "countdown") for n in (3, 5, 6)))


def solves(prompt: str, seed: int) -> str:
    n = int(prompt.partition("用 ")[2].split()[0])
    return tagged(f"{n} + 4 = {n + 4} + 1 = {n + 5} low {n} * 4 = {4 * n} - 1 = {4 * n - 1} yes", f"( {n} * 4 ) - 1")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    run(tmp_path / "run", changed(problems=COUNTED, questions=3, rewriter=Rules(), rewritten=EASY, samples=1, at_once=1), solves)
    return tmp_path / "run"


def edits(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def ids(root: Path) -> list[str]:
    return [row["id"] for row in rows(root)]


def test_the_page_shows_each_row_beside_what_it_was_rewritten_from_and_the_funnel(made):
    page, total = write_review(made)
    html = page.read_text(encoding="utf-8")
    assert total == 3
    assert html.count('class="card row"') == 3
    assert "我们试 3 + 4 = 7 + 1 = 8 太小" in html  # rewritten
    assert "3 + 4 = 7 + 1 = 8 low" in html  # as it was said
    assert '<th class="number">rewritten</th>' in html
    assert "http" not in html.replace("http-equiv", "")


def test_the_page_shows_at_most_so_many_rows(made):
    page, total = write_review(made, most=2)
    assert (total, page.read_text(encoding="utf-8").count('class="card row"')) == (3, 2)


def test_what_was_changed_and_dropped_is_what_the_next_stage_reads(made, tmp_path):
    first, second, third = ids(made)
    file = edits(
        tmp_path / "review.jsonl", {"id": first, "content": "改好了。", "reasoning_content": "我想了想。"}, {"id": third, "drop": True}
    )
    assert take(made, file) == {"changed": 1, "dropped": 1, "kept": 1}
    one, two = read_examples(made)
    assert (one.id, two.id) == (first, second)
    assert (one.conversation.messages[-1].content, one.conversation.messages[-1].thought) == ("改好了。", "我想了想。")
    assert one.origin is not None
    assert one.origin.parents == (f"{first}/raw",)
    assert len(rows(made, "rows-before-review")) == 3


def test_whole_rows_as_they_stand_in_the_set_are_edits_too(made, tmp_path):
    (row, *_) = rows(made)
    row["messages"][-1]["content"] = "答案在这里。"
    assert take(made, edits(tmp_path / "edited.jsonl", row)) == {"changed": 1, "kept": 2}
    assert read_examples(made)[0].conversation.messages[-1].content == "答案在这里。"


def test_the_rows_may_be_edited_where_they_are(made):
    shard = made / "rows/00000.jsonl"
    shard.write_text(shard.read_text(encoding="utf-8").replace("我们试", "我试试"), encoding="utf-8")
    assert all((example.conversation.messages[-1].thought or "").startswith("我试试") for example in read_examples(made))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"id": "nobody", "content": "x"}, "no row is called 'nobody'"),
        ({"content": "x"}, "line 1: no id"),
        ({"id": "x", "content": " "}, r'line 1: \{"id", "content"'),
    ],
)
def test_a_wrong_edit_is_named_and_changes_nothing(made, tmp_path, line, said):
    before = rows(made)
    with pytest.raises(BadInput, match=said):
        take(made, edits(tmp_path / "bad.jsonl", line))
    assert rows(made) == before


def test_dropping_every_row_is_refused(made, tmp_path):
    with pytest.raises(BadInput, match="drops every row"):
        take(made, edits(tmp_path / "none.jsonl", *({"id": name, "drop": True} for name in ids(made))))


def test_the_command_writes_the_page_and_takes_the_file(made, tmp_path, capsys):
    assert main(["review", str(made)]) == 0
    assert "3 of 3 rows" in capsys.readouterr().out
    assert main(["review", str(made), "--take", str(edits(tmp_path / "r.jsonl", {"id": ids(made)[0], "drop": True}))]) == 0
    assert "0 rows changed, 1 dropped, 2 unchanged" in capsys.readouterr().out


def test_a_corrected_set_of_parquet_is_json_lines_and_the_command_says_so(tmp_path, capsys):
    run(tmp_path / "run", changed(shards="parquet", shard_rows=3))
    first, *_ = (example.id for example in read_examples(tmp_path / "run"))
    assert write_review(tmp_path / "run")[1] == 8
    file = edits(tmp_path / "r.jsonl", {"id": first, "drop": True})
    assert main(["review", str(tmp_path / "run"), "--take", str(file)]) == 0
    assert "rows now holds JSON lines, which you can edit by hand; the Parquet files are in" in capsys.readouterr().out
    assert [path.name for path in sorted((tmp_path / "run/rows").iterdir())] == ["00000.jsonl", "00001.jsonl", "00002.jsonl"]
    assert len(read_examples(tmp_path / "run")) == 7 and len(read_examples(tmp_path / "run/rows-before-review")) == 8


def test_a_folder_without_rows_is_refused(tmp_path, capsys):
    assert main(["review", str(tmp_path)]) == 2
    assert "no folder rows in it" in capsys.readouterr().err


def test_the_runs_report_has_the_funnel(made):
    html = write_report(made).read_text(encoding="utf-8")
    assert "From prompts to rows" in html
    assert "No result yet" not in html
