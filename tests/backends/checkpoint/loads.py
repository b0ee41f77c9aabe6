"""A process of its own that loads one broken checkpoint after the other and writes a line of JSON about each. Run by its tests.

Usage: loads.py FOLDER N: every N-th damage, each done to a copy of the folder.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
import traceback
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from aha.backends.hf import load_model, load_tokenizer
from aha.errors import BadInput
from aha.types import Conversation, Message
from tests.backends.checkpoint.damage import CODE_RAN, damages

RUNS = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "socket.getaddrinfo")
events = list[str]()
asked = (Message("user", "hi"),)


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in RUNS and not (event == "subprocess.Popen" and "rendering/worker.py" in str(arguments)):
        events.append(event)


def memory(name: str) -> int:
    """KiB of this process."""
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0


def outcome(folder: Path) -> dict[str, Any]:
    """What loading ends with: a line, what the model and the tokenizer say, or a traceback."""
    try:
        model = load_model(str(folder), torch.device("cpu"), torch.float32)
        tokenizer = load_tokenizer(str(folder))
        tokens = tokenizer.chat(Conversation(asked)) if tokenizer.template else tokenizer.prompt("hi")
        logits = model(input_ids=torch.tensor([tokens])).logits
        return {"said": logits.sum().item(), "finite": bool(logits.isfinite().all())}
    except BadInput as refused:
        return {"line": str(refused)}
    except BaseException:
        return {"trace": traceback.format_exc()}


def main(folder: Path, every: int) -> None:
    print(json.dumps({"name": "sound", **outcome(folder)}), flush=True)
    sys.addaudithook(watch)
    for damage in islice(damages(folder), 0, None, every):
        with tempfile.TemporaryDirectory() as place:
            copy = Path(shutil.copytree(folder, Path(place) / "model"))
            damage.do(copy)
            Path("/proc/self/clear_refs").write_text("5")
            before, began = memory("VmRSS"), time.process_time()
            seen = outcome(copy)
            seen["MiB"] = (memory("VmHWM") - before) >> 10
            seen["seconds"] = time.process_time() - began
            seen["ran"] = events + ["code"] * (copy / CODE_RAN).exists()
            events.clear()
            print(json.dumps({"name": damage.name, "must": damage.must, **seen}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
