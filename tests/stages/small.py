"""An RL stage so small that a run of it takes a second, on a model with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aha.backends.local_backend import LocalBackend, write_fresh
from aha.objectives import Grpo
from aha.protocols import Adam, Backend, Compute, Continue, Observer, Reward, Sampling, Stop
from aha.rewards import RewardPart, Rewards
from aha.rundir import RunDir, describe
from aha.stages.rl import Rl
from aha.tasks import vocabulary
from aha.tasks.countdown import CountdownProblems
from aha.template import Short
from aha.types import Abstained, Group, Problem, Reply

SHAPE = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def fresh(folder: Path, context: int = 64) -> str:
    """A model of the tiny world's vocabulary that has learned nothing."""
    vocabulary.save(folder, context=context)
    size = {"vocab_size": vocabulary.build().get_vocab_size(), "max_position_embeddings": context, "tie_word_embeddings": True}
    write_fresh({**SHAPE, **size, "eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}, folder, seed=1)
    return str(folder)


@dataclass(frozen=True)
class Odd:
    """Pays a reply whose token count is odd: a random model is right about half of the time, so groups split."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [float(len(reply.text) % 2) for reply in replies]


@dataclass(frozen=True)
class Opened:
    """Pays as `Odd` does, once it was opened."""

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        yield Odd()


@dataclass(frozen=True)
class Nothing:
    """Pays nobody: every group is dead."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [0.0 for _ in replies]


@dataclass
class Watching(Observer):
    """Keeps what a run tells, and stops it after some rollouts."""

    stop_after: int | None = None
    seen: list[dict[str, float]] = field(default_factory=list)

    def heartbeat(self, what: str) -> None: ...

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Stop:
        self.seen.append(dict(metrics))
        return Stop("enough was seen") if number == self.stop_after else Continue()


def stage(model: str, reward: Reward = Odd()) -> Rl:
    return Rl(
        model=model,
        problems=CountdownProblems(),
        template=Short(),
        rewards=Rewards((RewardPart("odd", reward),)),
        loss=Grpo(kl=0.01),
        sampling=Sampling(max_tokens=8),
        optim=Adam(lr=1e-2),
        questions=4,
        samples=4,
        minibatches=2,
        steps=6,
        reference_every=3,
    )


def ran(stage: Rl, root: Path, observer: Watching | None = None) -> tuple[list[dict[str, float]], RunDir]:
    watching = observer or Watching()
    rundir = RunDir.open(root, describe("test", {}, seeds={}, argv=()))
    try:
        stage.run(LocalBackend(Compute(device="cpu", threads=1)), rundir, watching)
    finally:
        rundir.close()
    return watching.seen, rundir
