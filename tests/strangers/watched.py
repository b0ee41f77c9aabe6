"""Runs commands in this process under an audit hook: `python watched.py WORDS.json`. Code that is no package's is told."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import sysconfig
from pathlib import Path

HERE = Path.cwd().resolve()
HOMES = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), str(Path(__file__).resolve().parents[2] / "aha"), "<frozen")
CANARY = "c4nary"
OURS = ("git", Path(sys.executable).name, "bwrap", "uname", "ldconfig", "fc-list", "c++")  # what packages start
STARTED = {"os.system", "os.exec", "os.posix_spawn", "pty.spawn", "pickle.find_class", "marshal.loads"}
found: list[str] = []
watching = False


def hook(event: str, args: tuple[object, ...]) -> None:
    if not watching:
        return
    if event in STARTED and not (event == "marshal.loads" and _from_home()):
        found.append(f"{event}: {str(args)[:200]}")
    if event == "subprocess.Popen" and Path(str(args[0])).name not in OURS:
        found.append(f"{event}: {str(args[:2])[:200]}")
    if event == "exec" and not _at_home(getattr(args[0], "co_filename", "")):
        found.append(f"exec of {getattr(args[0], 'co_filename', '')}")
    if event == "compile" and args[0] is not None and CANARY in str(args[0]):
        found.append(f"compile of {str(args[0])[:100]}")
    if event == "import" and args[1] and str(args[1]).startswith(str(HERE)):
        found.append(f"import of {args[0]} from {args[1]}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        place = Path(os.fsdecode(args[0])) if isinstance(args[0], str | bytes | Path) else HERE
        if not _may_write(place):
            found.append(f"open of {place} with {args[1]}")


def _may_write(place: Path) -> bool:
    whole = (HERE / place).resolve()
    homes = [HERE, Path("/tmp"), Path("/dev"), Path("/proc"), Path.home() / ".cache", *map(Path, HOMES[:3])]
    return any(whole.is_relative_to(home) for home in homes)


def _at_home(name: str) -> bool:
    """Modules of packages, and texts that they compile themselves, which the rule about the canary covers."""
    return name.startswith((*HOMES, "<")) or str(Path(name).resolve()).startswith(HOMES)


def _from_home() -> bool:
    return _at_home(sys._getframe(2).f_code.co_filename)


def main() -> None:
    global watching
    from aha.cli import main as aha

    sys.addaudithook(hook)
    said = []
    for words in json.loads(Path(sys.argv[1]).read_text()):
        out, err = io.StringIO(), io.StringIO()
        watching, before = True, len(found)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code: object = aha(words)
        except BaseException as error:  # told to the test, whatever it is
            code = f"{type(error).__name__}: {error}"
        watching = False
        said.append({"words": words, "code": code, "err": err.getvalue(), "out": out.getvalue()[:2000], "ran": found[before:]})
    print(json.dumps(said))


main()
