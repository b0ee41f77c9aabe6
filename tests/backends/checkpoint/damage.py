"""Every file of a checkpoint times every kind of damage: what a broken download, a careless edit or a hostile hand leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

CODE_RAN = "code-ran"  # a file that code of a model would leave in the folder
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 135000000\n"
CODE = f"from pathlib import Path\nPath(__file__).with_name({CODE_RAN!r}).touch()\n"
VALUES: tuple[Any, ...] = (None, True, -1, 0, 3, 10**12, 10**30, 1.5, 1e308, "x", "../x", [], [1], {}, {"x": 1})
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
Must = Literal["refuse", "either"]


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong. "either": it may be harmless, and then the model has to speak as before or at least in numbers."""

    name: str
    do: Callable[[Path], object]
    must: Must = "either"


def sound(folder: Path, shards: int = 1, tied: bool = False) -> Path:
    """A model in Hugging Face format that nothing is wrong with."""
    folder.mkdir(parents=True)
    sizes: dict[str, Any] = {
        "vocab_size": 280,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = LlamaConfig(**sizes, num_key_value_heads=2, max_position_embeddings=64, eos_token_id=257, bos_token_id=256, pad_token_id=257)
    config.tie_word_embeddings = tied
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder, max_shard_size="1GB" if shards == 1 else f"{60 // shards}KB")
    _tokenizer().save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "bos_token": "<|begin|>", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps({**named, "chat_template": TEMPLATE}))
    return folder


def _tokenizer() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.add_special_tokens(["<|begin|>", "<|end|>"])
    return made


def damages(folder: Path) -> Iterator[Damage]:
    """All that can go wrong with this folder."""
    for path in sorted(folder.iterdir()):
        yield from _of_files(path.name)
        if path.suffix == ".json":
            yield from _of_json(path)
    yield from _of_weights(folder)
    yield from _of_headers(folder)
    if (folder / "model.safetensors.index.json").exists():
        yield from _of_index(folder)
    yield from _of_code(folder)


# --- any file ---------------------------------------------------------------------------------------------------------


def _of_files(name: str) -> Iterator[Damage]:
    must: Must = "either" if name == "generation_config.json" else "refuse"
    for tenth in range(10):
        yield Damage(f"{name} cut at {tenth}/10", partial(_cut, name, tenth), "refuse")
    yield Damage(f"{name} is missing", lambda at: (at / name).unlink(), "either" if name in OPTIONAL else must)
    yield Damage(f"{name} is all zeros", lambda at: (at / name).write_bytes(bytes((at / name).stat().st_size)), "refuse")
    yield Damage(f"{name} is noise", lambda at: (at / name).write_bytes(bytes(i * 37 % 251 for i in range(5000))), "refuse")
    yield Damage(f"{name} is a pointer", lambda at: (at / name).write_text(LFS), "refuse")
    yield Damage(f"{name} is a folder", partial(_replaced, name, lambda path: path.mkdir()), "refuse")
    yield Damage(f"{name} is a link to itself", partial(_replaced, name, lambda path: path.symlink_to(path.name)), "refuse")
    yield Damage(f"{name} is a link to nothing", partial(_replaced, name, lambda path: path.symlink_to("nowhere")), "refuse")
    yield Damage(f"{name} is endless", partial(_replaced, name, lambda path: path.symlink_to("/dev/zero")), "refuse")
    yield Damage(f"{name} is a pipe", partial(_replaced, name, os.mkfifo), "refuse")
    yield Damage(f"{name} is huge", partial(_huge, name), "refuse")
    if os.getuid() != 0:
        yield Damage(f"{name} may not be read", lambda at: (at / name).chmod(0), "refuse")


OPTIONAL = ("generation_config.json", "tokenizer_config.json")


def _cut(name: str, tenth: int, at: Path) -> None:
    data = (at / name).read_bytes()
    (at / name).write_bytes(data[: len(data) * tenth // 10])


def _replaced(name: str, made: Callable[[Path], object], at: Path) -> None:
    (at / name).unlink()
    made(at / name)


def _huge(name: str, at: Path) -> None:
    """A thousand gigabytes that take no room on the disk."""
    with (at / name).open("r+b") as file:
        file.truncate(10**12)


# --- JSON -------------------------------------------------------------------------------------------------------------


def _of_json(path: Path) -> Iterator[Damage]:
    name, text = path.name, path.read_text()
    whole = {"a list": "[]", "a word": '"x"', "null": "null", "deep": "[" * 100_000 + "]" * 100_000, "text after": text + "{}"}
    whole |= {"a key twice": text.replace("{", '{"zz": 1, "zz": 2, ', 1), "not UTF-8": "\udcff"}
    for what, written in whole.items():
        must: Must = "either" if name == "tokenizer.json" and what == "a key twice" else "refuse"
        yield Damage(f"{name} is {what}", partial(_write, name, written), must)
    for place in _places(json.loads(text)):
        yield Damage(f"{name}: {'.'.join(place)} is left out", partial(_change, name, place, ...))
        for value in VALUES:
            yield Damage(f"{name}: {'.'.join(place)} is {str(value)[:20]!r}", partial(_change, name, place, value))


def _write(name: str, text: str, at: Path) -> None:
    (at / name).write_bytes(text.encode("utf-8", "surrogateescape"))


def _places(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each field, and of the first few in what holds many."""
    if isinstance(value, dict | list):
        pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
        for key, inner in pairs if len(pairs) < 40 else pairs[:2]:
            yield (*above, str(key))
            yield from _places(inner, (*above, str(key)))


def _change(name: str, place: tuple[str, ...], value: Any, at: Path) -> None:
    document = json.loads((at / name).read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[int(key) if isinstance(inner, list) else key]
    last: Any = int(place[-1]) if isinstance(inner, list) else place[-1]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    (at / name).write_text(json.dumps(document))


# --- weights ----------------------------------------------------------------------------------------------------------


def _of_weights(folder: Path) -> Iterator[Damage]:
    for file in sorted(folder.glob("*.safetensors")):
        for name in sorted(load_file(file)):
            yield from _of_weight(file.name, name)
        yield Damage(
            f"{file.name}: a weight too many",
            partial(_weights, file.name, lambda held: held | {"model.x.weight": torch.zeros(2)}),
            "refuse",
        )
        yield Damage(f"{file.name}: no weight at all", partial(_weights, file.name, lambda held: {}), "refuse")


def _of_weight(file: str, name: str) -> Iterator[Damage]:
    def changed(what: str, change: Callable[[torch.Tensor], torch.Tensor], must: Must = "refuse") -> Damage:
        return Damage(f"{name} {what}", partial(_weights, file, lambda held: held | {name: change(held[name]).contiguous()}), must)

    yield Damage(f"{name} is left out", partial(_weights, file, lambda held: {n: t for n, t in held.items() if n != name}), "refuse")
    yield Damage(
        f"{name} has another name",
        partial(_weights, file, lambda held: {n.replace(name, "x" + name): t for n, t in held.items()}),
        "refuse",
    )
    for number in ("nan", "inf", "-inf"):
        yield changed(f"holds {number}", partial(_poisoned, float(number)))
    yield changed("has one row more", lambda weight: torch.cat([weight, weight[:1]]))
    yield changed("has no row", lambda weight: weight[:0])
    yield changed("has one dimension more", lambda weight: weight[None])
    yield changed("is one number", lambda weight: weight.flatten()[0])
    yield changed("is turned", lambda weight: weight.T if weight.dim() > 1 and weight.shape[0] != weight.shape[1] else weight[:-1])
    for dtype in (torch.int8, torch.int64, torch.uint8, torch.bool, torch.float8_e4m3fn):
        yield changed(f"is {dtype}", partial(_cast, dtype))
    yield changed("overflows", lambda weight: torch.full_like(weight, 1e300, dtype=torch.float64))
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        yield changed(f"is {dtype}", partial(_cast, dtype), "either")


def _cast(dtype: torch.dtype, weight: torch.Tensor) -> torch.Tensor:
    return weight.to(dtype)


def _poisoned(number: float, weight: torch.Tensor) -> torch.Tensor:
    poisoned = weight.clone()
    poisoned.view(-1)[-1] = number
    return poisoned


def _weights(file: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], at: Path) -> None:
    save_file(change(load_file(at / file)), at / file, metadata={"format": "pt"})


# --- headers ----------------------------------------------------------------------------------------------------------


def _of_headers(folder: Path) -> Iterator[Damage]:
    file = max(folder.glob("*.safetensors"), key=lambda path: len(load_file(path))).name
    for size in (0, 1, 2, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
        yield Damage(f"{file}: its header is said to have {size} bytes", partial(_header_size, file, size), "refuse")
    for what, header in {
        "no JSON": "{",
        "a list": "[]",
        "deep": "[" * 100_000,
        "empty": "{}",
        "a word": '"x"',
        "spaces": " " * 10_000,
    }.items():
        yield Damage(f"{file}: its header is {what}", partial(_header, file, partial(_replacement, header)), "refuse")
    first: dict[str, Any] = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for key, values in {
        "dtype": ("F99", 5, None, "", "I4"),
        "shape": ([-1], [1 << 62, 1 << 62], [1 << 64], "x", [[2]], None, [1.5], [0] * 100_000),
        "data_offsets": ([0], [8, 0], [0, 1 << 60], [-8, 0], "x", None, [4, 12], [0, 8, 16]),
    }.items():
        for value in values:
            changed = json.dumps({"w": first | {key: value}})
            yield Damage(f"{file}: {key} is {str(value)[:30]}", partial(_header, file, partial(_replacement, changed)), "refuse")
    yield Damage(
        f"{file}: metadata of another type", partial(_header, file, lambda old: json.dumps(old | {"__metadata__": {"x": 5}})), "refuse"
    )
    yield Damage(f"{file}: a weight twice", partial(_header, file, _twice), "refuse")
    yield Damage(f"{file}: two weights in one place", partial(_header, file, _one_place), "refuse")
    yield Damage(f"{file}: bytes after the end", lambda at: (at / file).open("ab").write(b"more"), "refuse")


def _replacement(text: str, old: object) -> str:
    return text


def _header_size(file: str, size: int, at: Path) -> None:
    data = (at / file).read_bytes()
    (at / file).write_bytes(struct.pack("<Q", size) + data[8:])


def _header(file: str, change: Callable[[dict[str, Any]], str], at: Path) -> None:
    data = (at / file).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = change(json.loads(data[8 : 8 + size])).encode()
    (at / file).write_bytes(struct.pack("<Q", len(header)) + header + data[8 + size :])


def _twice(header: dict[str, Any]) -> str:
    name = next(name for name in header if name != "__metadata__")
    return json.dumps(header)[:-1] + f', "{name}": {json.dumps(header[name])}}}'


def _one_place(header: dict[str, Any]) -> str:
    names = [name for name in header if name != "__metadata__"]
    return json.dumps(header | {names[1]: header[names[0]]})


# --- the index, and code ----------------------------------------------------------------------------------------------


def _of_index(folder: Path) -> Iterator[Damage]:
    name = "model.safetensors.index.json"
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    weight = next(iter(json.loads((folder / name).read_text())["weight_map"]))
    for file in ("nowhere.safetensors", "../x.safetensors", "/etc/passwd", "", "config.json", 5, None, files[-1], "sub/x.safetensors"):
        yield Damage(f"{name}: {weight} is in {file!r}", partial(_change, name, ("weight_map", weight), file), "refuse")
    yield Damage(f"{name}: names a weight that is nowhere", partial(_change, name, ("weight_map", "nowhere.weight"), files[0]), "refuse")
    yield Damage("a weight in two files", partial(_weights, files[-1], lambda held: held | load_file(folder / files[0])), "refuse")
    yield Damage("a file of the index is missing", lambda at: (at / files[-1]).unlink(), "refuse")
    yield Damage("the files are the same", lambda at: shutil.copy(at / files[0], at / files[-1]), "refuse")


def _of_code(folder: Path) -> Iterator[Damage]:
    def code(at: Path, **settings: Any) -> None:
        for module in ("modeling_x.py", "configuration_x.py", "tokenization_x.py", "generate.py", "quantizer_x.py"):
            (at / module).write_text(CODE)
        for name, more in settings.items():
            document = json.loads((at / f"{name}.json").read_text())
            (at / f"{name}.json").write_text(json.dumps(document | more))

    own = {"AutoConfig": "configuration_x.X", "AutoModelForCausalLM": "modeling_x.X"}
    yield Damage("code beside a known model", lambda at: code(at, config={"auto_map": own}))
    yield Damage("code for an unknown model", lambda at: code(at, config={"auto_map": own, "model_type": "x"}), "refuse")
    yield Damage("code of another place", lambda at: code(at, config={"auto_map": {"AutoConfig": "x/y--configuration_x.X"}}))
    yield Damage(
        "a tokenizer of its own", lambda at: code(at, tokenizer_config={"auto_map": {"AutoTokenizer": ["tokenization_x.X", None]}})
    )
    yield Damage("a tokenizer class of its own", lambda at: code(at, tokenizer_config={"tokenizer_class": "tokenization_x.X"}))
    yield Damage(
        "an attention kernel of another place",
        lambda at: code(at, config={"_attn_implementation": "x/kernel", "attn_implementation": "x/kernel"}),
    )
    yield Damage(
        "an experts kernel of another place",
        lambda at: code(at, config={"_experts_implementation": "x/k", "experts_implementation": "x/k"}),
    )
    yield Damage("weights of another place", lambda at: code(at, config={"transformers_weights": "../../../etc/passwd"}))
    yield Damage("a fusion", lambda at: code(at, config={"fusion_config": {"patch_embeddings": True}}))
    yield Damage(
        "an adapter",
        lambda at: (at / "adapter_config.json").write_text('{"base_model_name_or_path": "x/y", "peft_type": "LORA"}'),
        "refuse",
    )
    yield Damage("an unknown kind", partial(_change, "config.json", ("model_type",), "nonesuch"), "refuse")
    yield Damage("no causal model", partial(_change, "config.json", ("model_type",), "t5"), "refuse")
    for name, value in {
        "num_labels": 10**9,
        "n_layer": 10**9,
        "per_layer_config": {"0": {}},
        "get_text_config": 5,
        "layer_types": ["x"] * 2,
    }.items():
        yield Damage(f"config.json: {name} is {value}", partial(_change, "config.json", (name,), value))
    yield Damage("a vocabulary beyond any memory", partial(_change, "config.json", ("vocab_size",), 10**12), "refuse")
    yield Damage("layers beyond any memory", partial(_change, "config.json", ("num_hidden_layers",), 10**9), "refuse")
    yield Damage(
        "a pickle in place of weights", lambda at: [path.rename(at / "pytorch_model.bin") for path in at.glob("*.safetensors")], "refuse"
    )
    yield Damage("tokens beyond the model's", lambda at: _change("tokenizer.json", ("model", "vocab", "more"), 5000, at), "refuse")
    yield Damage("an end beyond the vocabulary", partial(_change, "generation_config.json", ("eos_token_id",), 10**6), "refuse")
