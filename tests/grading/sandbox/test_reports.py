"""Whose word counts in the bwrap tier: no descriptor but the three streams reaches a program, and no report but the fork server's is
believed. Each defence is tried with the other one taken away."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aha.grading.sandbox import bwrap, channel, slot
from aha.grading.sandbox.bwrap import BwrapSandbox
from aha.grading.sandbox.job import Job, Outcome
from tests.grading.sandbox.here import needs_bwrap, needs_compiler

pytestmark = needs_bwrap
STREAMS = "0 1 2"
REPORT = (
    r"{\"status\": 0, \"cpu_s\": 0.1, \"wall_s\": 0.1, \"memory_mb\": 1.0, "
    r"\"stop_reason\": \"\", \"has_entered\": true, \"number\": NUMBER}"
)

LISTING = """#include <cstdio>
#include <fcntl.h>
#include <string>
int main() {
    for (int fd = 0; fd < 4096; fd++) if (fcntl(fd, F_GETFD) != -1) printf("%d ", fd);
    fflush(stdout);
    return 3;
}"""
FORGING = (
    """#include <cstdio>
#include <string>
#include <unistd.h>
int main() {
    std::string report = "REPORT";
    size_t at = report.find("NUMBER");
    int written = 0;
    for (int number = 1; number <= 50; number++) {
        std::string each = report;
        each.replace(at, 6, std::to_string(number));
        for (int fd = 3; fd < 64; fd++) written += write(fd, each.data(), each.size()) > 0;
    }
    printf("%d", written);
    fflush(stdout);
    FOREVER
    return 3;
}"""
).replace("REPORT", REPORT)
PYTHON = "import os\nprint(*[fd for fd in range(4096) if os.path.exists(f'/proc/self/fd/{fd}')])"
BIRTH = "os.set_inheritable(control, False)"
FLAG = "socket.MSG_CMSG_CLOEXEC"
CLOSING = re.compile(r"(?<=  )close_all_but\((program)?\)$", re.MULTILINE)  # as a child does it


@pytest.fixture
def sandbox() -> Iterator[BwrapSandbox]:
    opened = BwrapSandbox(workers=1)  # so that each program follows the one before it
    yield opened
    opened.close()


def leaking(monkeypatch: pytest.MonkeyPatch, *, birth: bool, closing: bool) -> None:
    """Slots that start from now on have a server without the one defence, the other, or both."""
    plain = slot._text

    def text(name: str) -> bytes:
        said = plain(name).decode()
        if birth and name == "forkserver.py":
            assert BIRTH in said
            said = said.replace(BIRTH, "os.set_inheritable(control, True)")
        if birth and name == "channel.py":
            assert FLAG in said
            said = said.replace(FLAG, "0")
        if closing and name == "forkserver.py":
            said, times = CLOSING.subn("pass", said)
            assert times == 2
        return said.encode()

    monkeypatch.setattr(slot, "_text", text)


def cpp(sandbox: BwrapSandbox, source: str) -> Outcome:
    return sandbox.run(Job(source, language="cpp"))


# --- the first defence: nothing but the streams -----------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize(("birth", "closing"), [(False, False), (True, False), (False, True)], ids=["both", "closed", "closed by exec"])
def test_a_compiled_program_has_the_three_streams_and_nothing_else(birth: bool, closing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    leaking(monkeypatch, birth=birth, closing=closing)
    opened = BwrapSandbox(workers=1)
    outcome = cpp(opened, LISTING)
    opened.close()
    assert outcome.stdout.decode().split() == STREAMS.split()


def test_a_python_program_has_the_three_streams_and_nothing_else(sandbox: BwrapSandbox) -> None:
    assert sandbox.run(Job(PYTHON)).stdout.decode().split() == STREAMS.split()


@needs_compiler
@pytest.mark.parametrize(("birth", "closing"), [(False, False), (True, False), (False, True)], ids=["both", "closed", "closed by exec"])
def test_a_compiler_has_the_three_streams_and_nothing_else(birth: bool, closing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    leaking(monkeypatch, birth=birth, closing=closing)
    monkeypatch.setattr(bwrap, "BUILD", "n=0; while [ $n -lt 256 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done; exit 1")
    opened = BwrapSandbox(workers=1)
    outcome = cpp(opened, "int main() {}")
    opened.close()
    assert outcome.verdict == "CE" and outcome.stdout.decode().split() == STREAMS.split()


@needs_compiler
def test_forged_reports_go_nowhere_even_where_any_sender_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = channel.receive
    monkeypatch.setattr(channel, "receive", lambda end: replace(plain(end), sender=0))
    opened = BwrapSandbox(workers=1)
    outcome = cpp(opened, FORGING.replace("FOREVER", ""))
    after = opened.run(Job("print(3)"))
    opened.close()
    assert (outcome.verdict, outcome.stdout, outcome.exit_code) == ("RE", b"0", 3)
    assert (after.verdict, after.stdout) == ("OK", b"3\n")


# --- the second: the kernel says who reports --------------------------------------------------------------------------


@needs_compiler
@pytest.mark.parametrize("forever", ["", "for (;;) pause();"], ids=["ending", "endless"])
def test_a_report_by_a_program_that_holds_the_socket_is_refused_and_its_slot_with_it(forever: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leaking(monkeypatch, birth=True, closing=True)
    opened = BwrapSandbox(workers=1)
    assert len(cpp(opened, LISTING).stdout.split()) > 3, "the leak of this test leaks nothing"
    (before,) = opened._live
    outcome = cpp(opened, FORGING.replace("FOREVER", forever))
    assert outcome.verdict == "INFRA" and "not the fork server" in outcome.reason
    assert before not in opened._live
    neighbours = [opened.run(Job(f"print({n})")) for n in range(5)]
    opened.close()
    assert [(each.verdict, each.stdout) for each in neighbours] == [("OK", f"{n}\n".encode()) for n in range(5)]


def test_a_message_names_the_process_that_wrote_it() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        channel.demand_sender(ours)
        theirs.send(b"from here")
        child = os.fork()
        if child == 0:
            theirs.send(b"from the child")
            os._exit(0)
        os.waitpid(child, 0)
        assert [channel.receive(ours).sender for _ in range(2)] == [os.getpid(), child]
