"""`aha plan`, `--fit`, memory that runs out, trackers and `aha export`, through the command line."""

from __future__ import annotations

import json
import resource
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from aha.backends.native import steps_for
from aha.backends.torch_learner import TorchLearner
from aha.cli import main
from aha.codec import encode
from aha.commands.choose import ResolvedRecipe
from aha.commands.fitting import fix_kernels, is_out_of_memory
from aha.commands.plan import stage_lines
from aha.durable import seal
from aha.plan import machine, plan_stage, read_shape
from aha.plan.machines import GIB, Machine
from aha.protocols import Compute, DType
from aha.recipes.zero import zero
from aha.rundir import Manifest
from aha.rundir.manifest import Setting, describe
from tests.commands.conftest import Aha, write_problems

SMALL = ("--questions", 4, "--samples", 4, "--minibatches", 2, "--steps", 4, "--sampling.max_tokens", 8, "--compute.device", "cpu")


def test_a_plan_names_each_part_and_the_seconds(aha: Aha) -> None:
    done = aha("plan", "zero", "--hardware", "cpu", "--no-measure", "--json")
    assert done.code == 0, done.err
    stage = json.loads(done.out)["stages"][0]
    assert {"weights", "gradient", "Adam", "reference", "engine", "cache", "activations", "logits"} <= stage["memory"].keys()
    assert stage["fits"] and stage["seconds"] > 0 and stage["unit"] == "rollout"


@pytest.mark.long
def test_a_plan_measures_this_machine_and_says_what_to_turn(aha: Aha) -> None:
    done = aha("plan", "r1-zero", "--model", "70b", "--hardware", "auto")
    assert done.code == 0, done.err
    assert "measured now" in done.out and "it does not fit" in done.out and "Llama-3.3-70B" in done.out


def test_without_a_recipe_there_is_the_table_and_the_papers_run(aha: Aha) -> None:
    done = aha("plan")
    assert done.code == 0, done.err
    assert "DeepSeek-V3-Base" in done.out and "512 H800" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan", "r1-zero"), "needs a model to know how large it is"),
        (("plan", "r1-zero", "--model", ""), "needs a model to know how large it is"),
        (("show", "r1-zero", "--fit", "cpu"), "needs a model to know how large it is"),
        (("plan", "zero", "--hardware", "abacus"), "abacus: there is no such machine"),
        (("plan", "zero", "--hardware", "cluster(nodes=0)"), "with 1 or more of each"),
        (("plan", "r1-zero", "--model", "some/where"), "its config.json is not here"),
        (("run", "zero", "--log", "abacus"), "invalid choice"),
        (("export", "nowhere"), "no manifest.json in it"),
        (("track", "nowhere", "--to", "tensorboard"), "nowhere" if find_spec("tensorboard") else "pip install 'aha[tensorboard]'"),
    ],
)
def test_bad_input_is_one_line(aha: Aha, words: tuple[object, ...], told: str) -> None:
    done = aha(*words)
    assert done.code == 2 and told in done.err and done.err.count("\n") == 1, done.err


def test_eight_questions_take_eight_mini_batches(aha: Aha) -> None:
    done = aha("show", "r1-zero", "--questions", 8, "--json")
    settings = json.loads(done.out)["settings"]
    assert settings["rl.minibatches"] == {"value": 8, "source": "[derived: as many as there are rl.questions]"}


def test_fit_says_where_its_values_come_from_and_is_not_derived_again(
    aha: Aha, model: str, problems: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: tuple[object, ...] = ("run", "r1-zero", "--model", model, "--problems", problems, "--fit", "cpu", "--samples", 4, "--steps", 2)
    fitted = (*fitted, "--compute.device", "cpu", "--sampling.max_tokens", 8, "--template", "short", "--questions", 4, "--out", "fitted")
    fitted = (*fitted, "--no-preflight")
    done = aha(*fitted)
    assert done.code == 0, done.err
    settings = json.loads(Path("fitted/manifest.json").read_text())["settings"]
    derived = {path: setting["value"] for path, setting in settings.items() if setting["source"] == "[derived: memory]"}
    assert derived["compute.dtype"] == "float32" and derived["compute.micro_tokens"] == 1_024
    assert settings["rl.questions"]["source"] == "user"
    monkeypatch.setattr("aha.commands.plan.machine", lambda name: machine("80gb"))  # the run has moved
    again = aha(*fitted)
    assert again.code == 0 and "finished" in again.err, again.err
    plan = json.loads(Path("fitted/plan.json").read_text())
    assert plan["peak"] > 100 << 20 and plan["predicted"]["rl"]["peak"] > 0
    assert "Memory and time" in Path("fitted/report.html").read_text()


@pytest.mark.skipif(steps_for("auto", 0) is None, reason="no C++ compiler is installed")
@pytest.mark.parametrize("first", [None, "straight", "compiled"])
def test_a_run_keeps_the_kernels_that_it_began_with(first: str | None, tmp_path: Path) -> None:
    chosen = ResolvedRecipe(zero())
    assert fix_kernels(chosen, tmp_path).recipe.compute.kernels == "compiled"
    settings = {} if first is None else {"compute.kernels": Setting(first)}  # a run of a version without kernels had "straight" ones
    document = encode(describe("zero", settings, seeds={}, argv=[]), Manifest)
    (tmp_path / "manifest.json").write_bytes(seal(document, indent=2))
    assert fix_kernels(chosen, tmp_path).recipe.compute.kernels == (first or "straight")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(MemoryError(), marks=pytest.mark.long),
        pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), marks=pytest.mark.long),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_memory_that_runs_out_is_one_line_and_loses_nothing(
    aha: Aha, model: str, problems: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    command = ("run", "r1-zero", "--model", model, "--problems", problems, *SMALL, "--template", "short", "--no-preflight", "--out", "run")
    plain, calls = TorchLearner.update, []

    def failing(self: TorchLearner, *args: object, **others: object) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 3:
            raise error
        return plain(self, *args, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(TorchLearner, "update", failing)
    done = aha(*command)
    assert done.code == 71 and done.err.strip().splitlines()[-1].startswith("aha: memory ran out"), done.err
    assert "Traceback" not in done.err and "--compute." in done.err
    monkeypatch.setattr(TorchLearner, "update", plain)
    again = aha(*command, "--compute.micro_tokens", 256)
    assert again.code == 0, again.err


def test_other_errors_are_no_lack_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("shapes differ")) and not is_out_of_memory(ValueError("out of memory"))


# --- trackers and export ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The directory of a run, and the problems that it was asked."""
    folder, hook = tmp_path_factory.mktemp("finished"), sys.excepthook
    rows = write_problems(folder)
    words = (
        "run",
        "r1-zero",
        "--model",
        model,
        "--problems",
        rows,
        *SMALL,
        "--template",
        "short",
        "--no-preflight",
        "--out",
        folder / "run",
    )
    assert main(list(map(str, words))) == 0
    sys.excepthook = hook
    return folder / "run", rows


@pytest.fixture
def done(aha: Aha, finished: tuple[Path, Path], tmp_path: Path) -> Path:
    shutil.copytree(finished[0], tmp_path / "run")
    return Path("run")


@pytest.mark.parametrize("target", ["checkpoints/000009", "checkpoints/000000/x", "groups/x"])
def test_nothing_is_written_among_the_files_that_a_run_is_checked_by(aha: Aha, done: Path, target: str) -> None:
    for words in (("export", done, "--to"), ("eval", "countdown", "--model", "m", "--out")):
        said = aha(*words, f"{done}/{target}")
        assert said.code == 2
        assert "holds what a run wrote, and nothing else may be in it; name a folder elsewhere" in said.err
    assert aha("check", done).code == 0


def test_an_export_that_fails_leaves_nothing_behind(aha: Aha, done: Path) -> None:
    before = set(Path.cwd().iterdir())
    no_repository = aha("export", done, "--to", "out", "--upload", "no name")
    assert (no_repository.code, "form OWNER/NAME" in no_repository.err) == (2, True)
    Path("full").mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        full = aha("export", done, "--to", "full/out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    assert (full.code, full.err.count("\n")) == (74, 1), full.err
    assert set(Path.cwd().iterdir()) - before == {Path("full").absolute()} and not list(Path("full").iterdir())


def test_an_export_is_a_model_with_its_card_and_nothing_of_the_optimizer(
    aha: Aha, done: Path, model: str, finished: tuple[Path, Path]
) -> None:
    result = {"benchmark": "sums", "pass@1": 0.25, "ci95": [0.1, 0.4]}
    Path("result.json").write_text(json.dumps(result))
    exported = aha("export", done, "--to", "out", "--licence", "apache-2.0", "--scores", "result.json")
    assert exported.code == 0, exported.err
    names = {path.name for path in Path("out").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= names
    assert not names & {"optimizer.safetensors", "reference.safetensors", "learner.json", "progress.json", "sha256.json"}
    card = Path("out/README.md").read_text()
    assert 'license: "apache-2.0"' in card and model in card and str(finished[1]) in card
    assert card.splitlines()[6] == "# run" and "base_model" not in card  # the base is a folder of this machine
    assert "| sums | pass@1 | 0.25 |" in card and "0.1 to 0.4" in card and "`rl.questions` | 4 | user" in card
    AutoModelForCausalLM.from_pretrained("out")
    AutoTokenizer.from_pretrained("out")
    again = aha("export", done, "--to", "out")
    assert again.code == 2 and "it is there already" in again.err


def test_a_card_says_what_is_unknown(aha: Aha, done: Path) -> None:
    assert aha("export", done, "--to", "bare").code == 0
    card = Path("bare/README.md").read_text()
    assert "license:" not in card and "Unknown: neither the base's folder nor" in card


def test_the_card_of_a_graphs_stage_has_its_name_and_its_base_on_the_hub(aha: Aha, done: Path, model: str) -> None:
    manifest = json.loads((done / "manifest.json").read_text())
    del manifest["crc"]  # it is edited here
    manifest["recipe"] = "stage rl"
    text = json.dumps(manifest).replace(json.dumps(model), json.dumps("owner/name"))
    (done / "manifest.json").write_text(text)
    Path("rl").mkdir()
    done.rename("rl/0123456789ab")
    exported = aha("export", "rl/0123456789ab", "--to", "out")
    assert exported.code == 0, exported.err
    card = Path("out/README.md").read_text()
    assert "\n# rl\n" in card and 'base_model:\n- "owner/name"\n' in card


def test_a_checkpoint_that_is_not_there_is_named(aha: Aha, done: Path) -> None:
    missing = aha("export", done, "--checkpoint", 99)
    assert missing.code == 2 and "--checkpoint 99: there is none; there are" in missing.err


def test_tensorboard_reads_what_the_run_wrote(aha: Aha, done: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # who reads again writes anew
        assert aha("track", done, "--to", "tensorboard").code == 0
    read = events.EventAccumulator(str(done / "tensorboard"))
    read.Reload()
    metrics = [json.loads(line) for line in (done / "metrics.jsonl").read_text().splitlines()]
    assert [event.step for event in read.Scalars("grad_norm")] == [line["rollout"] for line in metrics]
    assert [event.value for event in read.Scalars("grad_norm")] == pytest.approx([line["grad_norm"] for line in metrics])


@pytest.mark.parametrize(
    ("dtype", "rate", "line"), [("float32", 2e11, "2.0 times as fast"), ("float32", 1e11, ""), ("bfloat16", 5e10, "2.0 times slower")]
)
def test_the_plan_names_the_type_in_which_the_machine_multiplies_faster(dtype: DType, rate: float, line: str) -> None:
    machine = Machine("two cores", "cpu", 16 * GIB, {"float32": 1e11, "bfloat16": rate}, 2e10, 4e-6, measured=True)
    plan = plan_stage("rl", dict(zero().stages)["zero"], Compute(dtype=dtype), read_shape("0.5b"), machine)
    assert plan is not None
    named = [text for text in stage_lines(plan) if "times" in text]
    assert line in " ".join(named) and bool(named) == bool(line)
