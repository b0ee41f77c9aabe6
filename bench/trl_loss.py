"""Our losses beside TRL's on the same batch, where the definitions agree: the difference in loss and the largest in the gradient.

    pip install trl && python bench/trl_loss.py

TRL is not a dependency: it is asked for its loss (`GRPOTrainer._compute_loss`) on a small recurrent model, float32, CPU. Also shown:
what two unequal accumulation steps do to either gradient, against one step over the whole batch.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from aha.batch import PolicyBatch, collate
from aha.learning import correct, loss_function, token_weights
from aha.objectives import Advantages, Cispo, Grpo, Gspo
from aha.protocols import Outputs
from aha.types import Completion, Group, Number, Problem, Score

VOCABULARY, PROMPT, LONGEST = 32, 4, 24


@dataclass(frozen=True)
class Case:
    """One definition that both have: our loss, TRL's settings, and how far (in log-probability) the policy went since the rollout."""

    name: str
    ours: Grpo | Gspo | Cispo
    trl: dict[str, Any] = field(default_factory=dict)
    drift: float = 0.3


PLAIN = Grpo(kl=0.0, dual_clip=None)
CASES = (
    Case("seq-mean = grpo, on policy", PLAIN, {"loss_type": "grpo"}, drift=0.0),
    Case("seq-mean = grpo, clip .2", PLAIN, {"loss_type": "grpo"}),
    Case(
        "seq-mean = grpo, clip .2/.28, delta 3",
        replace(PLAIN, clip_high=0.28, dual_clip=3.0),
        {"loss_type": "grpo", "epsilon_high": 0.28, "delta": 3.0},
        drift=1.0,
    ),
    Case("seq-mean = grpo, beta .04", replace(PLAIN, kl=0.04), {"loss_type": "grpo", "beta": 0.04}),
    Case(
        "seq-mean = grpo, beta .04 unbiased",
        replace(PLAIN, kl=0.04, kl_unbiased=True),
        {"loss_type": "grpo", "beta": 0.04, "unbiased": True},
    ),
    Case("token-mean = bnpo, clip .2", replace(PLAIN, aggregation="token-mean"), {"loss_type": "bnpo"}),
    Case(
        "token-mean = dapo, clip .2/.28, beta .04",
        replace(PLAIN, kl=0.04, clip_high=0.28, aggregation="token-mean"),
        {"loss_type": "dapo", "epsilon_high": 0.28, "beta": 0.04},
    ),
    Case("constant = dr_grpo, clip .2", replace(PLAIN, aggregation="constant", constant_length=LONGEST), {"loss_type": "dr_grpo"}),
    Case("gspo, clip 3e-4/4e-4", Gspo(), {"loss_type": "grpo", "level": "sequence", "epsilon_low": 3e-4, "epsilon_high": 4e-4}),
    Case("cispo, most 1.3", Cispo(most=1.3), {"loss_type": "cispo", "epsilon_high": 1.3}),
    Case("token-tis, cap 2", replace(PLAIN, correction="token-tis"), {"loss_type": "grpo"}),
    Case("icepop, band .5 to 5", replace(PLAIN, correction="icepop"), {"loss_type": "grpo"}),
)


@dataclass(frozen=True)
class Difference:
    """Between our value and TRL's: of the loss, of the gradient (largest), of the gradient under accumulation from the whole (both)."""

    loss: float
    gradient: float
    size: float
    ours_divided: float
    trl_divided: float


class Recurrent(nn.Module):
    """Small and causal, so that padding on the right changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.cell, self.head = nn.Embedding(VOCABULARY, 16), nn.GRU(16, 16, batch_first=True), nn.Linear(16, VOCABULARY)

    def logprobs(self, tokens_BT: Tensor) -> Tensor:
        """The log-probability of every token but the first, given those before it."""
        hidden, _ = self.cell(self.embed(tokens_BT[:, :-1]))
        picked: Tensor = self.head(hidden).log_softmax(-1).gather(2, tokens_BT[:, 1:, None])
        return picked.squeeze(2)


def rollout(groups: int = 4, samples: int = 6) -> list[Group]:
    """Random replies of 1 to LONGEST tokens with random rewards."""
    dice = torch.Generator().manual_seed(0)
    return [_group(samples, dice) for _ in range(groups)]


def _group(samples: int, dice: torch.Generator) -> Group:
    def tokens(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(VOCABULARY, (count,), generator=dice).tolist())

    lengths = torch.randint(1, LONGEST + 1, (samples,), generator=dice).tolist()
    completions = tuple(Completion(tokens(length), (0.0,) * length, "stop", 0) for length in lengths)
    rewards = torch.rand(samples, generator=dice).tolist()
    problem = Problem("random", "none", "", "en", Number("0"))
    return Group(problem, tokens(PROMPT), completions, (), tuple(Score(reward, ()) for reward in rewards))


def padded(batch: PolicyBatch) -> Tensor:
    tokens_BT = torch.zeros(batch.R, PROMPT + LONGEST, dtype=torch.long)
    tokens_BT[batch.row_N, batch.column_N] = batch.tokens_N.long()
    return tokens_BT


def flat(model: Recurrent, batch: PolicyBatch) -> Tensor:
    return model.logprobs(padded(batch))[batch.row_M, batch.column_M - 1]


def step(model: Recurrent, case: Case) -> PolicyBatch:
    """The rollout as one step whose old, sampled and reference log-probabilities lie `drift` away from the policy's."""
    batch = collate(rollout(), Advantages("group_std", eps=1e-4), 1.0, "penalise")
    dice = torch.Generator().manual_seed(1)
    here = flat(model, batch).detach()
    old, mu, reference = (here + case.drift * torch.randn(batch.M, generator=dice) for _ in range(3))
    batch = replace(batch, old_M=old, behaviour_M=mu, reference_M=reference)
    return replace(batch, weight_M=token_weights(case.ours.aggregate, batch))


def gradient_of(model: Recurrent) -> Tensor:
    gradient = torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])
    model.zero_grad()
    return gradient


def ours(model: Recurrent, case: Case, whole: PolicyBatch, pieces: list[list[int]]) -> tuple[float, Tensor]:
    total = 0.0
    for piece in pieces:
        batch = whole.rows(piece)
        loss, _ = loss_function(case.ours)(Outputs(flat(model, batch)), batch)
        loss.backward()
        total += loss.item()
    return total, gradient_of(model)


def theirs(model: Recurrent, case: Case, whole: PolicyBatch, pieces: list[list[int]]) -> tuple[float, Tensor]:
    from trl import GRPOTrainer

    trainer = light_trainer(model, case, whole, len(pieces))
    total = 0.0
    for piece in pieces:
        loss = GRPOTrainer._compute_loss(trainer, model, inputs(case, whole.rows(piece), whole.M))
        loss.backward()
        total += loss.item()
    return total, gradient_of(model)


def inputs(case: Case, batch: PolicyBatch, tokens: int) -> dict[str, Tensor]:
    """A batch as TRL pads it: prompts beside completions."""

    def padded_completions(value_M: Tensor) -> Tensor:
        return torch.zeros(batch.R, LONGEST, dtype=value_M.dtype).index_put((batch.row_M, batch.column_M - PROMPT), value_M)

    tokens_BT, first_M = padded(batch), batch.count_R.cumsum(0) - batch.count_R
    assert batch.reference_M is not None
    values = {
        "prompt_ids": tokens_BT[:, :PROMPT],
        "prompt_mask": torch.ones(batch.R, PROMPT, dtype=torch.long),
        "completion_ids": tokens_BT[:, PROMPT:],
        "completion_mask": padded_completions(torch.ones(batch.M, dtype=torch.long)),
        "advantages": batch.advantage_M[first_M],
        "old_per_token_logps": padded_completions(batch.old_M),
        "ref_per_token_logps": padded_completions(batch.reference_M),
        "num_items_in_batch": torch.tensor(float(tokens)),
    }
    if isinstance(case.ours, Grpo):
        factor_M = correct(batch, case.ours.correction, case.ours.cap, case.ours.band)
        if factor_M is not None:
            values["importance_sampling_ratio"] = padded_completions(factor_M)
    return values


def light_trainer(model: Recurrent, case: Case, whole: PolicyBatch, accumulation: int) -> Any:
    """What `_compute_loss` reads of a trainer, and nothing else."""

    def logps(_: nn.Module, input_ids: Tensor, *__: object, logits_to_keep: int = LONGEST, **___: object) -> tuple[Tensor, Tensor, None]:
        logp = model.logprobs(input_ids)[:, -logits_to_keep:]
        return logp, torch.zeros_like(logp), None

    settings = {"epsilon_low": 0.2, "epsilon_high": 0.2, "delta": None, "beta": 0.0, "unbiased": False, "level": "token"} | case.trl
    same = SimpleNamespace(reduce=lambda value, reduction: value, gather=lambda value: value, num_processes=1)
    corrected = isinstance(case.ours, Grpo) and case.ours.correction != "none"
    return SimpleNamespace(
        model=SimpleNamespace(training=True),
        accelerator=same,
        args=SimpleNamespace(delta=settings["delta"], use_bias_correction_kl=settings["unbiased"], steps_per_generation=accumulation),
        beta=settings["beta"],
        epsilon_low=settings["epsilon_low"],
        epsilon_high=settings["epsilon_high"],
        loss_type=settings["loss_type"],
        importance_sampling_level=settings["level"],
        max_completion_length=LONGEST,
        current_gradient_accumulation_steps=accumulation,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        use_vllm=corrected,
        vllm_importance_sampling_correction=corrected,
        aux_loss_enabled=False,
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list)},
        _get_per_token_logps_and_entropies=logps,
    )


def compare(case: Case) -> Difference:
    torch.manual_seed(0)
    model = Recurrent()
    whole = step(model, case)
    everything = [list(range(whole.R))]
    by_length = whole.length_R.argsort().tolist()
    halves = [by_length[: whole.R // 2], by_length[whole.R // 2 :]]
    our_loss, our_gradient = ours(model, case, whole, everything)
    trl_loss, trl_gradient = theirs(model, case, whole, everything)
    return Difference(
        abs(our_loss - trl_loss),
        _largest(our_gradient - trl_gradient),
        _largest(our_gradient),
        _largest(ours(model, case, whole, halves)[1] - our_gradient),
        _largest(theirs(model, case, whole, halves)[1] - trl_gradient),
    )


def _largest(values: Tensor) -> float:
    return values.abs().max().item()


def main() -> int:
    try:
        import trl
    except ImportError:
        print("trl is not installed: nothing to compare with (pip install trl)", file=sys.stderr)
        return 2
    print(f"trl {trl.__version__}, torch {torch.__version__}; differences between ours and TRL's, and of two uneven halves from the whole")
    print(f"{'':42}{'loss':>10}{'gradient':>10}{'(largest)':>11}{'our halves':>12}{'TRL halves':>12}")
    for case in CASES:
        seen = compare(case)
        print(f"{case.name:42}{seen.loss:10.1e}{seen.gradient:10.1e}{seen.size:11.1e}{seen.ours_divided:12.1e}{seen.trl_divided:12.1e}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
