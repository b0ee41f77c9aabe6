"""The data types: one frozen value for each state of the data, complete from its creation.

Problem -> Completion -> Reply -> Score -> Group (-> PolicyBatch, in `batch`). Plain Python only: no tensor, no I/O.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

Count = Annotated[int, range(1 << 53)]  # a count that is read is not below 0, and a float can hold it exactly
Positive = Annotated[int, range(1, 1 << 31)]
Language = Literal["en", "zh"]
FinishReason = Literal["stop", "length"]
Sees = Literal["summary", "thought", "all"]
Truncation = Literal["penalise", "mask"]  # of replies that were cut at the length limit


# --- reference answers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Countdown:
    """An answer that is any expression using each of `numbers` exactly once and equal to `target`."""

    numbers: tuple[int, ...]
    target: int


@dataclass(frozen=True)
class Number:
    """A rational number, as written in the data set (`"72"`, `"1,234.5"`, `"3/4"`)."""

    value: str


@dataclass(frozen=True)
class Latex:
    """A mathematical answer in LaTeX, without its box."""

    value: str


@dataclass(frozen=True)
class Choice:
    """A multiple-choice answer: the right letter (A, B, C ...), and the options' texts in that order if they are known. A question
    with several right options has all their letters in alphabetical order (AD), and all must be named."""

    letter: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """An answer in words: any of `values` is right, to the letter if `exact`, else up to case, punctuation, articles and width."""

    values: tuple[str, ...]
    exact: bool = False


@dataclass(frozen=True)
class Judged:
    """An answer that only a language model can compare with `value`; a rule abstains."""

    value: str


@dataclass(frozen=True)
class Stdio:
    """A program from stdin to stdout: one (input, expected output) per test. `tolerance` compares numbers that are not equal as text;
    `checker`, a Python program, decides if several outputs are valid. `seconds` of CPU and `memory_mb` bound each test."""

    tests: tuple[tuple[str, str], ...]
    language: Literal["python", "cpp"] = "python"
    tolerance: float | None = None
    checker: str | None = None
    seconds: float = 6.0
    memory_mb: int = 512


@dataclass(frozen=True)
class Calls:
    """A function, or a method such as `Solution.two_sum`: one (arguments, expected value) per test, in JSON. `wrapped`: an expected value
    may be wrapped in a list, as in APPS and TACO, whose scorer accepts both."""

    entry: str
    tests: tuple[tuple[str, str], ...]
    tolerance: float | None = None
    seconds: float = 6.0
    memory_mb: int = 512
    wrapped: bool = False


@dataclass(frozen=True)
class Asserts:
    """A function and the assert statements that test it, as HumanEval (`check(candidate)`) and MBPP write them; `prompt` is put before
    an answer that completes it."""

    entry: str
    tests: str
    prompt: str = ""
    seconds: float = 6.0
    memory_mb: int = 512


@dataclass(frozen=True)
class Open:
    """A question without a checkable answer: only a preference or a judge can score it."""


Code = Stdio | Calls | Asserts
Reference = Countdown | Number | Latex | Choice | Text | Judged | Stdio | Calls | Asserts | Open


@dataclass(frozen=True)
class Problem:
    """A question with its reference; `id` is unique and stable across runs. `turns`: the messages before the question."""

    id: str
    domain: str
    question: str
    language: Language
    reference: Reference
    turns: tuple[Message, ...] = ()


# --- completions and replies ------------------------------------------------------------------------------------------


class NumberArray(Sequence[Any]):
    """A sequence of numbers in the fewest bytes that are exact: 4 each for token ids and float32, else 8. It equals the tuple of them."""

    __slots__ = ("values",)

    def __init__(self, numbers: Iterable[float], kinds: tuple[str, str]) -> None:
        if isinstance(numbers, NumberArray):
            self.values: array[Any] = numbers.values
        elif isinstance(numbers, array):
            self.values = numbers
        else:
            self.values = _smallest(tuple(numbers), kinds)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        return tuple(self.values[place]) if isinstance(place, slice) else self.values[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NumberArray):
            return self.values == other.values
        return tuple(self.values) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return tuple(self.values).__hash__()

    def __repr__(self) -> str:
        return repr(tuple(self.values))


def _smallest(numbers: tuple[float, ...], kinds: tuple[str, str]) -> array[Any]:
    small, large = kinds
    try:
        values = array(small, numbers)
    except OverflowError:
        return array(large, numbers)
    return values if tuple(values) == numbers else array(large, numbers)


class VersionSpan(NamedTuple):
    """The tokens from `start` to before `end`, sampled with weights of one version."""

    start: int
    end: int
    version: int


@dataclass(frozen=True)
class Completion:
    """Sampled token ids (the stop token included when `finished == "stop"`), their log-probabilities as sampled,
    and the version of the weights that sampled them. Ids and log-probabilities of any sequence type are kept as arrays.

    If the weights changed during sampling, `version` is a tuple of (position of the first token, version) for each version, the first
    position being 0."""

    tokens: Sequence[Count]
    logprobs: Sequence[float]
    finished: FinishReason
    version: Count | tuple[tuple[Count, Count], ...]

    @property
    def version_spans(self) -> tuple[VersionSpan, ...]:
        """Return the weight versions of all tokens, in order."""
        starts = ((0, self.version),) if isinstance(self.version, int) else self.version
        ends = [*(start for start, _ in starts[1:]), len(self.tokens)]
        return tuple(VersionSpan(start, end, version) for (start, version), end in zip(starts, ends, strict=True))

    def __post_init__(self) -> None:
        if not isinstance(self.version, int):
            places = [start for start, _ in self.version]
            if places[:1] != [0] or any(after <= before for before, after in pairwise([*places, len(self.tokens)])):
                raise ValueError(f"versions begin at {places} in {len(self.tokens)} tokens: the first at 0, each after the one before")
        object.__setattr__(self, "tokens", NumberArray(self.tokens, ("i", "q")))
        object.__setattr__(self, "logprobs", NumberArray(self.logprobs, ("f", "d")))


@dataclass(frozen=True)
class Reply:
    """A completion as read by a template: `thought` and `answer` are both `None` if it breaks the template."""

    text: str
    thought: str | None
    answer: str | None
    tokens: Count
    finished: FinishReason

    @property
    def well_formed(self) -> bool:
        return self.answer is not None


# --- scores -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """The verdict that the answer equals the reference."""


@dataclass(frozen=True)
class Wrong:
    """The verdict that the answer differs from the reference, or that there is no answer."""

    reason: str = ""


Cause = Literal["time", "memory", "depth", "crash", "fault", ""]


@dataclass(frozen=True)
class Abstained:
    """The verdict that the grader cannot judge, and why. It never trains as wrong: the sample leaves its group. `cause`: the limit that the
    answer ran into, if any, so that a model that learns to run into it is noticed."""

    reason: str
    cause: Cause = field(default="", compare=False)


Grade = Right | Wrong | Abstained


@dataclass(frozen=True)
class Part:
    """One reward's value for one reply, and the part of the reply that it judged."""

    name: str
    value: float | Abstained
    weight: float
    sees: Sees


@dataclass(frozen=True)
class Score:
    """The weighted sum of the parts, or `Abstained` if any part abstained."""

    total: float | Abstained
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Group:
    """One problem, its prompt's token ids, its completions and their replies and scores, index by index."""

    problem: Problem
    prompt: tuple[int, ...]
    completions: tuple[Completion, ...]
    replies: tuple[Reply, ...]
    scores: tuple[Score, ...]


# --- text to be imitated ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; `thought` is the assistant's reasoning before it, `None` if unknown."""

    role: Literal["system", "user", "assistant"]
    content: str
    thought: str | None = None


@dataclass(frozen=True)
class Conversation:
    """Turns in order. `options`: further arguments for the model's own chat template (`enable_thinking`)."""

    messages: tuple[Message, ...]
    options: tuple[tuple[str, str | int | float | bool | None], ...] = ()


@dataclass(frozen=True)
class Origin:
    """The origin of a row: the stage that made it, the problem it answers, its sampler (a checkpoint's digest, or a server and its
    model) and seed, the versions of the grader and template that accepted it, and the rows it was made from."""

    stage: str
    problem: str
    sampler: str
    seed: int | None
    grader: str
    template: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A conversation to be imitated: the assistant's last message, given all before it. `id` is unique in its set."""

    id: str
    domain: str
    language: Language
    conversation: Conversation
    origin: Origin | None = None


@dataclass(frozen=True)
class Pair:
    """Two answers to one problem, of which a judge preferred one: the data of a helpfulness model (nature B.3)."""

    problem: Problem
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Labelled:
    """A whole reply, thought included, with a label of its safety: the data of a harmlessness model (nature B.3)."""

    problem: Problem
    text: str
    safe: bool


@dataclass(frozen=True)
class ChatReply:
    """The reply of a chat: the visible text, and the thinking apart from it if the server gives it. `top`: the likeliest tokens at the
    first position and their log-probabilities, if they were requested and given."""

    text: str
    thought: str | None
    tokens: Count
    finished: FinishReason
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Document:
    """Plain text to be imitated as a whole, and the name of the part of the corpus that wrote it."""

    text: str
    part: str


# --- adapters ---------------------------------------------------------------------------------------------------------


def micro_tokens_on(device: str, width: int) -> int:
    """Return the most tokens of one pass, where no setting says it, over hidden states of `width` numbers. More gain nothing on a CPU; the
    activations of wide models take a third of the memory at 384, which costs 5 % of the time."""
    return 16_384 if device == "cuda" else 1_024 if width < 512 else 384


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters (2106.09685) in place of full training: each chosen linear layer W becomes W + alpha / rank * B A, of which only A
    and B learn. `rank` 0: no adapter, all weights are trained. `targets`: names of layers, such as q_proj; empty: every linear layer
    but the head."""

    rank: int = 0
    alpha: float = 32.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 0 or self.alpha <= 0:
            raise ValueError(f"lora.rank is {self.rank} and lora.alpha {self.alpha}: 0 (no adapter) or more, and above 0")
        if not self.rank and (self.targets or self.alpha != type(self).alpha):
            raise ValueError(f"lora.rank is 0, so lora.alpha {self.alpha:g} and lora.targets {self.targets} would do nothing: give a rank")
