"""`aha regrade`: grades saved replies again, without a model."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aha.commands.terminal import FROM_ONE, Command, Terminal, new_folder, refuse_rest
from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample
from aha.evals.benchmarks import benchmark
from aha.evals.comparison import in_words
from aha.evals.files import read_rows
from aha.evals.loading import examples_of, load_examples, select_examples
from aha.evals.result import result_of
from aha.evals.run import Evaluation, grade_replies, read_template
from aha.evals.samples import Key, SampleJournal, read_examples, read_settings, ungraded_sample, write_evaluation
from aha.grading import Graders
from aha.paper import published_numbers
from aha.rundir.record import SETTINGS
from aha.template import BOX_PROMPT, ChatTemplate
from aha.types import FinishReason, Reply

LOG_REPLIES = "resps"  # the field of replies in rows made of a log
REPLIES = (
    *("model_outputs", "model_output", "generated_text", "response", "responses", "output", "outputs", "completion", "reply"),
    *("generation", "generations", "completions", "prediction", "resps", "output_list", "text"),
)
SHORTEST = 10  # characters of a question that identify it
NAMES = ("question_id", "task_id", "key", "unique_id", "id", "prompt", "instruction", "question")


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the folder or file, and for facts that a file does not hold itself."""
    parser.add_argument("saved", type=Path, metavar="DIR|FILE", help="a folder that `aha eval --out` wrote, or a published file of outputs")
    parser.add_argument("--benchmark", metavar="NAME", help="for a file: the benchmark that its rows belong to")
    parser.add_argument("--data", metavar="PATH", help="the benchmark's rows, if they have been moved")
    parser.add_argument("--reply", metavar="FIELD", help=f"for a file: the field with the reply ({', '.join(REPLIES[:4])} …)")
    parser.add_argument("--k", type=FROM_ONE, metavar="N", help="use only the first N samples of each problem")
    parser.add_argument("--out", type=new_folder, metavar="DIR", help="for a file: save the grades in this folder")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print the result of each benchmark as `aha eval` does."""
    refuse_rest(rest)
    folder_path: Path = arguments.saved.expanduser()
    if folder_path.is_file():
        with Graders() as graders:
            return _regrade_file(folder_path, arguments, graders, terminal)
    folders = [folder_path] if (folder_path / SETTINGS).is_file() else sorted(path.parent for path in folder_path.glob(f"*/{SETTINGS}"))
    if not folders:
        raise BadInput(f"{folder_path}: nothing that was saved by `aha eval --out` is in it")
    with Graders() as graders:
        for folder in folders:
            _regrade_folder(folder, arguments, graders, terminal)
    return 0


def _regrade_folder(folder: Path, arguments: Namespace, graders: Graders, terminal: Terminal) -> None:
    from aha.evals.judged.transcripts import Transcripts, read_case

    settings = read_settings(folder)
    chosen, k, data = benchmark(str(settings["benchmark"])), arguments.k or int(settings["k"]), arguments.data or settings.get("data")
    examples = (None if arguments.data else read_examples(folder)) or select_examples(chosen, data, settings.get("problems"))[0]
    journal, seed = SampleJournal(folder, settings), int(settings.get("seed", 0))
    evaluation = Evaluation(chosen, examples, k, read_template(settings), chosen.sampling, graders, seed)
    replies = journal.replies | {key: evaluation.reply_of(sample) for key, sample in journal.samples.items()}
    if strangers := sorted({problem for problem, _ in replies} - {example.id for example in examples}):
        raise BadInput(
            f"{folder}: {strangers[0]} is no longer one of the benchmark's problems; name the rows as they were with --data PATH"
        )
    case = read_case(folder, chosen, examples, data, k) if chosen.needs_judge else None
    if case is not None:
        all_samples = {key: ungraded_sample(key, reply) for key, reply in replies.items()} | journal.samples
        new_samples, result = case.result(all_samples, Transcripts(folder), folder, str(settings.get("model")), seed)
        samples, chosen = [sample.sample for sample in new_samples], case.display_benchmark
    else:
        _check_counts(evaluation, replies)
        grades = grade_replies(evaluation, {key: replies[key] for key in evaluation.keys}, lambda progress: None)
        samples = [
            replace(sample, prompt=before.prompt, seed=before.seed) if (before := journal.samples.get(key)) is not None else sample
            for key, sample in zip(evaluation.keys, grades, strict=True)
        ]
        result = result_of(samples, chosen, settings.get("model"), seed)
    fields = result.to_json() | protocol_of(chosen)
    journal.finish(samples, fields)
    print_result(chosen, fields, terminal)


def _check_counts(evaluation: Evaluation, replies: Mapping[Key, Reply]) -> None:
    for problem, number in evaluation.keys:
        if (problem, number) not in replies:
            raise BadInput(
                f"{problem}: {number} samples of it are saved, fewer than k = {evaluation.k}; ask for the rest with the same aha eval"
            )


# --- output ------------------------------------------------------------------------------------------------------------


def protocol_of(benchmark: Benchmark) -> dict[str, str]:
    """Return whether the prompt was checked against its source, as it is part of every result."""
    return {"protocol": "verified" if benchmark.verified else "unverified"}


def print_result(benchmark: Benchmark, result: Mapping[str, Any], terminal: Terminal) -> None:
    """Print one line of JSON, or a line per value, with its interval, and the paper's numbers."""
    paper = {number.model: number.value for number in published_numbers(*benchmark.paper_cell)} if benchmark.paper_cell else {}
    fields = {**result, **protocol_of(benchmark)}
    if terminal.json:
        print(json.dumps({**fields, "published": paper}, ensure_ascii=False), flush=True)
        return
    intervals = result.get("intervals", {})
    for name, value in fields.items():
        if name not in ("categories", "against", "intervals", "ci95", "headline_ci95"):
            terminal.say(f"{name:24}{f'{value:.4g}' if isinstance(value, float) else value}{_interval(intervals.get(name))}")
    for name, value in result.get("categories", {}).items():
        terminal.say(f"  {name:38}{100 * value:6.1f} %{_interval(intervals['categories'][name])}")
    if beside := result.get("against"):
        terminal.say(in_words(str(result["model"]), beside))
        for name, part in beside.get("parts", {}).items():
            low, high = part["ci95"]
            terminal.say(f"  {name:22}{100 * part['difference']:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}] {part['verdict']}")
    if paper:
        terminal.say(
            f"published ({benchmark.paper_cell[1] if benchmark.paper_cell else ''}): " + ", ".join(f"{k} {v:g}" for k, v in paper.items())
        )


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"   [{ends[0]:.4g}, {ends[1]:.4g}]"


# --- a published file ---------------------------------------------------------------------------------------------------


def _regrade_file(path: Path, arguments: Namespace, graders: Graders, terminal: Terminal) -> int:
    """Grade rows that hold replies; the questions come from the rows themselves, or by their names from --data."""
    if arguments.benchmark is None:
        raise BadInput(f"{path}: say which benchmark's outputs these are, as in --benchmark mmlu_pro")
    chosen, rows = benchmark(arguments.benchmark), _of_one_filter(_samples(read_rows(path)))
    rows = rows if arguments.data is not None else _by_question(rows, arguments.reply)
    field = arguments.reply or next((name for name in REPLIES if name in rows[0]), None)
    if field is None or field not in rows[0]:
        raise BadInput(f"{path}: no field {field or 'with a reply'}; there are {', '.join(rows[0])}; name it with --reply FIELD")
    benchmark_examples = examples_of(chosen, rows, path) if arguments.data is None else load_examples(chosen, arguments.data)[0]
    examples = {example.id: example for example in benchmark_examples}
    replies = _replies(path, rows, field, list(examples.values()), arguments.data is not None)
    by_name = {problem: examples[problem] for problem, _ in replies}
    k = arguments.k or min(sum(problem == name for problem, _ in replies) for name in by_name)
    evaluation = Evaluation(chosen, list(by_name.values()), k, chosen.templates[0], chosen.sampling, graders)
    _check_counts(evaluation, replies)
    samples = grade_replies(evaluation, {key: replies[key] for key in evaluation.keys}, lambda progress: None)
    fields = {"file": str(path)} | result_of(samples, chosen).to_json() | protocol_of(chosen)
    if arguments.out is not None:
        write_evaluation(arguments.out, samples, fields)
    print_result(chosen, fields, terminal)
    return 0


def _of_one_filter(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, or for samples of lm-evaluation-harness those of the first filter: every filter's row holds the same reply."""
    first = rows[0].get("filter")
    return [row for row in rows if row.get("filter") == first] if "doc_id" in rows[0] and first is not None else rows


def _samples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, or the samples in a log of Inspect, which is one record."""
    samples = rows[0].get("samples") if len(rows) == 1 else None
    return samples if isinstance(samples, list) and samples and all(isinstance(sample, dict) for sample in samples) else rows


def _by_question(rows: Sequence[dict[str, Any]], reply: str | None) -> list[dict[str, Any]]:
    """Return the rows with their questions; rows of a log that ask the same question become one with all replies, in the field `reply`
    (None: resps)."""
    by_question: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        sample = None if reply is not None and reply not in row else _sample_of_log(row)
        if sample is None:
            by_question[str(number)] = row
            continue
        question, replies = sample
        name = json.dumps(question, default=str)
        by_question.setdefault(name, {**question, reply or LOG_REPLIES: []})[reply or LOG_REPLIES].append(row[reply] if reply else replies)
    return list(by_question.values())


def _sample_of_log(row: dict[str, Any]) -> tuple[dict[str, Any], object] | None:
    """Return the question and answer of a row of another tool's log (lm-evaluation-harness, EvalScope, Inspect, verl, Qwen2.5-Math), under
    the names that the benchmarks' own rows have, and the reply or replies to it. Return `None` for any other row."""
    match row:
        case {"doc": dict(doc), "resps": replies}:  # what a data set itself has to say, as in `generations`, is no reply of this model
            return {"answer": row.get("target"), **{name: doc[name] for name in doc if name not in REPLIES}}, replies
        case {"sample_score": {"score": {"prediction": str(reply)}}, "input": prompt, "target": answer}:
            return {"question": _last_question(prompt), "answer": answer}, reply
        case {"input": prompt, "output": output, "target": answer} | {"input": prompt, "output": output, "gts": answer}:
            return {"question": _last_question(prompt), "answer": answer}, output
        case {"question": question, "gt": answer, "code": replies}:
            return {"question": question, "answer": answer}, replies
    return None


def _last_question(prompt: object) -> str:
    """Return what the user said last in a prompt: a list of messages, a chat as one text, or the question itself."""
    if isinstance(prompt, list):
        turns = [message.get("content") for message in prompt if isinstance(message, dict) and message.get("role") == "user"]
        return str(turns[-1]) if turns else ""
    text = str(prompt).rpartition("<|im_start|>user\n")[2].partition("<|im_end|>")[0]
    return text.rpartition("**User**:")[2].strip()


def _replies(
    path: Path, rows: Sequence[dict[str, Any]], field: str, examples: Sequence[BenchmarkExample], by_name: bool
) -> dict[Key, Reply]:
    """Return the replies in the order of the rows. `by_name`: the questions are in another file, matched by name or question."""
    if not by_name and len(rows) != len(examples):
        raise BadInput(f"{path}: {len(rows)} rows and {len(examples)} problems; name the benchmark's own rows with --data PATH")
    ids = {example.prompt: example.id for example in examples} | {example.id: example.id for example in examples}
    replies: dict[Key, Reply] = {}
    counts = Counter[str]()
    for number, row in enumerate(rows):
        name = _problem_of(row, ids, examples) if by_name else examples[number].id
        if name is None:
            raise BadInput(f"{path}, record {number + 1}: none of its {', '.join(NAMES)} is that of one of the benchmark's problems")
        for text, end in _texts(row.get(field), row.get("finish_reason", row.get("finished"))):
            finish_reason: FinishReason = "length" if end in ("length", "max_tokens", False) else "stop"
            replies[name, counts[name]] = ChatTemplate().read(text, 0, finish_reason)
            counts[name] += 1
    return replies


def _problem_of(row: dict[str, Any], ids: Mapping[str, str], examples: Sequence[BenchmarkExample]) -> str | None:
    """Return the problem whose name or prompt the row has; for samples of lm-evaluation-harness, the problem at its index if it asks the
    row's question."""
    if name := next((ids[str(row[field])] for field in NAMES if str(row.get(field)) in ids), None):
        return name
    match row:
        case {"doc_id": int(place), "doc": dict(doc)} if 0 <= place < len(examples):
            questions = [str(doc[field]).strip() for field in (*NAMES, "problem", "Question") if doc.get(field)]
            asks = any(len(question) > SHORTEST and question in examples[place].prompt for question in questions)
            return examples[place].id if asks else next((ids[question] for question in questions if question in ids), None)
        case {"messages": [*_] as prompt} | {"input": prompt}:
            question = _last_question(prompt)
            matches = [example.id for example in examples if len(core := _question_of(example)) > SHORTEST and core in question]
            return matches[0] if len(matches) == 1 else None
    return None


def _question_of(example: BenchmarkExample) -> str:
    """Return the question of an example without the instruction to box the answer."""
    return example.prompt.removesuffix(BOX_PROMPT).strip()


def _texts(value: object, end: object) -> Iterator[tuple[str, object]]:
    """Yield the replies in a field with the reason why each ended: one, a list of them, nested lists as in lm-evaluation-harness, or a
    server's answers with their choices."""
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner, end)
    elif isinstance(value, dict):
        inner = next((value[name] for name in ("choices", "message", "content", "text", "completion") if name in value), "")
        yield from _texts(inner, value.get("stop_reason", value.get("finish_reason", end)))
    else:
        yield str(value or ""), end


COMMAND = Command("grade saved replies again, without sampling new ones", "evaluate", flags, run)
