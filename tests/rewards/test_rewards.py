"""Rewards: the sum of the parts, who is covered, and what a reward may not return."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import pytest
import torch

from aha.backends.engine_chat import ScriptedBackend
from aha.errors import BadInput
from aha.protocols import Backend, Reward
from aha.rewards import Accuracy, Format, RewardPart, Rewards, SoftOverlong, paper
from aha.rewards.own import ProcessState, no_exit
from aha.template import Short
from aha.types import Abstained, Countdown, Judged, Part, Problem, Reference, Reply, Score
from tests.graders import GRADERS

GOOD = Short().read("<think> 8 * 6 = 48 </think> <answer> 8 * 6 + 10 </answer>", 20, "stop")
WRONG = Short().read("<think> hm </think> <answer> 8 + 6 + 10 </answer>", 20, "stop")
BROKEN = Short().read("8 * 6 + 10", 6, "stop")


TO_58 = Countdown((8, 6, 10), 58)


def asked(reference: Reference = TO_58, domain: str = "countdown") -> Problem:
    return Problem("p1", domain, "?", "en", reference)


@dataclass(frozen=True)
class Scripted:
    """Says what it was told."""

    values: Iterable[object]

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return self.values  # type: ignore[return-value]


def test_the_paper_pays_accuracy_and_format_with_the_same_weight() -> None:
    with paper().open(NOWHERE) as live:
        scores = live(asked(), [GOOD, WRONG, BROKEN])
    assert [score.total for score in scores] == [2.0, 1.0, 0.0]
    assert scores[1].parts == (Part("accuracy", 0.0, 1.0, "summary"), Part("format", 1.0, 1.0, "all"))


def test_a_right_expression_outside_the_form_earns_nothing() -> None:
    assert Accuracy().live(GRADERS)(asked(), [BROKEN]) == [0.0]


def test_the_total_is_the_weighted_sum() -> None:
    rewards = Rewards((RewardPart("a", Scripted((1.0, 0.5)), 2.0), RewardPart("b", Scripted((3, 1)), -0.5)))
    assert [score.total for score in rewards(asked(), [GOOD, WRONG])] == [0.5, 0.5]


def test_a_part_that_abstains_makes_the_score_abstain_and_keeps_the_others_values() -> None:
    rewards = Rewards((RewardPart("accuracy", Accuracy().live(GRADERS), 1.0, "summary"), RewardPart("format", Format())))
    reply = Short().read("<think></think><answer>1+x</answer>", 9, "stop")
    (score,) = rewards(asked(Judged("x plus one")), [reply])
    assert score.total == Abstained("accuracy: only a language model can compare this answer with its reference")
    assert score.parts[1] == Part("format", 1.0, 1.0, "all")


def test_a_reward_covers_its_domains_only() -> None:
    rewards = Rewards((RewardPart("all", Scripted((1.0,))), RewardPart("maths", Scripted((5.0,)), domains=("math", "stem"))))
    assert rewards(asked(domain="countdown"), [GOOD]) == (Score(1.0, (Part("all", 1.0, 1.0, "all"),)),)
    assert rewards(asked(domain="stem"), [GOOD])[0].total == 6.0


def test_a_problem_that_no_reward_covers_is_an_error() -> None:
    with pytest.raises(BadInput, match="no reward covers domain 'code' of p1"):
        Rewards((RewardPart("maths", Format(), domains=("math",)),))(asked(domain="code"), [GOOD])


@pytest.mark.parametrize(("values", "count"), [((), 0), ((1.0,), 1), ((1.0, 1.0, 1.0), "more than 2"), (repeat(1.0), "more than 2")])
def test_a_reward_that_returns_the_wrong_number_of_values_is_named(values: Iterable[float], count: object) -> None:
    with pytest.raises(BadInput, match=rf"reward 'mine' on problem p1, reply '.*' and 1 more, returned {count} values for 2 replies"):
        Rewards((RewardPart("mine", Scripted(values)),))(asked(), [GOOD, WRONG])


async def later() -> list[float]:
    return [1.0, 1.0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (lambda: {0: 1.0, 1: 0.0}, "a dict"),
        (lambda: {0.0, 1.0}, "a set"),
        (lambda: "10", "a str"),
        (lambda: 1.0, "the one number 1.0"),
        (lambda: True, "the one number True"),
        (later, "a coroutine, which nobody awaits"),
    ],
)
def test_a_reward_that_returns_no_list_in_the_order_of_the_replies_is_named(values: Callable[[], Any], kind: str) -> None:
    with pytest.raises(BadInput, match=rf"reward 'mine' on problem p1, .* returned {kind}: a list of numbers, one a reply, is needed"):
        Rewards((RewardPart("mine", Scripted(values())),))(asked(), [GOOD, WRONG])


NO_NUMBERS = {
    "nan": math.nan,
    "inf": math.inf,
    "a text": "1",
    "none": None,
    "complex": 1j,
    "list": [1.0],
    "huge": 10**400,
    "too large to be squared": 1e308,
    "unwritable": 1 << 20_000,
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_a_reward_that_returns_no_finite_number_is_named_with_problem_and_reply(name: str) -> None:
    said = r"^reward 'mine' on problem p1, reply '<think> hm .*', returned .{1,80}: a finite number \(of 1e60 at most\) or Abstained"
    with pytest.raises(BadInput, match=said):
        Rewards((RewardPart("mine", Scripted((1.0, NO_NUMBERS[name]))),))(asked(), [GOOD, WRONG])


def test_a_reward_that_returns_none_or_raises_is_named_with_problem_and_reply() -> None:
    def nothing(problem: Problem, replies: Sequence[Reply]) -> None:
        return None

    def raises(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [1 / 0]

    with pytest.raises(BadInput, match="reply '<think> 8 .*' and 1 more, returned None for 2 replies: one value a reply is needed"):
        Rewards((RewardPart("mine", nothing),))(asked(), [GOOD, WRONG])  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"raised ZeroDivisionError: division by zero \(.*test_rewards.py, line \d+\)"):
        Rewards((RewardPart("mine", raises),))(asked(), [GOOD, WRONG])


class Mute(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__


class Numberless(float):
    """A number with a method that raises."""

    def __float__(self) -> float:
        raise Mute


@pytest.mark.parametrize(
    "error", [SystemExit(0), SystemExit("bye"), GeneratorExit(), Mute(), ModuleNotFoundError("x", name="datasets"), BrokenPipeError()]
)
def test_whatever_a_reward_raises_ends_the_run_in_a_line_and_never_as_if_it_were_finished(error: BaseException) -> None:
    def raises(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        raise error

    with pytest.raises(BadInput, match=rf"raised {type(error).__name__}: .* \(.*test_rewards.py, line \d+\)"):
        Rewards((RewardPart("mine", raises),))(asked(), [GOOD, WRONG])


def test_values_whose_methods_raise_are_told_and_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(BadInput, match=r"raised Mute: it cannot say what|a finite number \(of 1e60 at most\) or Abstained is needed"):
        Rewards((RewardPart("mine", Scripted((Numberless(1.0), 1.0))),))(asked(), [GOOD, WRONG])

    def interrupted(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rewards((RewardPart("mine", interrupted),))(asked(), [GOOD, WRONG])


def test_what_a_reward_of_ours_raises_is_a_mistake_of_ours() -> None:
    with pytest.raises(AttributeError):
        Rewards((RewardPart("format", Format()),))(asked(), [None])  # type: ignore[list-item]


def test_two_parts_of_one_name_no_parts_or_a_weight_that_is_not_finite_are_bad_settings() -> None:
    with pytest.raises(BadInput, match="named \\['f', 'f'\\]"):
        Rewards((RewardPart("f", Format()), RewardPart("f", Format())))
    with pytest.raises(BadInput, match="at least one"):
        Rewards(())
    with pytest.raises(BadInput, match="'f' has weight nan"):
        RewardPart("f", Format(), float("nan"))


def test_no_replies_have_no_scores() -> None:
    with paper().open(NOWHERE) as live:
        assert live(asked(), []) == ()


@pytest.mark.parametrize(("tokens", "paid"), [(0, 0.0), (60, 0.0), (61, -0.025), (80, -0.5), (100, -1.0), (500, -1.0)])
def test_soft_overlong_slopes_from_60_to_100_tokens(tokens: int, paid: float) -> None:
    reply = Reply("", None, None, tokens, "length")
    assert SoftOverlong(max_tokens=100, buffer=40)(asked(), [reply]) == [paid]


@pytest.mark.parametrize("buffer", [0, -1, 101])
def test_a_buffer_outside_the_limit_is_a_bad_setting(buffer: int) -> None:
    with pytest.raises(BadInput, match="overlong buffer"):
        SoftOverlong(max_tokens=100, buffer=buffer)


# --- live things ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """Pays 1 while it is open."""

    moves: list[str]

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        self.moves.append("opened")
        try:
            yield lambda problem, replies: [1.0 for _ in replies]
        finally:
            self.moves.append("closed")


NOWHERE = ScriptedBackend(lambda model, prompt, seed: "")


def test_what_a_reward_needs_is_opened_once_and_closed_at_the_end() -> None:
    door = Door([])
    rewards = Rewards((RewardPart("door", door), RewardPart("form", Format())))
    with rewards.open(NOWHERE) as live:
        assert [live(asked(), [GOOD])[0].total for _ in range(3)] == [2.0, 2.0, 2.0]
        assert door.moves == ["opened"]
    assert door.moves == ["opened", "closed"]


def test_a_reward_that_was_not_opened_says_so() -> None:
    with pytest.raises(BadInput, match="reward 'door' has to be opened first"):
        Rewards((RewardPart("door", Door([])),))(asked(), [GOOD])


def test_what_was_opened_is_closed_when_the_work_fails() -> None:
    door = Door([])
    with pytest.raises(BadInput, match="no reward covers"), Rewards((RewardPart("door", door, domains=("x",)),)).open(NOWHERE) as live:
        live(asked(), [GOOD])
    assert door.moves == ["opened", "closed"]


def test_accuracy_pays_only_once_it_is_open() -> None:
    with pytest.raises(BadInput, match="reward 'accuracy' has to be opened first"):
        paper()(asked(), [GOOD])


async def asynchronous(problem: Problem, replies: Sequence[Reply]) -> list[float]:
    return [1.0 for _ in replies]


def of_other_trainers(completions: Any, **columns: Any) -> list[float]:
    return [1.0 for _ in completions]


def with_a_switch(problem: Problem, replies: Sequence[Reply], *, strict: bool) -> list[float]:
    return [float(strict) for _ in replies]


@pytest.mark.parametrize(
    ("reward", "problem"),
    [
        (asynchronous, "is a coroutine, which nobody awaits: make it a plain function"),
        (of_other_trainers, r"takes \(completions: 'Any', \*\*columns.* it is called with a problem and the list of its replies"),
        (with_a_switch, "it is called with a problem and the list of its replies"),
        (Accuracy, r"is the class Accuracy: an object of it is needed, Accuracy\(\)"),
        ("accuracy", "is 'accuracy', which cannot be called"),
    ],
)
def test_a_reward_that_cannot_be_called_as_rewards_are_is_refused_before_anything_runs(reward: Any, problem: str) -> None:
    with pytest.raises(BadInput, match=rf"^reward 'mine' .*{problem}"):
        RewardPart("mine", reward)


# --- what a reward of one's own does to the process --------------------------------------------------------------------


def leave_the_folder() -> None:
    os.chdir("/")


def learn_nothing() -> None:
    torch.set_grad_enabled(False)


def count_in_doubles() -> None:
    torch.set_default_dtype(torch.float64)


def ignore_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def make_warnings_errors() -> None:
    warnings.simplefilter("error")


def go_no_deeper() -> None:
    sys.setrecursionlimit(sys.getrecursionlimit() + 17)


def write_elsewhere() -> None:
    sys.stdout = sys.stderr


def close_the_streams() -> None:
    sys.stdout.close()
    sys.stderr.close()
    print("goes on")


def fork() -> None:
    if os.fork() == 0:
        return
    os.wait()


def fork_and_leave() -> None:
    if os.fork() == 0:
        sys.exit(1)
    os.wait()


@pytest.mark.parametrize(
    "change",
    [
        leave_the_folder,
        learn_nothing,
        count_in_doubles,
        ignore_signals,
        make_warnings_errors,
        go_no_deeper,
        write_elsewhere,
        close_the_streams,
        fork,
        fork_and_leave,
    ],
)
def test_after_a_reward_of_ones_own_the_process_is_as_it_was(change: Callable[[], None]) -> None:
    def changes(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        change()
        return [1.0 for _ in replies]

    before, process = ProcessState(), os.getpid()
    with Rewards((RewardPart("mine", changes),)).open(NOWHERE) as live:
        assert [score.total for score in live(asked(), [GOOD, WRONG])] == [1.0, 1.0]
        assert os.getpid() == process
        assert ProcessState() == before and torch.is_grad_enabled()


def leave_in_a_thread() -> None:
    thread = threading.Thread(target=os._exit, args=(0,))
    thread.start()
    thread.join()


@pytest.mark.parametrize("leave", [lambda: os._exit(0), lambda: os.execv("/bin/true", ["true"]), lambda: os.execvp("true", ["true"])])
def test_a_reward_that_would_end_the_process_without_a_word_is_named(leave: Callable[[], Any]) -> None:
    with (
        Rewards((RewardPart("mine", lambda problem, replies: leave()),)).open(NOWHERE) as live,
        pytest.raises(BadInput, match=r"'mine' on problem \S+, reply .* raised EarlyExit: os\.\w+ would end the whole run .*test_rewards"),
    ):
        live(asked(), [GOOD])


@pytest.mark.parametrize("name", ["exit", "_exit", "_Exit", "quick_exit", "Py_Exit"])
def test_a_reward_that_would_end_the_process_by_c_is_named(name: str) -> None:
    with (
        Rewards((RewardPart("mine", lambda problem, replies: getattr(ctypes.CDLL(None), name)(0)),)).open(NOWHERE) as live,
        pytest.raises(BadInput, match=rf"'mine' on problem .* raised EarlyExit: C's {name} would end the whole run .*test_rewards"),
    ):
        live(asked(), [GOOD])


def close_the_first() -> None:
    for number in range(10):
        with suppress(OSError):
            os.close(number)


@pytest.mark.parametrize("close", [close_the_first, lambda: os.closerange(0, 10), lambda: os.close(2), lambda: os.close(fd=2)])
def test_a_reward_that_closes_descriptors_of_the_run_is_named(close: Callable[[], Any]) -> None:
    with (
        Rewards((RewardPart("mine", lambda problem, replies: close()),)).open(NOWHERE) as live,
        pytest.raises(
            BadInput, match=r"'mine' on problem .* raised EarlyExit: os\.close\w* would close descriptor \d, which .*test_rewards"
        ),
    ):
        live(asked(), [GOOD])
    os.fstat(2)


@pytest.mark.parametrize("change", [lambda: os.fdopen(2, "w").close(), lambda: ctypes.CDLL(None).close(1), lambda: os.dup2(0, 2)])
def test_the_first_descriptors_are_put_back_after_a_reward(change: Callable[[], Any]) -> None:
    def changes(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        change()
        return [1.0]

    def files() -> list[int]:
        return [os.fstat(number).st_ino for number in range(3)]

    before = files()
    with Rewards((RewardPart("mine", changes),)).open(NOWHERE) as live:
        live(asked(), [GOOD])
    assert files() == before


def test_a_reward_may_close_its_own_descriptors() -> None:
    def works(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        for number in os.pipe():
            os.close(number)
        return [float(subprocess.run(["true"], stdout=subprocess.PIPE).returncode)]

    with Rewards((RewardPart("mine", works),)).open(NOWHERE) as live:
        assert live(asked(), [GOOD])[0].total == 0.0


LEAVES_BY_C = """
import ctypes, sys
from aha.rewards.own import no_exit
leave = ctypes.CDLL(None).exit
with no_exit("reward 'mine'"):
    {inside}
{after}
"""


@pytest.mark.parametrize(
    ("inside", "after", "code", "line"),
    [
        ("leave(0)", "", -9, "aha: reward 'mine' called C's exit, which would end the whole run without a word: all saved before is kept"),
        ("pass", "leave(0)", 0, ""),
        ("pass", "", 0, ""),
        ("pass", "sys.exit(3)", 3, ""),
    ],
)
def test_a_library_in_c_that_exits_within_a_reward_ends_the_run_with_a_line_and_not_with_0(
    inside: str, after: str, code: int, line: str
) -> None:
    program = LEAVES_BY_C.format(inside=inside, after=after)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (code, line)


def test_a_thread_of_a_reward_that_ends_the_process_ends_it_with_a_line_and_not_with_0(capfd: pytest.CaptureFixture[str]) -> None:
    if (process := os.fork()) == 0:
        with no_exit():
            leave_in_a_thread()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1
    assert "os._exit would end the whole run" in capfd.readouterr().err


def test_what_a_reward_forks_and_what_runs_after_it_may_leave() -> None:
    def forks(problem: Problem, replies: Sequence[Reply]) -> list[float]:
        if (process := os.fork()) == 0:
            os._exit(3)
        return [float(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))]

    with Rewards((RewardPart("mine", forks),)).open(NOWHERE) as live:  # type: ignore[arg-type]
        assert live(asked(), [GOOD])[0].total == 3.0
    if (process := os.fork()) == 0:
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 4


def test_descriptors_of_its_own_are_closed_as_python_closes_them() -> None:
    def close_own(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        first, second = os.pipe()
        os.close(fd=first)
        os.close(second)
        with pytest.raises(OSError):
            os.close(second)
        with pytest.raises(TypeError):
            os.close("2")  # type: ignore[arg-type]
        return [1.0 for _ in replies]

    with Rewards((RewardPart("mine", close_own),)).open(NOWHERE) as live:
        assert [score.total for score in live(asked(), [GOOD])] == [1.0]
