"""Continuous batching: the scheduler chooses the rows that are computed together, from one token to the next.

A row is one reply in progress. Waiting rows enter the batch as soon as there is room, and leave it when they end or are cancelled; a prompt
is read once for all rows that begin with it. The scheduler decides and keeps the sampled tokens. A `Worker` computes. Neither knows text,
tasks or clients.

The order of entry follows from the rows, the order in which they were added and the limits alone: not from free memory, and not from the
clock. So two runs with the same rows compute the same batches.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from aha.errors import BadInput
from aha.types import Completion, FinishReason

Tokens = tuple[int, ...]
SPARE = 16  # free cache tokens for each row when another one enters, so that it need not leave again at once


@dataclass(frozen=True)
class RowSettings:
    """The sampling settings of one row. `stop`: tokens that end it, but none before `min_tokens`. `top`: the number of likeliest tokens
    whose log-probabilities are kept beside the sampled one's, all of the model's own distribution; None keeps none."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 256
    min_tokens: int = 0
    stop: Tokens = ()
    top: int | None = None


@dataclass(frozen=True)
class RowRequest:
    """A request for a reply: token `i` is drawn by `seed` and `i`."""

    prompt: Tokens
    seed: int
    settings: RowSettings


@dataclass(frozen=True)
class TopTokens:
    """The log-probability of a sampled token at temperature 1, and the likeliest tokens with theirs."""

    logprob: float
    tokens: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class SampledToken:
    """The next token of row number `row`."""

    row: int
    token: int
    top: TopTokens | None = None


@dataclass(frozen=True)
class FinishedRow:
    """The completion of row number `row`."""

    row: int
    completion: Completion


Event = SampledToken | FinishedRow


@dataclass(frozen=True)
class EnteringRow:
    """A row that a worker takes into its batch. `prefix_job` holds all its tokens but the last as prefix number `place`. `tokens` are those
    sampled earlier, if the row was in the batch before."""

    request: RowRequest
    tokens: Tokens
    prefix_job: Any
    place: int


@dataclass(frozen=True)
class WorkerStep:
    """The tokens that a worker sampled: for each step the next token of every row, its log-probability, and, for rows that request them,
    the likeliest."""

    tokens: list[list[int]]
    logprobs: list[list[float]]
    top: list[list[TopTokens | None]] | None = None


class Worker(Protocol):
    """A device's computation of one batch of rows."""

    @property
    def version(self) -> int:
        """The version of the weights, which may change between two steps."""

    def read(self, prefixes: Sequence[Tokens], tokens: int | None) -> Any:
        """Begin to read some prefixes, about `tokens` tokens at a time; None: as many as the worker likes."""

    def go_on(self, prefix_job: Any) -> bool:
        """Read on; return True once all prefixes are read."""

    def enter(self, rows: Sequence[EnteringRow]) -> None:
        """Append rows to the batch."""

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only these rows of the batch, in this order."""

    def step(self, steps: int) -> WorkerStep:
        """Sample the next tokens of every row."""


@dataclass(frozen=True)
class SchedulerLimits:
    """The limits of a batch. `rows`: the most rows in it. `cache_tokens`: the most tokens of prompts and replies that it holds; None: no
    limit. `steps`: the tokens sampled between two checks for finished rows. `prefill_tokens`: the prompt tokens read between two tokens of
    the batch; None: all that enter."""

    rows: int = 512
    cache_tokens: int | None = None
    steps: int = 1
    prefill_tokens: int | None = None

    def __post_init__(self) -> None:
        if min(self.rows, self.steps) < 1 or (self.cache_tokens is not None and self.cache_tokens < 2):
            raise BadInput(f"rows {self.rows}, cache_tokens {self.cache_tokens}, steps {self.steps}: 1 or more, 2 or more, 1 or more")


@dataclass(eq=False)
class _Prefix:
    """The tokens of a prompt but the last, for `rows` waiting rows; once a worker reads or has read them, `prefix_job` holds them."""

    tokens: Tokens
    rows: int = 0
    prefix_job: Any = None
    place: int = 0


@dataclass(eq=False, slots=True)
class _Row:
    """A row in progress. `live`: its tokens are reported as they are sampled."""

    number: int
    request: RowRequest
    live: bool
    stop: frozenset[int]
    prefix: _Prefix
    tokens: array[int] = field(default_factory=lambda: array("i"))
    logprobs: array[float] = field(default_factory=lambda: array("f"))  # as they were computed; lists take 64 bytes a token, these 8
    versions: list[tuple[int, int]] = field(default_factory=list)  # (position of a token, version of the weights from there on)
    finish: FinishReason | None = None
    most: int = 0

    def __post_init__(self) -> None:
        self.most = self.request.settings.max_tokens

    @property
    def size(self) -> int:
        return len(self.request.prompt) + len(self.tokens)

    def note(self, version: int) -> None:
        """Note the version of the weights that sample the next tokens."""
        if not self.versions or self.versions[-1][1] != version:
            self.versions.append((len(self.tokens), version))

    def end(self, token: int) -> None:
        """Set `finish` if this token, which was just added, is the last."""
        if token in self.stop and len(self.tokens) > self.request.settings.min_tokens:
            self.finish = "stop"
        elif len(self.tokens) >= self.most:
            self.finish = "length"


class Scheduler:
    """The rows of one worker. `step` does a little work; repeated calls finish every reply."""

    def __init__(self, worker: Worker, limits: SchedulerLimits | None = None) -> None:
        self.worker, self.limits = worker, limits or SchedulerLimits()
        self.steps = 0  # for the batch
        self._numbers = count()
        self._queue: deque[_Row] = deque()
        self._prefixes: dict[Tokens, _Prefix] = {}  # the prefixes of waiting rows that have not begun
        self._entrants: list[_Row] = []  # rows whose prefixes are being read
        self._prefix_job: Any = None
        self._rows: list[_Row] = []
        self._to_cancel: set[int] = set()
        self._version = -1  # of the weights that sampled the latest tokens

    @property
    def idle(self) -> bool:
        """True if there is nothing to do."""
        return not (self._queue or self._entrants or self._rows)

    @property
    def queue_length(self) -> int:
        """The number of rows that are not in the batch yet."""
        return len(self._queue) + len(self._entrants)

    @property
    def row_count(self) -> int:
        """The number of rows in the batch."""
        return len(self._rows)

    @property
    def keys_in_batch(self) -> set[int]:
        """Return the numbers of the rows that are in the batch, or about to enter it."""
        return {row.number for row in (*self._entrants, *self._rows)}

    def add(self, request: RowRequest, *, live: bool = False) -> int:
        """Take on a row and return its number. BadInput if the cache can never hold it."""
        size, more, most = len(request.prompt), request.settings.max_tokens, self.limits.cache_tokens
        if min(size, more) < 1:
            raise BadInput(f"a prompt of {size} tokens and max_tokens {more}: each is 1 or more")
        if most is not None and size + more > most:
            raise BadInput(f"a prompt of {size} tokens and {more} more: the cache holds {most} tokens; ask for fewer, or give it more")
        prefix = self._prefixes.setdefault(request.prompt[:-1], _Prefix(request.prompt[:-1]))
        prefix.rows += 1
        row = _Row(next(self._numbers), request, live, frozenset(request.settings.stop), prefix)
        self._queue.append(row)
        return row.number

    def cancel(self, number: int) -> None:
        """Drop a row: it takes part in no further step, and nothing more is reported of it. A finished row is ignored."""
        self._to_cancel.add(number)

    def step(self) -> list[Event]:
        """Sample the next tokens of the batch, after rows have left and entered it as needed."""
        self._drop_cancellations()
        self._make_room()
        self._admit()
        return self._sample() if self._rows else []

    # --- leaving rows -------------------------------------------------------------------------------------------------

    def _drop_cancellations(self) -> None:
        if not self._to_cancel:
            return
        keys, self._to_cancel = self._to_cancel, set()
        for row in (*self._queue, *self._entrants):
            if row.number in keys:
                self._release(row)
        self._queue = deque(row for row in self._queue if row.number not in keys)
        self._entrants = [row for row in self._entrants if row.number not in keys]
        if self._prefix_job is not None and not self._entrants:
            self._abandon_prefix()
        self._leave([row for row in self._rows if row.number in keys])

    def _leave(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        numbers = {row.number for row in rows}
        stay = [place for place, row in enumerate(self._rows) if row.number not in numbers]
        self.worker.keep(stay)
        self._rows = [self._rows[place] for place in stay]

    def _make_room(self) -> None:
        """Send the latest rows back to the queue if the cache would overflow; they go on later from their sampled tokens."""
        if self.limits.cache_tokens is None:
            return
        leavers: list[_Row] = []
        usage = self._cache_tokens()
        while (rows := len(self._rows) - len(leavers)) > 1 and usage + self.limits.steps * rows > self.limits.cache_tokens:
            row = self._rows[rows - 1]
            usage -= row.size
            row.prefix = _Prefix((*row.request.prompt, *row.tokens)[:-1], rows=1)
            leavers.append(row)
        self._leave(leavers)
        self._queue.extendleft(leavers)

    def _cache_tokens(self) -> int:
        """Return the tokens in the cache: of rows, and of prefixes that other rows wait for."""
        prefix_tokens = sum(len(prefix.tokens) for prefix in self._prefixes.values() if prefix.prefix_job is not None)
        return sum(row.size for row in self._rows) + sum(row.size for row in self._entrants) + prefix_tokens

    def _release(self, row: _Row) -> None:
        """Detach a row from its prefix; the last row frees it."""
        prefix = row.prefix
        prefix.rows -= 1
        if not prefix.rows:
            prefix.prefix_job = None
            if self._prefixes.get(prefix.tokens) is prefix:
                del self._prefixes[prefix.tokens]

    def _abandon_prefix(self) -> None:
        """Drop the prefixes being read, as no row waits for them; a later row reads them anew."""
        for prefix in self._prefixes.values():
            if prefix.prefix_job is self._prefix_job:
                prefix.prefix_job = None
        self._prefix_job = None

    # --- entering rows ------------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Let rows enter in order until the batch is full: all at once, or some prompt tokens between two tokens of the batch."""
        while True:
            if not self._entrants:
                self._begin()
            if not self._entrants:
                return
            over = self.worker.go_on(self._prefix_job)
            if over:
                self._enter()
            if self.limits.prefill_tokens is not None and (self._rows or not over):
                return

    def _begin(self) -> None:
        """Choose the next rows, and begin to read their new prefixes."""
        self._entrants = self._next_rows()
        unread = list(dict.fromkeys(row.prefix for row in self._entrants if row.prefix.prefix_job is None))
        if not self._entrants:
            return
        self._prefix_job = self.worker.read([prefix.tokens for prefix in unread], self.limits.prefill_tokens)
        for place, prefix in enumerate(unread):
            prefix.prefix_job, prefix.place = self._prefix_job, place

    def _next_rows(self) -> list[_Row]:
        rows: list[_Row] = []
        unread: set[_Prefix] = set()
        usage, widest = self._cache_tokens() if self.limits.cache_tokens is not None else 0, 0
        while self._queue and len(self._rows) + len(rows) < self.limits.rows:
            row = self._queue[0]
            new = set() if row.prefix.prefix_job is not None else {row.prefix} - unread
            usage, widest = usage + row.size, max(widest, *(len(prefix.tokens) for prefix in new), 0)
            if self._too_full(usage, len(self._rows) + len(rows)) or (new and self._too_wide(len(unread) + 1, widest)):
                break
            unread |= new
            rows.append(self._queue.popleft())
        return rows

    def _too_full(self, usage: int, rows: int) -> bool:
        most = self.limits.cache_tokens
        return most is not None and rows > 0 and usage + max(SPARE, self.limits.steps) * (rows + 1) > most

    def _too_wide(self, prefixes: int, widest: int) -> bool:
        """Return True if so many prefixes, padded to the longest, exceed the tokens read between two steps; one is always read."""
        return self.limits.prefill_tokens is not None and prefixes > 1 and prefixes * widest > self.limits.prefill_tokens

    def _enter(self) -> None:
        rows = self._entrants
        self.worker.enter([EnteringRow(row.request, tuple(row.tokens), row.prefix.prefix_job, row.prefix.place) for row in rows])
        self._entrants, self._prefix_job = [], None
        self._rows += rows
        for row in rows:
            row.note(self.worker.version)
            self._release(row)

    # --- sampling -----------------------------------------------------------------------------------------------------

    def _sample(self) -> list[Event]:
        steps = self.worker.step(self.limits.steps)
        self.steps += self.limits.steps
        events: list[Event] = []
        if self.worker.version != self._version:
            self._version = self.worker.version
            for row in self._rows:
                row.note(self._version)
        places = range(len(self._rows))
        for number, (tokens, logprobs) in enumerate(zip(steps.tokens, steps.logprobs, strict=True)):
            top = steps.top[number] if steps.top is not None else None
            for row, token, logprob, place in zip(self._rows, tokens, logprobs, places, strict=True):  # for each token, so without calls
                if row.finish is None:
                    row.tokens.append(token)
                    row.logprobs.append(logprob)
                    if token in row.stop or len(row.tokens) >= row.most:
                        row.end(token)
                    if row.live:
                        events.append(SampledToken(row.number, token, None if top is None else top[place]))
        if finished_rows := [row for row in self._rows if row.finish is not None]:
            events += [FinishedRow(row.number, self._completion(row)) for row in finished_rows]
            self._leave(finished_rows)
        return events

    def _completion(self, row: _Row) -> Completion:
        assert row.finish is not None
        (_, first), *others = row.versions
        return Completion(row.tokens, row.logprobs, row.finish, tuple(row.versions) if others else first)
