"""Run a problem's own checker on one output. It finds three files, as on Codeforces, and the same as JSON on standard input."""

from __future__ import annotations

import builtins
import io
import json
import sys

order = json.loads(sys.stdin.buffer.read())
try:
    names = {"input": "input.txt", "expected": "correct_output.txt", "output": "solution_output.txt"}
    for name, path in names.items():
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(order[name])
    sys.argv = ["checker.py", *names.values()]
except OSError:
    pass
sys.stdin = io.TextIOWrapper(
    io.BytesIO(json.dumps({name: order[name] for name in ("input", "output", "expected")}).encode()), encoding="utf-8"
)
exec(compile(order["checker"], "checker.py", "exec", dont_inherit=True), {"__name__": "__main__", "__builtins__": builtins})
