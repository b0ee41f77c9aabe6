"""What is seen inside, and who makes the namespaces, as bubblewrap's command line says it."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from aha.grading.sandbox.namespace import Interpreter, SandboxUser, command, interpreter, unused_uid, ways

OUTSIDE = Interpreter("/home/ada/.pyenv/versions/3.11/bin/python3.11", "/home/ada/.pyenv/versions/3.11", "3.11")
SYSTEM = Interpreter("/usr/bin/python3.11", "/usr", "3.11")


def pairs(words: list[str], option: str) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == option]


def test_an_interpreter_from_a_home_is_seen_elsewhere_and_tells_nothing_of_whose_it_is() -> None:
    assert OUTSIDE.inside == "/python/bin/python3.11" and SYSTEM.inside == "/usr/bin/python3.11"
    targets = [word for word in command("bwrap", SandboxUser(root=False), OUTSIDE, {})[1:] if "ada" in word]
    assert targets == []  # nor is the source bound: this one does not exist


def test_packages_installed_beside_the_interpreter_are_hidden_but_for_those_we_want(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    (site / "numpy").mkdir(parents=True)
    mounts = Interpreter(f"{tmp_path}/bin/python3.11", str(tmp_path), "3.11", (("numpy", str(site / "numpy")),)).mounts()
    assert "/python/lib/python3.11/site-packages" in pairs(mounts, "--tmpfs")
    assert "/python/lib/python3.11/site-packages" in pairs(mounts, "--remount-ro")
    assert mounts[mounts.index(str(site / "numpy")) + 1] == "/site/numpy"


def test_an_ordinary_user_gets_a_user_namespace_and_root_the_means_to_drop() -> None:
    ordinary, root = (command("bwrap", way, SYSTEM, {}) for way in (SandboxUser(root=False), SandboxUser(root=True, inside=12345)))
    assert "--unshare-user" in ordinary and pairs(ordinary, "--cap-add") == ["CAP_SYS_ADMIN"]
    assert "--unshare-user" not in root and pairs(root, "--cap-add") == ["CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
    for words in (ordinary, root):
        assert {"--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--as-pid-1"} <= set(words)
        assert words.index("--remount-ro") < len(words) and pairs(words, "--remount-ro")[-2:] == ["/dev", "/"]


def test_root_has_two_ways_more_than_an_ordinary_user() -> None:
    found = ways(0)
    if os.geteuid() == 0 and unused_uid(0) is not None:
        assert [(way.root, way.owner is not None, way.proc) for way in found] == [
            (True, True, True),
            (False, True, True),
            (True, True, False),
            (False, True, False),
        ]
    else:
        assert found == [SandboxUser(root=False), SandboxUser(root=False, proc=False)]


def test_every_slot_has_a_uid_of_its_own_that_no_account_has() -> None:
    uids = [unused_uid(slot) for slot in range(8)]
    if None in uids:
        pytest.skip("only one user is mapped here")
    assert len(set(uids)) == 8 and not {each.pw_uid for each in pwd.getpwall()} & set(uids)


def test_a_virtual_environment_of_copies_runs_programs_with_the_file_that_was_copied(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--copies", "--without-pip", tmp_path / "env"], check=True, timeout=60)
    script = "from aha.grading.sandbox.namespace import interpreter; own = interpreter(None); print(own.inside, own.file, own.prefix)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [tmp_path / "env/bin/python", "-c", script], capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    _, file, prefix = done.stdout.split()
    assert Path(file).is_relative_to(prefix) and str(tmp_path) not in file


def test_our_own_interpreter_is_the_real_file_under_the_prefix() -> None:
    own = interpreter(None)
    assert Path(own.file).is_relative_to(own.prefix) and not Path(own.file).is_symlink()
