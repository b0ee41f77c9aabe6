"""Whether every prompt of a run fits in the model's context with its reply, measured before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator

from aha.errors import BadInput
from aha.protocols import Problems, Tokenizer
from aha.sampling.prompts import problem_tokens
from aha.stages.rl import Rl
from aha.tasks.mixed import MixedProblems
from aha.tasks.rows import RowProblems
from aha.types import Problem


def check_room(stage: Rl, tokenizer: Tokenizer) -> None:
    """BadInput where a prompt and the longest reply that the run will allow exceed the context; the advice holds for all prompts.

    Rows of a file are measured one and all, of a source without an end those of the first rollout."""
    if tokenizer.context is None:
        return
    reply = longest_reply(stage)
    problems = (problem for source in stage.sources for problem in asked_of(source, stage))
    sizes = {problem.id: len(problem_tokens(stage.template, problem, tokenizer)) for problem in problems}
    too_long = [name for name, size in sizes.items() if size + reply > tokenizer.context]
    if not too_long:
        return
    worst = max(sizes, key=lambda name: sizes[name])
    room = tokenizer.context - sizes[worst]
    advice = f"--sampling.max_tokens {room} fits all of them" if room > 0 else "no length fits it: leave that row out"
    raise BadInput(
        f"{len(too_long):,} of {len(sizes):,} prompts do not fit in the model's context of {tokenizer.context:,} tokens with a reply of "
        f"{reply:,}; the longest, {worst}, has {sizes[worst]:,}: {advice}"
    )


def longest_reply(stage: Rl) -> int:
    """Return the most new tokens that any rollout of the run allows."""
    changes = {0, *(step for step, _ in stage.schedule.max_tokens if step < stage.steps)}
    return max(stage.schedule.sampling(stage.sampling, step).max_tokens for step in changes)


def asked_of(source: Problems, stage: Rl) -> Iterator[Problem]:
    """Yield the problems of a source that the run may ask, as far as they can be listed."""
    match source:
        case RowProblems():
            yield from source.all()
        case MixedProblems():
            for part, _ in source.parts:
                yield from asked_of(part, stage)
        case _:
            yield from source.at(0, 0, stage.questions, stage.seed)
