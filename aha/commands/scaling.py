"""The scaling lab for a model that is asked: here, or behind a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aha.backends.hf import context_of, load_config
from aha.backends.identity import identity_of
from aha.backends.laptop import Laptop
from aha.commands.examine import Examine, chosen_items, examine, protocolled, short_name
from aha.commands.examine import Wanted as Examined
from aha.commands.interrupts import Interrupts
from aha.commands.scaled import Told, tell
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.evals.attempts import Sheet, read_attempts
from aha.evals.benchmarks import BENCHMARKS
from aha.evals.exams import exam
from aha.evals.saved import GRADES, read_settings
from aha.evals.scaling import Arm, scaling
from aha.evals.trials import FREE, Trial, Trials
from aha.grading import programs_in
from aha.protocols import Compute, Sampling, is_endpoint
from aha.reports.scaling import Example, cut_example
from aha.settings import flatten, override
from aha.stages.course import Asked, Course, course_of_benchmark, course_of_exam
from aha.stages.evaluate import Evaluate
from aha.stages.scale import Lab, Scale
from aha.types import Conversation, Message

K, PROBLEMS = 64, 100
ARMS = {FREE: "thinking as long as it likes"}
TINY = Scale(wait_en=" wait", wait_zh=" 等等")  # words that its corpus has
DECIDING = ("template", "sampling", "k", "problems", "seed", "think", "forced", "answer_tokens", "more_tokens", "wait_en", "wait_zh")
TELLING_TOKENS = 120  # a thought long enough to be cut, short enough to be read


@dataclass(frozen=True)
class Wanted:
    """What the command line named."""

    benchmark: str
    model: str
    data: str | None
    scorers: tuple[str, ...]
    out: Path | None
    settings: tuple[tuple[str, str], ...]

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return self.out or Path("runs") / f"scale-{self.benchmark}-{short_name(self.model)}"


def asked(wanted: Wanted, terminal: Terminal) -> int:
    """Asks, or goes on with what the folder holds, and writes the page."""
    if is_endpoint(wanted.model):
        return _served(wanted, terminal)
    ours = wanted.benchmark in BENCHMARKS
    stage = Evaluate(wanted.model, benchmark=wanted.benchmark, curve_problems=0, k=K, problems=PROBLEMS) if ours else Examine()
    tree = override({"evaluate": stage, "scale": TINY if ours else Scale(), "compute": Compute()}, wanted.settings, main="evaluate")
    chosen, scale, compute = tree["evaluate"], tree["scale"], tree["compute"]
    assert isinstance(chosen, Evaluate | Examine) and isinstance(scale, Scale) and isinstance(compute, Compute)
    machine = Laptop(compute)
    with Interrupts() as interrupts, _course(wanted, chosen, machine, terminal) as course:
        trials = Trials(wanted.folder, _identity(wanted, chosen, scale))

        def beat(arm: str, done: int, of: int) -> None:
            interrupts.beat(arm)
            if done == of:
                terminal.note(f"scale: {of} problems, {course.k if arm == FREE else lab.forced} samples of each: {ARMS.get(arm, arm)}")

        engine = cache(lambda: machine.engine(wanted.model))
        lab = Lab(scale, course, engine, machine.tokenizer(wanted.model), trials, context_of(load_config(wanted.model)), beat)
        cut, longer = lab.run()
        scorers = _scorers(wanted.scorers, machine, course, trials)
    sheet = Sheet(trials.tried(FREE, [each.id for each in course.problems]), answers=True, rewards=False, texts=False, ends=True)
    told = Told(wanted.benchmark, _facts(wanted.model, course.sampling), _example(course, trials, cut))
    return tell(scaling(sheet, scorers, cut, longer, chosen.seed), told, wanted.folder, terminal)


@contextmanager
def _course(wanted: Wanted, chosen: Evaluate | Examine, machine: Laptop, terminal: Terminal) -> Iterator[Course]:
    tokenizer = machine.tokenizer(wanted.model)
    if isinstance(chosen, Evaluate):
        with chosen.live(machine) as live:
            yield course_of_benchmark(chosen, live, tokenizer)
        return
    found = exam(wanted.benchmark)
    if found.needs_judge:
        raise BadInput(f"{found.name}: only a language model can grade it; aha eval --judge does, and aha scale takes the folder it writes")
    items, _ = chosen_items(found, wanted.data, chosen.problems)
    with programs_in(chosen.sandbox):
        yield course_of_exam(found, items, protocolled(found, items, chosen, wanted.model, machine, terminal), tokenizer)


def _identity(wanted: Wanted, chosen: Evaluate | Examine, scale: Scale) -> dict[str, object]:
    """All that a sample follows from; what else is set says which arms there are, or nothing."""
    known = {path: value for path, value in flatten({"evaluate": chosen, "scale": scale}).items() if path.split(".")[1] in DECIDING}
    return {"benchmark": wanted.benchmark, "weights": identity_of(wanted.model), "data": wanted.data, **known}


def _scorers(models: Sequence[str], machine: Laptop, course: Course, trials: Trials) -> dict[str, list[list[float]]]:
    """What may choose among the samples: how likely the model held its own tokens, and each model with a score head."""
    free = [(each, trials.found[FREE, each.id]) for each in course.problems]
    likely = [[trial.logprob for trial in found if trial.logprob is not None] for _, found in free]
    scores = {"likelihood": likely} if all(len(known) == len(found) for known, (_, found) in zip(likely, free, strict=True)) else {}
    for model in models:
        scorer = machine.scorer(model)
        scores[f"scorer {short_name(model)}"] = [scorer.score([_shown(each, trial) for trial in found]) for each, found in free]
    return scores


def _shown(problem: Asked, trial: Trial) -> Conversation:
    return Conversation((Message("user", problem.question), Message("assistant", trial.text)))


def _facts(model: str, sampling: Sampling) -> dict[str, str]:
    drawn = {"temperature": f"{sampling.temperature:g}", "top-p": f"{sampling.top_p:g}", "tokens at most": f"{sampling.max_tokens:,}"}
    return {"model": model, **drawn}


def _example(course: Course, trials: Trials, cut: Sequence[Arm]) -> Example | None:
    """A thought that fails while it is short and then never again: told to answer at the first budget, around the turn, and left alone."""
    turns = [(each, number, turn) for each in course.problems for number, turn in _turns(each.id, cut)]
    if not turns:
        return None

    def rank(turn: tuple[Asked, int, int]) -> tuple[bool, int, str]:
        return turn[0].language != "en", abs(len(trials.found[FREE, turn[0].id][turn[1]].tokens) - TELLING_TOKENS), turn[0].id

    problem, number, turn = min(turns, key=rank)
    arms = sorted({0, turn - 1, turn})
    shown = [(f"after {cut[at].x} tokens", trials.found[f"cut {cut[at].x}", problem.id][number]) for at in arms]
    alone = trials.found[FREE, problem.id][number]
    shown += [("left alone", alone)] if alone.tokens != shown[-1][1].tokens else []
    return cut_example(problem.question, problem.language, [(name, each.right, len(each.tokens), each.text) for name, each in shown])


def _turns(problem: str, cut: Sequence[Arm]) -> Iterator[tuple[int, int]]:
    """(sample, place of the first budget at which it is right), of samples that stay right from there on."""
    arms = [next(tried for tried in arm.problems if tried.problem == problem) for arm in cut]
    for number in range(min((len(tried.attempts) for tried in arms), default=0)):
        rights = [tried.attempts[number].right for tried in arms]
        if not rights[0] and rights[-1] and (turn := rights.index(True)) and all(rights[turn:]):
            yield number, turn


# --- a server -----------------------------------------------------------------------------------------------------------


class Quiet(Terminal):
    """Results are not said."""

    def say(self, text: str) -> None:
        """Nothing."""


def _served(wanted: Wanted, terminal: Terminal) -> int:
    """As `aha eval` asks it. A server's thoughts can be cut off after the fact, but nobody can write their end for it."""
    if wanted.benchmark in BENCHMARKS or wanted.scorers:
        raise BadInput(f"{wanted.benchmark}: a server is asked published benchmarks, without --scorer; for this give the folder of a model")
    examined = Examined((exam(wanted.benchmark),), wanted.model, wanted.data, wanted.folder, None, wanted.settings)
    examine(examined, Quiet())
    folder = wanted.folder / wanted.benchmark
    how = read_settings(folder)
    facts = _facts(wanted.model, Sampling(how["temperature"], how["top_p"], how["max_tokens"]))
    return tell(scaling(read_attempts(folder / GRADES), {}), Told(wanted.benchmark, facts), wanted.folder, terminal)
