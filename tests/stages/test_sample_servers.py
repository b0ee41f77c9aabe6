"""Teachers, judges and rewriters behind real servers on this machine, that are away or say what they should not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from aha.errors import BadInput, EndpointDown, FailedBar
from aha.protocols import ChatOptions
from aha.rewards import Judge
from aha.stages.assessors import RetryPolicy
from aha.stages.rewriters import Rewriter
from aha.template import Instruct
from aha.types import Countdown, Judged, Open
from tests.counts import ordinary
from tests.judges import honest
from tests.sample_runs import ROOM, Listed, asked_number, changed, problem, rows, run, sums, tagged
from tests.servers import Answer, Request, Server, said

SOON = ChatOptions(retries=0, attempt_s=5.0, deadline_s=5.0, pause_s=0.0)
DOWN = Answer(status=503)
WRITERS = Listed(tuple(problem(f"Who wrote book {n}?", Judged(f"author {n}"), domain="books") for n in range(24)))


def judged(server: Server, **changes: object) -> Judge:
    return replace(Judge(f"{server.url}#m", client=SOON, pause_s=0.0), **changes)  # type: ignore[arg-type]


def writes(prompt: str, seed: int) -> str:
    number = re.findall(r"book (\d+)", prompt)[-1]
    return tagged(f"I recall {seed}", f"author {number}" if seed % 2 else "nobody")


BOOKS = changed(problems=WRITERS, questions=24, chunk=6, samples=2)

# --- a judge ----------------------------------------------------------------------------------------------------------


def honestly(request: Request, number: int) -> Answer:
    return said(honest(request.asked))


def test_what_no_rule_can_say_a_judge_says(tmp_path):
    with Server(honestly) as server:
        found = run(tmp_path / "run", replace(BOOKS, truth=judged(server)), writes)
    line, dropped = found["funnel"]["domains"]["books"], found["funnel"]["dropped"]["books"]
    assert line["right"] + dropped["wrong"] == line["asked"]
    assert {row["messages"][1]["content"][:6] for row in rows(tmp_path / "run")} == {"author"}
    assert rows(tmp_path / "run")[0]["origin"]["grader"].endswith(f"and {server.url}#m")


FAULTS = {"down": DOWN, "nonsense": said("I think that it is fine."), "half": said('{"correctness": "maybe"}')}


@pytest.mark.parametrize("fault", ordinary(FAULTS, "down", "half"))
def test_a_judge_that_fails_is_waited_for_then_stops_the_run_which_goes_on_later(tmp_path, fault):
    with Server(honestly) as server:
        whole = run(tmp_path / "whole", replace(BOOKS, truth=judged(server)), writes)
        expected = rows(tmp_path / "whole")

        def fails(request: Request, number: int) -> Answer:
            return honestly(request, number) if int(re.findall(r"book (\d+)", request.asked)[0]) < 12 else FAULTS[fault]

        server.script = fails
        stage = replace(BOOKS, truth=judged(server, client=replace(SOON, cache=str(tmp_path / "cache"))))
        with pytest.raises(EndpointDown, match="None of them was counted as wrong.*the same command goes on"):
            run(tmp_path / "run", stage, writes)
        saved = rows(tmp_path / "run", "kept")
        assert saved == [row for row in expected if int(re.findall(r"\d+", row["id"])[0]) < 12]
        with pytest.raises(EndpointDown):  # still away: nothing is lost and nothing is added
            run(tmp_path / "run", stage, writes)
        assert rows(tmp_path / "run", "kept") == saved
        server.script = honestly
        assert run(tmp_path / "run", stage, writes)["funnel"] == whole["funnel"]
    assert rows(tmp_path / "run") == expected


def test_a_few_replies_without_a_verdict_are_counted_and_not_kept(tmp_path):
    with Server(lambda request, number: said("hm") if "book 3?" in request.asked else honestly(request, number)) as server:
        found = run(tmp_path / "run", replace(BOOKS, truth=judged(server)), writes)
    assert found["funnel"]["dropped"]["books"]["unjudged"] == 2
    assert "books/Who wrote book 3?" not in {row["id"] for row in rows(tmp_path / "run")}


# --- a teacher --------------------------------------------------------------------------------------------------------


def thinking(request: Request, number: int) -> Answer:
    n = asked_number(request.asked)
    return said(f"It is \\boxed{{{n + 1}}}", reasoning_content=f"I add one to {n}, seed {request.body['seed']}")


def taught(server: Server, **changes: object):
    stage = changed(model=f"{server.url}#m", template=Instruct(domains=None), sampling=ROOM, client=SOON)
    return replace(stage, **changes)  # type: ignore[arg-type]


def test_a_teachers_reasoning_and_its_answer_become_a_row(tmp_path):
    with Server(thinking) as server:
        found = run(tmp_path / "run", taught(server))
    assert found["rows"] == 8
    first = rows(tmp_path / "run")[0]
    assert first["messages"] == [
        {"role": "user", "content": "What is 0 + 1 (sums)?"},
        {"role": "assistant", "content": "It is \\boxed{1}", "reasoning_content": "I add one to 0, seed 0"},
    ]
    assert (first["origin"]["sampler"], first["origin"]["seed"]) == (f"{server.url}#m", 0)
    assert server.requests[0].asked.endswith("within \\boxed{}.")


def test_a_thought_in_tags_is_reasoning_too(tmp_path):
    with Server(lambda request, number: said(f"<think>I add</think>{asked_number(request.asked) + 1}")) as server:
        assert run(tmp_path / "run", taught(server))["rows"] == 8


def test_later_rounds_are_asked_with_later_seeds(tmp_path):
    with Server(lambda request, number: said("no", reasoning_content="hm")) as server, pytest.raises(Exception, match="not one row"):
        run(tmp_path / "run", taught(server, samples=3, at_once=1, problems=Listed(sums(2)), questions=2))
    assert Counter(request.body["seed"] for request in server.requests) == {0: 2, 1: 2, 2: 2}


@pytest.mark.parametrize("problems", [1, 8])
def test_a_teacher_that_shows_no_reasoning_is_refused_at_once(tmp_path, problems):
    with Server(lambda request, number: said(str(asked_number(request.asked) + 1))) as server:
        stage = taught(server, problems=Listed(sums(problems)), questions=problems, chunk=8, client=replace(SOON, in_flight=1))
        with pytest.raises(BadInput, match="replies shows what it thought; a teacher has to return `reasoning_content`"):
            run(tmp_path / "run", stage)
        assert len(server.requests) <= 10
    assert not (tmp_path / "run/rows").exists()


def test_a_reply_without_the_thought_of_the_others_breaks_the_form(tmp_path):
    def script(request: Request, number: int) -> Answer:
        return said("4") if "What is 3" in request.asked else thinking(request, number)

    with Server(script) as server:
        found = run(tmp_path / "run", taught(server, samples=2))
    assert found["funnel"]["dropped"]["sums"]["form"] == 2
    assert found["rows"] == 7


def test_non_reasoning_data_has_a_thought_where_it_helps_and_none_where_not(tmp_path):
    prompts = (
        problem("Hello", Open(), domain="general"),
        problem("Write about the sea.", Open(), domain="general"),
        problem("Who are you?", Open(), domain="self"),
    )

    def script(request: Request, number: int) -> Answer:
        return said("Here I am.", reasoning_content="What shall I say?")

    with Server(script) as server:
        stage = taught(
            server,
            problems=Listed(prompts),
            questions=3,
            open_answers="keep",
            plain=("self",),
            template=Instruct(suffix="Think first.", domains=None),
        )
        run(tmp_path / "run", stage)
        asked = sorted({request.asked for request in server.requests})
    assert asked == ["Hello", "Who are you?", "Write about the sea.\nThink first."]
    assert [row["messages"][1]["reasoning_content"] for row in rows(tmp_path / "run")] == ["", "What shall I say?", ""]


def test_a_teacher_that_goes_away_stops_the_run_with_its_rows_saved(tmp_path):
    with Server(lambda request, number: thinking(request, number) if number < 7 else DOWN) as server:
        with pytest.raises(EndpointDown, match="also after a pause of 0 s.*Rows up to here are saved; the same command goes on"):
            run(tmp_path / "run", taught(server))
        assert len(rows(tmp_path / "run", "kept")) == 3
        server.script = thinking
        assert run(tmp_path / "run", taught(server))["rows"] == 8


def test_one_conversation_that_a_server_cannot_answer_does_not_stop_the_run(tmp_path):
    def script(request: Request, number: int) -> Answer:
        return Answer(status=400) if "What is 3 " in request.asked else thinking(request, number)

    with Server(script) as server:
        stage = taught(server, problems=Listed(sums(40)), questions=40, chunk=40, retry=RetryPolicy(missing=0.1, pause_s=0.0))
        found = run(tmp_path / "run", stage)
    assert found["rows"] == 39
    assert found["funnel"]["dropped"]["sums"]["no reply"] == 4  # two rounds of two samples


def test_a_server_that_refuses_all_of_a_few_conversations_is_told_with_its_reason(tmp_path):
    with (
        Server(lambda request, number: Answer(status=403)) as server,
        pytest.raises(EndpointDown, match="2 of 2 conversations got no reply.*403"),
    ):
        run(tmp_path / "run", taught(server, problems=Listed(sums(2)), questions=2, retry=RetryPolicy(pause_s=0.0)))


def test_a_server_that_refuses_the_only_conversation_is_told_with_its_reason_too(tmp_path):
    with (
        Server(lambda request, number: Answer(status=403)) as server,
        pytest.raises(FailedBar, match=r"not one row was kept: \d+ no reply \(.*403"),
    ):
        run(tmp_path / "run", taught(server, problems=Listed(sums(1)), questions=1, retry=RetryPolicy(pause_s=0.0)))


def test_a_server_is_not_asked_in_the_form_of_a_base_model(tmp_path):
    with Server(thinking) as server, pytest.raises(BadInput, match="template Short: a server is asked in conversations"):
        run(tmp_path / "run", changed(model=f"{server.url}#m", client=SOON))


# --- a rewriter -------------------------------------------------------------------------------------------------------

GIVEN = Listed((problem("用 3 4 1 得到 11。", Countdown((3, 4, 1), 11), "zh", "countdown"),))
RAW = tagged("3 * 4 = 12 - 1 = 11 yes", "( 3 * 4 ) - 1")


def rewritten(server: Server, **changes: object):
    rewriter = Rewriter(f"{server.url}#m", client=SOON, retry=RetryPolicy(pause_s=0.0))
    return changed(problems=GIVEN, questions=1, samples=2, rewriter=rewriter, **changes)


def parts(thought: str, summary: str) -> str:
    return f"<chain>\n{thought}\n</chain>\n<summary>{summary}</summary>"


def test_a_model_rewrites_chain_and_summary(tmp_path):
    with Server(lambda request, number: said(parts("我先算 3 * 4 = 12，再减一。", "答案是 \\boxed{(3 * 4) - 1}"))) as server:
        run(tmp_path / "run", rewritten(server), lambda p, s: RAW)
        asked = server.requests[0].asked
    (row,) = rows(tmp_path / "run")
    assert row["messages"][1] == {
        "role": "assistant",
        "content": "答案是 \\boxed{(3 * 4) - 1}",
        "reasoning_content": "我先算 3 * 4 = 12，再减一。",
    }
    assert "in Chinese throughout" in asked
    assert "| 3 * 4 = 12 - 1 = 11 yes" in asked


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        ("I will not.", "not rewritten"),
        (parts("", "\\boxed{(3 * 4) - 1}"), "not rewritten"),
        (parts("想", "\\boxed{(3 * 4) - 1}") + " and more", "not rewritten"),
        (parts("我先算", "答案是 \\boxed{3 * 4 + 1}"), "unfaithful"),  # wrong
        (parts("我先算", "答案是 \\boxed{4 * 3 - 1}"), "unfaithful"),  # right, and not what the chain found
        (parts("我先算", "答案是十一"), "unfaithful"),
    ],
)
def test_a_rewriting_that_is_none_or_says_something_else_is_not_kept(tmp_path, reply, end):
    with Server(lambda request, number: said(reply)) as server, pytest.raises(Exception, match=f"not one row was kept: 2 {end}"):
        run(tmp_path / "run", rewritten(server), lambda p, s: RAW)


def test_a_rewriter_is_asked_again_where_it_gave_no_parts(tmp_path):
    good = parts("我先算 3 * 4 = 12，再减一。", "答案是 \\boxed{(3 * 4) - 1}")
    with Server(lambda request, number: said(good if "An earlier reply" in request.asked else "no")) as server:
        assert run(tmp_path / "run", rewritten(server), lambda p, s: RAW)["rows"] == 1


def test_a_rewriter_that_is_down_stops_the_run(tmp_path):
    with Server(lambda request, number: DOWN) as server:
        many = Listed(tuple(replace(GIVEN.problems[0], id=str(n), question=f"用 3 4 1 得到 11。{n}") for n in range(8)))
        with pytest.raises(EndpointDown, match="rewriter http.*8 of 8 conversations got no reply"):
            run(tmp_path / "run", replace(rewritten(server), problems=many, questions=8, chunk=8), lambda p, s: RAW)
