"""Reports: from a run directory to one HTML page with all that a person needs to judge the run."""

from aha.reports.page import write_report

__all__ = ["write_report"]
