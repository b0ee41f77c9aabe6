"""`aha eval` of the published benchmarks: any model asked as the paper did, everything saved, every value said."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from aha.backends.identity import identity_of
from aha.backends.laptop import Laptop
from aha.backends.openai_cache import Cache
from aha.backends.openai_endpoint import Endpoint
from aha.commands.interrupts import Interrupts
from aha.commands.judged import Judges
from aha.commands.judging import Court, Judging, court
from aha.commands.rating import Rater
from aha.commands.reach import Think, fitted, say_lowered
from aha.commands.results import protocol, tell
from aha.commands.terminal import Terminal
from aha.durable import Disk, read_document, replace_file, trouble
from aha.errors import BadInput
from aha.evals.examined import Graded, lm_eval, result_of
from aha.evals.exams import Exam, Item, items_of
from aha.evals.rivals import against, measured_by, read_rival, saved_result
from aha.evals.saved import GRADES, RESULT, SETTINGS, Saved, asked_whole, read_settings
from aha.grading import programs_in
from aha.grading.sandbox import Tier
from aha.protocols import ASK_ONCE, Asking, Compute, Sampling, is_endpoint
from aha.settings import override
from aha.stages.examine import Form, Protocolled, ask_chat, ask_engine, grade_all

CACHE = "~/.cache/aha/eval"


@dataclass(frozen=True)
class Examine:
    """The paper's protocol (§3): what a person may change. `k` 0: the benchmark's own; `problems` 0: all, else the first so many.

    `think`: whether replies are made to begin with `<think>`; "auto" where the model's own chat template knows it. `sandbox`: where the
    programs of replies run."""

    k: int = 0
    problems: int = 0
    sampling: Sampling = Sampling(0.6, 0.95, 32_768)
    template: Form = "chat"
    think: Think = "auto"
    sandbox: Tier | Literal["auto"] = "auto"
    seed: int = 0
    cache: str | None = CACHE

    def __post_init__(self) -> None:
        drawn = self.sampling
        if min(self.k, self.problems) < 0 or drawn.max_tokens < 1 or drawn.temperature < 0 or not 0 < drawn.top_p <= 1:
            raise BadInput(
                f"k {self.k}, problems {self.problems}, max_tokens {drawn.max_tokens}, temperature {drawn.temperature}, "
                f"top_p {drawn.top_p}: 0 or more, 0 or more, 1 or more, 0 or more, above 0 and at most 1"
            )


@dataclass(frozen=True)
class Wanted:
    """What the command line named. `against`: a model, or what `aha eval` saved of one."""

    exams: tuple[Exam, ...]
    model: str
    data: str | None
    out: Path | None
    lm_eval: Path | None
    settings: tuple[tuple[str, str], ...]
    against: str | None = None
    judges: Judges = Judges()
    rater: Rater | None = None


def examine(wanted: Wanted, terminal: Terminal) -> int:
    """One benchmark after another, each in a folder of its own below the run's; all results beside them in `result.json`."""
    tree = {"evaluate": Examine(), "compute": Compute(), "asking": Asking(), "judging": Judging()}
    changed = override(tree, wanted.settings, main="evaluate")
    chosen, compute, asking, judging = changed["evaluate"], changed["compute"], changed["asking"], changed["judging"]
    assert isinstance(chosen, Examine) and isinstance(compute, Compute) and isinstance(asking, Asking) and isinstance(judging, Judging)
    loaded = [(exam, *chosen_items(exam, wanted.data, chosen.problems)) for exam in wanted.exams]
    _check_asking(asking)
    out = wanted.out or Path("runs") / f"eval-{short_name(wanted.model)}"
    results, machine = [], Laptop(compute)
    with (
        programs_in(chosen.sandbox),
        Interrupts() as interrupts,
        court(wanted.judges.judge, judging, machine, terminal, interrupts.beat) as judge,
    ):
        loaded = judge.seat(loaded, wanted.data, wanted.judges.baseline, chosen.k)
        rivals = {exam.name: _rival(exam, items, wanted) for exam, items, _ in loaded}
        asked_too = {} if wanted.against is None or any(rivals.values()) else {wanted.against: _folder_of_other(wanted, out)}
        judge.estimate({wanted.model: out} | asked_too, chosen.sampling.max_tokens, asking.budget, wanted.judges.estimate)
        if wanted.judges.estimate:
            return 0
        for exam, items, source in loaded:

            def ask(wanted: Wanted, folder: Path, exam: Exam = exam, items: list[Item] = items, source: str = source) -> dict[str, Any]:
                return _one(exam, items, source, chosen, asking, wanted, folder, machine, judge, interrupts, terminal)

            results.append(ask(wanted, out / exam.name))
            comparable = wanted.against and results[-1]["value"] is not None
            beside = _beside(exam, rivals[exam.name], wanted, out, ask, chosen.seed) if comparable else {}
            tell(judge.told(exam), results[-1] | beside, terminal)
    replace_file(Disk(), out / RESULT, (json.dumps(_merged(out, results), ensure_ascii=False, indent=2) + "\n").encode())
    if wanted.lm_eval is not None:
        asked = chosen.sampling
        sampling = {"temperature": asked.temperature, "top_p": asked.top_p, "max_gen_toks": asked.max_tokens}
        with trouble(wanted.lm_eval.parent):
            wanted.lm_eval.parent.mkdir(parents=True, exist_ok=True)
        form = lm_eval(results, wanted.model, sampling)
        replace_file(Disk(), wanted.lm_eval, (json.dumps(form, ensure_ascii=False, indent=2) + "\n").encode())
    return 0


def chosen_items(exam: Exam, data: str | None, most: int) -> tuple[list[Item], str]:
    """The items that are asked, and where they are from."""
    items, source = items_of(exam, data)
    if most > len(items):
        raise BadInput(f"problems is {most}: {exam.name} has {len(items)} in {source}")
    return items[: most or None], source


def _one(
    exam: Exam,
    items: list[Item],
    source: str,
    chosen: Examine,
    asking: Asking,
    wanted: Wanted,
    folder: Path,
    machine: Laptop,
    judge: Court,
    interrupts: Interrupts,
    terminal: Terminal,
) -> dict[str, Any]:
    served = is_endpoint(wanted.model)
    asked = protocolled(exam, items, chosen, wanted.model, machine, terminal, asking, folder)
    settings = _settings(exam, asked, wanted, source, len(items), folder) | (_of_server(asking, folder) if served else {})
    saved = Saved(folder, settings)
    saved.keep(items)
    _say_protocol(judge.told(exam), settings, saved, terminal)
    if served and asked.missing(items, saved):
        if chosen.cache is not None and asking.cache is None:
            asking = replace(asking, cache=chosen.cache)
        asking = replace(asking, seed=chosen.seed if asking.seed is not None else None, samples=1, dated=str(settings["begun"]))
        with closing(machine.chat(wanted.model, asking)) as chat:
            ask_chat(asked, items, saved, chat, interrupts.beat)
            say_lowered(exam, chat, terminal)
    elif not served:
        kept = Cache(Path(chosen.cache).expanduser()) if chosen.cache is not None else None
        ask_engine(asked, items, saved, lambda: machine.engine(wanted.model), machine.tokenizer(wanted.model), kept, interrupts.beat)
    if exam.name in judge.cases:
        graded, result = judge.result(exam.name, folder, saved.generations, wanted.model, chosen.seed)
    else:
        graded = grade_all(exam, items, saved.generations, asked.k, interrupts.beat)
        result = {"model": wanted.model, **result_of(exam, graded, chosen.seed)}
    result |= protocol(judge.told(exam)) | _rating(exam, graded, wanted.rater, terminal)
    saved.write_grades(graded, result)
    return result


def protocolled(
    exam: Exam,
    items: Sequence[Item],
    chosen: Examine,
    model: str,
    machine: Laptop,
    terminal: Terminal,
    asking: Asking = ASK_ONCE,
    folder: Path | None = None,
) -> Protocolled:
    """How the benchmark is asked: as was chosen, as far as the model lets it, or as `folder` has it, where nothing is left to be asked."""
    identity = "" if is_endpoint(model) else identity_of(model)
    asked = Protocolled(chosen.k or exam.k, chosen.sampling, chosen.template, chosen.seed, identity, exam.seen)
    most = asked_whole(folder, items, asked.k) if folder is not None and is_endpoint(model) else None
    return fitted(exam, items, asked, model, machine, asking, chosen.think, terminal, most)


def _rival(exam: Exam, items: Sequence[Item], wanted: Wanted) -> Path | None:
    """The saved result that `--against` names, looked through before anything is asked; None where it names a model."""
    path = saved_result(wanted.against, exam.name) if wanted.against else None
    if path is not None:
        read_rival(str(wanted.against), path).check(item.id for item in items)
    return path


def _beside(
    exam: Exam, saved: Path | None, wanted: Wanted, out: Path, ask: Callable[[Wanted, Path], dict[str, Any]], seed: int
) -> dict[str, Any]:
    """How far the model is from the other, which is asked first where it has no saved result."""
    other = str(wanted.against)
    if saved is None:
        folder = _folder_of_other(wanted, out)
        ask(replace(wanted, model=other), folder / exam.name)
        saved = folder / exam.name / GRADES
    mine = out / exam.name / GRADES
    measure = measured_by(exam.headline, mine)
    return {"against": against(read_rival(wanted.model, mine, measure).samples, read_rival(other, saved, measure), measure, seed)}


def _folder_of_other(wanted: Wanted, out: Path) -> Path:
    """Where the results of the model that `--against` names go."""
    own = Path("runs") / f"eval-{short_name(str(wanted.against))}"
    return out.with_name(f"{out.name}-against") if wanted.out or own == out else own


def _settings(exam: Exam, asked: Protocolled, wanted: Wanted, source: str, problems: int, folder: Path) -> dict[str, Any]:
    """All that a generation follows from. The day is that of the first start."""
    known = read_settings(folder) if (folder / SETTINGS).exists() else {}
    named = Endpoint.read(wanted.model).url if is_endpoint(wanted.model) else asked.identity or wanted.model
    data = str(Path(wanted.data).expanduser().resolve()) if wanted.data and Path(wanted.data).expanduser().exists() else wanted.data
    return {
        "benchmark": exam.name,
        "model": wanted.model,
        "weights": named,
        "data": data,
        "source": source,
        "problems": problems,
        "k": asked.k,
        "temperature": asked.sampling.temperature,
        "top_p": asked.sampling.top_p,
        "max_tokens": asked.sampling.max_tokens,
        "template": asked.form,
        "think": asked.think,
        "seed": asked.seed,
        "begun": known.get("begun") or time.strftime("%Y-%m-%d"),
    }


def _rating(exam: Exam, graded: Sequence[Graded], rater: Rater | None, terminal: Terminal) -> dict[str, Any]:
    """A problem's samples, in order, are the tries at it."""
    if rater is None or exam.name != "codeforces":
        return {}
    tries: dict[str, list[bool]] = {}
    for each in graded:
        tries.setdefault(each.item, []).append(each.right)
    known = {name: verdicts for name, verdicts in tries.items() if name in rater.problems()}
    if not known:
        terminal.note(f"{exam.name}: no rating: {next(iter(tries))} and the others are no problems of these contests; names are as 1971A")
        return {}
    if len(known) < len(tries):
        terminal.note(f"{exam.name}: {len(tries) - len(known)} problems are of none of these contests and count for pass@1 alone")
    found = rater.rate(known, terminal)
    return {"rating": found["rating"], "percentile": found["percentile"], "contests": found["n"]}


def _of_server(asking: Asking, folder: Path) -> dict[str, Any]:
    """What of a server's settings its answers follow from; a folder of another day is gone on with as of that day."""
    known = read_settings(folder) if (folder / SETTINGS).exists() else {}
    day = asking.dated or known.get("begun") or time.strftime("%Y-%m-%d")
    return {"begun": day, "seeded": asking.seed is not None, "limit": asking.limit}


def _check_asking(asking: Asking) -> None:
    usual = Asking()
    if asking.samples != usual.samples or asking.seed not in (usual.seed, None):
        raise BadInput(
            f"asking.samples {asking.samples}, asking.seed {asking.seed}: --k says how many samples there are, --seed how they are "
            "drawn; --asking.seed none tells the server no seed"
        )


def _say_protocol(exam: Exam, settings: Mapping[str, Any], saved: Saved, terminal: Terminal) -> None:
    terminal.note(f"{exam.name}: {exam.what}; licence: {exam.licence}")
    told = ("source", "problems", "k", "temperature", "top_p", "max_tokens", "template", "think", "seed")
    cut = "a reply cut after its thought is graded as it stands" if exam.grades_cut else "unfinished is wrong"
    terminal.note(f"{exam.name}: {', '.join(f'{name} {settings[name]}' for name in told)}; thinking is cut off, {cut}")
    if not exam.verified:
        terminal.note(f"{exam.name}: protocol: unverified")
    if exam.needs_judge:
        terminal.note(f"{exam.name}: only a language model can grade it, and --judge names none: generations are saved, not scored")
    if saved.generations:
        terminal.note(f"{exam.name}: going on: {len(saved.generations):,} samples are in {saved.folder}")


def _merged(out: Path, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The folder's results of other benchmarks, and these; without those that wait for a judge."""
    names = {str(each["benchmark"]) for each in results}
    others = []
    for path in sorted(out.glob(f"*/{RESULT}")):
        if path.parent.name not in names:
            others.append(read_document(path))
    return [each for each in (*others, *results) if each.get("value") is not None]


def short_name(model: str) -> str:
    """What a model's folder of results is called."""
    name = model.rstrip("/").rpartition("#")[2].rpartition("/")[2] or "model"
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)
