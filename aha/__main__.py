"""`python -m aha`."""

from __future__ import annotations

import sys

from aha.cli import main

sys.exit(main())
