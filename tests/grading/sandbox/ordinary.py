"""Becomes an ordinary user for good, runs the hostile programs one by one and writes what came of each to stdout, as lines of JSON.

    python -m tests.grading.sandbox.ordinary [running | compiling]

`running`: those in C++ and `compiling`: those that attack the compiler, and how a neighbour fared beside each.
Root starts it, so that everything is loaded that an ordinary user may not be able to read where it lies.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from aha.grading.sandbox.bwrap import BwrapSandbox
from tests.grading.sandbox import cpp, hostile

NOBODY = 65534


def interpreter() -> Path | None:
    """One that nobody may run: ours, or the system's."""
    candidates = (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve())
    return next((each for each in candidates if os.access(each, os.X_OK)), None)


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ.update(HOME="/nonexistent", TMPDIR="/tmp")


def main() -> None:
    BwrapSandbox(workers=1).close()  # loads what is loaded late
    become_nobody()
    python = interpreter()
    if python is None:
        print(json.dumps({"skip": "no interpreter here that an ordinary user may run"}))
        return
    match sys.argv[1:]:
        case []:
            interpreted(python)
        case ["running"]:
            compiled(python, cpp.RUNNING)
        case _:
            compiled(python, cpp.COMPILING)


def interpreted(python: Path) -> None:
    sandbox = BwrapSandbox(workers=1, python=python)
    with tempfile.TemporaryDirectory() as place, hostile.trap(Path(place)) as made:
        for attack in hostile.ATTACKS:
            verdict, outcome = hostile.run(sandbox, attack, made)
            said = outcome.stdout + outcome.stderr
            about = {"breach": b"PWNED" in said, "reason": outcome.reason, "wall_s": outcome.wall_s, "untouched": made.untouched()}
            print(json.dumps({"attack": str(attack), "verdict": verdict, "uid": os.getuid(), **about}), flush=True)
    sandbox.close()


def compiled(python: Path, attacks: list[hostile.Attack]) -> None:
    sandbox = BwrapSandbox(workers=2, python=python)
    with cpp.brief_compilers(), tempfile.TemporaryDirectory() as place, hostile.trap(Path(place)) as made:
        for attack in attacks:
            (came,), neighbours = cpp.beside_neighbours(sandbox, [attack], made)
            beside = [(each.verdict, each.stdout.decode()) for each in neighbours]
            print(json.dumps({"attack": str(attack), "breach": came.breach, "uid": os.getuid(), "neighbours": beside}), flush=True)
    sandbox.close()


if __name__ == "__main__":
    main()
