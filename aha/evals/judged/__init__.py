"""Benchmarks that a language model judges: what it is asked, what it said, what that comes to. Who asks it is `stages.judge`."""

from aha.evals.judged.case import Case, How, read_case, scored, write_case
from aha.evals.judged.cost import Cost, answering_cost, estimated, judging_cost, unshown
from aha.evals.judged.facts import Facts
from aha.evals.judged.jury import Asked, Game, Jury, games_of, heard
from aha.evals.judged.preferences import Orders
from aha.evals.judged.seats import Seated, seated
from aha.evals.judged.transcripts import TRANSCRIPTS, Transcripts

__all__ = [
    "TRANSCRIPTS",
    "Asked",
    "Case",
    "Cost",
    "Facts",
    "Game",
    "How",
    "Jury",
    "Orders",
    "Seated",
    "Transcripts",
    "answering_cost",
    "estimated",
    "games_of",
    "heard",
    "judging_cost",
    "read_case",
    "scored",
    "seated",
    "unshown",
    "write_case",
]
