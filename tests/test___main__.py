from __future__ import annotations

import subprocess
import sys


def test_python_m_aha_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "aha", "nonsense"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aha: nonsense: there is no such command")
