"""Who may ask: no page of a stranger, under whatever name it calls this machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aha.errors import BadInput
from aha.serving.access import AccessRules, is_loopback, own_names
from tests.serving.web.echo import LARGEST, answered, echo, posted

OPEN = AccessRules(largest=LARGEST)


def status(port: int, request: bytes) -> tuple[int, Any]:
    head, _, body = answered(port, request).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("app.localhost", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7", 200),
        ("box", 200),
        ("box.", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("notlocalhost", 403),
        ("", 403),
        ("[::1", 403),
        ("evil.example\\@localhost", 403),
        ("evil.example@localhost", 403),
        ("localhost:8000@evil.example", 403),
        ("localhost/", 403),
        ("localhost?", 403),
        ("localhost evil.example", 403),
        ("localhost,evil.example", 403),
        ("[evil.example]", 403),
        ("127.1", 403),
        ("\xb2127.0.0.1", 403),
    ],
)
def test_a_name_that_a_stranger_can_give_this_machine_is_refused(host: str, code: int) -> None:
    with echo(AccessRules(own_names("box", ()), largest=LARGEST)) as server:
        assert status(server.port, posted(b"{}", Host=host))[0] == code


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:8000", "https://good.example", "http://good.example:81"]
)
def test_a_page_that_was_not_named_is_refused(origin: str) -> None:
    with echo(AccessRules(origins=("http://good.example",), largest=LARGEST)) as server:
        code, answer = status(server.port, posted(b"{}", Origin=origin))
    assert (code, answer["error"]["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize("origins", [("http://good.example",), ("*",)])
def test_a_page_that_was_named_asks_first_and_is_answered(origins: tuple[str, ...]) -> None:
    with echo(AccessRules(origins=origins, key="a-secret", largest=LARGEST)) as server:
        asks = "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://good.example\r\nAccess-Control-Request-Method: POST\r\n"
        asks += "Access-Control-Request-Headers: authorization, content-type\r\nConnection: close\r\n\r\n"
        preflight = answered(server.port, asks.encode()).lower()
        request = posted(b"{}", Origin="http://good.example", Authorization="Bearer a-secret")
        answer = answered(server.port, request).lower()
    assert preflight.startswith(b"http/1.1 200") and b"access-control-allow-headers: authorization, content-type" in preflight
    assert answer.startswith(b"http/1.1 200") and b"access-control-allow-origin: " in answer


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonx"]
)
def test_only_json_is_read_which_no_page_can_send_unasked(kind: str) -> None:
    with echo() as server:
        assert status(server.port, posted(b"{}", Content_Type=kind))[0] == 415
        assert status(server.port, posted(b"{}", Content_Type="application/json; charset=utf-8"))[0] == 200


def test_a_packed_body_is_called_one() -> None:
    with echo() as server:
        code, answer = status(server.port, posted(b"{}", Content_Encoding="gzip"))
        assert (code, answer["error"]["code"]) == (415, "content_encoding") and "gzip" in answer["error"]["message"]
        assert status(server.port, posted(b"{}", Content_Encoding="identity"))[0] == 200


def test_a_body_too_long_is_refused_before_the_key_is_looked_at_and_before_it_is_read() -> None:
    with echo(AccessRules(key="a-secret", largest=LARGEST)) as server:
        assert status(server.port, posted(b"", Content_Length=str(LARGEST + 1)))[0] == 413
        assert status(server.port, posted(b"{}"))[0] == 401
        assert status(server.port, posted(b"{}", Authorization="Bearer a-secre\xff"))[0] == 401


def test_a_body_in_chunks_is_refused_where_it_grows_too_long() -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with echo() as server:
        head = posted(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        assert status(server.port, head + b"2\r\n{}\r\n0\r\n\r\n") == (200, [])
        assert status(server.port, head + chunk * 17 + b"0\r\n\r\n")[0] == 413


def test_there_is_no_key_for_health_and_no_path_beside_those_there_are() -> None:
    with echo(AccessRules(key="a-secret", largest=LARGEST)) as server:
        assert status(server.port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") == (200, "ok")
        code, answer = status(server.port, posted(b"{}", "/elsewhere", Authorization="Bearer a-secret"))
    assert (code, answer["error"]["message"]) == (404, "there is no POST /elsewhere; there is /echo")


@pytest.mark.parametrize("origin", ["evil.example", "http://a/path", "ftp://a", "http://", "http://a, http://b"])
def test_an_origin_that_is_none_is_refused_when_the_server_starts(origin: str) -> None:
    with pytest.raises(BadInput, match="an origin is written http://host:port"):
        AccessRules(origins=(origin,))


def test_loopback_is_told_from_every_other_address() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "box")))


def test_a_request_that_says_its_length_in_two_ways_is_refused() -> None:
    with echo(OPEN) as server:
        assert status(server.port, posted(b"2\r\n{}\r\n0\r\n\r\n", Content_Length="2", Transfer_Encoding="chunked"))[0] == 400
