"""`aha show` and `aha diff`: every value, and who says so."""

from __future__ import annotations

import json

from aha.commands.choose import ResolvedRecipe
from aha.commands.terminal import Terminal
from aha.recipes import Recipe
from aha.recipes.assembly import derived_lines
from aha.redact import mask_setting
from aha.settings import flatten


def show(chosen: ResolvedRecipe, terminal: Terminal) -> int:
    """Each setting in one line: path, value, source; then what follows from them."""
    recipe = chosen.recipe
    values = masked_settings(recipe)
    if terminal.json:
        settings = {path: {"value": value, "source": recipe.source(path)} for path, value in values.items()}
        print(
            json.dumps(
                {"recipe": recipe.name, "about": recipe.about, "settings": settings, "derived": derived_lines(recipe)},
                ensure_ascii=False,
                indent=1,
            )
        )
        return 0
    terminal.say(f"{recipe.name}: {recipe.about}\n")
    wide, broad = max(map(len, values)), max(len(_text(value)) for value in values.values())
    for path, value in values.items():
        terminal.say(f"{path:{wide}}  {_text(value):{min(broad, 24)}}  {recipe.source(path)}")
    for line in derived_lines(recipe):
        terminal.say(f"\n[derived] {line}")
    return 0


def diff(first: ResolvedRecipe, second: ResolvedRecipe, terminal: Terminal) -> int:
    """The settings that differ, each with both sources. Exit code 0 also where there are some: it is an answer."""
    before, after = masked_settings(first.recipe), masked_settings(second.recipe)
    paths = [path for path in dict.fromkeys([*before, *after]) if path not in before or path not in after or before[path] != after[path]]
    if terminal.json:
        print(json.dumps({path: [before.get(path), after.get(path)] for path in paths}, ensure_ascii=False, indent=1))
        return 0
    for path in paths:
        terminal.say(path)
        for choice, values in ((first, before), (second, after)):
            line = f"{_text(values[path])}  {choice.recipe.source(path)}" if path in values else "not a setting"
            terminal.say(f"  {choice.recipe.name}: {line}")
    if not paths:
        terminal.say(f"{first.recipe.name} and {second.recipe.name} have the same settings")
    return 0


def masked_settings(recipe: Recipe) -> dict[str, object]:
    """Every setting, without the keys that a person put into one."""
    return {path: mask_setting(path, value) for path, value in flatten(recipe.tree).items()}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(":".join(map(str, item)) if isinstance(item, list) else str(item) for item in value)
    return "none" if value is None else str(value)
