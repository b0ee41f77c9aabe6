"""Questions with options: MMLU and its kin, GPQA, and the Chinese ones."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from random import Random

from aha.answers.choosing import chosen
from aha.answers.statements import gpqa, mmlu, mmlu_pro
from aha.evals.benchmark import (
    Benchmark,
    BenchmarkExample,
    Fields,
    ReplyGrade,
    Source,
    WrongColumns,
    by_chain,
    choice_of,
    option_lines,
    pick,
    pick_text,
    row_name,
)
from aha.grading import Graders
from aha.lazy import lazy_pattern
from aha.types import Choice, Reply

SIMPLE = (
    "Answer the following multiple choice question. The last line of your response should be of the following format: "
    "'Answer: $LETTER' (without quotes) where LETTER is one of ABCD. Think step by step before answering.\n\n{question}\n\n{options}"
)
PRO = (
    "The following are multiple choice questions (with answers) about {category}. Think step by step and then output the answer in the "
    'format of "The answer is (X)" at the end.\n\nQuestion: {question}\nOptions: {options}\nAnswer: Let\'s think step by step.'
)
LAST_LINE = "请先逐步思考，最后一行写成“答案：X”，X 为选项字母。"
CHINESE = "以下是中国关于{category}考试的单项选择题，请选出其中的正确答案。{last_line}\n\n{question}\n{options}"
ENCRYPTION_ADVICE = "it is still encrypted: unpack it with the password that stands beside the data set, and give the file gpqa_diamond.csv"
_CIPHER = lazy_pattern(r"[A-Za-z0-9+/_-]{40,}={0,2}")
FOUR = (("choice0", "choice1", "choice2", "choice3"), ("A", "B", "C", "D"))


def _options(fields: Fields) -> list[str]:
    """Return the options of a row, from a list or from four columns."""
    for name in ("options", "choices"):
        if isinstance(fields.get(name), dict):
            return [str(option) for option in fields[name].get("text", fields[name].values())]
        if fields.get(name) is not None and not isinstance(fields[name], str):
            return [str(option) for option in fields[name]]
    for names in FOUR:
        if all(fields.get(name) is not None for name in names):
            return [str(fields[name]) for name in names]
    raise WrongColumns("options, choices, choice0 to choice3, or A to D")


def _subject(fields: Fields, stem: str) -> str:
    subject = fields.get("subject") or fields.get("Subject") or fields.get("category")
    return str(subject) if subject else stem.removesuffix("_test").removesuffix("_val").removesuffix("_dev")


def _mmlu(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    options, question = _options(fields), pick_text(fields, "question", "Question")
    prompt = SIMPLE.format(question=question, options=option_lines(options))
    name = row_name(fields, stem, number, "id", "question_id")
    reference = choice_of(pick(fields, "answer", "Answer", "target"), options)
    return BenchmarkExample(name, prompt, "en", reference, _subject(fields, stem), len(options))


def _redux(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    """Return the example with the corrected answer; a question with several answers or none is left out."""
    options = _options(fields)
    kind, correction = str(fields.get("error_type") or "ok"), fields.get("correct_answer")
    answer = correction if kind == "wrong_groundtruth" and correction not in (None, "") else pick(fields, "answer")
    example = _mmlu({**fields, "answer": fields.get("answer", 0)}, stem, number)
    try:
        return replace(example, reference=choice_of(answer, options), about={"error_type": kind})
    except WrongColumns:
        return replace(example, about={"error_type": "unusable"})


def _redux_usable(example: BenchmarkExample) -> bool:
    return example.about.get("error_type") in ("ok", "wrong_groundtruth")


def _pro(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    options = [option for option in _options(fields) if option != "N/A"]
    category = str(fields.get("category") or "other")
    option_text = option_lines(options, "{letter}. {option}")
    prompt = PRO.format(category=category, question=pick_text(fields, "question"), options=option_text)
    reference = choice_of(pick(fields, "answer", "answer_index"), options)
    return BenchmarkExample(row_name(fields, stem, number, "question_id", "id"), prompt, "en", reference, category, len(options))


def gpqa_example(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    """Return the example with its options in simple-evals' order for the row's place, which is stored with the example."""
    texts = [pick_text(fields, name) for name in ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")]
    question, order = pick_text(fields, "Question"), permutation(number)
    if _CIPHER.fullmatch(question):
        raise WrongColumns(f"Question in plain text: {ENCRYPTION_ADVICE}")
    options = [texts[place] for place in order]
    prompt = SIMPLE.format(question=question, options=option_lines(options))
    reference = Choice("ABCD"[order.index(0)], tuple(options))
    name = row_name(fields, stem, number, "Record ID")
    return BenchmarkExample(
        name, prompt, "en", reference, str(fields.get("High-level domain") or ""), 4, {"row": number, "permutation": list(order)}
    )


def permute_gpqa(example: BenchmarkExample, sample: int) -> BenchmarkExample:
    """Return the example in its order for this sample. Each repeat of the test draws new orders after those of the repeat before: `rows` is
    the number of orders that a repeat draws."""
    assert isinstance(example.reference, Choice)
    first, order = example.about["permutation"], permutation(example.about["row"] + sample * example.about["rows"])
    before = example.reference.options
    options = tuple(before[first.index(place)] for place in order)
    prompt = example.prompt.removesuffix(option_lines(before)) + option_lines(options)
    about = {**example.about, "permutation": list(order), "first": first}
    return replace(example, prompt=prompt, reference=Choice("ABCD"[order.index(0)], options), about=about)


def grade_gpqa(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Grade a choice; the vote is the option's letter in the first repeat, so that samples with other orders vote for the same options."""
    result = by_chain(gpqa)(example, reply, graders)
    if result.vote is None or "first" not in example.about:
        return result
    place = example.about["permutation"]["ABCD".index(result.vote)]
    return replace(result, vote="ABCD"[example.about["first"].index(place)])


def permutation(number: int) -> tuple[int, ...]:
    """Return the `number`-th draw, from 1 on, of one generator that continues from row to row and from repeat to repeat."""
    return _orders(1 << number.bit_length())[number - 1]


@lru_cache(maxsize=32)
def _orders(count: int) -> list[tuple[int, ...]]:
    order = Random(0)
    return [tuple(order.sample(range(4), 4)) for _ in range(count)]


def _chinese(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    options, category = _options(fields), _subject(fields, stem)
    option_text = option_lines(options, "{letter}. {option}")
    prompt = CHINESE.format(category=category, last_line=LAST_LINE, question=pick_text(fields, "question", "Question"), options=option_text)
    name = f"{category}/{row_name(fields, stem, number, 'id', '')}"
    return BenchmarkExample(name, prompt, "zh", choice_of(pick(fields, "answer", "Answer"), options), category, len(options))


def _cluewsc(fields: Fields, stem: str, number: int) -> BenchmarkExample:
    target = pick(fields, "target") if "span1_text" not in fields else fields
    if not isinstance(target, dict):
        raise WrongColumns("target with span1_text and span2_text")
    noun, pronoun = pick_text(target, "span1_text"), pick_text(target, "span2_text")
    prompt = f"{pick_text(fields, 'text')}\n\n上文中的“{pronoun}”指的是“{noun}”吗？\nA. 是\nB. 不是\n{LAST_LINE}"
    right = str(pick(fields, "label")).lower() in ("true", "1")
    return BenchmarkExample(row_name(fields, stem, number, "idx", "id"), prompt, "zh", Choice("A" if right else "B", ("是", "不是")), "", 2)


def _chinese_letter(count: int, text: str) -> str | None:
    letters = chosen(text, (), count)
    return letters if isinstance(letters, str) else None


MMLU = Benchmark(
    name="mmlu",
    description="MMLU: 14,042 questions of 57 subjects with four options",
    licence="MIT",
    source=Source(("mmlu/test/*.csv", "*_test.csv"), "question, choice0 to choice3 (or choices), answer", ("cais/mmlu", "all", "test")),
    read=_mmlu,
    grade=by_chain(mmlu),
    paper_cell=("MMLU", "Pass@1"),
    verified=True,
)
REDUX = MMLU.variant(
    "mmlu_redux",
    "MMLU-Redux: questions of MMLU whose answers were checked; those without one right answer are left out",
    "CC-BY-4.0",
    Source(("mmlu_redux/*.jsonl", "mmlu_redux/*.json", "mmlu_redux/*.csv"), "question, choices, answer, error_type, correct_answer"),
    read=_redux,
    paper_cell=("MMLU-Redux", "EM"),
    verified=False,
    keep=_redux_usable,
)
MMLU_PRO = MMLU.variant(
    "mmlu_pro",
    "MMLU-Pro: 12,032 questions of 14 categories with up to ten options",
    "MIT",
    Source(
        ("mmlu_pro/*.jsonl", "mmlu_pro/*.json", "mmlu_pro/*.zip"),
        "question, options, answer, category",
        ("TIGER-Lab/MMLU-Pro", None, "test"),
    ),
    read=_pro,
    grade=by_chain(mmlu_pro),
    paper_cell=("MMLU-Pro", "EM"),
)
GPQA = MMLU.variant(
    "gpqa_diamond",
    "GPQA Diamond: 198 questions of biology, physics and chemistry that a search does not answer",
    "CC-BY-4.0, with the request not to show it in plain text on line",
    Source(
        ("gpqa/gpqa_diamond.csv", "gpqa/*.zip", "gpqa*.csv"),
        "Question, Correct Answer, Incorrect Answer 1, Incorrect Answer 2, Incorrect Answer 3",
        ("Idavidrein/gpqa", "gpqa_diamond", "train"),
    ),
    read=gpqa_example,
    grade=grade_gpqa,
    permute=permute_gpqa,
    k=64,
    paper_cell=("GPQA Diamond", "pass@1"),
)
C_EVAL = MMLU.variant(
    "c_eval",
    "C-Eval: Chinese questions of 52 subjects with four options",
    "CC-BY-NC-SA-4.0",
    Source(("ceval/val/*.csv", "c_eval/val/*.csv", "ceval/*.jsonl", "*_val.csv"), "question, A, B, C, D, answer"),
    read=_chinese,
    grade=by_chain(partial(_chinese_letter, 4)),
    paper_cell=("C-Eval", "EM"),
    verified=False,
)
CMMLU = C_EVAL.variant(
    "cmmlu",
    "CMMLU: Chinese questions of 67 subjects with four options",
    "CC-BY-NC-4.0",
    Source(("cmmlu/test/*.csv", "cmmlu/*.jsonl"), "Question, A, B, C, D, Answer"),
    paper_cell=None,
)
CLUEWSC = C_EVAL.variant(
    "cluewsc",
    "CLUEWSC 2020: which noun a Chinese pronoun stands for",
    "research use, by CLUE",
    Source(("cluewsc/dev.json", "cluewsc/*.json*", "cluewsc*.json*"), "text, target (span1_text, span2_text), label"),
    read=_cluewsc,
    grade=by_chain(partial(_chinese_letter, 2)),
    paper_cell=("CLUEWSC", "EM"),
)
BENCHMARKS = (MMLU, REDUX, MMLU_PRO, GPQA, C_EVAL, CMMLU, CLUEWSC)
