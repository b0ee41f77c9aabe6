"""Is a problem fit to be trained on? Its own solution passes, and programs that solve nothing fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aha.grading.code.trying import try_code
from aha.grading.sandbox.job import Sandbox
from aha.types import Abstained, Asserts, Calls, Code, Grade, Right, Stdio

CONSTANTS = ("0", "1", "-1", "True", "False", "''", "[]")
WORDS = ("0", "1", "-1", "YES", "NO", "Yes", "No")


def unfit(reference: Code, golds: Sequence[str], sandbox: Sandbox) -> list[str]:
    """What is wrong with the problem, in words; nothing where it is fit. Without a known solution only the idle programs are tried."""
    complaints = list[str]()
    for gold in golds[:1]:
        grade = try_code(reference, gold, sandbox).grade
        if not isinstance(grade, Right):
            complaints.append(f"its own solution does not pass: {_words(grade)}")
    for name, program in idle_programs(reference):
        grade = try_code(reference, program, sandbox).grade
        if isinstance(grade, Right):
            complaints.append(f"{name} passes")
        elif isinstance(grade, Abstained):
            complaints.append(f"it cannot be tested: {grade.reason}")
            break
    return complaints


def _words(grade: Grade) -> str:
    return "" if isinstance(grade, Right) else grade.reason


def idle_programs(reference: Code) -> Iterator[tuple[str, str]]:
    """Programs that solve nothing: they do nothing, give back what they were given, or always say the same."""
    match reference:
        case Stdio(language="python"):
            yield "a program that prints nothing", "pass"
            yield "a program that prints its input", "import sys\nprint(sys.stdin.read())"
            yield from ((f"a program that prints {word}", f"print({word!r})") for word in WORDS)
        case Stdio():
            head = "#include <iostream>\nint main() { "
            yield "a program that prints nothing", head + "return 0; }"
            yield "a program that prints its input", head + "std::cout << std::cin.rdbuf(); }"
            yield from ((f"a program that prints {word}", f'{head}std::cout << "{word}"; }}') for word in WORDS)
        case Calls() | Asserts():
            yield "a function that returns nothing", _function(reference.entry, "None")
            yield "a function that returns its argument", _function(reference.entry, "a[0] if a else None")
            yield from ((f"a function that returns {value}", _function(reference.entry, value)) for value in CONSTANTS)


def _function(entry: str, value: str) -> str:
    owner, _, name = entry.rpartition(".")
    if owner:
        return f"class {owner}:\n    def {name}(self, *a, **k):\n        return {value}\n"
    return f"def {name}(*a, **k):\n    return {value}\n"
