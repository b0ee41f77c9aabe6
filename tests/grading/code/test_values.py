from __future__ import annotations

import pytest

from aha.grading.code.trials import MOST_KEYS, MalformedValue, decode_value, encode_value, value_of


def test_tags_say_what_json_cannot() -> None:
    assert value_of('{"tuple":[1,{"set":[2]}]}') == (1, {2})
    assert value_of('{"dict":[[1,"a"],[{"tuple":[1]},null]]}') == {1: "a", (1,): None}
    assert value_of('{"int":"-0xff"}') == -255 and value_of('{"bytes":"00ff"}') == b"\x00\xff"
    assert value_of('{"complex":[1.0,-2.0]}') == 1 - 2j and value_of('{"float":"-inf"}') == float("-inf")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a":1,"b":2}',
        '{"unknown":1}',
        "{}",
        '{"set":[[1]]}',
        '{"float":"1"}',
        '{"int":1}',
        '{"dict":[[1]]}',
        "[" * 5000,
        "9" * 5000,
    ],
)
def test_what_no_writer_of_ours_writes_is_malformed(text: str) -> None:
    with pytest.raises(MalformedValue):
        value_of(text)


def test_tables_that_a_stranger_could_make_slow_are_refused() -> None:
    collide = ",".join(str(((1 << 61) - 1) * n) for n in range(1, MOST_KEYS + 2))
    with pytest.raises(MalformedValue):
        value_of(f'{{"set":[{collide}]}}')
    assert len(value_of(f'{{"set":[{",".join(map(str, range(50_000)))}]}}')) == 50_000  # type: ignore[arg-type]


def test_arguments_come_back_as_they_went() -> None:
    value = ([1, "a", None, {"k": [True, 2.5]}], {"named": (1, 2)})
    assert decode_value(encode_value(value)) == value
