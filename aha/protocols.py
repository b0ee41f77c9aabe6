"""The protocols between stages and machines: stages depend on these interfaces and on nothing behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

from aha.errors import BadInput, Between, Ratio, check_bounds
from aha.types import Abstained, ChatReply, Completion, Conversation, Count, Group, Lora, Positive, Problem, Reply, Truncation

if TYPE_CHECKING:
    from torch import Tensor

    from aha.batch import Advantages, Batch, PolicyBatch, ScoreBatch
    from aha.objectives import Aggregate
    from aha.rundir import RunDir

Metrics = dict[str, float]
Reward = Callable[[Problem, Sequence[Reply]], "list[float | Abstained]"]
Heartbeat = Callable[[str], None]  # gets what is being done now
DType = Literal["float32", "bfloat16"]
Head = Literal["lm", "score"]


@dataclass(frozen=True)
class Sampling:
    """The settings of token sampling. `max_tokens` counts new tokens. RL uses `top_p` 1.0 and no other truncation, so that the
    recorded log-probabilities are those of the whole distribution at `temperature`."""

    temperature: Annotated[float, Between(0, 100)] = 1.0
    top_p: Annotated[float, Between(1e-9, 1)] = 1.0
    max_tokens: Positive = 256


@dataclass(frozen=True)
class Adam:
    """AdamW with linear warm-up to a constant rate. `weight_decay` applies to matrices only. `clip` is the largest norm of the gradient."""

    lr: Ratio = 3e-6
    betas: tuple[float, float] = (0.9, 0.95)
    eps: Ratio = 1e-8
    weight_decay: float = 0.0
    warmup_steps: int = 0
    clip: float = 1.0

    def __post_init__(self) -> None:
        check_bounds(self, ("lr", "weight_decay", "warmup_steps"), ("eps", "clip"))
        if not all(0 <= share < 1 for share in (*self.betas, self.lr * self.weight_decay)):
            raise BadInput(f"betas {self.betas}, lr {self.lr} x weight_decay {self.weight_decay}: each of betas and the product is below 1")


@dataclass(frozen=True)
class Compute:
    """The use of the machine by a learner and an engine; it changes nothing of what is learned, beyond rounding. `micro_tokens`: the most
    padded tokens in a forward-backward pass; 0: 16,384 on a GPU, 1,024 or 384 on a CPU. `rows`: the most rows sampled at a time;
    `cache_tokens`: the most tokens of their prompts and replies, 0 for no limit. `engine`: "vllm" runs in an environment of its own.
    `kernels`: the fastest code that may be used. `dtype`: the type of products; trained weights stay float32. `checkpointing` recomputes
    activations to save memory; `offload` keeps the optimizer's moments in the CPU's memory."""

    device: str = "auto"
    engine: Literal["torch", "vllm"] = field(default="torch", kw_only=True)
    kernels: Literal["auto", "compiled", "straight", "modules", "plain"] = field(default="auto", kw_only=True)
    dtype: DType = "float32"
    micro_tokens: int = 0
    rows: int = 512
    cache_tokens: int = field(default=0, kw_only=True)
    checkpointing: bool = False
    offload: bool = field(default=False, kw_only=True)
    threads: int = 0

    def __post_init__(self) -> None:
        check_bounds(self, ("threads", "micro_tokens", "cache_tokens"), ("rows",))
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise BadInput(f"device is {self.device}: it is auto, cpu, cuda, or one of several GPUs, as in cuda:1")


@dataclass(frozen=True)
class Adaptation:
    """The changes to a stage's initial model: `max_positions`, at the same rotary frequencies, and the adapters to train, `lora`."""

    max_positions: int | None = None
    lora: Lora = Lora()

    def apply(self, backend: Backend) -> Backend:
        """Return the backend with these changes, or the same backend if there are none."""
        return backend if self == Adaptation() else backend.with_adapter(self)


@dataclass(frozen=True)
class Budget:
    """The most that a chat may spend, over all processes and runs that share its cache; None: no limit. The prices are dollars per million
    tokens. Until the actual cost of a call is known, the most that it can cost is counted."""

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
    """The options of a chat: `samples` replies per conversation, drawn with `seed`, `seed + 1` ... (None: the server is sent no seed).
    The rest is for servers. One reply takes at most `retries` + 1 attempts of `attempt_s` each and `deadline_s` in all, with pauses of
    about `pause_s` that double each time. `key_variable` names the environment variable with the key, used if AHA_KEY_<HOST> is not set
    (`aha.redact.keys`). Replies are kept in the folder `cache`; `dated`: their date. `top`: log-probabilities per position."""

    samples: int = 1
    seed: Count | None = 0
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
    """A prompt's token ids and one seed per sample: the same (prompt, seed, weights) gives the same completion in any batch.
    `most`: new tokens at most, where that is fewer than the sampling allows."""

    prompt: tuple[int, ...]
    seeds: tuple[int, ...]
    most: int | None = None


class Weights(Protocol):
    """A repeatable stream of (Hugging Face parameter name, full tensor)."""

    def __iter__(self) -> Iterator[tuple[str, Tensor]]: ...

    def digest(self) -> str:
        """Return the sha256 of names, shapes and bytes, in stream order."""

    def snapshot(self) -> Weights:
        """Return a copy of the weights as they are now, unaffected by later updates."""

    def save(self, path: Path) -> None:
        """Write the weights as one safetensors file, which `Learner.weights_of` reads."""


@dataclass(frozen=True)
class Outputs:
    """The model outputs for the M trained tokens, in `batch` order. A score head gives `score_M` and an empty `logp_M`."""

    logp_M: Tensor
    entropy_M: Tensor | None = None
    score_M: Tensor | None = None


LossFunction = Callable[[Outputs, "Batch"], "tuple[Tensor, Metrics]"]


class Loss(Protocol):
    """The settings of a loss, a frozen dataclass. `aha.learning.loss_function` computes ours; a user's own loss is also a `LossFunction`,
    which returns the sum over M of weight * l, and metrics."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def is_endpoint(model: str) -> bool:
    """Return True if the model's name is a server's address."""
    return model.lstrip().lower().startswith(("http://", "https://"))


class Tokenizer(Protocol):
    """A tokenizer from text to token ids and back. `stop` holds every token that ends a reply."""

    @property
    def stop(self) -> tuple[int, ...]: ...

    @property
    def end(self) -> int:
        """The token of `stop` that replies end with in training."""

    @property
    def context(self) -> int | None:
        """The model's context length in tokens, prompt and reply together; None if it is unknown."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text that continues others: no special token is put before it."""

    def prompt(self, text: str) -> list[int]:
        """Return the tokens of a text at the start of a prompt, after those with which the tokenizer begins plain text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of the tokens, special tokens included."""

    def chat(self, conversation: Conversation, options: Mapping[str, object] = MappingProxyType({})) -> list[int]:
        """Return the conversation in the model's chat template and the next turn's header. BadInput without one, or for a bad option."""


class Engine(Protocol):
    """A sampler that turns prompts into completions, for RL. It knows tokens, but no text, task or reward."""

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yield (index of the ask, its completions in seed order) as each group finishes, in any order."""

    def load(self, weights: Weights, version: int) -> None: ...


@runtime_checkable
class TakesOffers(Protocol):
    """An engine that can switch to other weights in the middle of its replies."""

    def offer(self, weights: Weights, version: int) -> None:
        """Hand over weights for the next tokens; any thread may call. They are ignored if nothing is being sampled."""


class Chat(Protocol):
    """A model or server that replies to conversations, for Sample, Evaluate, judges, rewriters and teachers."""

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[ChatReply]]]:
        """Yield (index of the conversation, its samples) as they arrive, in any order; EndpointDown at the end if replies are missing."""

    def close(self) -> None:
        """Close the connections; further calls do nothing."""


class Learner(Protocol):
    """The owner of the weights in training. It knows batches and losses, but no stage or reward."""

    def logprobs(self, batch: Batch, of: Literal["policy", "reference"]) -> Tensor:
        """Return the log-probability (with a score head, the score) of every trained token, [M] float32 on the CPU, in `batch` order."""

    def mismatch(self, batch: PolicyBatch, rows: int) -> Metrics:
        """Compare the policy's log-probabilities with the engine's on `rows` rows: return `mismatch_kl`, the mean of
        w - log w - 1 with w = policy / engine, and `ess`, the effective share of tokens. They are 0 and 1 if both agree."""

    def update(self, batch: Batch, loss: Loss) -> Metrics:
        """Take one optimizer step over the batch in micro-batches. A non-finite step changes no weight and reports `skipped` 1.0."""

    def measure(self, batch: Batch, loss: Loss) -> Metrics:
        """Return the metrics of a loss on a batch, without an update."""

    def policy_batch(self, groups: Sequence[Group], advantages: Advantages, temperature: float, truncation: Truncation) -> PolicyBatch:
        """Return judged groups as one on-policy batch; see `batch.collate`."""

    def minibatches(self, batch: PolicyBatch, count: int, seed: int, aggregate: Aggregate) -> list[PolicyBatch]:
        """Split the batch into `count` optimizer steps of random whole groups, with token weights; see `PolicyBatch.split`."""

    def text_batch(
        self, rows: Sequence[Sequence[int]], loss_mask: Sequence[Sequence[bool]] | None = None, *, packed: bool = False
    ) -> Batch:
        """Return token lists to be imitated as one optimizer step; see `batch.collate_documents`."""

    def score_batch(self, rows: Sequence[Sequence[int]], labels: Sequence[bool], unit: int) -> ScoreBatch:
        """Return token lists to be scored as one optimizer step; see `batch.collate_scores`."""

    def set_rate(self, multiplier: float) -> None:
        """Multiply the learning rate of the next updates by this, on top of warm-up; schedules call it."""

    def reset_reference(self) -> None:
        """Make the reference a copy of the policy."""

    def weights(self) -> Weights: ...

    def weights_of(self, path: Path) -> Weights:
        """Return the weights in a file that `Weights.save` wrote."""

    def save(self, folder: Path) -> None:
        """Write the policy in Hugging Face format, the optimizer's state and, if it was ever reset, the reference as safetensors."""

    def load(self, folder: Path) -> None:
        """Restore the state that `save` wrote, bit for bit."""


class Scorer(Protocol):
    """A learned preference: it maps conversations to numbers, higher for better. Calls from any thread are safe."""

    def score(self, conversations: Sequence[Conversation]) -> list[float]: ...


class Backend(Protocol):
    """A backend, which opens models. `model` is "tiny", a folder or a hub name; only safetensors are loaded, and no remote code runs."""

    def tokenizer(self, model: str) -> Tokenizer: ...

    def engine(self, model: str) -> Engine: ...

    def chat(self, model: str, options: ChatOptions = ASK_ONCE) -> Chat:
        """Open a chat. `model` may also be a server that speaks OpenAI's protocol: `http://host:port/v1#name-of-the-model`."""

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        """Open a learner. Head "score" gives each row a number in place of next-token logits, to learn preferences."""

    def scorer(self, model: str) -> Scorer:
        """Open the scorer that a learner with a score head saved. BadInput for a model without one."""

    def with_adapter(self, adaptation: Adaptation) -> Backend:
        """Return this machine with the change in tokenizers, engines and language-model learners. BadInput on opening an unfit model."""


@dataclass(frozen=True)
class Continue:
    """The verdict to go on. `signs`: the doctor's findings in this rollout that may be the beginning of a collapse."""

    signs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stop:
    """The verdict to end the run here, keep everything, and say why. `signs`: as in `Continue`."""

    reason: str
    signs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pause:
    """The verdict after ctrl-C: save and end here with `exit_code`; the same command resumes. `signs`: as in `Continue`."""

    exit_code: int
    signs: tuple[str, ...] = ()


Verdict = Continue | Stop | Pause


@dataclass(frozen=True)
class RollBack:
    """The verdict to end the run here, make the checkpoint after `rollout` its last one, and say why."""

    rollout: int
    reason: str


class Observer(Protocol):
    """The watcher of a run: the terminal, the doctor, the stall watchdog and ctrl-C, composed by the command line."""

    def heartbeat(self, activity: str) -> None:
        """Report progress; `activity` says what is being done now."""
        return

    def begin(self, kind: str, number: int) -> None:
        """Report that the `number`th rollout, step or chunk (`kind`), from 0, begins. It is saved as a whole or lost."""
        return

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Verdict:
        """Report that a rollout is done and about to be saved; return what the run should do next."""
        return Continue()

    def end(self, saved: bool) -> None:
        """Report that its record is written. `saved`: a checkpoint was written too, so nothing so far can be lost."""
        return


class Stage(Protocol):
    """A stage of a recipe: a frozen dataclass whose fields are its settings and whose `run` is its loop."""

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None: ...


class Problems(Protocol):
    """A source of problems as a function of the position in the run, so that resuming needs no stored state."""

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]: ...


Live = TypeVar("Live", covariant=True)


@runtime_checkable
class Opens(Protocol[Live]):
    """The settings of a reward or grader with a live resource (pool, sandbox, judge): a stage opens it once and closes it at the end."""

    def open(self, backend: Backend) -> AbstractContextManager[Live]: ...


@runtime_checkable
class Hosts(Protocol):
    """A backend that opens the live resources of rewards on its own machines."""

    def host(self, opens: Opens[Reward]) -> AbstractContextManager[Reward]: ...
