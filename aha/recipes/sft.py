"""Supervised fine-tuning on examples of your own, and the paper's six distilled students, which are the same with other settings.
Rows to imitate, made from a model and problems of your own: rejection sampling, a teacher's chains of thought, a cold start."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aha.protocols import Adam, Problems, Sampling
from aha.recipes.recipe import NEEDS_DATA, NEEDS_MODEL, NEEDS_PROBLEMS, YOURS, Recipe
from aha.stages.rewriters import Rewriter
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.tasks.filters import Readable
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
    "sft.bad_rows": "[ours: the first bad row stops the run before it starts]",
    "sft.stopping": "[ours: a student that never stops is noticed after minutes, not after days]",
    "sft.seed": "[ours: 0; give another for another order]",
    "sft.save_every": "[ours: every 100 steps of 128 examples]",
    "sft.keep_last": "[ours: the last two, in case the newest is damaged]",
    "sft.keep_every": "[ours: no others; checkpoints are large]",
    "compute": "[ours: the whole machine; apart from rounding, the model learns the same]",
}


def sft(model: str = NEEDS_MODEL, data: str = NEEDS_DATA) -> Recipe:
    """Return the paper's second fine-tuning (2.3.3) on a model and examples of your own."""
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
    """A student among the paper's six: its base (paper 2.4) and the peak of its learning rate (nature Table 6)."""

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
    """Return the recipe that trains the student `name` by fine-tuning alone (paper 2.4)."""
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


SAMPLE_SOURCES = {
    "sample.model": YOURS,
    "sample.problems": YOURS,
    "sample.name": "[ours: the first part of each row's id]",
    "sample.questions": "[ours: every problem of the file]",
    "sample.template": "[ours: <think> and then the answer, as DeepSeek-R1 and most teachers; `delimited` is the paper's 2.3.1]",
    "sample.template.suffix": "[nature: the suffix of its prompts of mathematics]",
    "sample.shots": "[ours: none; paper 2.3.1 tried long chains of thought as examples for the cold start]",
    "sample.shot_count": "[ours: two, if there are any]",
    "sample.sampling.temperature": "[nature B.3.2: 1.0 for the cold start; the paper names none for rejection sampling]",
    "sample.sampling.top_p": "[ours: none, so that rare ways of thinking stay]",
    "sample.sampling.max_tokens": "[nature B.4.2: 32,768, the context of the fine-tuning that follows]",
    "sample.samples": "[paper 2.3.3: several a prompt; the number is ours]",
    "sample.at_once": "[ours: two at a time, so that easy prompts cost little]",
    "sample.cap": "[ours: one row a prompt, so that easy prompts do not fill the set]",
    "sample.truth": "[paper 2.3.3: only correct replies; by rule, or by a judge with the reference]",
    "sample.truth.sandbox": "[ours: the strongest that works here]",
    "sample.truth.partial": "[ours: a program has to pass all tests]",
    "sample.plain": "[paper 2.3.3: simple queries have no chain of thought; greetings are known, domains are yours]",
    "sample.open_answers": "[ours: what nobody can check is left out unless you want it]",
    "sample.readable": "[paper 2.3.3: no mixed languages, long paragraphs or code blocks in the thought; nature B.3.2: no repetition]",
    "sample.readable.language": "[ours: a word in twenty may be foreign]",
    "sample.readable.paragraph": "[ours: at most 250 words]",
    "sample.readable.ngram": "[ours: ten words in a row that occur again are a repetition]",
    "sample.readable.repeated": "[ours: at most a fifth of the text]",
    "sample.readable.shortest": "[ours: none]",
    "sample.readable.longest": "[ours: as long as the sampling allows]",
    "sample.rewriter": "[paper 2.3.3: none; the cold start has one]",
    "sample.rewritten": "[ours: rewritten rows and rows from elsewhere are filtered as strictly]",
    "sample.against": "[nature D.1: questions and solutions of the evaluations; here of every benchmark in the folder AHA_DATA]",
    "sample.words": "[nature D.1: 10]",
    "sample.near": "[ours: 8 of 10 runs of five words are the same]",
    "sample.also": "[paper 2.3.3: 200k of 800k rows are not reasoning and come from elsewhere; add yours in a recipe file]",
    "sample.mix": "[ours: every row; the paper has 600k reasoning and 200k others]",
    "sample.client": "[ours: a server's replies are kept, so that nobody pays for one twice]",
    "sample.retry": "[ours: the run waits, tries again, and then stops with the rows it has]",
    "sample.unjudged": "[ours: when a fifth of the replies have no verdict, something is wrong]",
    "sample.chunk": "[ours: a crash loses one chunk at most]",
    "sample.shards": "[ours: lines that a person can edit; parquet for large sets]",
    "sample.shard_rows": "[ours: files small enough to open by hand]",
    "sample.seed": "[ours: 0; give another for other samples]",
    "compute": "[ours: the whole machine; apart from rounding, the samples are the same]",
}
COLD = {
    "sample.template": "[paper Table 1: the prompt that R1-Zero was trained with]",
    "sample.template.prefilled": "[paper Table 1: the model writes <think> itself]",
    "sample.readable": "[nature B.3.2: readable; repetition is detected]",
    "sample.rewriter": "[nature B.3.2: a language model rewrites chain and summary, in the first person and the question's language]",
    "sample.readable.language": "[ours: the rewriter mends mixed languages]",
    "sample.rewriter.model": YOURS,
    "sample.rewriter.sampling": "[R1 README: temperature 0.6 and top_p 0.95; the paper names none for its rewriter]",
    "sample.rewriter.sampling.max_tokens": "[ours: enough for a long chain]",
    "sample.rewriter.client": "[ours: a server's replies are kept, so that nobody pays for one twice]",
    "sample.rewriter.retry": "[ours: the run waits, tries again, and then stops with the rows it has]",
    "sample.rewriter.asks": "[ours: at most twice]",
    "sample.questions": "[ours: every problem of the file; the paper has thousands]",
}


def sample(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return rejection sampling (paper 2.3.3) from a checkpoint, or from a teacher behind a server."""
    stage = Sample(
        model=model,
        problems=problems,
        questions=None,
        template=Instruct(),
        sampling=Sampling(temperature=1.0, top_p=1.0, max_tokens=32_768),
        samples=4,
        at_once=2,
        cap=1,
        chunk=256,
    )
    about = "asks a model or a teacher often and keeps what is right, readable and new: rows for aha run sft"
    return Recipe("sample", about, (("sample", stage),), SAMPLE_SOURCES, main="sample", model="needed", problems="needed")


def cold_start(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return the recipe of the cold start's set (paper 2.3.1, nature B.3.2): R1-Zero's right and readable chains, rewritten by a model."""
    stage = dict(sample(model, problems).stages)["sample"]
    assert isinstance(stage, Sample)  # the recipe above made it
    cold = replace(stage, name="cold-start", template=R1Zero(), readable=Readable(language=None), rewriter=Rewriter())
    about = "R1-Zero's right and readable chains of thought, rewritten in the first person and one language, with a summary"
    sources = {**SAMPLE_SOURCES, **COLD}
    return Recipe("cold-start", about, (("sample", cold),), sources, main="sample", model="needed", problems="needed")
