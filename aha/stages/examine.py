"""A published benchmark, asked: every sample is saved as it arrives, and what is saved is not asked again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, Protocol

from aha.errors import BadInput
from aha.evals.examined import Generation, Graded, grade_one
from aha.evals.exams.exam import Exam, Item
from aha.evals.saved import Key, Saved
from aha.protocols import Ask, Chat, Engine, Sampling, Tokenizer
from aha.sampling.prompts import completion_text
from aha.template import THINK, R1Zero, Short, apart
from aha.types import Choice, Completion, Conversation, Message, Said

Form = Literal["chat", "r1-zero", "short"]
Beat = Callable[[str], None]
BEGUN = f"{THINK}\n"  # what a reply is made to begin with, as R1's release notes advise
GRADERS = 8  # answers that are graded at a time where grading waits for other processes


class Kept(Protocol):
    """What was said before, in any run, by the same model to the same prompt with the same settings and seed."""

    def get(self, key: str) -> Said | None: ...

    def put(self, key: str, request: dict[str, Any], said: Said) -> None: ...


@dataclass(frozen=True)
class Protocolled:
    """How a benchmark is asked. `identity` says which weights and tokenizer it was, for the shared cache; empty: nothing is shared.
    `seen`: an item as its n-th sample is asked. `think`: a reply in the chat's form is made to begin with `<think>` and a new line."""

    k: int
    sampling: Sampling
    form: Form = "chat"
    seed: int = 0
    identity: str = ""
    seen: Callable[[Item, int], Item] = lambda item, sample: item
    think: bool = False

    def missing(self, items: Sequence[Item], saved: Saved) -> dict[str, list[int]]:
        """The samples of each item that are still to be asked."""
        found = {item.id: [number for number in range(self.k) if (item.id, number) not in saved.generations] for item in items}
        return {name: numbers for name, numbers in found.items() if numbers}


def user_turn(prompt: str) -> Conversation:
    """No system message: all instructions stand in the user's turn."""
    return Conversation((Message("user", prompt),))


# --- a model here -------------------------------------------------------------------------------------------------------


def prompts(asked: Protocolled, items: Sequence[Item], tokenizer: Tokenizer) -> dict[Key, tuple[int, ...]]:
    """The token ids that each sample of each item is asked with."""

    @cache
    def tokens(prompt: str) -> tuple[int, ...]:
        match asked.form:
            case "chat":
                own = tuple(tokenizer.chat(user_turn(prompt)))
                return own + tuple(tokenizer.encode(BEGUN)) if asked.think and not opens(tokenizer, own) else own
            case "r1-zero":
                return tuple(tokenizer.prompt(R1Zero().prompt(prompt)))
            case "short":
                return tuple(tokenizer.prompt(Short().prompt(prompt)))

    return {(item.id, number): tokens(asked.seen(item, number).prompt) for item in items for number in range(asked.k)}


def opens(tokenizer: Tokenizer, prompt: Sequence[int]) -> bool:
    """Whether a prompt has opened the thought."""
    return tokenizer.decode(prompt[-16:]).rstrip().endswith(THINK)


def capped(sampling: Sampling, longest: int, context: int | None) -> int:
    """`max_tokens`, or what the context leaves after the longest prompt. BadInput where it leaves nothing."""
    if context is None or longest + sampling.max_tokens <= context:
        return sampling.max_tokens
    if longest >= context:
        raise BadInput(f"a prompt of {longest} tokens: the model's context of {context} leaves no room for an answer; take a longer one")
    return context - longest


def ask_engine(
    asked: Protocolled,
    items: Sequence[Item],
    saved: Saved,
    engine: Callable[[], Engine],
    tokenizer: Tokenizer,
    kept: Kept | None,
    beat: Beat,
) -> None:
    """Each sample is asked with a seed of its own, so that it is saved as soon as it ends, and what was saved before does not matter."""
    tokens = prompts(asked, items, tokenizer)
    missing = ((name, number) for name, numbers in asked.missing(items, saved).items() for number in numbers)
    wanted = [key for key in missing if not _known(asked, *key, tokens[key], saved, kept)]
    if not wanted:
        return
    asks = [Ask(tokens[key], (seed_of(asked.seed, *key),)) for key in wanted]
    for index, (completion,) in engine().generate(asks, asked.sampling):
        name, number = wanted[index]
        said = read(asked, completion, asks[index].prompt, tokenizer)
        if kept is not None and asked.identity:
            request = _request(asked, name, number, asks[index].prompt)
            kept.put(_key(request), request, said)
        saved.add(_generation(name, number, said))
        beat(f"{len(saved.generations)} of {len(items) * asked.k} samples")


def _known(asked: Protocolled, name: str, number: int, prompt: tuple[int, ...], saved: Saved, kept: Kept | None) -> bool:
    said = kept.get(_key(_request(asked, name, number, prompt))) if kept is not None and asked.identity else None
    if said is not None:
        saved.add(_generation(name, number, said))
    return said is not None


def read(asked: Protocolled, completion: Completion, prompt: tuple[int, ...], tokenizer: Tokenizer) -> Said:
    """Thinking apart from what is visible; a prompt may have opened the thought."""
    text = completion_text(completion, tokenizer)
    if asked.form == "chat":
        visible, thought = apart(THINK + text if opens(tokenizer, prompt) else text)
        return Said(visible, thought, len(completion.tokens), completion.finished)
    reply = R1Zero().read(text, len(completion.tokens), completion.finished)
    return Said(reply.answer or "", reply.thought if reply.answer else text, reply.tokens, completion.finished)


def _request(asked: Protocolled, name: str, number: int, prompt: tuple[int, ...]) -> dict[str, Any]:
    sampling = asked.sampling
    return {
        "weights": asked.identity,
        "prompt": list(prompt),
        "form": asked.form,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": seed_of(asked.seed, name, number),
    }


def _key(request: dict[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(request.items())).encode()).hexdigest()


def seed_of(seed: int, item: str, sample: int) -> int:
    """63 bits that depend on the three alone."""
    return int.from_bytes(hashlib.sha256(f"examine {seed} {item} {sample}".encode()).digest()[:8], "big") >> 1


def _generation(name: str, number: int, said: Said) -> Generation:
    return Generation(name, number, said.text, said.thought, said.tokens, said.finished)


# --- a server -----------------------------------------------------------------------------------------------------------


def ask_chat(asked: Protocolled, items: Sequence[Item], saved: Saved, chat: Chat, beat: Beat) -> None:
    """One call of `reply` for all that is missing. The server's seed follows the place of a sample among those of the same prompt, so
    earlier ones of that prompt are named too; they come from the cache."""
    slots = list(_slots(asked, items, set(saved.generations)))
    if not slots:
        return
    known = {item.id: item for item in items}
    for index, said in chat.reply([turn(asked, known[name], number) for name, number in slots], asked.sampling):
        name, number = slots[index]
        saved.add(_generation(name, number, _begun(said[0]) if asked.think else said[0]))
        beat(f"{len(saved.generations)} of {len(items) * asked.k} samples")


def turn(asked: Protocolled, item: Item, sample: int) -> Conversation:
    """What a server is sent: with `think` it ends in words that the assistant is to go on with."""
    conversation = user_turn(asked.seen(item, sample).prompt)
    return Conversation((*conversation.messages, Message("assistant", BEGUN))) if asked.think else conversation


def _begun(said: Said) -> Said:
    """A reply that goes on with an opened thought, where the server did not take it apart itself."""
    if said.thought is not None:
        return said
    visible, thought = apart(THINK + said.text)
    return replace(said, text=visible, thought=thought)


def _slots(asked: Protocolled, items: Sequence[Item], known: set[Key]) -> Iterator[Key]:
    by_prompt: dict[str, list[Key]] = {}
    for item in items:
        for number in range(asked.k):
            by_prompt.setdefault(asked.seen(item, number).prompt, []).append((item.id, number))
    for keys in by_prompt.values():
        last = max((place for place, key in enumerate(keys) if key not in known), default=-1)
        yield from keys[: last + 1]


# --- grading ------------------------------------------------------------------------------------------------------------


def grade_all(exam: Exam, items: Sequence[Item], generations: dict[Key, Generation], k: int, beat: Beat) -> list[Graded]:
    """Every item's samples, in order. BadInput where an item has fewer than k."""
    work = [(item, generations.get((item.id, number)), number) for item in items for number in range(k)]
    for item, said, number in work:
        if said is None:
            raise BadInput(f"{item.id}: {number} samples of it are saved, fewer than k = {k}; ask for the rest with the same aha eval")
    pairs = [(exam.seen(item, number), said) for item, said, number in work if said is not None]
    if all(isinstance(item.reference, Choice) for item in items):
        return [grade_one(exam, item, said) for item, said in pairs]
    graded: list[Graded] = []
    with ThreadPoolExecutor(GRADERS) as pool:
        for one in pool.map(lambda pair: grade_one(exam, *pair), pairs):
            graded.append(one)
            beat(f"graded {len(graded)} of {len(pairs)}")
    return graded
