"""A server that is asked for data: one that is away for a moment is waited for, one that stays away ends the run, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aha.errors import BadInput, EndpointDown
from aha.protocols import Chat, Sampling
from aha.redact import mask
from aha.rewards.judge import FailureWindow
from aha.types import ChatReply, Conversation


@dataclass(frozen=True)
class Patience:
    """Where more than the share `missing` of the last conversations got no reply: a pause of `pause_s`, another try, and then the run stops
    with what it has saved."""

    missing: float = 0.05
    pause_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.missing < 1 or not 0 <= self.pause_s <= 600:
            raise BadInput(f"missing {self.missing}, pause_s {self.pause_s}: a share below 1, and 0 to 600 seconds, are needed")


@dataclass
class PatientChat:
    """A chat, asked patiently. `who` names it in errors."""

    name: str
    chat: Chat
    sampling: Sampling
    patience: Patience
    heartbeat: Callable[[str], None]
    health: FailureWindow = field(init=False)

    def __post_init__(self) -> None:
        self.health = FailureWindow(self.patience.missing)

    def replies(
        self, conversations: Sequence[Conversation], on_reply: Callable[[int, list[ChatReply]], None] | None = None
    ) -> dict[int, list[ChatReply]]:
        """What was said, by the conversation's index; a few may be missing. `each` hears of every one as it comes."""
        replies: dict[int, list[ChatReply]] = {}
        why = self._ask(conversations, replies, on_reply)
        if self.health.fails_with(len(replies), len(conversations) - len(replies)):
            self.heartbeat(f"waiting {self.patience.pause_s:g} s for {self.name}")
            time.sleep(self.patience.pause_s)
            why = self._ask(conversations, replies, on_reply)
            if self.health.fails_with(len(replies), len(conversations) - len(replies)):
                raise EndpointDown(
                    mask(
                        f"{self.name}: {len(conversations) - len(replies)} of {len(conversations)} conversations got no reply, also after "
                        f"a pause of {self.patience.pause_s:g} s; {why}. Rows up to here are saved; the same command goes on when it is "
                        "back"
                    )
                )
        self.health.add(len(replies), len(conversations) - len(replies))
        return replies

    def _ask(
        self,
        conversations: Sequence[Conversation],
        replies_by_index: dict[int, list[ChatReply]],
        on_reply: Callable[[int, list[ChatReply]], None] | None,
    ) -> str:
        """Why some of those not found yet have no reply."""
        missing = [index for index in range(len(conversations)) if index not in replies_by_index]
        try:
            for place, batch in self.chat.reply([conversations[index] for index in missing], self.sampling):
                replies_by_index[missing[place]] = batch
                self.heartbeat(f"{self.name}: {len(replies_by_index)} of {len(conversations)} replies")
                if on_reply is not None:
                    on_reply(missing[place], batch)
        except EndpointDown as down:
            return str(down)
        return ""
