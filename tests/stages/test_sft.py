"""Supervised fine-tuning: its schedule by hand, its order, its end, and the same bits however often it is stopped."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from aha.backends.local_backend import LocalBackend, write_fresh
from aha.errors import BadInput, FailedBar
from aha.protocols import Adam, Compute, Continue, Sampling, Stop
from aha.rundir import RunDir, describe
from aha.stages.sft import Sft
from aha.stages.tokenized_examples import Stopping
from aha.tasks import vocabulary
from aha.template import Delimited, Instruct
from aha.types import Group
from tests.stages.small import SHAPE, Watching, fresh

STAGE = Sft("nowhere", "nothing", optim=Adam(lr=5e-5), batch=4)


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_the_rate_falls_along_half_a_cosine_from_the_peak_to_a_tenth_of_it() -> None:
    rates = [5e-5 * STAGE.rate_at(step, 5) for step in range(5)]
    # 0.1 + 0.9 (1 + cos x) / 2 at x = 0, 45, 90, 135 and 180 degrees
    assert rates == pytest.approx([5e-5, 5e-5 * 0.868198, 5e-5 * 0.55, 5e-5 * 0.231802, 5e-6], rel=1e-5)


def test_the_cosine_begins_where_the_warm_up_ends() -> None:
    warm = replace(STAGE, optim=Adam(lr=1.0, warmup_steps=2), final_rate=0.0)
    assert [warm.rate_at(step, 5) for step in range(5)] == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.0])  # the learner itself ramps 1/2, 1


def test_a_run_of_one_step_takes_the_peak() -> None:
    assert STAGE.rate_at(0, 1) == 1.0


@given(st.integers(2, 500), st.integers(0, 50), st.floats(0, 1))
def test_the_rate_never_rises_and_ends_at_its_final_share(steps: int, warmup: int, final: float) -> None:
    stage = replace(STAGE, optim=Adam(warmup_steps=warmup), final_rate=final)
    rates = [stage.rate_at(step, steps) for step in range(steps)]
    assert all(one >= other - 1e-12 for one, other in pairwise(rates)) and max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(final if warmup < steps - 1 else 1.0)


# --- the order --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.sampled_from([0.5, 1.0, 2.0, 2.5, 3.0]), st.integers(1, 50))
def test_every_example_is_imitated_as_often_as_there_are_epochs(examples: int, epochs: float, batch: int) -> None:
    stage = replace(STAGE, epochs=epochs, batch=batch)
    picked = [index for step in range(stage.steps(examples)) for index in stage.course(examples).picks(step)]
    counts = Counter(picked)
    assert len(picked) == round(examples * epochs)
    assert {counts[index] for index in range(examples)} <= {math.floor(epochs), math.ceil(epochs)}
    assert sorted(picked[:examples]) == list(range(examples)) or epochs < 1


def test_each_epoch_has_an_order_of_its_own_which_the_seed_decides() -> None:
    one, two = [[index for step in epoch for index in STAGE.course(40).picks(step)] for epoch in (range(10), range(10, 20))]
    assert sorted(one) == sorted(two) == list(range(40)) and one != two
    assert STAGE.course(40).picks(3) == STAGE.course(40).picks(3) != replace(STAGE, seed=1).course(40).picks(3)


def test_a_step_may_begin_in_one_epoch_and_end_in_the_next() -> None:
    assert len(STAGE.course(6).picks(1)) == 4 and set(STAGE.course(6).picks(0)) | set(STAGE.course(6).picks(1)[:2]) == set(range(6))
    assert [len(STAGE.course(5).picks(step)) for step in range(STAGE.steps(5))] == [4, 4, 2]  # 10 = 2 epochs of 5


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("batch", 0, "batch is 0"),
        ("epochs", 0.0, "epochs is 0.0"),
        ("final_rate", 1.5, "final_rate is 1.5"),
        ("max_tokens", 0, "max_tokens is 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(setting: str, value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        replace(STAGE, **{setting: value})


# --- a run ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fresh(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sums with their chains of thought, of different lengths."""
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    rows = [
        {
            "id": f"{a}+{b}",
            "messages": [
                {"role": "user", "content": f"what is {a} + {b} ?"},
                {"role": "assistant", "content": f"{a + b}", "reasoning_content": " ".join([f"{a} + {b} = {a + b}"] * (1 + a % 3))},
            ],
        }
        for a in range(1, 5)
        for b in range(1, 6)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def small(model: str, data: str) -> Sft:
    return Sft(model, data, optim=Adam(lr=1e-2), epochs=1.5, batch=4, save_every=3, stopping=Stopping(after=4, questions=3, least=0.0))


def ran(stage: Sft, root: Path, observer: Watching | None = None) -> list[dict[str, float]]:
    watching = observer or Watching()
    rundir = RunDir.open(root, describe("test", {}, seeds={}, argv=()))
    try:
        stage.run(LocalBackend(Compute(device="cpu", threads=1)), rundir, watching)
    finally:
        rundir.close()
    return watching.seen


def left(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in ("timings.jsonl", "lock", "manifest.json"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_a_run_learns_its_examples_and_says_how(model: str, data: str, tmp_path: Path) -> None:
    seen = ran(small(model, data), tmp_path / "run")
    assert len(seen) == 8 and [metrics["examples"] for metrics in seen] == [4] * 7 + [2]  # 30 = 1.5 epochs of 20
    assert [metrics["epoch"] for metrics in seen] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.5])
    assert seen[0]["loss"] == pytest.approx(math.log(1636), abs=0.1) and seen[-1]["loss"] < seen[0]["loss"] - 0.5
    assert [metrics["lr"] for metrics in seen] == pytest.approx([1e-2 * small(model, data).rate_at(step, 8) for step in range(8)])
    assert [number for number, metrics in enumerate(seen) if "stop_rate" in metrics] == [3]
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert audit["examples"] == audit["ended"] == 20 and audit["left_out"] == []


@dataclass
class Struck(Watching):
    """Breaks a run off in the middle of a step, as a crash does."""

    at: int = 0

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Stop:
        if number == self.at:
            raise RuntimeError("struck")
        return super().rollout(number, metrics, timings, groups)


def test_a_run_that_is_broken_off_again_and_again_ends_with_the_same_bits(model: str, data: str, tmp_path: Path) -> None:
    ran(small(model, data), tmp_path / "whole")
    for at in (1, 4, 7):  # before the first checkpoint, after the probe, in the last step
        with pytest.raises(RuntimeError, match="struck"):
            ran(small(model, data), tmp_path / "broken", Struck(at=at))
    ran(small(model, data), tmp_path / "broken")
    assert left(tmp_path / "broken") == left(tmp_path / "whole")


def test_a_run_goes_on_only_with_the_data_it_began_with(model: str, data: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_text(Path(data).read_text())
    with pytest.raises(FailedBar, match="enough was seen"):
        ran(small(model, str(copy)), tmp_path / "run", Watching(stop_after=3))
    copy.write_text(copy.read_text().replace("what is 1 + 1 ?", "what is 1 + 2 ?"))
    with pytest.raises(BadInput, match="its rows are not those that this run began with"):
        ran(small(model, str(copy)), tmp_path / "run")


def test_replies_that_never_end_are_told_after_the_first_steps_and_the_same_command_goes_on(model: str, data: str, tmp_path: Path) -> None:
    strict = replace(small(model, data), optim=Adam(lr=1e-9), stopping=Stopping(after=2, questions=4, least=1.0))
    with pytest.raises(FailedBar, match="after the first steps 0 % of the replies end by themselves, and 100 % have to"):
        ran(strict, tmp_path)
    assert len(ran(strict, tmp_path)) == 6


def test_a_probe_later_than_the_last_step_is_made_after_it(model: str, data: str, tmp_path: Path) -> None:
    seen = ran(replace(small(model, data), stopping=Stopping(after=99, questions=2, least=0.0)), tmp_path)
    assert "stop_rate" in seen[-1] and sum("stop_rate" in metrics for metrics in seen) == 1


def test_imitation_teaches_to_stop(model: str, tmp_path: Path) -> None:
    one = {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello"}]}
    path = tmp_path / "one.jsonl"
    path.write_text("".join(json.dumps(one | {"id": str(number)}) + "\n" for number in range(8)))
    probe = Stopping(after=99, questions=4, sampling=Sampling(max_tokens=30))
    seen = ran(Sft(model, str(path), optim=Adam(lr=3e-2), epochs=25.0, batch=4, stopping=probe), tmp_path / "run")
    assert seen[-1]["stop_rate"] == seen[-1]["stop_format"] == 1.0 and seen[-1]["stop_length"] == 4.0


# --- what is refused before anything is learned -----------------------------------------------------------------------


def test_a_row_beyond_the_models_positions_is_refused_with_what_would_help(model: str, data: str, tmp_path: Path) -> None:
    long = tmp_path / "long.jsonl"
    row = {
        "messages": [
            {"role": "user", "content": "sum ?"},
            {"role": "assistant", "content": "1", "reasoning_content": " ".join(["1 + 1"] * 40)},
        ]
    }
    long.write_text(json.dumps(row) + "\n" + Path(data).read_text())
    with pytest.raises(BadInput, match=r"1 of 21 examples are longer than 64 tokens \(the longest, long.jsonl:1, has 128\).*--too-long"):
        ran(small(model, str(long)), tmp_path / "run")
    assert not list((tmp_path / "run" / "checkpoints").iterdir())


def test_a_broken_line_is_named_by_file_and_line(model: str, data: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(Path(data).read_text() + '{"messages": [{"role": "us')
    with pytest.raises(BadInput, match=r"broken.jsonl, line 21: not JSON at character"):
        ran(small(model, str(broken)), tmp_path / "run")


def student(folder: Path, *, chat: bool = True, rows: int = 300) -> str:
    """A model with a tokenizer of its own: bytes, which knows no delimiter."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), decoders.ByteLevel()
    made.add_special_tokens([AddedToken("<|im_end|>", special=True, normalized=False), AddedToken("<|endoftext|>", special=True)])
    turns = (
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", chat_template=turns if chat else None).save_pretrained(folder)
    write_fresh({**SHAPE, "vocab_size": rows, "max_position_embeddings": 512, "eos_token_id": 257}, folder, seed=1)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [256, 257]}))
    return str(folder)


def test_a_student_with_another_tokenizer_learns_the_same_rows_in_its_own_tokens(data: str, tmp_path: Path) -> None:
    own = student(tmp_path / "student")
    tokenizer = LocalBackend().tokenizer(own)
    assert (tokenizer.stop, tokenizer.end) == ((256, 257), 256)  # what closes a turn, and not what ends a document
    seen = ran(replace(small(own, data), template=Instruct(suffix=""), stopping=None), tmp_path / "run")
    assert seen[-1]["loss"] < seen[0]["loss"] and (tmp_path / "run" / "checkpoints" / "000007" / "tokenizer.json").exists()


def test_a_student_whose_tokenizer_has_no_such_delimiter_is_told(data: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"template.token '<\|reasoning\|>' is 13 tokens for this model, and has to be one"):
        ran(replace(small(student(tmp_path / "student"), data), template=Delimited()), tmp_path / "run")


def test_a_student_without_a_chat_template_is_told(data: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the tokenizer has no chat template"):
        ran(replace(small(student(tmp_path / "student", chat=False), data), template=Instruct()), tmp_path / "run")


def test_a_tokenizer_with_more_tokens_than_the_model_is_not_its_own(data: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a reply ends with token 2\d\d, and the model has 100"):
        ran(replace(small(student(tmp_path / "student", rows=100), data), template=Instruct()), tmp_path / "run")


def test_the_tiny_worlds_tokenizer_ends_replies_with_its_end() -> None:
    assert LocalBackend().tokenizer("tiny").end == vocabulary.build().token_to_id(vocabulary.END)
