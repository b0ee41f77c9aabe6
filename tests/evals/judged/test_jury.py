from __future__ import annotations

from aha.evals.arena import style_of
from aha.evals.examined import Generation
from aha.evals.exams.exam import Item
from aha.evals.judged.cost import Cost, cost_of, estimated, judging_cost, tokens_in
from aha.evals.judged.facts import Facts
from aha.evals.judged.games import Games
from aha.evals.judged.jury import Asked, games_of, heard, shown
from aha.evals.judged.prompts import FACTS, GAME, Prompt
from aha.protocols import Budget, Sampling
from aha.types import Conversation, Judged, Message, Open, Said

FACT = Facts(Prompt(FACTS))
ITEMS = [Item("1", "Who?", "en", Judged("Ada")), Item("2", "Where?", "en", Judged("Paris"))]
ASKED = Asked("http://j/v1#j", Sampling(temperature=0.0, max_tokens=16), 0, 2)


def spoke(item: str, sample: int, text: str, finished: str = "stop") -> Generation:
    return Generation(item, sample, text, "a thought", 5, finished)  # type: ignore[arg-type]


def says(text: str) -> Said:
    return Said(text, None, 1, "stop")


def test_what_was_cut_or_is_empty_is_not_shown():
    assert [shown(spoke("1", 0, text, how)) for text, how in (("Ada", "stop"), ("Ada", "length"), (" \n", "stop"))] == [True, False, False]


def test_a_judge_that_gave_no_verdict_is_asked_to_and_then_left_alone():
    [first] = FACT.games(ITEMS[0], "Ada")
    known: dict[str, Said] = {}
    assert heard(FACT, ASKED, first, known) == ((), first)
    known[ASKED.key(first)] = says("hm")
    replies, second = heard(FACT, ASKED, first, known)
    assert second is not None and [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert (replies, second.messages[1].content) == ((says("hm"),), "hm")
    known[ASKED.key(second)] = says("hm, hm")
    assert heard(FACT, ASKED, first, known) == ((says("hm"), says("hm, hm")), None)


def test_a_verdict_ends_the_asking_and_an_empty_reply_is_not_sent_back():
    [first] = FACT.games(ITEMS[0], "Ada")
    assert heard(FACT, ASKED, first, {ASKED.key(first): says("A")}) == ((says("A"),), None)
    _, second = heard(FACT, ASKED, first, {ASKED.key(first): says("")})
    assert second is not None and len(second.messages) == 1
    assert second.messages[0].content.startswith(first.messages[0].content)


def test_one_text_is_judged_once_whoever_said_it():
    generations = {("1", 0): spoke("1", 0, "Ada"), ("1", 1): spoke("1", 1, "Ada"), ("2", 0): spoke("2", 0, "Ada")}
    games = games_of(FACT, ITEMS, generations, 2)
    assert [(game.item, game.sample) for game in games] == [("1", 0), ("1", 1), ("2", 0)]
    assert judging_cost(FACT, ASKED, games, {}).calls == 2
    assert judging_cost(FACT, ASKED, games, {ASKED.key(games[0].conversation): says("A")}).calls == 1


def test_another_judge_or_other_settings_are_another_question():
    [question] = FACT.games(ITEMS[0], "Ada")
    others = [
        Asked("http://k/v1#j", ASKED.sampling, 0, 2),
        Asked(ASKED.judge, Sampling(temperature=1.0, max_tokens=16), 0, 2),
        Asked(ASKED.judge, ASKED.sampling, 5, 2),
    ]
    assert len({each.key(question) for each in (ASKED, *others)}) == 4


def test_the_cost_counts_bytes_and_prices_by_the_million():
    assert tokens_in(["x" * 400]) == 100 + 8
    cost = cost_of([Conversation((Message("user", "x" * 400),))] * 3, expected=600, most=400)
    assert cost == Cost(3, 324, 1_200, 1_200)
    assert cost.dollars(Budget(prompt_price=1e6, completion_price=2e6)) == (324 + 2_400, 324 + 2_400)
    assert "no prices are given" in cost.told(Budget())


def test_an_estimate_takes_what_is_missing_to_be_as_long_as_usual():
    generations = {("1", 0): spoke("1", 0, "Ada")}
    assert estimated(FACT, ASKED, ITEMS, generations, 2, {}).calls == 4
    judged = {ASKED.key(FACT.games(ITEMS[0], "Ada")[0]): says("A")}
    assert estimated(FACT, ASKED, ITEMS, generations, 2, judged).calls == 3
    assert estimated(FACT, ASKED, ITEMS, {("1", 0): spoke("1", 0, "", "length")}, 1, {}).calls == 1


def test_a_label_may_come_in_a_second_reply_and_one_that_is_none_counts_as_none():
    games = Games({"": Prompt(GAME)}, "v0.1", {"q": ("gpt-4-0314", "base")}, ("j",), Sampling())
    assert games.verdict([says("Well."), says("[[B>>A]]")]) == "B>>A"
    assert games.verdict([says("first [[A>B]], no: [[A=B]]")]) == "A=B"
    assert games.verdict([says("[[A<>B]]")]) is None
    item = Item("q", "Which?", "en", Open())
    both = games.games(item, "mine")
    assert [each.messages[1].content.index("base") < each.messages[1].content.index("mine") for each in both] == [True, False]
    assert games.judged(item, "mine", ["B>A", None]).measures == {"wins": 1.0}
    assert games.judged(item, "mine", ["A>>B", "A>B"]).measures == {"wins": 0.5}
    assert style_of("mine").counted is False
