"""Call the function of an answer with the arguments of each test and report what it returns."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from aha.grading.code.guest.wire import UnsupportedValue, decode, encode, quote


class Caller:
    """A runner that defines what the answer defines, calls its function, and reports each value at once."""

    def __init__(self) -> None:
        order = json.loads(sys.stdin.buffer.read())
        self.mark, self.entry, self.sources, self.support = order["mark"], order["entry"], order["sources"], order["support"]
        self.calls: list[tuple[str | None, Any]] = [(call, None) if type(call) is str else (None, decode(call)) for call in order["calls"]]
        self.write, self.exit, self.stdout = os.write, os._exit, sys.stdout
        try:
            self.out = os.dup(1)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)
        except (OSError, AttributeError):
            self.out = 1

    def say(self, place: str, word: str, text: str) -> None:
        """Write one record on a line of its own, whatever the answer has printed before."""
        line = ("\n" + self.mark + " " + place + " " + word + " " + text + "\n").encode("ascii", "backslashreplace")
        while line:
            line = line[self.write(self.out, line) :]

    def fault(self, error: BaseException) -> str:
        """Return an exception's class and message as JSON, whatever its own `__str__` does."""
        kind = type(error)
        try:
            words = str(error)
        except BaseException:
            words = ""
        return "[" + quote(kind.__name__) + "," + quote(str.__str__(words)[:200]) + "]"

    def define(self) -> tuple[dict[str, Any], Callable[[], Callable[..., Any]]]:
        """Run the answer. Return its namespace and a function that returns the function to call."""
        module = type(sys)("answer")
        sys.modules["answer"] = module
        space = module.__dict__
        for source in self.sources:
            exec(compile(source, "answer.py", "exec", dont_inherit=True), space)
        owner, _, method = self.entry.rpartition(".")
        function = self.function(space, owner, method)
        if not owner:
            space["candidate"] = function()
        if self.support:
            exec(compile(self.support, "support.py", "exec", dont_inherit=True), space)
        return space, function

    def function(self, space: dict[str, Any], owner: str, method: str) -> Callable[[], Callable[..., Any]]:
        """Return a function that returns the function to call: the method of a new object, or a bare function if the answer has that
        instead."""
        if owner and owner in space:
            return lambda: getattr(space[owner](), method)
        if method in space:
            function = space[method]
            code = getattr(function, "__code__", None)
            if owner and code is not None and code.co_varnames[:1] == ("self",) and code.co_argcount:
                return lambda: lambda *args, **keywords: function(None, *args, **keywords)
            return lambda: function
        if not owner and "Solution" in space and hasattr(space["Solution"], method):
            return lambda: getattr(space["Solution"](), method)
        raise NameError("it defines no " + (owner or method))

    def run(self) -> None:
        """Make every call in turn and end the process."""
        place = "load"
        try:
            space, function = self.define()
            self.say("load", "ok", "")
            for number, (expression, values) in enumerate(self.calls):
                place = str(number)
                try:
                    if expression is None:
                        value = function()(*values[0], **values[1])
                    else:
                        value = eval(compile(expression, "test.py", "eval", dont_inherit=True), space)
                    self.say(place, "value", encode(value))
                except UnsupportedValue as error:
                    self.say(place, "uncarried", self.fault(error))
                except BaseException as error:
                    self.say(place, "raised", self.fault(error))
        except BaseException as error:
            self.say(place, "raised", self.fault(error))
        self.exit(0)


if __name__ == "__main__":
    Caller().run()
