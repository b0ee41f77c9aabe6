"""The judging of a benchmark: its cost, the judge's replies, and the result, which can be computed again without the judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aha.codec import decode, encode
from aha.durable import Disk, append_journal, disk_errors, read_document, read_journal, replace_file
from aha.errors import BadInput, DiskTrouble, EndpointDown, FailedBar
from aha.evals.benchmark import Benchmark, BenchmarkExample
from aha.evals.files import data_folder
from aha.evals.judged.facts import FactVerdicts
from aha.evals.judged.judged_benchmark import (
    FACTS,
    JudgedBenchmark,
    JudgedSample,
    JudgePrompt,
    JudgeQuestion,
    JudgeRun,
    JudgeSettings,
    Samples,
    facts_prompt,
    game_prompts,
    is_judgeable,
    judge_questions,
    judged_samples,
    preference_prompt,
    replies_and_next,
)
from aha.evals.judged.pairwise import Orders, matches, preferences
from aha.evals.result import Result
from aha.protocols import Budget, Chat
from aha.rundir.old_names import new_judging, new_transcript
from aha.types import ChatReply, Conversation, Message

ARENAS = ("arena_hard", "arena_hard_v2")
JUDGING, TRANSCRIPTS = "judging.json", "transcripts.jsonl"
BYTES_A_TOKEN = 4
OVERHEAD = 8  # tokens of a chat's format around a message


# --- options and plan -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JudgeOptions:
    """The options of judging. `judge`: None for no judging. `baseline`: the answers to compare the model's with; empty: those in the data.
    `estimate`: only report the cost of judging."""

    judge: str | None = None
    baseline: tuple[Path, ...] = ()
    estimate: bool = False


@dataclass(frozen=True)
class JudgePlan:
    """A judged benchmark with the examples that it can judge, whether its questions and its baseline are the published ones, and notes for
    a person."""

    judged_benchmark: JudgedBenchmark
    examples: list[BenchmarkExample]
    published: bool
    notes: tuple[str, ...]


def plan_judging(
    benchmark: Benchmark,
    examples: Sequence[BenchmarkExample],
    data: str | None,
    baseline: Sequence[Path] = (),
    orders: Orders = "published",
) -> JudgePlan:
    """Return the plan of judging a benchmark, with all that it needs from the data. BadInput for missing data."""
    folder = _folder(data)
    notes: list[str] = []
    chosen, usual = list(examples), True
    judged_benchmark: JudgedBenchmark
    if benchmark.name in ARENAS:
        prompts = game_prompts(folder)
        arena, chosen, why = matches(examples, baseline, folder, "v0.1" if benchmark.name == "arena_hard" else "v2.0", prompts)
        judged_benchmark, usual = arena, arena.usual
        notes += [why] if why else []
        notes.append("style is controlled by words and signs, since nobody counts tokens here: unverified")
    elif benchmark.name == "alpaca_eval":
        alpaca = preferences(examples, baseline, folder, preference_prompt(folder), orders)
        judged_benchmark, usual = alpaca, alpaca.usual
    else:
        judged_benchmark = FactVerdicts(facts_prompt(folder) if benchmark.name == "simpleqa" else JudgePrompt(FACTS))
    if baseline and isinstance(judged_benchmark, FactVerdicts):
        raise BadInput(f"--baseline-answers: {benchmark.name} compares with a reference, not with another model's answers")
    notes.append(
        f"the judge's question is {'the published one, ' if judged_benchmark.prompt.published else ''}{judged_benchmark.prompt.source}"
    )
    return JudgePlan(judged_benchmark, chosen, usual and judged_benchmark.prompt.published, tuple(notes))


def _folder(data: str | None) -> Path | None:
    """Return the folder of prompts, baselines and calibrations: the named one, else $AHA_DATA, else the folder of the file."""
    path = Path(data).expanduser() if data is not None else None
    if path is None or not path.exists():
        return data_folder(None)
    if path.is_dir():
        return path
    return data_folder(None) or path.parent


# --- a case: benchmark, plan and judge ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JudgeRecord:
    """The facts, beside the data, that are needed to read saved verdicts again. `name`: the judge's, without its address. `prompt`: the
    digest of its question."""

    name: str
    settings: JudgeSettings
    orders: Orders
    baseline: tuple[str, ...]
    unread: float
    prompt: str


@dataclass(frozen=True)
class JudgeCase:
    """A benchmark with its plan of judging and its judge."""

    benchmark: Benchmark
    plan: JudgePlan
    record: JudgeRecord
    k: int

    @property
    def examples(self) -> list[BenchmarkExample]:
        """The examples that can be judged."""
        return self.plan.examples

    @property
    def judged_benchmark(self) -> JudgedBenchmark:
        """The benchmark as the judge sees it."""
        return self.plan.judged_benchmark

    @property
    def settings(self) -> JudgeSettings:
        """The settings of the judge."""
        return self.record.settings

    @property
    def display_benchmark(self) -> Benchmark:
        """The benchmark with its protocol flag for display: verified if prompt, baseline and judge are those of the published scores."""
        usual = self.plan.published and self.record.name in self.judged_benchmark.judges
        return replace(self.benchmark, verified=self.benchmark.verified and usual, needs_judge=False)

    def questions(self, samples: Samples) -> list[JudgeQuestion]:
        """Return every question about the present samples."""
        return judge_questions(self.judged_benchmark, self.examples, samples, self.k)

    def result(self, samples: Samples, transcripts: Transcripts, folder: Path, model: str, seed: int) -> tuple[list[JudgedSample], Result]:
        """Return every sample, graded, and the result. FailedBar if too many questions have no verdict."""
        results = judged_samples(self.judged_benchmark, self.benchmark, self.examples, samples, self.k, self.settings, transcripts.replies)
        verdicts = [verdict for sample in results for verdict in sample.verdicts]
        if (silent := sum(verdict is None for verdict in verdicts)) > self.record.unread * len(verdicts):
            raise FailedBar(
                f"{self.benchmark.name}: {self.record.name} gave no verdict in {silent:,} of {len(verdicts):,} games, more than "
                f"{self.record.unread:.0%}: no score. What it said is in {transcripts.path}"
            )
        result = self.judged_benchmark.result(self.benchmark, results, folder, JudgeRun(model, self.record.name, seed))
        prompt = "published" if self.judged_benchmark.prompt.published else "ours"
        return results, replace(result, scores={**result.scores, "judge": self.record.name, "judge_prompt": prompt})

    def write(self, folder: Path) -> None:
        """Write the record of the judge: the last record counts when the folder is scored again."""
        text = json.dumps(encode(self.record, JudgeRecord), ensure_ascii=False, indent=2)
        replace_file(Disk(), folder / JUDGING, (text + "\n").encode())


def read_case(folder: Path, benchmark: Benchmark, examples: Sequence[BenchmarkExample], data: str | None, k: int) -> JudgeCase | None:
    """Return the case that a folder was judged as; None if it was not judged."""
    if not (path := folder / JUDGING).is_file():
        return None
    try:
        record: JudgeRecord = decode(new_judging(read_document(path)), JudgeRecord)
    except BadInput as error:
        raise BadInput(f"{path}: it does not say who judged: {error}") from None
    plan = plan_judging(benchmark, examples, data, [Path(name) for name in record.baseline], record.orders)
    if plan.judged_benchmark.prompt.digest != record.prompt:
        raise BadInput(
            f"{folder}: it was judged by another question than {plan.judged_benchmark.prompt.source}; name the data as it was by --data or "
            "AHA_DATA, or let the judge be asked again by aha eval"
        )
    return JudgeCase(benchmark, plan, record, k)


# --- the judge's replies --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Transcript:
    """One reply of the judge. `key` is that of the question; the other fields tell a person for which sample it was first asked."""

    key: str
    judge: str
    problem: str
    sample: int
    question: int
    turn: int
    reply: ChatReply


class Transcripts:
    """A folder's replies of judges by the key of the question, written to the disk as they arrive, so that no question is asked twice.
    Opening it drops a half-written last line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / TRANSCRIPTS
        self.replies: dict[str, ChatReply] = {}
        journal = read_journal(self.path)
        if journal.damaged_lines:
            raise DiskTrouble(f"{self.path}: line {journal.damaged_lines[0]} is damaged; delete that line and the judge is asked again")
        if journal.torn_bytes:
            with disk_errors(self.path):
                Disk().truncate(self.path, journal.end)
        for record in journal.records:
            line: Transcript = decode(new_transcript(record), Transcript)
            self.replies.setdefault(line.key, line.reply)

    def add(self, key: str, judge: str, question: JudgeQuestion, turn: int, reply: ChatReply) -> None:
        """Keep a reply, which is on the device when this returns; a question keeps its first reply."""
        if key not in self.replies:
            line = Transcript(key, judge, question.problem, question.sample, question.number, turn, reply)
            append_journal(Disk(), self.path, encode(line, Transcript))
            self.replies[key] = reply


def ask_judge(
    case: JudgeCase,
    questions: Sequence[JudgeQuestion],
    transcripts: Transcripts,
    chat: Chat,
    heartbeat: Callable[[str], None],
    missing: float = 0.0,
) -> str:
    """Ask about every question without a verdict, in as many turns as the settings allow, each over all open questions; replies are kept as
    they arrive. EndpointDown if more than the share `missing` of the questions got no reply; else return the reason for missing replies, or
    an empty text."""
    why, settings = "", case.settings
    for _ in range(settings.turns):
        pending: dict[str, tuple[JudgeQuestion, int, Conversation]] = {}
        for question in questions:
            replies, next_question = replies_and_next(case.judged_benchmark, settings, question.conversation, transcripts.replies)
            if next_question is not None:
                pending.setdefault(settings.key(next_question), (question, len(replies), next_question))
        if not pending:
            break
        keys = list(pending)
        try:
            conversations = [pending[key][2] for key in keys]
            for done, (index, answers) in enumerate(chat.reply(conversations, settings.sampling), start=1):
                question, turn, _ = pending[keys[index]]
                transcripts.add(keys[index], settings.judge, question, turn, answers[0])
                heartbeat(f"judged {done} of {len(keys)}")
        except EndpointDown as down:
            if sum(key not in transcripts.replies for key in pending) > missing * len(questions):
                raise
            why = str(down)
    return why


# --- costs ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class JudgeCost:
    """The cost of judging: `prompt` and `completion` are estimates, `most` is the replies' tokens at their limit."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    most: int = 0

    def __add__(self, other: JudgeCost) -> JudgeCost:
        return JudgeCost(self.calls + other.calls, self.prompt + other.prompt, self.completion + other.completion, self.most + other.most)

    def dollars(self, budget: Budget) -> tuple[float, float]:
        """Return the cost by the prices of a million tokens: the estimate, and the most."""
        prompt_price = self.prompt * budget.prompt_price
        return (prompt_price + self.completion * budget.completion_price) / 1e6, (prompt_price + self.most * budget.completion_price) / 1e6

    def to_json(self, budget: Budget) -> dict[str, float]:
        """Return the cost under the names that programs read."""
        about, most = self.dollars(budget)
        tokens = {
            "calls": self.calls,
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "most_completion_tokens": self.most,
        }
        return {**tokens, "dollars": about, "most_dollars": most}

    def to_text(self, budget: Budget) -> str:
        """Return the cost in words."""
        text = f"{self.calls:,} calls, about {self.prompt:,} tokens asked and {self.completion:,} answered (at most {self.most:,})"
        if not budget.prompt_price and not budget.completion_price:
            return text + "; no prices are given"
        about, most = self.dollars(budget)
        return text + f", about {about:,.2f} dollars (at most {most:,.2f})"

    def most_text(self, budget: Budget) -> str:
        """Return the cost in words, if the length of a reply is unknown."""
        text = f"{self.calls:,} times, with about {self.prompt:,} tokens; it may answer {self.most:,} tokens at most"
        return text + (f", {self.dollars(budget)[1]:,.2f} dollars" if budget.prompt_price or budget.completion_price else "")


def tokens_in(texts: Iterable[str]) -> int:
    """Return about how many tokens texts have: four bytes per token, in English as in Chinese."""
    return sum(-(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN) + OVERHEAD for text in texts)


def cost_of(conversations: Iterable[Conversation], expected: int, most: int) -> JudgeCost:
    """Return the cost of one reply to each conversation."""
    prompts = [tokens_in(message.content for message in conversation.messages) for conversation in conversations]
    return JudgeCost(len(prompts), sum(prompts), len(prompts) * min(expected, most), len(prompts) * most)


def judging_cost(case: JudgeCase, questions: Sequence[JudgeQuestion], replies: Mapping[str, ChatReply]) -> JudgeCost:
    """Return the cost of the next turn of all questions without a verdict; the same question counts once."""
    open_questions = (replies_and_next(case.judged_benchmark, case.settings, question.conversation, replies)[1] for question in questions)
    pending = {case.settings.key(conversation): conversation for conversation in open_questions if conversation is not None}
    return cost_of(pending.values(), case.judged_benchmark.expected, case.settings.sampling.max_tokens)


def estimate_cost(case: JudgeCase, samples: Samples, replies: Mapping[str, ChatReply]) -> JudgeCost:
    """Return the cost before the model has answered: missing replies are assumed to be as long as a usual one, and all different."""
    estimate = JudgeCost()
    for example in case.examples:
        conversations = case.judged_benchmark.questions(example, case.judged_benchmark.usual_reply(example))
        for _ in range(sum((example.id, number) not in samples for number in range(case.k))):
            estimate += cost_of(conversations, case.judged_benchmark.expected, case.settings.sampling.max_tokens)
    return judging_cost(case, case.questions(samples), replies) + estimate


def answering_cost(case: JudgeCase, samples: Samples, most: int) -> JudgeCost:
    """Return the cost of the replies that are still to be judged, before they exist."""
    counts = {example.prompt: sum((example.id, number) not in samples for number in range(case.k)) for example in case.examples}
    return cost_of([Conversation((Message("user", prompt),)) for prompt, count in counts.items() for _ in range(count)], most, most)


def unjudgeable(case: JudgeCase, samples: Samples) -> int:
    """Return the number of present samples that lose without a judge."""
    pairs = (samples.get((example.id, number)) for example in case.examples for number in range(case.k))
    return sum(sample is not None and not is_judgeable(sample) for sample in pairs)
