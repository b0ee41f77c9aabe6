"""A model with random weights and recipes for it: all that a real run needs, small enough to kill many times."""

from __future__ import annotations

import json
from pathlib import Path

from aha.tasks import vocabulary

SHAPE = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
CONTEXT = 256
STOPS_EVERY = 40  # so many tokens a reply on average, though nobody taught this model to stop

RL = '''
from dataclasses import dataclass, replace
from aha.objectives import Grpo
from aha.protocols import Adam, Compute, Sampling
from aha.recipes import Recipe
from aha.rewards import Rewards, RewardPart
from aha.stages.rl import Rl
from aha.tasks.countdown import CountdownProblems
from aha.template import Short

@dataclass(frozen=True)
class Even:
    """1 where the letters of a reply add up to an even number: splits the groups of any model."""
    def __call__(self, problem, replies):
        return [float(sum(map(ord, reply.text)) % 2) for reply in replies]

RL = Rl(
    model={model!r}, problems=CountdownProblems(), template=Short(), rewards=Rewards((RewardPart("even", Even()),)), loss=Grpo(),
    sampling=Sampling(max_tokens=60), optim=Adam(lr=1e-3), questions=4, samples=4, minibatches=2, steps=20, reference_every=4,
    save_every=2, keep_last=2,
)

def recipe():
    return Recipe("even", "a run to be disturbed", (("rl", RL),), compute=Compute(device="cpu", threads=1))
'''

PRETRAIN = """
from aha.protocols import Adam, Compute
from aha.recipes import Recipe
from aha.stages.pretrain import Pretrain

recipe = Recipe(
    "reading", "documents to be disturbed",
    (("pretrain", Pretrain(
        {model!r}, chunks=24, chunk_documents=40, step_tokens=800, longest=120, optim=Adam(lr=3e-3), save_every=3
    )),),
    compute=Compute(device="cpu", threads=1),
)
"""

SFT = """
from aha.protocols import Adam, Compute
from aha.recipes import Recipe
from aha.stages.sft import Sft
from aha.stages.tokenized_examples import Stopping
from aha.template import Delimited

recipe = Recipe(
    "imitating", "examples to be disturbed",
    (("sft", Sft(
        {model!r}, {data!r}, template=Delimited(), optim=Adam(lr=3e-3), epochs=3.0, batch=8, save_every=4,
        stopping=Stopping(after=9, questions=4, least=0.0),
    )),),
    compute=Compute(device="cpu", threads=1, micro_tokens=120),
)
"""

ANNOTATE = """
from aha.protocols import Compute, Sampling
from aha.recipes import Recipe
from aha.stages.annotate import Annotate, Pairs, Writer
from aha.tasks.general import GeneralProblems

STAGE = Annotate(
    {model!r}, GeneralProblems(("greeting", "self")), Pairs(times=2, margin=0.1, apart=None), questions=60, samples=2,
    writers=(Writer(0.2), Writer(0.9)), sampling=Sampling(max_tokens=30), chunk=3, shard_rows=7,
)
recipe = Recipe("annotating", "answers to be compared", (("annotate", STAGE),), compute=Compute(device="cpu", threads=1))
"""

PREFER = """
from aha.protocols import Adam, Compute
from aha.recipes import Recipe
from aha.stages.prefer import Prefer

STAGE = Prefer({model!r}, {data!r}, optim=Adam(lr=1e-2), epochs=2, batch=6, held_out=0.1, save_every=5)
recipe = Recipe("preferring", "pairs to be disturbed", (("prefer", STAGE),), compute=Compute(device="cpu", threads=1))
"""


def write_pairs(path: Path) -> Path:
    """Two answers to each of a hundred prompts."""
    from aha.tasks.examples import write_preference
    from aha.types import Open, Pair, Problem

    problems = [Problem(f"p{number}", "general", f"Use {number}", "en", Open()) for number in range(100)]
    rows = [Pair(problem, f"please yes {place % 7}", f"door no {place % 5}") for place, problem in enumerate(problems)]
    path.write_text("".join(f"{write_preference(row)}\n" for row in rows), encoding="utf-8")
    return path


def write_examples(path: Path) -> Path:
    """Sums with chains of thought of many lengths, in words at which this model does not stop."""
    built = vocabulary.build()
    rows = [
        {"prompt": f"what is {a} + {b} ?", "completion": f"{a + b}", "reasoning": " ".join([f"{a} + {b} = {a + b}"] * (1 + a * b % 7))}
        for a in range(1, 13)
        for b in range(1, 13)
    ]
    quiet = [row for row in rows if not any(token % STOPS_EVERY == 1 for text in row.values() for token in built.encode(text).ids)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in quiet))
    return path


def write_model(folder: Path) -> Path:
    """The same bits every time. Torch is loaded by whoever wants a model, not by whoever wants a recipe."""
    from aha.backends.local_backend import write_fresh

    built = vocabulary.build()
    size, end = built.get_vocab_size(), built.token_to_id(vocabulary.END)
    assert end is not None
    vocabulary.save(folder, CONTEXT)
    write_fresh({**SHAPE, "vocab_size": size, "eos_token_id": end, "max_position_embeddings": CONTEXT}, folder, seed=0)
    stops = sorted({end, *range(end, size, STOPS_EVERY)})
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stops}))
    return folder


def write_recipe(path: Path, model: Path, text: str = RL, *, more: str = "") -> Path:
    """`more` is code after the recipe's own: it may replace any of its names."""
    path.write_text(text.replace("{model!r}", repr(str(model))) + more)
    return path
