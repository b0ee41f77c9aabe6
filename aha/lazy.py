"""Regular expressions that are compiled, and libraries that are imported, when they are first used.

The readers of answers know hundreds of patterns in twenty languages. To compile them all takes about as long as everything else that
`aha show` does, and a command that reads no answer needs none of them."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, cast
from weakref import WeakSet


class LazyPattern:
    """A pattern that compiles itself at the first call of one of its methods. It has all methods of `re.Pattern`; the functions of `re`
    do not take it."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags
        _PATTERNS.add(self)

    def __getattr__(self, name: str) -> Any:  # reached only for names that the instance has not taken over yet
        if name.startswith("__"):
            raise AttributeError(name)
        self.compile()
        return self.__dict__[name]

    def compile(self) -> None:
        """Compile the pattern and take over its methods, so that later calls go straight to them. `re.error` if it is not one."""
        compiled = re.compile(self.pattern, self._flags)
        self.__dict__.update({name: getattr(compiled, name) for name in dir(compiled) if not name.startswith("_")})


_PATTERNS: WeakSet[LazyPattern] = WeakSet()


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return the pattern as `re.compile` does, compiled when it is first used."""
    return cast("re.Pattern[str]", LazyPattern(pattern, flags))


def compile_patterns() -> None:
    """Compile all patterns there are now. A process that forks workers calls this first, so that no worker does it again."""
    for lazy in list(_PATTERNS):
        lazy.compile()


class LazyModule:
    """A library that is imported at the first use of one of its names. `name`: as in an import statement."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)
