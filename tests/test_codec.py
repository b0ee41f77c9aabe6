"""What is written is what is read: the codec of groups, metrics and manifests."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.codec import decode, encode
from aha.errors import BadInput, Between, Ratio
from aha.types import (
    Abstained,
    Asserts,
    Calls,
    Choice,
    Completion,
    Countdown,
    Grade,
    Group,
    Judged,
    Latex,
    Number,
    NumberArray,
    Open,
    Problem,
    Reference,
    Reply,
    Right,
    Stdio,
    Text,
    Wrong,
)
from tests.counts import examples


def there_and_back(value: object, hint: object) -> object:
    return decode(json.loads(json.dumps(encode(value, hint), allow_nan=False)), hint)


COUNTS = st.integers(0, (1 << 53) - 1)
st.register_type_strategy(Completion, st.builds(Completion, tokens=st.lists(COUNTS).map(tuple), version=COUNTS))
st.register_type_strategy(Reply, st.builds(Reply, tokens=COUNTS))


@examples(60)
@given(st.from_type(Group))
def test_any_group_comes_back_to_the_bit(group: Group) -> None:
    assert repr(there_and_back(group, Group)) == repr(group)  # repr: a NaN is not equal to itself, and 0.0 is to -0.0


@given(st.floats())
def test_any_float_comes_back_to_the_bit(number: float) -> None:
    assert repr(there_and_back(number, float)) == repr(number)


@pytest.mark.parametrize("count", [-5, 1 << 53, True, 2.0, "3", None])
def test_a_count_is_a_whole_number_from_0_on(count: object) -> None:
    with pytest.raises(BadInput, match=r"^tokens: .* where a whole number from 0 on should be$"):
        decode({"text": "", "thought": None, "answer": None, "tokens": count, "finished": "stop"}, Reply)


def test_a_float_that_json_does_not_know_is_written_by_name() -> None:
    assert encode({"a": math.nan, "b": -math.inf, "c": 0.5}, dict[str, float]) == {"a": "NaN", "b": "-Infinity", "c": 0.5}


REFERENCES = [
    Countdown((3, 5), 8),
    Number("3/4"),
    Latex("\\frac12"),
    Open(),
    Choice("B", ("no", "yes")),
    Text(("Paris", "巴黎"), exact=True),
    Judged("it rains"),
    Stdio((("1 2\n", "3\n"),), tolerance=1e-6),
    Calls("f", (("[1]", "2"), ("[2]", "3"))),
    Asserts("f", "assert f(1) == 2"),
]


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: type(reference).__name__)
def test_a_member_of_a_union_says_its_kind(reference: Reference) -> None:
    assert encode(reference, Reference)["type"] == type(reference).__name__
    assert there_and_back(reference, Reference) == reference


@pytest.mark.parametrize("data", [["a"], ["a", "b", "c"], ["a", 1], "ab"])
def test_a_pair_is_read_from_a_list_of_two_and_from_nothing_else(data: object) -> None:
    assert decode(["a", "b"], tuple[str, str]) == ("a", "b")
    with pytest.raises(BadInput):
        decode(data, tuple[str, str])


def test_number_and_latex_of_the_same_text_stay_apart() -> None:
    assert there_and_back(Latex("7"), Reference) == Latex("7") != there_and_back(Number("7"), Reference)


@pytest.mark.parametrize("grade", [Right(), Wrong("3 is not 4"), Abstained("too long")])
def test_a_grade_comes_back(grade: Grade) -> None:
    assert there_and_back(grade, Grade) == grade


def test_a_number_or_a_reason_comes_back_as_what_it_was() -> None:
    assert there_and_back(0.5, float | Abstained) == 0.5
    assert there_and_back(Abstained("no gold"), float | Abstained) == Abstained("no gold")


def test_an_integer_in_a_field_of_floats_is_written_as_a_float() -> None:
    assert json.dumps(encode(1, float)) == "1.0"


def test_a_kind_outside_of_a_union_is_written_without_its_name() -> None:
    assert encode(Completion((1,), (-0.5,), "stop", 3), Completion) == {"tokens": [1], "logprobs": [-0.5], "finished": "stop", "version": 3}


PROBLEM = {"id": "a", "domain": "m", "question": "q", "language": "en", "reference": {"type": "Open"}}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "an object with the fields of Problem"),
        ({"id": "a"}, "an object with the fields of Problem"),
        (PROBLEM | {"id": 1}, "id: '1' where a value of type str"),
        (PROBLEM | {"language": "fr"}, "language: 'fr' where one of en, zh"),
        (PROBLEM | {"reference": {"type": "Tests"}}, "Countdown or Number or Latex or Choice or Text"),
    ],
)
def test_what_is_not_as_its_type_says_is_named(data: object, said: str) -> None:
    with pytest.raises(BadInput, match="should be") as error:
        decode(data, Problem)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_true_is_not_a_number() -> None:
    for hint in (int, float):
        with pytest.raises(BadInput):
            decode(True, hint)


@dataclass(frozen=True)
class Newer:
    """A kind that has gained a field since files were written."""

    a: int
    b: int = 7


def test_a_field_with_a_default_may_be_missing_in_an_older_file() -> None:
    assert decode({"a": 1}, Newer) == Newer(1, 7)


def test_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadInput):
        decode({"a": 1, "c": 2}, Newer)


# --- what a reply's numbers take ----------------------------------------------------------------------------------------


def test_a_completion_keeps_arrays_that_are_the_numbers_they_came_from() -> None:
    sampled = Completion((3, 151_935), (-0.5, -2.6276323795318604), "stop", 1)
    assert isinstance(sampled.tokens, NumberArray) and sampled.tokens.values.typecode == "i"
    assert isinstance(sampled.logprobs, NumberArray) and sampled.logprobs.values.typecode == "f"
    assert sampled.tokens == (3, 151_935) == tuple(sampled.tokens) and sampled.tokens[:1] == (3,) and sampled.tokens != (3,)
    assert sampled == Completion([3, 151_935], list(sampled.logprobs), "stop", 1)
    assert hash(sampled) == hash(Completion(sampled.tokens, sampled.logprobs, "stop", 1))
    assert decode(json.loads(json.dumps(encode(sampled, Completion))), Completion) == sampled


def test_what_four_bytes_do_not_hold_takes_eight_and_loses_nothing() -> None:
    wide = Completion((1 << 40,), (-0.1,), "length", 0)
    assert wide.tokens == (1 << 40,) and wide.logprobs == (-0.1,)
    assert (wide.tokens.values.typecode, wide.logprobs.values.typecode) == ("q", "d")  # type: ignore[attr-defined]


def test_bounds_of_a_setting_beside_a_float_change_nothing_in_a_file() -> None:
    for hint in (Ratio, Annotated[float, Between(0, 100)]):
        assert encode(0.5, hint) == 0.5 and decode(0.5, hint) == 0.5
        with pytest.raises(BadInput, match="a number"):
            decode("half", hint)
