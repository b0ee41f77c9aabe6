from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.codec import differences
from aha.errors import BadInput
from aha.protocols import Adam
from aha.recipes import RECIPES
from aha.settings import ELSEWHERE, check_types, flatten, override, resolve
from aha.stages.sft import Sft
from aha.template import Instruct, R1Zero


def judge(text: str) -> float:
    return float(len(text))


@dataclass(frozen=True)
class Holder:
    sft: Sft


@dataclass(frozen=True)
class Loss:
    kl: float = 0.001
    constant_length: int | None = None
    aggregation: Literal["seq-mean", "token-mean", "constant"] = "token-mean"

    def __post_init__(self) -> None:
        if self.aggregation == "constant" and self.constant_length is None:
            raise BadInput("constant needs a constant_length")


@dataclass(frozen=True)
class Short:
    pass


@dataclass(frozen=True)
class Long:
    words: int = 9


@dataclass(frozen=True)
class RewardPart:
    name: str
    reward: Callable[[str], float] = judge
    weight: float = 1.0


@dataclass(frozen=True)
class Rewards:
    parts: tuple[RewardPart, ...]


@dataclass(frozen=True)
class Learn:
    loss: Loss = Loss()
    template: Short | Long = Short()
    rewards: Rewards = Rewards((RewardPart("accuracy"), RewardPart("format")))
    betas: tuple[float, float] = (0.9, 0.95)
    samples: int = 8
    mask: bool = False
    extra: Long | None = None

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError("GRPO compares replies within a group, so it needs 2 or more")


@dataclass(frozen=True)
class Judge:
    k: int = 4
    sizes: tuple[int, ...] = field(default=(1, 2))


TREE: dict[str, object] = {"zero": Learn(), "evaluated": Judge()}


def changed(path: str, text: str) -> list[str]:
    return differences(flatten(TREE), flatten(override(TREE, [(path, text)])))


def refusal(path: str, text: str) -> str:
    with pytest.raises(BadInput) as caught:
        override(TREE, [(path, text)])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_leaf_has_a_path() -> None:
    assert flatten(TREE) == {
        "zero.loss.kl": 0.001,
        "zero.loss.constant_length": None,
        "zero.loss.aggregation": "token-mean",
        "zero.template": "Short",
        "zero.rewards.accuracy.name": "accuracy",
        "zero.rewards.accuracy.reward": f"{__name__}.judge",
        "zero.rewards.accuracy.weight": 1.0,
        "zero.rewards.format.name": "format",
        "zero.rewards.format.reward": f"{__name__}.judge",
        "zero.rewards.format.weight": 1.0,
        "zero.betas": [0.9, 0.95],
        "zero.samples": 8,
        "zero.mask": False,
        "zero.extra": None,
        "evaluated.k": 4,
        "evaluated.sizes": [1, 2],
    }


@pytest.mark.parametrize(
    ("path", "text", "change"),
    [
        ("zero.loss.kl", "0.01", "zero.loss.kl: 0.001 -> 0.01"),
        ("loss.kl", "1e-3", None),
        ("samples", "16", "zero.samples: 8 -> 16"),
        ("rewards.format.weight", "0", "zero.rewards.format.weight: 1.0 -> 0.0"),
        ("loss.constant-length", "100", "zero.loss.constant_length: None -> 100"),
        ("loss.constant_length", "none", None),
        ("loss.aggregation", "seq-mean", "zero.loss.aggregation: 'token-mean' -> 'seq-mean'"),
        ("mask", "yes", "zero.mask: False -> True"),
        ("betas", "0.8, 0.9", "zero.betas: [0.9, 0.95] -> [0.8, 0.9]"),
        ("sizes", "1,2,3", "evaluated.sizes: [1, 2] -> [1, 2, 3]"),
        ("zero.loss.kl", "0", "zero.loss.kl: 0.001 -> 0.0"),
    ],
)
def test_a_setting_is_read_as_its_field_says(path: str, text: str, change: str | None) -> None:
    assert changed(path, text) == ([change] if change else [])


def test_a_field_of_several_kinds_changes_its_kind_by_name() -> None:
    tree = override(TREE, [("template", "long")])
    assert flatten(tree)["zero.template"] == "Long"
    assert flatten(override(tree, [("template.words", "12")]))["zero.template.words"] == 12


def test_a_value_that_may_be_absent_can_come_and_go() -> None:
    there = override(TREE, [("extra", "Long")])
    assert flatten(there)["zero.extra.words"] == 9
    assert flatten(override(there, [("extra", "none")]))["zero.extra"] is None


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("samples", "many", "--zero.samples many: it takes a whole number"),
        ("samples", "2.5", "--zero.samples 2.5: it takes a whole number"),
        ("loss.kl", "nan", "--zero.loss.kl nan: it takes a finite number"),
        ("loss.aggregation", "mean", "--zero.loss.aggregation mean: it takes one of seq-mean, token-mean, constant"),
        ("loss.constant_length", "long", "--zero.loss.constant_length long: it takes a whole number or none"),
        ("mask", "perhaps", "--zero.mask perhaps: it takes true or false"),
        ("betas", "1", "--zero.betas 1: it takes a number, several separated by commas"),
        ("template", "tall", "--zero.template tall: it takes one of Short, Long"),
        ("samples", "1", "--zero.samples 1: GRPO compares replies within a group, so it needs 2 or more"),
        ("loss.kk", "1", "--loss.kk: there is no such setting; did you mean --loss.kl or"),
        ("rewards.accuracy.reward", "judge", "--zero.rewards.accuracy.reward: it is code, not a value"),
        ("zero", "1", "--zero: there is no such setting"),
    ],
)
def test_what_cannot_be_says_what_was_seen_and_what_would_be_right(path: str, text: str, says: str) -> None:
    assert refusal(path, text).startswith(says)


def test_of_many_settings_those_that_are_wrong_are_named() -> None:
    with pytest.raises(BadInput, match="^--sft.batch 0: batch is 0"):
        override(Holder(Sft("m", "d")), [("epochs", "3"), ("batch", "0"), ("max_tokens", "200"), ("seed", "1")])


def test_a_kind_that_is_named_again_keeps_its_settings_however_it_is_written() -> None:
    before = Holder(Sft("m", "d", template=Instruct(suffix="")))
    assert override(before, [("template", "instruct")]) == override(before, [("template", "Instruct")]) == before
    assert override(before, [("template", "r1-zero")]).sft.template == R1Zero()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": "2"}, "sft.epochs is '2': it takes a number"),
        ({"batch": 2.5}, "sft.batch is 2.5: it takes a whole number"),
        ({"save_every": True}, "sft.save_every is True: it takes a whole number"),
        ({"too_long": "leave"}, "sft.too_long is 'leave': it takes one of"),
    ],
)
def test_values_that_code_puts_in_are_of_their_field_s_type(change: dict[str, Any], words: str) -> None:
    stage = Sft("m", "d")
    for name, value in change.items():
        object.__setattr__(stage, name, value)
    with pytest.raises(BadInput, match=f"^mine.py: {words}"):
        check_types(Holder(stage), "mine.py")
    check_types(Holder(Sft("m", "d", epochs=2)), "mine.py")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"clip": 0.0}, "clip is 0.0: it has to be above 0"),
        ({"clip": -1.0}, "clip is -1.0: it has to be above 0"),
        ({"lr": "1e-5"}, "lr is '1e-5': it has to be a number"),
        ({"lr": 1.0, "weight_decay": 1.0}, "lr 1.0 x weight_decay 1.0: each of betas and the product is below 1"),
        ({"warmup_steps": -1}, "warmup_steps is -1: it has to be 0 or more"),
    ],
)
def test_rates_that_would_undo_the_weights_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Adam(**settings)


def test_an_adapter_s_settings_without_a_rank_are_refused() -> None:
    with pytest.raises(BadInput, match="--sft.lora.alpha 64: lora.rank is 0, so"):
        override(Holder(Sft("m", "d")), [("lora.alpha", "64")])
    assert override(Holder(Sft("m", "d")), [("lora.alpha", "64"), ("lora.rank", "8")]).sft.lora.alpha == 64


def test_a_name_that_two_stages_have_needs_its_stage() -> None:
    both: dict[str, object] = {"reason-rl": Learn(), "all-rl": Learn()}
    with pytest.raises(BadInput, match=r"2 stages have it; say which: --reason-rl.samples or --all-rl.samples"):
        override(both, [("samples", "4")])
    assert resolve(both, "samples", main="all-rl") == "all-rl.samples"
    assert resolve(both, "reason_rl.samples") == "reason-rl.samples"


def test_settings_that_only_fit_together_change_together() -> None:
    with pytest.raises(BadInput, match=r"^--zero.loss.aggregation constant: constant needs a constant_length$"):
        override(TREE, [("loss.aggregation", "constant")])
    tree = override(TREE, [("loss.aggregation", "constant"), ("loss.constant_length", "64")])
    assert flatten(tree)["zero.loss.constant_length"] == 64


def test_a_kind_may_be_chosen_after_the_settings_it_brings() -> None:
    tree = override(TREE, [("template.words", "5"), ("template", "Long")])
    assert flatten(tree)["zero.template.words"] == 5


@given(st.floats(0, 1e6), st.integers(2, 10**9), st.booleans(), st.sampled_from([None, 5]))
def test_what_flatten_wrote_override_reads_back(kl: float, samples: int, mask: bool, length: int | None) -> None:
    source = {"zero": Learn(loss=Loss(kl, length), samples=samples, mask=mask, template=Long(3), betas=(kl, 0.5))}
    target: dict[str, object] = {"zero": Learn()}
    assert override(target, flatten(source).items()) == source


@dataclass(frozen=True)
class Changing:
    longest: tuple[tuple[int, int], ...] = ()
    weights: tuple[tuple[str, int, float], ...] = ()


def test_values_by_step_are_typed_as_pairs():
    tree = override({"rl": Changing()}, [("longest", "8200:65536, 9000:100"), ("weights", "helpful:3:0.5")])
    assert (tree["rl"].longest, tree["rl"].weights) == (((8200, 65536), (9000, 100)), (("helpful", 3, 0.5),))
    assert override(tree, [("longest", "()")])["rl"].longest == ()
    assert override({"rl": Changing()}, [("longest", [[8200, 65536]])])["rl"].longest == ((8200, 65536),)


@pytest.mark.parametrize("typed", ["8200", "8200:many", "8200:1:2"])
def test_pairs_that_are_none_are_refused_with_their_form(typed):
    with pytest.raises(BadInput, match="it takes a whole number:a whole number, several separated by commas"):
        override({"rl": Changing()}, [("longest", typed)])


@dataclass(frozen=True)
class Optim:
    lr: float = 0.1


@dataclass(frozen=True)
class Trainer:
    optim: Optim = Optim()
    epochs: float = 1.0


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("learning_rate", "--optim.lr"),
        ("per_device_train_batch_size", "--questions, each with --samples replies"),
        ("use_vllm", "--engine vllm"),
        ("num_train_epochs", "--epochs"),
        ("output-dir", "--out"),
        ("dataset_name", "--problems, what is asked"),
    ],
)
def test_a_setting_of_another_trainer_is_answered_with_ours(path: str, ours: str) -> None:
    with pytest.raises(BadInput, match=f"--{path}: there is no such setting; here it is {ours}"):
        override({"sft": Trainer()}, [(path, "1")])


def test_each_name_of_other_trainers_is_answered_with_a_setting_that_a_recipe_has() -> None:
    """Or with a flag, or the reason why there is none; whatever sections stand before the name."""
    trees = [RECIPES[name]().tree for name in ("sft", "r1-zero")]
    for name, answer in ELSEWHERE.items():
        said = []
        for tree in trees:
            with suppress(BadInput):
                assert resolve(tree, name)  # a setting of ours
                said.append("ours")
                continue
            with pytest.raises(BadInput) as refusal:
                resolve(tree, f"trainer.{name}")
            said.append(str(refusal.value))
            if (place := re.search(r"here it is --([\w.]+)", said[-1])) and f"--{place[1]}" not in answer:
                assert resolve(tree, place[1])
        assert any(line == "ours" or "here it is" in line or "no such setting: " in line for line in said), (name, said)


@pytest.mark.parametrize(
    ("path", "why"), [("packing", ": rows are always packed"), ("load-in-4bit", ": weights of 4 or 8 bits are not trained")]
)
def test_a_setting_of_another_trainer_that_has_no_like_here_says_why(path: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"--{path}: there is no such setting{why}"):
        override({"sft": Trainer()}, [(path, "1")])
