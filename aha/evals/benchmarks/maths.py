"""Problems with one number or formula as their answer, with the prompt of DeepSeek-R1's release notes."""

from __future__ import annotations

from collections.abc import Callable

from aha.answers.claims import boxed
from aha.evals.benchmark import Benchmark, BenchmarkExample, Fields, ReadRow, Source, WrongColumns, by_rule, pick_text, row_name
from aha.template import BOX_PROMPT
from aha.types import Language, Latex, Number, Reference

HASHES = "####"


def problems(language: Language, reference: Callable[[Fields], Reference], *categories: str) -> ReadRow:
    """Return a reader of rows with a problem and an answer."""

    def read(fields: Fields, stem: str, number: int) -> BenchmarkExample:
        question = pick_text(fields, "problem", "question", "Problem", "Question")
        category = next((str(fields[name]) for name in categories if fields.get(name) is not None), "")
        name = row_name(fields, stem, number, "unique_id", "id", "ID", "problem_idx", "idx")
        return BenchmarkExample(name, f"{question}\n{BOX_PROMPT}", language, reference(fields), category)

    return read


def _number(fields: Fields) -> Number:
    text = pick_text(fields, "answer", "Answer", "final_answer")
    return Number(text.rpartition(HASHES)[2].strip())


def _formula(fields: Fields) -> Latex:
    if fields.get("answer") is None and fields.get("Answer") is None and fields.get("final_answer") is None:
        formula = boxed(pick_text(fields, "solution"))
        if formula is None:
            raise WrongColumns("answer, nor a box in its solution")
        return Latex(formula)
    return Latex(pick_text(fields, "answer", "Answer", "final_answer"))


AIME = Benchmark(
    name="aime_2024",
    description="AIME 2024, I and II: 30 problems with whole numbers as answers",
    licence="problems (c) Mathematical Association of America; collections MIT or Apache-2.0",
    source=Source(
        ("math/aime24/test.jsonl", "aime24/*.jsonl", "aime*24*.jsonl"), "problem, answer", ("HuggingFaceH4/aime_2024", None, "train")
    ),
    read=problems("en", _number),
    grade=by_rule,
    k=64,
    paper_cell=("AIME 2024", "pass@1"),
    verified=True,
)
MATH_500 = AIME.variant(
    "math_500",
    "MATH-500: the 500 problems of MATH's test set that PRM800K holds out",
    "MIT",
    Source(("math/math500/test.jsonl", "math*500*.jsonl"), "problem, answer", ("HuggingFaceH4/MATH-500", None, "test")),
    read=problems("en", _formula, "subject", "type"),
    k=16,
    paper_cell=("MATH-500", "pass@1"),
)
GSM8K = AIME.variant(
    "gsm8k",
    "GSM8K: 1,319 word problems of grade school; the answer follows ####",
    "MIT",
    Source(("math/gsm8k/test.jsonl", "gsm8k*.jsonl"), "question, answer", ("openai/gsm8k", "main", "test")),
    k=4,
    paper_cell=None,
)
AMC = AIME.variant(
    "amc_2023",
    "AMC 12 2023, A and B: 40 problems whose answers are numbers",
    "problems (c) Mathematical Association of America; collection MIT",
    Source(("math/amc23/test.jsonl", "amc*.jsonl"), "problem, answer", ("math-ai/amc23", None, "test")),
    k=4,
    paper_cell=None,
)
CNMO = AIME.variant(
    "cnmo_2024",
    "CNMO 2024: the Chinese National High School Mathematics Olympiad",
    "problems (c) Chinese Mathematical Society; no open collection is known",
    Source(("math/cnmo24/test.jsonl", "cnmo*.jsonl"), "problem, answer"),
    read=problems("zh", _formula),
    k=4,
    paper_cell=("CNMO 2024", "Pass@1"),
)
GAOKAO = CNMO.variant(
    "gaokao_math_cloze",
    "GaoKao: 118 questions of the Chinese entrance examination with a gap to fill",
    "MIT",
    Source(("math/gaokao_math_cloze/test.jsonl", "gaokao*.jsonl"), "question, answer"),
    paper_cell=None,
    verified=False,
)
CMATH = GAOKAO.variant(
    "cmath",
    "CMATH: word problems of Chinese elementary schools by grade",
    "CC-BY-4.0",
    Source(("math/cmath/test.jsonl", "cmath*.jsonl"), "question, answer", ("weitianwen/cmath", None, "test")),
    read=problems("zh", _number, "grade"),
)
BENCHMARKS = (AIME, MATH_500, GSM8K, AMC, CNMO, GAOKAO, CMATH)
