from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aha.grading.code.trials import output_differs, same_json


def same(said: bytes, expected: str, tolerance: float | None = None) -> bool:
    return output_differs(said, expected, tolerance) is None


def test_white_space_does_not_count_but_words_do() -> None:
    assert same(b"1  2\r\n3\n\n", "1 2\n3")
    assert not same(b"12 3", "1 2 3")


def test_a_prefix_and_a_longer_output_are_wrong() -> None:
    assert output_differs(b"1 2", "1 2 3", None) == "2 words, not 3"
    assert output_differs(b"1 2 3 4", "1 2 3", None) == "4 words, not 3"
    assert not same(b"", "3")


def test_numbers_are_text_unless_a_tolerance_is_set() -> None:
    assert not same(b"1.0", "1") and not same(b"0.333", "0.3333")
    assert same(b"0.3333333", "0.3333334", 1e-6)
    assert same(b"1000000.5", "1000000.1", 1e-6) and not same(b"1000002", "1000000", 1e-6)


def test_a_whole_number_is_met_whole_or_within_the_bare_tolerance() -> None:
    assert not same(b"1000001", "1000000", 1e-6) and not same(b"1000000.5", "1000000", 1e-6)
    assert same(b"+07", "7", 1e-6) and same(b"1.9999999", "2", 1e-6)
    assert not same_json(1000001, 1000000, 1e-6) and not same_json(1000000.5, 1000000, 1e-6) and same_json(1.9999999, 2, 1e-6)


def test_nan_infinities_and_other_ways_to_write_a_number_are_never_near() -> None:
    for said in (b"nan", b"inf", b"-inf", b"1e999", b"1_0", b"0x0a", "１０".encode(), b"10" * 300):
        assert not same(said, "10", 1e-6), said
    assert not same(b"nan", "inf", 1e-6)


def test_bytes_that_are_no_text_are_compared_and_told_in_ascii() -> None:
    told = output_differs(b"\xff\x00\x1b[2J", "3", None)
    assert told is not None and told.isascii() and told.isprintable()


def test_a_truth_value_is_no_number_and_no_number_is_a_truth_value() -> None:
    assert not same_json(True, 1, None) and not same_json(1, True, None) and not same_json(0.0, False, 0.1)


def test_tuples_are_lists_at_every_depth() -> None:
    assert same_json(((1, 2), [3]), [[1, 2], [3]], None)
    assert not same_json((1, 2, 3), [1, 2], None) and not same_json([1], 1, None)


def test_whole_floats_are_whole_numbers_and_nan_is_nothing() -> None:
    nan = float("nan")
    assert same_json(2, 2.0, None) and not same_json(nan, nan, None) and not same_json(nan, 3, 1e9)
    assert same_json(0.1 + 0.2, 0.3, 1e-9) and not same_json(0.1 + 0.2, 0.3, None)
    assert not same_json(10**400, 1.0, 1e-6)


def test_keys_are_what_json_makes_of_them() -> None:
    assert same_json({1: "a", "b": 2}, {"1": "a", "b": 2}, None)
    assert not same_json({1: "a", "1": "b"}, {"1": "a"}, None) and not same_json({True: "a"}, {"True": "a"}, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_every_value_of_json_is_the_same_as_itself(value: object) -> None:
    assert same_json(value, value, None)
