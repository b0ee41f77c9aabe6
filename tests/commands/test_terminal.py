from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aha.commands.terminal import new_folder
from aha.errors import BadInput

CRASHES = """
import sys
from pathlib import Path
from aha.commands.terminal import Terminal
terminal = Terminal(folder=Path(sys.argv[1]) if len(sys.argv) > 1 else None)
sys.excepthook = terminal.report_crash
def divides_by_zero() -> float:
    return 1 / 0
divides_by_zero()
"""


def crash(*folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", CRASHES, *folder], capture_output=True, text=True, timeout=60)


def test_a_mistake_of_ours_is_one_line_that_names_the_file_with_the_traceback(tmp_path: Path) -> None:
    done = crash(str(tmp_path))
    (report,) = tmp_path.glob("crash-*.txt")
    assert done.returncode == 1
    assert done.stderr == (
        f"aha: internal error: ZeroDivisionError: division by zero; the traceback is in {report}. Nothing that was saved is lost.\n"
    )
    assert "divides_by_zero" in report.read_text()


def test_without_a_run_directory_the_traceback_is_shown() -> None:
    done = crash()
    assert done.returncode == 1
    assert "divides_by_zero" in done.stderr and done.stderr.startswith("Traceback")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc here")
def test_a_folder_where_nobody_makes_files_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"^/proc/runs/one: /proc cannot hold your files; name a folder on a disk$"):
        new_folder("/proc/runs/one")
