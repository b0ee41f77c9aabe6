"""What a rank of a learner does in the tests that start several: `torchrun` runs this file, and rank 0 writes what it saw as JSON."""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from aha.backends.local_backend import LocalBackend
from aha.backends.mesh import Mesh, TensorFiles, local
from aha.backends.node import Node, join_ranks
from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, PolicyBatch, collate_documents, collate_scores
from aha.errors import BadInput, FailedBar
from aha.objectives import CrossEntropy, Grpo, Pairwise
from aha.protocols import Adam, Learner, Loss
from aha.protocols import Compute as Machine
from aha.recipes.sft import distillation
from aha.rundir import Record, RunDir, describe
from aha.stages.prefer import Prefer
from aha.stages.sft import Sft
from aha.tasks.examples import write_preference
from aha.types import Open, Pair, Problem
from tests.stages.small import Watching

LENGTHS = (9, 3, 20, 6, 14, 2, 17)
COMPUTE = Machine(device="cpu", micro_tokens=24, threads=1)
OPTIM = Adam(lr=1e-2, clip=1e9)


def rows(lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    draw = torch.Generator().manual_seed(3)
    return [torch.randint(61, (length,), generator=draw).tolist() for length in lengths]


def documents(packed: bool = False, lengths: tuple[int, ...] = LENGTHS) -> Batch:
    return collate_documents(rows(lengths), packed=packed)


def policy(learner: Learner) -> PolicyBatch:
    """Rows of one group as they would be sampled, with the reference's log-probabilities."""
    whole = documents()
    draw = torch.Generator().manual_seed(4)
    noise_M = 0.1 * torch.randn(whole.M, generator=draw)
    logp_M = learner.logprobs(whole, "policy")
    fields = (whole.tokens_N, whole.length_R, whole.trained_N, whole.weight_M, 1.0)
    group_R = torch.arange(whole.R) // 2
    return PolicyBatch(
        *fields, torch.randn(whole.M, generator=draw), logp_M, logp_M + noise_M, learner.logprobs(whole, "reference"), group_R
    )


def scored() -> Batch:
    return collate_scores(rows((9, 3, 20, 6, 14, 2)), [True, False] * 3, 2)


def steps(learner: Learner, kind: str) -> tuple[Batch, Loss]:
    match kind:
        case "packed":
            return documents(packed=True), CrossEntropy()
        case "few":
            return documents(lengths=(11,)), CrossEntropy()
        case "policy":
            return policy(learner), Grpo(kl=0.1)
        case "pairs":
            return scored(), Pairwise()
    return documents(), CrossEntropy()


def moved(machine: LocalBackend, model: str, kind: str, folder: Path) -> tuple[dict[str, float], Learner]:
    """One optimizer step, saved: the first moment is a tenth of the gradient."""
    learner = machine.learner(model, OPTIM, reference=kind == "policy", head="score" if kind == "pairs" else "lm")
    batch, loss = steps(learner, kind)
    if kind == "pairs":
        learner.update(batch, loss)  # a fresh head says 0 to all, and nothing below it is moved
    metrics = learner.update(batch, loss)
    folder.mkdir(parents=True)
    learner.save(folder)
    return metrics, learner


def apart(one: Path, other: Path) -> float:
    """The largest difference of two gradients, by the largest number of each weight's own (or a hundredth of the largest of all)."""
    first, second = TensorFiles(one, "optimizer"), TensorFiles(other, "optimizer")
    names = [name for name in first.file_of if name.endswith(".exp_avg")]
    assert first.file_of.keys() == second.file_of.keys() and names
    pairs = [(first.read(name, slice(None)), second.read(name, slice(None))) for name in names]
    largest = max(float(left.abs().max()) for left, _ in pairs)
    return max(float((left - right).abs().max()) / max(float(left.abs().max()), largest / 100) for left, right in pairs)


def contract(machine: Node, folder: Path, model: str, experts: str) -> dict[str, Any]:
    """One process beside the ranks: gradients, metrics, and going on from one another's checkpoints."""
    alone, seen = LocalBackend(COMPUTE), dict[str, Any]()
    for kind in ("rows", "packed", "few", "policy", "pairs", "experts"):
        start = experts if kind == "experts" else model
        one, single = moved(alone, start, kind, folder / kind / "one")
        two, shared = moved(machine, start, kind, folder / kind / "two")
        metrics = max(abs(one[name] - two[name]) / max(1e-3, abs(one[name])) for name in one)
        seen[kind] = {"gradient": apart(folder / kind / "one", folder / kind / "two"), "metrics": metrics, "names": [[*one], [*two]]}
        if kind == "policy":
            seen["resumed"] = resumed(alone, machine, model, folder, single, shared)
        if kind == "experts":
            stored = LocalBackend(COMPUTE).learner(str(folder / "experts/two"), OPTIM, reference=False)
            seen["digests"] = [shared.weights().digest(), stored.weights().digest()]
    return seen


def stages(machine: Node, folder: Path, model: str) -> dict[str, Any]:
    """Whole stages on one process beside the ranks."""
    return {kind: handed_over(stage, LocalBackend(COMPUTE), machine, folder / kind) for kind, stage in stages_of(folder, model).items()}


def stages_of(folder: Path, model: str) -> dict[str, Sft | Prefer]:
    """Four steps each of fine-tuning with rows side by side, of a preference, and of one of the paper's students."""
    sums = [(f"{a} + {b}", f"{a + b}", " ".join([f"{a} + {b} = {a + b}"] * (1 + a % 3))) for a in range(1, 4) for b in range(1, 5)]
    examples, pairs = folder / "examples.jsonl", folder / "pairs.jsonl"
    turns = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer, "reasoning_content": thought}]}
        for question, answer, thought in sums
    ]
    examples.write_text("".join(f"{json.dumps(row)}\n" for row in turns), encoding="utf-8")
    problems = [(Problem(question, "general", question, "en", Open()), answer, thought) for question, answer, thought in sums]
    pairs.write_text("".join(f"{write_preference(Pair(*row))}\n" for row in problems), encoding="utf-8")
    sft = Sft(model, str(examples), optim=OPTIM, epochs=1.0, batch=3, save_every=1, keep_last=4, stopping=None)
    (_, distil), *_ = distillation("distill-llama-8b", str(examples)).stages
    assert isinstance(distil, Sft)
    settings = {"model": model, "batch": 3, "epochs": 1.0, "save_every": 1, "keep_last": 4, "stopping": None, "optim": OPTIM}
    prefer = Prefer(model, str(pairs), optim=OPTIM, batch=3, held_out=0.0, save_every=1, keep_last=4)
    return {"sft": sft, "distil": replace(distil, **settings), "prefer": prefer}  # type: ignore[arg-type]


def handed_over(stage: Sft | Prefer, alone: LocalBackend, machine: Node, folder: Path) -> dict[str, Any]:
    """A stage on one process, and the same that goes from two ranks to one process and back, after two steps and another one."""
    stopping_places: dict[str, list[tuple[LocalBackend, int | None]]] = {
        "one": [(alone, None)],
        "two": [(machine, 0), (machine, 1), (alone, 2), (machine, None)],
    }
    for root, turns in stopping_places.items():
        for backend, last in turns:
            rundir = RunDir.open(folder / root, describe("test", {}, seeds={}, argv=()))
            with suppress(FailedBar):
                stage.run(backend, rundir, Watching(last))
            rundir.close()
    checkpoints = [folder / root / "checkpoints" for root in ("one", "two")]
    one, two = (Record(folder / root).metrics() for root in ("one", "two"))
    return {
        "gradient": apart(checkpoints[0] / "000001", checkpoints[1] / "000001"),
        "metrics": max(abs(mine["loss"] - theirs["loss"]) / mine["loss"] for mine, theirs in zip(one, two, strict=True)),
        "steps": [len(one), len(two)],
        "files": [sorted(path.name for path in (checkpoints[1] / f"00000{step}").glob("optimizer*")) for step in (1, 2, 3)],
    }


def resumed(alone: LocalBackend, machine: Node, model: str, folder: Path, single: Learner, shared: Learner) -> dict[str, Any]:
    """1 -> 2 -> 1 ranks beside 1 all the way."""
    batch = documents()
    shared.load(folder / "policy/one")
    one, two = single.update(batch, CrossEntropy()), shared.update(batch, CrossEntropy())
    shared.reset_reference()
    single.reset_reference()
    (folder / "again").mkdir()
    shared.save(folder / "again")
    back = alone.learner(model, OPTIM, reference=True)
    back.load(folder / "again")
    three, four = single.update(batch, CrossEntropy()), back.update(batch, CrossEntropy())
    close = [abs(first["loss"] - second["loss"]) / first["loss"] for first, second in ((one, two), (three, four))]
    names = sorted(path.name for path in (folder / "again").iterdir())
    reference = (single.logprobs(batch, "reference") - back.logprobs(batch, "reference")).abs().max().item()
    reloaded = LocalBackend(COMPUTE).learner(str(folder / "again"), OPTIM, reference=False)
    whole = (
        (reloaded.logprobs(batch, "policy") - LocalBackend(COMPUTE).learner(model, OPTIM, reference=False).logprobs(batch, "policy"))
        .abs()
        .max()
    )
    return {"loss": max(close), "files": names, "reference": reference, "moved": whole.item()}


def weigh(model: str) -> dict[str, Any]:
    """Bytes of this rank beside those of the whole, at each point of a step."""
    mesh = Mesh.of_group(torch.device("cpu"))
    learner = LocalBackend(COMPUTE).rank_learner(model, OPTIM, True, "lm", mesh)
    whole = {name: weight.numel() for name, weight in learner.parameters.items()}
    parts = {tuple(local(weight).shape) for weight in learner.parameters.values()}
    large = {tuple(weight.shape) for weight in learner.parameters.values() if weight.dim() == 2} - parts
    before = learner._step
    seen: dict[str, Any] = {"parameters": share(learner, dict(learner.parameters.items()), whole)}

    def step(norm: torch.Tensor, rate: float) -> None:
        seen["gradients"] = share(learner, {name: weight.grad for name, weight in learner.parameters.items()}, whole)
        seen["whole_tensors"] = living(large)
        before(norm, rate)

    learner._step = step  # type: ignore[method-assign]
    shares = learner.division.shares(documents())
    learner.learn(shares[mesh.rank], CrossEntropy())
    states = {name: learner.adam.state[learner.own_parameters[name]] for name in learner.parameters}
    seen["moments"] = share(learner, {name: state["exp_avg"] for name, state in states.items()}, whole)
    seen["reference"] = share(learner, dict(learner.reference.model.named_parameters()), whole)  # type: ignore[union-attr]
    seen["after"] = living(large)
    seen["passes"] = [share.count for share in shares]
    return seen


def share(learner: TorchLearner, tensors: dict[str, Tensor | None], whole: dict[str, int]) -> float:
    return sum(local(tensor).numel() for tensor in tensors.values() if tensor is not None) / sum(whole.values())


def living(shapes: set[tuple[int, ...]]) -> int:
    """How many tensors of a whole weight's shape hold memory, those that only stand for the parts of all ranks left out."""
    gc.collect()
    plain = [each for each in gc.get_objects() if type(each) in (Tensor, torch.nn.Parameter)]
    return sum(tuple(each.shape) in shapes and each.device.type == "cpu" and each.untyped_storage().size() > 0 for each in plain)


def refused() -> str:
    """What a rank that was started with another learning rate is told."""
    try:
        with join_ranks(COMPUTE, {"optim.lr": float(os.environ["RANK"])}, 60.0):
            return "nothing"
    except BadInput as error:
        return str(error)


def main() -> None:
    folder, model, experts, *ports = sys.argv[1:]
    rank = os.environ["RANK"]
    if not ports:
        with join_ranks(COMPUTE, {}, 60.0) as machine:
            if machine is not None:
                (Path(folder) / "seen.json").write_text(json.dumps(stages(machine, Path(folder), model)))
        return
    dist.init_process_group("gloo")
    seen = weigh(model)
    dist.destroy_process_group()
    os.environ["MASTER_PORT"] = ports[0]
    seen["refused"] = refused()
    os.environ["MASTER_PORT"] = ports[1]
    (Path(folder) / f"rank-{rank}.json").write_text(json.dumps(seen))
    with join_ranks(COMPUTE, {"optim.lr": 1.0}, 60.0) as machine:
        if machine is not None:
            (Path(folder) / "seen.json").write_text(json.dumps(contract(machine, Path(folder), model, experts)))


if __name__ == "__main__":
    main()
