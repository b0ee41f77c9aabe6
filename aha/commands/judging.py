"""The judge of `aha eval --judge`: seated before anything is asked, told what it will cost, and heard once the replies are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aha.backends.hf import context_of, load_config
from aha.backends.identity import identity_of
from aha.backends.laptop import Laptop
from aha.backends.openai_budget import Spent
from aha.backends.openai_endpoint import Endpoint
from aha.commands.terminal import Terminal
from aha.errors import BadInput, EndpointDown
from aha.evals.examined import Generation, Graded
from aha.evals.exams import Exam, Item
from aha.evals.judged import (
    Asked,
    Case,
    Cost,
    Facts,
    How,
    Orders,
    Seated,
    Transcripts,
    answering_cost,
    estimated,
    games_of,
    judging_cost,
    scored,
    seated,
    unshown,
    write_case,
)
from aha.evals.saved import SETTINGS, Saved, read_settings
from aha.protocols import Asking, Budget, Chat, Sampling, is_endpoint
from aha.stages.examine import capped
from aha.stages.judge import ask_judge

Loaded = tuple[Exam, list[Item], str]
Generations = Mapping[tuple[str, int], Generation]


@dataclass(frozen=True)
class Judging:
    """How a judge is asked. None: as the benchmark does; `top` 0 asks for no log-probabilities, which some servers refuse. `orders` "both"
    shows AlpacaEval's pairs both ways round. What is no verdict is asked for again, `asks` times in all; no score where more than the share
    `unread` of the games ends without one. More than the share `missing` without any reply ends the run, to be gone on with."""

    temperature: float | None = None
    max_tokens: int | None = None
    top: int | None = None
    orders: Orders = "published"
    asks: int = 2
    unread: float = 0.1
    missing: float = 0.0
    asking: Asking = Asking(attempt_s=120.0, deadline_s=600.0, cache="~/.cache/aha/judge")

    def __post_init__(self) -> None:
        if not 1 <= self.asks <= 8 or not 0 <= self.unread <= 1 or not 0 <= self.missing < 1:
            raise BadInput(f"asks {self.asks}, unread {self.unread}, missing {self.missing}: 1 to 8, a share, a share below 1")
        if (self.max_tokens is not None and self.max_tokens < 1) or (self.temperature is not None and self.temperature < 0):
            raise BadInput(f"max_tokens {self.max_tokens}, temperature {self.temperature}: 1 or more, 0 or more")


@dataclass
class Court:
    """One judge for all benchmarks of a command that need one. `name` is what the person typed, None where nobody judges."""

    name: str | None
    settings: Judging
    machine: Laptop
    terminal: Terminal
    beat: Callable[[str], None]
    open: ExitStack
    cases: dict[str, Case] = field(default_factory=dict)
    _chats: dict[int, Chat] = field(default_factory=dict)

    @property
    def served(self) -> bool:
        return is_endpoint(self.name or "")

    @property
    def model(self) -> str:
        """The judge's own name, without its address."""
        return Endpoint.read(str(next(iter(self._chats.values())))).model if self.served else str(self.name)

    def chat(self, top: int) -> Chat:
        """Opened once for all who want as many log-probabilities."""
        if top not in self._chats:
            asking = replace(self.settings.asking, samples=1, top=top, dated=time.strftime("%Y-%m-%d"))
            self._chats[top] = self.machine.chat(str(self.name), asking)
            self.open.callback(self._chats[top].close)
        return self._chats[top]

    def seat(self, loaded: Sequence[Loaded], data: str | None, baseline: Sequence[Path], k: int) -> list[Loaded]:
        """The benchmarks again, without the items that cannot be judged. BadInput for what the scores would lack."""
        if self.name is None:
            return list(loaded)
        if not any(exam.needs_judge for exam, _, _ in loaded):
            raise BadInput(f"--judge {self.name}: {', '.join(exam.name for exam, _, _ in loaded)} needs none")
        for exam, items, _ in loaded:
            if exam.needs_judge:
                self.cases[exam.name] = self._case(exam, items, data, baseline, k or exam.k)
        return [(exam, self.cases[exam.name].items if exam.name in self.cases else items, source) for exam, items, source in loaded]

    def _case(self, exam: Exam, items: Sequence[Item], data: str | None, baseline: Sequence[Path], k: int) -> Case:
        found = seated(exam, items, data, baseline, self.settings.orders)
        if not isinstance(found.jury, Facts) and (k > 1 or len(found.items) < 2):
            raise BadInput(f"{exam.name}: k {k}, problems {len(found.items)}: one reply a problem is compared, and it takes two problems")
        own = found.jury.sampling
        temperature = own.temperature if self.settings.temperature is None else self.settings.temperature
        sampling = replace(own, temperature=temperature, max_tokens=self.settings.max_tokens or own.max_tokens)
        if not self.served:
            sampling = replace(sampling, max_tokens=self._room(found, sampling))
        top = found.jury.top if self.settings.top is None else self.settings.top
        who = str(self.chat(top)) if self.served else identity_of(str(self.name))
        asked = Asked(who, sampling, top, self.settings.asks)
        files = tuple(str(path.expanduser().resolve()) for path in baseline)
        case = Case(exam, found, How(self.model, asked, self.settings.orders, files, self.settings.unread, found.jury.prompt.digest), k)
        for note in (*self._looked(), *found.notes, f"the judge is {self.model}; published verdicts are of {case.jury.judges[0]}"):
            self.terminal.note(f"{exam.name}: {note}")
        return case

    def _room(self, found: Seated, sampling: Sampling) -> int:
        """What the context of a judge here leaves for its replies. BadInput where that is nothing, or where it knows no chat."""
        tokenizer = self.machine.tokenizer(str(self.name))
        asked = (game for item in found.items for game in found.jury.games(item, found.jury.guess(item)))
        longest = max(len(tokenizer.chat(conversation)) for conversation in asked)
        return capped(sampling, longest, context_of(load_config(str(self.name))))

    def told(self, exam: Exam) -> Exam:
        """The benchmark as it is told of."""
        return self.cases[exam.name].told if exam.name in self.cases else exam

    def _looked(self) -> list[str]:
        """What is amiss with a server that is to judge hours later, once."""
        if not self.served or self.cases:
            return []
        from aha.backends.openai_chat import OpenAiChat

        chat = next(iter(self._chats.values()))
        assert isinstance(chat, OpenAiChat)
        try:
            models = chat.models()
        except EndpointDown as down:
            return [f"the judge may not be there when it is needed: {down}"]
        return [] if self.model in models else [f"the judge's server does not list {self.model} among its {len(models)} models"]

    # --- what it costs ---

    def estimate(self, places: Mapping[str, Path], most: int, prices: Budget, alone: bool) -> None:
        """Said, before any model is asked anything. `places`: the models, and where their results go; `most` and `prices`: of a reply of
        theirs. BadInput where the judge's budget would not do. `alone`: it is all that is wanted, so that a program reads it too."""
        total, budget = Cost(), self.settings.asking.budget
        for model, out in places.items():
            for name, case in self.cases.items():
                generations = _generations(out / name)
                if is_endpoint(model):
                    asking = answering_cost(case.items, generations, case.k, most)
                    self.terminal.note(
                        f"{name}: {model} will be asked {asking.at_most(prices)}" if asking.calls else f"{name}: all is answered"
                    )
                cost = estimated(case.jury, case.asked, case.items, generations, case.k, Transcripts(out / name).known)
                self.terminal.note(f"{name}: judging will take {cost.told(budget)}")
                if alone:
                    self.terminal.tell("estimate", benchmark=name, model=model, judge=self.model, **cost.to_json(budget))
                total += cost
        if len(self.cases) * len(places) > 1:
            self.terminal.note(f"judging in all: {total.told(budget)}")
        self._afford(total, "judging will take")

    def _afford(self, cost: Cost, what: str) -> None:
        budget = self.settings.asking.budget
        wanted = self._spent() + Spent(cost.calls, cost.prompt, cost.completion)
        if cost.calls and (limit := wanted.beyond(budget)):
            raise BadInput(
                f"{what} {cost.told(budget)}: the budget of {limit} does not allow it ({self._spent().calls:,} calls are spent); allow "
                "more with --judging.asking.budget.…, or judge fewer with --problems N"
            )

    def _spent(self) -> Spent:
        """By all that was asked so far; for servers only."""
        if not self.served:
            return Spent()
        from aha.backends.openai_chat import OpenAiChat

        ledgers = [chat.ledger for chat in self._chats.values() if isinstance(chat, OpenAiChat)]
        shared = {str(each.folder) if each.folder and each.limited else str(id(each)): each.total() for each in ledgers}
        return sum(shared.values(), Spent())

    # --- what it says ---

    def result(self, name: str, folder: Path, generations: Generations, model: str, seed: int) -> tuple[list[Graded], dict[str, Any]]:
        """Asks what is still open, and scores what was said. EndpointDown, with everything saved, where the judge is not to be had;
        BarFailed where it said too little that can be read."""
        case = self.cases[name]
        saved = Transcripts(folder)
        games = games_of(case.jury, case.items, generations, case.k)
        cost = judging_cost(case.jury, case.asked, games, saved.known)
        lost = unshown(case.items, generations, case.k)
        self.terminal.note(
            f"{case.exam.name}: {len(games):,} games, of which {cost.calls:,} are to be judged; {lost:,} replies were cut or empty and "
            f"have lost without a judge; {cost.told(self.settings.asking.budget)}"
        )
        self._afford(cost, f"{case.exam.name}: judging needs")
        write_case(folder, case)
        before = self._spent()
        if cost.calls:
            why = ask_judge(case.jury, case.asked, games, saved, self.chat(case.asked.top), self.beat, self.settings.missing)
            if why:
                self.terminal.note(f"{case.exam.name}: {why}; those games have no verdict")
            self._say_spent(case, before)
        return scored(case, generations, saved, folder, model, seed)

    def _say_spent(self, case: Case, before: Spent) -> None:
        after = self._spent()
        spent = Cost(after.calls - before.calls, after.prompt - before.prompt, after.completion - before.completion, 0)
        if spent.calls:
            dollars = spent.dollars(self.settings.asking.budget)[0]
            paid = f", {dollars:,.2f} dollars" if dollars else ""
            self.terminal.note(
                f"{case.exam.name}: {self.model}: {spent.calls:,} calls, {spent.prompt:,} tokens asked, {spent.completion:,} answered{paid}"
            )


@contextmanager
def court(name: str | None, settings: Judging, machine: Laptop, terminal: Terminal, beat: Callable[[str], None]) -> Iterator[Court]:
    """Its connections last as long as this."""
    with ExitStack() as opened:
        yield Court(name, settings, machine, terminal, beat, opened)


def _generations(folder: Path) -> Generations:
    """What is saved there already."""
    return Saved(folder, read_settings(folder)).generations if (folder / SETTINGS).exists() else {}
