"""Why can this not learn? Before a run, on a few prompts; during it, on every rollout."""

from aha.doctor.before import Examination, preflight
from aha.doctor.run_monitor import RunMonitor
from aha.doctor.signals import Doctor, Signal
from aha.doctor.words import clip, form_error

__all__ = ["Doctor", "Examination", "RunMonitor", "Signal", "clip", "form_error", "preflight"]
