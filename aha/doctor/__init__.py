"""Why can this not learn? Before a run, on a few prompts; during it, on every rollout."""

from aha.doctor.before import Examination, preflight
from aha.doctor.signals import Doctor, Signal
from aha.doctor.ward import Ward
from aha.doctor.words import clip, form_error

__all__ = ["Doctor", "Examination", "Signal", "Ward", "clip", "form_error", "preflight"]
