"""`aha pretrain tiny`: makes the base model of the tiny world anew."""

from __future__ import annotations

from pathlib import Path

from aha.backends.local_backend import write_fresh
from aha.commands.choose import ResolvedRecipe, RunOptions
from aha.commands.graph import run
from aha.commands.terminal import Terminal
from aha.recipes.zero import CONTEXT, SHAPE, tiny_base
from aha.stages.pretrain import Pretrain
from aha.tasks import vocabulary


def pretrain(out: Path | None, settings: tuple[tuple[str, str], ...], argv: tuple[str, ...], terminal: Terminal) -> int:
    """Write a model with random weights beside `out`, train it stage by stage, and print where it is. The same command resumes a run that
    was stopped."""
    folder = out or Path("runs/tiny-base")
    fresh = folder.with_name(f"{folder.name}-fresh")
    recipe = tiny_base(str(fresh)).change(settings)
    narrow = dict(recipe.stages)["narrow"]
    assert isinstance(narrow, Pretrain)  # tiny_base made it
    vocabulary.save(fresh, CONTEXT)
    write_fresh({**SHAPE, **_tokens()}, fresh, narrow.seed)
    return run(ResolvedRecipe(recipe), RunOptions(folder, argv=argv), terminal)


def _tokens() -> dict[str, int | None]:
    """Return the settings of the model's configuration that depend on its tokenizer."""
    ids = vocabulary.build().get_vocab()
    end = ids[vocabulary.END]
    return {"vocab_size": len(ids), "eos_token_id": end, "bos_token_id": None, "pad_token_id": ids[vocabulary.PAD]}
