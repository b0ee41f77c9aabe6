"""The work of `aha eval`: it asks any model any benchmark, saves everything and prints every value."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from aha.backends.checkpoint.config import context_of
from aha.backends.checkpoint.folder import identity_of
from aha.backends.hardware import Hardware
from aha.backends.hf import load_config, load_tokenizer
from aha.backends.openai.endpoint import Cache, Endpoint, ServerChat
from aha.commands.arguments import sampling_machine
from aha.commands.interrupts import Interrupts
from aha.commands.judge_session import JudgeSession, Judging, judge_session
from aha.commands.offline import Rater, rate_samples
from aha.commands.regrade import print_result, protocol_of
from aha.commands.terminal import Terminal
from aha.durable import Disk, disk_errors, read_document, read_journal, replace_file
from aha.errors import BadInput
from aha.evals.benchmark import PAPER_SAMPLING, Benchmark, BenchmarkExample
from aha.evals.comparison import Rival, by_problem, compare, read_rival, saved_samples
from aha.evals.judged.transcripts import JudgeOptions
from aha.evals.loading import select_examples
from aha.evals.result import lm_eval_form, result_of
from aha.evals.run import Evaluation, choose_template, fit_tokens, template_settings
from aha.evals.samples import GradedSample, SampleJournal, read_settings
from aha.grading import Graders
from aha.grading.sandbox import Tier
from aha.protocols import ASK_ONCE, Backend, Chat, ChatOptions, Compute, Sampling, is_endpoint
from aha.rundir.record import OLD_REPLIES, RESULT, SAMPLES, SETTINGS
from aha.settings import override
from aha.template import END_THINK, ChatTemplate, Template

CACHE = "~/.cache/aha/eval"
Think = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class EvalOptions:
    """The arguments of the command line. `out`: the folder of all results; None: a folder named after the model, but generated problems are
    not stored. `against`: a model, or a result that `aha eval` saved. `hardware`: the machine that samples."""

    benchmarks: tuple[Benchmark, ...]
    model: str
    data: str | None = None
    out: Path | None = None
    lm_eval: Path | None = None
    settings: tuple[tuple[str, str], ...] = ()
    against: str | None = None
    judge: JudgeOptions = JudgeOptions()
    rater: Rater | None = None
    hardware: Hardware = Hardware()


@dataclass(frozen=True)
class EvalSettings:
    """The settings of a benchmark that a person may change. `k`, `problems`, `prompts` (of each kind of general prompt) None: those of the
    benchmark. `template` None: the benchmark's template whose format the model keeps more often.
    `think`: if replies are made to begin with `<think>`; "auto": if the model's own chat template knows it. `sandbox`: the sandbox for the
    programs of replies. `cache`: a folder of replies that all runs share."""

    k: int | None = None
    problems: int | None = None
    prompts: int | None = None
    template: Template | None = None
    think: Think = "auto"
    sampling: Sampling = PAPER_SAMPLING
    sandbox: Tier | Literal["auto"] = "auto"
    seed: int = 0
    cache: str | None = None

    @classmethod
    def usual(cls, benchmark: Benchmark) -> EvalSettings:
        """Return a benchmark's own settings."""
        template = benchmark.templates[0] if len(benchmark.templates) == 1 else None
        return cls(template=template, sampling=benchmark.sampling, cache=CACHE if benchmark.generator is None else None)


@dataclass(frozen=True)
class BenchmarkRun:
    """One benchmark with its settings, its examples and their source."""

    benchmark: Benchmark
    settings: EvalSettings
    examples: list[BenchmarkExample]
    source: str

    @property
    def k(self) -> int:
        """The number of samples per problem."""
        return self.settings.k or self.benchmark.k


def load_run(benchmark: Benchmark, settings: EvalSettings, data: str | None) -> BenchmarkRun:
    """Return a benchmark with the examples to ask. BadInput if it has fewer than that."""
    return BenchmarkRun(benchmark, settings, *select_examples(benchmark, data, settings.problems, settings.prompts, settings.seed))


def evaluate(options: EvalOptions, terminal: Terminal) -> int:
    """Ask one benchmark after another, each in its own folder below the run's; write all results to `result.json` beside them."""
    trees = [evaluation_settings(benchmark, options) for benchmark in options.benchmarks]
    compute, chat_options, judge_options = trees[0]["compute"], trees[0]["client"], trees[0]["judging"]
    assert isinstance(compute, Compute) and isinstance(chat_options, ChatOptions) and isinstance(judge_options, Judging)
    runs = [load_run(benchmark, tree["evaluate"], options.data) for benchmark, tree in zip(options.benchmarks, trees, strict=True)]
    _check_chat_options(chat_options)
    out = _out_of(options, runs)
    results = list[dict[str, Any]]()
    with ExitStack() as stack:
        machine = stack.enter_context(sampling_machine(options.hardware, compute, terminal.note))
        interrupts = stack.enter_context(Interrupts())
        judge = stack.enter_context(judge_session(options.judge.judge, judge_options, machine, terminal, interrupts.heartbeat))
        judgeable = judge.prepare(runs, options.data, options.judge.baseline)
        runs = [replace(run, examples=examples) for run, examples in zip(runs, judgeable, strict=True)]
        rivals = {run.benchmark.name: _saved_rival(run, options) for run in runs}
        other_out = _rival_out(options, out)
        rival_folders = {} if options.against is None or any(rivals.values()) else {options.against: other_out}
        most = runs[0].settings.sampling.max_tokens
        judge.estimate({options.model: out} | rival_folders, most, chat_options.budget, options.judge.estimate)
        if options.judge.estimate:
            return 0
        evaluator = Evaluator(options, chat_options, machine, judge, interrupts, terminal)
        for run in runs:
            name = run.benchmark.name
            samples, result = evaluator.run(run, options.model, out and out / name)
            results.append(result)
            beside = {}
            if options.against is not None and result["value"] is not None:
                rival = rivals[name] or Rival(
                    options.against, by_problem(evaluator.run(run, options.against, other_out and other_out / name)[0])
                )
                beside = {"against": compare(by_problem(samples), rival, run.benchmark.headline, run.settings.seed)}
            print_result(judge.display_benchmark(run.benchmark), result | beside, terminal)
    if out is not None:
        text = json.dumps(_merge(out, results), ensure_ascii=False, indent=2)
        replace_file(Disk(), out / RESULT, (text + "\n").encode("utf-8", "backslashreplace"))
    if options.lm_eval is not None:
        _write_lm_eval(options.lm_eval, results, options.model, runs[0].settings.sampling)
    return 0


def evaluation_settings(benchmark: Benchmark, options: EvalOptions) -> dict[str, Any]:
    """Return the settings of one benchmark by their names, with the changes of the command line."""
    tree = {"evaluate": EvalSettings.usual(benchmark), "compute": Compute(), "client": ChatOptions(), "judging": Judging()}
    return override(tree, options.settings, main="evaluate")


def _out_of(options: EvalOptions, runs: Sequence[BenchmarkRun]) -> Path | None:
    """Return the folder of the results; None if only generated problems are asked and no folder is named."""
    if options.out is not None:
        return options.out
    kept = any(run.benchmark.generator is None for run in runs)
    return Path("runs") / f"eval-{short_name(options.model)}" if kept else None


def _rival_out(options: EvalOptions, out: Path | None) -> Path | None:
    """Return the folder of the results of the model that `--against` names."""
    if out is None or options.against is None:
        return None
    folder = Path("runs") / f"eval-{short_name(options.against)}"
    return out.with_name(f"{out.name}-against") if options.out or folder == out else folder


def _saved_rival(run: BenchmarkRun, options: EvalOptions) -> Rival | None:
    """Return the saved result that `--against` names, checked before anything is asked; None if it names a model."""
    path = saved_samples(options.against, run.benchmark.name) if options.against else None
    if path is None:
        return None
    rival = read_rival(str(options.against), path)
    rival.check(example.id for example in run.examples)
    return rival


# --- one benchmark --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluator:
    """The parts that every benchmark of a command needs, opened once."""

    options: EvalOptions
    client: ChatOptions
    machine: Backend
    judge: JudgeSession
    interrupts: Interrupts
    terminal: Terminal

    def run(self, run: BenchmarkRun, model: str, folder: Path | None) -> tuple[list[GradedSample], dict[str, Any]]:
        """Ask a model for the samples that the folder lacks, and return all samples and the result."""
        with Graders(sandbox=run.settings.sandbox) as graders:
            evaluation = plan_evaluation(run, model, self.machine, graders, self.terminal, self.client, folder)
            settings = _journal_settings(run, evaluation, model, self.options.data, folder)
            settings |= _server_settings(self.client, folder) if is_endpoint(model) else {}
            journal = SampleJournal(folder, settings)
            journal.keep_examples(run.examples)
            self._note_protocol(run.benchmark, settings, journal)
            self._ask(run, evaluation, model, journal, str(settings["begun"]))
            return self._finish(run, evaluation, model, journal)

    def _ask(self, run: BenchmarkRun, evaluation: Evaluation, model: str, journal: SampleJournal, day: str) -> None:
        heartbeat, cache = self.interrupts.heartbeat, run.settings.cache
        if not is_endpoint(model):
            reply_cache = Cache(Path(cache).expanduser()) if cache is not None else None
            evaluation.ask_engine(lambda: self.machine.engine(model), self.machine.tokenizer(model), journal, heartbeat, reply_cache)
            return
        if not evaluation.missing(journal):
            evaluation.grade_old(journal, heartbeat)
            return
        chat_options = replace(self.client, cache=cache) if cache is not None and self.client.cache is None else self.client
        seed = run.settings.seed if chat_options.seed is not None else None
        with closing(self.machine.chat(model, replace(chat_options, seed=seed, samples=1, dated=day))) as chat:
            evaluation.ask_chat(chat, journal, heartbeat)
            _note_limit(run.benchmark, chat, self.terminal)

    def _finish(
        self, run: BenchmarkRun, evaluation: Evaluation, model: str, journal: SampleJournal
    ) -> tuple[list[GradedSample], dict[str, Any]]:
        name = run.benchmark.name
        if name in self.judge.cases:
            assert journal.folder is not None
            judged_samples, result = self.judge.result(name, journal.folder, journal.samples, model, run.settings.seed)
            samples = [sample.sample for sample in judged_samples]
        else:
            samples = evaluation.samples(journal)
            result = result_of(samples, run.benchmark, model, run.settings.seed)
        fields = result.to_json() | protocol_of(self.judge.display_benchmark(run.benchmark))
        fields |= rate_samples(run.benchmark.name, samples, self.options.rater, self.terminal)
        journal.finish(samples, fields)
        return samples, fields

    def _note_protocol(self, benchmark: Benchmark, settings: Mapping[str, Any], journal: SampleJournal) -> None:
        benchmark, note = self.judge.display_benchmark(benchmark), self.terminal.note
        note(f"{benchmark.name}: {benchmark.description}; licence: {benchmark.licence}")
        names = ("source", "problems", "k", "temperature", "top_p", "max_tokens", "template", "think", "seed")
        cut = "a reply that is cut off after its thought is graded as it is" if benchmark.grades_cut else "an unfinished reply is wrong"
        note(f"{benchmark.name}: {', '.join(f'{name} {settings[name]}' for name in names)}; the thinking is removed before grading, {cut}")
        if not benchmark.verified:
            note(f"{benchmark.name}: protocol: unverified")
        if benchmark.needs_judge:
            note(f"{benchmark.name}: only a language model can grade it, and there is no --judge: replies are saved but not scored")
        if count := len(journal.samples) + len(journal.replies):
            note(f"{benchmark.name}: resuming: {count:,} samples are already in {journal.folder}")


def plan_evaluation(
    run: BenchmarkRun,
    model: str,
    machine: Backend,
    graders: Graders,
    terminal: Terminal,
    chat_options: ChatOptions = ASK_ONCE,
    folder: Path | None = None,
) -> Evaluation:
    """Return the evaluation with the template chosen, `think` decided, and `max_tokens` reduced to the room in the model's context, which
    is noted; a server's limit is taken from `folder` if that has every sample already. EndpointDown if no server answers."""
    benchmark, chosen, is_server = run.benchmark, run.settings, is_endpoint(model)
    template = ChatTemplate() if chosen.template is None and is_server else chosen.template  # a server applies its own chat template
    if template is None:
        engine, tokenizer = machine.engine(model), machine.tokenizer(model)
        template = choose_template(benchmark, engine, tokenizer, chosen.sampling, graders, chosen.seed, lambda progress: None)
    think = isinstance(template, ChatTemplate) and (chosen.think == "always" or (chosen.think == "auto" and _knows_thoughts(model)))
    identity = "" if is_server or chosen.cache is None else identity_of(model)
    evaluation = Evaluation(benchmark, run.examples, run.k, template, chosen.sampling, graders, chosen.seed, think, identity)
    limit = _limit_of_whole(folder, evaluation) if folder is not None and is_server else None
    if limit is not None:
        room = min(limit, chosen.sampling.max_tokens)
    elif is_server:
        room = fit_tokens(chosen.sampling, *_look_at_server(evaluation, model, chat_options, terminal))
    else:
        sizes = {problem: len(prompt) for problem, prompt in evaluation.prompts(machine.tokenizer(model)).items()}
        longest = max(sizes, key=lambda problem: sizes[problem])
        room = fit_tokens(chosen.sampling, sizes[longest], context_of(load_config(model)), longest[0])
    if limit is None and room < chosen.sampling.max_tokens:
        terminal.note(f"{benchmark.name}: max_tokens {chosen.sampling.max_tokens:,} is more than the model's context leaves: {room:,}")
    return replace(evaluation, sampling=replace(chosen.sampling, max_tokens=room))


def _knows_thoughts(model: str) -> bool:
    """Return True if the model's own chat template has `<think>`: its replies are then made to begin with it, as R1's notes advise. A
    server's template is left to the server."""
    return not is_endpoint(model) and END_THINK in str(load_tokenizer(model).inner.chat_template)


def _look_at_server(evaluation: Evaluation, model: str, chat_options: ChatOptions, terminal: Terminal) -> tuple[int, int | None]:
    """Return the tokens of the longest prompt and of the context, as far as a server tells them."""
    try:
        from aha.backends.openai.look import look
    except ModuleNotFoundError as error:
        raise BadInput(f"{model}: asking a server needs the package {error.name}: pip install 'aha[api]'") from None
    seen = look(model, chat_options, [evaluation.conversation((example.id, 0)) for example in evaluation.examples])
    if seen.note:
        terminal.note(seen.note)
    return seen.longest, seen.context


def _limit_of_whole(folder: Path, evaluation: Evaluation) -> int | None:
    """Return the token limit of a folder that already has every sample; None for any other folder."""
    if not (folder / SETTINGS).exists():
        return None
    lines = [*read_journal(folder / SAMPLES).records, *read_journal(folder / OLD_REPLIES).records]
    keys = {(line.get("problem", line.get("item")), line.get("sample")) for line in lines}
    most = read_settings(folder).get("max_tokens")
    return most if set(evaluation.keys) <= keys and isinstance(most, int) else None


def _note_limit(benchmark: Benchmark, chat: Chat, terminal: Terminal) -> None:
    """Note the token limit that a server which tells no context allowed in the end."""
    if isinstance(chat, ServerChat) and chat.lowest_limit is not None:
        terminal.note(f"{benchmark.name}: the server refused max_tokens: some replies were limited to {chat.lowest_limit:,} tokens")


def _journal_settings(run: BenchmarkRun, evaluation: Evaluation, model: str, data: str | None, folder: Path | None) -> dict[str, Any]:
    """Return all settings that a sample follows from. The day is that of the first start."""
    weights = Endpoint.read(model).url if is_endpoint(model) else evaluation.identity or model
    place = str(Path(data).expanduser().resolve()) if data and Path(data).expanduser().exists() else data
    return {
        "benchmark": run.benchmark.name,
        "model": model,
        "weights": weights,
        "data": place,
        "source": run.source,
        "problems": len(run.examples),
        "k": evaluation.k,
        "temperature": evaluation.sampling.temperature,
        "top_p": evaluation.sampling.top_p,
        "max_tokens": evaluation.sampling.max_tokens,
        **template_settings(evaluation.template),
        "think": evaluation.think,
        "seed": evaluation.seed,
        "begun": _known_settings(folder).get("begun") or time.strftime("%Y-%m-%d"),
    }


def _server_settings(chat_options: ChatOptions, folder: Path | None) -> dict[str, Any]:
    """Return the settings of a server that its replies follow from; a resumed folder keeps the day it was begun."""
    day = chat_options.dated or _known_settings(folder).get("begun") or time.strftime("%Y-%m-%d")
    return {"begun": day, "seeded": chat_options.seed is not None, "limit": chat_options.limit}


def _known_settings(folder: Path | None) -> dict[str, Any]:
    return read_settings(folder) if folder is not None and (folder / SETTINGS).exists() else {}


def _check_chat_options(chat_options: ChatOptions) -> None:
    usual = ChatOptions()
    if chat_options.samples != usual.samples or chat_options.seed not in (usual.seed, None):
        raise BadInput(
            f"client.samples {chat_options.samples}, client.seed {chat_options.seed}: --k says how many samples there are, --seed how they "
            "are drawn; --client.seed none tells the server no seed"
        )


# --- files of results ------------------------------------------------------------------------------------------------------


def _merge(out: Path, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the folder's results of other benchmarks and these, without those that still need a judge."""
    names = {str(result["benchmark"]) for result in results}
    earlier = [read_document(path) for path in sorted(out.glob(f"*/{RESULT}")) if path.parent.name not in names]
    return [result for result in (*earlier, *results) if isinstance(result, dict) and result.get("value") is not None]


def _write_lm_eval(path: Path, results: Sequence[dict[str, Any]], model: str, sampling: Sampling) -> None:
    settings = {"temperature": sampling.temperature, "top_p": sampling.top_p, "max_gen_toks": sampling.max_tokens}
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(lm_eval_form(results, model, settings), ensure_ascii=False, indent=2)
    replace_file(Disk(), path, (text + "\n").encode("utf-8", "backslashreplace"))


def short_name(model: str) -> str:
    """Return the short name of a model for its folder of results."""
    name = model.rstrip("/").rpartition("#")[2].rpartition("/")[2] or "model"
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)
