"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest

import aha.answers
import aha.grading.maths
from aha.lazy import _PATTERNS, LazyModule, LazyPattern, compile_patterns, lazy_pattern


def test_a_lazy_pattern_does_what_a_pattern_does() -> None:
    text, flags = r"(?P<sign>[-+])?(\d+)", re.ASCII
    lazy, ready = lazy_pattern(text, flags), re.compile(text, flags)
    for sample in ("a -12 and +3", "12", ""):
        assert lazy.sub("<\\2>", sample) == ready.sub("<\\2>", sample)
        assert [match.span() for match in lazy.finditer(sample)] == [match.span() for match in ready.finditer(sample)]
        assert lazy.split(sample) == ready.split(sample)
    assert (lazy.pattern, lazy.flags, lazy.groups, dict(lazy.groupindex)) == (text, ready.flags, ready.groups, dict(ready.groupindex))


def test_a_pattern_is_compiled_at_its_first_use_and_once() -> None:
    lazy = LazyPattern("a+", 0)
    assert "search" not in vars(lazy)
    assert lazy.search("caat")
    assert lazy.search is lazy.search


def test_a_pattern_that_is_none_is_told_at_its_first_use() -> None:
    with pytest.raises(re.error):
        LazyPattern("(", 0).search("")


def test_every_pattern_of_the_readers_compiles() -> None:
    for package in (aha.answers, aha.grading.maths):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    compile_patterns()
    assert len(_PATTERNS) > 400
    assert all("search" in vars(lazy) for lazy in _PATTERNS)


def test_a_lazy_module_gives_the_library_s_names() -> None:
    assert LazyModule("json").dumps([1]) == "[1]"
    with pytest.raises(AttributeError):
        LazyModule("json").no_such_name  # noqa: B018


def test_settings_compile_no_pattern_of_answers_and_load_no_numpy() -> None:
    program = """
import sys, io, contextlib
from aha.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    assert main(["show", "zero"]) == 0
from aha.lazy import _PATTERNS
print(len(_PATTERNS) > 400, sum("search" in vars(lazy) for lazy in _PATTERNS) < 20, "numpy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60).stdout.split() == [
        "True",
        "True",
        "False",
    ]
