"""Checks of all problems of a run before anything is computed: that they fit in the model's context, that a reward judges them, and that no
evaluation asks them too.
The index of benchmarks, by name, and files that rows are compared with, so that no evaluation is learned."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from aha.durable import Disk, replace_file
from aha.errors import BadInput, DiskTrouble
from aha.evals.benchmark import Benchmark
from aha.evals.benchmarks import BENCHMARKS, benchmark
from aha.evals.loading import files_at_hand, raw_rows, raw_rows_of, select_examples
from aha.lazy import lazy_pattern
from aha.protocols import Problems, Tokenizer
from aha.rewards import Accuracy, Judge, RewardPart, Rewards
from aha.sampling.rollouts import problem_tokens
from aha.settings import nearest
from aha.tasks.filters import GramIndex
from aha.tasks.mixture import MixedProblems
from aha.tasks.reading import RefusedRow, rows_of
from aha.tasks.rows import RowProblems
from aha.template import Template
from aha.types import Latex, Open, Problem, Reference

LongPrompts = Literal["stop", "skip", "cut"]


@dataclass(frozen=True)
class Room:
    """The `context` of a model (None: unknown), the longest `reply` that a run allows, and what happens with a prompt that does not fit
    with it: it stops the run, is left out ("skip"), or gets a shorter reply ("cut"). `flag`: the stage has that setting; `why`: what limits
    the context, in words."""

    context: int | None
    reply: int
    too_long: LongPrompts
    flag: bool = True
    why: str = ""

    def fits(self, size: int) -> bool:
        """Return True if a prompt of `size` tokens may be asked."""
        return self.context is None or size + (1 if self.too_long == "cut" else self.reply) <= self.context

    def check(self, sizes: dict[str, int]) -> list[str]:
        """Return a line for a person about the prompts, by their problems' names, that do not fit. BadInput if they stop the run, with
        advice that holds for all of them."""
        if self.context is None or not sizes:
            return []
        long = [name for name, size in sizes.items() if size + self.reply > self.context]
        if not long:
            return []
        worst = max(sizes, key=lambda name: sizes[name])
        room = self.context - sizes[worst]
        seen = (
            f"{len(long):,} of {len(sizes):,} prompts do not fit in the model's context of {self.context:,} tokens{self.why} with a reply "
            f"of {self.reply:,}; the longest, {worst}, has {sizes[worst]:,}"
        )
        if self.too_long == "stop":
            raise BadInput(f"{seen}: {self._advice(sizes, room)}")
        too_long = [name for name in long if not self.fits(sizes[name])]
        if len(too_long) == len(sizes):
            raise BadInput(f"{seen}: no problem is left to ask; lower --sampling.max_tokens")
        outcome = f"{len(too_long):,} are left out" if too_long else ""
        shorter = f"the replies of {len(long) - len(too_long):,} are cut to what is left" if self.too_long == "cut" else ""
        return [f"{seen}: {', '.join(filter(None, (outcome, shorter)))}"]

    def _advice(self, sizes: dict[str, int], room: int) -> str:
        """Return what to change, which holds for all prompts; `room`: the tokens that the longest of them leaves."""
        assert self.context is not None
        without_room = sum(size >= self.context for size in sizes.values())
        if without_room == len(sizes):
            return "none leaves room for a reply: shorten the questions, or give a model with a longer context"
        if without_room:
            advice, rest = f"{without_room:,} of them leave no room for any reply", "gives the others shorter replies"
        else:
            advice, rest = f"--sampling.max_tokens {room} fits all of them", "gives them shorter replies"
        return f"{advice}, --too-long skip leaves such rows out, --too-long cut {rest}" if self.flag else advice


def asked_of(source: Problems, count: int, seed: int) -> Iterator[Problem]:
    """Yield the problems that a run may ask, as far as they can be listed: all rows of a file; for an endless source those of the first
    rollout of `count`."""
    match source:
        case RowProblems():
            yield from source.all()
        case MixedProblems():
            for part, _ in source.parts:
                yield from asked_of(part, count, seed)
        case _:
            yield from source.at(0, 0, count, seed)


def has_rows(source: Problems) -> bool:
    """Return True if any problem of a source is a row of a file or data set."""
    return isinstance(source, RowProblems) or (isinstance(source, MixedProblems) and any(has_rows(part) for part, _ in source.parts))


def keep_problems(source: Problems, keep: Callable[[Problem], bool], why: str) -> Problems:
    """Return the source with only the rows that `keep` accepts; generated problems are unchanged. BadInput, with `why`, if no row of a file
    is left."""
    match source:
        case RowProblems():
            return source.keep_problems(keep, why)
        case MixedProblems():
            return MixedProblems(tuple((keep_problems(part, keep, why), weight) for part, weight in source.parts))
    return source


def check_rewards(problems: Iterable[Problem], rewards: Rewards) -> None:
    """Raise BadInput for a problem that no reward covers, and for a checkable answer that no reward checks although others are checked: a
    domain with another name would earn nothing, silently."""
    truths = [part for part in rewards.parts if isinstance(part.reward, Accuracy | Judge)]
    seen = set[tuple[str, bool]]()
    for problem in problems:
        kind = problem.domain, isinstance(problem.reference, Open)
        if kind in seen:
            continue
        seen.add(kind)
        if not any(part.covers(problem) for part in rewards.parts):
            raise BadInput(f"no reward covers domain '{problem.domain}' of {problem.id}: {_domains(rewards.parts)}")
        if truths and not kind[1] and not any(part.covers(problem) for part in truths):
            names = " and ".join(part.name for part in truths)
            raise BadInput(
                f"domain '{problem.domain}' of {problem.id}: its answer can be checked, and {names} would not look at it: "
                f"{_domains(truths)}; name another with --problems.domain, or let --rewards.{truths[0].name}.domains have it"
            )


def _domains(parts: Iterable[RewardPart]) -> str:
    return "; ".join(f"{part.name} is for {', '.join(part.domains)}" for part in parts if part.domains is not None) or "there is none"


def prompt_sizes(problems: Iterable[Problem], template: Template, tokenizer: Tokenizer) -> tuple[dict[str, int], list[str]]:
    """Return the number of tokens of each prompt, and a line about questions with characters that the tokenizer loses."""
    sizes, lost = dict[str, int](), list[str]()
    for problem in problems:
        tokens = problem_tokens(template, problem, tokenizer)
        sizes[problem.id] = len(tokens)
        back = unicodedata.normalize("NFKC", tokenizer.decode(tokens))
        signs = set(unicodedata.normalize("NFKC", problem.question)) - set(back)
        if strange := "".join(sorted(sign for sign in signs if not sign.isspace())):
            lost.append(f"{problem.id}: {strange[:20]!r}")
    line = f"{len(lost):,} of {len(sizes):,} questions have signs that the tokenizer loses, so that the model reads others"
    return sizes, [f"{line} ({lost[0]})"] if lost else []


def problems_digest(problems: Iterable[Problem]) -> str:
    """Return the sha256 of all problems, in order."""
    seen = hashlib.sha256()
    for problem in problems:
        seen.update(repr((problem.id, problem.domain, problem.turns, problem.question, problem.reference)).encode("utf-8", "replace"))
    return seen.hexdigest()


def row_lines(problems: Iterable[Problem], sources: Iterable[Problems] = ()) -> list[str]:
    """Return lines about rows that ask the same as another row, which are asked more often than others, about rows whose answer is a
    sentence, and about rows of the sources whose worked solution ends in another answer."""
    seen, twice, contradictions, sentences = dict[bytes, tuple[str, Reference]](), 0, list[str](), list[str]()
    for problem in problems:
        text = "\n".join([*(turn.content for turn in problem.turns), problem.question])
        key = blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()
        name, reference = seen.setdefault(key, (problem.id, problem.reference))
        twice += name != problem.id
        if reference != problem.reference:
            contradictions.append(f"{problem.id} and {name}")
        if isinstance(problem.reference, Latex) and len(WORD.findall(problem.reference.value)) >= SENTENCE:
            sentences.append(f"{problem.id}: {problem.reference.value[:60]!r}")
    lines = [f"{twice:,} of the rows ask what another row asks, and are asked as often"] if twice else []
    if contradictions:
        lines.append(f"{len(contradictions):,} of these want another answer, so that no reply is right for both ({contradictions[0]})")
    if sentences:
        lines.append(
            f"{len(sentences):,} of the answers have {SENTENCE} words or more, and a reply is right only where it says the same ones "
            f"({sentences[0]}): --answer-field names another column"
        )
    if other := {name: answers for source in sources for name, answers in _contradictions(source).items()}:
        first = next(f"{name}: {answers}" for name, answers in other.items())
        lines.append(f"{len(other):,} rows have a worked solution that ends in another answer than their own, which is paid ({first})")
    return lines


def _contradictions(source: Problems) -> Mapping[str, str]:
    match source:
        case RowProblems():
            asked = {problem.id for problem in source.contents.problems}
            return {name: answers for name, answers in source.contents.contradictions.items() if name in asked}
        case MixedProblems():
            return {name: answers for part, _ in source.parts for name, answers in _contradictions(part).items()}
    return {}


SENTENCE, WORD = 6, lazy_pattern(r"(?<![\\\w])[^\W\d_]{2,}")  # so many words, none of them a command of LaTeX
AT_HAND = "at-hand"  # every published benchmark with rows in the folder AHA_DATA
MODEL_COLUMNS = frozenset({"model_outputs", "output", "outputs", "response", "responses", "prediction", "pred"})  # of benchmarks' rows
CACHE = Path("~/.cache/aha/grams")
MOST_BENCHMARKS = 4  # the most benchmarks named in a line


@lru_cache(maxsize=2)
def seen_of(names: tuple[str, ...], words: int) -> GramIndex:
    """Return the index of all their questions and solutions. BadInput for a name that is neither a benchmark's nor a file's."""
    seen = GramIndex(words)
    for name in expand_names(names):
        _add(seen, name)
    return seen


def expand_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names, with those of the benchmarks on this machine in place of `at-hand`."""
    if AT_HAND not in names:
        return names
    at_hand = tuple(name for name, bench in BENCHMARKS.items() if bench.generator is None and files_at_hand(bench))
    return tuple(dict.fromkeys(member for name in names for member in (at_hand if name == AT_HAND else (name,))))


def comparison_text(names: tuple[str, ...], rows: int, left_out: int) -> str:
    """Return a line that says what problems were compared with, and how many were left out."""
    if not (members := expand_names(names)):
        return "nothing to compare the problems with: AHA_DATA names no folder with rows of benchmarks, and --against names none"
    name_list = ", ".join(members[:MOST_BENCHMARKS]) + (
        f" and {len(members) - MOST_BENCHMARKS} more" if len(members) > MOST_BENCHMARKS else ""
    )
    return f"{left_out:,} of {rows:,} problems share a run of words with {name_list} and are left out"


def all_shared(names: tuple[str, ...]) -> str:
    """Return the reason why no problem is left if every one is in what it was compared with."""
    return f"each shares a run of words with {', '.join(expand_names(names)[:MOST_BENCHMARKS])}; --against '' keeps them"


def _add(seen: GramIndex, name: str) -> None:
    if Path(name).expanduser().is_file():
        for row in rows_of(name, "test", None):
            if isinstance(row, RefusedRow):
                raise BadInput(str(row))
            seen.add_row(row.fields)
        return
    if name.startswith((".", "/", "~")) or Path(name).suffix:
        raise BadInput(f"against {name}: there is no such file")
    try:
        chosen = benchmark(name)
    except BadInput:
        raise BadInput(f"against {name}: no benchmark has this name, and no file is there{nearest(name, list(BENCHMARKS))}") from None
    if chosen.generator is None:
        _add_benchmark(seen, chosen)
        return
    for example in select_examples(chosen)[0]:
        seen.add(example.prompt, question=True)


def _add_benchmark(seen: GramIndex, bench: Benchmark) -> None:
    """Add the rows of a benchmark; the index of files at hand is cached, since a large one takes half a minute."""
    files = files_at_hand(bench)
    stamp = "|".join(f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    cache_path = CACHE.expanduser() / f"{bench.name}-{seen.n}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    if files and cache_path.is_file() and seen.unpack(cache_path.read_bytes()):
        return
    benchmark_index = GramIndex(seen.n)
    for fields in raw_rows_of(bench, files) if files else raw_rows(bench, None):
        benchmark_index.add_row({name: value for name, value in fields.items() if name not in MODEL_COLUMNS})
    if files:
        with suppress(DiskTrouble):  # the cache only saves time
            cache_path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(Disk(), cache_path, benchmark_index.pack())
    seen.unpack(benchmark_index.pack())
