"""The score head: read where a row ends, learned together with all below it, saved and loaded as Hugging Face's own."""

from __future__ import annotations

import io
import json
import logging
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from aha.backends.local_backend import LocalBackend
from aha.backends.torch_learner import TorchLearner
from aha.batch import ScoreBatch, collate_scores, micro_batches
from aha.errors import BadInput
from aha.objectives import Pairwise, Pointwise
from aha.protocols import Adam, Compute
from aha.tasks.examples import as_conversation
from aha.types import Open, Problem
from tests.backends.models import FAMILIES, built
from tests.stages.small import fresh

ROWS = [[3, 4, 5, 6, 7], [8, 9], [10, 11, 12], [13, 14, 15, 16, 17, 18, 19], [20, 21, 22], [23, 24]]
LABELS = [True, False] * 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fresh(tmp_path_factory.mktemp("fresh"))


def learner(model: str, micro_tokens: int = 10_000) -> TorchLearner:
    made = LocalBackend(Compute(device="cpu", threads=1, micro_tokens=micro_tokens)).learner(
        model, Adam(lr=1e-2), reference=False, head="score"
    )
    assert isinstance(made, TorchLearner)
    return made


def pairs() -> ScoreBatch:
    return collate_scores(ROWS, LABELS, unit=2)


def headed(model: str, folder: Path) -> str:
    """The model with a head that has learned a little."""
    made = learner(model)
    made.update(pairs(), Pairwise())
    made.update(pairs(), Pairwise())
    folder.mkdir()
    made.save(folder)
    return str(folder)


def test_a_new_head_says_0_to_all(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = io.StringIO()
    library = logging.getLogger("transformers")
    monkeypatch.setattr(library, "handlers", [*library.handlers, logging.StreamHandler(messages)])
    assert learner(model).logprobs(pairs(), "policy").tolist() == [0.0] * 6
    assert "newly initialized" not in messages.getvalue()


def test_a_score_is_that_of_the_models_own_forward_pass_at_the_rows_end(model: str, tmp_path: Path) -> None:
    folder = headed(model, tmp_path / "rm")
    theirs = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        want = [theirs(input_ids=torch.tensor([row])).logits[0, 0].item() for row in ROWS]
    assert len({round(score, 4) for score in want}) == 6
    assert learner(folder).logprobs(pairs(), "policy").tolist() == pytest.approx(want, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_scores(family: str, tmp_path: Path) -> None:
    built(family, True).save_pretrained(tmp_path / family)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / family, num_labels=1)
    made = TorchLearner(theirs, Adam(), Compute(device="cpu"), reference=False, head="score")
    with torch.inference_mode():
        want = [theirs(input_ids=torch.tensor([row])).logits[0, 0].item() for row in ROWS]
    assert made.logprobs(pairs(), "policy").tolist() == pytest.approx(want, rel=1e-3, abs=1e-4)


def test_pairs_stay_together_however_rows_are_divided() -> None:
    parts = [sorted(part.tolist()) for part in micro_batches(pairs(), 1)]
    assert parts == [[2, 3], [0, 1], [4, 5]]  # the pair with the longest row first
    assert [sorted(part.tolist()) for part in micro_batches(pairs(), 20)] == [[2, 3], [0, 1, 4, 5]]  # 2 x 7 tokens; 4 x 5


@pytest.mark.parametrize("loss", [Pairwise(), Pointwise()])
def test_every_split_gives_the_gradient_of_the_models_own_loss(model: str, tmp_path: Path, loss: Pairwise | Pointwise) -> None:
    folder = headed(model, tmp_path / "rm")
    theirs = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = torch.stack([theirs(input_ids=torch.tensor([row])).logits[0, 0] for row in ROWS])
    chosen, rejected = scores[0::2], scores[1::2]
    by_hand = -(chosen - rejected).sigmoid().log() + 0.01 * (chosen + rejected) ** 2
    alone = torch.cat([-chosen.sigmoid().log(), -(1 - rejected.sigmoid()).log()])
    (by_hand if isinstance(loss, Pairwise) else alone).mean().backward()
    want = {name: weight.grad for name, weight in theirs.named_parameters()}
    for micro_tokens in (1, 20, 10_000):
        made = learner(folder, micro_tokens)
        (share,) = made.division.shares(collate_scores(ROWS, LABELS, 2 if isinstance(loss, Pairwise) else 1))
        made._gradient(share, loss)
        for name, weight in made.parameters.items():
            torch.testing.assert_close(weight.grad, want[name], rtol=1e-3, atol=1e-6)


def test_what_was_saved_goes_on_to_the_bit(model: str, tmp_path: Path) -> None:
    first, second = learner(model), learner(model)
    first.update(pairs(), Pairwise())
    (tmp_path / "saved").mkdir()
    first.save(tmp_path / "saved")
    second.load(tmp_path / "saved")
    assert first.update(pairs(), Pairwise()) == second.update(pairs(), Pairwise())
    assert first.weights().digest() == second.weights().digest()


# --- the scorer -------------------------------------------------------------------------------------------------------


def conversations() -> list[object]:
    problem = Problem("p", "general", "Hello", "en", Open())
    return [as_conversation(problem, said) for said in ("Hello, how can I help you?", "no", "你好")]


def test_a_scorer_reads_a_conversation_up_to_its_end_token(model: str, tmp_path: Path) -> None:
    folder = headed(model, tmp_path / "rm")
    local_backend = LocalBackend(Compute(device="cpu", threads=1))
    tokenizer = local_backend.tokenizer(folder)
    rows = [tokenizer.encode(f"<|user|>Hello<|assistant|>{said}<|end|>") for said in ("Hello, how can I help you?", "no", "你好")]
    want = learner(folder).logprobs(collate_scores(rows, [True] * 3), "policy").tolist()
    assert local_backend.scorer(folder).score(conversations()) == pytest.approx(want, abs=1e-6)  # type: ignore[arg-type]
    assert local_backend.scorer(folder).score([]) == []


def test_another_thread_is_told_the_same_bits(model: str, tmp_path: Path) -> None:
    scorer = LocalBackend(Compute(device="cpu", threads=1)).scorer(headed(model, tmp_path / "rm"))
    here, there = scorer.score(conversations()), list[float]()  # type: ignore[arg-type]
    thread = threading.Thread(target=lambda: there.extend(scorer.score(conversations())))  # type: ignore[arg-type]
    thread.start()
    thread.join(timeout=30)
    assert here == there


def test_of_what_is_longer_than_the_context_the_end_is_read(model: str, tmp_path: Path) -> None:
    scorer = LocalBackend(Compute(device="cpu", threads=1)).scorer(headed(model, tmp_path / "rm"))
    problem = Problem("p", "general", "Hello", "en", Open())
    [score] = scorer.score([as_conversation(problem, "no " * 200)])
    assert -10 < score < 10


def test_models_that_have_no_such_head_are_refused(model: str, tmp_path: Path) -> None:
    local_backend = LocalBackend(Compute(device="cpu", threads=1))
    with pytest.raises(BadInput, match="has no score head: it was trained to generate text"):
        local_backend.scorer(model)
    folder = Path(headed(model, tmp_path / "rm"))
    weights = load_file(folder / "model.safetensors")
    save_file(
        {**weights, "score.weight": torch.full_like(weights["score.weight"], float("nan"))}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(BadInput, match=r"score.weight holds numbers that are not finite"):
        local_backend.scorer(str(folder))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "id2label": {"0": "a", "1": "b"}}))
    with pytest.raises(BadInput, match="tells 2 labels apart"):
        local_backend.scorer(str(folder))
