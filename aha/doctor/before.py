"""Before a run: a few prompts, asked and judged as the run would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aha.doctor.signals import Doctor, Signal
from aha.errors import BadInput
from aha.protocols import Backend, Tokenizer
from aha.stages.ask import GroupSampler
from aha.stages.rl import Rl
from aha.stages.summary import summarise
from aha.template import THINK, Instruct, R1Zero, Short
from aha.types import Conversation, Group, Message

BEFORE = -1  # the rollout that the preflight's seeds belong to: none that trains
HOUSE_DOCTOR = Doctor()
ENOUGH_IN_FORM = 0.5  # of the replies: a model that keeps a template this often has learned it
UNTAUGHT = "it does not write the tags: --rewards.accuracy.reads last --rewards.format.weight 0 pays what it claims without them."


@dataclass(frozen=True)
class Examination:
    """What a few prompts showed."""

    groups: tuple[Group, ...]
    signals: tuple[Signal, ...]
    template: str = ""

    @property
    def hopeless(self) -> bool:
        return any(signal.severity == "hopeless" for signal in self.signals)

    def lines(self) -> list[str]:
        """The verdict in words, one thought a line."""
        verdict = "As it stands, this cannot learn." if self.hopeless else "This can learn."
        return [
            *self._metric_lines(),
            *filter(None, [self.template]),
            *(f"{signal.severity}: {signal.line()}" for signal in self.signals),
            verdict,
        ]

    def _metric_lines(self) -> list[str]:
        if not self.groups:
            return []
        metrics = summarise(self.groups)
        replies = sum(len(group.replies) for group in self.groups)
        names = ("accuracy", "format", "length", "truncated", "dead_groups")
        values = ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.3g}" for name in names if name in metrics)
        return [f"Asked {len(self.groups)} questions, {replies} replies: {values}."]


def preflight(
    stage: Rl, backend: Backend, heartbeat: Callable[[str], None], doctor: Doctor = HOUSE_DOCTOR, prompts: int = 8
) -> Examination:
    """Asks the untrained model `prompts` of the stage's own questions, with its own sampling."""
    stage, _ = stage.ready(stage.adaptation.apply(backend).tokenizer(stage.model))
    problems = stage.problems_at(0).at(0, 0, min(prompts, stage.questions), stage.seed)
    if unread := doctor.gold(problems):
        return Examination((), tuple(unread))
    heartbeat(f"loading {stage.model}")
    backend = stage.adaptation.apply(backend)
    engine, tokenizer = backend.engine(stage.model), backend.tokenizer(stage.model)
    with stage.rewards.open(backend) as live:
        rewards, sampling = stage.rewards_at(live, 0), stage.schedule.sampling(stage.sampling, 0)
        sampler = GroupSampler(engine, tokenizer, stage.template, rewards, sampling, stage.samples, heartbeat, stage.too_long == "cut")
        groups = sampler.groups(problems, (stage.seed, BEFORE))
    return Examination(tuple(groups), tuple(doctor.examine(groups)), which_template(stage, tokenizer, groups))


def which_template(stage: Rl, tokenizer: Tokenizer, groups: Sequence[Group]) -> str:
    """Which template fits the model, by its chat template and by what it replied; empty where the stage's own does."""
    in_form = [reply.well_formed for group in groups for reply in group.replies]
    if not in_form or sum(in_form) >= ENOUGH_IN_FORM * len(in_form):
        return ""
    try:
        header = tokenizer.decode(tokenizer.chat(Conversation((Message("user", "?"),)))[-16:]).rstrip()
    except BadInput:
        fits = "" if isinstance(stage.template, R1Zero | Short) else ": --template r1-zero fits it"
        return f"The model has no chat template{fits}; {UNTAUGHT}"
    if header.endswith(THINK):
        is_prefilled = isinstance(stage.template, Instruct) and stage.template.prefilled
        return (
            UNTAUGHT.capitalize()
            if is_prefilled
            else f"The chat template opens {THINK}: --template instruct --template.prefilled true fits it."
        )
    fits = "" if isinstance(stage.template, Instruct) else ": --template instruct fits it"
    return f"The model has a chat template that opens no thought{fits}; {UNTAUGHT}"
