from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.test_examine import rows
from tests.servers import Answer, Server, said

FEW = ("--k", 4, "--problems", 5, "--sampling.max_tokens", 8)


def adds(request, turn) -> Answer:
    """`right` is right, any other model says 0."""
    number = int(request.asked.split()[0])
    return said(f"\\boxed{{{number + 1 if request.body['model'] == 'right' else 0}}}")


def test_a_model_against_itself_is_noise(aha, model):
    found = aha("eval", "countdown", "--model", model, "--against", model, *FEW, "--json")
    assert found.code == 0, found.err
    beside = json.loads(found.out)["against"]
    assert (beside["difference"], beside["p"]) == (0.0, 1.0)
    assert beside["ci95"][0] <= 0.0 <= beside["ci95"][1]
    assert beside["verdict"] == "difference is noise"


def test_a_recorded_result_stands_for_its_model(aha, model):
    assert aha("eval", "countdown", "--model", model, *FEW, "--out", "old").code == 0
    found = aha("eval", "countdown", "--model", model, "--against", "old", *FEW)
    assert found.out.splitlines()[-1].endswith(": difference is noise")


def test_a_result_of_other_problems_is_refused_before_the_model_is_asked(aha, model):
    assert aha("eval", "countdown", "--model", model, *FEW, "--out", "old").code == 0
    found = aha("eval", "countdown", "--model", model, "--against", "old", "--k", 4, "--problems", 6)
    assert found.code == 2
    assert "of the 6 problems" in found.err


def test_a_model_that_is_not_there_is_refused_before_the_other_is_asked(aha, model):
    found = aha("eval", "countdown", "--model", model, "--against", "/no/such/folder", *FEW)
    assert (found.code, "there is no such folder" in found.err) == (2, True)


@pytest.mark.parametrize("saved", [False, True])
def test_two_served_models_on_a_published_benchmark(aha, tmp_path, saved):
    data = ("--data", rows(tmp_path / "g.jsonl", 20), "--k", 1, "--cache", "c")
    with Server(adds) as server:
        other = f"{server.url}#wrong"
        if saved:
            assert aha("eval", "gsm8k", "--model", other, *data, "--out", "old").code == 0
            other = "old"
        found = aha("eval", "gsm8k", "--model", f"{server.url}#right", *data, "--out", "new", "--against", other, "--json")
        assert found.code == 0, found.err
        assert len(server.requests) == 40
    beside = json.loads(found.out)["against"]
    assert (beside["difference"], beside["verdict"], beside["measure"]) == (1.0, "better", "pass@1")
    assert "against" not in Path("new/result.json").read_text()
