from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.evals.rivals import Rival, against, in_words, measured_by, read_rival, saved_result


def lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_problem_has_the_verdicts_of_its_samples(tmp_path):
    path = lines(tmp_path / "r.jsonl", *({"problem": "a", "right": right} for right in (True, False, False, True)))
    assert read_rival("r", path).samples == {"a": [True, False, False, True]}


def test_a_measure_of_single_samples_is_compared_where_it_is_the_headline(tmp_path):
    rows = ({"problem_id": "a", "right": False, "measures": {"f1": value}} for value in (0.5, 1.0))
    path = lines(tmp_path / "g.jsonl", *rows)
    assert measured_by("f1", path) == "f1"
    assert measured_by("cons@64", path) == "pass@1"
    assert read_rival("r", path, "f1").samples == {"a": [0.5, 1.0]}


def test_a_file_without_the_measure_is_named(tmp_path):
    path = lines(tmp_path / "g.jsonl", {"problem_id": "a", "right": True, "measures": {}})
    with pytest.raises(BadInput, match="record 1: no f1 among its measures"):
        read_rival("r", path, "f1")


def test_a_rival_that_lacks_a_problem_is_refused_before_anything_is_asked():
    with pytest.raises(BadInput, match=r"old: it lacks 1 of the 2 problems \(b"):
        Rival("old", {"a": [1.0]}).check(["a", "b"])


def test_a_rival_with_more_problems_is_compared_on_those_that_were_asked():
    found = against({"a": [1.0]}, Rival("old", {"a": [0.0], "b": [1.0]}))
    assert (found["problems"], found["difference"], found["value"]) == (1, 1.0, 0.0)


def test_forty_gained_problems_of_forty_are_better_and_none_is_noise():
    names = [str(number) for number in range(40)]
    worst, best = Rival("old", dict.fromkeys(names, (0.0,))), dict.fromkeys(names, (1.0,))
    assert against(best, worst)["verdict"] == "better"
    assert against(best, Rival("old", best))["verdict"] == "difference is noise"


def test_a_person_reads_who_is_better_by_how_much():
    names = [str(number) for number in range(40)]
    said = in_words("new", against(dict.fromkeys(names, (1.0,)), Rival("old", dict.fromkeys(names, (0.0,)))))
    assert said.startswith("pass@1 against old (0.00 %) on the same 40 problems: +100.00 points, 95 % interval +87.61 to +100.00, p = ")
    assert said.endswith("(McNemar, exact): new is better")


def test_a_folder_of_an_evaluation_holds_a_result_and_a_folder_of_a_model_none(tmp_path):
    path = lines(tmp_path / "run" / "aime2024" / "grades.jsonl", {"problem": "a", "right": True})
    assert saved_result(str(tmp_path / "run"), "aime2024") == saved_result(str(path.parent), "aime2024") == path
    assert saved_result(str(path), "anything") == path
    assert saved_result(str(tmp_path), "aime2024") is None
