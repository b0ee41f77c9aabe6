"""A body is one JSON object, read strictly and in little memory."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from aha.serving import Refusal
from aha.serving import access as module
from aha.serving.access import Bodies, parse_body
from tests.serving.web.echo import answered, dialled, drained, echo, posted

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_a_json_object_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert parse_body(json.dumps(value).encode()) == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789.-eE truefalsnNaIity\\u', max_size=40).map(str.encode))
def test_whatever_comes_is_an_object_or_refused_in_one_line(data: bytes) -> None:
    try:
        assert isinstance(parse_body(data), dict)
    except Refusal as refusal:
        assert refusal.status == 400 and "\n" not in refusal.message and len(refusal.message) < 200


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[" * 1_000_000, "more than 192 MiB of memory"),
        (b'{"a":' * 1_000_000, "more than 192 MiB of memory"),
        (b"[" * 50_000, "nested deeper than"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is there twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "Infinity is no JSON"),
        (b'{"a": 1e999}', "a number that no float can hold"),
        (b'{"a": ' + b"9" * 4_000 + b"}", "a number of 4,000 digits"),
        (b'{"a": 1} {"b": 2}', "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "empty, where JSON is needed"),
        (b"[1]", "not a JSON object"),
    ],
)
def test_hostile_bodies_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        parse_body(data)


def test_commas_and_brackets_in_a_text_are_no_values() -> None:
    text = "[{,1" * 1_000_000 + '\\"'
    assert parse_body(json.dumps({"a": text}).encode()) == {"a": text}


def test_a_name_that_stands_twice_among_many_is_named_at_once() -> None:
    names = "".join(f'"{number}": 0,' for number in range(200_000))
    began = time.process_time()
    with pytest.raises(Refusal, match="'199999' is there twice"):
        parse_body(f'{{{names} "199999": 1}}'.encode())
    assert time.process_time() - began < 5


def test_a_body_that_comes_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_S", 0.2)
    with echo() as server, dialled(server.port) as connection:
        connection.sendall(posted(b'{"a": 1}')[:-2])
        assert drained(connection).startswith(b"HTTP/1.1 408 ")


def test_long_bodies_together_take_no_more_than_their_share_and_short_ones_always_pass() -> None:
    long = posted(b'{"a": "' + b"x" * 500_000 + b'"}')
    with echo(together=1 << 20) as server, dialled(server.port) as one, dialled(server.port) as other:
        one.sendall(long[:-1000])
        other.sendall(long[:-1000])
        deadline = time.monotonic() + 60
        while server.bodies._bytes < 2 * 499_000:  # until both are read but for their ends: a third before that would take their share
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert b"503" in answered(server.port, long).partition(b"\r\n")[0]
        assert answered(server.port, posted(b'{"b": 1}')).endswith(b'["b"]')
        one.sendall(long[-1000:])
        assert drained(one).endswith(b'["a"]')
        assert answered(server.port, long).endswith(b'["a"]')


def test_the_worst_bodies_take_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with echo() as server:
        for unit in (b'{"":0},', b"[0],", b"1.5,", b'{"a":{"":[1.5]}},', b'"",'):
            answered(server.port, posted(b'{"a": [' + unit * ((1 << 20) // len(unit) - 20) + b"0]}"))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200


def test_a_client_that_leaves_in_the_middle_of_its_body_holds_nothing() -> None:
    bodies = Bodies(1 << 20)

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def read() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
        async with bodies.of(Request(scope, receive)):
            pass

    parts: list[dict[str, Any]] = [{"type": "http.request", "body": b" " * 100_000, "more_body": True}, {"type": "http.disconnect"}]
    with pytest.raises(Refusal, match="did not come"):
        asyncio.run(read())
    assert bodies._bytes == 0
