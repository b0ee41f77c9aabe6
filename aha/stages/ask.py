"""Problems to scored groups: the part of the loop that RL, the doctor and the reward-hacking probe share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aha.protocols import Ask, Engine, Sampling, Tokenizer
from aha.rewards import Rewards
from aha.sampling.rollouts import RolloutSampler, ScoringStats, problem_tokens, read_reply, seed_for
from aha.template import Template
from aha.types import Completion, Group, Problem


@dataclass(frozen=True)
class GroupSampler:
    """Everything that turns problems into scored groups, opened once. `heartbeat` is called as each group arrives.

    `cut`: a reply ends where the model's context does, of a prompt that leaves less room than the sampling takes. `threads` groups are
    scored at a time beside sampling, where that is worth it; `stats` is how long it took."""

    engine: Engine
    tokenizer: Tokenizer
    template: Template
    rewards: Rewards
    sampling: Sampling
    samples: int
    heartbeat: Callable[[str], None]
    cut: bool = False
    threads: int = 16
    stats: ScoringStats = field(default_factory=ScoringStats)

    def groups(
        self, problems: Sequence[Problem], place: tuple[int, ...], take: Callable[[Group], None] = lambda group: None
    ) -> list[Group]:
        """Return one scored group a problem, in the problems' order; sample j of problem i is drawn with `seed_for(*place, i, j)`.
        `take` is called with each of them, in that order, as soon as it and those before it are scored."""
        requests = [
            self._request(problem, tuple(seed_for(*place, i, j) for j in range(self.samples))) for i, problem in enumerate(problems)
        ]

        def score(index: int, completions: Sequence[Completion]) -> Group:
            replies = tuple(read_reply(self.template, completion, self.tokenizer) for completion in completions)
            problem = problems[index]
            group = Group(problem, requests[index].prompt, tuple(completions), replies, self.rewards(problem, replies))
            scored[index] = group
            return group

        def progress(samples: int, scores: int) -> None:
            self.heartbeat(f"sampled {samples} and judged {scores} of {len(problems)} questions")
            hand_on()

        def hand_on() -> None:
            while (group := scored.pop(taken[0], None)) is not None:
                taken[0] += 1
                take(group)

        scored, taken = dict[int, Group](), [0]  # groups that wait for one before them; how many were handed on
        groups = RolloutSampler(self.sampling, self.threads, self.stats).sample(self.engine, requests, score, progress)
        hand_on()
        return groups

    def _request(self, problem: Problem, seeds: tuple[int, ...]) -> Ask:
        """A prompt that leaves less room than the sampling takes is given what it leaves, and no other prompt loses anything by it."""
        prompt, context = problem_tokens(self.template, problem, self.tokenizer), self.tokenizer.context
        cut = self.cut and context is not None and len(prompt) + self.sampling.max_tokens > context
        return Ask(prompt, seeds, context - len(prompt) if cut and context is not None else None)
