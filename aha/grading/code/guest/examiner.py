"""Run a problem's tests with the values that the answer returned, apart from the answer itself."""

from __future__ import annotations

import builtins
import json
import math
import os
import random
import sys
from collections.abc import Callable
from typing import Any

from aha.grading.code.guest.wire import UnsupportedValue, decode, encode


class Hole:
    """A stand-in for a value that the answer would return; equal to nothing."""


class Examiner:
    """A runner of the tests with the values that the answer returned, which also finds the calls still to be made. The answer is not
    here."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.results = {json.dumps(call): result for call, result in order["known"]}
        self.entry, self.prompt, self.tests, self.function = order["entry"], order["prompt"], order["tests"], order["function"]
        self.checks: list[bool] = []
        self.calls_to_make: dict[str, None] = {}
        self.trouble: str | None = None

    def answer(self, *args: Any, **keywords: Any) -> Any:
        """Take the place of the answer's function: return or raise what it did, or note the call that is still to be made."""
        try:
            call = json.dumps(json.loads(encode([list(args), keywords])))
        except UnsupportedValue as error:
            if not str(error).endswith(" Hole"):
                self.trouble = "the answer is called with " + str(error)
            return Hole()
        if call not in self.results:
            self.calls_to_make[call] = None
            return Hole()
        word, result = self.results[call]
        if word == "raised":
            kind = getattr(builtins, result[0], Exception)
            raise (kind if isinstance(kind, type) and issubclass(kind, Exception) else Exception)(result[1])
        return decode(result) if word == "value" else Hole()

    def check(self, thunk: Callable[[], object]) -> None:
        """Note whether one assertion holds."""
        try:
            self.checks.append(bool(thunk()))
        except Exception:
            self.checks.append(False)

    def run(self) -> dict[str, Any]:
        """Run prompt and tests; return the checks, the calls to make, and what went wrong."""
        random.seed(0)
        space: dict[str, Any] = {"__name__": "tests", "math": math, "sys": sys}
        error_seen = None
        try:
            exec(compile(self.prompt, "prompt.py", "exec", dont_inherit=True), space)
            space[self.entry] = space["candidate"] = self.answer
            space["__aha_check"] = self.check
            exec(compile(self.tests, "tests.py", "exec", dont_inherit=True), space)
            if self.function:
                space[self.function](self.answer)
        except Exception as error:
            error_seen = type(error).__name__ + ": " + str(error)[:200]
        return {
            "checks": self.checks,
            "needed": [json.loads(call) for call in self.calls_to_make],
            "trouble": self.trouble,
            "ended": error_seen,
        }


def main() -> None:
    """Read the order, run the tests with their output thrown away, and write the report."""
    order = json.loads(sys.stdin.buffer.read())
    stdout = sys.stdout
    sys.stdout = open(os.devnull, "w") if os.path.exists(os.devnull) else _Nowhere()
    report = json.dumps(Examiner(order).run())
    stdout.write("\n" + order["mark"] + " report " + report + "\n")
    stdout.flush()


class _Nowhere:
    """A stream that drops what is written."""

    def write(self, *text: str) -> int:
        return 0

    def flush(self) -> None:
        pass


if __name__ == "__main__":
    main()
