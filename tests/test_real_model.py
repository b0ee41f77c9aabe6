"""The path of a real model: Qwen2's shape and vocabulary, random weights, real problems, through the command and on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aha.backends.hf import ModuleWeights, load_model, load_tokenizer
from aha.backends.local_backend import LocalBackend
from aha.batch import collate
from aha.cli import main
from aha.objectives import Advantages
from aha.protocols import Adam, Compute, DType
from aha.rundir import Record
from aha.tasks.rows import RowProblems
from aha.types import Group
from tests.qwen import NAMED, THINKS, VOCABULARY, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("AHA_DATA" not in os.environ, reason="AHA_DATA does not say where the real problems are"),
]
DATA = Path(os.environ.get("AHA_DATA", "."))
GSM8K = DATA / "math/gsm8k/train.jsonl"
RECIPE = '''
from dataclasses import dataclass, replace
from aha.recipes import r1_zero
from aha.rewards import Rewards, RewardPart
from aha.template import Instruct

@dataclass(frozen=True)
class Even:
    """1 where the letters' sum is even: splits the groups of any model."""
    def __call__(self, problem, replies):
        return [float(sum(map(ord, reply.text)) % 2 == 0) for reply in replies]

def recipe():
    base = r1_zero()
    rl = replace(base.stages[0][1], rewards=Rewards((RewardPart("even", Even()),)))
    return replace(base, name="even", stages=(("rl", rl),))
'''
INSTRUCT = RECIPE.replace('(RewardPart("even", Even()),))', '(RewardPart("even", Even()),)), template=Instruct(prefilled=True)')
SMALL = ("--questions", "4", "--samples", "4", "--minibatches", "2", "--compute.threads", "1", "--no-preflight")
TWO_ROLLOUTS = (*SMALL, "--steps", "4", "--sampling.max_tokens", "16", "--optim.lr", "0.003")


@dataclass(frozen=True)
class Run:
    """A finished run of two rollouts, and the model that it began with."""

    base: str
    out: Path

    @property
    def groups(self) -> list[list[Group]]:
        return [Record(self.out).groups(rollout) for rollout in (0, 1)]

    def sampler(self, rollout: int) -> str:
        """The weights that sampled the rollout's replies."""
        return self.base if rollout == 0 else str(self.out / f"checkpoints/{rollout - 1:06}")


def questions() -> list[str]:
    return [json.loads(line)["question"] for line in GSM8K.read_text(encoding="utf-8").splitlines()[:200]]


def few(path: Path) -> Path:
    """A file of the first hundred problems: every prompt is measured before a run begins."""
    path.write_text("\n".join(GSM8K.read_text(encoding="utf-8").splitlines()[:100]), encoding="utf-8")
    return path


def made(
    folder: Path, recipe: str, *more: str, chat_template: str | None = None, problems: Path | None = None, vocabulary: int = VOCABULARY
) -> Run:
    base = write(folder / "base", questions(), vocabulary, chat_template)
    (folder / "mine.py").write_text(recipe)
    problems = problems or few(folder / "few.jsonl")
    hook = sys.excepthook
    words = ["run", str(folder / "mine.py"), "--model", base, "--problems", str(problems), "--out", str(folder / "out"), "--json"]
    code = main([*words, *TWO_ROLLOUTS, *more])
    sys.excepthook = hook
    assert code == 0
    return Run(base, folder / "out")


FORMS = [("float32", VOCABULARY // 4), *(pytest.param((dtype, VOCABULARY), marks=pytest.mark.long) for dtype in ("float32", "bfloat16"))]


@pytest.fixture(scope="module", params=FORMS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DType, Run]]:
    threads = torch.get_num_threads()
    dtype, vocabulary = request.param
    yield dtype, made(tmp_path_factory.mktemp(dtype), RECIPE, "--compute.dtype", dtype, vocabulary=vocabulary)
    torch.set_num_threads(threads)


def learned(run: Run, sampler: str, groups: list[Group], dtype: DType) -> tuple[Tensor, Tensor]:
    """Each sampled token's log-probability as the engine recorded it and as a learner with those weights computes it."""
    batch = collate(groups, Advantages(), 1.0, "penalise")
    learner = LocalBackend(Compute(device="cpu", dtype=dtype)).learner(sampler, Adam(), reference=False)
    return batch.behaviour_M, learner.logprobs(batch, "policy")


# --- two rollouts -----------------------------------------------------------------------------------------------------


def test_two_rollouts_change_the_weights_and_split_groups_give_a_gradient(run: tuple[DType, Run]) -> None:
    metrics = Record(run[1].out).metrics()
    assert [line["step"] for line in metrics] == [2, 4]
    assert all(line["grad_norm"] > 0 and line["skipped"] == 0 and line["dead_groups"] < 1 for line in metrics)
    digests = [ModuleWeights(load_model(folder, torch.device("cpu"), torch.float32)).digest() for folder in map(run[1].sampler, range(3))]
    assert len(set(digests)) == 3


def test_the_engines_and_the_learners_log_probabilities_agree(
    run: tuple[DType, Run], record_property: Callable[[str, object], None]
) -> None:
    dtype, done = run
    for rollout, groups in enumerate(done.groups):
        sampled_M, computed_M = learned(done, done.sampler(rollout), groups, dtype)
        apart_M = (sampled_M - computed_M).abs()
        record_property(f"{dtype} rollout {rollout}", f"largest {apart_M.max():.2e}, mean {apart_M.mean():.2e}")
        print(f"{dtype} rollout {rollout}: largest {apart_M.max():.2e}, mean {apart_M.mean():.2e} of {len(apart_M)} tokens")
        assert len(apart_M) == 4 * 4 * 16 and apart_M.max() < (1e-4 if dtype == "float32" else 0.05)


def test_an_engine_that_kept_the_old_weights_would_be_found_out(run: tuple[DType, Run]) -> None:
    sampled_M, stale_M = learned(run[1], run[1].base, run[1].groups[1], run[0])
    assert (sampled_M - stale_M).abs().max() > 0.1


def test_ids_that_the_tokenizer_does_not_know_are_sampled_and_read_as_nothing(run: tuple[DType, Run]) -> None:
    tokens = [token for groups in run[1].groups for group in groups for said in group.completions for token in said.tokens]
    unknown = [token for token in tokens if token >= NAMED]
    vocabulary = json.loads((Path(run[1].base) / "config.json").read_text())["vocab_size"]
    assert len(unknown) / len(tokens) == pytest.approx(1 - NAMED / vocabulary, abs=0.1)
    assert load_tokenizer(run[1].base).decode(unknown) == ""


# --- other forms ------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_an_instruct_model_is_asked_in_its_own_words_with_the_thought_open(tmp_path: Path) -> None:
    done = made(tmp_path, INSTRUCT, "--steps", "2", chat_template=THINKS)
    tokenizer, group = load_tokenizer(done.base), Record(done.out).groups(0)[0]
    boxed = r"Please reason step by step, and put your final answer within \boxed{}."
    assert tokenizer.decode(group.prompt) == f"[user]{group.problem.question}\n{boxed}[assistant]<think>\n"
    assert group.problem.question in {problem.question for problem in RowProblems(str(GSM8K)).contents.problems}


@pytest.mark.long
def test_problems_in_the_form_of_math_are_read_and_asked(tmp_path: Path) -> None:
    done = made(tmp_path, RECIPE, "--steps", "2", "--against", "", problems=DATA / "math/math500/test.jsonl", vocabulary=NAMED)
    group = Record(done.out).groups(0)[0]
    assert f"User: {group.problem.question}. Assistant:" in load_tokenizer(done.base).decode(group.prompt)


# --- memory -----------------------------------------------------------------------------------------------------------

MEASURE = """
import re, sys
from pathlib import Path
import aha.commands.run, aha.reports, matplotlib.figure, jinja2
from aha.cli import main
from transformers import Qwen2ForCausalLM
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
code = main(sys.argv[1:])
print(peak() - before, file=sys.stderr)
sys.exit(code)
"""
BYTES = 4 + 4 + 4 + 4 + 8  # a weight: in the engine, the policy, the reference, its gradient, Adam's two moments


def _beyond_kib(folder: Path, vocabulary: int) -> int:
    """The most memory of a whole run of two rollouts beyond all weights, gradients and moments: 1,024 replies' tokens a step."""
    base = write(folder, questions(), vocabulary)
    (folder / "mine.py").write_text(RECIPE)
    words = ["run", str(folder / "mine.py"), "--model", base, "--problems", str(GSM8K), "--out", str(folder / "out"), "--json"]
    more = ["--minibatches", "1", "--steps", "2", "--sampling.max_tokens", "64"]
    exact = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**20), "OMP_NUM_THREADS": "1"}  # large tensors are given back at once
    command = [sys.executable, "-c", MEASURE, *words, *SMALL, *more]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=900, check=True, env=exact)
    weights = sum(weight.numel() for weight in load_model(base, torch.device("cpu"), torch.float32).parameters())
    return int(done.stderr.split()[-1]) - BYTES * weights // 1024


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
def test_a_vocabulary_four_times_as_large_takes_the_same_memory_beyond_the_weights(tmp_path: Path) -> None:
    """Both learn from slices of 64 MiB; whole logits of the trained tokens alone would be 148 MiB and 594 MiB. What the engine holds for
    one step of 16 rows grows with the vocabulary (9 MiB a copy at 151,936), but while it samples there is no gradient."""
    small, large = _beyond_kib(tmp_path / "small", VOCABULARY // 4), _beyond_kib(tmp_path / "large", VOCABULARY)
    print(f"beyond weights, gradients and moments: {small} KiB, {large} KiB with four times the vocabulary: x{large / small:.3f}")
    assert small > 64 * 1024 and large < 1.1 * small
