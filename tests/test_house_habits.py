"""What no file of the package does. Each rule is shown to hold for every file, and to fire on lines that break it."""

from __future__ import annotations

import ast

import pytest

from tests.habits import (
    GUESTS,
    Rule,
    catching_everything,
    fragments,
    reading_the_wall_clock,
    rolling_the_worlds_dice,
    running_text,
    too_long,
    unbounded,
    unexplained,
    unpickling,
)
from tests.house import ROOT, House, Source, a_house, called, the_house, under


def broken(rule: Rule) -> list[str]:
    return [complaint for source in the_house().values() for complaint in rule(source)]


def fires(rule: Rule, text: str) -> bool:
    return bool(rule(Source("aha.made_up", text)))


# --- strangers' files -------------------------------------------------------------------------------------------------


def test_nothing_is_unpickled() -> None:
    assert broken(unpickling) == []


@pytest.mark.parametrize("text", ["import pickle", "from dill import loads", "torch.load(f)", "np.load(f)", "f(p, allow_pickle=True)"])
def test_unpickling_is_caught(text: str) -> None:
    assert fires(unpickling, text)


def test_no_text_is_run() -> None:
    assert broken(running_text) == []


@pytest.mark.parametrize(
    "text", ["eval(answer)", "exec(code)", "f(name, trust_remote_code=True)", "f(name, trust_remote_code=flag)", "run(x, shell=True)"]
)
def test_running_text_is_caught(text: str) -> None:
    assert fires(running_text, text)


@pytest.mark.parametrize("text", ["model.eval()", "re.compile('x')", "f(name, trust_remote_code=False)"])
def test_what_only_looks_like_running_text_is_let_by(text: str) -> None:
    assert not fires(running_text, text)


# --- time -------------------------------------------------------------------------------------------------------------


def test_every_wait_has_a_limit() -> None:
    assert broken(unbounded) == []


@pytest.mark.parametrize(
    "text",
    [
        "queue.get()",
        "queues[0].get(block=True)",
        "thread.join()",
        "process.join(timeout=None)",
        "def f(pipe):\n    return pipe.recv()",
        "event.wait()",
        "future.result()",
        "subprocess.run(['git'])",
        "fcntl.flock(file, fcntl.LOCK_EX)",
    ],
)
def test_a_wait_without_a_limit_is_caught(text: str) -> None:
    assert fires(unbounded, text)


@pytest.mark.parametrize(
    "text",
    [
        "settings.get('lr')",
        "', '.join(names)",
        "queue.get(timeout=5)",
        "thread.join(5.0)",
        "thread.join(timeout=1.0)",
        "def f(pipe):\n    return pipe.recv() if pipe.poll(5) else None",
        "subprocess.run(['git'], timeout=5)",
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
    ],
)
def test_a_wait_with_a_limit_is_let_by(text: str) -> None:
    assert not fires(unbounded, text)


def test_nothing_is_decided_by_the_wall_clock() -> None:
    assert broken(reading_the_wall_clock) == []


@pytest.mark.parametrize("text", ["start = time.time()", "from time import time", "datetime.now(UTC)", "field(default_factory=time.time)"])
def test_reading_the_wall_clock_is_caught(text: str) -> None:
    assert fires(reading_the_wall_clock, text)


def test_the_monotonic_clock_is_let_by() -> None:
    assert not fires(reading_the_wall_clock, "time.monotonic() + time.perf_counter()")


# --- chance -----------------------------------------------------------------------------------------------------------


def test_all_chance_has_an_address() -> None:
    assert broken(rolling_the_worlds_dice) == []


@pytest.mark.parametrize(
    "text",
    [
        "random.random()",
        "random.shuffle(rows)",
        "from random import choice",
        "np.random.seed(0)",
        "torch.manual_seed(0)",
        "torch.cuda.manual_seed_all(0)",
        "torch.randn(3)",
        "probs.multinomial(1)",
        "hash(name)",
        "set_seed(1)",
    ],
)
def test_shared_chance_is_caught(text: str) -> None:
    assert fires(rolling_the_worlds_dice, text)


@pytest.mark.parametrize(
    "text",
    [
        "random.Random(7).shuffle(rows)",
        "np.random.default_rng(7).normal()",
        "torch.randn(3, generator=g)",
        "generator.manual_seed(7)",
        "with torch.random.fork_rng():\n    torch.manual_seed(7)",
    ],
)
def test_chance_with_an_address_is_let_by(text: str) -> None:
    assert not fires(rolling_the_worlds_dice, text)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_exceptions_are_caught_by_name() -> None:
    assert broken(catching_everything) == []


@pytest.mark.parametrize("clause", ["except:", "except Exception:", "except BaseException as e:", "except (OSError, Exception):"])
def test_catching_everything_is_caught(clause: str) -> None:
    assert fires(catching_everything, f"try:\n    f()\n{clause}\n    pass")


def test_cleaning_up_and_raising_again_is_let_by() -> None:
    assert not fires(catching_everything, "try:\n    f()\nexcept BaseException:\n    close()\n    raise")


def test_suppressing_everything_is_caught() -> None:
    assert fires(catching_everything, "with contextlib.suppress(Exception):\n    f()")


def test_files_and_functions_stay_short() -> None:
    assert broken(too_long) == []


def test_a_function_of_61_lines_and_a_file_of_401_are_caught() -> None:
    assert fires(too_long, "def f():\n" + "    x = 1\n" * 60)
    assert not fires(too_long, "def f():\n" + "    x = 1\n" * 59)
    assert fires(too_long, "x = 1\n" * 401)
    assert not fires(too_long, "x = 1\n" * 400)


def test_every_public_name_is_explained() -> None:
    assert broken(unexplained) == []


@pytest.mark.parametrize("text", ["x = 1", '"""A module."""\ndef f() -> None: ...', '"""A module."""\nclass C:\n    x = 1'])
def test_a_public_name_without_a_word_is_caught(text: str) -> None:
    assert fires(unexplained, text)


def test_a_docstring_says_what_the_thing_is_or_does() -> None:
    assert broken(fragments) == []


@pytest.mark.parametrize(
    "text", ["Whether it is so.", "What is kept.", "Of each row, the end.", "All of them.", "One of the rows.", "With care."]
)
def test_a_fragment_is_caught(text: str) -> None:
    assert fires(fragments, f'"""{text}"""')


@pytest.mark.parametrize(
    "text", ["Return True if it is so.", "The rows that are kept.", "One row of a table.", "Each row's end.", "`aha eval`."]
)
def test_a_sentence_is_let_by(text: str) -> None:
    assert not fires(fragments, f'"""{text}"""')


# --- guests -----------------------------------------------------------------------------------------------------------


def importing_guests(source: Source) -> list[str]:
    """Imports of a file that runs beside a stranger's program; guests may import one another."""
    if under(source.module, *GUESTS):
        return []
    lines = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names] if node.module else []
        if any(under(name, *GUESTS) and name not in READERS for name in names):
            lines.append(source.at(node.lineno, "imports a guest"))
    return lines


READERS = ("aha.grading.code.guest.program",)  # the function that gives a guest's text


def test_no_guest_is_imported() -> None:
    assert broken(importing_guests) == []


@pytest.mark.parametrize("text", ["from aha.grading.sandbox.guest import process", "import aha.grading.code.guest.caller"])
def test_an_import_of_a_guest_is_caught(text: str) -> None:
    assert fires(importing_guests, text)


def test_commands_choose_a_backend_in_one_place() -> None:
    named = {path.stem for path in (ROOT / "aha" / "commands").glob("*.py") if "LocalBackend" in path.read_text(encoding="utf-8")}
    assert named == {"arguments"}


def opened_at_import(house: House) -> list[str]:
    """Things that have to be closed and that a module opens as it is imported, so that all of the process shares them."""
    closing = {
        node.name
        for source in house.values()
        for node in source.nodes
        if isinstance(node, ast.ClassDef) and any(isinstance(part, ast.FunctionDef) and _closes(part) for part in node.body)
    }
    return [
        source.at(statement.lineno, f"{called(node)} is opened at import")
        for source in house.values()
        for statement in source.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
        for node in ast.walk(statement)
        if called(node).rpartition(".")[2] in closing
    ]


def _closes(method: ast.FunctionDef) -> bool:
    """Whether a method closes something: a `close` of a docstring alone does nothing."""
    does_nothing = all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in method.body)
    return method.name in ("close", "__exit__") and not does_nothing


def test_nothing_that_has_to_be_closed_is_shared_by_the_process() -> None:
    assert opened_at_import(the_house()) == []


def test_a_shared_grader_is_caught() -> None:
    files = {
        "aha.grading": "class Graders:\n    def close(self):\n        self.pool.close()\n",
        "aha.rewards": "from aha.grading import Graders\n\nSHARED = Graders()\n\n\ndef grade():\n    with Graders() as graders: ...\n",
    }
    assert len(opened_at_import(a_house(files))) == 1
