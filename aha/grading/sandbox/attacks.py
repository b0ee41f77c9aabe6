"""Hostile programs of our own, which a tier must withstand before untrusted programs run in it.

Each program is harmless even if nothing holds it back, and prints BREACH with what it reached. The targets come on stdin. The programs in
C++ are kept as text, for tiers that compile.

The status says which tier a run's programs go to, why, and whether it withstands the attacks; `aha doctor` prints it.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from aha.grading.sandbox import AUTOMATIC, Tier, open_sandbox, tiers
from aha.grading.sandbox.job import Job, Language, Limits, Outcome, Sandbox, Verdict
from aha.types import Asserts, Calls, Reference, Stdio

START: Final = r"""
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <sys/syscall.h>
#include <unistd.h>
static void breach(const char *what) { printf("BREACH %s\n", what); fflush(stdout); }
static void forge() {
    char text[200];
    for (int number = 1; number <= 40; number++) {
        int size = snprintf(text, sizeof text,
            "{\"status\": 0, \"cpu_s\": 0.1, \"wall_s\": 0.1, \"memory_mb\": 1.0, "
            "\"stopped\": \"\", \"entered\": true, \"number\": %d}", number);
        for (int fd = 3; fd < 256; fd++) if (write(fd, text, size) > 0) return breach("wrote a report");
    }
}
"""

# name -> the program, and the verdicts that show it was held back
PROGRAMS: Final[dict[str, tuple[str, tuple[Verdict, ...]]]] = {
    "compiled: holds more than its streams": (
        START + 'int main() { for (int fd = 3; fd < 4096; fd++) if (fcntl(fd, F_GETFD) != -1) breach("a descriptor"); return 3; }',
        ("RE",),
    ),
    "compiled: reports its own success": (START + "int main() { forge(); return 3; }", ("RE",)),
    "compiled: reports success without end": (START + "int main() { for (;;) forge(); }", ("TLE",)),
    "compiled: takes from other processes": (
        START
        + r"""
int main() {
    char name[64];
    for (int pid : {1, (int)getppid()})
        for (int fd = 0; fd < 16; fd++) {
            snprintf(name, sizeof name, "/proc/%d/fd/%d", pid, fd);
            if (open(name, O_RDWR | O_NONBLOCK) != -1) breach(name);
        }
    long handle = syscall(434, getppid(), 0);
    for (int fd = 0; handle >= 0 && fd < 16; fd++) if (syscall(438, (int)handle, fd, 0) != -1) breach("pidfd_getfd");
    return 3;
}""",
        ("RE",),
    ),
    "compiled: starts processes": (
        START
        + r"""
int main() {
    int made = 0;
    for (int n = 0; n < 80; n++) {
        int child = n % 2 ? fork() : (int)syscall(SYS_clone, 17, 0, 0, 0, 0);
        if (child == 0) { sleep(1); _exit(0); }
        made += child > 0;
    }
    if (made) breach("processes");
    return 3;
}""",
        ("RE",),
    ),
    "compiled: reads a secret file": (
        START
        + r"""
int main() {
    char path[512] = "";
    if (fgets(path, sizeof path, stdin)) path[strcspn(path, "\n")] = 0;
    for (const char *each : {(const char *)path, "/etc/shadow", "/root/.bashrc"}) if (open(each, O_RDONLY) != -1) breach(each);
    return 3;
}""",
        ("RE",),
    ),
    "compiled: makes its compiler read without end": ('#include "/dev/zero"\nint main() {}', ("CE",)),
}


LIMITS = Limits(cpu_s=0.1, wall_s=0.9, memory_mb=256, output_bytes=100_000)
BREACH = b"BREACH"
CANARY = "AHA_ATTACK_CANARY_TOKEN"  # an environment variable that holds a secret while the attacks run
ANY_VERDICT: tuple[Verdict, ...] = ("OK", "RE", "TLE", "MLE", "OLE")


@dataclass(frozen=True)
class Attack:
    """A hostile program. `ends`: the verdicts that show it was held back."""

    name: str
    source: str
    ends: tuple[Verdict, ...] = ANY_VERDICT
    language: Language = "python"


@dataclass(frozen=True)
class AttackResult:
    """The outcome of one attack. `harm`: damage that showed only afterwards, in words."""

    attack: Attack
    outcome: Outcome
    harm: str = ""

    @property
    def is_contained(self) -> bool:
        return not self.harm and BREACH not in self.outcome.stdout + self.outcome.stderr and self.outcome.verdict in self.attack.ends

    @property
    def line(self) -> str:
        """The result as one line for people."""
        if self.is_contained:
            return f"contained  {self.attack.name} ({self.outcome.verdict})"
        output = (self.outcome.stdout + self.outcome.stderr).decode("utf-8", "replace")
        breach = next((line for line in output.splitlines() if "BREACH" in line), self.outcome.reason)
        return f"BREACHED   {self.attack.name} ({self.outcome.verdict}): {self.harm or breach[:200]}"


@dataclass(frozen=True)
class Assault:
    """The results of all attacks on a tier. `compile_error`: why no compiled program was among them, empty if some were."""

    came: tuple[AttackResult, ...]
    compile_error: str = ""

    @property
    def contained_count(self) -> int:
        return sum(result.is_contained for result in self.came)


ATTACKS = (
    Attack(
        "takes a gibibyte of memory",
        """
taken = []
for _ in range(64):
    taken.append(b"x" * (16 << 20))
print("BREACH memory", len(taken) * 16, "MiB")
""",
        ("RE", "MLE", "TLE"),
    ),
    Attack("never ends", "while True:\n    pass\n", ("TLE",)),
    Attack("sleeps", "import time\ntime.sleep(30)\nprint('BREACH slept')\n", ("TLE",)),
    Attack("prints without end", "while True:\n    print('y' * 1000)\n", ("OLE", "TLE")),
    Attack(
        "recurses without end",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n):\n    return f(n + 1) + 1\nf(0)\n",
        ("RE", "MLE", "TLE"),
    ),
    Attack(
        "reads a secret file",
        """
import sys
for path in (sys.stdin.readline().strip(), "/etc/shadow", "/root/.bashrc"):
    try:
        print("BREACH", path, open(path).read(20))
    except OSError:
        pass
""",
    ),
    Attack(
        "writes where it may not",
        """
import os, sys
for folder in (os.path.dirname(sys.stdin.readline().strip()), "/etc", "/usr/bin", os.path.dirname(os.__file__)):
    path = os.path.join(folder, "aha-attack")
    try:
        open(path, "w").close()
        os.unlink(path)
        print("BREACH wrote", path)
    except OSError:
        pass
""",
    ),
    Attack(
        "looks for secrets in environments",
        """
import os
seen = [str(dict(os.environ))]
for name in ("self", "1", str(getattr(os, "getppid", lambda: 1)())):
    try:
        seen.append(open("/proc/" + name + "/environ").read())
    except (OSError, UnicodeDecodeError):
        pass
if any("AHA_ATTACK_CANARY" in text for text in seen):
    print("BREACH environment")
""",
    ),
    Attack(
        "connects to a server",
        """
import socket, sys
sys.stdin.readline()
port = int(sys.stdin.readline())
for family, kind, host in ((socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"), (socket.AF_INET6, socket.SOCK_STREAM, "::1")):
    try:
        sock = socket.socket(family, kind)
        sock.settimeout(0.3)
        sock.connect((host, port))
        print("BREACH connected", host, port)
    except OSError:
        pass
""",
    ),
    Attack(
        "starts processes",
        """
import os
started = 0
try:
    while started < 80:
        if os.fork() == 0:
            import time
            time.sleep(0.5)
            os._exit(0)
        started += 1
except (OSError, AttributeError):
    pass
if started >= 80:
    print("BREACH processes", started)
""",
    ),
    Attack(
        "signals its parent",
        """
import os, signal
for target in (os.getppid(), -1):
    os.kill(target, signal.SIGCONT)  # no other signal: in a tier that holds nothing back it reaches every process of the machine
    if target != 1:  # the first process of a namespace ignores it, and may be sent it by a program of the same user
        print("BREACH signalled", target)
""",
    ),
    Attack(
        "reaches into the machine with C",
        """
import ctypes
C = ctypes.CDLL(None)
if C.mount(b"none", b"/tmp", b"tmpfs", 0, 0) == 0:
    C.umount(b"/tmp")
    print("BREACH mounted")
if C.unshare(0x10000000) == 0:
    print("BREACH user namespace")
ctypes.string_at(0)
""",
        ("RE",),
    ),
)


COMPILED_ATTACKS = tuple(Attack(name, source, ends, "cpp") for name, (source, ends) in PROGRAMS.items())


def run_attacks(open_box: Callable[[], Sandbox]) -> Assault:
    """Run every attack in one sandbox, two at a time, and then a harmless program; compiled attacks only if the tier compiles."""
    with _reachable() as (secret, listener), closing(open_box()) as sandbox, ThreadPoolExecutor(2) as pool:
        stdin = f"{secret}\n{listener.getsockname()[1]}\n".encode()
        compile_error = _compile_error(sandbox)
        attacks = ATTACKS if compile_error else ATTACKS + COMPILED_ATTACKS
        outcomes = pool.map(lambda attack: sandbox.run(Job(attack.source, stdin, attack.language, LIMITS)), attacks)
        came = [AttackResult(attack, outcome) for attack, outcome in zip(attacks, outcomes, strict=True)]
        return Assault((*came, _afterwards(sandbox)), compile_error)


def _compile_error(sandbox: Sandbox) -> str:
    outcome = sandbox.run(Job("int main() {}", b"", "cpp", LIMITS))
    return outcome.reason or "it runs no C++" if outcome.verdict == "INFRA" else ""


def _afterwards(sandbox: Sandbox) -> AttackResult:
    outcome = sandbox.run(Job("print(sum(map(int, input().split())))", b"1 2\n", limits=Limits(cpu_s=1.0, wall_s=5.0, memory_mb=256)))
    harm = "" if outcome.stdout == b"3\n" else "a harmless program no longer runs"
    return AttackResult(Attack("leave the next program alone", ""), outcome, harm)


@contextmanager
def _reachable() -> Iterator[tuple[Path, socket.socket]]:
    """Set up what the attacks try to reach: a file with a secret, a variable with a secret and a listening socket."""
    with tempfile.TemporaryDirectory(prefix="aha-attack-") as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        secret = Path(folder) / "secret.txt"
        secret.write_text("a secret", encoding="utf-8")
        os.environ[CANARY] = "a secret"
        try:
            yield secret, listener
        finally:
            del os.environ[CANARY]


@dataclass(frozen=True)
class SandboxStatus:
    """The tier that programs run in, why it was chosen, and the results of the attacks on it."""

    tier: Tier
    why: str
    assault: Assault

    @property
    def holds(self) -> bool:
        return self.assault.contained_count == len(self.assault.came)

    def lines(self) -> list[str]:
        """Return the status as lines for people, one statement each."""
        containments, came = self.assault.contained_count, self.assault.came
        first = f"Programs run in the sandbox tier {self.tier}, {self.why}; it contained {containments} of {len(came)} attacks."
        left_out = [f"No compiled program was among them: {self.assault.compile_error}."] if self.assault.compile_error else []
        return [first, *left_out, *(result.line for result in came if not result.is_contained)]


def sandbox_status(references: Iterable[Reference], tier_name: Tier | Literal["auto"] = "auto") -> SandboxStatus | None:
    """Return the status of the tier that programs for these references run in, or None if no reference is code. `BadInput` says what to
    install if no sandbox works. The tier unsafe is named but not attacked, since the attacks would harm this machine."""
    if not any(isinstance(reference, Stdio | Calls | Asserts) for reference in references):
        return None
    with closing(open_sandbox(tier_name, workers=1)) as sandbox:
        tier = sandbox.tier
    return SandboxStatus(tier, _why(tier, tier_name), Assault(()) if tier == "unsafe" else run_attacks(lambda: open_sandbox(tier)))


def _why(tier: Tier, choice: Tier | Literal["auto"]) -> str:
    if choice != "auto":
        return "as asked for, which holds nothing back" if tier == "unsafe" else "as asked for"
    reasons = tiers()
    stronger = [f"{name}: {reasons[name]}" for name in AUTOMATIC[: AUTOMATIC.index(tier)]]
    return f"since no stronger one works here ({'; '.join(stronger)})" if stronger else "the strongest there is"
