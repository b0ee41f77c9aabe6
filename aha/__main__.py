"""The module for `python -m aha`, which must not import files of the working directory."""

from __future__ import annotations

import os
import sys

if sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]  # Python has put the working directory there; the package itself is found by now

from aha.cli import main

sys.exit(main())
