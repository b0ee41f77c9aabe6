"""Problems to judged groups: the part of the loop that RL, the doctor and rejection sampling share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from aha.protocols import Ask, Engine, Sampling, Tokenizer
from aha.rewards import Rewards
from aha.stages.overlap import Overlap, Pace
from aha.template import Template
from aha.types import Completion, Group, Problem, Reply


def seed_for(*place: int) -> int:
    """A 63-bit seed that is a function of the place in the run (run, rollout, round, problem, sample) and of nothing else."""
    digest = hashlib.blake2b(" ".join(map(str, place)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def prompt_tokens(template: Template, question: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """The token ids that the model is asked with: text as it is, a conversation through the model's own chat template."""
    prompt = template.prompt(question)
    return tuple(tokenizer.encode(prompt) if isinstance(prompt, str) else tokenizer.chat(prompt))


def read_reply(template: Template, completion: Completion, tokenizer: Tokenizer) -> Reply:
    """The completion as text, its stop token left out, read by the template."""
    said = completion.tokens[:-1] if completion.finished == "stop" else completion.tokens
    return template.read(tokenizer.decode(said), len(completion.tokens), completion.finished)


@dataclass(frozen=True)
class Asker:
    """Everything that turns problems into judged groups, opened once. `beat` is called as each group arrives.

    `judging` groups are judged at a time beside sampling, where that is worth it; `pace` is how long it took."""

    engine: Engine
    tokenizer: Tokenizer
    template: Template
    rewards: Rewards
    sampling: Sampling
    samples: int
    beat: Callable[[str], None]
    judging: int = 16
    pace: Pace = field(default_factory=Pace)

    def groups(self, problems: Sequence[Problem], place: tuple[int, ...]) -> list[Group]:
        """One judged group a problem, in the problems' order; sample j of problem i is drawn with `seed_for(*place, i, j)`."""
        asks = [
            Ask(prompt_tokens(self.template, problem.question, self.tokenizer), tuple(seed_for(*place, i, j) for j in range(self.samples)))
            for i, problem in enumerate(problems)
        ]
        with Overlap[Group](self.judging, self.pace) as overlap:
            for count, (i, completions) in enumerate(self.engine.generate(asks, self.sampling), start=1):
                overlap.take(i, partial(self._judged, problems[i], asks[i], completions))
                self.beat(f"sampled {count} and judged {len(overlap.done)} of {len(problems)} questions")
            groups = overlap.rest(lambda: self.beat(f"judged {len(overlap.done)} of {len(problems)} questions"))
        return [groups[i] for i in range(len(problems))]

    def _judged(self, problem: Problem, ask: Ask, completions: Sequence[Completion]) -> Group:
        replies = tuple(read_reply(self.template, completion, self.tokenizer) for completion in completions)
        return Group(problem, ask.prompt, tuple(completions), replies, self.rewards(problem, replies))
