"""AlpacaEval 2.0: what a judge preferred, and how much of that is owed to length."""

from aha.evals.alpaca.calibration import Calibration, calibration_in
from aha.evals.alpaca.judge import preference, shown_in_reverse
from aha.evals.alpaca.lengths import WinRates, win_rates
from aha.evals.alpaca.rows import Annotation, read_annotations, weighted_preferences

__all__ = [
    "Annotation",
    "Calibration",
    "WinRates",
    "calibration_in",
    "preference",
    "read_annotations",
    "shown_in_reverse",
    "weighted_preferences",
    "win_rates",
]
