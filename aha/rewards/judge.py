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
from aha.protocols import Backend, Chat, ChatOptions, Sampling, is_endpoint
from aha.redact import mask
from aha.rewards.verdict import judge_conversation, read, words_of
from aha.types import Abstained, ChatReply, Conversation, Grade, Judged, Problem, Reference, Reply, Right, Wrong

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
    asking: ChatOptions = ChatOptions(attempt_s=120.0, deadline_s=600.0, cache="~/.cache/aha/judge")
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
            chats = [stack.enter_context(closing(backend.chat(self.model, request))) for request in turns(self.model, self.asking)]
            yield LiveJudge(self, chats[0], chats[-1])


def turns(model: str, request: ChatOptions) -> list[ChatOptions]:
    """How a server with a cache is asked first, and how again: never from the cache, where nonsense would stay nonsense."""
    has_cache = request.cache is not None and is_endpoint(model)
    return [request, replace(request, dated=f"{request.dated} again {time.monotonic_ns()}")] if has_cache else [request]


class LiveJudge:
    """A `protocols.Reward`; any thread may call it."""

    def __init__(self, settings: Judge, chat: Chat, again: Chat | None = None) -> None:
        """`again` is asked about what `chat` gave no verdict of."""
        self.settings, self.chat, self.again = settings, chat, again or chat
        self.health = FailureWindow(settings.infra)

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        by_rule = {reply.answer: self._by_rule(problem.reference, reply.answer) for reply in replies}
        words = words_of(problem.reference) or ""
        questions = {answer: Question(problem.question, words, answer or "") for answer, grade in by_rule.items() if grade is None}
        verdicts = self._judge(list(questions.values()))
        return [_price(by_rule[reply.answer] or verdicts[questions[reply.answer]]) for reply in replies]

    def _by_rule(self, reference: Reference, answer: str | None) -> Grade | None:
        """What needs no judge, or cannot be shown to one; None for what is to be judged."""
        if answer is None:
            return Wrong("no answer: the reply broke the template")
        has_words = words_of(reference) is not None
        if not has_words or (self.settings.rules == "first" and not isinstance(reference, Judged)):
            grade_by_rule = grade(reference, answer)
            if not has_words or not isinstance(grade_by_rule, Abstained):
                return grade_by_rule
        if len(answer) > self.settings.longest:
            return Abstained(f"an answer of {len(answer):,} letters: a judge is shown {self.settings.longest:,} at most")
        return None

    def _judge(self, questions: Sequence[Question]) -> dict[Question, Grade]:
        """A verdict of each, or why there is none."""
        verdicts: dict[Question, Grade] = {}
        for turn in range(self.settings.asks):
            if rest := [question for question in questions if question not in verdicts]:
                verdicts |= {question: verdict for question, verdict in self._asked_once(rest, again=turn > 0).items() if verdict}
        return {
            question: verdicts.get(question, Abstained("the judge gave no verdict: no reply was the JSON object it was asked for"))
            for question in questions
        }

    def _asked_once(self, questions: Sequence[Question], again: bool) -> dict[Question, Grade | None]:
        """None for what no reply can be read as a verdict of."""
        replies, why = self._replies(questions, again)
        without_reply = [question for question in questions if question not in replies]
        if self.health.fails_with(len(replies), len(without_reply)):
            time.sleep(self.settings.pause_s)
            more, why = self._replies(without_reply, again)
            replies |= more
            without_reply = [question for question in without_reply if question not in more]
            if self.health.fails_with(len(replies), len(without_reply)):
                raise EndpointDown(self.health.summary(self.settings, len(replies), len(without_reply), why))
        self.health.add(len(replies), len(without_reply))
        return {
            **{question: _vote(reply_list) for question, reply_list in replies.items()},
            **{question: Abstained(f"no reply: {why}") for question in without_reply},
        }

    def _replies(self, questions: Sequence[Question], again: bool) -> tuple[dict[Question, list[ChatReply]], str]:
        """What was said to each, and why some have no reply."""
        replies: dict[Question, list[ChatReply]] = {}
        try:
            chat = self.again if again else self.chat
            for index, reply in chat.reply([question.conversation(again) for question in questions], self.settings.sampling):
                replies[questions[index]] = reply
        except EndpointDown as down:
            return replies, str(down)
        return replies, ""


@dataclass(frozen=True)
class Question:
    """One comparison to be made; replies that give the same answer share it."""

    question: str
    reference: str
    answer: str

    def conversation(self, again: bool) -> Conversation:
        return judge_conversation(self.question, self.reference, self.answer, again)


class FailureWindow:
    """Which share of the last answers got no reply at all."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._missing: deque[bool] = deque(maxlen=BATCH)
        self._lock = threading.Lock()

    def add(self, replies: int, no_reply: int) -> None:
        with self._lock:
            self._missing.extend([False] * replies + [True] * no_reply)

    def fails_with(self, replies: int, no_reply: int) -> bool:
        """Whether, with these added, it is more than the limit, and these are part of why."""
        number, failures = self._with(replies, no_reply)
        return no_reply > 0 and failures > self.limit * max(number, FEWEST)

    def summary(self, judge: Judge, replies: int, no_reply: int, why: str) -> str:
        """The line that the run stops with."""
        number, failures = self._with(replies, no_reply)
        return mask(
            f"judge {judge.model}: {failures} of the last {number} answers got no reply ({failures / number:.0%}; more than "
            f"{self.limit:.0%} stop the run), also after a pause of {judge.pause_s:g} s; {why}. None of them was counted as wrong; "
            "when the server is back, the same command goes on"
        )

    def _with(self, replies: int, no_reply: int) -> tuple[int, int]:
        with self._lock:
            last = deque(self._missing, maxlen=BATCH)
        last.extend([False] * replies + [True] * no_reply)
        return len(last), sum(last)


def _vote(replies: Sequence[ChatReply]) -> Grade | None:
    """What most of the verdicts say; a tie abstains. None where no reply is a verdict."""
    grades = [read(reply.text) for reply in replies]
    rights, wrongs = ([grade for grade in grades if isinstance(grade, kind)] for kind in (Right, Wrong))
    if len(rights) == len(wrongs):
        return Abstained("the judges are of two minds") if rights else None
    return (rights if len(rights) > len(wrongs) else wrongs)[0]


def _price(grade: Grade) -> float | Abstained:
    match grade:
        case Right():
            return 1.0
        case Wrong():
            return 0.0
        case Abstained() as abstention:
            return abstention
