"""A recipe of 0.1 may have named settings by their place alone: what has come since stands behind, by name only."""

from dataclasses import fields

import pytest

from aha.protocols import Adam, Compute, Sampling
from aha.stages.rl import Rl
from aha.stages.sft import Sft

PLACES = {
    Compute: "device dtype micro_tokens rows checkpointing threads",
    Sft: "model data template optim epochs batch final_rate max_tokens too_long bad_rows stopping seed save_every keep_last keep_every",
    Rl: "model problems template rewards loss advantages sampling optim filter truncation old questions samples minibatches steps "
    "reference_every anneal_from schedule late probe seed save_every keep_last keep_every",
    Adam: "lr betas eps weight_decay warmup_steps clip",
    Sampling: "temperature top_p max_tokens",
}


@pytest.mark.parametrize("kind", PLACES, ids=lambda kind: kind.__name__)
def test_a_setting_stands_where_it_stood_in_0_1(kind: type) -> None:
    places = [field.name for field in fields(kind) if field.init and not field.kw_only]
    expected = PLACES[kind].split()
    assert places[: len(expected)] == expected
