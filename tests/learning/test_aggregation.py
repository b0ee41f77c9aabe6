"""One weight per trained token, by hand: two groups, rows of 1 and 3 tokens in the first, 2 and 2 in the second."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aha.batch import PolicyBatch
from aha.errors import BadInput
from aha.learning import loss_function, token_weights
from aha.objectives import Aggregate, Cispo, Grpo, Gspo
from aha.protocols import Loss, Outputs
from tests.counts import examples
from tests.objectives.samples import policy_batch

BATCH = policy_batch([[1, 0], [1, 0]], [[1, 3], [2, 2]])
ALL = (Aggregate("seq-mean"), Aggregate("token-mean"), Aggregate("constant", 10), Aggregate("prompt-mean"))


def weights(aggregate: Aggregate, batch: PolicyBatch = BATCH) -> list[float]:
    return token_weights(aggregate, batch).tolist()


def test_seq_mean_gives_each_of_4_rows_a_quarter() -> None:
    assert weights(Aggregate("seq-mean")) == pytest.approx([1 / 4, 1 / 12, 1 / 12, 1 / 12, 1 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_token_mean_gives_each_of_8_tokens_an_eighth() -> None:
    assert weights(Aggregate("token-mean")) == [1 / 8] * 8


def test_constant_divides_by_4_rows_times_the_length() -> None:
    assert weights(Aggregate("constant", 10)) == pytest.approx([1 / 40] * 8)


def test_prompt_mean_gives_each_group_a_half_spread_over_its_tokens() -> None:
    uneven = policy_batch([[1, 0], [1, 0]], [[1, 3], [1, 1]])
    assert weights(Aggregate("prompt-mean"), uneven) == pytest.approx([1 / 8] * 4 + [1 / 4] * 2)


@pytest.mark.parametrize("aggregate", ALL)
def test_a_row_without_a_trained_token_counts_nowhere(aggregate: Aggregate) -> None:
    masked = replace(  # the row of 1 token loses it: 3 rows and 7 tokens are left
        BATCH,
        trained_N=BATCH.trained_N.clone().index_fill(0, torch.tensor([2]), False),
        **{name: getattr(BATCH, name)[1:] for name in ("weight_M", "advantage_M", "behaviour_M", "old_M", "reference_M")},
    )
    without = BATCH.rows([1, 2, 3])
    assert masked.count_R.tolist() == [0, 3, 2, 2]
    assert weights(aggregate, masked) == weights(aggregate, without)


@pytest.mark.parametrize("aggregate", ALL)
def test_a_batch_without_a_trained_token_has_no_weights(aggregate: Aggregate) -> None:
    assert weights(aggregate, BATCH.rows([])) == []


def test_constant_needs_its_length() -> None:
    with pytest.raises(BadInput, match="constant_length is None"):
        Aggregate("constant")


# --- every split gives the same gradient ------------------------------------------------------------------------------


def losses() -> list[tuple[Loss, Aggregate]]:
    grpo = [Grpo(kl=0.1, aggregation=each.mode, constant_length=each.length) for each in ALL]
    policy: list[Grpo | Gspo | Cispo] = [*grpo, Gspo(), Cispo(), Grpo(correction="seq-geo", band=(0.5, 2.0))]
    return [(loss, loss.aggregate) for loss in policy]


def gradient(loss: Loss, step: PolicyBatch, pieces: list[list[int]]) -> tuple[torch.Tensor, dict[str, float]]:
    """Of a linear model's weights, one backward pass for each piece; and the metrics of the pieces added up."""
    model = torch.linspace(-1, 1, 16 * 16, dtype=torch.float64).sin().reshape(16, 16).requires_grad_()
    total: dict[str, float] = {}
    for piece in pieces:
        batch = step.rows(piece)
        before = batch.tokens_N[batch.trained_N.nonzero().flatten() - 1]
        logp_M = model[before].log_softmax(-1).gather(1, batch.tokens_N[batch.trained_N][:, None]).squeeze(1)
        value, metrics = loss_function(loss)(Outputs(logp_M, entropy_M=-logp_M), batch)
        value.backward()
        total = {name: total.get(name, 0.0) + number for name, number in metrics.items()}
    assert model.grad is not None
    return model.grad, total


@st.composite
def steps(draw: st.DrawFn) -> tuple[PolicyBatch, list[list[int]]]:
    sizes = draw(st.lists(st.lists(st.integers(1, 6), min_size=2, max_size=4), min_size=1, max_size=3))
    batch = policy_batch([[float(index) for index in range(len(row))] for row in sizes], sizes)
    piece = draw(st.lists(st.integers(0, 3), min_size=batch.R, max_size=batch.R))
    noise = torch.linspace(-1, 1, batch.M).cos()
    batch = replace(batch, old_M=batch.old_M + 0.2 * noise, reference_M=batch.old_M - 0.3 * noise)
    return batch, [rows for name in range(4) if (rows := [row for row, of in enumerate(piece) if of == name])]


@examples(40)
@given(steps())
def test_every_division_into_micro_batches_gives_the_same_gradient_and_metrics(drawn: tuple[PolicyBatch, list[list[int]]]) -> None:
    batch, pieces = drawn
    for loss, aggregate in losses():
        step = replace(batch, weight_M=token_weights(aggregate, batch))
        whole, metrics = gradient(loss, step, [list(range(batch.R))])
        divided, summed = gradient(loss, step, pieces)
        torch.testing.assert_close(divided, whole, rtol=1e-9, atol=1e-12)
        assert summed == pytest.approx(metrics, rel=1e-9, abs=1e-12)
