"""Questions whose answers are words: spans of a passage, short facts that a model judges, instructions to follow, and open ones."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any
from unicodedata import category

from aha.answers.claims import claim
from aha.evals.benchmark import Benchmark, BenchmarkExample, Fields, ReplyGrade, Source, WrongColumns, by_model, pick, pick_text, row_name
from aha.grading import Graders
from aha.grading.instructions import check_install, ifeval_scores
from aha.grading.instructions import judge as check_instructions
from aha.lazy import lazy_pattern
from aha.types import Judged, Language, Open, Reply, Right, Text, Wrong

DROP_PROMPT = (
    "You will be asked to read a passage and answer a question.\n\n# Your Task\n\n---\n{passage}\n\n"
    'Think step by step, then write a line of the form "Answer: $ANSWER" at the end of your response.'
)
_ANSWER = lazy_pattern(r"(?i)Answer\s*:\s*([^\n]+)")
_ARTICLES = lazy_pattern(r"\b(a|an|the)\b")
_AROUND = lazy_pattern(r"^[^\w.]+|\W+$")
_DASHES = "‐‑‒–—―−-"


# --- DROP ---------------------------------------------------------------------------------------------------------------


def _drop(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    """Read a row in the form of simple-evals (context, ref_text with bars between) or of the hub (passage, question, answers_spans)."""
    if "context" in fields:
        passage, values = pick_text(fields, "context"), pick_text(fields, "ref_text").split("|")
    else:
        passage = f"{pick_text(fields, 'passage')}\n\nQuestion: {pick_text(fields, 'question')}"
        spans = pick(fields, "answers_spans", "answers")
        values = [str(span) for span in (spans.get("spans", []) if isinstance(spans, Mapping) else spans)]
    if not any(value.strip() for value in values):
        raise WrongColumns("an answer with a letter or a digit in it")
    return BenchmarkExample(
        row_name(fields, stem, number, "query_id", "id"), DROP_PROMPT.format(passage=passage), "en", Text(tuple(dict.fromkeys(values)))
    )


def grade_drop(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Grade by exact match and by the F1 of words, each the best over the references."""
    assert isinstance(example.reference, Text)
    text = reply.answer or ""
    lines = _ANSWER.findall(text)
    answer = (lines[-1] if lines else claim(text).text).strip("*$ \n").rstrip(".*$ ")
    if not answer:
        return ReplyGrade(Wrong("no answer could be read"), None, {"em": 0.0, "f1": 0.0})
    f1 = max(_f1(answer, value) for value in example.reference.values)
    same = any(_plain(answer) == _plain(value) for value in example.reference.values)
    grade = Right() if same else Wrong(f"is not {example.reference.values[0]!r}"[:200])
    return ReplyGrade(grade, " ".join(_plain(answer)), {"em": float(same), "f1": f1})


def _plain(text: str) -> list[str]:
    """Return the words without case, articles and punctuation, numbers by value. Blanks and dashes of every kind divide words."""
    tokens = re.split(rf"[\s{_DASHES}]+", text.lower())
    normal_text = " ".join(_numeral(token) or _bare(token) for token in tokens)
    return _ARTICLES.sub(" ", normal_text).split()


def _numeral(token: str) -> str | None:
    """Return a number's value, without the signs around it and commas, else without all punctuation; None for any other word."""
    for spelling in (_AROUND.sub("", token).replace(",", ""), _bare(token)):
        try:
            return str(float(spelling))
        except ValueError:
            continue
    return None


def _bare(token: str) -> str:
    return "".join(
        letter for letter in token if letter not in string.punctuation and category(letter)[0] != "P" and category(letter) != "Sc"
    )


def _f1(answer: str, value: str) -> float:
    """Return the F1 of the two sets of words; 0 if the answer has none of the reference's numbers."""
    words, gold = set(_plain(answer)), set(_plain(value))
    if words == gold:
        return 1.0
    numbers = {word for word in gold if _numeral(word)}
    common = len(words & gold)
    if not common or (numbers and not numbers & words):
        return 0.0
    precision, recall = common / len(words), common / len(gold)
    return round(2 * precision * recall / (precision + recall), 2)


ANY_REPLY = "Yes."


# --- IFEval -------------------------------------------------------------------------------------------------------------


def _ifeval(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    check_install()
    kinds, settings = pick(fields, "instruction_id_list"), pick(fields, "kwargs")
    about: dict[str, Any] = {"kinds": [str(kind) for kind in kinds], "settings": [_set_values(setting) for setting in settings]}
    check_instructions(about["kinds"], about["settings"], ANY_REPLY)  # before sampling: every instruction is known, and its settings fit
    return BenchmarkExample(row_name(fields, stem, number, "key"), pick_text(fields, "prompt"), "en", Open(), about=about)


def _set_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def grade_ifeval(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Grade by the rules that check each instruction: the reply is right if all are followed."""
    text = reply.answer or ""
    check = check_instructions(example.about["kinds"], example.about["settings"], text)
    measures = ifeval_scores([check])
    violations = [kind for kind, passes in zip(example.about["kinds"], check.strict, strict=True) if not passes]
    grade = Wrong(f"breaks {', '.join(violations)}"[:200]) if violations else Right()
    return ReplyGrade(grade, text.strip()[:200] or None, {**measures, "instructions": float(len(check.strict))})


# --- judged by a model --------------------------------------------------------------------------------------------------


def _fact(language: Language) -> Any:
    def read(fields: Fields, stem: str, number: int) -> BenchmarkExample:
        question = pick_text(fields, "problem", "question", "Prompt", "prompt")
        answer = pick_text(fields, "answer", "Answer")
        category = str(fields.get("primary_category") or fields.get("topic") or fields.get("reasoning_types") or "")
        return BenchmarkExample(row_name(fields, stem, number, "id", ""), question, language, Judged(answer), category)

    return read


def _open(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    name = row_name(fields, stem, number, "uid", "question_id", "id")
    category = str(fields.get("category") or fields.get("dataset") or "")
    return BenchmarkExample(name, pick_text(fields, "prompt", "instruction"), "en", Open(), category)


DROP = Benchmark(
    name="drop",
    description="DROP: questions on passages that need counting and sums",
    licence="CC-BY-SA-4.0",
    source=Source(
        ("drop/drop_v0_dev.jsonl*", "drop/*.jsonl*", "drop*.jsonl*"),
        "context and ref_text, or passage, question and answers_spans",
        ("ucinlp/drop", None, "validation"),
    ),
    read=_drop,
    grade=grade_drop,
    headline="f1",
    paper_cell=("DROP", "3-shot F1"),
)
IFEVAL = DROP.variant(
    "ifeval",
    "IFEval: 541 prompts with instructions that a rule can check",
    "Apache-2.0",
    Source(
        ("ifeval/input_data.jsonl", "input_data.jsonl", "ifeval*.jsonl"),
        "key, prompt, instruction_id_list, kwargs",
        ("google/IFEval", None, "train"),
    ),
    read=_ifeval,
    grade=grade_ifeval,
    headline="prompt_strict",
    grades_cut=True,
    paper_cell=("IF-Eval", "Prompt Strict"),
    verified=True,
)
SIMPLE_QA = Benchmark(
    name="simpleqa",
    description="SimpleQA: 4,326 short questions of fact, one right answer each",
    licence="MIT",
    source=Source(("simpleqa/simple_qa_test_set.csv", "simple*qa*.csv"), "problem, answer", ("basicv8vc/SimpleQA", None, "test")),
    read=_fact("en"),
    grade=by_model,
    paper_cell=("SimpleQA", "Correct"),
    verified=True,
    needs_judge=True,
)
C_SIMPLE_QA = SIMPLE_QA.variant(
    "c_simpleqa",
    "C-SimpleQA: 3,000 short Chinese questions of fact",
    "CC-BY-NC-SA-4.0",
    Source(
        ("c_simpleqa/*.jsonl", "c_simpleqa/*.csv", "chinese*simpleqa*.jsonl"),
        "question, answer",
        ("OpenStellarTeam/Chinese-SimpleQA", None, "train"),
    ),
    read=_fact("zh"),
    paper_cell=("C-SimpleQA", "Correct"),
    verified=False,
)
FRAMES = SIMPLE_QA.variant(
    "frames",
    "FRAMES: 824 questions that need several facts together",
    "Apache-2.0",
    Source(("frames/*.tsv", "frames/*.csv", "frames/*.jsonl", "frames*.csv"), "Prompt, Answer", ("google/frames-benchmark", None, "test")),
    paper_cell=("FRAMES", "Acc."),
    verified=False,
)
ALPACA_EVAL = Benchmark(
    name="alpaca_eval",
    description="AlpacaEval 2: 805 instructions; a judge compares with gpt4_1106_preview",
    licence="CC-BY-NC-4.0",
    source=Source(
        ("alpaca_eval/reference_outputs_gpt4_1106_preview.json", "reference_outputs*.json", "alpaca_eval*.json*"),
        "instruction, output, generator",
    ),
    read=_open,
    grade=by_model,
    k=1,
    paper_cell=("AlpacaEval2.0", "LC-winrate"),
    verified=True,
    needs_judge=True,
)
ARENA_HARD = ALPACA_EVAL.variant(
    "arena_hard",
    "Arena-Hard v0.1: 500 prompts; a judge compares with gpt-4-0314",
    "Apache-2.0",
    Source(("arena_hard/v0.1/question.jsonl", "question.jsonl"), "uid, prompt, category"),
    paper_cell=("ArenaHard", "GPT-4-1106"),
)
ARENA_HARD_2 = ARENA_HARD.variant(
    "arena_hard_v2",
    "Arena-Hard v2.0: 500 hard prompts and 250 of creative writing",
    "Apache-2.0",
    Source(("arena_hard/v2.0/question.jsonl", "question.jsonl"), "uid, prompt, category"),
    paper_cell=None,
)
BENCHMARKS = (DROP, IFEVAL, SIMPLE_QA, C_SIMPLE_QA, FRAMES, ALPACA_EVAL, ARENA_HARD, ARENA_HARD_2)
