"""A learner divided over two ranks is the learner of one process: gradients, checkpoints, memory, and what is refused."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from aha.backends.hf import load_tokenizer
from aha.backends.local_backend import LocalBackend, write_fresh
from aha.backends.shares import Division
from aha.batch import Batch, collate_documents, collate_scores
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute
from tests.backends import ranks
from tests.backends.ranks import LENGTHS, documents
from tests.endtoend.conftest import Command, Warm, until

SHAPE = {
    "model_type": "qwen2",
    "vocab_size": 1640,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}
EXPERTS = {
    "model_type": "qwen3_moe",
    "head_dim": 8,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "output_router_logits": True,
    "router_aux_loss_coef": 0.3,
    "tie_word_embeddings": False,
}


def model(folder: Path, shape: dict[str, Any]) -> str:
    """Weights far enough from zero that a mistake shows."""
    write_fresh(shape, folder, 7)
    load_tokenizer("tiny").inner.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    save_file({name: 4 * tensor for name, tensor in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def start(warm: Warm, rank: int, port: str, words: list[str]) -> Command:
    environ = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": str(rank), "LOCAL_RANK": str(rank)}
    return warm.start(ranks.__file__, *words, environ=environ)


def run_ranks(warm: Warm, folder: Path, ports: list[str]) -> None:
    words = [str(folder), model(folder / "dense", SHAPE), model(folder / "mixed", SHAPE | EXPERTS), *ports]
    port = free_port()
    started = [start(warm, rank, port, words) for rank in range(2)]
    until(lambda: all(rank.over for rank in started), 280)
    for rank in started:
        rank.send(signal.SIGKILL)
    assert [rank.code for rank in started] == [0, 0], "\n".join(rank.said[-3000:] for rank in started)


@pytest.fixture(scope="module")
def staged(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("stages")
    run_ranks(warm, folder, [])
    seen: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return seen


@pytest.fixture(scope="module")
def seen(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("ranks")
    run_ranks(warm, folder, [free_port(), free_port()])
    own = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(2)]
    return {"ranks": own, **json.loads((folder / "seen.json").read_text())}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rows", "packed", "few", "policy", "pairs", "experts"])
def test_two_ranks_have_the_gradient_and_the_metrics_of_one_process(seen: dict[str, Any], kind: str) -> None:
    assert seen[kind]["gradient"] < 1e-5 and seen[kind]["metrics"] < 1e-4
    assert seen[kind]["names"][0] == seen[kind]["names"][1]


@pytest.mark.slow
def test_what_one_process_saved_two_ranks_go_on_from_and_the_other_way_round(seen: dict[str, Any]) -> None:
    resumed = seen["resumed"]
    assert resumed["loss"] < 1e-5 and resumed["reference"] < 1e-4 and resumed["moved"] > 0.1
    assert {f"{stem}-0000{rank}-of-00002.safetensors" for stem in ("model", "optimizer", "reference") for rank in (1, 2)} < {
        *resumed["files"]
    }
    assert seen["digests"][0] == seen["digests"][1]


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sft", "distil", "prefer"])
def test_a_stage_has_the_gradient_of_one_process_and_goes_on_with_another_number_of_ranks(staged: dict[str, Any], kind: str) -> None:
    print(kind, staged[kind])
    assert staged[kind]["gradient"] < 1e-5 and staged[kind]["metrics"] < 1e-4
    assert staged[kind]["steps"] == [4, 4]
    both, one = [f"optimizer-0000{rank}-of-00002.safetensors" for rank in (1, 2)], ["optimizer.safetensors"]
    assert staged[kind]["files"] == [both, one, both]


@pytest.mark.slow
def test_a_rank_holds_half_of_the_weights_gradients_moments_and_of_the_reference(seen: dict[str, Any]) -> None:
    for rank in seen["ranks"]:
        assert max(rank[what] for what in ("parameters", "gradients", "moments", "reference")) <= 0.55
        assert rank["whole_tensors"] == rank["after"] == 0


@pytest.mark.slow
def test_ranks_that_disagree_on_settings_are_all_told_in_one_line(seen: dict[str, Any]) -> None:
    for rank in seen["ranks"]:
        assert rank["refused"].startswith("ranks were started with other settings: optim.lr is 0.0 on rank 0 and 1.0 on rank 1")


# --- how a step is divided ---------------------------------------------------------------------------------------------


def division(count: int, micro_tokens: int = 24) -> Division:
    return Division(count, micro_tokens, packs=True, width=24)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_every_row_is_in_one_share_and_all_ranks_have_as_many_passes(count: int, packed: bool) -> None:
    batch = documents(packed=packed)
    shares = division(count).shares(batch)
    assert sorted(row for share in shares for row in share.rows.tolist()) == list(range(batch.R))
    assert len({len(share.passes) for share in shares}) == 1
    for share in shares:
        counted = [row for rows in share.passes[: share.count] for row in rows.tolist()]
        assert sorted(counted) == (list(range(len(share.rows))) if share.count else [])
        assert share.batch.normaliser == batch.normaliser


def test_work_is_balanced_by_tokens_and_by_what_they_attend_to() -> None:
    shares = division(2).shares(collate_documents([[1] * length for length in (64, 32, 32, 8, 8)]))
    assert sorted(share.batch.length_R.tolist() for share in shares) == [[32, 32, 8, 8], [64]]


def test_rows_that_train_nothing_are_in_no_share_and_pairs_stay_together() -> None:
    marks = [[True] * 5, [False] * 9, [True] * 3]
    shares = division(2).shares(collate_documents([[1] * 5, [2] * 9, [3] * 3], marks))
    assert sorted(row for share in shares for row in share.rows.tolist()) == [0, 2]
    pairs = division(2).shares(collate_scores([[1] * length for length in (4, 9, 2, 2, 7, 1)], [True, False] * 3, 2))
    assert {tuple(rows) for share in pairs for rows in share.rows.view(-1, 2).tolist()} == {(0, 1), (2, 3), (4, 5)}


def test_a_batch_that_trains_nothing_has_no_pass() -> None:
    assert [share.passes for share in division(2).shares(collate_documents([[3], [4]]))] == [(), ()]


# --- a mixture of experts ----------------------------------------------------------------------------------------------


def test_experts_have_transformers_own_loss_balance_and_gradient(tmp_path: Path) -> None:
    folder, batch = model(tmp_path / "mixed", SHAPE | EXPERTS), documents()
    own = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rows, width = batch.tokens_N.split(batch.length_R.tolist()), max(LENGTHS)
    tokens, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(2))
    labels = torch.full_like(tokens, -100)
    for number, row in enumerate(rows):
        tokens[number, : len(row)], mask[number, : len(row)], labels[number, : len(row)] = row, 1, row
    outputs = own(input_ids=tokens, attention_mask=mask, labels=labels)
    outputs.loss.backward()
    for micro_tokens in (24, 10_000):
        learner = LocalBackend(Compute(device="cpu", micro_tokens=micro_tokens)).learner(folder, Adam(clip=1e9), reference=False)
        total, metrics = learner._gradient(learner.division.shares(batch)[0], CrossEntropy())  # type: ignore[attr-defined]
        assert total == pytest.approx(outputs.loss.item(), rel=1e-5)
        assert metrics["balance"] == pytest.approx(0.3 * outputs.aux_loss.item(), rel=1e-5)
        for name, weight in own.named_parameters():
            got = learner.parameters[name].grad  # type: ignore[attr-defined]
            torch.testing.assert_close(got, weight.grad, rtol=1e-4, atol=1e-5, msg=(name + ": {}").format)


def test_rows_side_by_side_are_routed_as_rows_alone(tmp_path: Path) -> None:
    folder = model(tmp_path / "mixed", SHAPE | EXPERTS)
    seen = []
    for packed in (False, True):
        learner = LocalBackend(Compute(device="cpu", micro_tokens=24)).learner(folder, Adam(), reference=False)
        seen.append(learner.update(documents(packed=packed), CrossEntropy()))
    assert seen[0] == pytest.approx(seen[1], rel=1e-4)


def test_the_type_of_a_batch_is_kept_in_its_shares() -> None:
    assert type(division(2).shares(documents())[0].batch) is Batch
