"""Asking the tiny world's held-out problems of every domain, in the form that the model speaks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from aha.codec import decode, encode
from aha.durable import Disk, read_records, replace_file, trouble
from aha.errors import BadInput, DiskTrouble
from aha.evals.tiny_world import NAME, PROBLEMS, PROMPTS, Measured, Shown, held_out, measure, shown
from aha.grading import Graders
from aha.protocols import Ask, Backend, Engine, Observer, Sampling, Tokenizer
from aha.rundir import RunDir
from aha.sampling.prompts import prompt_tokens, read_reply
from aha.sampling.rollouts import RolloutSampler
from aha.sampling.seeds import seed_for
from aha.template import Delimited, Short, Template
from aha.types import Completion, Open, Problem, Right

THREADS = 4
PROBE = 4  # problems of each domain that tell which form a model speaks
PLACE = -3  # the rollout that this measure's seeds belong to: none that trains, is probed or examined


@dataclass(frozen=True)
class World:
    """`samples` replies to each of `problems` held-out problems of each reasoning domain and `prompts` of each general kind.

    `template` None: that of `Short` and `Delimited` in which the model more often keeps the form."""

    model: str
    problems: int = PROBLEMS
    prompts: int = PROMPTS
    samples: int = 2
    template: Template | None = None
    sampling: Sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=300)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.problems, self.prompts, self.samples) < 1:
            raise BadInput(f"problems {self.problems}, prompts {self.prompts}, samples {self.samples}: each must be 1 or more")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Measure the model and finish the run; every reply stays in `evals/tiny-world.jsonl.gz`, and is not asked for again."""
        path = rundir.root / "evals" / f"{NAME}.jsonl.gz"
        if not path.exists():
            observer.begin("measurement", 0)
            write_shown(path, self.ask(backend, observer))
            observer.end(saved=True)
        rundir.finish(measure(read_shown(path), self.seed).to_json())

    def measure(self, backend: Backend, observer: Observer, record: Path | None = None) -> Measured:
        """What the model does; its replies go to `record` where it is given."""
        replies = self.ask(backend, observer)
        if record is not None:
            write_shown(record, replies)
        return measure(replies, self.seed)

    def ask(self, backend: Backend, observer: Observer) -> list[Shown]:
        """All replies, judged, in the order of the problems; draws depend on the seed and the places of problem and sample alone."""
        problems = held_out(self.problems, self.prompts, self.seed)
        engine, tokenizer = backend.engine(self.model), backend.tokenizer(self.model)
        with Graders() as graders:
            asker = _Asker(engine, tokenizer, self.sampling, graders, observer)
            template = self.template or self.spoken(asker)
            return asker.shown(problems, template, [(self.seed, PLACE, place) for place in range(len(problems))], self.samples)

    def spoken(self, asker: _Asker) -> Template:
        """The form that the model more often keeps."""
        problems = held_out(PROBE, PROBE, self.seed)
        kept: list[tuple[int, Template]] = []
        for template in (Delimited(), Short()):
            replies = asker.shown(problems, template, [(self.seed, PLACE - 1, place) for place in range(len(problems))], 1)
            kept.append((sum(each.form for each in replies), template))
        return max(kept, key=lambda found: found[0])[1]


@dataclass(frozen=True)
class _Asker:
    """What asking needs, opened once."""

    engine: Engine
    tokenizer: Tokenizer
    sampling: Sampling
    graders: Graders
    observer: Observer

    def shown(self, problems: Sequence[Problem], template: Template, places: Sequence[tuple[int, ...]], samples: int) -> list[Shown]:
        asks = [
            Ask(prompt_tokens(template, problem.question, self.tokenizer), tuple(seed_for(*place, number) for number in range(samples)))
            for problem, place in zip(problems, places, strict=True)
        ]

        def score(index: int, completions: Sequence[Completion]) -> list[Shown]:
            return self._judged(problems[index], template, completions)

        def progress(_: int, scored: int) -> None:
            self.observer.beat(f"{NAME}: {scored} of {len(asks)} problems")

        return list(chain.from_iterable(RolloutSampler(self.engine, self.sampling, THREADS).sample(asks, score, progress)))

    def _judged(self, problem: Problem, template: Template, completions: Sequence[Completion]) -> list[Shown]:
        replies = [read_reply(template, completion, self.tokenizer) for completion in completions]
        if problem.reference == Open():
            return [shown(problem, number, reply, None) for number, reply in enumerate(replies)]
        right = [isinstance(self.graders.grade(problem.reference, reply.answer), Right) for reply in replies]
        return [shown(problem, number, reply, good) for number, (reply, good) in enumerate(zip(replies, right, strict=True))]


def write_shown(path: Path, replies: Sequence[Shown]) -> None:
    """The whole file or none of it: one line of JSON a reply, gzipped."""
    lines = "".join(json.dumps(encode(each, Shown), ensure_ascii=False) + "\n" for each in replies)
    with trouble(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(Disk(), path, gzip.compress(lines.encode("utf-8", "backslashreplace"), mtime=0))


def read_shown(path: Path) -> list[Shown]:
    """What `write_shown` wrote. DiskTrouble where it is damaged."""
    try:
        return [decode(line, Shown) for _, line in read_records(path)]
    except BadInput as error:
        raise DiskTrouble(f"{path}: damaged ({error}); delete it and the model is asked again") from error
