"""`aha pretrain tiny`: the base model of the tiny world, made anew."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from aha import pipeline
from aha.backends.laptop import Laptop, write_fresh
from aha.commands.choose import Chosen
from aha.commands.interrupts import Interrupts
from aha.commands.run import FREE, manifest
from aha.commands.terminal import Terminal
from aha.commands.together import Together
from aha.errors import BadInput
from aha.recipes.tiny_base import CONTEXT, SHAPE, tiny_base
from aha.rundir import RunDir
from aha.stages.pretrain import Pretrain
from aha.tasks import vocabulary
from aha.watchdog import Watchdog

STALL_S = 1800.0


def pretrain(name: str, out: Path | None, settings: tuple[tuple[str, str], ...], argv: tuple[str, ...], terminal: Terminal) -> int:
    """Writes a model with random weights, trains it, and says where it is. The same command goes on with a run that was stopped."""
    if name != "tiny":
        raise BadInput(f"{name}: only the tiny world's base is made here: aha pretrain tiny")
    folder = out or Path("runs/tiny-base")
    fresh = folder / "fresh"
    recipe = tiny_base(str(fresh)).change(settings)
    stage = dict(recipe.stages)["pretrain"]
    assert isinstance(stage, Pretrain)  # tiny_base made it
    rundir = RunDir.open(folder, manifest(Chosen(recipe), argv), free=FREE)
    try:
        terminal.folder = folder
        vocabulary.save(fresh, CONTEXT)
        write_fresh({**SHAPE, **_tokens()}, fresh, stage.seed)
        with ExitStack() as stack:
            interrupts = stack.enter_context(Interrupts())
            watchdog = stack.enter_context(Watchdog(folder, STALL_S))
            progress = stack.enter_context(terminal.progress(f"{recipe.name} in {folder}", stage.chunks))
            pipeline.run(recipe.stages, Laptop(recipe.compute), rundir, Together(interrupts, watchdog, progress))
        made = str(rundir.checkpoints()[-1].folder)
        terminal.tell("finished", model=made)
        terminal.say(made)
    finally:
        rundir.close()
    return 0


def _tokens() -> dict[str, int | None]:
    """What the model's configuration has to know of its tokenizer."""
    ids = vocabulary.build().get_vocab()
    end = ids[vocabulary.END]
    return {"vocab_size": len(ids), "eos_token_id": end, "bos_token_id": None, "pad_token_id": ids[vocabulary.PAD]}
