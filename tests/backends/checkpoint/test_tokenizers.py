"""A tokenizer.json is a program of whoever made a model: what it may write is bounded, and what would end the process ends another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aha.backends.hf import load_tokenizer
from aha.backends.rendering import check_tokenizer
from aha.errors import BadInput
from tests.backends.checkpoint.damage import sound

ANY_LETTER = {"Regex": "."}
PAGE = "x" * 100_000
MARK = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def replaced(content: str, pattern: dict[str, str] = ANY_LETTER) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def single(*tokens: int, known: bool = True) -> dict[str, Any]:
    """What puts tokens before every text."""
    table = {"t": {"id": "t", "ids": list(tokens), "tokens": ["t"] * len(tokens)}} if known else {}
    parts = [{"SpecialToken": {"id": "t", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {"type": "TemplateProcessing", "single": parts, "pair": parts, "special_tokens": table}


HURTS: dict[str, tuple[dict[str, Any], str]] = {  # sections of the file, and what is said of them
    "a page a letter": ({"normalizer": replaced(PAGE)}, "more than 64 letters for one"),
    "a page between letters": ({"normalizer": replaced(PAGE, {"String": ""})}, "more than 64 letters for one"),
    "ten letters, nine times": (
        {"normalizer": {"type": "Sequence", "normalizers": [replaced("x" * 10)] * 9}},
        "more than 64 letters for one",
    ),
    "a page before each text": ({"normalizer": {"type": "Prepend", "prepend": PAGE}}, "letters before a text"),
    "a page a letter on the way back": ({"decoder": replaced(PAGE)}, "more than 64 letters for one"),
    "many tokens before each text": ({"post_processor": single(*[1] * 5_000)}, "tokens before or after every text"),
    "a token that is not in its table": ({"post_processor": single(known=False)}, "PanicException"),
    "a table that is none": ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, "Precompiled"),
    "a table that ends the process": ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w" + "A" * 1000}}, "it ended"),
    "more cut off than there is": ({"decoder": {"type": "Strip", "content": "a", "start": 10**9, "stop": 10**9}}, "out of bounds"),
    "pieces of no length": ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "chunk size"),
    "an expression that is none": (
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}},
        "(",
    ),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound(tmp_path_factory.mktemp("tokenizers") / "model")


def changed(source: Path, folder: Path, **sections: Any) -> Path:
    document = json.loads((source / "tokenizer.json").read_text())
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(document | sections))
    return path


@pytest.mark.parametrize("name", HURTS)
def test_a_tokenizer_that_hurts_is_one_line(name: str, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sections, says = HURTS[name]
    path = changed(model, tmp_path, **sections)
    with pytest.raises(BadInput) as refused:
        check_tokenizer(path)
    assert str(refused.value).startswith(f"{path}: the tokenizer cannot be used (") and says in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600
    assert capfd.readouterr() == ("", "")  # the library's own words stay where they were said


def test_steps_that_real_tokenizers_have_are_no_bombs(model: Path, tmp_path: Path) -> None:
    normalizers = [{"type": "Prepend", "prepend": "▁"}, {"type": "NFKC"}, replaced("▁", {"String": " "}), replaced(" ", {"Regex": " {2,}"})]
    decoders = [
        replaced(" ", {"String": "▁"}),
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    for sections in (
        {"normalizer": {"type": "Sequence", "normalizers": normalizers}},
        {"decoder": {"type": "Sequence", "decoders": decoders}},
    ):
        check_tokenizer(changed(model, tmp_path, **sections))


def test_a_tokenizer_that_draws_lots_is_refused(model: Path, tmp_path: Path) -> None:
    document = json.loads((model / "tokenizer.json").read_text())
    with pytest.raises(BadInput, match="dropout"):
        check_tokenizer(changed(model, tmp_path, model=document["model"] | {"dropout": 0.5}))


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"post_processor": single(4_000_000_000)}, "is token 4000000000 of the tokenizer, and the model has 280"),
        ({"added_tokens": [{"id": 256, "content": "q" * 5_000, **MARK}, {"id": 257, "content": "<|end|>", **MARK}]}, "has 5,000 letters"),
    ],
)
def test_tokens_that_no_model_has_are_one_line(sections: dict[str, Any], says: str, tmp_path: Path) -> None:
    folder = sound(tmp_path / "model")
    changed(folder, folder, **sections)
    with pytest.raises(BadInput) as refused:
        load_tokenizer(str(folder)).prompt("a")
    assert says in str(refused.value)
