"""The command `aha`: reads words, calls what they name, and turns an error into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from aha.commands import (
    bench_reward,
    chat,
    code,
    compare,
    grade,
    judged,
    lineage,
    offline,
    regrade,
    reproduce,
    review,
    sandbox,
    scale,
    score,
    serve,
)
from aha.commands.command import Command
from aha.commands.given import Given, check_asked, check_model, given, settings
from aha.commands.terminal import Terminal
from aha.errors import AhaError, BadInput
from aha.redact import guarded_output
from aha.settings import nearest
from aha.tasks.golds import KINDS

COMMANDS = {
    "run": "run a recipe, or go on with it; a finished run says so",
    "show": "every setting of a recipe, its value and where it comes from",
    "diff": "what differs between two recipes or runs",
    "eval": "a benchmark's numbers for a model",
    "doctor": "ask a few prompts and say in words whether this can learn",
    "report": "write a run's report again, or that of a graph",
    "pretrain": "make the tiny base model anew",
}
OWN: dict[str, Command] = {  # each in a file of its own under commands/, and a line here
    "bench-reward": bench_reward.COMMAND,
    "chat": chat.COMMAND,
    "code": code.COMMAND,
    "compare": compare.COMMAND,
    "grade": grade.COMMAND,
    "lineage": lineage.COMMAND,
    "regrade": regrade.COMMAND,
    "reproduce": reproduce.COMMAND,
    "review": review.COMMAND,
    "sandbox": sandbox.COMMAND,
    "scale": scale.COMMAND,
    "score": score.COMMAND,
    "serve": serve.COMMAND,
}
EVERY = COMMANDS | {name: command.what for name, command in OWN.items()}
PIPE = 128 + signal.SIGPIPE
SETTINGS = "Any setting can follow as --path value, for example --loss.kl 0.01 --questions 32; `aha show RECIPE` lists them."


class Parser(ArgumentParser):
    """Complains as we do: one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; `{self.prog} --help` says more")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code; see docs for what each means."""
    words = list(sys.argv[1:] if argv is None else argv)
    with guarded_output(words):
        return _main(words)


def _main(words: list[str]) -> int:
    terminal = Terminal(json="--json" in words)
    sys.excepthook = terminal.crashed
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # bars of libraries would tear our own lines
    try:
        code = command(words, terminal)
        sys.stdout.flush()
    except AhaError as error:
        terminal.note(f"aha: {' '.join(str(error).split())}")
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
        return PIPE
    except KeyboardInterrupt:
        terminal.note("aha: stopped")
        return 130
    return code


def command(words: list[str], terminal: Terminal) -> int:
    """Runs one command and returns its exit code."""
    name = words[0] if words else "--help"
    if not name.startswith("-") and name not in EVERY:
        raise BadInput(f"{name}: there is no such command; there are {', '.join(EVERY)}{nearest(name, list(EVERY))}")
    if name in OWN:
        words = OWN[name].joined(words)
    try:
        arguments, rest = parser().parse_known_args(words or ["--help"])
    except SystemExit as wanted:  # --help and --version
        return int(wanted.code or 0)
    match arguments.command:
        case "run":
            return _run(arguments, rest, words, terminal)
        case "show" | "diff":
            return _show(arguments, rest, terminal)
        case "eval":
            return _eval(arguments, rest, terminal)
        case "doctor":
            return _doctor(arguments, rest, terminal)
        case "report":
            return _report(arguments, rest, terminal)
        case "pretrain":
            return _pretrain(arguments, rest, words, terminal)
        case str(own) if own in OWN:
            return OWN[own].run(arguments, rest, terminal)
    raise BadInput("name a command: " + ", ".join(EVERY))


# --- words ------------------------------------------------------------------------------------------------------------


def parser() -> ArgumentParser:
    """Every command with its flags; settings by their path are read apart."""
    top = Parser("aha", description="Trains a language model to reason the way DeepSeek-R1 was trained.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"aha {_version()}")
    kinds = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    made = {
        name: kinds.add_parser(name, help=words, description=words, epilog=SETTINGS, allow_abbrev=False) for name, words in EVERY.items()
    }
    for name, command in OWN.items():
        command.flags(made[name])
    for name in ("run", "show", "doctor"):
        made[name].add_argument(
            "recipe", metavar="RECIPE", help="zero, r1-zero, dapo, sft, distill-qwen-7b ..., a recipe file (.py), or a run's manifest.json"
        )
        _add_given(made[name])
    made["diff"].add_argument("one", metavar="A")
    made["diff"].add_argument("other", metavar="B")
    for name in ("run", "show", "doctor", "diff"):
        made[name].add_argument(
            "--recipe", dest="file", metavar="FILE.py", help="the recipe file that a manifest asks for, where one of its settings is code"
        )
        made[name].add_argument("--changed-recipe", action="store_true", help="take that file although it is not as it was")
    made["run"].add_argument("--out", type=Path, metavar="DIR", help="the run's directory (runs/RECIPE)")
    made["run"].add_argument("--stall-s", type=float, default=1800.0, help="end the run when nothing moves for so many seconds")
    made["run"].add_argument("--until", metavar="STAGE", help="of a recipe of stages: up to this one")
    made["run"].add_argument("--from", dest="first", metavar="STAGE", help="from this stage on; those before it are taken as they are")
    made["run"].add_argument("--dry-run", action="store_true", help="what would be done, and at most at what cost; runs nothing")
    made["run"].add_argument("--no-preflight", action="store_true", help="do not ask the doctor before a new run")
    made["doctor"].add_argument("--prompts", type=int, default=8, metavar="N", help="how many questions to ask")
    made["eval"].add_argument("benchmark", metavar="BENCHMARK", nargs="+")
    made["eval"].add_argument("--model", metavar="MODEL", help="a folder, a hub name, or a server as http://host:port/v1#name")
    made["eval"].add_argument("--record", type=Path, metavar="FILE.jsonl.gz", help="countdown: keep every sample here")
    made["eval"].add_argument("--out", type=Path, metavar="DIR", help="keep generations and grades here, and go on from there")
    made["eval"].add_argument("--against", metavar="MODEL|RESULT", help="another model, or what was saved of one: a paired comparison")
    made["eval"].add_argument("--lm-eval", type=Path, metavar="FILE", help="the results in lm-evaluation-harness's form too")
    offline.flags(made["eval"])
    judged.flags(made["eval"])
    made["report"].add_argument("run", type=Path, metavar="RUN_DIR")
    made["pretrain"].add_argument("model", metavar="tiny")
    made["pretrain"].add_argument("--out", type=Path, metavar="DIR")
    for each in made.values():
        each.add_argument("--json", action="store_true", default=SUPPRESS, help="JSON on stdout, for a program")
    return top


def _version() -> str:
    try:
        return metadata.version("aha")
    except metadata.PackageNotFoundError:
        return "from a folder, not installed"


def _add_given(made: ArgumentParser) -> None:
    made.add_argument("--model", metavar="MODEL", help="a folder with a Hugging Face model, or a hub name")
    made.add_argument("--problems", metavar="SOURCE", help="a .jsonl file, or the name of a Hugging Face data set")
    for flag in ("--question-field", "--answer-field", "--id-field", "--split", "--subset"):
        made.add_argument(flag, metavar="NAME", help=SUPPRESS if flag in ("--split", "--subset") else "the field of a row that holds it")
    made.add_argument("--kind", choices=KINDS, help="what an answer is, where its form does not say")
    made.add_argument("--bad-rows", choices=("stop", "skip"), help="what a row that cannot be used does")


# --- commands; each is loaded when it is asked for, since most bring torch -----------------------------------------------


def _run(arguments: Namespace, rest: list[str], words: list[str], terminal: Terminal) -> int:
    known = given(arguments, rest)
    from aha.commands.choose import choose

    chosen = choose(arguments.recipe, known)
    if chosen.recipe.apart:
        from aha.commands import graph

        way = (arguments.until, arguments.first, arguments.dry_run, arguments.stall_s, not arguments.no_preflight)
        return graph.run(chosen, graph.Wanted(arguments.out, *way, ("aha", *words)), terminal)
    if arguments.until or arguments.first or arguments.dry_run:
        raise BadInput(f"--until, --from and --dry-run are for recipes of stages, such as r1; {arguments.recipe} is one run")
    from aha.commands.run import Way, run

    return run(chosen, Way(arguments.out, arguments.stall_s, not arguments.no_preflight, ("aha", *words)), terminal)


def _show(arguments: Namespace, rest: list[str], terminal: Terminal) -> int:
    if arguments.command == "show":
        known = given(arguments, rest)
        from aha.commands import show
        from aha.commands.choose import choose

        return show.show(choose(arguments.recipe, known), terminal)
    _no_more(rest)
    from aha.commands import show
    from aha.commands.choose import choose

    file = Given(file=arguments.file, changed_file=arguments.changed_recipe)
    one, other = (
        choose(each, file if each.endswith(".json") or Path(each).is_dir() else Given()) for each in (arguments.one, arguments.other)
    )
    return show.diff(one, other, terminal)


def _eval(arguments: Namespace, rest: list[str], terminal: Terminal) -> int:
    names: list[str] = arguments.benchmark
    if len(names) == 1 and offline.is_meant(names[0], arguments):
        arguments.benchmark = names[0]
        return offline.run(arguments, rest, terminal)
    from aha.evals.benchmarks import BENCHMARKS, WORLD, check_names

    check_names(names)
    if arguments.model is None:
        raise BadInput(f"{names[0]}: it asks a model; give one with --model FOLDER")
    check_asked(arguments.model)
    _check_against(arguments.against, names)
    judges = judged.given(arguments, names[0] in (*BENCHMARKS, WORLD))
    if names[0] in (*BENCHMARKS, WORLD):
        return _eval_ours(names[0], arguments, rest, terminal)
    from aha.commands.examine import Wanted, examine
    from aha.commands.rating import rater
    from aha.evals.exams import exam

    data = None if arguments.data is None else str(arguments.data)
    exams = tuple(exam(name) for name in names)
    contests = rater(arguments, "as many --changes FILE… as --standings FILE…") if arguments.standings or arguments.changes else None
    given_too = tuple(settings(rest)), arguments.against, judges, contests
    return examine(Wanted(exams, arguments.model, data, arguments.out, arguments.lm_eval, *given_too), terminal)


def _check_against(word: str | None, names: Sequence[str]) -> None:
    from aha.evals.rivals import saved_result

    if word is not None and any(saved_result(word, name) is None for name in names):
        check_asked(word)


def _eval_ours(name: str, arguments: Namespace, rest: list[str], terminal: Terminal) -> int:
    if arguments.out or arguments.lm_eval or arguments.data:
        raise BadInput(f"{name}: --out, --lm-eval and --data belong to published benchmarks; --record keeps its samples")
    if name == "tiny-world":
        from aha.commands import world

        return world.world(world.Asked(arguments.model, tuple(settings(rest)), arguments.record, arguments.against), terminal)
    check_model(arguments.model)
    from aha.commands.evaluate import Asked, evaluate

    return evaluate(Asked(name, arguments.model, tuple(settings(rest)), arguments.record, arguments.against), terminal)


def _doctor(arguments: Namespace, rest: list[str], terminal: Terminal) -> int:
    known = given(arguments, rest)
    from aha.commands.choose import choose
    from aha.commands.doctor import examine

    return examine(choose(arguments.recipe, known), arguments.prompts, terminal)


def _report(arguments: Namespace, rest: list[str], terminal: Terminal) -> int:
    _no_more(rest)
    from aha.commands.report import report

    return report(arguments.run, terminal)


def _pretrain(arguments: Namespace, rest: list[str], words: list[str], terminal: Terminal) -> int:
    from aha.commands.pretrain import pretrain

    return pretrain(arguments.model, arguments.out, tuple(settings(rest)), ("aha", *words), terminal)


def _no_more(rest: Sequence[str]) -> None:
    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
