from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.evals.comparison import Rival, compare, in_words, read_rival, saved_samples
from aha.evals.samples import GradedSample, write_evaluation


def lines(path: Path, *rows: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def samples(values: Mapping[str, Sequence[float]], measure: str = "", category: str = "") -> dict[str, list[GradedSample]]:
    return {
        name: [GradedSample(name, n, v, category=category, measures={measure: v} if measure else {}) for n, v in enumerate(of_problem)]
        for name, of_problem in values.items()
    }


def test_a_problem_has_the_verdicts_of_its_samples(tmp_path):
    path = lines(tmp_path / "r.jsonl", *({"problem": "a", "right": right} for right in (True, False, False, True)))
    assert [sample.right for sample in read_rival("r", path).samples["a"]] == [True, False, False, True]


def test_a_measure_of_single_samples_is_compared_where_it_is_the_headline(tmp_path):
    write_evaluation(tmp_path / "drop", samples({"a": [0.5, 1.0]}, "f1")["a"], {})
    rival = read_rival("r", tmp_path / "drop")
    beside = compare(samples({"a": [1.0, 1.0]}, "f1"), rival, "f1")
    assert (beside["measure"], beside["value"], beside["difference"]) == ("f1", 0.75, 0.25)
    assert compare(samples({"a": [1.0, 1.0]}), rival, "cons@64")["measure"] == "pass@1"


def test_a_file_without_the_measure_is_named(tmp_path):
    rival = read_rival("old", lines(tmp_path / "g.jsonl", {"problem": "a", "right": True}))
    with pytest.raises(BadInput, match="old, a: no f1 among its measures"):
        compare(samples({"a": [1.0]}, "f1"), rival, "f1")


def test_a_rival_that_lacks_a_problem_is_refused_before_anything_is_asked():
    with pytest.raises(BadInput, match=r"old: it lacks 1 of the 2 problems \(b"):
        Rival("old", samples({"a": [1.0]})).check(["a", "b"])


def test_a_rival_with_more_problems_is_compared_on_those_that_were_asked():
    found = compare(samples({"a": [1.0]}), Rival("old", samples({"a": [0.0], "b": [1.0]})))
    assert (found["problems"], found["difference"], found["value"]) == (1, 1.0, 0.0)


def test_forty_gained_problems_of_forty_are_better_and_none_is_noise():
    names = [str(number) for number in range(40)]
    worst, best = Rival("old", samples(dict.fromkeys(names, (0.0,)))), samples(dict.fromkeys(names, (1.0,)))
    assert compare(best, worst)["verdict"] == "better"
    assert compare(best, Rival("old", best))["verdict"] == "difference is noise"


def test_categories_are_compared_one_by_one_where_there_are_a_few():
    before = samples({"a": [0.0], "b": [0.0], "c": [0.0]}, "reasoning", "chain") | samples({"g": [0.5]}, "instruction", "harm")
    after = samples({"a": [1.0], "b": [1.0], "c": [1.0]}, "reasoning", "chain") | samples({"g": [0.5]}, "instruction", "harm")
    beside = compare(after, Rival("old", before), "reasoning")
    assert (beside["measure"], beside["problems"], beside["difference"]) == ("reasoning", 3, 1.0)
    assert {name: part["difference"] for name, part in beside["parts"].items()} == {"instruction": 0.0, "chain": 1.0, "harm": 0.0}
    assert beside["parts"]["chain"]["verdict"] == "difference is noise"  # three problems prove nothing


def test_a_person_reads_who_is_better_by_how_much():
    names = [str(number) for number in range(40)]
    before, after = samples(dict.fromkeys(names, (0.0,))), samples(dict.fromkeys(names, (1.0,)))
    said = in_words("new", compare(after, Rival("old", before)))
    assert said.startswith("pass@1 against old (0.00 %) on the same 40 problems: +100.00 points, 95 % interval +87.61 to +100.00, p = ")
    assert said.endswith("(McNemar, exact): new is better")


@pytest.mark.parametrize("name", ["samples.jsonl", "grades.jsonl"])
def test_a_folder_of_an_evaluation_holds_samples_and_a_folder_of_a_model_none(tmp_path, name):
    path = lines(tmp_path / "run" / "aime2024" / name, {"problem": "a", "right": True})
    assert saved_samples(str(tmp_path / "run"), "aime2024") == saved_samples(str(path.parent), "aime2024") == path
    assert saved_samples(str(path), "anything") == path
    assert saved_samples(str(tmp_path), "aime2024") is None
