"""Results and messages that nobody can be told: no traceback, and an exit code that says so."""

from __future__ import annotations

import subprocess
import sys

import pytest


def shell(words: str) -> tuple[int, str]:
    """The exit code of the command as a shell runs it, and all that it could say."""
    command = ["sh", "-c", f"{sys.executable} -m aha {words}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


SHUT = ("show zero >&-", "show zero --json >/dev/full", "--help >/dev/full", "show zero 2>&-", "show no 2>&-", "show no >&- 2>&-")


@pytest.mark.parametrize("words", SHUT)
def test_a_closed_or_full_stream_ends_with_74_and_no_traceback(words: str) -> None:
    code, said = shell(words)
    assert code == 74 and "Traceback" not in said and "Exception ignored" not in said


def test_a_reader_that_leaves_early_is_no_mistake() -> None:
    assert "Traceback" not in shell("show zero | head -1")[1]
