"""On a GPU the engine looks every few steps who has finished; that is played through here on the CPU."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aha.backends.torch_engine import TorchEngine
from aha.protocols import Sampling
from aha.types import Completion
from tests.backends.models import KINDS, built, named
from tests.backends.test_engine_contract import ASKS, COMPUTE, STOP
from tests.counts import ordinary


def said(kind: tuple[str, bool], steps: int, rows: int) -> dict[int, list[Completion]]:
    engine = TorchEngine(built(*kind), STOP, replace(COMPUTE, rows=rows))
    engine._look_every = steps
    return dict(engine.generate(ASKS, Sampling(max_tokens=30)))


@pytest.mark.parametrize("kind", KINDS[::6], ids=named)
@pytest.mark.parametrize("rows", ordinary([5, 100], 100))
def test_looking_seldom_changes_nothing_that_is_said(kind: tuple[str, bool], rows: int) -> None:
    often, seldom = said(kind, 1, rows), said(kind, 8, rows)
    assert often.keys() == seldom.keys()
    for i, completions in often.items():
        for one, other in zip(completions, seldom[i], strict=True):
            assert (one.tokens, one.finished) == (other.tokens, other.finished)
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
