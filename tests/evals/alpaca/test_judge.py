from __future__ import annotations

import math

import pytest

from aha.evals.alpaca import Annotation, preference, read_annotations, shown_in_reverse, weighted_preferences


def top(**chances: float) -> list[dict]:
    return [{"token": token, "logprob": math.log(chance)} for token, chance in chances.items()]


def test_in_the_usual_order_the_model_is_the_large_m():
    assert preference(top(m=0.2, M=0.6), reverse=False) == pytest.approx(1.75)
    assert preference(top(m=0.2, M=0.6), reverse=True) == pytest.approx(1.25)


def test_a_token_that_is_not_among_the_five_has_no_chance():
    assert preference(top(M=0.9, The=0.1), reverse=False) == 2.0
    assert preference(top(m=0.9), reverse=False) == 1.0


def test_a_judge_that_names_neither_has_no_preference():
    assert preference(top(The=0.9), reverse=False) is None
    assert preference([], reverse=True) is None


@pytest.mark.parametrize(("model", "rows"), [("alpaca-7b", 802), ("claude", 805), ("gpt4_0613_concise", 800)])
def test_published_preferences_follow_from_the_published_log_probabilities(published, model, rows):
    annotations = read_annotations(published(f"alpaca_eval/annotations/{model}.json"))
    found, apart = weighted_preferences(annotations)
    assert found == rows
    assert apart < 1e-10  # the files hold ten decimals


def wins(annotation: Annotation) -> float:
    assert annotation.wins is not None
    return annotation.wins


def test_the_order_shown_is_the_one_that_the_published_tokens_tell(published):
    """The judge's likelier token and the preference on file say together which answer stood where."""
    annotations = read_annotations(published("alpaca_eval/annotations/claude.json"))
    clear = [each for each in annotations if abs(wins(each) - 0.5) > 0.01]
    likelier = [max(each.top, key=lambda token: token["logprob"])["token"] for each in clear]
    told = [(token == "M") != (wins(each) > 0.5) for token, each in zip(likelier, clear, strict=True)]
    assert len(clear) > 750
    assert sum(told) > 300
    assert sum(t != shown_in_reverse(each.instruction) for t, each in zip(told, clear, strict=True)) == 0
