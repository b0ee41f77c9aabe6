from __future__ import annotations

import json
import re

import pytest

from aha.cli import main
from aha.errors import BadInput
from aha.paper import Column
from aha.reports.compare import compare_html, compare_markdown, figure_1
from aha.reports.paper_tables import ResultFile, ResultValue, paper_grids, read_run

AIME = {"benchmark": "aime24", "pass@1": 0.25, "ci95": [0.1, 0.4], "cons@k": 0.4, "k": 64, "problems": 30, "truncated": 0.1}
MATHS = {"benchmark": "MATH-500", "pass@1": 0.5, "ci95": [0.45, 0.55], "k": 16, "problems": 500}


@pytest.fixture
def results(tmp_path):
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, [AIME, MATHS])))
    return tmp_path / "mine.jsonl"


def test_a_share_of_ours_is_per_cent_in_the_papers_column():
    measured = ResultFile("mine", "aime24", AIME)
    assert measured.value(Column("AIME 2024", "Pass@1")) == ResultValue(25.0, 10.0, 40.0)
    assert measured.value(Column("AIME 2024", "cons@64")) == ResultValue(40.0)
    assert measured.value(Column("MATH-500", "pass@1")) is None


def test_a_vote_of_other_samples_is_not_cons_64():
    assert ResultFile("mine", "aime24", AIME | {"k": 16}).value(Column("AIME 2024", "cons@64")) is None


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        ({"rating": 1500, "percentile": 80.0}, Column("Codeforces", "Percentile"), 80.0),
        ({"rating": 1500, "percentile": 80.0}, Column("CodeForces", "rating"), 1500.0),
        ({"lc_win_rate": 55.5, "win_rate": 50.0}, Column("AlpacaEval2.0", "LC-winrate"), 55.5),
        ({"score": 37.9, "ci95": [35.5, 40.4], "n": 9}, Column("ArenaHard", "GPT-4-1106"), 37.9),
    ],
)
def test_results_from_files_are_known_by_their_keys(tmp_path, fields, column, value):
    (tmp_path / "one.json").write_text(json.dumps(fields))
    (measured,) = read_run(str(tmp_path / "one.json")).results
    found = measured.value(column)
    assert found is not None
    assert found.value == value


def test_our_row_stands_under_the_papers(results):
    table2, table4, *_ = paper_grids([read_run(str(results))])
    assert table2.lines[-1].label == "mine"
    assert table2.lines[-1].cells == ("25.0", "40.0", "50.0", "", "", "")
    assert table4.head[-1] == "mine"
    assert next(line.cells[-1] for line in table4.lines if line.label == "AIME 2024 (Pass@1)") == "25.0"


def test_dashes_of_the_paper_stay_dashes(results):
    _, table4, *_ = paper_grids([read_run(str(results))])
    (row,) = [line for line in table4.lines if line.label == "C-Eval (EM)"]
    assert row.cells == ("76.7", "76.0", "86.5", "68.9", "–", "91.8", "")


def test_figure_1_has_our_bars_first_and_the_papers_five(results):
    bars = figure_1([read_run(f"ours={results}")])
    assert [bar.name for bar in bars.bars] == [
        "ours", "DeepSeek-R1", "OpenAI-o1-1217", "DeepSeek-R1-32B", "OpenAI-o1-mini", "DeepSeek-V3",
    ]  # fmt: skip
    assert bars.bars[0].values == (25.0, None, None, 50.0, None, None)
    assert bars.bars[0].intervals[0] == (10.0, 40.0)


def test_the_page_loads_nothing_and_holds_every_published_number(results):
    page = compare_html([read_run(str(results))])
    assert not re.search(r"(?:src|href)=\"(?!#)|https?://|@import|url\((?!#)", page)
    for number in ("79.8", "97.3", "2029", "92.3", "87.6", "28.9", "47.0"):
        assert f">{number}<" in page
    assert page.count("<svg") == 1
    assert "25.0" in page


def test_a_run_with_checkpoints_has_a_curve(finished_run):
    run = read_run(f"demo={finished_run}")
    assert [each.model for each in run.results] == ["demo (base)", "demo (trained)"]
    assert [point.rollouts for point in run.curve] == [0, 1, 4, 7, 10]
    assert compare_html([run]).count("<svg") == 2
    assert "| rollouts | pass@1 | 95 % interval |" in compare_markdown([run])


def test_a_model_that_the_paper_has_no_benchmark_for_is_said_to_be_missing(finished_run):
    assert "Not measured on any of these: demo (base), demo (trained)." in compare_html([read_run(f"demo={finished_run}")])


def test_a_name_cannot_break_the_page(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps(MATHS))
    page = compare_html([read_run(f"<script>x</script>={tmp_path / 'one.json'}")])
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"benchmark": "x"}', "a result has a benchmark and its score (pass@1); this one has benchmark"),
        ("[1]", "where a result should be"),
        ("no", "not JSON at character 1"),
        ("[]", "no result in it"),
    ],
)
def test_what_is_no_result_is_said_in_one_line(tmp_path, text, says):
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_run(str(tmp_path / "one.json"))
    assert says in str(caught.value)


def test_the_command_writes_a_page_or_markdown(results, tmp_path, capsys):
    assert main(["compare", str(results), "--out", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert main(["compare", str(results), "--markdown"]) == 0
    assert "| **mine** | **25.0** | **40.0** | **50.0** |" in capsys.readouterr().out


def test_two_runs_of_one_name_and_a_run_that_is_not_there_are_refused(results, capsys):
    assert main(["compare", str(results), str(results)]) == 2
    assert "two runs have one name; write NAME=RUN" in capsys.readouterr().err
    assert main(["compare", "nowhere"]) == 2
    assert capsys.readouterr().err == "aha: nowhere: there is no such file or run directory\n"


def test_a_number_whose_prompt_was_not_checked_is_marked_wherever_it_stands(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(AIME | {"protocol": "verified"}) + "\n" + json.dumps(MATHS | {"protocol": "unverified"}))
    run = read_run(f"ours={tmp_path / 'a.jsonl'}")
    shown = compare_markdown([run])
    assert shown.count("50.0 †") >= 3, "beside our results, in Figure 1 and in the tables"
    assert "25.0 †" not in shown
    assert "† protocol: unverified: asked with a prompt not checked against its source (MATH-500)." in shown
    table2, *_ = paper_grids([run])
    assert table2.lines[-1].cells[:3] == ("25.0", "40.0", "50.0 †")
    assert "50.0 †" in compare_html([run])


@pytest.mark.parametrize("fields", [{"base": {}, "zero": {}}, {"base": {"pass@1": []}, "zero": {"pass@1": 0.5}}])
def test_a_result_of_two_models_without_scores_is_one_line(tmp_path, fields):
    (tmp_path / "both.json").write_text(json.dumps(fields))
    with pytest.raises(BadInput, match=r"both\.json: its base and zero have no score"):
        read_run(str(tmp_path / "both.json"))


def test_a_link_to_itself_is_one_line(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BadInput, match="there is no such file or run directory"):
        read_run(str(tmp_path / "loop"))
