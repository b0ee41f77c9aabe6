"""The losses on four tokens, by hand: values, gradients, bounds."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from aha.batch import Batch, PolicyBatch, collate_documents
from aha.errors import BadInput
from aha.learning import k3, loss_function, surrogate, token_weights
from aha.objectives import Advantages, Cispo, CrossEntropy, Grpo, Gspo
from aha.protocols import Loss, Metrics, Outputs
from tests.objectives.samples import four_tokens, policy_batch

FREE = Grpo(kl=0.0)


def learn(loss: Loss, batch: Batch, logp: Tensor) -> tuple[float, list[float], Metrics]:
    """(loss, its gradient in each log-probability, metrics)."""
    logp_M = logp.clone().requires_grad_()
    value, metrics = loss_function(loss)(Outputs(logp_M), batch)
    value.backward()
    assert logp_M.grad is not None
    return value.item(), logp_M.grad.tolist(), metrics


def at_ratio(batch: PolicyBatch, *r: float) -> Tensor:
    """Log-probabilities whose ratio to old is r."""
    return batch.old_M + torch.tensor(r, dtype=batch.old_M.dtype).log()


# --- on policy --------------------------------------------------------------------------------------------------------


def test_on_policy_the_loss_of_a_group_is_0_and_the_gradient_is_the_policy_gradient() -> None:
    batch = policy_batch([[1, 0, 0, 1]], [[3, 1, 2, 4]])
    (worth,) = Advantages("group_std", eps=0.0)([[1, 0, 0, 1]])
    batch = replace(batch, advantage_M=torch.tensor(worth, dtype=torch.float32)[batch.row_M], weight_M=token_weights(FREE.aggregate, batch))
    value, gradient, _ = learn(FREE, batch, batch.old_M)
    assert value == pytest.approx(0, abs=1e-7)
    assert gradient == pytest.approx((-batch.advantage_M / (4 * batch.count_R[batch.row_M])).tolist())


def test_on_policy_every_metric_of_distance_is_0_and_all_samples_count() -> None:
    _, _, metrics = learn(FREE, four_tokens(), four_tokens().old_M)
    assert metrics == {
        "loss": -1.0, "clip_low": 0, "clip_high": 0, "clip_dual": 0, "kl_old": 0, "ess_old": 1, "kl_old_k1": 0, "mismatch_kl": 0, "ess": 1,
    }  # fmt: skip


# --- clipping ---------------------------------------------------------------------------------------------------------


def test_a_rewarded_token_is_pushed_up_to_1_plus_high_and_no_further() -> None:
    loss = Grpo(kl=0.0, clip_low=0.2, clip_high=0.5)
    batch = four_tokens(2.0)
    value, gradient, metrics = learn(loss, batch, at_ratio(batch, 0.1, 1.0, 1.4, 1.6))
    assert value == pytest.approx(-2 * (0.1 + 1.0 + 1.4 + 1.5) / 4)
    assert gradient == pytest.approx([-0.05, -0.5, -0.7, 0])  # -A r / 4
    assert (metrics["clip_high"], metrics["clip_low"], metrics["clip_dual"]) == (0.25, 0, 0)


def test_a_punished_token_is_pushed_down_to_1_minus_low_and_no_further() -> None:
    loss = Grpo(kl=0.0, clip_low=0.2, clip_high=0.7)
    batch = four_tokens(-1.0)
    value, gradient, metrics = learn(loss, batch, at_ratio(batch, 0.5, 0.9, 1.0, 2.0))
    assert value == pytest.approx((0.8 + 0.9 + 1.0 + 2.0) / 4)
    assert gradient == pytest.approx([0, 0.225, 0.25, 0.5])
    assert (metrics["clip_high"], metrics["clip_low"], metrics["clip_dual"]) == (0, 0.25, 0)


def test_the_dual_clip_bounds_what_a_punished_token_costs() -> None:
    batch = four_tokens(-2.0)
    value, gradient, metrics = learn(FREE, batch, at_ratio(batch, 1.0, 2.5, 4.0, 1000.0))
    assert value == pytest.approx(2 * (1.0 + 2.5 + 3.0 + 3.0) / 4)
    assert gradient == pytest.approx([0.5, 1.25, 0, 0])
    assert metrics["clip_dual"] == 0.5


def test_without_the_dual_clip_nothing_bounds_it() -> None:
    batch = four_tokens(-2.0)
    value, _, _ = learn(replace(FREE, dual_clip=None), batch, at_ratio(batch, 1.0, 1.0, 1.0, 1000.0))
    assert value == pytest.approx(2 * (1 + 1 + 1 + 1000) / 4)


@given(
    st.floats(-30, 30),
    st.integers(-500, 500).map(lambda hundredths: hundredths / 100),
    st.floats(0, 1),
    st.floats(0, 10),
    st.floats(1.01, 10),
)
def test_no_setting_lets_a_token_cost_more_than_the_dual_clip(log_r: float, advantage: float, low: float, high: float, dual: float) -> None:
    r, worth = torch.tensor([log_r]).clamp(-20, 20).exp(), torch.tensor([advantage])
    cost = surrogate(r, worth, low, high, dual)[0].item()
    # a token costs most where a punished one rose, and earns most where a rewarded one rose to the clip
    assert -max(advantage, 0) * (1 + high) * 1.0001 <= cost <= max(-advantage, 0) * dual * 1.0001


def test_a_ratio_that_overflows_gives_a_finite_loss_and_gradient() -> None:
    batch = four_tokens(-1.0)
    value, gradient, _ = learn(FREE, batch, batch.old_M + 2000)
    assert value == 3.0 and gradient == [0, 0, 0, 0]


# --- off policy -------------------------------------------------------------------------------------------------------


def test_a_token_without_advantage_moves_nothing_however_far_the_policy_went() -> None:
    batch = four_tokens(0.0)
    value, gradient, _ = learn(FREE, batch, at_ratio(batch, 0.01, 0.5, 3, 100))
    assert value == 0 and gradient == [0, 0, 0, 0]


def test_how_far_the_policy_went_is_measured_in_k1_and_k3() -> None:
    batch = four_tokens()
    _, _, metrics = learn(FREE, batch, at_ratio(batch, 2, 2, 2, 2))
    assert metrics["kl_old"] == pytest.approx(2 - log(2) - 1)
    assert metrics["kl_old_k1"] == pytest.approx(-log(2))


def test_the_correction_weighs_the_surrogate_and_leaves_the_divergence_alone() -> None:
    batch = four_tokens(1.0)
    batch = replace(batch, behaviour_M=batch.old_M - log(8), reference_M=batch.old_M + log(2))
    value, _, metrics = learn(Grpo(kl=0.5, correction="token-tis", cap=2.0), batch, batch.old_M)
    assert value == pytest.approx(-2.0 + 0.5 * (2 - log(2) - 1))
    assert metrics["mismatch_kl"] == pytest.approx(8 - log(8) - 1)
    assert metrics["ess"] == pytest.approx(1)


# --- divergence from the reference ------------------------------------------------------------------------------------


@given(st.floats(-1e4, 0), st.floats(-1e4, 0))
def test_k3_is_never_negative_and_at_most_10(reference: float, logp: float) -> None:
    assert -1e-6 <= k3(torch.tensor(reference), torch.tensor(logp)).item() <= 10


def test_the_divergence_and_its_gradient() -> None:
    batch = replace(four_tokens(0.0), reference_M=four_tokens().old_M + log(2))
    value, gradient, metrics = learn(Grpo(kl=0.1), batch, batch.old_M)
    assert value == pytest.approx(0.1 * (2 - log(2) - 1))
    assert metrics["kl_ref"] == pytest.approx(2 - log(2) - 1)
    assert gradient == pytest.approx([0.1 * (1 - 2) / 4] * 4)  # d k3 / d logp = 1 - ref / pi


def test_the_unbiased_divergence_has_the_gradient_of_the_divergence_itself() -> None:
    """Over all of a distribution's tokens, weighed by old = pi: d/dlogp of r k3 sums to d KL(pi | ref)."""
    pi, reference = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64), torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    logits = pi.log().requires_grad_()
    ours, _ = loss_function(Grpo(kl=1.0, kl_unbiased=True))(
        Outputs(logits.log_softmax(0)), replace(four_tokens(0.0, old=pi.log().tolist()), weight_M=pi, reference_M=reference.log())
    )
    (gradient,) = torch.autograd.grad(ours, logits)
    truth = (logits.softmax(0) * (logits.log_softmax(0) - reference.log())).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(truth, logits)[0])


def test_without_kl_a_reference_changes_no_bit() -> None:
    batch = four_tokens([1.0, -1.0, 0.5, 0.0])
    logp = at_ratio(batch, 0.7, 1.1, 1.3, 2.0)
    without = learn(FREE, batch, logp)
    assert learn(FREE, replace(batch, reference_M=torch.full((4,), float("nan"))), logp) == without
    assert not FREE.needs_reference and Grpo(kl=0.001).needs_reference


def test_kl_without_a_reference_says_so() -> None:
    with pytest.raises(BadInput, match="the batch has no reference log-probabilities"):
        learn(Grpo(kl=0.001), four_tokens(), four_tokens().old_M)


# --- what is broken is seen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [Grpo(kl=0.001), Grpo(kl=0.0, correction="icepop"), Gspo(), Cispo()])
@pytest.mark.parametrize("advantage", [1.0, -1.0, 0.0])
def test_a_log_probability_that_is_nan_makes_the_loss_nan(loss: Loss, advantage: float) -> None:
    batch = replace(four_tokens(advantage), reference_M=four_tokens().old_M)
    value, _, metrics = learn(loss, batch, batch.old_M + torch.tensor([0, float("nan"), 0, 0]))
    assert value != value and metrics["loss"] != metrics["loss"]


@pytest.mark.parametrize("loss", [Grpo(), Gspo(), Cispo()])
def test_a_batch_without_a_trained_token_has_loss_0(loss: Loss) -> None:
    batch = policy_batch([[1, 0]], [[1, 1]]).rows([])
    value, gradient, metrics = learn(loss, batch, batch.old_M)
    assert (value, gradient, set(metrics.values())) == (0, [], {0.0})


def test_a_policy_loss_refuses_documents() -> None:
    with pytest.raises(TypeError, match="a policy loss was handed a plain Batch"):
        loss_function(Grpo())(Outputs(torch.zeros(1)), collate_documents([[1, 2]]))


@pytest.mark.parametrize(
    ("settings", "seen"),
    [({"clip_low": 1.5}, "clip_low is 1.5"), ({"kl": -1.0}, "kl is -1.0"), ({"dual_clip": 1.0}, "dual_clip is 1.0"),
     ({"aggregation": "constant"}, "constant_length is None")],
)  # fmt: skip
def test_settings_that_cannot_work_say_so(settings: dict[str, object], seen: str) -> None:
    with pytest.raises(BadInput, match=seen):
        Grpo(**settings)  # type: ignore[arg-type]


# --- the others -------------------------------------------------------------------------------------------------------


def test_gspo_clips_a_whole_reply_by_its_geometric_mean() -> None:
    batch = four_tokens(1.0)
    value, gradient, _ = learn(Gspo(clip_low=0.1, clip_high=0.1), batch, at_ratio(batch, 2, 0.5, 2, 0.5))
    assert value == pytest.approx(-1) and gradient == pytest.approx([-0.25] * 4)  # the mean is 1: every token keeps its gradient
    value, gradient, metrics = learn(Gspo(clip_low=0.1, clip_high=0.1), batch, at_ratio(batch, 2, 1, 1, 1))
    assert value == pytest.approx(-1.1) and gradient == [0] * 4 and metrics["clip_high"] == 1  # 2 ** (1/4) = 1.19


def test_cispo_keeps_the_gradient_of_a_token_beyond_the_clip() -> None:
    batch = four_tokens(1.0)
    _, gradient, metrics = learn(Cispo(most=5.0), batch, at_ratio(batch, 0.5, 1, 4, 100))
    assert gradient == pytest.approx([-0.125, -0.25, -1.0, -1.25]) and metrics["clip_high"] == 0.25


def test_cross_entropy_is_the_mean_of_minus_log_p() -> None:
    value, gradient, metrics = learn(CrossEntropy(), collate_documents([[1, 2, 3], [4, 5]]), torch.tensor([-1.0, -2.0, -6.0]))
    assert value == pytest.approx(3) and gradient == pytest.approx([-1 / 3] * 3) and metrics == {"loss": pytest.approx(3)}


def test_entropy_is_reported_where_the_learner_gives_it() -> None:
    outputs = Outputs(torch.zeros(3), entropy_M=torch.tensor([1.0, 2.0, 3.0]))
    _, metrics = loss_function(CrossEntropy())(outputs, collate_documents([[1, 2, 3], [4, 5]]))
    assert metrics["entropy"] == 2


def test_the_divergence_of_a_policy_that_forgot_a_token_stays_at_10() -> None:
    batch = replace(four_tokens(0.0), reference_M=four_tokens().old_M)
    value, gradient, _ = learn(Grpo(kl=1.0), batch, batch.old_M - 100)
    assert value == 10 and gradient == [0] * 4


def test_the_effective_share_of_the_ratio_is_counted_by_hand() -> None:
    batch = policy_batch([[1, 0]], [[2, 2]])
    batch = replace(batch, advantage_M=torch.ones(4), weight_M=torch.full((4,), 0.25))
    _, _, metrics = learn(FREE, batch, batch.old_M + torch.tensor([0.0, log(3), 0.0, 0.0]))
    assert metrics["ess_old"] == pytest.approx(
        (2**2 / 5 + 1) / 2
    )  # r is 1 and 3 in the first reply: mean 2, mean square 5; 1 and 1 in the other
    assert metrics["kl_old"] == pytest.approx((3 - log(3) - 1) / 4)
