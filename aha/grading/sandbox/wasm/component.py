"""The compiled component: CPython, its library and our few lines around a program, built once per machine and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from aha.durable.files import processor_abilities
from aha.errors import BadInput, DiskTrouble

NEEDS = {"wasmtime": "50", "componentize-py": "0.25"}  # the parts of their interfaces that are used change between these
INSTALL = "pip install 'aha[sandbox]'"
ELSEWHERE = "set XDG_CACHE_HOME to a folder that can"
GUEST = Path(__file__).parents[1] / "guest" / "wasm.py"
WORKER = Path(__file__).with_name("worker.py")
WORLD = "package aha:sandbox;\n\nworld program {\n  import pause: func(ns: u64);\n  export run: func(source: string) -> s32;\n}\n"
BUILD_S = 1800.0  # a busy machine takes minutes for what an idle one does in 25 s
COMPONENTIZE = "import sys, componentize_py; componentize_py.script()"


def why_not(needs: Mapping[str, str] = NEEDS) -> str | None:
    """Return why no component is available here, or None."""
    if sys.platform == "win32":
        return "runs on Linux and macOS only"
    try:
        is_built = _is_component(component_path())
    except OSError as error:
        return f"{component_path().parent} cannot be read ({error.strerror}): {ELSEWHERE}"
    for name, version in needs.items():
        is_unneeded = name == "componentize-py" and is_built
        if not is_unneeded and (wrong := _wrong(name, version)) is not None:
            return f"{wrong}: {INSTALL}"
    if is_built:
        return (
            None
            if component_path().is_file() and os.access(component_path(), os.R_OK)
            else f"{component_path()} cannot be read: remove it, or {ELSEWHERE}"
        )
    return None if _writable(component_path().parent) else f"{component_path().parent} cannot be written: {ELSEWHERE}"


def component() -> Path:
    """Return the path of the compiled component, which is built first if needed. BadInput if it cannot be built or trusted; DiskTrouble if
    it cannot be stored."""
    if (reason := why_not()) is not None:
        raise BadInput(f"sandbox wasm: {reason}")
    path = component_path()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _build_once(path)
    except OSError as error:
        raise DiskTrouble(f"{path.parent}: the WebAssembly sandbox cannot be kept there ({error.strerror})") from error
    if path.stat().st_uid not in (os.getuid(), 0) or path.stat().st_mode & 0o022:
        raise BadInput(f"{path} can be changed by somebody else and holds machine code: remove it, and it is built again")
    return path


def component_path() -> Path:
    """Return the file for this machine and these versions; another processor, library or guest has another name."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "aha" / "sandbox" / f"cpython-{_key()}.cwasm"


def _key() -> str:
    parts = [GUEST.read_text("utf-8"), WORLD, platform.machine(), sys.platform, processor_abilities(), _version("wasmtime") or ""]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _wrong(name: str, version: str) -> str | None:
    tool_version = _version(name)
    if tool_version is None:
        return f"{name} is not installed"
    return None if f"{tool_version}.".startswith(f"{version}.") else f"{name} {tool_version} is installed, where {version} is needed"


def _is_component(path: Path) -> bool:
    """Return True if the file exists; raise `OSError` if a folder on the way may not be searched or the name is invalid."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _writable(folder: Path) -> bool:
    present = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    return present.is_dir() and os.access(present, os.W_OK | os.X_OK)


# --- building ---------------------------------------------------------------------------------------------------------


def _build_once(path: Path) -> None:
    """Build the component, or wait for the process that is building it."""
    deadline = time.monotonic() + BUILD_S
    with open(path.with_suffix(".lock"), "w") as lock:
        while not _try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise DiskTrouble(f"{lock.name}: another process has been building the WebAssembly sandbox for {BUILD_S:.0f} s")
            time.sleep(0.2)
        if not path.exists():
            print("aha: building the WebAssembly sandbox, once for this machine (about half a minute)", file=sys.stderr, flush=True)
            _build(path, deadline)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(path: Path, deadline: float) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="building-") as name:
        folder = Path(name)
        (folder / "guest").mkdir()
        (folder / "no-packages").mkdir()
        (folder / "guest" / "guest.py").write_text(GUEST.read_text("utf-8"), "utf-8")
        (folder / "world.wit").write_text(WORLD, "utf-8")
        words = ["-q", "-d", "world.wit", "-w", "program", "componentize", "-p", "guest", "guest", "-o", "portable.wasm"]
        _do([sys.executable, "-c", COMPONENTIZE, *words], folder, deadline)
        _do([sys.executable, "-P", str(WORKER), "portable.wasm", "made.cwasm"], folder, deadline)
        module = folder / "made.cwasm"
        module.chmod(0o644)
        module.rename(path)


def _do(command: list[str], folder: Path, deadline: float) -> None:
    environment = surroundings() | {"VIRTUAL_ENV": str(folder / "no-packages")}  # nothing installed here gets into the component
    try:
        subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=max(1.0, deadline - time.monotonic()),
        )
    except subprocess.CalledProcessError as error:
        complaint = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise BadInput(f"sandbox wasm: building the component failed: {complaint[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"sandbox wasm: building the component took longer than {BUILD_S:.0f} s: the machine is too busy") from error


def surroundings() -> dict[str, str]:
    """Return the environment of the processes that we start, which holds no secret of the user's."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR") if name in os.environ}
