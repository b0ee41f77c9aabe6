"""IFEval's checks beside those of lm-evaluation-harness, whose checker is the reference: how many verdicts differ, and on what.

    AHA_DATA=... python bench/ifeval.py [--made 10000] [--seed 0]

Every published reply in the data is judged strictly and loosely by both; then replies that are made by cutting published
texts into pieces and mixing them with what the checks look for, each against an instruction drawn from the published ones. The reference
needs lm-eval (its checker alone is enough), and NLTK's punkt_tab, which is written from the package that carries it. Instructions that the
reference draws at random, as where a letter is none of the alphabet, are left out. langdetect draws from the same seed on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from aha.grading.instructions import judge

Row = Mapping[str, Any]
SPICE = (
    *("\n", "\n\n", "\n\n***\n\n", "******", " * ", "* a point\n", "- a point\n", "1. ", "**", "*bold*", "**x y**", "[name]", "<<Title>>"),
    *("P.S. ", "P.P.S ", '"', "'", ", ", ". ", "! ", "? ", "...", " e.g. ", " U.S. ", " Dr. ", " etc. ", "NASA ", "OK, ", "I ", "A.", "。"),
    *(
        "```json\n",
        "```",
        "{}",
        '{"a": 1}',
        "My answer is yes.",
        "Section 1 ",
        "SECTION 2 ",
        "<<>>",
        "\t",
        "\u00a0",
        "”",
        "(",
        ")",
        " 3.50 ",
    ),
)


def published(folder: Path, draw: Random) -> tuple[list[Row], list[tuple[Row, str]]]:
    """The benchmark's prompts, and every published reply in the data: to its own prompt where that is one of the benchmark's, else to one
    that is drawn, since a checker only sees the reply."""
    rows = list(lines_of(folder / "ifeval/input_data.jsonl"))
    by_prompt = {row["prompt"]: row for row in rows}
    replies = []
    for path in sorted((folder / "ifeval").glob("responses_*.jsonl")):
        replies += [(by_prompt.get(each["prompt"]) or draw.choice(rows), each["response"]) for each in lines_of(path)]
    for path in sorted((folder / "arena_hard").glob("*/model_answer/*.jsonl")):
        said = [each["messages"][-1]["content"] for each in lines_of(path)]
        replies += [(draw.choice(rows), one["answer"] if isinstance(one, dict) else one) for one in said]
    for path in sorted((folder / "alpaca_eval").glob("*outputs*.json")):
        replies += [(draw.choice(rows), each["output"]) for each in json.loads(path.read_text(encoding="utf-8"))]
    return rows, replies


def lines_of(path: Path) -> Iterator[Any]:
    """The values of a file of JSON lines."""
    return (json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line)


def made_up(rows: list[Row], texts: list[str], count: int, seed: int) -> Iterator[tuple[Row, str]]:
    """Replies of pieces, for one instruction each."""
    draw = Random(seed)
    instructions = [(kind, given) for row in rows for kind, given in zip(row["instruction_id_list"], row["kwargs"], strict=True)]
    for _ in range(count):
        kind, given = draw.choice(instructions)
        spice = [*SPICE, *(str(word) for value in given.values() for word in (value if isinstance(value, list) else [value]) if word)]
        pieces = []
        for _ in range(draw.randint(1, 14)):
            text = draw.choice(texts)
            start = draw.randrange(max(1, len(text)))
            pieces += [text[start : start + draw.choice((5, 30, 120, 400))], draw.choice(spice)]
        reply = "".join(pieces)
        reply = draw.choice((reply, reply, reply, reply.upper(), reply.lower(), f'"{reply}"', reply.replace(",", "")))
        yield {"key": 0, "prompt": "", "instruction_id_list": [kind], "kwargs": [given]}, reply


def punkt_tab(root: Path) -> Path:
    """A folder of NLTK's data with Punkt's English parameters in it, in the form that NLTK reads."""
    from punkt import load_model

    english, folder = load_model("english"), root / "tokenizers/punkt_tab/english"
    folder.mkdir(parents=True)
    lines = {
        "abbrev_types.txt": sorted(english.abbrev_types),
        "sent_starters.txt": sorted(english.sent_starters),
        "collocations.tab": sorted("\t".join(pair) for pair in english.collocations),
        "ortho_context.tab": [f"{word}\t{int(flags)}" for word, flags in english.ortho_context.items()],
    }
    for name, rows in lines.items():
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def reference() -> Any:
    """lm-eval's own checker. SystemExit, with the reason, where it cannot be had."""
    if find_spec("lm_eval") is None or find_spec("immutabledict") is None:
        print("lm-eval is not installed: nothing to compare with (pip install lm-eval immutabledict)", file=sys.stderr)
        raise SystemExit(2)
    import langdetect
    import nltk

    nltk.data.path.insert(0, str(punkt_tab(Path(tempfile.mkdtemp()))))
    from lm_eval.tasks.ifeval import utils

    langdetect.DetectorFactory.seed = 0
    return utils


def drawn_at_random(row: Row) -> bool:
    """Whether the reference replaces a setting that it does not take by a random one."""
    letters = [given.get("letter") for given in row["kwargs"] if given.get("letter")]
    return any(not ("a" <= letter.lower() <= "z") for letter in letters)


def main() -> int:
    """Prints the counts of each set and of each kind that differs; exit code 1 where any does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--made", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if "AHA_DATA" not in os.environ:
        print("skipped: AHA_DATA is not set, which names the folder with ifeval/input_data.jsonl")
        return 0
    folder, theirs = Path(os.environ["AHA_DATA"]), reference()
    rows, replies = published(folder, Random(arguments.seed))
    sets = {"published": iter(replies), "made up": made_up(rows, [text for _, text in replies], arguments.made, arguments.seed)}
    apart: Counter[str] = Counter()
    for name, pairs in sets.items():
        count, kept, seconds = 0, 0, [0.0, 0.0]
        for row, reply in pairs:
            if drawn_at_random(row):
                continue
            given = theirs.InputExample(row["key"], row["instruction_id_list"], row["prompt"], row["kwargs"])
            start = time.process_time()
            strict = theirs.test_instruction_following_strict(given, reply).follow_instruction_list
            loose = theirs.test_instruction_following_loose(given, reply).follow_instruction_list
            middle = time.process_time()
            ours = judge(row["instruction_id_list"], row["kwargs"], reply)
            seconds = [seconds[0] + middle - start, seconds[1] + time.process_time() - middle]
            count, kept = count + 2 * len(strict), kept + sum(strict) + sum(loose)
            for kind, *verdicts in zip(row["instruction_id_list"], strict, loose, ours.strict, ours.loose, strict=True):
                if verdicts[:2] != verdicts[2:]:
                    apart[f"{name}, {kind}"] += 1
                    print(f"apart: {kind} {row['kwargs']} theirs {verdicts[:2]} ours {verdicts[2:]}: {reply[:300]!r}")
        print(
            f"{name}: {count:,} verdicts, {kept:,} kept; {sum(n for key, n in apart.items() if key.startswith(name))} instructions differ"
        )
        print(f"  processor seconds: theirs {seconds[0]:.1f}, ours {seconds[1]:.1f}")
    for key, number in sorted(apart.items()):
        print(f"{key}: {number}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
