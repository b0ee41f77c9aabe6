"""The scaling lab for a model behind a server: its thoughts are ended or extended by replies that the server continues.
A server gives no token ids, so a thought is cut by asking for it again with the same seed and the budget as the most tokens. If the server
samples differently the second time, the arm has samples of its own; nothing is guessed about where a token ends."""

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

ROUNDING = 16  # tokens by which a text may grow when it is tokenized again


@dataclass(frozen=True)
class BegunReply:
    """The beginning of a reply that the server continues: `text`, of `tokens` tokens, in up to `most` more."""

    text: str
    tokens: int
    most: int


@dataclass(frozen=True)
class ServedLab:
    """An open lab on a server. `free`: the samples without a limit on thinking; `journal` opens the journal of an arm; `room`: the most
    tokens that the context leaves for a reply, None: no limit known."""

    scale: Scale
    evaluation: Evaluation
    chat: Chat
    free: Mapping[Key, GradedSample]
    journal: Callable[[str], SampleJournal]
    room: int | None
    progress: Progress

    def run(self) -> tuple[list[Arm], list[Arm]]:
        """Sample what the journals lack, and return the arms that are cut and those that are longer."""
        limits = self.scale.budgets or budgets(max(sample.tokens or 0 for sample in self.free.values()))
        cut = [self._arm(f"cut-{limit}", limit, self.free, partial(self._cut, limit)) for limit in limits]
        samples, longer = self.free, [Arm(0, sample_set(self.free[key] for key in self.keys).problems)]
        for times in range(1, self.scale.longer + 1):
            longer.append(self._arm(f"longer-{times}", times, samples, self._longer))
            samples = {(sample.problem, sample.sample): sample for part in longer[-1].problems for sample in part.samples}
        return cut, longer if self.scale.longer else []

    @property
    def keys(self) -> list[Key]:
        """The samples to continue: at most the half used for scores; the other half tells how hard a problem is."""
        count = min(self.scale.forced, self.evaluation.k - self.evaluation.k // 2)
        return [key for key in self.evaluation.keys if key[1] < count]

    # --- arms -----------------------------------------------------------------------------------------------------------

    def _arm(
        self, name: str, x: int, before: Mapping[Key, GradedSample], begin: Callable[[Mapping[Key, GradedSample]], dict[Key, BegunReply]]
    ) -> Arm:
        """Return an arm that continues samples of another; samples without a beginning, or without room, stay as they are."""
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
        """Let the server continue each beginning, and grade the whole reply."""
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
        """Grade a reply: its beginning and the server's continuation, in which a thought may have ended."""
        thought, visible = self._parts(chat_reply, THINK in beginning.text and END_THINK not in beginning.text)
        more = thought or ""
        text = beginning.text + (more if visible is None else f"{more}{self._early}{visible}" if more else visible)
        reply = self.evaluation.template.read(text, beginning.tokens + chat_reply.tokens, chat_reply.finished)
        journal.add(self.evaluation.grade(key, reply, self.evaluation.example(key).prompt))

    # --- beginnings -------------------------------------------------------------------------------------------------------

    def _cut(self, limit: int, samples: Mapping[Key, GradedSample]) -> dict[Key, BegunReply]:
        """Return the first `limit` tokens of each thought, closed. Replies that had ended by then, or without a thought, are left out."""
        answer = self._fit(self.scale.answer_tokens, limit + ROUNDING)
        keys = {
            key
            for key, sample in samples.items()
            if _thought_and_text(sample)[0] is not None and ((sample.tokens or 0) > limit or _unended(sample))
        }
        if not keys or answer < min(LEAST, self.scale.answer_tokens):
            return {}
        beginnings = {}
        for key, reply in self._first_tokens(limit, keys).items():
            thought, visible = self._parts(reply, opened=True)
            if thought is None:
                continue
            text = f"{OPENING}{thought}{self._early}{visible or ''}"
            beginnings[key] = BegunReply(text, reply.tokens, 0 if reply.finished == "stop" and visible is not None else answer)
        return beginnings

    def _first_tokens(self, limit: int, keys: set[Key]) -> dict[Key, ChatReply]:
        """Return replies of at most `limit` tokens, each drawn with the seed of its sample."""
        if not limit:
            return dict.fromkeys(keys, ChatReply("", "", 0, "length"))
        slots = self.evaluation.in_seed_order(keys)
        replies_by_key: dict[Key, ChatReply] = {}

        def keep(index: int, replies: Sequence[ChatReply]) -> None:
            replies_by_key[slots[index]] = replies[0]

        sampler = RolloutSampler(replace(self.evaluation.sampling, max_tokens=min(limit, self.evaluation.sampling.max_tokens)))
        opened = replace(self.evaluation, think=True)  # the limit is of the thought, without the mark that opens it
        conversations = [opened.conversation(key) for key in slots]
        sampler.chat(self.chat, conversations, keep, lambda done, _: self.progress(f"the first {limit} tokens", done, len(slots)))
        return {key: replies_by_key[key] for key in slots if key in keys}

    def _longer(self, samples: Mapping[Key, GradedSample]) -> dict[Key, BegunReply]:
        """Return each finished thought with "Wait" in place of its end."""
        beginnings = {}
        more = self.scale.more_tokens or max(1, self.evaluation.sampling.max_tokens // 2)
        for key, sample in samples.items():
            token_count, (thought, visible) = sample.tokens or 0, _thought_and_text(sample)
            if not thought or not visible or self._fit(more, token_count + ROUNDING) < more:
                continue
            wait = self.scale.wait_zh if self.evaluation.example(key).language == "zh" else self.scale.wait_en
            beginnings[key] = BegunReply(f"{OPENING}{thought}{wait}", token_count, more)
        return beginnings

    # --- texts --------------------------------------------------------------------------------------------------------------

    @property
    def _early(self) -> str:
        return think_tags(self.evaluation.template).early

    def _conversation(self, key: Key, text: str) -> Conversation:
        """Return the messages for the server: the question, and the beginning that it continues."""
        messages = self.evaluation.conversation(key).messages
        return Conversation((*(message for message in messages if message.role != "assistant"), Message("assistant", text)))

    def _fit(self, limit: int, token_count: int) -> int:
        return limit if self.room is None else min(limit, self.room - token_count)

    def _parts(self, reply: ChatReply, opened: bool) -> tuple[str, str | None] | tuple[None, str]:
        """Return the thought and the text after it, None while the thought has not ended; thought None: there is none. `opened`: the prompt
        opened the thought."""
        if reply.thought is not None:
            ended = bool(reply.text) or reply.finished == "stop"
            return _whole_letters(reply.thought), reply.text if ended else None
        text = THINK + reply.text if opened else reply.text
        visible, thought = apart(text)
        if thought is None:
            return None, visible
        return _whole_letters(thought), visible if END_THINK in text else None


def _whole_letters(thought: str) -> str:
    """Return a thought without leading new lines, and without the half of a character that a cut may leave."""
    return thought.lstrip("\n").rstrip("\ufffd")


def _thought_and_text(sample: GradedSample) -> tuple[str | None, str]:
    """Return the thought of a sample and the text after it; the text of some benchmarks' samples contains the thought."""
    if sample.thought is not None:
        return sample.thought, sample.text
    visible, thought = apart(sample.text)
    return (None if thought is None else _whole_letters(thought)), visible


def _unended(sample: GradedSample) -> bool:
    return sample.finished == "length" and not _thought_and_text(sample)[1]
