"""What `--hardware` takes, and what it refuses in one line before anything is loaded."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest

from aha.backends.hardware import Hardware, check_address, read_hardware
from aha.commands.arguments import check_machine
from aha.commands.train import check_ranks
from aha.errors import BadInput
from aha.protocols import Compute
from aha.recipes import zero
from aha.stages.rl import Rl
from aha.types import Lora
from tests.commands.conftest import Aha


def test_a_machine_is_named_with_its_settings() -> None:
    assert read_hardware("local") == read_hardware("laptop") == Hardware()
    assert read_hardware("node").kind == "node"
    assert read_hardware(" cluster( engines=2, ranks = 3,graders=0,address=ray://a:1 ) ") == Hardware("cluster", 2, 3, 0, "ray://a:1")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("cloud", "it is local"),
        ("cluster(engines=0)", "engines is '0': it is a number, 1 or more"),
        ("cluster(engines=two)", "engines is 'two'"),
        ("cluster(gpus=2)", "'gpus=2' is not one of its settings"),
        ("cluster(engines)", "'engines' is not one of its settings"),
        ("node(ranks=2)", "node takes no settings"),
        ("cluster(engines=2", "it is local"),
        ("", "'': it is local"),
        ("cluster(engines=²)", "engines is '²': it is a number"),
        ("cluster(engines=2,engines=3)", "engines is given twice"),
        ("cluster(address=)", "address is '': it is host:port"),
        ("cluster(address=:6379)", "address is ':6379': it is host:port"),
        ("cluster(address=10.0.0.1)", "it is host:port, as in"),
        ("cluster(address=10.0.0.1:99999)", "it is host:port, as in"),
        ("cluster(address=http://10.0.0.1:6379)", "it is host:port, as in"),
    ],
)
def test_what_is_no_machine_is_refused(text: str, seen: str) -> None:
    with pytest.raises(BadInput, match=r"--hardware") as refusal:
        read_hardware(text)
    assert seen in str(refusal.value) and "\n" not in str(refusal.value)


RANKS = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("text", "variables", "seen"),
    [
        ("node", {}, "RANK is not set: start the command with torchrun"),
        ("node", RANKS | {"RANK": "x"}, "RANK is 'x' and has to be a number"),
        ("node", RANKS | {"RANK": "2"}, "RANK is 2 of 2 ranks"),
        ("local", RANKS, "torchrun started 2 processes, and without --hardware node each would do the whole run"),
        ("cluster(engines=2)", RANKS, "torchrun started 2 processes"),
        ("cluster(engines=1000)", {}, "1000 engines on"),
        ("cluster(ranks=1000)", {}, "1000 ranks on"),
        ("cluster(address=127.0.0.1:1)", {}, "no Ray cluster answers at 127.0.0.1:1 (Connection refused)"),
    ],
)
def test_hardware_that_is_not_there_is_one_line_before_torch_is_loaded(
    monkeypatch: pytest.MonkeyPatch, text: str, variables: dict[str, str], seen: str
) -> None:
    pytest.importorskip("ray")
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as refusal:
        check_machine(read_hardware(text), Compute())
    assert seen in str(refusal.value) and "\n" not in str(refusal.value)


def test_no_ray_and_too_little_memory_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aha.commands.arguments.available", lambda: 1 << 30)
    with pytest.raises(BadInput, match=r"6 processes take 2.3 GiB before they have a model, and 1.0 GiB are free"):
        check_machine(read_hardware("cluster(engines=2,ranks=2,graders=2)"), Compute())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"ray is not installed: pip install 'aha\[cluster\]'"):
        check_machine(read_hardware("cluster"), Compute())


ANSWERS = {
    "gRPC": (bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)) + bytes((0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88)), ""),
    "a page that is not found": (bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)) + bytes((0, 0, 1, 1, 4, 0, 0, 0, 1, 0x8D)), "is not a Ray cluster"),
    "HTTP/1": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not a Ray cluster"),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", "is not a Ray cluster"),
    "nothing": (b"", "is not a Ray cluster"),
    "a frame that never ends": (b"\xff\xff\xff" + bytes(70_000), "is not a Ray cluster"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_answers_at_an_address_is_asked_for_a_status(name: str) -> None:
    answer, seen = ANSWERS[name]
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=speak, args=(server, answer), daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if not seen:
            check_address(address)
            return
        with pytest.raises(BadInput) as refusal:
            check_address(address)
    assert seen in str(refusal.value)


def test_a_silent_address_is_given_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aha.backends.hardware.ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(BadInput, match="timed out"):
        check_address(f"127.0.0.1:{server.getsockname()[1]}")


def speak(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        with suppress(OSError):
            connection.sendall(answer)


def test_a_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    from aha.backends import ray_cluster

    def timed_out(**settings: object) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen because ...")  # as Ray itself raises it

    monkeypatch.setattr(ray, "init", timed_out)
    with pytest.raises(BadInput) as refusal:
        ray_cluster._init("", 2)
    assert str(refusal.value).startswith("--hardware cluster: Ray does not start on this machine, which may be too busy: The current node")
    assert "\n" not in str(refusal.value)


def own_loss(batch: object) -> object:
    return batch


LEARNS_ALONE: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "an adapter on a cluster": (
        "cluster",
        "",
        {"lora": Lora(rank=4)},
        "--zero.lora.rank 4: adapters learn on one device; leave",
    ),
    "an adapter on two ranks": ("node", "2", {"lora": Lora(rank=4)}, "--zero.lora.rank 4: adapters learn on one device"),
    "a loss of one's own on two ranks": (
        "node",
        "2",
        {"loss": own_loss},
        "zero.loss own_loss: a loss of your own is not sent",
    ),
    "an adapter on one rank": ("node", "1", {"lora": Lora(rank=4)}, ""),
    "a loss of one's own here": ("local", "", {"loss": own_loss}, ""),
    "a loss of ours on two ranks": ("node", "2", {}, ""),
}


@pytest.mark.parametrize("name", LEARNS_ALONE)
def test_what_learns_in_one_process_is_refused_before_anything_is_sampled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, size, changes, line = LEARNS_ALONE[name]
    monkeypatch.setenv("WORLD_SIZE", size)
    base = zero()
    recipe = replace(base, stages=tuple((name, replace(stage, **changes)) for name, stage in base.stages if isinstance(stage, Rl)))
    with pytest.raises(BadInput, match=re.escape(line)) if line else nullcontext():
        check_ranks(Hardware(kind), recipe)


def test_an_engine_that_takes_no_weights_while_it_samples_is_refused_for_partial_replies(aha: Aha) -> None:
    said = aha("run", "zero", "--partial", "true", "--lag", "1", "--engine", "vllm")
    assert said.code == 2 and "partial true: engine vllm takes no weights while it samples" in said.err
