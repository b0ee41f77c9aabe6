"""What judging will cost, before it begins: calls, tokens, dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aha.evals.examined import Generation
from aha.evals.exams.exam import Item
from aha.evals.judged.jury import Asked, Game, Jury, games_of, heard, shown
from aha.protocols import Budget
from aha.types import Conversation, Message, Said

BYTES_A_TOKEN = 4
OVERHEAD = 8  # tokens that a chat's form puts around a message


@dataclass(frozen=True)
class Cost:
    """`prompt` and `completion` are estimates, `most` is what the replies may take at their limit."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    most: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.prompt + other.prompt, self.completion + other.completion, self.most + other.most)

    def dollars(self, budget: Budget) -> tuple[float, float]:
        """By the prices of a million tokens: about, and at most."""
        asked = self.prompt * budget.prompt_price
        return (asked + self.completion * budget.completion_price) / 1e6, (asked + self.most * budget.completion_price) / 1e6

    def to_json(self, budget: Budget) -> dict[str, float]:
        """For programs."""
        about, most = self.dollars(budget)
        tokens = {
            "calls": self.calls,
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "most_completion_tokens": self.most,
        }
        return {**tokens, "dollars": about, "most_dollars": most}

    def told(self, budget: Budget) -> str:
        """In words."""
        text = f"{self.calls:,} calls, about {self.prompt:,} tokens asked and {self.completion:,} answered (at most {self.most:,})"
        if not budget.prompt_price and not budget.completion_price:
            return text + "; no prices are given"
        about, most = self.dollars(budget)
        return text + f", about {about:,.2f} dollars (at most {most:,.2f})"

    def at_most(self, budget: Budget) -> str:
        """In words, where nobody knows how long a reply will be."""
        text = f"{self.calls:,} times, with about {self.prompt:,} tokens; it may answer {self.most:,} tokens at most"
        return text + (f", {self.dollars(budget)[1]:,.2f} dollars" if budget.prompt_price or budget.completion_price else "")


def tokens_in(texts: Iterable[str]) -> int:
    """Roughly: four bytes a token, in English as in Chinese."""
    return sum(-(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN) + OVERHEAD for text in texts)


def cost_of(conversations: Iterable[Conversation], expected: int, most: int) -> Cost:
    """One reply to each."""
    asked = [tokens_in(message.content for message in conversation.messages) for conversation in conversations]
    return Cost(len(asked), sum(asked), len(asked) * min(expected, most), len(asked) * most)


def judging_cost(jury: Jury, asked: Asked, games: Sequence[Game], known: Mapping[str, Said]) -> Cost:
    """Of the next turn of all games that have no verdict yet; the same question counts once."""
    nexts = (heard(jury, asked, game.conversation, known)[1] for game in games)
    left = {asked.key(conversation): conversation for conversation in nexts if conversation is not None}
    return cost_of(left.values(), jury.expected, asked.sampling.max_tokens)


def estimated(
    jury: Jury, asked: Asked, items: Sequence[Item], generations: Mapping[tuple[str, int], Generation], k: int, known: Mapping[str, Said]
) -> Cost:
    """Before the model has answered: its missing replies are taken to be as long as a usual one, and to differ from each other."""
    there = games_of(jury, items, generations, k)
    missing = {item.id: sum((item.id, number) not in generations for number in range(k)) for item in items}
    guessed = Cost()
    for item in items:
        if missing[item.id]:
            one = cost_of(jury.games(item, jury.guess(item)), jury.expected, asked.sampling.max_tokens)
            for _ in range(missing[item.id]):
                guessed += one
    return judging_cost(jury, asked, there, known) + guessed


def answering_cost(items: Sequence[Item], generations: Mapping[tuple[str, int], Generation], k: int, most: int) -> Cost:
    """Of the replies that are still to be judged, before they are there."""
    missing = ((item, sum((item.id, number) not in generations for number in range(k))) for item in items)
    asked = [Conversation((Message("user", item.prompt),)) for item, count in missing for _ in range(count)]
    return cost_of(asked, most, most)


def unshown(items: Sequence[Item], generations: Mapping[tuple[str, int], Generation], k: int) -> int:
    """Samples that are there and have lost without a judge."""
    pairs = (generations.get((item.id, number)) for item in items for number in range(k))
    return sum(said is not None and not shown(said) for said in pairs)
