"""The judge of `aha eval --judge`: checked before anything is asked, its cost estimated, and asked once the replies are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Protocol

from aha.backends.checkpoint.config import context_of
from aha.backends.checkpoint.folder import identity_of
from aha.backends.hf import load_config
from aha.backends.openai.endpoint import Endpoint, ServerChat, TokenUsage
from aha.commands.terminal import Terminal
from aha.errors import BadInput, EndpointDown
from aha.evals.benchmark import Benchmark, BenchmarkExample
from aha.evals.judged.facts import FactVerdicts
from aha.evals.judged.judged_benchmark import JudgedSample, JudgeSettings, Samples
from aha.evals.judged.pairwise import Orders
from aha.evals.judged.transcripts import (
    JudgeCase,
    JudgeCost,
    JudgePlan,
    JudgeRecord,
    Transcripts,
    answering_cost,
    ask_judge,
    estimate_cost,
    judging_cost,
    plan_judging,
    unjudgeable,
)
from aha.evals.result import Result
from aha.evals.run import fit_tokens
from aha.evals.samples import SampleJournal, read_settings, ungraded_sample
from aha.protocols import Backend, Budget, Chat, ChatOptions, Sampling, is_endpoint
from aha.rundir.record import SETTINGS


class JudgedRun(Protocol):
    """The parts of one benchmark's run that a session needs."""

    @property
    def benchmark(self) -> Benchmark: ...

    @property
    def examples(self) -> list[BenchmarkExample]: ...

    @property
    def k(self) -> int: ...


@dataclass(frozen=True)
class Judging:
    """The settings of a judge. None: the benchmark's own; `top` 0 asks for no log-probabilities, which some servers refuse. `orders` "both"
    shows AlpacaEval's pairs in both orders. A reply without a verdict is asked for again, `asks` times in all; there is no score if more
    than the share `unread` of the games has none. More than the share `missing` without any reply ends the run, which can be resumed."""

    temperature: float | None = None
    max_tokens: int | None = None
    top: Annotated[int, range(21)] | None = None
    orders: Orders = "published"
    asks: int = 2
    unread: float = 0.1
    missing: float = 0.0
    client: ChatOptions = ChatOptions(attempt_s=120.0, deadline_s=600.0, cache="~/.cache/aha/judge")

    def __post_init__(self) -> None:
        if not 1 <= self.asks <= 8 or not 0 <= self.unread <= 1 or not 0 <= self.missing < 1:
            raise BadInput(f"asks {self.asks}, unread {self.unread}, missing {self.missing}: 1 to 8, a share, a share below 1")
        if (self.max_tokens is not None and self.max_tokens < 1) or (self.temperature is not None and self.temperature < 0):
            raise BadInput(f"max_tokens {self.max_tokens}, temperature {self.temperature}: 1 or more, 0 or more")


@dataclass
class JudgeSession:
    """One judge for all benchmarks of a command that need one. `name` is the name as typed, None if there is no judge."""

    name: str | None
    settings: Judging
    machine: Backend
    terminal: Terminal
    heartbeat: Callable[[str], None]
    connections: ExitStack
    cases: dict[str, JudgeCase] = field(default_factory=dict)
    _chats: dict[int, Chat] = field(default_factory=dict)

    @property
    def served(self) -> bool:
        """True if the judge is behind a server."""
        return is_endpoint(self.name or "")

    @property
    def model(self) -> str:
        """The judge's own name, without its address."""
        return Endpoint.read(str(next(iter(self._chats.values())))).model if self.served else str(self.name)

    def chat(self, top: int) -> Chat:
        """Return the chat, opened once for all who ask for as many log-probabilities."""
        if top not in self._chats:
            chat_options = replace(self.settings.client, samples=1, top=top, dated=time.strftime("%Y-%m-%d"))
            self._chats[top] = self.machine.chat(str(self.name), chat_options)
            self.connections.callback(self._chats[top].close)
        return self._chats[top]

    def prepare(self, runs: Sequence[JudgedRun], data: str | None, baseline: Sequence[Path]) -> list[list[BenchmarkExample]]:
        """Return the examples of each run, without those that cannot be judged. BadInput if the scores would be incomplete."""
        if self.name is None:
            return [run.examples for run in runs]
        if not any(run.benchmark.needs_judge for run in runs):
            raise BadInput(f"--judge {self.name}: {', '.join(run.benchmark.name for run in runs)} needs none")
        for run in runs:
            if run.benchmark.needs_judge:
                self.cases[run.benchmark.name] = self._case(run, data, baseline)
        return [self.cases[run.benchmark.name].examples if run.benchmark.name in self.cases else run.examples for run in runs]

    def _case(self, run: JudgedRun, data: str | None, baseline: Sequence[Path]) -> JudgeCase:
        benchmark = run.benchmark
        plan = plan_judging(benchmark, run.examples, data, baseline, self.settings.orders)
        if not isinstance(plan.judged_benchmark, FactVerdicts) and (run.k > 1 or len(plan.examples) < 2):
            raise BadInput(
                f"{benchmark.name}: k {run.k}, problems {len(plan.examples)}: one reply a problem is compared, and it takes two problems"
            )
        usual = plan.judged_benchmark.sampling
        temperature = usual.temperature if self.settings.temperature is None else self.settings.temperature
        sampling = replace(usual, temperature=temperature, max_tokens=self.settings.max_tokens or usual.max_tokens)
        if not self.served:
            sampling = replace(sampling, max_tokens=self._room(plan, sampling))
        top = plan.judged_benchmark.top if self.settings.top is None else self.settings.top
        identity = str(self.chat(top)) if self.served else identity_of(str(self.name))
        files = tuple(str(path.expanduser().resolve()) for path in baseline)
        settings = JudgeSettings(identity, sampling, top, self.settings.asks)
        record = JudgeRecord(self.model, settings, self.settings.orders, files, self.settings.unread, plan.judged_benchmark.prompt.digest)
        notes = (
            *self._server_notes(),
            *plan.notes,
            f"the judge is {self.model}; the published verdicts are by {plan.judged_benchmark.judges[0]}",
        )
        for note in notes:
            self.terminal.note(f"{benchmark.name}: {note}")
        return JudgeCase(benchmark, plan, record, run.k)

    def _room(self, plan: JudgePlan, sampling: Sampling) -> int:
        """Return the tokens that a local judge's context leaves for replies. BadInput if there are none, or it has no chat template."""
        tokenizer = self.machine.tokenizer(str(self.name))
        usual = ((example, plan.judged_benchmark.usual_reply(example)) for example in plan.examples)
        questions = (conversation for example, text in usual for conversation in plan.judged_benchmark.questions(example, text))
        longest = max(len(tokenizer.chat(conversation)) for conversation in questions)
        return fit_tokens(sampling, longest, context_of(load_config(str(self.name))))

    def display_benchmark(self, benchmark: Benchmark) -> Benchmark:
        """Return the benchmark, with its protocol flag set for display."""
        return self.cases[benchmark.name].display_benchmark if benchmark.name in self.cases else benchmark

    def _server_notes(self) -> list[str]:
        """Return notes on a server that will be needed as a judge hours later, once: it is not there, or does not list the model."""
        if not self.served or self.cases:
            return []
        chat = next(iter(self._chats.values()))
        assert isinstance(chat, ServerChat)
        try:
            models = chat.models()
        except EndpointDown as down:
            return [f"the judge may not be there when it is needed: {down}"]
        return [] if self.model in models else [f"the judge's server does not list {self.model} among its {len(models)} models"]

    # --- the cost --------

    def estimate(self, places: Mapping[str, Path | None], most: int, prices: Budget, alone: bool) -> None:
        """Note the cost, before any model is asked anything. `places`: the models, and the folders of their results; `most` and `prices`:
        of one of their replies. BadInput if the judge's budget is too small. `alone`: only the cost is wanted, so it is printed for a
        program too."""
        total, budget = JudgeCost(), self.settings.client.budget
        for model, out in places.items():
            for name, case in self.cases.items():
                assert out is not None
                samples = _saved_samples(out / name)
                if is_endpoint(model):
                    answers = answering_cost(case, samples, most)
                    line = f"{model} will be asked {answers.most_text(prices)}" if answers.calls else "all questions are answered"
                    self.terminal.note(f"{name}: {line}")
                cost = estimate_cost(case, samples, Transcripts(out / name).replies)
                self.terminal.note(f"{name}: judging will take {cost.to_text(budget)}")
                if alone:
                    self.terminal.tell("estimate", benchmark=name, model=model, judge=self.model, **cost.to_json(budget))
                total += cost
        if len(self.cases) * len(places) > 1:
            self.terminal.note(f"judging in all: {total.to_text(budget)}")
        self._check_budget(total, "judging will take")

    def _check_budget(self, cost: JudgeCost, source: str) -> None:
        budget = self.settings.client.budget
        after = self._usage() + TokenUsage(cost.calls, cost.prompt, cost.completion)
        if cost.calls and (limit := after.beyond(budget)):
            raise BadInput(
                f"{source} {cost.to_text(budget)}: the budget of {limit} does not allow it ({self._usage().calls:,} calls are spent); "
                "allow more with --judging.client.budget.…, or judge fewer with --problems N"
            )

    def _usage(self) -> TokenUsage:
        """Return the total usage of all requests so far; for servers only."""
        if not self.served:
            return TokenUsage()
        ledgers = [chat.ledger for chat in self._chats.values() if isinstance(chat, ServerChat)]
        totals = {str(ledger.folder) if ledger.folder and ledger.limited else str(id(ledger)): ledger.total() for ledger in ledgers}
        return sum(totals.values(), TokenUsage())

    # --- the verdicts ---

    def result(self, name: str, folder: Path, samples: Samples, model: str, seed: int) -> tuple[list[JudgedSample], Result]:
        """Ask for the verdicts that are missing, and return every sample, graded, and the result. EndpointDown, with everything saved, if
        the judge cannot be reached; FailedBar if too few of its replies can be read."""
        case, transcripts = self.cases[name], Transcripts(folder)
        questions = case.questions(samples)
        cost = judging_cost(case, questions, transcripts.replies)
        unjudgeable_samples = unjudgeable(case, samples)
        self.terminal.note(
            f"{name}: {len(questions):,} games, of which {cost.calls:,} are left to judge; {unjudgeable_samples:,} replies were cut or "
            f"empty and count as lost without a judge; {cost.to_text(self.settings.client.budget)}"
        )
        self._check_budget(cost, f"{name}: judging needs")
        case.write(folder)
        before = self._usage()
        if cost.calls:
            why = ask_judge(case, questions, transcripts, self.chat(case.settings.top), self.heartbeat, self.settings.missing)
            if why:
                self.terminal.note(f"{name}: {why}; those games have no verdict")
            self._note_usage(name, before)
        return case.result(samples, transcripts, folder, model, seed)

    def _note_usage(self, name: str, before: TokenUsage) -> None:
        after = self._usage()
        cost = JudgeCost(after.calls - before.calls, after.prompt - before.prompt, after.completion - before.completion, 0)
        if cost.calls:
            dollars = cost.dollars(self.settings.client.budget)[0]
            price = f", {dollars:,.2f} dollars" if dollars else ""
            self.terminal.note(
                f"{name}: {self.model}: {cost.calls:,} calls, {cost.prompt:,} tokens asked, {cost.completion:,} answered{price}"
            )


@contextmanager
def judge_session(
    name: str | None, settings: Judging, machine: Backend, terminal: Terminal, heartbeat: Callable[[str], None]
) -> Iterator[JudgeSession]:
    """Yield a session whose connections are closed at the end."""
    with ExitStack() as connections:
        yield JudgeSession(name, settings, machine, terminal, heartbeat, connections)


def _saved_samples(folder: Path) -> Samples:
    """Return the samples saved in the folder; replies of version 0.1 become samples, whose grades do not matter here."""
    if not (folder / SETTINGS).exists():
        return {}
    journal = SampleJournal(folder, read_settings(folder))
    return journal.samples | {key: ungraded_sample(key, reply) for key, reply in journal.replies.items()}
