"""The scaling lab for a model on this machine or behind a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from aha.backends.checkpoint.config import context_of
from aha.backends.checkpoint.folder import identity_of
from aha.backends.hf import load_config
from aha.backends.scoring import check_score_head
from aha.commands.arguments import local_backend
from aha.commands.benchmark_runs import (
    BenchmarkRun,
    EvalOptions,
    EvalSettings,
    evaluate,
    evaluation_settings,
    load_run,
    plan_evaluation,
    short_name,
)
from aha.commands.interrupts import Interrupts
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.evals.benchmark import PAPER_SAMPLING, Benchmark
from aha.evals.comparison import by_problem
from aha.evals.reading import read_sample_set
from aha.evals.run import Evaluation, template_settings
from aha.evals.samples import GradedSample, Key, SampleJournal, SampleSet, read_samples, read_settings
from aha.evals.scaling import Arm, Scaling, scaling
from aha.grading import Graders
from aha.protocols import Backend, Compute, Sampling, is_endpoint
from aha.reports.scaling_page import CutExample, cut_example
from aha.rundir.record import SAMPLES
from aha.settings import flatten, override
from aha.stages.scaling_lab import FREE, Scale, ScalingLab, ScalingTrial, TrialJournal
from aha.stages.served_lab import ServedLab
from aha.template import ChatTemplate
from aha.types import Conversation, Message

K, PROBLEMS = 64, 100
JUDGE_FIRST = "{}: only a language model can grade it; aha eval --judge does, and aha scale takes the folder it writes"
ARM_NAMES = {FREE: "thinking without a limit"}
TINY_SCALE = Scale(wait_en=" wait", wait_zh=" 等等")  # words in the tiny world's corpus
IDENTITY_SETTINGS = (
    "template",
    "sampling",
    "k",
    "problems",
    "seed",
    "think",
    "forced",
    "answer_tokens",
    "more_tokens",
    "wait_en",
    "wait_zh",
)
WriteScaling = Callable[[Scaling, str, dict[str, str], CutExample | None, Path, Terminal], int]
READABLE_TOKENS = 120  # length of a thought that can be cut and is short enough to read


@dataclass(frozen=True)
class ScaleOptions:
    """The arguments of the command line."""

    benchmark: Benchmark
    model: str
    data: str | None
    scorers: tuple[str, ...]
    out: Path | None
    settings: tuple[tuple[str, str], ...]

    @property
    def folder(self) -> Path:
        """The folder of the page, the numbers and the samples."""
        return self.out or Path("runs") / f"scale-{self.benchmark.name}-{short_name(self.model)}"


def scale(options: ScaleOptions, terminal: Terminal, write: WriteScaling) -> int:
    """Sample, or resume from the samples in the folder, and write the page."""
    if is_endpoint(options.model):
        return _scale_server(options, terminal, write)
    benchmark, is_generator = options.benchmark, options.benchmark.generator is not None
    if benchmark.needs_judge:
        raise BadInput(JUDGE_FIRST.format(benchmark.name))
    knows_chat = any(isinstance(template, ChatTemplate) for template in benchmark.templates)
    usual = replace(EvalSettings.usual(benchmark), cache=None)
    usual = usual if usual.sampling.temperature else replace(usual, sampling=_varied(usual.sampling))
    tree = {
        "evaluate": replace(usual, k=K, problems=PROBLEMS) if is_generator else usual,
        "scale": TINY_SCALE if is_generator and not knows_chat else Scale(),
        "compute": Compute(),
    }
    new_tree = override(tree, options.settings, main="evaluate")
    settings, lab_settings, compute = new_tree["evaluate"], new_tree["scale"], new_tree["compute"]
    assert isinstance(settings, EvalSettings) and isinstance(lab_settings, Scale) and isinstance(compute, Compute)
    _check_budgets(lab_settings, settings.sampling)
    machine, run = local_backend(compute), load_run(benchmark, settings, options.data)
    for model in options.scorers:
        check_score_head(model)
    with Interrupts() as interrupts, Graders(sandbox=settings.sandbox) as graders:
        evaluation = plan_evaluation(run, options.model, machine, graders, terminal)
        journal = TrialJournal(options.folder, _identity(options, run, lab_settings))

        def progress(arm: str, done: int, of: int) -> None:
            interrupts.heartbeat(arm)
            if done == of:
                samples_per_problem = evaluation.k if arm == FREE else lab.forced_count
                terminal.note(f"scale: {of} problems, {samples_per_problem} samples of each: {ARM_NAMES.get(arm, arm)}")

        engine, context = cache(lambda: machine.engine(options.model)), context_of(load_config(options.model))
        lab = ScalingLab(lab_settings, evaluation, engine, machine.tokenizer(options.model), journal, context, progress)
        cut, longer = lab.run()
        scorers = _scorers(options.scorers, machine, evaluation, journal)
    samples = SampleSet(journal.samples(FREE, lab.problems), texts=False)
    result = scaling(samples, scorers, cut, longer, settings.seed)
    facts, example = _facts(options.model, evaluation.sampling), _example(evaluation, journal, cut)
    return write(result, benchmark.name, facts, example, options.folder, terminal)


def _varied(sampling: Sampling) -> Sampling:
    """Return the sampling of a benchmark that is measured by greedy replies, at the paper's temperature: equal samples scale nothing."""
    return replace(PAPER_SAMPLING, max_tokens=sampling.max_tokens)


def _check_budgets(lab_settings: Scale, sampling: Sampling) -> None:
    """Raise BadInput for a budget that no sampled thought can use up: its point would repeat the one of all thoughts."""
    if (budget := max(lab_settings.budgets, default=0)) > sampling.max_tokens:
        raise BadInput(f"--scale.budgets {budget}: a reply has {sampling.max_tokens:,} tokens at most; raise --sampling.max_tokens")


def _identity(options: ScaleOptions, run: BenchmarkRun, lab_settings: Scale) -> dict[str, object]:
    """Return all settings that a sample follows from; other settings only choose the arms, or change nothing. Rows of a published benchmark
    are asked in a named form, and generated ones with a template."""
    names = set(IDENTITY_SETTINGS) - ({"think"} if run.benchmark.generator is not None else {"template"})
    values = flatten({"evaluate": run.settings, "scale": lab_settings})
    values = {path: value for path, value in values.items() if path.split(".")[1] in names}
    values |= {f"evaluate.{name}": values[f"evaluate.{name}"] or 0 for name in ("k", "problems")}  # 0, the benchmark's own, in stored ones
    if run.benchmark.generator is None and run.settings.template is not None:
        values |= {f"evaluate.{name}": value for name, value in template_settings(run.settings.template).items()}
    return {"benchmark": options.benchmark.name, "weights": identity_of(options.model), "data": options.data, **values}


def _scorers(models: Sequence[str], machine: Backend, evaluation: Evaluation, journal: TrialJournal) -> dict[str, list[list[float]]]:
    """Return the scores that may choose among the samples: the mean log-probability of each, and each model with a score head."""
    free = [(example, journal.trials[FREE, example.id]) for example in evaluation.examples]
    likely = [[trial.logprob for trial in trials if trial.logprob is not None] for _, trials in free]
    whole = all(len(logprobs) == len(trials) for logprobs, (_, trials) in zip(likely, free, strict=True))
    scores = {"likelihood": likely} if whole else {}
    for model in models:
        scorer = machine.scorer(model)
        scores[f"scorer {short_name(model)}"] = [
            scorer.score([_conversation(example.prompt, trial) for trial in trials]) for example, trials in free
        ]
    return scores


def _conversation(question: str, trial: ScalingTrial) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", trial.text)))


def _facts(model: str, sampling: Sampling) -> dict[str, str]:
    facts = {"temperature": f"{sampling.temperature:g}", "top-p": f"{sampling.top_p:g}", "tokens at most": f"{sampling.max_tokens:,}"}
    return {"model": model, **facts}


def _example(evaluation: Evaluation, journal: TrialJournal, cut: Sequence[Arm]) -> CutExample | None:
    """Return a thought that fails while it is short and is right from some budget on: cut at the first budget, around the turn, and not at
    all."""
    turns = [((example.id, number), turn) for example in evaluation.examples for number, turn in _turns(example.id, cut)]
    if not turns:
        return None

    def rank(turn: tuple[Key, int]) -> tuple[bool, int, str]:
        problem, number = turn[0]
        length = len(journal.trials[FREE, problem][number].tokens)
        return evaluation.example(turn[0]).language != "en", abs(length - READABLE_TOKENS), problem

    key, turn = min(turns, key=rank)
    problem, number = key
    places = sorted({0, turn - 1, turn})
    trials = [(f"after {cut[place].x} tokens", journal.trials[f"cut {cut[place].x}", problem][number]) for place in places]
    alone = journal.trials[FREE, problem][number]
    trials += [("left alone", alone)] if alone.tokens != trials[-1][1].tokens else []
    question = evaluation.example(key)
    return cut_example(question.prompt, question.language, [(name, trial.right, len(trial.tokens), trial.text) for name, trial in trials])


def _turns(problem: str, cut: Sequence[Arm]) -> Iterator[tuple[int, int]]:
    """Yield (sample, index of the first budget at which it is right) for samples that stay right from there on."""
    arms = [next(part for part in arm.problems if part.problem == problem) for arm in cut]
    for number in range(min((len(part.samples) for part in arms), default=0)):
        rights = [part.samples[number].right for part in arms]
        if not rights[0] and rights[-1] and (turn := rights.index(True)) and all(rights[turn:]):
            yield number, turn


# --- a server -----------------------------------------------------------------------------------------------------------


class QuietTerminal(Terminal):
    """A terminal that prints no results."""

    def say(self, text: str) -> None:
        """Print nothing."""


def _scale_server(options: ScaleOptions, terminal: Terminal, write: WriteScaling) -> int:
    """Ask as `aha eval` does. A server's thoughts can be cut afterwards; with `--scale.forced` they are ended early or extended, if the
    server continues a reply that is begun for it."""
    benchmark = options.benchmark
    if benchmark.needs_judge:
        raise BadInput(JUDGE_FIRST.format(benchmark.name))
    for model in options.scorers:
        check_score_head(model)
    lab_pairs = tuple(pair for pair in options.settings if pair[0].startswith("scale."))
    eval_pairs = tuple(pair for pair in options.settings if pair not in lab_pairs)
    if benchmark.generator is not None:  # as many as a model on this machine is asked
        given = {path.removeprefix("evaluate.") for path, _ in eval_pairs}
        sampling = benchmark.sampling if benchmark.sampling.temperature else _varied(benchmark.sampling)
        values = {"k": K, "problems": PROBLEMS, "sampling.temperature": sampling.temperature, "sampling.top_p": sampling.top_p}
        eval_pairs += tuple((name, str(value)) for name, value in values.items() if name not in given)
    lab_settings = override({"scale": Scale(forced=0)}, lab_pairs)["scale"]
    if lab_pairs and not lab_settings.forced:
        raise BadInput(f"--{lab_pairs[0][0]}: say with --scale.forced how many of a problem's samples have their thoughts forced")
    eval_options = EvalOptions((benchmark,), options.model, options.data, options.folder, None, eval_pairs)
    _check_budgets(lab_settings, evaluation_settings(benchmark, eval_options)["evaluate"].sampling)
    evaluate(eval_options, QuietTerminal())
    folder = options.folder / benchmark.name
    cut, longer = _force_server(eval_options, lab_settings, folder, terminal) if lab_settings.forced else ((), ())
    settings = read_settings(folder)
    facts = _facts(options.model, Sampling(settings["temperature"], settings["top_p"], settings["max_tokens"]))
    scorers = _scorers_of_texts(options.scorers, eval_options, folder) if options.scorers else {}
    result = scaling(read_sample_set(folder), scorers, cut, longer)
    return write(result, benchmark.name, facts, None, options.folder, terminal)


def _scorers_of_texts(models: Sequence[str], options: EvalOptions, folder: Path) -> dict[str, list[list[float]]]:
    """Return the scores of each model with a score head for the replies that a server gave, problem by problem."""
    (benchmark,) = options.benchmarks
    tree = evaluation_settings(benchmark, options)
    questions = {example.id: example.prompt for example in load_run(benchmark, tree["evaluate"], options.data).examples}
    machine, scores = local_backend(tree["compute"]), {}
    for model in models:
        scorer = machine.scorer(model)
        scores[f"scorer {short_name(model)}"] = [
            scorer.score([_of_sample(questions[problem], sample) for sample in samples])
            for problem, samples in by_problem(read_samples(folder / SAMPLES)).items()
        ]
    return scores


def _of_sample(question: str, sample: GradedSample) -> Conversation:
    text = ChatTemplate().write(sample.thought, sample.text) if sample.thought is not None else sample.text
    return Conversation((Message("user", question), Message("assistant", text)))


def _force_server(options: EvalOptions, lab_settings: Scale, folder: Path, terminal: Terminal) -> tuple[list[Arm], list[Arm]]:
    """Return the arms that a server is asked for besides the samples in `folder`; each is in its own folder below `arms`."""
    from aha.backends.openai.look import look

    (benchmark,) = options.benchmarks
    tree = evaluation_settings(benchmark, options)
    run, chat_options, machine = load_run(benchmark, tree["evaluate"], options.data), tree["client"], local_backend(tree["compute"])
    with Interrupts() as interrupts, Graders(sandbox=run.settings.sandbox) as graders:
        evaluation = plan_evaluation(run, options.model, machine, graders, QuietTerminal(), chat_options, folder)
        free = {(sample.problem, sample.sample): sample for sample in read_samples(folder / SAMPLES)}
        seen = look(options.model, chat_options, [evaluation.conversation((example.id, 0)) for example in evaluation.examples])

        def journal(arm: str) -> SampleJournal:
            values = {name: value for name, value in flatten({"scale": lab_settings}).items() if name.split(".")[1] in IDENTITY_SETTINGS}
            return SampleJournal(folder.parent / "arms" / f"{folder.name}-{arm}", {**read_settings(folder), **values, "arm": arm})

        def progress(arm: str, done: int, of: int) -> None:
            interrupts.heartbeat(f"{arm}: {done} of {of}")

        day, cache = read_settings(folder)["begun"], run.settings.cache
        arm_options = replace(
            chat_options, cache=chat_options.cache or cache, seed=run.settings.seed if chat_options.seed is not None else None, dated=day
        )
        with closing(machine.chat(options.model, replace(arm_options, samples=1))) as chat:
            room = None if seen.context is None else seen.context - seen.longest
            cut, longer = ServedLab(lab_settings, evaluation, chat, free, journal, room, progress).run()
    terminal.note(f"scale: {len(evaluation.examples)} problems, thoughts ended at {len(cut)} budgets by the server itself")
    return cut, longer
