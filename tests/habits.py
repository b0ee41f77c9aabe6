"""What no file of the package may do: each rule turns a file into complaints."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from tests.house import Source, called, dotted, under

Rule = Callable[[Source], list[str]]

UNPICKLERS = ("pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib")
RUNS_TEXT = ("eval", "exec", "compile", "builtins.eval", "builtins.exec", "os.system", "os.popen")
LOADS_PICKLES = ("torch.load", "torch.save", "numpy.load", "np.load")
WAITS = ("get", "join", "recv", "recv_bytes", "wait", "result", "communicate", "acquire", "serve_forever")
STARTS_AND_WAITS = (
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "urllib.request.urlopen",
    "urlopen",
)
HAVE_RESULTS = ("self", "run", "rundir")  # of a run, not of a future
GATHERS = ("as_completed", "futures.as_completed", "concurrent.futures.as_completed", "concurrent.futures.wait", "futures.wait")
LIMITS = ("timeout", "timeout_s", "blocking", "block")
WALL_CLOCK = ("time.time", "time.time_ns", "datetime.now", "datetime.datetime.now", "datetime.utcnow", "datetime.datetime.utcnow")
KEEPS_DATES = ("aha.rundir", "aha.durable", "aha.manifest", "aha.cli", "aha.commands", "aha.reports")  # write when, decide nothing by it
OWN_GENERATOR = ("Random", "default_rng", "Generator", "SeedSequence", "Philox", "PCG64")
SEEDS_THE_WORLD = ("manual_seed", "seed_all", "manual_seed_all", "set_seed", "set_rng_state", "enable_full_determinism")
TORCH_DRAWS = ("rand", "randn", "randint", "randperm", "multinomial", "bernoulli", "normal", "rand_like", "randn_like")
TENSOR_DRAWS = ("multinomial", "normal_", "uniform_", "exponential_", "bernoulli_", "random_", "cauchy_", "geometric_")
MAY_CATCH_ALL = (
    "aha.cli",
    "aha.commands",
    "aha.grading.sandbox",
    "aha.grading.pool",
    "aha.backends.checkpoint",
    "aha.backends.rendering.worker",
    "aha.rewards.own",
)


# What a sandbox runs beside a stranger's program: read as text, imported nowhere, and there to run what the package never does.
GUESTS = ("aha.grading.sandbox.guest", "aha.grading.code.guest")


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg in names), None)


def unpickling(source: Source) -> list[str]:
    found = [source.at(call.lineno, name) for name, call in source.calls if name in LOADS_PICKLES]
    for node in source.nodes:
        match node:
            case ast.Import(names=names) if any(under(each.name, *UNPICKLERS) for each in names):
                found.append(source.at(node.lineno, "imports what unpickles"))
            case ast.ImportFrom(module=str(module)) if under(module, *UNPICKLERS):
                found.append(source.at(node.lineno, "imports what unpickles"))
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                found.append(source.at(node.lineno, "allow_pickle"))
    return found


def running_text(source: Source) -> list[str]:
    if under(source.module, *GUESTS):
        return []
    found = [source.at(call.lineno, name) for name, call in source.calls if name in RUNS_TEXT]
    trusting = ("trust_remote_code", "shell")
    for _, call in source.calls:
        for each in call.keywords:
            if each.arg in trusting and not (isinstance(each.value, ast.Constant) and not each.value.value):
                found.append(source.at(call.lineno, each.arg))
    return found


def unbounded(source: Source) -> list[str]:
    """Waits without a limit. A pipe's recv counts as bounded where the same function polls it with a limit first."""
    polling = [node for node in functions(source) if any(map(_polls, ast.walk(node)))] if any(map(_polls, source.nodes)) else []
    polled = {id(inner) for node in polling for inner in ast.walk(node)}
    found = []
    for name, call in source.calls:
        last = name.rpartition(".")[2]
        limit = keyword(call, *LIMITS)
        endless = limit is None or (isinstance(limit, ast.Constant) and (limit.value is None or limit.value is True))
        starts = name in STARTS_AND_WAITS or name in GATHERS
        ours = last == "result" and name.rpartition(".")[0] in HAVE_RESULTS
        waits = "." in name and last in WAITS and not call.args and not ours and not (last.startswith("recv") and id(call) in polled)
        locks = name == "fcntl.flock" and not any("NB" in dotted(each) or "LOCK_UN" in dotted(each) for each in ast.walk(call))
        if locks or (endless and (starts or waits)):
            found.append(source.at(call.lineno, f"{name} waits without a limit"))
    return found


def _polls(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and called(node).endswith(".poll") and bool(node.args or node.keywords)


def reading_the_wall_clock(source: Source) -> list[str]:
    if under(source.module, *KEEPS_DATES):
        return []
    named = [node.lineno for node in source.nodes if isinstance(node, ast.Attribute) and dotted(node) in WALL_CLOCK]
    imported = [node for node in source.nodes if isinstance(node, ast.ImportFrom) and node.module == "time"]
    bare = [node.lineno for node in imported if any(each.name in ("time", "time_ns") for each in node.names)]
    return [source.at(line, "reads the wall clock") for line in (*named, *bare)]


def rolling_the_worlds_dice(source: Source) -> list[str]:
    """Draws from a generator that everybody shares, or that every process starts differently."""
    if under(source.module, *GUESTS):
        return []
    forked = {id(inner) for node in source.nodes if _forks(node) for inner in ast.walk(node)}
    found = []
    for name, call in source.calls:
        start, _, last = name.rpartition(".")
        shared = start in ("random", "np.random", "numpy.random") and last not in OWN_GENERATOR
        seeds = (
            start and last in SEEDS_THE_WORLD and start.split(".")[0] in ("torch", "transformers", "accelerate") and id(call) not in forked
        )
        draws = (start == "torch" and last in TORCH_DRAWS) or (start not in ("", "torch") and last in TENSOR_DRAWS)
        if shared or seeds or name in ("hash", "set_seed") or (draws and keyword(call, "generator") is None):
            found.append(source.at(call.lineno, name))
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "random" and any(each.name != "Random" for each in node.names):
            found.append(source.at(node.lineno, "imports the shared generator"))
    return found


def _forks(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(called(item.context_expr) == "torch.random.fork_rng" for item in node.items)


def catching_everything(source: Source) -> list[str]:
    if under(source.module, *MAY_CATCH_ALL, *GUESTS):
        return []
    found = []
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            cleans_up = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if not cleans_up and any(kind is None or dotted(kind) in ("Exception", "BaseException") for kind in kinds):
                found.append(source.at(node.lineno, "catches everything"))
        elif (
            isinstance(node, ast.Call) and called(node).endswith("suppress") and any(dotted(arg).endswith("Exception") for arg in node.args)
        ):
            found.append(source.at(node.lineno, "catches everything"))
    return found


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(source: Source) -> list[str]:
    lines = source.text.count("\n")
    found = [source.at(lines, f"{lines} lines")] if lines > 400 else []
    for node in functions(source):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > 60:
            found.append(source.at(node.lineno, f"{node.name} has {length} lines"))
    return found


def unexplained(source: Source) -> list[str]:
    """Modules with something in them, public classes and public functions of a module that carry no docstring."""
    found = [] if ast.get_docstring(source.tree) or not source.tree.body else [source.at(1, "the module says nothing of itself")]
    for node in source.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if not name.startswith("_") and not ast.get_docstring(node):
                    found.append(source.at(node.lineno, f"{name} says nothing of itself"))
    return found


FRAGMENTS = frozenset(  # first words of a docstring that is no sentence about the thing: pronouns, question words, prepositions
    "what whether how which who whom whose why where when while until since once if of from for with without by in on at to as into onto "
    "under over between within beside behind before after against about among across through along beyond until out up down it they he she "
    "this that these those some any none nothing nobody everything everybody something somebody such both more many much fewer not only "
    "and or but is are was were has had there here".split()
)
ALONE = frozenset({"one", "each", "all", "every", "no", "two"})  # words that need a noun behind them
NO_NOUN = re.compile(r"(?:of|that|but|who|which|is|are|was|were|after|more|to|with|by|in|at|on|for|from|has|have)\b|[,.:;]|$")


def fragments(source: Source) -> list[str]:
    """Docstrings that begin with a pronoun, a question word or a preposition, and so tell no reader what the thing is or does."""
    complaints = []
    for node in source.nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = re.match(r"\W*([A-Za-z'-]+)[ ]*([^\n]*)", ast.get_docstring(node) or "")
            first = words[1].lower() if words else ""
            if words and (first in FRAGMENTS or (first in ALONE and NO_NOUN.match(words[2]))):
                complaints.append(source.at(getattr(node, "lineno", 1), f"a docstring begins with '{words[1]}'"))
    return complaints
