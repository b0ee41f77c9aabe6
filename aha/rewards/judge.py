"""The judge with reference: a language model says whether an answer agrees with what is right (paper §2.3.3)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from aha.errors import BadInput, EndpointDown
from aha.grading import grade
from aha.protocols import Asking, Backend, Chat, Sampling, is_endpoint
from aha.redact import mask
from aha.rewards.verdict import asked, read, spoken
from aha.types import Abstained, Conversation, Grade, Judged, Problem, Reference, Reply, Right, Said, Wrong

BATCH = 200  # the last answers, of which too many without a verdict stop the run
FEWEST = 40  # answers that a share is taken of, however few there were


@dataclass(frozen=True)
class Judge:
    """1 for an answer that the model finds correct, 0 for one that it does not or for none; sees the answer only, never the thought.

    `model` is a server (`http://host:port/v1#name`), a folder or a hub name. With `rules` "first" it is asked only about what a rule cannot
    say; "never" leaves the rules out wherever the reference can be put in words. With several samples (`asking.samples`) they vote. A reply
    that is no verdict is asked for again, `asks` times in all. An answer longer than `longest` letters is not shown. More than `infra` of
    the answers without a reply: a pause of `pause_s`, another try, then the run stops."""

    model: str = ""
    rules: Literal["first", "never"] = "first"
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=1_024)
    asking: Asking = Asking(attempt_s=120.0, deadline_s=600.0, cache="~/.cache/aha/judge")
    asks: int = 2
    longest: int = 8_000
    infra: float = 0.05
    pause_s: float = 30.0

    def __post_init__(self) -> None:
        if self.asks < 1 or self.longest < 1 or not 0 <= self.infra < 1 or not 0 <= self.pause_s <= 600:
            raise BadInput(
                f"asks {self.asks}, longest {self.longest}, infra {self.infra}, pause_s {self.pause_s}: "
                "1 or more, 1 or more, a share below 1, 0 to 600 seconds"
            )

    def check(self) -> None:
        """BadInput where nobody said who judges."""
        if not self.model:
            raise BadInput("a judge needs a model: name it with .model http://host:port/v1#NAME, where the judge is chosen")

    @contextmanager
    def open(self, backend: Backend) -> Iterator[LiveJudge]:
        """The reward at work."""
        self.check()
        with ExitStack() as stack:
            chats = [stack.enter_context(closing(backend.chat(self.model, asking))) for asking in turns(self.model, self.asking)]
            yield LiveJudge(self, chats[0], chats[-1])


def turns(model: str, asking: Asking) -> list[Asking]:
    """How a server with a cache is asked first, and how again: never from the cache, where nonsense would stay nonsense."""
    cached = asking.cache is not None and is_endpoint(model)
    return [asking, replace(asking, dated=f"{asking.dated} again {time.monotonic_ns()}")] if cached else [asking]


class LiveJudge:
    """A `protocols.Reward`; any thread may call it."""

    def __init__(self, settings: Judge, chat: Chat, again: Chat | None = None) -> None:
        """`again` is asked about what `chat` gave no verdict of."""
        self.settings, self.chat, self.again = settings, chat, again or chat
        self.health = Health(settings.infra)

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        ruled = {reply.answer: self._by_rule(problem.reference, reply.answer) for reply in replies}
        words = spoken(problem.reference) or ""
        open_ones = {answer: Question(problem.question, words, answer or "") for answer, known in ruled.items() if known is None}
        verdicts = self._judged(list(open_ones.values()))
        return [_price(ruled[reply.answer] or verdicts[open_ones[reply.answer]]) for reply in replies]

    def _by_rule(self, reference: Reference, answer: str | None) -> Grade | None:
        """What needs no judge, or cannot be shown to one; None for what is to be judged."""
        if answer is None:
            return Wrong("no answer: the reply broke the template")
        shown = spoken(reference) is not None
        if not shown or (self.settings.rules == "first" and not isinstance(reference, Judged)):
            found = grade(reference, answer)
            if not shown or not isinstance(found, Abstained):
                return found
        if len(answer) > self.settings.longest:
            return Abstained(f"an answer of {len(answer):,} letters: a judge is shown {self.settings.longest:,} at most")
        return None

    def _judged(self, questions: Sequence[Question]) -> dict[Question, Grade]:
        """A verdict of each, or why there is none."""
        verdicts: dict[Question, Grade] = {}
        for turn in range(self.settings.asks):
            if left := [each for each in questions if each not in verdicts]:
                verdicts |= {each: found for each, found in self._asked_once(left, again=turn > 0).items() if found}
        return {
            each: verdicts.get(each, Abstained("the judge gave no verdict: no reply was the JSON object it was asked for"))
            for each in questions
        }

    def _asked_once(self, questions: Sequence[Question], again: bool) -> dict[Question, Grade | None]:
        """None for what no reply can be read as a verdict of."""
        found, why = self._replies(questions, again)
        missing = [each for each in questions if each not in found]
        if self.health.fails_with(len(found), len(missing)):
            time.sleep(self.settings.pause_s)
            more, why = self._replies(missing, again)
            found |= more
            missing = [each for each in missing if each not in more]
            if self.health.fails_with(len(found), len(missing)):
                raise EndpointDown(self.health.summary(self.settings, len(found), len(missing), why))
        self.health.add(len(found), len(missing))
        return {**{each: _vote(said) for each, said in found.items()}, **{each: Abstained(f"no reply: {why}") for each in missing}}

    def _replies(self, questions: Sequence[Question], again: bool) -> tuple[dict[Question, list[Said]], str]:
        """What was said to each, and why some have no reply."""
        found: dict[Question, list[Said]] = {}
        try:
            chat = self.again if again else self.chat
            for index, said in chat.reply([each.conversation(again) for each in questions], self.settings.sampling):
                found[questions[index]] = said
        except EndpointDown as down:
            return found, str(down)
        return found, ""


@dataclass(frozen=True)
class Question:
    """One comparison to be made; replies that give the same answer share it."""

    question: str
    reference: str
    answer: str

    def conversation(self, again: bool) -> Conversation:
        return asked(self.question, self.reference, self.answer, again)


class Health:
    """Which share of the last answers got no reply at all."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._missing: deque[bool] = deque(maxlen=BATCH)
        self._lock = threading.Lock()

    def add(self, answered: int, missing: int) -> None:
        with self._lock:
            self._missing.extend([False] * answered + [True] * missing)

    def fails_with(self, answered: int, missing: int) -> bool:
        """Whether, with these added, it is more than the limit, and these are part of why."""
        number, failed = self._with(answered, missing)
        return missing > 0 and failed > self.limit * max(number, FEWEST)

    def summary(self, judge: Judge, answered: int, missing: int, why: str) -> str:
        """The line that the run stops with."""
        number, failed = self._with(answered, missing)
        return mask(
            f"judge {judge.model}: {failed} of the last {number} answers got no reply ({failed / number:.0%}; more than {self.limit:.0%} "
            f"stop the run), also after a pause of {judge.pause_s:g} s; {why}. None of them was counted as wrong; when the server is back, "
            "the same command goes on"
        )

    def _with(self, answered: int, missing: int) -> tuple[int, int]:
        with self._lock:
            last = deque(self._missing, maxlen=BATCH)
        last.extend([False] * answered + [True] * missing)
        return len(last), sum(last)


def _vote(said: Sequence[Said]) -> Grade | None:
    """What most of the verdicts say; a tie abstains. None where no reply is a verdict."""
    grades = [read(each.text) for each in said]
    rights, wrongs = ([each for each in grades if isinstance(each, kind)] for kind in (Right, Wrong))
    if len(rights) == len(wrongs):
        return Abstained("the judges are of two minds") if rights else None
    return (rights if len(rights) > len(wrongs) else wrongs)[0]


def _price(grade: Grade) -> float | Abstained:
    match grade:
        case Right():
            return 1.0
        case Wrong():
            return 0.0
        case Abstained() as abstained:
            return abstained
