"""The files around the code agree with each other and with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aha.settings import flatten
from aha.types import Number, Problem, Reply
from tests.house import ROOT

PROBLEM = Problem("sum-1", "maths", "1 + 2 = ?", "en", Number("3"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def pins() -> list[str]:
    return [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))


def dead_links(text: str, folder: Path) -> list[str]:
    """The relative links of a Markdown text that lead nowhere."""
    links = (link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text))
    return [link for link in links if link and "://" not in link and not (folder / link).exists()]


def unknown_targets(text: str) -> set[str]:
    return set(re.findall(r"`make ([a-z-]+)`", text)) - targets()


def test_constraints_are_versions_and_name_no_registry() -> None:
    assert [pin for pin in pins() if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin)] == []
    assert "://" not in read("constraints.txt")


def test_everything_that_is_installed_is_pinned() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    wanted = {name_of(each) for each in (*project["dependencies"], *extras["report"], *extras["test"])}
    assert wanted - {name_of(pin) for pin in pins()} == set()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\nexec make --keep-going test" in read(".ci/run")
    assert "make test" in read("README.md")


DOCUMENTS = sorted(str(file.relative_to(ROOT)) for file in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    assert dead_links(read(document), (ROOT / document).parent) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_that_are_named_exist(document: str) -> None:
    assert unknown_targets(read(document)) == set()


def test_the_code_in_the_guide_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", read("docs/guide.md"), flags=re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    changed = flatten(names["recipe"]().tree)
    assert (changed["zero.samples"], changed["zero.minibatches"]) == (16, 8)
    prices = names["Brevity"](most=400)(PROBLEM, [Reply("", None, None, tokens, "stop") for tokens in (0, 100, 400, 900)])
    assert prices == [1.0, 0.75, 0.0, 0.0]


def test_a_dead_link_and_an_unknown_command_are_caught() -> None:
    assert dead_links("[a](README.md) [b](nowhere.md) [c](https://example.org) [d](#here)", ROOT) == ["nowhere.md"]
    assert unknown_targets("`make test`, then `make tea`") == {"tea"}


def test_the_readme_is_told_in_both_languages() -> None:
    assert "README.zh-CN.md" in read("README.md")
    assert "README.md" in read("README.zh-CN.md")
    for said in ("make demo", "make test", "aha run r1-zero", "docs/demo.png", "<!-- demo:table -->"):
        assert said in read("README.md")
        assert said in read("README.zh-CN.md")
