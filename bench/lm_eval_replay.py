"""Stored replies through lm-evaluation-harness and through our own graders: are the verdicts equal?

    AHA_DATA=... python bench/lm_eval_replay.py --lm-eval /path/to/env/bin/python [--generate MODEL --limit 128 --tokens 1280]

The harness runs whole in an environment of its own (pip install lm-eval immutabledict langdetect nltk): `simple_evaluate`, its two tasks
with their rows taken from local files, and a model that says what is stored. IFEval: 541 published replies, by prompt and by instruction,
strictly and loosely, but for those with a letter that the harness replaces by a random one (`#`, `!`). GSM8K: the solutions of four models
to 660 of its problems, by the harness's `flexible-extract` (the last number).

With `--generate`, each side asks a model itself instead: IFEval's first rows, greedy, in float32; the harness by transformers, ours by
`aha eval ifeval`. Scores by prompt with 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def lines_of(path: Path) -> list[Any]:
    """The values of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def sets(data: Path) -> Iterator[tuple[str, list[dict[str, Any]], list[str]]]:
    """Each task's name, its rows, and the reply to each of them."""
    rows = lines_of(data / "ifeval/input_data.jsonl")
    replies = lines_of(data / "ifeval/responses_deepseek67B.jsonl")
    yield "ifeval", rows, [reply["response"] for reply in replies]
    solutions = lines_of(data / "outputs/gsm8k_example_solutions/example_model_solutions.jsonl")
    for model in MODELS:
        # The rows end in "A: 18"; the benchmark's own end in "#### 18", which is what the task reads.
        named = [{"question": row["question"], "answer": row["ground_truth"].replace("\nA: ", "\n#### ")} for row in solutions]
        yield f"gsm8k {model}", named, [row[model]["solution"] for row in solutions]


# --- theirs: runs in the harness's own environment ----------------------------------------------------------------------


def theirs(rows_file: Path, task: str) -> None:
    """Prints one JSON list of verdicts, in the order of the rows."""
    import langdetect
    import lm_eval
    from lm_eval.api.model import LM

    langdetect.DetectorFactory.seed = 0
    stored = json.loads(rows_file.read_text(encoding="utf-8"))

    class Replay(LM):  # type: ignore[misc]  # lm-eval is installed in another environment
        """Says what is stored, whatever it is asked: the requests come in the order of the rows."""

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            return [stored["replies"][request.doc_id] for request in requests]

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> list[Any]:
            raise NotImplementedError

        def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> list[Any]:
            raise NotImplementedError

    folder = rows_file.parent
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stored["rows"]), encoding="utf-8")
    split = {"ifeval": "train", "gsm8k": "test"}[task]
    own = Path(lm_eval.__file__).parent / f"tasks/{task}/{task}.yaml"
    text = f"include: {own}\ntask: {task}_local\ndataset_path: json\ndataset_name: null\ndataset_kwargs:\n  data_files:\n"
    text += f"    {split}: {folder / 'rows.jsonl'}\nnum_fewshot: 0\n"
    text += "training_split: null\nfewshot_split: null\n" if task == "gsm8k" else ""
    (folder / "local.yaml").write_text(text)
    from lm_eval.tasks import TaskManager

    chosen: dict[str, Any] = {"model": Replay()}
    if model := stored.get("model"):
        limits = f"do_sample=False,max_gen_toks={stored['tokens']}"
        chosen = {"model": "hf", "model_args": {"pretrained": model, "dtype": "float32"}, "gen_kwargs": limits}
        chosen |= {"apply_chat_template": True, "batch_size": 32, "device": "cpu"}
    result = lm_eval.simple_evaluate(
        **chosen, tasks=[f"{task}_local"], task_manager=TaskManager(include_path=str(folder)), log_samples=True, bootstrap_iters=0
    )
    samples = result["samples"][f"{task}_local"]
    if task == "gsm8k":
        samples = [sample for sample in samples if sample["filter"] == "flexible-extract"]
    samples.sort(key=lambda sample: sample["doc_id"])
    kinds = [f"{level}_level_{how}_acc" for how in ("strict", "loose") for level in ("prompt", "inst")]
    verdicts = [[sample[kind] for kind in kinds] if task == "ifeval" else bool(sample["exact_match"]) for sample in samples]
    (folder / "verdicts.json").write_text(json.dumps(verdicts))


# --- ours ---------------------------------------------------------------------------------------------------------------


def ours(task: str, rows: list[dict[str, Any]], replies: list[str]) -> list[Any]:
    """The verdicts of `aha eval` on the same replies."""
    from aha.evals.benchmarks import benchmark
    from aha.grading import Graders
    from aha.grading.instructions import judge
    from aha.template import ChatTemplate
    from aha.types import Right

    if task == "ifeval":
        results = [judge(row["instruction_id_list"], row["kwargs"], reply) for row, reply in zip(rows, replies, strict=True)]
        return [[all(result.strict), list(result.strict), all(result.loose), list(result.loose)] for result in results]
    chosen, template = benchmark("gsm8k"), ChatTemplate()
    assert chosen.read is not None
    examples = [chosen.read(row, "rows", place) for place, row in enumerate(rows)]
    with Graders() as graders:
        return [
            isinstance(chosen.grade_reply(example, template.read(reply, len(reply), "stop"), graders).grade, Right)
            for example, reply in zip(examples, replies, strict=True)
        ]


def generated(arguments: argparse.Namespace, root: Path, environment: dict[str, str]) -> None:
    """Prints both sides' scores on replies that each side sampled itself."""
    from aha.evals.intervals import wilson

    data, folder, sampling = Path(os.environ["AHA_DATA"]), root / "generated", ("--sampling.temperature", "0", "--sampling.max_tokens")
    folder.mkdir()
    rows = lines_of(data / "ifeval/input_data.jsonl")[: arguments.limit]
    stored = {"rows": rows, "replies": [], "model": arguments.generate, "tokens": arguments.tokens}
    (folder / "stored.json").write_text(json.dumps(stored))
    command = [arguments.lm_eval, __file__, "--theirs", str(folder / "stored.json"), "ifeval"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    their_verdicts = json.loads((folder / "verdicts.json").read_text())
    own = [sys.executable, "-m", "aha", "eval", "ifeval", "--model", arguments.generate, "--k", "1", "--problems", str(len(rows))]
    own += [*sampling, str(arguments.tokens), "--cache", "none", "--out", str(folder / "ours")]
    subprocess.run(own, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    graded = {sample["problem"]: sample["measures"] for sample in lines_of(folder / "ours/ifeval/samples.jsonl")}
    our_rights = [bool(graded[str(row["key"])]["prompt_strict"]) for row in rows]
    rights = {"theirs": [bool(verdict[0]) for verdict in their_verdicts], "ours": our_rights}
    for side, flags in rights.items():
        low, high = wilson(sum(flags) / len(flags), len(flags))
        print(f"{side:<7} prompts strict {sum(flags) / len(flags):.3f} ({low:.3f} to {high:.3f})")
    equal = sum(first == second for first, second in zip(*rights.values(), strict=True))
    print(f"{equal} of {len(rows)} verdicts equal")


def main() -> int:
    """Prints how many verdicts of each set are equal; exit code 1 where one of IFEval's is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--lm-eval",
        metavar="PYTHON",
        default=sys.executable,
        help="the interpreter of an environment that has lm-eval; this one if none is named",
    )
    parser.add_argument("--generate", metavar="MODEL", help="the folder of a model that each side asks itself")
    parser.add_argument("--limit", type=int, default=128, help="rows of IFEval to ask with --generate")
    parser.add_argument("--tokens", type=int, default=1_280, help="the most new tokens of a reply with --generate")
    parser.add_argument("--theirs", nargs=2, metavar=("FILE", "TASK"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.theirs:
        theirs(Path(arguments.theirs[0]), arguments.theirs[1])
        return 0
    if "AHA_DATA" not in os.environ or subprocess.run([arguments.lm_eval, "-c", "import lm_eval"], capture_output=True).returncode:
        print("AHA_DATA has to name the folder of the data, and --lm-eval the interpreter of an environment with lm-eval", file=sys.stderr)
        return 2
    from ifeval import drawn_at_random, punkt_tab  # type: ignore[import-not-found]  # the script beside this one

    code = 0
    with tempfile.TemporaryDirectory() as root:
        environment = {
            **os.environ,
            "NLTK_DATA": str(punkt_tab(Path(root) / "nltk")),
            "HF_DATASETS_CACHE": f"{root}/cache",
            "HF_HUB_OFFLINE": "1",
        }
        environment.pop("PYTHONPATH", None)
        if arguments.generate:
            generated(arguments, Path(root), environment)
            return 0
        for name, rows, replies in sets(Path(os.environ["AHA_DATA"])):
            task, folder = name.split()[0], Path(root) / name.replace(" ", "-")
            folder.mkdir()
            (folder / "stored.json").write_text(json.dumps({"rows": rows, "replies": replies}))
            command = [arguments.lm_eval, __file__, "--theirs", str(folder / "stored.json"), task]
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=1_800)
            their_verdicts, our_verdicts = json.loads((folder / "verdicts.json").read_text()), ours(task, rows, replies)
            drawn = {place for place, row in enumerate(rows) if task == "ifeval" and drawn_at_random(row)}
            pairs = enumerate(zip(their_verdicts, our_verdicts, strict=True))
            apart = [place for place, (their_verdict, our_verdict) in pairs if their_verdict != our_verdict and place not in drawn]
            right = [sum(verdict[0] if task == "ifeval" else verdict for verdict in side) for side in (their_verdicts, our_verdicts)]
            compared = len(rows) - len(drawn)
            equal = f"{compared - len(apart)} of {compared} verdicts equal"
            print(f"{name}: {len(rows)} replies, {equal}; right: theirs {right[0]}, ours {right[1]}")
            for place in apart[:20]:
                print(f"  apart, row {place}: theirs {their_verdicts[place]} ours {our_verdicts[place]}: {replies[place][-160:]!r}")
            code |= int(task == "ifeval" and bool(apart))
    return code


if __name__ == "__main__":
    sys.exit(main())
