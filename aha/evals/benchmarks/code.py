"""Programming problems, whose answers are run against tests in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample, Fields, ReadRow, ReplyGrade, Source, WrongColumns, pick, pick_text, row_name
from aha.grading import Graders
from aha.grading.code.reading import FENCE, published_code_of
from aha.tasks.code import coded_of
from aha.tasks.reading import DataRow, RefusedRow
from aha.types import Abstained, Asserts, Calls, Open, Reply, Stdio, Wrong

FIRST, LAST = date(2024, 8, 1), date(2025, 1, 31)
PROGRAM = (
    "You will be given a question (problem specification) and will generate a correct Python program that matches the specification and "
    "passes all tests.\n\n### Question:\n{question}\n\n### Format: {form}\n\n### Answer: (use the provided format with backticks)\n\n"
)
STARTER = (
    "You will use the following starter code to write the solution to the problem and enclose your code within delimiters.\n"
    "```python\n{starter}\n```"
)
FROM_STDIN = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample inputs). Enclose your "
    "code within delimiters as follows.\n```python\n# YOUR CODE HERE\n```"
)
COMPLETE = (
    "Read the following function signature and docstring, and fully implement the function described. Your response should only contain "
    "the code for this function.\n{prompt}"
)
MBPP_FORM = "{question}\n\nYour code should pass these tests:\n\n{tests}\n\nPut the code in one ```python block at the end."
PYTHON = ("python", "py", "python3")


def code_rows(prompt: Callable[[Fields, Asserts | Calls | Stdio, str], str], *categories: str) -> ReadRow:
    """Return a reader of rows with tests, in the forms that `tasks.code` reads."""

    def read(fields: Fields, stem: str, number: int) -> BenchmarkExample:
        language = str(fields.get("language") or "python").lower()
        category = next((str(fields[name]) for name in categories if fields.get(name)), "")
        name = row_name(fields, stem, number, "task_id", "question_id", "id", "name")
        if language not in PYTHON:
            return BenchmarkExample(f"{language}/{name}", pick_text(fields, "prompt"), "en", Open(), language)
        if "test" not in fields and isinstance(fields.get("tests"), str) and "prompt" in fields:  # the many-language form of HumanEval
            fields = {**fields, "test": fields["tests"], "entry_point": fields.get("entry_point") or _entry(str(fields["prompt"]))}
        problem_row = coded_of(DataRow(name, name, fields))
        if isinstance(problem_row, RefusedRow):
            raise WrongColumns(f"tests that can be run ({problem_row.reason})")
        about = {key: str(fields[key]) for key in ("contest_date", "contest_id", "platform") if fields.get(key)}
        text = prompt(fields, problem_row.reference, problem_row.problem.question)
        return BenchmarkExample(name, text, "en", problem_row.reference, category, about=about)

    return read


def run_program(example: BenchmarkExample, reply: Reply, graders: Graders) -> ReplyGrade:
    """Run the program in the reply against the row's tests; a reply without a program is wrong."""
    text = reply.answer or ""
    if isinstance(example.reference, Open):
        return ReplyGrade(Abstained(f"programs in {example.category} are not run here"), text.strip()[:200] or None)
    assert isinstance(example.reference, Asserts | Calls | Stdio)
    program = published_code_of(example.reference, text)
    if not program.strip() or (FENCE not in text and not _looks_like_code(text)):
        return ReplyGrade(Wrong("no program in the reply"), None)
    return ReplyGrade(graders.grade(example.reference, program), program.strip()[:200])


def _looks_like_code(text: str) -> bool:
    return any(line.startswith(("def ", "import ", "from ", "class ", "    ", "print", "for ", "n ", "n=")) for line in text.split("\n"))


def _entry(prompt: str) -> str:
    lines = [line for line in prompt.split("\n") if line.startswith("def ")]
    if not lines:
        raise WrongColumns("entry_point, nor a function in its prompt")
    return lines[-1].removeprefix("def ").partition("(")[0].strip()


def _humaneval(fields: Fields, reference: Asserts | Calls | Stdio, question: str) -> str:
    return COMPLETE.format(prompt=pick(fields, "prompt"))


def _mbpp(fields: Fields, reference: Asserts | Calls | Stdio, question: str) -> str:
    tests = fields.get("test_list")
    if not isinstance(tests, list):
        return question
    return MBPP_FORM.format(question=pick_text(fields, "text", "prompt"), tests="\n".join(map(str, tests)))


def _program(fields: Fields, reference: Asserts | Calls | Stdio, question: str) -> str:
    starter = str(fields.get("starter_code") or "")
    form = STARTER.format(starter=starter) if starter.strip() else FROM_STDIN
    return PROGRAM.format(question=pick_text(fields, "question_content", "problem", "question", "description", "prompt"), form=form)


def _mbpp_test(example: BenchmarkExample) -> bool:
    """Return True for tasks 11 to 510 of the full file; a file with other names is used as a whole."""
    return not example.id.isdecimal() or 11 <= int(example.id) <= 510


def _in_the_papers_time(example: BenchmarkExample) -> bool:
    """Return True for contests from August 2024 to January 2025, and for rows without a date."""
    day = example.about.get("contest_date")
    try:
        return day is None or FIRST <= date.fromisoformat(str(day)[:10]) <= LAST
    except ValueError:
        raise BadInput(f"{example.id}: its contest_date is {day!r}; a date is written 2024-08-01") from None


HUMANEVAL = Benchmark(
    name="humaneval",
    description="HumanEval: 164 functions to complete",
    licence="MIT",
    source=Source(
        ("code/humaneval/HumanEval.jsonl.gz", "HumanEval*.jsonl*", "humaneval*.jsonl*"),
        "task_id, prompt, entry_point, test",
        ("openai/openai_humaneval", None, "test"),
    ),
    read=code_rows(_humaneval),
    grade=run_program,
    verified=True,
)
HUMANEVAL_MUL = HUMANEVAL.variant(
    "humaneval_mul",
    "HumanEval-Mul: HumanEval's functions in several languages, of which Python is run here",
    "MIT",
    Source(("code/humaneval_mul/*.jsonl*", "humaneval*mul*.jsonl*"), "name, language, prompt, tests"),
    read=code_rows(_humaneval, "language"),
    verified=False,
)
MBPP = HUMANEVAL.variant(
    "mbpp",
    "MBPP: the 500 tasks of its test split",
    "CC-BY-4.0",
    Source(
        ("code/mbpp/mbpp.jsonl", "mbpp*.jsonl*"), "task_id, text (or prompt), test_list", ("google-research-datasets/mbpp", "full", "test")
    ),
    read=code_rows(_mbpp),
    verified=False,
    keep=_mbpp_test,
)
LIVECODEBENCH = HUMANEVAL.variant(
    "livecodebench",
    "LiveCodeBench: contest problems from August 2024 to January 2025",
    "code MIT; statements (c) contest sites",
    Source(
        ("code/livecodebench/test*.jsonl", "livecodebench/test*.jsonl", "test*.jsonl"),
        "question_content, starter_code, public_test_cases, private_test_cases, contest_date, difficulty",
    ),
    read=code_rows(_program, "difficulty"),
    verified=False,
    k=8,
    paper_cell=("LiveCodeBench", "Pass@1-COT"),
    keep=_in_the_papers_time,
)
CODEFORCES = HUMANEVAL.variant(
    "codeforces",
    "Codeforces: contest problems with tests; a rating with --standings and --changes",
    "MIT collection; statements (c) Codeforces",
    Source(("code/codeforces/codeforces_problems.json", "codeforces*.json*"), "problem, tests", names="metadata_cf.json"),
    read=code_rows(_program),
    verified=False,
    k=16,
    paper_cell=("Codeforces", "Rating"),
)
BENCHMARKS = (HUMANEVAL, HUMANEVAL_MUL, MBPP, LIVECODEBENCH, CODEFORCES)
