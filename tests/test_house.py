"""Imports point down. Each rule is shown to hold for the package, and to fire on a made-up house that breaks it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.habits import GUESTS
from tests.house import ROOT, House, Import, Source, a_house, floors, imports, room_of, the_house, under

FLOORS = floors()
LIGHT = ("tasks", "grading", "rewards", "evals", "reports")
BRINGS_TORCH = ("torch", "torchvision", "transformers", "accelerate", "peft", "vllm", "safetensors.torch")
HOMES = {
    "backends": ("transformers", "vllm", "ray", "torch.distributed", "openai", "peft"),
    "serving": ("starlette", "uvicorn", "h11"),
    "grading": ("nltk", "punkt", "langdetect"),
}
COMMAND_LINE = ("cli", "commands", "__main__")


def arrows(house: House) -> Iterator[tuple[Source, Import, str, str]]:
    """Every import from one room to another: (file, import, from room, to room)."""
    for source in house.values():
        for each in imports(source, house):
            there = room_of(each.module)
            if source.room and there and there != source.room:
                yield source, each, source.room, there


def said(source: Source, each: Import) -> str:
    return source.at(each.line, f"imports {each.module}")


def climbing(house: House) -> list[str]:
    return [said(s, e) for s, e, here, there in arrows(house) if FLOORS[there] > FLOORS[here]]


def sideways(house: House) -> list[str]:
    return [said(s, e) for s, e, here, there in arrows(house) if FLOORS[there] == FLOORS[here]]


def between(house: House, here: tuple[str, ...], there: tuple[str, ...]) -> list[str]:
    return [said(s, e) for s, e, a, b in arrows(house) if a in here and b in there]


def uninvited(house: House, rooms: tuple[str, ...]) -> list[str]:
    return [said(s, e) for s, e, here, there in arrows(house) if there in rooms and here not in COMMAND_LINE]


def homeless(house: House) -> list[str]:
    return [
        said(source, each)
        for home, libraries in HOMES.items()
        for source in house.values()
        if source.room != home
        for each in imports(source, house)
        if under(each.module, *libraries)
    ]


def cycle(house: House) -> list[str]:
    graph = {module: {each.module for each in imports(source, house)} & house.keys() for module, source in house.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def torch_from(house: House, rooms: tuple[str, ...]) -> list[str]:
    """The files that bring torch, among all that the rooms' files import, their packages' `__init__` included."""
    waiting = [module for module, source in house.items() if source.room in rooms]
    seen, bringing = set(waiting), []
    while waiting:
        source = house[waiting.pop()]
        for each in imports(source, house):
            if under(each.module, *BRINGS_TORCH):
                bringing.append(said(source, each))
            parts = each.module.split(".")
            loaded = {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & house.keys()
            waiting += loaded - seen
            seen |= loaded
    return sorted(bringing)


def roomless(house: House) -> list[str]:
    return sorted({source.room for source in house.values()} - FLOORS.keys() - {""})


# --- the floors -------------------------------------------------------------------------------------------------------


def test_every_room_stands_on_a_floor_of_the_table() -> None:
    assert roomless(the_house()) == []


def test_a_room_that_the_table_does_not_know_is_caught() -> None:
    assert roomless(a_house({"aha.attic.boxes": "", "aha.types": ""})) == ["attic"]


def test_no_import_runs_up() -> None:
    assert climbing(the_house()) == []


def test_an_import_that_runs_up_is_caught_even_inside_a_function() -> None:
    assert climbing(a_house({"aha.types": "def late() -> None:\n    from aha.stages.rl import Rl"})) == [
        "aha.types.py:2: imports aha.stages.rl"
    ]


def test_an_import_by_name_at_run_time_is_caught_too() -> None:
    assert climbing(a_house({"aha.text": "import importlib\nimportlib.import_module('aha.cli')"})) == ["aha.text.py:2: imports aha.cli"]


def test_type_checking_excuses_only_the_four_names_that_protocols_needs() -> None:
    text = "if TYPE_CHECKING:\n    from aha.batch import Batch\n    from aha.stages import rl"
    assert climbing(a_house({"aha.protocols": text})) == ["aha.protocols.py:3: imports aha.stages"]
    assert climbing(a_house({"aha.template": text})) == ["aha.template.py:2: imports aha.batch", "aha.template.py:3: imports aha.stages"]


def test_rooms_on_one_floor_do_not_import_each_other() -> None:
    assert sideways(the_house()) == []


def test_a_neighbour_that_is_imported_is_caught() -> None:
    assert sideways(a_house({"aha.tasks.files": "from aha import grading", "aha.grading": ""})) == [
        "aha.tasks.files.py:1: imports aha.grading"
    ]


def test_no_imports_go_in_a_circle() -> None:
    assert cycle(the_house()) == []


def test_a_circle_is_caught_within_a_room_and_through_a_function() -> None:
    files = {"aha.evals.one": "import aha.evals.two", "aha.evals.two": "def late():\n    from aha.evals import one"}
    assert sorted(set(cycle(a_house(files)))) == ["aha.evals.one", "aha.evals.two"]


# --- the walls --------------------------------------------------------------------------------------------------------


def test_stages_never_import_backends() -> None:
    assert between(the_house(), ("stages", "pipeline"), ("backends",)) == []


def test_a_stage_that_knows_its_machine_is_caught() -> None:
    house = a_house({"aha.stages.rl": "from aha.backends.local_backend import LocalBackend"})
    assert between(house, ("stages",), ("backends",)) == ["aha.stages.rl.py:1: imports aha.backends.local_backend"]


def test_evals_never_import_rewards() -> None:
    assert between(the_house(), ("evals",), ("rewards", "objectives")) == []


def test_a_benchmark_that_asks_the_incentives_is_caught() -> None:
    house = a_house({"aha.evals.aime": "from aha.rewards import accuracy"})
    assert between(house, ("evals",), ("rewards",)) == ["aha.evals.aime.py:1: imports aha.rewards"]


def test_only_the_command_line_imports_recipes_and_reports() -> None:
    assert uninvited(the_house(), ("recipes", "reports")) == []


def test_a_stage_that_draws_its_own_report_is_caught() -> None:
    house = a_house({"aha.stages.rl": "from aha.reports import page", "aha.cli": "from aha.reports import page"})
    assert uninvited(house, ("recipes", "reports")) == ["aha.stages.rl.py:1: imports aha.reports"]


def test_heavy_libraries_have_one_home() -> None:
    assert homeless(the_house()) == []


@pytest.mark.parametrize(
    "line", ["import transformers", "from torch import distributed", "import torch.distributed as dist", "from openai import OpenAI"]
)
def test_a_heavy_library_outside_its_home_is_caught(line: str) -> None:
    assert len(homeless(a_house({"aha.stages.rl": line, "aha.backends.hf": line}))) == 1


def test_a_web_server_outside_serving_is_caught() -> None:
    line = "from starlette.requests import Request"
    assert len(homeless(a_house({"aha.commands.serve": line, "aha.serving.access": line}))) == 1


# --- no torch in the light rooms --------------------------------------------------------------------------------------


def test_no_import_of_the_light_rooms_leads_to_torch() -> None:
    assert torch_from(the_house(), LIGHT) == []


def test_torch_two_imports_away_is_caught() -> None:
    files = {
        "aha.rewards.late": "from aha.tasks import maths",
        "aha.tasks": "",
        "aha.tasks.maths": "def f():\n    from torch import Tensor",
    }
    assert torch_from(a_house(files), ("rewards",)) == ["aha.tasks.maths.py:2: imports torch.Tensor"]


def test_torch_in_the_init_of_a_package_is_caught() -> None:
    files = {"aha.rewards": "from aha.grading.maths import f", "aha.grading": "import torch", "aha.grading.maths": ""}
    assert torch_from(a_house(files), ("rewards",)) == ["aha.grading.py:1: imports torch"]


def loaded_with(statements: str) -> str:
    """ "torch" if a fresh interpreter that runs the statements has loaded it, else ""."""
    script = f"import sys\n{statements}\nprint('torch' if 'torch' in sys.modules else '')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_importing_every_light_room_leaves_torch_unloaded() -> None:
    modules = [module for module, source in the_house().items() if source.room in LIGHT and not under(module, *GUESTS)]
    assert modules
    assert loaded_with("\n".join(f"import {module}" for module in modules)) == ""


def test_a_loaded_torch_is_seen() -> None:
    assert loaded_with("import types; sys.modules['torch'] = types.ModuleType('torch')") == "torch"
