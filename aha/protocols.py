"""The seams: what a stage asks of a machine. Stages see these and nothing behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from aha.errors import BadInput
from aha.types import Abstained, ChatReply, Completion, Conversation, Group, Lora, Problem, Reply, Truncation

if TYPE_CHECKING:
    from torch import Tensor

    from aha.batch import Advantages, Batch, PolicyBatch, ScoreBatch
    from aha.objectives import Aggregate
    from aha.rundir import RunDir

Metrics = dict[str, float]
Reward = Callable[[Problem, Sequence[Reply]], "list[float | Abstained]"]
DType = Literal["float32", "bfloat16"]
Head = Literal["lm", "score"]


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. `max_tokens` counts new tokens; `top_p` 1.0 and no other truncation in RL, so that the
    recorded log-probabilities are those of the whole distribution at `temperature`."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 256


@dataclass(frozen=True)
class Adam:
    """AdamW with linear warm-up to a constant rate. `weight_decay` touches matrices only. `clip` is the largest norm of the gradient."""

    lr: float = 3e-6
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.0
    warmup_steps: int = 0
    clip: float = 1.0

    def __post_init__(self) -> None:
        if min(self.lr, self.weight_decay, self.warmup_steps) < 0 or not all(0 <= beta < 1 for beta in self.betas) or self.eps <= 0:
            raise BadInput(f"{self}: lr, weight_decay and warmup_steps are 0 or more, each of betas is from 0 to below 1, eps is above 0")


@dataclass(frozen=True)
class Compute:
    """How a learner and an engine use the machine. None of it changes what is learned, beyond rounding.

    `micro_tokens`: the most padded tokens in one forward-backward pass; 0: what suits the device, 16,384 on a GPU and 1,024 on a CPU.
    `rows`: the most rows sampled at a time, and `cache_tokens`: the most tokens of their prompts and replies, 0 for no limit. `engine`:
    what samples; "vllm" in a process and an environment of its own (`make vllm`). `dtype`: what matrix products are computed in;
    weights that are trained stay float32. `checkpointing` recomputes activations in the backward pass to save memory; `offload` keeps
    the optimizer's moments in the CPU's memory between steps."""

    device: str = "auto"
    engine: Literal["torch", "vllm"] = field(default="torch", kw_only=True)
    dtype: DType = "float32"
    micro_tokens: int = 0
    rows: int = 512
    cache_tokens: int = field(default=0, kw_only=True)
    checkpointing: bool = False
    offload: bool = field(default=False, kw_only=True)
    threads: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise BadInput(f"device is {self.device}: it is auto, cpu, cuda, or one of several GPUs, as in cuda:1")
        if min(self.threads, self.micro_tokens, self.cache_tokens) < 0 or self.rows < 1:
            raise BadInput(f"{self}: threads, micro_tokens and cache_tokens are 0 or more, rows is 1 or more")


@dataclass(frozen=True)
class Adaptation:
    """What a stage changes in the model that it starts from. `max_positions`: how many positions the model is to know; its rotary
    frequencies stay. `lora`: which adapters learn in its place."""

    max_positions: int | None = None
    lora: Lora = Lora()

    def apply(self, backend: Backend) -> Backend:
        """Return the machine with the change, or the same one where nothing is to change."""
        return backend if self == Adaptation() else backend.with_adapter(self)


@dataclass(frozen=True)
class Budget:
    """What a chat may spend at most, over all processes and runs that share its cache; None: no limit. `dollars` counts by the prices of a
    million tokens. A call is counted with the most that it can cost until it says what it did cost."""

    calls: int | None = None
    tokens: int | None = None
    dollars: float | None = None
    prompt_price: float = 0.0
    completion_price: float = 0.0

    def __post_init__(self) -> None:
        if self.dollars is not None and not (self.prompt_price > 0 or self.completion_price > 0):
            raise BadInput(f"budget.dollars is {self.dollars}: it needs prompt_price or completion_price, in dollars a million tokens")


@dataclass(frozen=True)
class ChatOptions:
    """How a chat is asked: `samples` replies a conversation, drawn with `seed`, `seed + 1` ... (None: the server is told no seed).

    All else concerns servers. One reply takes at most `retries` + 1 attempts of `attempt_s` and `deadline_s` in all; between them about
    `pause_s`, twice as long each time. `key_variable` names the environment variable that holds the key, where AHA_KEY_<HOST> is not set
    (`aha.redact.keys`). Replies are kept in the folder `cache`; `dated`: their date. `top`: log-probabilities a place."""

    samples: int = 1
    seed: int | None = 0
    in_flight: int = 64
    retries: int = 5
    attempt_s: float = 300.0
    deadline_s: float = 900.0
    pause_s: float = 0.5
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    key_variable: str = ""
    cache: str | None = None
    dated: str = ""
    top: int = 0
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        if min(self.samples, self.in_flight) < 1 or not 0 <= self.retries <= 5:
            raise BadInput(f"samples {self.samples}, in_flight {self.in_flight}, retries {self.retries}: 1 or more, 1 or more, 0 to 5")
        if not 0 <= self.top <= 20:
            raise BadInput(f"top {self.top}: 0 to 20 tokens, as servers give them")
        if min(self.attempt_s, self.deadline_s) <= 0 or self.pause_s < 0:
            raise BadInput(f"attempt_s {self.attempt_s}, deadline_s {self.deadline_s}, pause_s {self.pause_s}: seconds, above 0")


ASK_ONCE = ChatOptions()


@dataclass(frozen=True)
class Ask:
    """A prompt's token ids and one seed a sample: the same (prompt, seed, weights) gives the same completion, whatever its neighbours.
    `most`: new tokens at most, where that is fewer than the sampling allows."""

    prompt: tuple[int, ...]
    seeds: tuple[int, ...]
    most: int | None = None


class Weights(Protocol):
    """A repeatable stream of (Hugging Face parameter name, full tensor)."""

    def __iter__(self) -> Iterator[tuple[str, Tensor]]: ...

    def digest(self) -> str:
        """The sha256 of names, shapes and bytes, in stream order."""

    def snapshot(self) -> Weights:
        """The same weights as they are now, whatever is learned later."""

    def save(self, path: Path) -> None:
        """Write them as one safetensors file, which `Learner.weights_of` reads."""


@dataclass(frozen=True)
class Outputs:
    """What a loss may look at, for the M trained tokens of a micro-batch, in `batch` order. A head that scores gives `score_M` and no
    log-probabilities (an empty tensor)."""

    logp_M: Tensor
    entropy_M: Tensor | None = None
    score_M: Tensor | None = None


LossFunction = Callable[[Outputs, "Batch"], "tuple[Tensor, Metrics]"]


class Loss(Protocol):
    """The settings of a loss, a frozen dataclass. `aha.learning.loss_function` computes ours; a loss of a user's own is also a
    `LossFunction`: it returns the sum over M of weight * l, and metrics, when it is called."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def is_endpoint(model: str) -> bool:
    """Whether a model's name is a server's address."""
    return model.startswith(("http://", "https://"))


class Tokenizer(Protocol):
    """Text to token ids and back. `stop` holds every token that ends a reply."""

    @property
    def stop(self) -> tuple[int, ...]: ...

    @property
    def end(self) -> int:
        """The one of `stop` that a reply is taught to end with."""

    @property
    def context(self) -> int | None:
        """The most tokens that the model it belongs to knows, prompt and reply together; None where it does not say."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text that goes on from others: nothing is put before it."""

    def prompt(self, text: str) -> list[int]:
        """The tokens of a text that nothing stands before: with those that the tokenizer begins plain text with, once."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of the tokens, special tokens included."""

    def chat(self, conversation: Conversation, options: Mapping[str, object] = MappingProxyType({})) -> list[int]:
        """The conversation in the model's own chat template, with the header of the assistant's next turn. BadInput if it has none, or
        does not know one of the options (`enable_thinking`)."""


class Engine(Protocol):
    """Turns prompts into completions, for RL. Knows tokens; knows no text, no task and no reward."""

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yields (index of the ask, its completions in seed order) as each group finishes, in any order."""

    def load(self, weights: Weights, version: int) -> None: ...


class Chat(Protocol):
    """Turns conversations into what was said. For Sample, Evaluate, judges, rewriters and teachers."""

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[ChatReply]]]:
        """Yields (index of the conversation, its samples) as they arrive, in any order. A server's raises EndpointDown at the end for
        those it gave no reply to."""

    def close(self) -> None:
        """Lets go of connections; more than once does no harm."""


class Learner(Protocol):
    """Owns the weights that change. Knows batches and losses; knows no stage and no reward."""

    def logprobs(self, batch: Batch, of: Literal["policy", "reference"]) -> Tensor:
        """The log-probability of every trained token, or its score where the head scores, [M] float32 on the CPU, in `batch` order."""

    def mismatch(self, batch: PolicyBatch, rows: int) -> Metrics:
        """How far the policy's log-probabilities are from the engine's, on so many rows of a batch: `mismatch_kl`, the mean of
        w - log w - 1 for w = policy's / engine's, and `ess`, the share of tokens that effectively teach. 0 and 1 where they agree."""

    def update(self, batch: Batch, loss: Loss) -> Metrics:
        """One optimizer step over the batch in micro-batches. What is not finite changes no weight and is reported as `skipped` 1.0."""

    def measure(self, batch: Batch, loss: Loss) -> Metrics:
        """The metrics of a loss on a batch, without learning from it."""

    def policy_batch(self, groups: Sequence[Group], advantages: Advantages, temperature: float, truncation: Truncation) -> PolicyBatch:
        """Judged groups as one batch, on policy; see `batch.collate`."""

    def minibatches(self, batch: PolicyBatch, count: int, seed: int, aggregate: Aggregate) -> list[PolicyBatch]:
        """Random whole groups in `count` optimizer steps, each with its tokens weighed; see `PolicyBatch.split`."""

    def text_batch(
        self, rows: Sequence[Sequence[int]], loss_mask: Sequence[Sequence[bool]] | None = None, *, packed: bool = False
    ) -> Batch:
        """Token lists to be imitated as one optimizer step; see `batch.collate_documents`."""

    def score_batch(self, rows: Sequence[Sequence[int]], labels: Sequence[bool], unit: int) -> ScoreBatch:
        """Token lists to be scored as one optimizer step; see `batch.collate_scores`."""

    def set_rate(self, multiplier: float) -> None:
        """The next updates use this multiple of the learning rate, on top of warm-up: what a schedule calls."""

    def reset_reference(self) -> None:
        """The reference becomes a copy of the policy."""

    def weights(self) -> Weights: ...

    def weights_of(self, path: Path) -> Weights:
        """What `Weights.save` wrote."""

    def save(self, folder: Path) -> None:
        """Write the policy in Hugging Face format, and as safetensors the optimizer's state and the reference, where it was ever reset."""

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote, to the bit."""


class Scorer(Protocol):
    """A learned preference: conversations to numbers, higher for better. Any thread may ask."""

    def score(self, conversations: Sequence[Conversation]) -> list[float]: ...


class Backend(Protocol):
    """A machine. `model` is "tiny", a folder or a hub name; loading is from safetensors only and runs no remote code."""

    def tokenizer(self, model: str) -> Tokenizer: ...

    def engine(self, model: str) -> Engine: ...

    def chat(self, model: str, options: ChatOptions = ASK_ONCE) -> Chat:
        """`model` may also be a server that speaks OpenAI's protocol: `http://host:port/v1#name-of-the-model`."""

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        """With head "score" a number for each row takes the place of the next token: what preferences are learned with."""

    def scorer(self, model: str) -> Scorer:
        """What a learner with a score head saved. BadInput where the model has none."""

    def with_adapter(self, adaptation: Adaptation) -> Backend:
        """The same machine, whose tokenizers, engines and language-model learners have the model changed so. BadInput, when a model is
        opened, where it cannot be changed."""


@dataclass(frozen=True)
class Continue:
    """Go on. `signs`: what the doctor sees in this rollout that may be the beginning of a collapse."""

    signs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stop:
    """End the run here, keep everything, and say why. `signs`: as in `Continue`."""

    reason: str
    signs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pause:
    """Save what is done and end here with `exit_code`: somebody pressed ctrl-C, and the same command goes on. `signs`: as in `Continue`."""

    exit_code: int
    signs: tuple[str, ...] = ()


Verdict = Continue | Stop | Pause


@dataclass(frozen=True)
class RollBack:
    """End the run here, make the checkpoint after `rollout` its last one, and say why."""

    rollout: int
    reason: str


class Observer(Protocol):
    """Who watches a run: the terminal, the doctor, the stall watchdog and ctrl-C, composed by the command line."""

    def heartbeat(self, activity: str) -> None:
        """Something moved; `activity` says what is being done now."""
        return

    def begin(self, kind: str, number: int) -> None:
        """A rollout, step or chunk (`kind`) begins, the `number`th from 0. It is written down whole, or it is lost."""
        return

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Verdict:
        """It is done, and about to be written down."""
        return Continue()

    def end(self, saved: bool) -> None:
        """It is written down. `saved`: a checkpoint is there, so that nothing up to here can be lost any more."""
        return


class Stage(Protocol):
    """One of the verbs: a frozen dataclass whose fields are its settings and whose `run` is its loop."""

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None: ...


class Problems(Protocol):
    """A source of problems, as a function of the place in the run: nothing is stored to resume."""

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]: ...


Live = TypeVar("Live", covariant=True)


@runtime_checkable
class Opens(Protocol[Live]):
    """A reward or a grader, as settings, that needs something live: a pool, a sandbox, a model that judges.

    The stage opens it once, works with what it is given, and closes it at its end."""

    def open(self, backend: Backend) -> AbstractContextManager[Live]: ...


@runtime_checkable
class Hosts(Protocol):
    """A backend that opens what rewards need live on machines of its own."""

    def host(self, opens: Opens[Reward]) -> AbstractContextManager[Reward]: ...
