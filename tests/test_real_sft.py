"""Fine-tuning a model of Qwen2's shape with a chat template on real solutions, through the command, against plain Hugging Face."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from aha.cli import main
from aha.rundir import Record
from aha.stages.sft import Sft
from tests.qwen import VOCABULARY, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("AHA_DATA" not in os.environ, reason="AHA_DATA does not say where the real problems are"),
]
GSM8K = Path(os.environ.get("AHA_DATA", ".")) / "math/gsm8k/train.jsonl"
ROWS, BATCH = 12, 5
CHAT = (
    "{% if messages[0]['role'] != 'system' %}[system]You help.\n{% endif %}"
    "{% for message in messages %}{{ '[' + message['role'] + ']' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|endoftext|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"
)
OPENS = CHAT.replace("'[assistant]'", "'[assistant]<think>\\n'")


def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in GSM8K.read_text(encoding="utf-8").splitlines()[:ROWS]]


def trained(folder: Path, chat: str, *more: str) -> tuple[str, Path]:
    base = write(folder / "base", [row["question"] + row["answer"] for row in rows()], VOCABULARY // 4, chat)
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    words = ["run", "sft", "--model", base, "--data", str(folder / "data.jsonl"), "--out", str(folder / "out"), "--json"]
    hook = sys.excepthook
    code = main([*words, "--batch", str(BATCH), "--optim.lr", "0.003", "--compute.threads", "1", "--stopping", "none", *more])
    sys.excepthook = hook
    assert code == 0
    return base, folder / "out"


def surprise(base: str, picked: list[dict[str, str]], opened: bool) -> float:
    """The loss as one writes it with Hugging Face: one conversation at a time, labels of -100 before the reply, a mean over all tokens."""
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    total, count = 0.0, 0
    for row in picked:
        asked = tokenizer.apply_chat_template([{"role": "user", "content": row["question"]}], add_generation_prompt=True, tokenize=False)
        said = ("" if opened else "<think>\n") + f"\n</think>\n\n{row['answer']}"  # an opened thought brings its new line
        prompt, reply = (tokenizer.encode(text, add_special_tokens=False) for text in (asked, said))
        tokens = torch.tensor([[*prompt, *reply, tokenizer.eos_token_id]])
        labels = tokens.clone()
        labels[:, : len(prompt)] = -100
        with torch.inference_mode():
            total += model(input_ids=tokens, labels=labels).loss.item() * (len(reply) + 1)
        count += len(reply) + 1
    return total / count


@pytest.mark.parametrize("opened", [pytest.param(False, marks=pytest.mark.long), True])
def test_the_first_steps_loss_is_that_of_plain_hugging_face_on_replies_alone(tmp_path: Path, opened: bool) -> None:
    base, out = trained(tmp_path, OPENS if opened else CHAT, "--template.prefilled", str(opened).lower())
    metrics, data = Record(out).metrics(), rows()
    assert len(metrics) == 5  # 12 twice, five a step
    first = [data[index] for index in Sft(base, "x", batch=BATCH).course(ROWS).picks(0)]
    assert metrics[0]["loss"] == pytest.approx(surprise(base, first, opened), rel=1e-5)
    assert metrics[-1]["loss"] < metrics[0]["loss"] and all(line["skipped"] == 0 for line in metrics)


def test_a_chat_template_that_opens_the_thought_is_told_from_one_that_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write(tmp_path / "base", ["a question"], VOCABULARY // 4, OPENS)
    hook = sys.excepthook
    code = main(["run", "sft", "--model", base, "--data", str(GSM8K), "--out", str(tmp_path / "out")])
    sys.excepthook = hook
    told = capsys.readouterr().err.splitlines()[-1]
    assert code == 2 and told.endswith("opens <think> itself: say so with --template instruct --template.prefilled true")
    assert not (tmp_path / "out").exists()
