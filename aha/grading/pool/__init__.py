"""Processes in which an answer may cost what it wants: late, dead or too large, it is abstained from and the next one is unaffected."""

from aha.grading.pool.pool import DEADLINE_S, Counts, Pool

__all__ = ["DEADLINE_S", "Counts", "Pool"]
