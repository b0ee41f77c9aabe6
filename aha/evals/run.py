"""The one loop of every evaluation: sample a benchmark's examples, grade each reply as it arrives, and keep it in the journal."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Protocol, get_args

from aha.codec import decode, encode
from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample
from aha.evals.loading import select_examples
from aha.evals.samples import GradedSample, Key, SampleJournal, grade_sample, prompt_hash
from aha.grading import Graders
from aha.protocols import Ask, Chat, Engine, Heartbeat, Sampling, Tokenizer
from aha.sampling.rollouts import RolloutSampler, completion_text, opens_thought, prompt_tokens, seed_for
from aha.template import THINK, ChatTemplate, Template
from aha.types import ChatReply, Choice, Completion, Conversation, Message, Reply

OPENING = f"{THINK}\n"  # the forced beginning of a reply, as R1's release notes advise
GRADERS = 8  # replies graded at a time if grading waits for other processes
PROBE_PROBLEMS, PROBE_ROLLOUT = 4, -4  # problems of each kind to find the form that a model keeps, and the rollout number in their seeds


class ReplyCache(Protocol):
    """A store of replies sampled in any run, by the same model from the same prompt with the same settings and seed."""

    def get(self, key: str) -> ChatReply | None: ...

    def put(self, key: str, request: dict[str, Any], reply: ChatReply) -> None: ...


@dataclass(frozen=True)
class Evaluation:
    """The settings of an evaluation: `k` samples of each example, graded by `graders`. `identity` names the weights and tokenizer, for the
    shared cache; empty: nothing is shared. `think`: a reply in the chat's own form begins with `<think>` and a new line."""

    benchmark: Benchmark
    examples: Sequence[BenchmarkExample]
    k: int
    template: Template
    sampling: Sampling
    graders: Graders
    seed: int = 0
    think: bool = False
    identity: str = ""

    @property
    def keys(self) -> list[Key]:
        """The problem and the number of every sample, in order."""
        return [(example.id, number) for example in self.examples for number in range(self.k)]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {example.id: place for place, example in enumerate(self.examples)}

    def example(self, key: Key) -> BenchmarkExample:
        """Return the example in the form that this sample sees."""
        return self.benchmark.example_for(self.examples[self._places[key[0]]], key[1])

    def sample_seed(self, key: Key, arm: str = "") -> int:
        """Return the seed of a sample; `arm` names samples of the same problem that are drawn for another purpose."""
        problem, number = key
        return self.benchmark.seeds(self.seed, self._places[problem], problem + arm, number)

    def missing(self, journal: SampleJournal) -> list[Key]:
        """Return the samples that are not in the journal yet."""
        return [key for key in self.keys if key not in journal.samples and key not in journal.replies]

    # --- prompts and replies ------------------------------------------------------------------------------------------------

    def prompts(self, tokenizer: Tokenizer) -> dict[Key, tuple[int, ...]]:
        """Return the prompt's token ids of each sample."""

        @cache
        def tokens(prompt: str) -> tuple[int, ...]:
            tokens = prompt_tokens(self.template, prompt, tokenizer)
            return tokens + tuple(tokenizer.encode(OPENING)) if self.think and not opens_thought(tokenizer, tokens) else tokens

        return {key: tokens(self.example(key).prompt) for key in self.keys}

    def conversation(self, key: Key) -> Conversation:
        """Return the conversation for a server; with `think` it ends in words that the assistant must continue. BadInput for a template
        that is not a conversation."""
        prompt = self.template.prompt(self.example(key).prompt)
        if isinstance(prompt, str):
            raise BadInput(
                f"template {template_name(self.template)}: a server applies its model's own chat template; take chat or instruct"
            )
        return Conversation((*prompt.messages, Message("assistant", OPENING))) if self.think else prompt

    def read_completion(self, completion: Completion, prompt: Sequence[int], tokenizer: Tokenizer) -> Reply:
        """Return the reply that the template reads in a completion; the prompt tells whether a chat's thought is open."""
        template = self.template
        if isinstance(template, ChatTemplate):
            template = replace(template, prefilled=opens_thought(tokenizer, prompt))
        return template.read(completion_text(completion, tokenizer), len(completion.tokens), completion.finished)

    def read_chat(self, reply: ChatReply, opened: bool = False) -> Reply:
        """Return the reply of a chat, which may have split off the thought itself. `opened`: the prompt has opened the thought."""
        if reply.thought is not None and (isinstance(self.template, ChatTemplate) or not self.benchmark.grades_all):
            return Reply(reply.text, reply.thought, reply.text, reply.tokens, reply.finished)
        if reply.thought is not None:  # the whole reply is graded, as one that is sampled here
            ended = bool(reply.text) or reply.finished == "stop"
            text = self.template.write(reply.thought.strip("\n"), reply.text) if ended else f"{OPENING}{reply.thought}"
            return self.template.read(text, reply.tokens, reply.finished)
        if isinstance(self.template, ChatTemplate) and not opened:
            return Reply(reply.text, None, reply.text, reply.tokens, reply.finished)
        template = replace(self.template, prefilled=opened) if isinstance(self.template, ChatTemplate) else self.template
        return template.read(reply.text, reply.tokens, reply.finished)

    def reply_of(self, sample: GradedSample) -> Reply:
        """Return the reply of a sample, to be graded again."""
        tokens, finished = sample.tokens or 0, sample.finished or "stop"
        if self.benchmark.grades_all and sample.thought is None:
            return self.template.read(sample.text, tokens, finished)
        return Reply(sample.text, sample.thought, sample.text, tokens, finished)

    def grade(self, key: Key, reply: Reply, prompt: Sequence[int] | str = "", seed: int | None = None) -> GradedSample:
        """Return a reply as a graded sample."""
        return grade_sample(self.benchmark, self.example(key), reply, key[1], self.graders, prompt, seed)

    # --- the loop -----------------------------------------------------------------------------------------------------------

    def ask_engine(
        self,
        engine: Callable[[], Engine],
        tokenizer: Tokenizer,
        journal: SampleJournal,
        heartbeat: Heartbeat,
        reply_cache: ReplyCache | None = None,
    ) -> None:
        """Sample and grade every sample that the journal lacks. Each has a seed of its own, so that it is kept as soon as it ends, and
        earlier samples do not matter. `engine` is opened only if a sample is missing."""
        self.grade_old(journal, heartbeat)
        prompts = self.prompts(tokenizer)
        requests = {key: Ask(prompts[key], (self.sample_seed(key),)) for key in self.missing(journal)}
        if reply_cache is not None and self.identity:
            self._add_cached_replies(requests, journal, reply_cache, heartbeat)
        missing_keys = [key for key in requests if key not in journal.samples]

        def grade(index: int, completions: Sequence[Completion]) -> None:
            key = missing_keys[index]
            reply = self.read_completion(completions[0], requests[key].prompt, tokenizer)
            if reply_cache is not None and self.identity:
                request = self._request(requests[key])
                thought = reply.thought if reply.text == reply.answer else None
                reply_cache.put(_cache_key(request), request, ChatReply(reply.text, thought, reply.tokens, reply.finished))
            journal.add(self.grade(key, reply, requests[key].prompt, requests[key].seeds[0]))

        try:
            if missing_keys:
                sampler = RolloutSampler(self.sampling, GRADERS)
                sampler.sample(engine(), [requests[key] for key in missing_keys], grade, self._progress(journal, heartbeat))
        finally:
            journal.flush()

    def ask_chat(self, chat: Chat, journal: SampleJournal, heartbeat: Heartbeat) -> None:
        """Sample from a server, with one call of `reply`, every sample that the journal lacks, and grade it. The server's seed follows a
        sample's place among those of the same prompt, so earlier ones of that prompt are requested too; they come from the cache."""
        self.grade_old(journal, heartbeat)
        slots = self.in_seed_order({key for key in self.keys if key not in journal.samples})

        def grade(index: int, replies: Sequence[ChatReply]) -> None:
            key = slots[index]
            journal.add(self.grade(key, self.read_chat(replies[0], opened=self.think), self.example(key).prompt))

        try:
            if slots:
                conversations = [self.conversation(key) for key in slots]
                RolloutSampler(self.sampling, GRADERS).chat(chat, conversations, grade, self._progress(journal, heartbeat))
        finally:
            journal.flush()

    def grade_old(self, journal: SampleJournal, heartbeat: Heartbeat) -> None:
        """Grade the replies of a folder of 0.1, which kept them separate from their grades."""
        replies = {key: journal.replies[key] for key in self.keys if key in journal.replies}
        for sample in grade_replies(self, replies, heartbeat):
            journal.add(sample)
        journal.replies.clear()
        journal.flush()

    def samples(self, journal: SampleJournal) -> list[GradedSample]:
        """Return every sample, in order. BadInput if a problem has fewer than k."""
        for problem, number in self.keys:
            if (problem, number) not in journal.samples:
                raise BadInput(
                    f"{problem}: {number} samples of it are saved, fewer than k = {self.k}; ask for the rest with the same aha eval"
                )
        return [journal.samples[key] for key in self.keys]

    def _progress(self, journal: SampleJournal, heartbeat: Heartbeat) -> Callable[[int, int], None]:
        return lambda samples, grades: heartbeat(f"evaluate {self.benchmark.name}: {len(journal.samples)} of {len(self.keys)} samples")

    def in_seed_order(self, missing: Set[Key]) -> list[Key]:
        """Return the samples to request from a server so that each missing one gets its seed, which follows its place among those of its
        prompt."""
        by_prompt: dict[str, list[Key]] = {}
        for key in self.keys:
            by_prompt.setdefault(self.example(key).prompt, []).append(key)
        return [
            key
            for keys in by_prompt.values()
            for key in keys[: max((place + 1 for place, key in enumerate(keys) if key in missing), default=0)]
        ]

    def _add_cached_replies(
        self, requests: Mapping[Key, Ask], journal: SampleJournal, reply_cache: ReplyCache, heartbeat: Heartbeat
    ) -> None:
        cache_hits = {key: reply_cache.get(_cache_key(self._request(request))) for key, request in requests.items()}
        replies = {key: self.read_chat(reply) for key, reply in cache_hits.items() if reply is not None}
        for key, sample in zip(replies, grade_replies(self, replies, heartbeat), strict=True):
            journal.add(replace(sample, prompt=prompt_hash(requests[key].prompt), seed=requests[key].seeds[0]))

    def _request(self, request: Ask) -> dict[str, Any]:
        """Return all that a sample depends on."""
        return {
            "weights": self.identity,
            "prompt": list(request.prompt),
            "form": template_name(self.template),
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            "max_tokens": self.sampling.max_tokens,
            "seed": request.seeds[0],
        }


def _cache_key(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(request.items())).encode()).hexdigest()


def grade_replies(evaluation: Evaluation, replies: Mapping[Key, Reply], heartbeat: Heartbeat) -> list[GradedSample]:
    """Return replies as graded samples, several at a time if a grader waits for other processes."""
    if all(isinstance(example.reference, Choice) for example in evaluation.examples):
        return [evaluation.grade(key, reply) for key, reply in replies.items()]
    samples: list[GradedSample] = []
    with ThreadPoolExecutor(GRADERS) as pool:
        for sample in pool.map(lambda pair: evaluation.grade(*pair), replies.items()):
            samples.append(sample)
            heartbeat(f"graded {len(samples)} of {len(replies)}")
    return samples


# --- before sampling ------------------------------------------------------------------------------------------------------


def choose_template(
    benchmark: Benchmark, engine: Engine, tokenizer: Tokenizer, sampling: Sampling, graders: Graders, seed: int, heartbeat: Heartbeat
) -> Template:
    """Return the benchmark's template whose form the model keeps most often, on a few problems."""
    if len(benchmark.templates) == 1:
        return benchmark.templates[0]
    examples, _ = select_examples(benchmark, None, PROBE_PROBLEMS, PROBE_PROBLEMS, seed)
    probe = replace(benchmark, seeds=lambda seed, place, problem, sample: seed_for(seed, PROBE_ROLLOUT, place, sample))

    def share_in_form(template: Template) -> float:
        evaluation, journal = Evaluation(probe, examples, 1, template, sampling, graders, seed), SampleJournal(None, {})
        evaluation.ask_engine(lambda: engine, tokenizer, journal, heartbeat)
        return sum(value for sample in journal.samples.values() for name, value in sample.measures.items() if name.startswith("form/"))

    return max(benchmark.templates, key=share_in_form)


def fit_tokens(sampling: Sampling, longest: int, context: int | None, problem: str = "") -> int:
    """Return `max_tokens`, or the context's rest after the longest prompt, that of `problem`. BadInput if there is none."""
    if context is None or longest + sampling.max_tokens <= context:
        return sampling.max_tokens
    if longest >= context:
        place = f", of problem {problem}," if problem else ""
        raise BadInput(f"the longest prompt{place} has {longest} tokens: the model's context of {context} leaves no room for an answer")
    return context - longest


def template_name(template: Template) -> str:
    """Return a template's name as a person types it: `chat`, `r1-zero`, `short` …"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(template).__name__.removesuffix("Template")).lower()


def template_settings(template: Template) -> dict[str, Any]:
    """Return a template in the form of a folder's settings: its name, and its own settings that differ from the defaults."""
    template_values = {} if template == type(template)() else {"template_settings": encode(template, type(template))}
    return {"template": template_name(template), **template_values}


def read_template(settings: Mapping[str, Any]) -> Template:
    """Return the template that `template_settings` named; `chat` without a name. BadInput for an unknown one."""
    kinds = {template_name(kind()): kind for kind in get_args(Template)}
    name = settings.get("template", "chat")
    if name not in kinds:
        raise BadInput(f"template {name!r}: there are {', '.join(kinds)}")
    template: Template = decode(settings["template_settings"], kinds[name]) if "template_settings" in settings else kinds[name]()
    return template
