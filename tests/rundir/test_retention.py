"""Which checkpoints stay: those that are due, one more of a run that was paused, and the last sound one before a collapse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.durable import Disk
from aha.rundir import Retention, RunDir
from tests.counts import examples
from tests.faults import ForgetfulDisk
from tests.runs import MANIFEST

ONE = Retention(1)
SICK = {"s": True, "h": False, "-": None}


def opened(root: Path) -> RunDir:
    return RunDir.open(root, MANIFEST, checkpoint_bytes=0, reserve_bytes=0, disk=ForgetfulDisk())


def go(root: Path, states: str, *, keep: Retention = ONE, every: int = 1, pauses: Sequence[int] = (), first: int = 0) -> list[int]:
    """A rollout a letter (h: healthy, s: sick, -: nobody looked), a checkpoint every so many and at each pause, after which another process
    goes on; the checkpoints in the end."""
    run, rollout = opened(root), first
    run.resume()
    while rollout < len(states):
        due = rollout % every == every - 1
        save = (lambda folder: Disk().write(folder / "model.safetensors", b"w")) if due or rollout in pauses else None
        run.commit(rollout, {}, {}, save=save, keep=keep, extra=not due, sick=SICK[states[rollout]])
        if rollout in pauses:
            run.close()
            run = opened(root)
            resumed = run.resume()
            assert resumed is not None and resumed.rollout == rollout  # nothing is lost
        rollout += 1
    run.close()
    return [checkpoint.rollout for checkpoint in run.checkpoints()]


@pytest.mark.parametrize(
    ("states", "every", "kept"),
    [
        ("hhh-", 1, [3]),  # a run that ends well keeps what it was told to keep
        ("hhs", 1, [0, 2]),  # rollout 2 was sampled by the weights of checkpoint 1, which nobody has seen to be sound; 0 was
        ("hhsssss", 1, [0, 6]),  # and stays as long as the signs do
        ("hhsssh", 1, [4, 5]),  # until they are gone
        ("hhhhsss", 2, [1, 5]),  # of checkpoints 1, 3 and 5 the last two were saved before anybody could see whether they are sound
        ("ssss", 1, [3]),  # there was none before the first sign
    ],
)
def test_the_last_checkpoint_that_was_seen_to_be_sound_stays_while_there_are_signs(
    tmp_path: Path, states: str, every: int, kept: list[int]
) -> None:
    assert go(tmp_path / "run", states, every=every) == kept


def test_the_sound_checkpoint_can_be_asked_for_also_by_the_next_process(tmp_path: Path) -> None:
    go(tmp_path / "run", "hhss")
    run = opened(tmp_path / "run")
    run.resume()
    assert run.healthy is not None and run.healthy.folder == tmp_path / "run/checkpoints/000000"
    run.close()


def test_a_checkpoint_of_a_pause_leaves_when_the_next_one_is_due(tmp_path: Path) -> None:
    assert go(tmp_path / "a", "hhhhh", keep=Retention(2), every=2, pauses=[4]) == [1, 3, 4]
    assert go(tmp_path / "b", "hhhhhh", keep=Retention(2), every=2, pauses=[4]) == [3, 5]


@examples(40)
@given(
    states=st.text("hs", min_size=1, max_size=12),
    last=st.integers(1, 3),
    every=st.integers(1, 4),
    also=st.sampled_from([None, 2, 3]),
    pauses=st.sets(st.integers(0, 11)),
)
def test_pauses_change_nothing_about_what_stays_and_at_most_one_more_is_kept(
    tmp_path_factory: pytest.TempPathFactory, states: str, last: int, every: int, also: int | None, pauses: set[int]
) -> None:
    root, keep = tmp_path_factory.mktemp("keeping"), Retention(last, also)
    states = states + "h" * (-len(states) % every)  # ends with a checkpoint that is due
    straight = go(root / "straight", states, keep=keep, every=every)
    assert go(root / "paused", states, keep=keep, every=every, pauses=sorted(pauses)) == straight
    due = [rollout for rollout in range(len(states)) if rollout % every == every - 1]
    usual = {rollout for rollout in due if rollout in due[-last:] or (also is not None and (rollout + 1) % also == 0)}
    assert usual <= set(straight) and len(straight) <= len(usual) + 1
