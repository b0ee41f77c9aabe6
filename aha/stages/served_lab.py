"""The scaling lab for a model behind a server: its thoughts are ended, or made to go on, by replies that the server continues.

A server tells no token ids, so a thought is cut by asking for it again with the same seed and as many tokens as the budget has. Where the
server draws otherwise the second time, the arm is of samples of their own; nothing is guessed about where a token ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from aha.evals.run import GRADERS, OPENING, Evaluation
from aha.evals.samples import GradedSample, Key, SampleJournal, sample_set
from aha.evals.scaling import Arm, budgets
from aha.protocols import Chat
from aha.sampling.rollouts import RolloutSampler
from aha.stages.scaling_lab import LEAST, Progress, Scale, think_tags
from aha.template import END_THINK, THINK, apart
from aha.types import ChatReply, Conversation, Message

ROUNDING = 16  # tokens by which a text may be longer where it is read again from letters


@dataclass(frozen=True)
class BegunReply:
    """The beginning of a reply that the server goes on with: `text`, of `tokens` tokens, in up to `most` more."""

    text: str
    tokens: int
    most: int


@dataclass(frozen=True)
class ServedLab:
    """A scale at work on a server. `free`: the samples that thought as long as they liked; `journal` opens the journal of an arm; `room`:
    the most tokens that prompt and reply leave to a reply, None: no limit known."""

    scale: Scale
    evaluation: Evaluation
    chat: Chat
    free: Mapping[Key, GradedSample]
    journal: Callable[[str], SampleJournal]
    room: int | None
    progress: Progress

    def run(self) -> tuple[list[Arm], list[Arm]]:
        """Ask for what the journals lack, and return the arms that are cut and those that are longer."""
        limits = self.scale.budgets or budgets(max(sample.tokens or 0 for sample in self.free.values()))
        cut = [self._arm(f"cut-{limit}", limit, self.free, partial(self._cut, limit)) for limit in limits]
        samples, longer = self.free, [Arm(0, sample_set(self.free[key] for key in self.keys).problems)]
        for times in range(1, self.scale.longer + 1):
            longer.append(self._arm(f"longer-{times}", times, samples, self._longer))
            samples = {(sample.problem, sample.sample): sample for part in longer[-1].problems for sample in part.samples}
        return cut, longer if self.scale.longer else []

    @property
    def keys(self) -> list[Key]:
        """The samples that are forced: at most the half that is measured where the other half says how hard a problem is."""
        count = min(self.scale.forced, self.evaluation.k - self.evaluation.k // 2)
        return [key for key in self.evaluation.keys if key[1] < count]

    # --- arms -----------------------------------------------------------------------------------------------------------

    def _arm(
        self, name: str, x: int, before: Mapping[Key, GradedSample], begin: Callable[[Mapping[Key, GradedSample]], dict[Key, BegunReply]]
    ) -> Arm:
        """Go on from the samples of another arm; those that are not begun anew, or do not fit, stay as they are."""
        journal = self.journal(name)
        missing = {key: before[key] for key in self.keys if key not in journal.samples}
        beginnings = begin(missing) if missing else {}
        for key, sample in missing.items():
            if key not in beginnings:
                journal.add(sample)
        try:
            self._go_on(name, beginnings, journal)
        finally:
            journal.flush()
        return Arm(x, sample_set(journal.samples[key] for key in self.keys).problems)

    def _go_on(self, arm: str, beginnings: Mapping[Key, BegunReply], journal: SampleJournal) -> None:
        """Have the server continue each, and grade the whole."""
        whole = [key for key, reply in beginnings.items() if not reply.most]
        for key in whole:
            self._add(journal, key, ChatReply("", None, 0, "stop"), beginnings[key])
        keys = [key for key in beginnings if beginnings[key].most]
        if not keys:
            return
        conversations = [self._conversation(key, beginnings[key].text) for key in keys]

        def grade(index: int, replies: Sequence[ChatReply]) -> None:
            self._add(journal, keys[index], replies[0], beginnings[keys[index]])

        sampler = RolloutSampler(replace(self.evaluation.sampling, max_tokens=min(beginnings[key].most for key in keys)), GRADERS)
        sampler.chat(self.chat, conversations, grade, lambda samples, grades: self.progress(arm, grades, len(keys)))

    def _add(self, journal: SampleJournal, key: Key, chat_reply: ChatReply, beginning: BegunReply) -> None:
        """Grade a reply: what it began with, and what the server said after it, in which a thought may have ended."""
        thought, visible = self._parts(chat_reply, THINK in beginning.text and END_THINK not in beginning.text)
        more = thought or ""
        text = beginning.text + (more if visible is None else f"{more}{self._early}{visible}" if more else visible)
        reply = self.evaluation.template.read(text, beginning.tokens + chat_reply.tokens, chat_reply.finished)
        journal.add(self.evaluation.grade(key, reply, self.evaluation.example(key).prompt))

    # --- how a reply is begun ---------------------------------------------------------------------------------------------

    def _cut(self, limit: int, samples: Mapping[Key, GradedSample]) -> dict[Key, BegunReply]:
        """The first `limit` tokens of each thought and its end. None of a reply that was done by then, or did not think."""
        answer = self._fit(self.scale.answer_tokens, limit + ROUNDING)
        keys = {key for key, sample in samples.items() if sample.thought is not None and ((sample.tokens or 0) > limit or _unended(sample))}
        if not keys or answer < min(LEAST, self.scale.answer_tokens):
            return {}
        beginnings = {}
        for key, reply in self._first_tokens(limit, keys).items():
            thought, visible = self._parts(reply, self.evaluation.think)
            if thought is None:
                continue
            text = f"{OPENING}{thought}{self._early}{visible or ''}"
            beginnings[key] = BegunReply(text, reply.tokens, 0 if reply.finished == "stop" and visible is not None else answer)
        return beginnings

    def _first_tokens(self, limit: int, keys: set[Key]) -> dict[Key, ChatReply]:
        """Replies of at most so many tokens, each drawn with the seed of its sample."""
        if not limit:
            return dict.fromkeys(keys, ChatReply("", "", 0, "length"))
        slots = self.evaluation.in_seed_order(keys)
        replies_by_key: dict[Key, ChatReply] = {}

        def keep(index: int, replies: Sequence[ChatReply]) -> None:
            replies_by_key[slots[index]] = replies[0]

        sampler = RolloutSampler(replace(self.evaluation.sampling, max_tokens=min(limit, self.evaluation.sampling.max_tokens)))
        sampler.chat(
            self.chat,
            [self.evaluation.conversation(key) for key in slots],
            keep,
            lambda samples, grades: self.progress(f"the first {limit} tokens", samples, len(slots)),
        )
        return {key: replies_by_key[key] for key in slots if key in keys}

    def _longer(self, samples: Mapping[Key, GradedSample]) -> dict[Key, BegunReply]:
        """Each thought that ended, with "Wait" in the place of its end."""
        beginnings = {}
        more = self.scale.more_tokens or max(1, self.evaluation.sampling.max_tokens // 2)
        for key, sample in samples.items():
            token_count = sample.tokens or 0
            if not sample.thought or not sample.text or self._fit(more, token_count + ROUNDING) < more:
                continue
            wait = self.scale.wait_zh if self.evaluation.example(key).language == "zh" else self.scale.wait_en
            beginnings[key] = BegunReply(f"{OPENING}{sample.thought}{wait}", token_count, more)
        return beginnings

    # --- forms --------------------------------------------------------------------------------------------------------------

    @property
    def _early(self) -> str:
        return think_tags(self.evaluation.template).early

    def _conversation(self, key: Key, text: str) -> Conversation:
        """What the server is sent: the question, and the beginning that it goes on from."""
        messages = self.evaluation.conversation(key).messages
        return Conversation((*(message for message in messages if message.role != "assistant"), Message("assistant", text)))

    def _fit(self, limit: int, token_count: int) -> int:
        return limit if self.room is None else min(limit, self.room - token_count)

    def _parts(self, reply: ChatReply, opened: bool) -> tuple[str, str | None] | tuple[None, str]:
        """The thought, and what is visible after it, None while it has not ended; thought None: none began. `opened`: what was sent opened
        it."""
        if reply.thought is not None:
            ended = bool(reply.text) or reply.finished == "stop"
            return _whole_letters(reply.thought), reply.text if ended else None
        text = THINK + reply.text if opened else reply.text
        visible, thought = apart(text)
        if thought is None:
            return None, visible
        return _whole_letters(thought), visible if END_THINK in text else None


def _whole_letters(thought: str) -> str:
    """Return a thought without the new lines before it, and without the half of a letter that a cut may leave."""
    return thought.lstrip("\n").rstrip("\ufffd")


def _unended(sample: GradedSample) -> bool:
    return sample.finished == "length" and not sample.text
