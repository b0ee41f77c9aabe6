"""Hostile programs of our own, most in C++, and how they are run. A first line has the verdicts that are allowed and what is tried.

Those in `compiling` attack the compiler. Never run the others where nothing holds them back: they signal every process there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aha.grading.sandbox import bwrap, unsafe
from aha.grading.sandbox.job import Job, Limits, Outcome, Sandbox
from tests.grading.sandbox.hostile import CANARY, Attack, Trap

FOLDER = Path(__file__).parent / "cpp"
PRELUDE = (FOLDER / "prelude.hpp").read_text(encoding="utf-8")
LIMITS = Limits(cpu_s=0.3, wall_s=0.8, memory_mb=256, output_bytes=1 << 20)
BRIEFLY = Limits(cpu_s=0.5, wall_s=8.0, memory_mb=256, output_bytes=100_000)  # for a compiler
ADD = '#include <cstdio>\nint main() { long a, b; scanf("%ld %ld", &a, &b); printf("%ld\\n", a + b); }'


def attacks(folder: Path, prelude: str) -> list[Attack]:
    """By name."""
    made = []
    for path in sorted([*folder.glob("*.cpp"), *folder.glob("*.py")]):
        text = path.read_text(encoding="utf-8")
        allowed = text.split("\n", 1)[0].lstrip("/#").partition(":")[0].split()
        cpp = path.suffix == ".cpp"
        made.append(Attack(path.stem, "cpp" if cpp else "python", tuple(allowed), prelude + text if cpp else text))
    return made


RUNNING = attacks(FOLDER, PRELUDE)
COMPILING = attacks(FOLDER / "compiling", "")
MORE = attacks(FOLDER / "more", PRELUDE) + attacks(FOLDER / "compiling/more", "")  # they take longer; some are in Python
HARMLESS = [each for each in RUNNING if each.name in ("descriptors_counted", "reports_forged", "reports_forged_before_main")]  # anywhere


@dataclass(frozen=True)
class Came:
    """What came of an attack."""

    attack: Attack
    outcome: Outcome
    untouched: bool

    @property
    def verdict(self) -> str:
        """With WA, as a judge outside gives it for 1 + 2."""
        right = self.outcome.stdout.split() == [b"3"]
        return self.outcome.verdict if self.outcome.verdict != "OK" else "OK" if right else "WA"

    @property
    def breach(self) -> str:
        """What it reached; empty where it was contained."""
        said = self.outcome.stdout + self.outcome.stderr
        if b"PWNED" in self.outcome.stdout or CANARY.encode() in said or not self.untouched:
            return f"{self.attack.name} reached {said[-300:]!r}"
        if self.verdict not in self.attack.allowed:
            return f"{self.attack.name} ended with {self.verdict}: {self.outcome.reason} {self.outcome.stderr[-300:]!r}"
        return ""


def attacked(sandbox: Sandbox, attack: Attack, made: Trap) -> Came:
    stdin = f"1 2\n{made.secret}\nport={made.port}\n".encode()
    return Came(attack, sandbox.run(Job(attack.source, stdin, "cpp" if attack.kind == "cpp" else "python", LIMITS)), made.untouched())


def beside_neighbours(sandbox: Sandbox, wanted: list[Attack], made: Trap) -> tuple[list[Came], list[Outcome]]:
    """What came of the attacks one after the other, and how 1 + 2 in Python and in C++ ended meanwhile beside them and after each."""
    came, neighbours = [], []
    with ThreadPoolExecutor(1) as pool:
        for number, attack in enumerate(wanted):
            under_way = pool.submit(attacked, sandbox, attack, made)
            beside = Job(ADD, b"1 2\n", "cpp") if number % 2 else Job("print(sum(map(int, input().split())))", b"1 2\n")
            neighbours.append(sandbox.run(beside))
            came.append(under_way.result(timeout=120))
            neighbours.append(sandbox.run(beside))
    return came, neighbours


@contextmanager
def brief_compilers() -> Iterator[None]:
    """The compiler's limits as small as `BRIEFLY`, so that its attackers take no minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bwrap, "COMPILE_LIMITS", BRIEFLY)
        patch.setattr(unsafe, "COMPILE_LIMITS", BRIEFLY)
        yield
