"""Where the code is in an answer: one function a protocol. None of them parses what a model wrote; they look at lines."""

from __future__ import annotations

import re
import textwrap

from aha.types import Asserts, Code

FENCE = "```"
LONGEST_CODE = 200_000

_OPENING = re.compile(r".*?```[\w+#.-]*\s*")
_USUAL = {
    "typing": "Any Callable DefaultDict Deque Dict FrozenSet Generator Generic Iterable Iterator List Literal NamedTuple Optional Sequence "
    "Set Tuple TypeVar Union",
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "functools": "cache cached_property cmp_to_key lru_cache partial reduce total_ordering wraps",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "bisect": "bisect_left bisect_right insort insort_left insort_right",
    "itertools": "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse groupby islice "
    "pairwise permutations product repeat starmap takewhile tee zip_longest",
    "math": "ceil comb copysign cos degrees dist e exp factorial fabs floor fmod gcd hypot inf isclose isfinite isinf isnan isqrt lcm log "
    "log10 log2 modf nan perm pi prod radians sin sqrt tan tau trunc",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits punctuation",
    "copy": "deepcopy",
    "dataclasses": "dataclass field",
    "fractions": "Fraction",
    "decimal": "Decimal",
    "operator": "itemgetter attrgetter mul xor",
}
_MODULES = (
    "bisect collections copy datetime decimal fractions functools heapq itertools json math operator random re "
    "statistics string sys time typing"
)


def between_last_fences(text: str) -> str:
    """LiveCodeBench: the lines between the last two that hold a fence; nothing where there are fewer than two."""
    lines = text.split("\n")
    fences = [place for place, line in enumerate(lines) if FENCE in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) > 1 else ""


def blocks(text: str) -> list[str]:
    """The insides of fenced blocks that are closed, in order."""
    found, inside = list[str](), None
    for line in text.split("\n"):
        if inside is None:
            inside = list[str]() if _OPENING.fullmatch(line) else None
        elif FENCE in line:
            last = line.partition(FENCE)[0]
            found.append("\n".join([*inside, last] if last.strip() else inside) + "\n")
            inside = None
        else:
            inside.append(line)
    return found


def with_function(text: str, entry: str) -> str:
    """HumanEval and MBPP: the last block that defines the function, else the first block; nothing where the only fence is never closed."""
    found = blocks(text)
    defining = [block for block in found if defines(block, entry)]
    return (defining[-1:] or found[:1] or [""])[0]


def code_of(reference: Code, answer: str) -> str:
    """The code of an answer by its reference's protocol; an answer without any fence is code as it stands."""
    answer = answer.encode("utf-8", "replace").decode("utf-8")
    if FENCE not in answer:
        return answer
    return with_function(answer, reference.entry) if isinstance(reference, Asserts) else between_last_fences(answer)


def defines(code: str, entry: str) -> bool:
    """Whether a line at the margin defines or assigns the name."""
    name = re.escape(entry)
    return re.search(rf"^(?:(?:async[ \t]+)?def[ \t]+{name}\b|class[ \t]+{name}\b|{name}[ \t]*[=:])", code, re.MULTILINE) is not None


def sources(prompt: str, entry: str, code: str) -> list[str]:
    """The pieces to run one after another. A whole function comes after the prompt with an empty body, whose helpers stay; anything else
    completes the prompt."""
    if not prompt.strip():
        return [code]
    if defines(code, entry):
        return [f"{prompt}\n    pass\n", code]
    first = next((line for line in code.split("\n") if line.strip()), "")
    return [prompt + (code if first[:1] in " \t" else textwrap.indent(code, "    "))]


def usual_imports(code: str) -> str:
    """What LeetCode's and LiveCodeBench's judges import beforehand, as far as the code names it; and their depth of recursion."""
    words = set(re.findall(r"[A-Za-z_]\w*", code))
    lines = ["import sys", "sys.setrecursionlimit(50_000)"]
    for module, names in _USUAL.items():
        if named := [name for name in names.split() if name in words]:
            lines.append(f"from {module} import {', '.join(named)}")
    lines += [f"import {module}" for module in _MODULES.split() if module in words]
    return "\n".join(lines) + "\n"
