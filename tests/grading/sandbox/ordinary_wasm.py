"""Becomes an ordinary user for good, runs the hostile programs in the wasm tier and writes what came of each to stdout, as lines of JSON.

    python -m tests.grading.sandbox.ordinary_wasm PYTHON

Root starts it, with an interpreter for the workers that everybody may run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from aha.grading.sandbox.job import Job
from aha.grading.sandbox.wasm import WasmSandbox
from tests.grading.sandbox import hostile
from tests.grading.sandbox.ordinary import become_nobody


def main() -> None:
    first = WasmSandbox(workers=1, python=sys.argv[1])
    first.run(Job("print(3)"))  # loads what is loaded late
    first.close()
    become_nobody()
    sandbox = WasmSandbox(workers=1, python=sys.argv[1])
    with tempfile.TemporaryDirectory() as place, hostile.trap(Path(place)) as made:
        for attack in hostile.ATTACKS:
            verdict, outcome = hostile.run(sandbox, attack, made)
            breach = b"PWNED" in outcome.stdout + outcome.stderr
            about = {"breach": breach, "reason": outcome.reason, "uid": os.getuid(), "untouched": made.untouched()}
            print(json.dumps({"attack": str(attack), "verdict": verdict, **about}), flush=True)
    sandbox.close()


if __name__ == "__main__":
    main()
