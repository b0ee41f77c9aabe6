"""A wider corpus: besides searches for a countdown, what the later stages of R1 are about, as people leave it, and conversations.

To the paper's base, which has read everything, none of that is new; the tiny base has read of countdown alone.
"""

from __future__ import annotations

from dataclasses import replace

from aha.errors import BadInput
from aha.tasks.corpus import MIXTURE, CorpusPart
from aha.tasks.wider.chains import chains
from aha.tasks.wider.programs import programs
from aha.tasks.wider.prompts import prompts
from aha.tasks.wider.told import retold

OTHER_PARTS: tuple[CorpusPart, ...] = (
    CorpusPart("retold", retold, 0.32),
    CorpusPart("chains", chains, 0.28),
    CorpusPart("programs", programs, 0.17),
    CorpusPart("prompts", prompts, 0.23),
)


def mixture(others: float) -> tuple[CorpusPart, ...]:
    """The tiny base's corpus, the share `others` of its documents being of this one. BadInput for no share."""
    if not 0 <= others <= 1:
        raise BadInput(f"others is {others}: it is a share of the documents, so it lies from 0 to 1")
    parts = [(part, 1 - others) for part in MIXTURE] + [(part, others) for part in OTHER_PARTS]
    return tuple(replace(part, share=part.share * whole) for part, whole in parts if whole > 0)
