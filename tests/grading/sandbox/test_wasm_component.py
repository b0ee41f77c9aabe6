from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.grading.sandbox.wasm import WasmSandbox
from aha.grading.sandbox.wasm.component import component, component_path, surroundings, why_not
from tests.house import ROOT

REASON = why_not()
here = pytest.mark.skipif(REASON is not None, reason=f"wasm: {REASON}")


def test_it_is_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert component_path().parent == tmp_path / "aha" / "sandbox"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert component_path().parent == tmp_path / ".cache" / "aha" / "sandbox"


@pytest.mark.parametrize("name", ["wasmtime", "componentize-py"])
def test_what_is_missing_is_named_with_the_line_that_installs_it(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said = str(why_not({name: "1.2"}))
    assert said.startswith(f"{name} ") and said.endswith(": pip install 'aha[sandbox]'")


@here
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tmp_path.chmod(0o500)
    assert why_not() == f"{tmp_path / 'aha' / 'sandbox'} cannot be written: set XDG_CACHE_HOME to a folder that can"


UNREADABLE = """import os, sys
os.environ["XDG_CACHE_HOME"] = sys.argv[1]
from aha.errors import BadInput
from aha.grading.sandbox.wasm.component import component, why_not
why_not()  # loads what an ordinary user may not be able to
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(why_not())
try:
    component()
except BadInput as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes what another may not read")
@pytest.mark.parametrize(
    ("closed", "complaint"),
    [("", "cannot be read (Permission denied)"), ("aha/sandbox", "cannot be read (Permission denied)"), ("FILE", "cannot be read: remove")],
    ids=["the cache", "our folder", "the file"],
)
def test_a_cache_that_cannot_be_read_is_one_line(closed: str, complaint: str, monkeypatch: pytest.MonkeyPatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        Path(home).chmod(0o755)
        monkeypatch.setenv("XDG_CACHE_HOME", f"{home}/cache")
        component_path().parent.mkdir(parents=True)
        component_path().write_bytes(b"")
        (component_path() if closed == "FILE" else Path(home, "cache", closed)).chmod(0)
        command = [sys.executable, "-c", UNREADABLE, f"{home}/cache"]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    first, second = said.stdout.splitlines()
    assert complaint in first and "XDG_CACHE_HOME" in first and second == f"sandbox wasm: {first}"


def test_a_name_that_is_no_name_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/" + "x" * 5000)
    assert "cannot be read (File name too long)" in str(why_not())


def test_a_file_in_the_place_of_the_cache_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert str(why_not({})).endswith("cannot be written: set XDG_CACHE_HOME to a folder that can")


@here
def test_machine_code_that_others_may_change_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    made = component()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    component_path().parent.mkdir(parents=True)
    shutil.copy(made, component_path())
    WasmSandbox(workers=1).close()
    component_path().chmod(0o666)
    with pytest.raises(BadInput, match="can be changed by somebody else"):
        WasmSandbox(workers=1)


def test_a_worker_is_told_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "CANARY")
    assert "CANARY" not in str(surroundings()) and "PATH" in surroundings()
