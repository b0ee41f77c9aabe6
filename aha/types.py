"""The nouns: one frozen value for each state of the data, complete the moment it exists.

Problem -> Completion -> Reply -> Score -> Group (-> PolicyBatch, in `batch`). Plain Python only: no tensor, no I/O.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

Count = Annotated[int, range(1 << 53)]  # what is read as one is none below 0 and none that no float can hold
Language = Literal["en", "zh"]
FinishReason = Literal["stop", "length"]
Sees = Literal["summary", "thought", "all"]
Truncation = Literal["penalise", "mask"]  # of replies that were cut at the length limit


# --- what a right answer is -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Countdown:
    """Any expression that uses each of `numbers` exactly once and equals `target`."""

    numbers: tuple[int, ...]
    target: int


@dataclass(frozen=True)
class Number:
    """A rational number, as the data set writes it (`"72"`, `"1,234.5"`, `"3/4"`)."""

    value: str


@dataclass(frozen=True)
class Latex:
    """A mathematical answer in LaTeX, without its box."""

    value: str


@dataclass(frozen=True)
class Choice:
    """One option of several: the letter that is right (A, B, C ...), and the options' texts in that order where they are known. A question
    with several right options has all their letters, in the order of the alphabet (AD); all of them have to be named."""

    letter: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """Words: any of `values` is right, to the letter when `exact`, else up to case, punctuation, articles and width."""

    values: tuple[str, ...]
    exact: bool = False


@dataclass(frozen=True)
class Judged:
    """An answer that only a language model can compare with `value`; a rule abstains."""

    value: str


@dataclass(frozen=True)
class Stdio:
    """A program from stdin to stdout: one (input, expected output) a test. `tolerance` compares numbers that are not equal as text;
    `checker`, a Python program, decides where several outputs are valid. `seconds` of CPU and `memory_mb` bound each test."""

    tests: tuple[tuple[str, str], ...]
    language: Literal["python", "cpp"] = "python"
    tolerance: float | None = None
    checker: str | None = None
    seconds: float = 6.0
    memory_mb: int = 512


@dataclass(frozen=True)
class Calls:
    """A function, or a method as `Solution.two_sum`: one (arguments, expected value) a test, each as JSON. `wrapped`: an expected value may
    stand in a list of its own, as in APPS and TACO, whose scorer takes both."""

    entry: str
    tests: tuple[tuple[str, str], ...]
    tolerance: float | None = None
    seconds: float = 6.0
    memory_mb: int = 512
    wrapped: bool = False


@dataclass(frozen=True)
class Asserts:
    """A function and the assert statements that test it, as HumanEval (`check(candidate)`) and MBPP write them; `prompt` stands before
    an answer that is a completion of it."""

    entry: str
    tests: str
    prompt: str = ""
    seconds: float = 6.0
    memory_mb: int = 512


@dataclass(frozen=True)
class Open:
    """No checkable answer; only a preference or a judge can say."""


Code = Stdio | Calls | Asserts
Reference = Countdown | Number | Latex | Choice | Text | Judged | Stdio | Calls | Asserts | Open


@dataclass(frozen=True)
class Problem:
    """A question with its reference; `id` is unique and stable across runs. `turns`: what was said before the question."""

    id: str
    domain: str
    question: str
    language: Language
    reference: Reference
    turns: tuple[Message, ...] = ()


# --- what a model said ------------------------------------------------------------------------------------------------


class NumberArray(Sequence[Any]):
    """Numbers in the fewest bytes that hold them exactly: 4 each for token ids and for float32, else 8. Equal to the tuple of them."""

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
    """Tokens from `start` to before `end` that weights of one version sampled."""

    start: int
    end: int
    version: int


@dataclass(frozen=True)
class Completion:
    """Sampled token ids (the stop token included when `finished == "stop"`), their log-probabilities as sampled,
    and the version of the weights that sampled them. Both are kept as arrays, whatever sequence they come in.

    Where the weights changed while the reply was on its way, `version` is a tuple: the place of the first token of each of them, which is
    0 for the first, and their version."""

    tokens: Sequence[Count]
    logprobs: Sequence[float]
    finished: FinishReason
    version: Count | tuple[tuple[Count, Count], ...]

    @property
    def version_spans(self) -> tuple[VersionSpan, ...]:
        """The versions of all tokens, in their order."""
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
    """A completion read by `template`: `thought` and `answer` are both `None` when it broke the template."""

    text: str
    thought: str | None
    answer: str | None
    tokens: Count
    finished: FinishReason

    @property
    def well_formed(self) -> bool:
        return self.answer is not None


# --- what it is worth -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """The answer equals the reference."""


@dataclass(frozen=True)
class Wrong:
    """The answer was read and differs from the reference, or there is none."""

    reason: str = ""


Cause = Literal["time", "memory", "depth", "crash", "fault", ""]


@dataclass(frozen=True)
class Abstained:
    """The grader cannot say, and why. Never trains as wrong: the sample leaves its group. `cause`: which limit it is that an answer ran
    into, where it is one, so that a model which learns to run into it is seen."""

    reason: str
    cause: Cause = field(default="", compare=False)


Grade = Right | Wrong | Abstained


@dataclass(frozen=True)
class Part:
    """One reward's value for one reply, and the part of the reply it saw."""

    name: str
    value: float | Abstained
    weight: float
    sees: Sees


@dataclass(frozen=True)
class Score:
    """The weighted sum of the parts, or `Abstained` when any part abstained."""

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


# --- text that is imitated --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; `thought` is what the assistant thought before it said so, `None` where nothing is known of it."""

    role: Literal["system", "user", "assistant"]
    content: str
    thought: str | None = None


@dataclass(frozen=True)
class Conversation:
    """Turns in the order in which they were said. `options`: what the model's own chat template is told beyond them (`enable_thinking`)."""

    messages: tuple[Message, ...]
    options: tuple[tuple[str, str | int | float | bool | None], ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where a row comes from: the stage that made it, the problem it answers, who was asked (a checkpoint's digest, or a server and its
    model) with which seed, the versions of the grader and template that let it pass, and the rows it was made of."""

    stage: str
    problem: str
    sampler: str
    seed: int | None
    grader: str
    template: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A conversation to be imitated: what the assistant said last, given all before it. `id` is unique in its set."""

    id: str
    domain: str
    language: Language
    conversation: Conversation
    origin: Origin | None = None


@dataclass(frozen=True)
class Pair:
    """Two answers to one problem, of which a judge preferred one: what a model of helpfulness learns from (nature B.3)."""

    problem: Problem
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Labelled:
    """A whole reply, thought included, and whether it is safe: what a model of harmlessness learns from (nature B.3)."""

    problem: Problem
    text: str
    safe: bool


@dataclass(frozen=True)
class ChatReply:
    """What a chat answered: the visible text, and the thinking apart from it where the server gives it. `top`: the likeliest tokens in the
    place of the first one and their log-probabilities, where they were asked for and given."""

    text: str
    thought: str | None
    tokens: Count
    finished: FinishReason
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Document:
    """Plain text to be imitated whole, and the name of the corpus part that wrote it."""

    text: str
    part: str


# --- what learns ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters (2106.09685) in place of full training: each chosen linear layer W becomes W + alpha / rank * B A, of which only A
    and B learn. `rank` 0: no adapter, all weights are trained. `targets`: names of layers, such as q_proj; none: every linear layer
    but the head."""

    rank: int = 0
    alpha: float = 32.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 0 or self.alpha <= 0:
            raise ValueError(f"lora.rank is {self.rank} and lora.alpha {self.alpha}: 0 (no adapter) or more, and above 0")
