"""A judge is asked about every game that has no verdict yet; each reply is saved as it arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aha.errors import EndpointDown
from aha.evals.judged.jury import Asked, Game, Jury, heard
from aha.evals.judged.transcripts import Transcripts
from aha.protocols import Chat
from aha.types import Conversation

Beat = Callable[[str], None]


def ask_judge(jury: Jury, asked: Asked, games: Sequence[Game], saved: Transcripts, chat: Chat, beat: Beat, missing: float = 0.0) -> str:
    """As many turns as `asked` allows, each over all games still open. EndpointDown where more than the share `missing` of the games got
    no reply; else why some did not, or nothing."""
    why = ""
    for _ in range(asked.asks):
        if not (nexts := _open(jury, asked, games, saved)):
            break
        try:
            _one_turn(asked, nexts, saved, chat, beat)
        except EndpointDown as down:
            if sum(key not in saved.known for key in nexts) > missing * len(games):
                raise
            why = str(down)
    return why


def _open(jury: Jury, asked: Asked, games: Sequence[Game], saved: Transcripts) -> dict[str, tuple[Game, int, Conversation]]:
    """By the key of the question, the first game that needs it, its turn, and the question."""
    found: dict[str, tuple[Game, int, Conversation]] = {}
    for game in games:
        replies, following = heard(jury, asked, game.conversation, saved.known)
        if following is not None:
            found.setdefault(asked.key(following), (game, len(replies), following))
    return found


def _one_turn(asked: Asked, nexts: dict[str, tuple[Game, int, Conversation]], saved: Transcripts, chat: Chat, beat: Beat) -> None:
    keys = list(nexts)
    for done, (index, said) in enumerate(chat.reply([nexts[key][2] for key in keys], asked.sampling), start=1):
        game, turn, _ = nexts[keys[index]]
        saved.add(keys[index], asked.judge, game, turn, said[0])
        beat(f"judged {done} of {len(keys)}")
