from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.grading.sandbox.wasm import WasmSandbox
from aha.grading.sandbox.wasm_component import component, kept, surroundings, why_not

REASON = why_not()
here = pytest.mark.skipif(REASON is not None, reason=f"wasm: {REASON}")


def test_it_is_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept().parent == tmp_path / "aha" / "sandbox"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept().parent == tmp_path / ".cache" / "aha" / "sandbox"


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


@here
def test_machine_code_that_others_may_change_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    made = component()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept().parent.mkdir(parents=True)
    shutil.copy(made, kept())
    WasmSandbox(workers=1).close()
    kept().chmod(0o666)
    with pytest.raises(BadInput, match="can be changed by somebody else"):
        WasmSandbox(workers=1)


def test_a_worker_is_told_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "CANARY")
    assert "CANARY" not in str(surroundings()) and "PATH" in surroundings()
