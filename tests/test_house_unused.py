"""Nothing stands in the package that nothing there uses: what only a test calls lives with the tests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tests.house import House, a_house, the_house

DEFINITION = re.compile(r"^(?:async )?(?:def|class) (\w+)|^([A-Za-z_]\w*)(?:: [^=\n]+)? = |^    def (_[a-z]\w*)", re.MULTILINE)
WORD = re.compile(r"\w+")


def unused(house: House) -> list[str]:
    """Functions, classes and constants of a module, and private methods, whose name stands nowhere but where it is defined. A private
    name of a module counts in its own file, every other in all of the package; a name that two things share escapes."""
    words = {module: Counter(WORD.findall(source.text)) for module, source in house.items()}
    everywhere = sum(words.values(), Counter[str]())
    return [
        source.at(source.text.count("\n", 0, start) + 1, f"{name} is used nowhere")
        for module, source in house.items()
        for name, start, private in definitions(source.text)
        if (words[module] if private else everywhere)[name] == 1 and not name.startswith("__")
    ]


def definitions(text: str) -> Iterator[tuple[str, int, bool]]:
    """Each name that a text defines, where, and whether only its own file can use it."""
    for match in DEFINITION.finditer(text):
        function, constant, method = match.groups()
        name = function or constant or method
        yield name, match.start(), method is None and name.startswith("_")


def test_every_definition_of_the_package_is_used_in_the_package() -> None:
    assert unused(the_house()) == []


def test_a_definition_that_nothing_uses_is_caught() -> None:
    files = {
        "aha.types": "MOST = 3\n_LEAST: int = 1\n\ndef double(x: int) -> int:\n    return 2 * x\n\nclass Box:\n    def _open(self): ...\n",
        "aha.text": "from aha.types import MOST, Box\n\n\ndef size(_LEAST=MOST) -> int:\n    return len(Box()) + size(2)\n",
    }
    assert [complaint.split(": ")[1] for complaint in unused(a_house(files))] == [
        "_LEAST is used nowhere",
        "double is used nowhere",
        "_open is used nowhere",
    ]
