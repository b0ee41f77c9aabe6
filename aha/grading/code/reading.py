"""Extraction of the code from an answer, one function per protocol. They look at lines and never parse what a model wrote."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from aha.answers.replies import without_thought
from aha.lazy import lazy_pattern
from aha.types import Asserts, Code, Stdio

FENCE = "```"
LONGEST_CODE = 200_000

_FENCE = lazy_pattern(r"(?P<before>[^`~]*?)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_INFO_AFTER_WORDS = lazy_pattern(r"\s*[\w+#.-]*\s*")
_MARKER = lazy_pattern(r"[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?")
_TAG = lazy_pattern(r"[\w+#.-]+")
_TAGS = {
    "python": ("python", "python3", "py", "py3", "python2", "pypy", "pypy3"),
    "cpp": ("cpp", "c++", "cc", "cxx", "c", "c++17", "cpp17", "c++20", "cpp20"),
}
_READS = lazy_pattern(r"\b(?:(?:input|stdin)(?!\s*=[^=])|fileinput|read|readline|open)\b|\b(?:cin|scanf|getline|getchar|fread|fgets)\b")
_PRINTS = lazy_pattern(r"\b(?:print|write|stdout|cout|printf|puts|putchar|fwrite)\b")
_FIRST_LINE = {
    "python": lazy_pattern(r"(?:import|from|def|class|for|while|if|with|try:|@)\b|[A-Za-z_][\w.]*(?:,\s*\*?\w+)*\s*(?:=(?!=)|\()"),
    "cpp": lazy_pattern(r"#\s*(?:include|define|pragma)\b|using\b|//"),
}
_SAMPLE = lazy_pattern(r"^[ \t]*(?:>>>|\$|In \[\d+\]:|C:\\)", re.MULTILINE)
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
    """Return the lines between the last two lines with a fence, as LiveCodeBench does; empty if there are fewer than two."""
    lines = text.split("\n")
    fences = [place for place, line in enumerate(lines) if FENCE in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) > 1 else ""


@dataclass(frozen=True)
class Block:
    """The content of a fenced block, without the fence's own indentation. `tag`: the language that the fence names, in lower case."""

    tag: str
    text: str


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks in order, as Markdown has them (```, ~~~, indented, in a list or a quotation). The last block may be
    unclosed, and a closing fence may follow code on its line. Blank blocks are left out."""
    block_list, lines = list[Block](), text.split("\n")
    inside: list[str] | None = None
    fence = _Fence("", "", "")
    for line in lines:
        if inside is None:
            if (next_fence := _fence_of(line)) is not None:
                fence, inside = next_fence, []
            continue
        if not inside and fence.is_repeated(line):
            continue
        last = fence.closed_by(line)
        inside.append(fence.dedent(line if last is None else last))
        if last is not None:
            block_list.append(Block(fence.tag, "\n".join(inside if last.strip() else inside[:-1]) + "\n"))
            inside = None
    if inside is not None:
        block_list.append(Block(fence.tag, "\n".join(inside) + "\n"))
    return [block for block in block_list if block.text.strip()]


@dataclass(frozen=True)
class _Fence:
    """The line that opens a block: the text before the fence, and the fence."""

    before: str
    fence: str
    tag: str

    def closed_by(self, line: str) -> str | None:
        """Return the text before the closing fence if the line closes the block, else None."""
        bare = line.rstrip()
        rest = bare.rstrip(self.fence[0])
        if len(bare) - len(rest) < len(self.fence):
            return None
        code = rest.lstrip("> \t") if self.before.lstrip()[:1] == ">" else rest
        return code if not code.strip() or self.fence[0] == "`" else None

    def is_repeated(self, line: str) -> bool:
        """Return True if the line opens the block a second time, with the same language."""
        second = _fence_of(line)
        return second is not None and bool(self.tag) and second.tag == self.tag

    def dedent(self, line: str) -> str:
        """Return the line without the indentation of the fence: spaces, a list's marker or a quotation's."""
        if self.before.lstrip()[:1] == ">" and line.lstrip()[:1] == ">":
            return line.lstrip()[1:].removeprefix(" ")
        room = len(self.before.expandtabs(4)) if _MARKER.fullmatch(self.before) else 0
        spaces = len(line) - len(line.lstrip(" \t"))
        return line[min(room, spaces) :]


def _fence_of(line: str) -> _Fence | None:
    match = _FENCE.fullmatch(line)
    if match is None or ("~" in match["info"] and match["fence"][0] == "~"):
        return None
    before, fence, info = match["before"], match["fence"], match["info"]
    if not _MARKER.fullmatch(before) and (fence[0] == "~" or not _INFO_AFTER_WORDS.fullmatch(info)):
        return None
    tag = _TAG.search(info)
    return _Fence(before, fence, tag[0].lower().rpartition(".")[2] if tag else "")


def with_function(text: str, entry: str, bare: str = "") -> str:
    """Return the last block that defines the function (or the class, or its method), else `bare`, the text before the first fence, if that
    defines it (its own fence stood in the prompt), else the first block."""
    texts = [block.text for block in blocks(text)]
    owner, _, name = entry.rpartition(".")
    names = [word for word in (owner, name, "Solution") if word]
    definitions = [block for block in texts if defines(block, owner or name)] or [
        block for block in texts if any(defines(textwrap.dedent(block), name) for name in names)
    ]
    if not definitions and any(defines(bare, name) for name in names):
        return bare
    return (definitions[-1:] or texts[:1] or [""])[0]


def program_in(text: str, language: str, bare: str = "") -> str:
    """Return the block that is the program. Sample runs and blocks in another language do not count. A block that reads input is preferred,
    then one whose fence names the language; among equals, the last. `bare`, the text before the first fence, is the program if it looks
    like a whole one and no block does (its own fence stood in the prompt)."""
    ranks = [(_rank(block, language), place, block.text) for place, block in enumerate(blocks(text))]
    first = next((line for line in bare.split("\n") if line.strip()), "")
    if _FIRST_LINE[language].match(first) and all(_rank(Block("", bare), language)[:2] > rank[:2] for rank, *_ in ranks):
        return bare
    return max(ranks)[-1] if ranks else ""


def _rank(block: Block, language: str) -> tuple[bool, bool, bool]:
    has_tag = block.tag in _TAGS[language]
    program = (has_tag or not block.tag) and _SAMPLE.match(block.text) is None and _PRINTS.search(block.text) is not None
    return program, _READS.search(block.text) is not None, has_tag


def code_of(reference: Code, answer: str) -> str:
    """Return the code of an answer: the fenced block asked for, or, if there is none, the whole answer up to a fence that stands alone."""
    answer = _LAST_TOKENS.sub("", without_thought(answer.encode("utf-8", "replace").decode("utf-8")))
    bare = _without_fence(answer)
    if isinstance(reference, Stdio):
        program = program_in(answer, reference.language, bare)
    else:
        program = with_function(answer, reference.entry, bare)
    code = _LANGUAGE_LINE.sub("", program or bare)
    is_whole = bool(program) if not isinstance(reference, Asserts) else defines(textwrap.dedent(code), reference.entry)
    return textwrap.dedent(code) if is_whole else code


_WRAPPED_PATTERN = lazy_pattern(
    r"(?:\A|\n)\s*(?:<(?P<tag>answer|code)>|\[(?:BEGIN|PYTHON)\])(?P<code>.*?)(?(tag)</(?P=tag)>|\[(?:DONE|/PYTHON)\])\s*(?:\n|\Z)", re.S
)
_LAST_TOKENS = lazy_pattern(r"(?:\s*(?:<\|\w{1,30}\|>|</s>|<eos>|<end_of_turn>))+\s*\Z")  # that end a model's turn
_LANGUAGE_LINE = lazy_pattern(r"\A\s*(?:[Pp]ython3?|[Cc]pp|[Cc]\+\+)[ \t]*\n")


_ENDS = ("[DONE]", "[/PYTHON]")  # lines that end the code of a completion


def _without_fence(answer: str) -> str:
    """Return the lines before the first fence or mark of the end, or within the tags around the whole answer."""
    answer = wrapper["code"] if (wrapper := _WRAPPED_PATTERN.search(answer)) else answer
    lines = answer.split("\n")
    end = next((place for place, line in enumerate(lines) if line.strip() in _ENDS or _fence_of(line) is not None), len(lines))
    return "\n".join(_without_sentences(lines[:end]))


_SENTENCE = lazy_pattern(r"(?:[A-Z][a-z'’]+(?:,|:(?!.*=))?|I|A) [a-z`(].*|[A-Z][a-z'’ ]+[:.!]\s*")


def _without_sentences(lines: list[str]) -> list[str]:
    """Return the lines of code without the sentences before and after it, which are no code; all lines if some may be a text."""
    if any(quotes in line for line in lines for quotes in ('"""', "'''")):
        return lines
    starts = next((place for place, line in enumerate(lines) if line.strip() and not _SENTENCE.fullmatch(line)), 0)
    ends = (place for place, line in enumerate(lines) if place > starts and _SENTENCE.fullmatch(line))
    return lines[starts : next(ends, len(lines))]


def published_code_of(reference: Code, answer: str) -> str:
    """Return the code as published benchmarks read it: LiveCodeBench takes the text between the last two lines with a fence. Use it for
    evaluations whose scores are compared with others'."""
    answer = answer.encode("utf-8", "replace").decode("utf-8")
    if FENCE not in answer or isinstance(reference, Asserts):
        return code_of(reference, answer)
    return between_last_fences(answer)


def defines(code: str, entry: str) -> bool:
    """Return True if an unindented line defines or assigns the name."""
    name = re.escape(entry)
    return re.search(rf"^(?:(?:async[ \t]+)?def[ \t]+{name}\b|class[ \t]+{name}\b|{name}[ \t]*[=:])", code, re.MULTILINE) is not None


def sources(prompt: str, entry: str, code: str) -> list[str]:
    """Return the pieces to run one after another. A whole function follows the prompt with an empty body, whose helpers stay; any other
    code completes the prompt."""
    if not prompt.strip():
        return [code]
    if defines(code, entry):
        return [f"{prompt}\n    pass\n", code]
    first = next((line for line in code.split("\n") if line.strip()), "")
    return [prompt + (code if first[:1] in " \t" else textwrap.indent(code, "    "))]


def usual_imports(code: str) -> str:
    """Return the imports and the recursion limit that LeetCode's and LiveCodeBench's judges set, limited to names that the code uses."""
    words = set(re.findall(r"[A-Za-z_]\w*", code))
    lines = ["import sys", "sys.setrecursionlimit(50_000)"]
    for module, names in _USUAL.items():
        if language_names := [name for name in names.split() if name in words]:
            lines.append(f"from {module} import {', '.join(language_names)}")
    lines += [f"import {module}" for module in _MODULES.split() if module in words]
    return "\n".join(lines) + "\n"
