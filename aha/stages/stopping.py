"""The stop-rate probe: a fine-tuned model that never ends its replies is found after the first steps, not after the last."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aha.errors import BadInput
from aha.protocols import Ask, Backend, Learner, Metrics, Sampling
from aha.sampling.rollouts import seed_for
from aha.stages.tokenized_examples import TokenizedExample
from aha.template import Template


@dataclass(frozen=True)
class Stopping:
    """After `after` optimizer steps (or the last), `questions` prompts of the data are answered, each with up to `times` as many tokens as
    the longest of their own replies (and `sampling.max_tokens` at most). Fewer than the share `least` that end by themselves end the run;
    the same command goes on with it nonetheless."""

    after: int = 50
    questions: int = 8
    times: float = 2.0
    least: float = 0.1
    sampling: Sampling = Sampling(temperature=0.6, top_p=0.95, max_tokens=4_096)

    def __post_init__(self) -> None:
        if min(self.after, self.questions) < 1 or self.times <= 0 or not 0 <= self.least <= 1:
            raise BadInput(
                f"after {self.after}, questions {self.questions}, times {self.times}, least {self.least}: 1 or more, 1 or more, above 0, "
                "and a share from 0 to 1"
            )

    def measure(
        self, model: str, template: Template, sequences: Sequence[TokenizedExample], seed: int, backend: Backend, learner: Learner
    ) -> Metrics:
        """`stop_rate`, `stop_format` (of those that stopped, the share that keeps the template) and `stop_length`, in tokens."""
        tokenizer, engine = backend.tokenizer(model), backend.engine(model)
        engine.load(learner.weights(), version=self.after)
        sample = random.Random(f"stopping {seed}").sample(sequences, min(self.questions, len(sequences)))
        room = min(self.sampling.max_tokens, round(self.times * max(len(sequence.reply) for sequence in sample)))
        if tokenizer.context is not None:
            room = min(room, tokenizer.context - max(len(sequence.prompt) for sequence in sample))
        asks = [Ask(tuple(sequence.prompt), (seed_for(seed, place),)) for place, sequence in enumerate(sample)]
        completions = [done for _, (done,) in engine.generate(asks, replace(self.sampling, max_tokens=max(1, room)))]
        endings = [done for done in completions if done.finished == "stop"]
        forms = [template.read(tokenizer.decode(done.tokens[:-1]), len(done.tokens), "stop").well_formed for done in endings]
        return {
            "stop_rate": len(endings) / len(completions),
            "stop_format": sum(forms) / len(forms) if forms else 0.0,
            "stop_length": sum(len(done.tokens) for done in completions) / len(completions),
        }

    def reason(self, metrics: Metrics) -> str:
        """Why the run should end; empty where it goes on."""
        if (rate := metrics["stop_rate"]) >= self.least:
            return ""
        return (
            f"after the first steps {100 * rate:.0f} % of the replies end by themselves, and {100 * self.least:.0f} % have to: look "
            "whether the data's replies end, or learn faster (--optim.lr); the same command goes on nonetheless"
        )
