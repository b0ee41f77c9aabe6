"""Word problems of one or two operations in English, which a small chat model can learn to solve on a CPU.

Training and held-out problems share no name, thing, sentence or number: pairs of numbers (3 and 4, 7 and 8 …) train, those between them (5
and 6, 9 and 10 …) are held out, factors too. A third of the held-out problems have a form that training never shows. Numbers are small,
since a model of 135M weights adds larger ones wrongly in any case. Training tells each story in many ways, with a clause for what there is
and one for each event, so that the operations are learned and not a few sentences.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from aha.errors import BadInput
from aha.types import Number, Problem

DOMAIN = "word-problem"
Split = Literal["train", "held-out"]
Step = tuple[int, str, int]  # two numbers and the operator between them
MOST_DRAWS = 1_000  # for each problem that is wanted

OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
}
HAPPENINGS = {"+": "{1} more", "-": "{1} gone", "*": "{1} times {0}", "/": "{0} for {1}"}
NUMERAL = r"\d+"
NAMES: dict[Split, tuple[str, ...]] = {
    "train": tuple("Anna Ben Clara David Emma Felix Grace Henry Ivy Jack Kate Leo Mia Noah Olive Paul Rosa Sam Tina Victor".split()),
    "held-out": tuple("Amir Bella Carlos Diana Elias Fiona George Hannah Igor Julia Kevin Laura Marco Nina Oscar Priya".split()),
}
THINGS: dict[Split, tuple[str, ...]] = {
    "train": tuple("apples pencils stickers marbles books cookies coins stamps cards flowers".split()),
    "held-out": tuple("oranges buttons shells beads magazines muffins tickets badges photos candles".split()),
}
LARGEST = 12
LARGEST_TOTAL = 20  # the largest total that is shared
NUMBERS: dict[Split, tuple[int, ...]] = {
    "train": tuple(n for n in range(3, LARGEST_TOTAL + 1) if n % 4 in (3, 0)),
    "held-out": tuple(n for n in range(2, LARGEST_TOTAL + 1) if n % 4 in (1, 2)),
}
FACTORS: dict[Split, tuple[int, ...]] = {"train": (3, 4), "held-out": (2, 5)}
MOST_PER_GROUP = 10  # in each of several equal groups


@dataclass(frozen=True)
class Form:
    """The structure of a question, independent of its words. `sorts`: the kinds of its numbers (n: any, e: how many in each group, k: a
    factor, t: a total that the factor after it divides). `operations`: in order, each an operator on the value so far and the index of a
    number (0: the first number again). `trained`: training shows this form. `texts`: the sentences of either split."""

    sorts: str
    operations: tuple[tuple[str, int], ...]
    trained: bool
    texts: dict[Split, tuple[str, ...]]

    def steps(self, numbers: tuple[int, ...]) -> Iterator[Step]:
        """Yield the calculations in order: the value so far, the operator, and its second operand."""
        value = numbers[0]
        for operator, place in self.operations:
            yield value, operator, numbers[place]
            value = OPERATIONS[operator](value, numbers[place])

    def result(self, numbers: tuple[int, ...]) -> int:
        *_, (value, operator, number) = self.steps(numbers)
        return OPERATIONS[operator](value, number)

    def draw(self, split: Split, draw: random.Random) -> tuple[int, ...] | None:
        """Return numbers of the split, or None if they make no sense together."""
        factor = draw.choice(FACTORS[split])
        pools = {
            "n": tuple(n for n in NUMBERS[split] if n <= LARGEST),
            "e": tuple(n for n in NUMBERS[split] if n <= MOST_PER_GROUP),
            "k": (factor,),
            "t": tuple(n for n in NUMBERS[split] if n % factor == 0),
        }
        numbers = tuple(draw.choice(pools[sort]) for sort in self.sorts)
        values = [OPERATIONS[operator](value, number) for value, operator, number in self.steps(numbers)]
        return numbers if min(values) > 0 else None


HAVE = (  # what there is at first
    "{a} has {0} {things}.",
    "There are {0} {things} in a box.",
    "{a} starts the day with {0} {things}.",
    "{a}'s bag holds {0} {things}.",
    "{a} brings {0} {things} to school.",
    "{a} sees {0} {things} on the floor.",
)
MORE = (  # {n} stands for the index of the number
    "{b} gives {a} {n} more.",
    "{a} puts {n} more into it.",
    "Then {a} buys {n} {things}.",
    "{a} gets {n} more from {b}.",
    "{a} finds {n} {things}.",
    "{b} adds {n}.",
    "A week later {n} new ones arrive.",
    "{a} earns {n} more.",
)
GONE = (
    "{a} gives {n} of them to {b}.",
    "{b} takes {n} away.",
    "{a} loses {n}.",
    "{n} of them break.",
    "{a} uses {n} of the {things}.",
    "{b} borrows {n}.",
    "{n} get wet and must go.",
    "{a} drops {n} into the river.",
)
GROUPS = (
    "{a} buys {1} boxes. Each box holds {0} {things}.",
    "{a} puts {0} {things} into each of {1} bags.",
    "{a} has {1} bags with {0} {things} in each.",
    "{1} friends bring {0} {things} each to {a}.",
    "A pack has {0} {things}. {a} takes {1} packs.",
    "There are {1} tables with {0} {things} on each.",
    "{a} gets {0} {things} every day. This goes on for {1} days.",
)
SHARES = (
    "{a} shares {0} {things} equally among {1} friends. How many {things} does each friend get?",
    "{0} {things} are packed into {1} equal bags. How many {things} are in one bag?",
    "{a} splits {0} {things} into {1} equal piles. How many {things} are in a pile?",
    "{1} children share {0} {things} equally. How many {things} does each child get?",
    "{a} puts {0} {things} into {1} boxes, as many in one as in the next. How many {things} are in each box?",
    "{a} gives {0} {things} to {1} friends, and all get the same number. How many {things} does {b} get, who is one of them?",
    "{0} {things} are laid in {1} equal rows. How many {things} are in each row?",
)
NOW = ("How many {things} does {a} have now?", "How many {things} are there now?")
REMAINDER_QUESTIONS = ("How many {things} are left?", "How many {things} are still there?")
TOTAL_QUESTIONS = ("How many {things} is that in all?", "How many {things} are there now?")


def story(*clauses: tuple[str, ...]) -> tuple[str, ...]:
    """Return every text made of one sentence from each list, with {n} replaced by the list's index; empty sentences are left out."""
    return tuple(
        " ".join(sentence.replace("{n}", f"{{{place}}}") for place, sentence in enumerate(sentences) if sentence)
        for sentences in product(*clauses)
    )


FORMS: dict[str, Form] = {
    "more": Form(
        "nn",
        (("+", 1),),
        True,
        {
            "train": story(HAVE, MORE, NOW),
            "held-out": (
                "{a} collected {0} {things} in the morning and {1} in the afternoon. How many did {a} collect that day?",
                "On a table lie {0} {things}. Then {a} lays another {1} beside them. How many lie there in the end?",
            ),
        },
    ),
    "less": Form(
        "nn",
        (("-", 1),),
        True,
        {
            "train": story(HAVE, GONE, REMAINDER_QUESTIONS),
            "held-out": (
                "{a} owned {0} {things} but lost {1} on the way home. How many remain?",
                "Out of {0} {things}, {a} sold {1} at the market. How many could {a} not sell?",
            ),
        },
    ),
    "groups": Form(
        "ek",
        (("*", 1),),
        True,
        {
            "train": story(GROUPS, TOTAL_QUESTIONS),
            "held-out": (
                "A shelf has {1} rows, and {a} sets {0} {things} in every row. How many {things} stand there?",
                "For {1} days {a} makes {0} {things} a day. How many are made altogether?",
            ),
        },
    ),
    "share": Form(
        "tk",
        (("/", 1),),
        True,
        {
            "train": SHARES,
            "held-out": (
                "{a} divides {0} {things} fairly between {1} cousins. What does every cousin receive?",
                "A set of {0} {things} fills {1} trays with the same number on each. How many lie on a tray?",
            ),
        },
    ),
    "more-less": Form(
        "nnn",
        (("+", 1), ("-", 2)),
        True,
        {
            "train": story(HAVE, MORE, GONE, REMAINDER_QUESTIONS),
            "held-out": (
                "{a} picked {0} {things}, found another {1}, and sold {2} of them all. How many did {a} keep?",
                "A stall opened with {0} {things}. A van brought {1}, and customers bought {2}. How many were there at closing time?",
            ),
        },
    ),
    "less-less": Form(
        "nnn",
        (("-", 1), ("-", 2)),
        True,
        {
            "train": story(HAVE, GONE, GONE, REMAINDER_QUESTIONS),
            "held-out": (
                "Of {0} {things}, {1} broke on Monday and {2} on Tuesday. How many remain whole?",
                "{a} owned {0} {things}, sold {1} online and threw {2} away. How many does {a} still own?",
            ),
        },
    ),
    "groups-more": Form(
        "ekn",
        (("*", 1), ("+", 2)),
        True,
        {
            "train": story(GROUPS, ("",), MORE, NOW),
            "held-out": (
                "{a} fills {1} jars with {0} {things} apiece, and {2} stay outside. How many {things} are there altogether?",
                "For {1} weeks {a} saves {0} {things} a week. An uncle adds {2}. What is the total?",
            ),
        },
    ),
    "groups-less": Form(
        "ekn",
        (("*", 1), ("-", 2)),
        False,
        {
            "train": (),
            "held-out": (
                "{a} made {1} plates of {0} {things} each, and guests took {2}. How many {things} remained?",
                "{a} opened {1} packs of {0} {things}. After {2} went missing, how many did {a} still own?",
            ),
        },
    ),
    "compare": Form(
        "nn",
        (("+", 1), ("+", 0)),
        False,
        {
            "train": (),
            "held-out": (
                "{a} owns {0} {things}. {b} owns {1} more than {a}. How many do they own together?",
                "{a} counted {0} {things}, and {b} counted {1} more than that. What did both count in total?",
            ),
        },
    ),
    "share-more": Form(
        "tkn",
        (("/", 1), ("+", 2)),
        False,
        {
            "train": (),
            "held-out": (
                "{1} cousins split {0} {things} evenly. {a}, one of them, already owned {2}. How many does {a} own now?",
                "{a} deals {0} {things} onto {1} piles of equal size, then lays {2} on the first pile. How many lie on that pile?",
            ),
        },
    ),
}
TRAINING_FORMS = tuple(name for name, form in FORMS.items() if form.trained)
UNSEEN = tuple(name for name, form in FORMS.items() if not form.trained)


@dataclass(frozen=True)
class WordProblem:
    """A problem by its parts: the form, the index of the sentence in the split, two names, the things and the numbers."""

    split: Split
    form: str
    text: int
    names: tuple[str, str]
    things: str
    numbers: tuple[int, ...]

    @property
    def id(self) -> str:
        """The id, such as `word-problem/train/more/0/Anna-Ben/apples/12-31`, which `word_problem_of` reads."""
        return "/".join(
            (DOMAIN, self.split, self.form, str(self.text), "-".join(self.names), self.things, "-".join(map(str, self.numbers)))
        )

    @property
    def question(self) -> str:
        return FORMS[self.form].texts[self.split][self.text].format(*self.numbers, a=self.names[0], b=self.names[1], things=self.things)

    @property
    def solution(self) -> tuple[str, str]:
        """A chain of thought that repeats the numbers and then names each event with its calculation, and the answer."""
        form = FORMS[self.form]
        lines = [f"Numbers: {', '.join(re.findall(NUMERAL, self.question))}."]
        for left, operator, right in form.steps(self.numbers):
            event = HAPPENINGS[operator].format(left, right)
            lines.append(f"{event}: {left} {operator} {right} = {OPERATIONS[operator](left, right)}.")
        return "\n".join(lines), str(form.result(self.numbers))


def word_problem_of(problem: Problem) -> WordProblem:
    """Return the parts of a problem of this domain, read from its id."""
    _, split, form, text, names, things, numbers = problem.id.split("/")
    first, second = names.split("-")
    side: Split = "train" if split == "train" else "held-out"
    return WordProblem(side, form, int(text), (first, second), things, tuple(map(int, numbers.split("-"))))


@dataclass(frozen=True)
class WordProblems:
    """A source of word problems. `unseen`: the share of held-out problems whose form training never shows."""

    split: Split = "train"
    unseen: float = 1 / 3

    def __post_init__(self) -> None:
        if not 0 <= self.unseen <= 1:
            raise BadInput(f"unseen is {self.unseen}: it is a share, so it lies from 0 to 1")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` different problems for a round of a rollout, the forms in turn."""
        draw = random.Random(f"{DOMAIN} {self.split} {seed} {rollout} {round}")
        unseen = round_half_up(count * self.unseen) if self.split == "held-out" else 0
        first = draw.randrange(len(FORMS))
        forms = [TRAINING_FORMS[(first + place) % len(TRAINING_FORMS)] for place in range(count - unseen)]
        forms += [UNSEEN[(first + place) % len(UNSEEN)] for place in range(unseen)]
        problems = dict[str, Problem]()
        for name in forms:
            problem = self._draw(name, draw, problems)
            problems[problem.id] = problem
        problem_list = list(problems.values())
        draw.shuffle(problem_list)
        return problem_list

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """Return a fixed sample of `count` different problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)

    def _draw(self, name: str, draw: random.Random, earlier: dict[str, Problem]) -> Problem:
        form = FORMS[name]
        for _ in range(MOST_DRAWS):
            numbers = form.draw(self.split, draw)
            first, second = draw.sample(NAMES[self.split], 2)
            text, things = draw.randrange(len(form.texts[self.split])), draw.choice(THINGS[self.split])
            if numbers is not None:
                problem = WordProblem(self.split, name, text, (first, second), things, numbers)
                if problem.id not in earlier:
                    return Problem(problem.id, DOMAIN, problem.question, "en", Number(str(form.result(numbers))))
        raise BadInput(
            f"{len(earlier)} different word problems ({self.split}) at once: there are no more of the form {name}; ask for fewer"
        )


def round_half_up(number: float) -> int:
    """Return the nearest integer, halves rounded up."""
    return int(number + 0.5)
