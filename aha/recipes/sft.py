"""Supervised fine-tuning on examples of your own, and the paper's six distilled students, which are the same with other numbers."""

from __future__ import annotations

from dataclasses import dataclass

from aha.protocols import Adam
from aha.recipes.recipe import NEEDS_DATA, NEEDS_MODEL, YOURS, Recipe
from aha.stages.sft import Sft
from aha.template import Instruct, R1Zero, Template

SOURCES = {
    "sft.model": YOURS,
    "sft.data": YOURS,
    "sft.layout": "[ours: the known forms of chats; a column that looks like a part of the prompt stops the run until it is named]",
    "sft.template": "[ours: <think> and then the answer, as DeepSeek-R1 was released; `delimited` is the paper's 2.3.1]",
    "sft.template.suffix": "[ours: none; the examples hold the questions as they were asked]",
    "sft.optim": "[ours: AdamW as is usual; nature names the rate only]",
    "sft.optim.lr": "[nature B.4.2: 5e-5]",
    "sft.epochs": "[paper 2.3.3: 2; nature B.4.2: 2 to 3]",
    "sft.batch": "[nature B.4.2: 128]",
    "sft.final_rate": "[nature B.4.2: a cosine from 5e-5 to 5e-6]",
    "sft.max_tokens": "[nature B.4.2: 32,768]",
    "sft.too_long": "[ours: a row that is cut teaches a reply that does not end]",
    "sft.bad_rows": "[ours: the first one stops the run before its start]",
    "sft.stopping": "[ours: a student that never stops is found after minutes, not after days]",
    "sft.seed": "[ours: 0; give another for another order]",
    "sft.save_every": "[ours: every 100 steps of 128 examples]",
    "sft.keep_last": "[ours: the last two, so that a damaged one has one before it]",
    "sft.keep_every": "[ours: none more; checkpoints are large]",
    "compute": "[ours: all that the machine has; changes nothing that is learned beyond rounding]",
}


def sft(model: str = NEEDS_MODEL, data: str = NEEDS_DATA) -> Recipe:
    """The paper's second fine-tuning (2.3.3) on a model and examples of your own."""
    stage = Sft(
        model=model,
        data=data,
        template=Instruct(suffix=""),
        optim=Adam(lr=5e-5),
        epochs=2.0,
        batch=128,
        final_rate=0.1,
        max_tokens=32_768,
    )
    about = "a model of your own imitates examples, replies only, as DeepSeek-R1 was fine-tuned"
    return Recipe("sft", about, (("sft", stage),), SOURCES, main="sft", model="needed", problems="refused")


@dataclass(frozen=True)
class Student:
    """One of the paper's six: its base (paper 2.4) and the peak of its learning rate (nature Table 6)."""

    model: str
    lr: float
    template: Template = Instruct(suffix="")
    max_positions: int | None = None


RELEASE_POSITIONS = 131_072  # positions of the released students; rope_theta stays at 10,000
STUDENTS = {
    "distill-qwen-1.5b": Student("Qwen/Qwen2.5-Math-1.5B", 1e-4, max_positions=RELEASE_POSITIONS),
    "distill-qwen-7b": Student("Qwen/Qwen2.5-Math-7B", 8e-5, max_positions=RELEASE_POSITIONS),
    "distill-qwen-14b": Student("Qwen/Qwen2.5-14B", 7e-5),
    "distill-qwen-32b": Student("Qwen/Qwen2.5-32B", 6e-5),
    "distill-llama-8b": Student("meta-llama/Llama-3.1-8B", 5e-5, R1Zero()),
    "distill-llama-70b": Student("meta-llama/Llama-3.3-70B-Instruct", 2e-5),
}


def distillation(name: str, data: str = NEEDS_DATA) -> Recipe:
    """One of `STUDENTS`, taught by fine-tuning alone (paper 2.4)."""
    student = STUDENTS[name]
    stage = Sft(
        model=student.model,
        data=data,
        template=student.template,
        optim=Adam(lr=student.lr),
        max_positions=student.max_positions,
        epochs=2.0,
        batch=64,
        final_rate=0.1,
        max_tokens=32_768,
    )
    chatless = isinstance(student.template, R1Zero)
    sources = {
        "sft.model": "[paper 2.4]",
        "sft.template": "[ours: its base has no chat template, and the paper's Table 1 is text]" if chatless else SOURCES["sft.template"],
        "sft.template.prefilled": "[paper Table 1: the model writes <think> itself]" if chatless else SOURCES["sft.template"],
        "sft.optim.lr": f"[said of nature Table 6, unverified: {student.lr:g}]",
        "sft.epochs": "[nature B.4.3: 2 to 3]",
        "sft.batch": "[nature B.4.3: 64]",
        "sft.final_rate": "[nature B.4.3: a cosine to a tenth of the peak]",
        "sft.max_tokens": "[nature B.4.3: 32,768]",
    }
    if student.max_positions is not None:
        sources["sft.max_positions"] = (
            "[the released student's config.json: its base knows 4,096, and the paper's rows have 5,355 on average]"
        )
    about = f"the paper's student {student.model} imitates a reasoning model's examples; no RL"
    return Recipe(name, about, (("sft", stage),), {**SOURCES, **sources}, main="sft", problems="refused")
