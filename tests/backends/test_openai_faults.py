"""A server in trouble (R12 of the reliability goals): it answers badly, late or not at all, and nothing is believed that it did not say."""

from __future__ import annotations

import json
import random
import shutil
import ssl
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from aha.backends.openai.call import EndpointFailure, read, retry_after
from aha.backends.openai.chat import OpenAiChat
from aha.backends.openai.endpoint import Endpoint
from aha.errors import BadInput, EndpointDown
from aha.protocols import ChatOptions, Sampling
from aha.rewards.judge import Judge, LiveJudge
from aha.types import Abstained, ChatReply
from tests.counts import ordinary_rows
from tests.graders import GRADERS
from tests.judges import blocks, honest, judged, reply, verdict
from tests.servers import Answer, Request, Server, said, talk

# A call that runs out of time while it connects leaves its socket to Python's collector, which closes it and says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

QUICK = ChatOptions(pause_s=0.02, attempt_s=60.0, deadline_s=300.0)  # time enough for a machine that is busy
HTML = b"<html><body>502 Bad Gateway</body></html>"


def ask(server: Server, texts: Iterable[str], asking: ChatOptions = QUICK, url: str = "") -> list[tuple[int, list[ChatReply]]]:
    with OpenAiChat(Endpoint(url or server.url, "m"), asking) as chat:
        return list(chat.reply(talk(*texts), Sampling()))


def opposite(request: Request) -> str:
    """What a judge must never be taken to have said."""
    inside = blocks(request.asked)
    return verdict(inside["answer"].strip() != inside["reference"].strip())


FAULTS = {
    "500": lambda lie: Answer(lie.body, status=500),
    "503 in HTML": lambda lie: Answer(HTML, status=503, headers={"content-type": "text/html"}),
    "429": lambda lie: Answer(lie.body, status=429),
    "429 with Retry-After": lambda lie: Answer(lie.body, status=429, headers={"retry-after": "0.05"}),
    "529": lambda lie: Answer(lie.body, status=529),
    "garbage": lambda lie: Answer(random.Random(lie.body).randbytes(500)),
    "HTML with 200": lambda lie: Answer(HTML),
    "half of the JSON": lambda lie: Answer(lie.body[: len(lie.body) // 2]),
    "half of the bytes": lambda lie: replace(lie, cut=len(lie.body) - 9),
    "10 MB": lambda lie: Answer(b" " * 10_000_000 + lie.body),
    "no bytes": lambda lie: Answer(silent=True),
    "an empty body": lambda lie: Answer(),
    "a slow drip": lambda lie: replace(lie, drip_s=0.02),
    "silence": lambda lie: replace(lie, wait_s=60.0),
    "an error with 200": lambda lie: Answer(b'{"error": {"message": "overloaded"}}'),
    "no choice": lambda lie: Answer(b'{"choices": []}'),
    "two choices": lambda lie: Answer(json.dumps({"choices": json.loads(lie.body)["choices"] * 2}).encode()),
    "interrupted": lambda lie: Answer(lie.body.replace(b'"stop"', b'"insufficient_system_resource"')),
    "not ended": lambda lie: Answer(lie.body.replace(b'"stop"', b"null")),
    "no content": lambda lie: said(None),
    "NaN": lambda lie: Answer(lie.body.replace(b'"index": 0', b'"index": NaN')),
    "another form": lambda lie: Answer(json.dumps({"message": json.loads(lie.body)["choices"][0]["message"]}).encode()),
}
NO_VERDICTS = {  # well-formed replies of a judge that has lost its mind
    "no JSON": lambda lie: f"I say: {lie}",
    "NaN as verdict": lambda lie: '{"analysis": "", "correctness": NaN}',
    "a number": lambda lie: '{"analysis": "", "correctness": 1}',
    "another word": lambda lie: '{"analysis": "", "correctness": "perhaps"}',
    "out of range": lambda lie: '{"analysis": "", "correctness": 1e999}',
    "one more name": lambda lie: lie[:-1] + ', "score": 1}',
    "two verdicts": lambda lie: lie + "\n" + lie,
    "the same name twice": lambda lie: lie[:-1] + ', "correctness": "correct"}',
    "half of it": lambda lie: lie[:-3],
    "nothing": lambda lie: "",
}
KINDS = [*FAULTS, *NO_VERDICTS]


def faulty(share: float, seen: Counter[str]):
    """A judge's server that fails in every way, in turn; else it says what an honest judge says."""

    def answer(request: Request, number: int) -> Answer:
        if random.Random(number).random() >= share:
            return said(honest(request.asked))
        kind = KINDS[number % len(KINDS)]
        seen[kind] += 1
        lie = opposite(request)
        return FAULTS[kind](said(lie)) if kind in FAULTS else said(NO_VERDICTS[kind](lie))

    return answer


def rewards_under_faults(faults: int, share: float) -> tuple[Counter[str], Counter[str], float]:
    """(faults by kind, rewards by whether they are true, seconds) of as many answers as bring so many faulted calls."""
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()
    began = time.monotonic()
    with Server(faulty(share, seen)) as server, OpenAiChat(Endpoint(server.url, "m"), replace(QUICK, attempt_s=1.0)) as chat:
        judge = LiveJudge(Judge("m", infra=0.99, pause_s=0.0), GRADERS, chat)
        rollout = 0
        while sum(seen.values()) < faults:
            answers = [f"{rollout}.{i}" for i in range(64)]
            values = judge(judged(f"{rollout}.0"), [reply(answer) for answer in answers])
            truth = [1.0] + [0.0] * 63
            found.update(
                "abstained" if isinstance(value, Abstained) else "true" if value == true else "wrong"
                for value, true in zip(values, truth, strict=True)
            )
            rollout += 1
        assert max(Counter(request.asked for request in server.requests).values()) <= 6
    return seen, found, time.monotonic() - began


def test_no_reward_is_wrong_whatever_the_server_does():
    seen, found, _ = rewards_under_faults(120, share=0.5)
    assert set(seen) == set(KINDS)
    assert found["wrong"] == 0 and found["true"] > 0


@pytest.mark.long
def test_no_reward_is_wrong_in_a_thousand_faulted_calls():
    for share in (0.3, 0.9):
        seen, found, seconds = rewards_under_faults(1_000, share)
        print(f"share {share}: {sum(seen.values())} faulted calls of {len(seen)} kinds, rewards {dict(found)}, {seconds:.0f} s")
        assert set(seen) == set(KINDS) and found["wrong"] == 0


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in ("silence", "a slow drip")])
def test_each_fault_is_tried_again_and_then_a_line(kind: str):
    lie, quick = said("x"), replace(QUICK, pause_s=0.002)
    with Server(lambda request, number: FAULTS[kind](lie) if number < 2 else said("the truth")) as server:
        assert [each.text for _, [each] in ask(server, ["?"], quick)] == ["the truth"]
        assert len(server.requests) == 3
        server.script = lambda request, number: FAULTS[kind](lie)
        with pytest.raises(EndpointDown, match="1 of 1 replies did not come; the last: .*6 attempts in") as down:
            ask(server, ["again?"], quick)
    assert (len(server.requests), down.value.exit_code, str(down.value).count("\n")) == (9, 75, 0)


# --- time -------------------------------------------------------------------------------------------------------------


@contextmanager
def the_machines_stalls() -> Iterator[list[float]]:
    """The longest time that this process got no processor for, as the first of the list: what no clock here can be held to."""
    longest, over = [0.0], threading.Event()

    def watch() -> None:
        last = time.monotonic()
        while not over.wait(0.01):
            longest[0], last = max(longest[0], time.monotonic() - last - 0.01), time.monotonic()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield longest
    finally:
        over.set()
        thread.join(timeout=10)


SLOW = {
    "a slow drip": replace(said("x" * 500), drip_s=0.05),
    "silence": replace(said("x"), wait_s=60.0),
    "500": Answer(status=500),
    "429 for an hour": Answer(status=429, headers={"retry-after": "3600"}),
    "429 for a second": Answer(status=429, headers={"retry-after": "1"}),
}


@pytest.mark.parametrize(
    ("kind", "attempt_s"),
    ordinary_rows([("silence", 0.7), *((kind, 60.0) for kind in SLOW)], ("silence", 0.7), ("a slow drip", 60.0), ("429 for an hour", 60.0)),
)
def test_the_deadline_is_kept_within_a_tenth(kind: str, attempt_s: float):
    asking = ChatOptions(pause_s=0.3, attempt_s=attempt_s, deadline_s=2.0)
    answers = {"warm": Answer(status=400)}  # refused at once, when all that is loaded late is loaded
    with (
        Server(lambda request, number: answers.get(request.asked, SLOW[kind])) as server,
        OpenAiChat(Endpoint(server.url, "m"), asking) as chat,
    ):
        with pytest.raises(EndpointDown):
            list(chat.reply(talk("warm"), Sampling(max_tokens=1)))
        with the_machines_stalls() as stalls:
            began = time.monotonic()
            with pytest.raises(EndpointDown):
                list(chat.reply(talk(*"abcdefgh"), Sampling()))
            seconds = time.monotonic() - began
    print(f"deadline 2 s, {kind}, attempts of {attempt_s:g} s: {seconds:.2f} s (longest stall {stalls[0]:.2f} s)")
    assert seconds <= 2.0 * 1.1 + 4 * stalls[0]


def test_retries_come_at_growing_and_differing_pauses():
    with Server(lambda request, number: Answer(status=500)) as server, pytest.raises(EndpointDown, match="8 of 8 replies"):
        ask(server, "abcdefgh", replace(QUICK, pause_s=0.1))
    times = defaultdict(list)
    for request in server.requests:
        times[request.asked].append(request.at)
    gaps = {asked: [later - earlier for earlier, later in pairwise(at)] for asked, at in times.items()}
    assert len(gaps) == 8 and all(len(each) == 5 for each in gaps.values())
    assert all(gap >= 0.1 * 2**n * 0.5 for each in gaps.values() for n, gap in enumerate(each))
    assert len({round(each[4], 2) for each in gaps.values()}) > 4


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:30 GMT"}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_a_server_says_when_to_come_back_in_seconds_or_by_its_own_clock(headers: dict[str, str], seconds: float | None):
    assert retry_after(headers) == seconds


def test_when_a_server_asks_for_a_pause_nobody_asks_before_it_is_over():
    def tired(request: Request, number: int) -> Answer:
        return Answer(status=429, headers={"retry-after": "1"}) if number == 0 else said("x")

    with Server(tired) as server:
        assert len(ask(server, "abc", replace(QUICK, in_flight=1))) == 3
    first, *others = [request.at for request in server.requests]
    assert len(others) == 3 and min(others) - first >= 1.0


def refused(message: str, code: str) -> Answer:
    return Answer(json.dumps({"error": {"message": message, "code": code, "param": "max_tokens"}}).encode(), status=400)


# --- what cannot get better -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(b'{"error": {"message": "Incorrect API key"}}', status=401), "HTTP 401 .*Incorrect API key"),
        (Answer(b'{"error": {"message": "no such model"}}', status=404), "HTTP 404 .*no such model"),
        (Answer(status=307, headers={"location": "http://elsewhere/"}), "HTTP 307"),
        (refused("Unsupported parameter: use max_completion_tokens", ""), "HTTP 400 .*; --client.limit max_completion_tokens sends that"),
        (refused("only 1 is supported", "unsupported_value"), "HTTP 400 .*only 1 is supported"),
    ],
)
def test_a_key_or_a_model_that_is_refused_is_bad_input_at_once(answer: Answer, says: str):
    with Server(lambda request, number: answer) as server, pytest.raises(BadInput, match=says):
        ask(server, "abc", replace(QUICK, in_flight=1))
    assert len(server.requests) == 1


def test_a_conversation_that_is_refused_is_not_asked_again_and_the_others_are_answered():
    def picky(request: Request, number: int) -> Answer:
        return Answer(b'{"error": {"message": "too long"}}', status=400) if request.asked == "b" else said("x")

    found = []
    with Server(picky) as server, OpenAiChat(Endpoint(server.url, "m"), QUICK) as chat:
        arriving = chat.reply(talk(*"abc"), Sampling())
        found += [next(arriving)[0], next(arriving)[0]]
        with pytest.raises(EndpointDown, match="1 of 3 replies did not come; the last: HTTP 400 .*too long"):
            next(arriving)
    assert (sorted(found), len(server.requests)) == ([0, 2], 3)


def test_a_server_that_is_down_for_everybody_is_not_asked_by_everybody():
    with Server(lambda request, number: Answer(status=500)) as server, pytest.raises(EndpointDown, match="of 1,000 replies did not come"):
        ask(server, map(str, range(1_000)), replace(QUICK, retries=0, in_flight=4))
    assert len(server.requests) < 40


def test_a_port_where_nobody_listens_is_down():
    with Server(lambda request, number: said("x")) as server:
        pass
    with pytest.raises(EndpointDown, match="no connection"):
        ask(server, ["?"])


def test_a_server_without_tls_that_is_asked_with_it_is_told_at_once():
    plain = pytest.raises(BadInput, match="it does not answer in TLS; where it speaks plain HTTP, its address begins with http://")
    with Server(lambda request, number: said("x")) as server, plain:
        ask(server, ["?"], url=server.url.replace("http:", "https:"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a certificate for a name, signed by itself, with its key beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str) -> Path:
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
        words += ["-addext", f"subjectAltName=DNS:{name},IP:{'127.0.0.1' if name == 'localhost' else '10.0.0.1'}"]
        subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=60)
        return certificate

    return cache(make)


def secured(certificate: Path) -> Server:
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return Server(lambda request, number: said("x"), secure=secure)


@pytest.mark.parametrize(
    ("name", "trusted", "says"),
    [
        ("localhost", "localhost", ""),
        ("localhost", "", r"not trusted \(self-signed certificate\); name the right authority in \$SSL_CERT_FILE"),
        ("localhost", "other.example", r"not trusted \(self-signed certificate\); name the right authority in \$SSL_CERT_FILE"),
        (
            "other.example",
            "other.example",
            "mismatch, certificate is not valid for '127.0.0.1'.*ask it by a name or an address that stands in",
        ),
    ],
)
def test_a_certificate_is_taken_where_its_authority_is_named_and_told_at_once_where_not(
    name: str, trusted: str, says: str, certificates: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates(trusted)))
    with secured(certificates(name)) as server, pytest.raises(BadInput, match=says) if says else nullcontext():
        ask(server, ["?"], url=server.url.replace("http:", "https:"))


@pytest.mark.parametrize("place", ["nowhere.pem", "words.pem", "."])
def test_authorities_that_are_none_are_told_by_their_variable(
    place: str, certificates: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "words.pem").write_text("hello")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / place))
    with secured(certificates("localhost")) as server:
        with pytest.raises(BadInput, match=r"\$SSL_CERT_FILE is .*, which holds no certificates in PEM form"):
            ask(server, ["?"], url=server.url.replace("http:", "https:"))
        assert server.requests == []


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"choices": null}',
        b'{"choices": [null]}',
        b'{"choices": [{"message": "x", "finish_reason": "stop"}]}',
    ]
    + [
        json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode() for content in (7, ["x"], True, None)
    ],
)
def test_a_body_of_another_form_is_no_reply(body: bytes):
    with pytest.raises(EndpointFailure):
        read(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            b'{"object": "error", "message": "context length is 10"}',
            "no reply of a chat: {'object': 'error', 'message': 'context",
        ),
        (b'{"detail": "Not authenticated"}', "no reply of a chat: {'detail': 'Not authenticated'}"),
        (b'{"choices": [{"text": "4", "finish_reason": "stop"}]}', "no reply of a chat: {'choices'"),
        (b'data: {"choices": []}', "no JSON (not JSON at character 1 (Expecting value)): data: {"),
        (b"<html>Log in", "Expecting value)): <html>Log in"),
        (b'{"choices": [{"message": {"content": "4"}, "finish_reason": null}]}', "a reply that ended with 'None'"),
    ],
)
def test_a_body_of_another_form_is_quoted(body: bytes, says: str):
    with pytest.raises(EndpointFailure) as failed:
        read(body)
    assert says in failed.value.reason and len(failed.value.reason) < 300


@pytest.mark.parametrize("status", [301, 308])
def test_a_redirect_says_where_to(status: int):
    moved = Answer(status=status, headers={"location": "https://elsewhere.invalid/v1"})
    with (
        Server(lambda request, number: moved) as server,
        pytest.raises(BadInput, match="to https://elsewhere.invalid/v1: nobody"),
    ):
        ask(server, ["?"])


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("socks5://127.0.0.1:9", r"\(\$ALL_PROXY\) cannot be used: .*SOCKS.*NO_PROXY"),
        ("ftp://x", r"\(\$ALL_PROXY\) cannot be used: Unknown scheme"),
        ("http://127.0.0.1:9", r"no connection .* through \$ALL_PROXY"),
    ],
)
def test_a_proxy_of_the_environment_that_cannot_be_used_is_named(proxy: str, says: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with Server(lambda request, number: said("x")) as server, pytest.raises((BadInput, EndpointDown), match=says):
        ask(server, ["?"], url="http://192.0.2.1:81/v1")


def test_a_usage_that_cannot_be_is_counted_from_the_text():
    for usage in (None, 7, {"completion_tokens": None}, {"completion_tokens": "7"}, {"completion_tokens": True}):
        body = {"choices": [{"message": {"content": "12345678"}, "finish_reason": "stop"}], "usage": usage}
        assert read(json.dumps(body).encode())[0].tokens == 2


@pytest.mark.parametrize("tokens", ["-5", "9" * 4_000, "1e999"])
def test_a_count_that_no_reply_can_have_is_no_reply(tokens: str):
    body = '{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], "usage": {"completion_tokens": N}}'.replace("N", tokens)
    with pytest.raises(EndpointFailure) as failed:
        read(body.encode())
    assert len(failed.value.reason) < 200 and "\n" not in failed.value.reason
