"""What a judge said, on the disk as soon as it is said: a kill loses no verdict, and none is asked for twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aha.codec import decode, encode
from aha.durable import Disk, append_journal, read_journal, trouble
from aha.errors import DiskTrouble
from aha.evals.judged.jury import Game
from aha.redact import hide_tree
from aha.types import Said

TRANSCRIPTS = "transcripts.jsonl"


@dataclass(frozen=True)
class Transcript:
    """One reply of the judge. `asked` is the key of the question; the game says for whom it was asked first, for a person."""

    asked: str
    judge: str
    item: str
    sample: int
    game: int
    turn: int
    said: Said


class Transcripts:
    """A folder's replies of judges by the key of the question. Opening it drops what a crash left of a last line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / TRANSCRIPTS
        self.known: dict[str, Said] = {}
        journal = read_journal(self.path)
        if journal.damaged:
            raise DiskTrouble(f"{self.path}: line {journal.damaged[0]} is damaged; delete that line and the judge is asked again")
        if journal.torn:
            with trouble(self.path):
                Disk().truncate(self.path, journal.end)
        for each in journal.records:
            read = decode({name: value for name, value in each.items() if name != "crc"}, Transcript)
            self.known.setdefault(read.asked, read.said)

    def add(self, asked: str, judge: str, game: Game, turn: int, said: Said) -> None:
        """On the device when this returns; a question that has a reply keeps it."""
        if asked not in self.known:
            line = Transcript(asked, judge, game.item, game.sample, game.number, turn, said)
            append_journal(Disk(), self.path, hide_tree(encode(line, Transcript)))
            self.known[asked] = said
