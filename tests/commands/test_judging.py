"""`aha eval --judge` against a real server in this process, which answers as a model and judges by rules."""

from __future__ import annotations

import json
import math
import re
import signal
from functools import partial
from pathlib import Path
from random import Random

import pytest

from aha.backends.local_backend import write_fresh
from aha.tasks import vocabulary
from tests.commands.conftest import SHAPE
from tests.endtoend.conftest import until
from tests.servers import Answer, Server, said

QUESTIONS = {"Who wrote it?": "Ada", "Where?": "Paris", "When?": "1815", "Which one?": "the first"}
REPLIES = {"Who wrote it?": "Ada.", "Where?": "London.", "When?": "I do not know.", "Which one?": "The first"}


def judges_facts(request) -> str:
    """A where the reference stands in the answer, C where it does not know, else B."""
    fields = dict(re.findall(r'(?m)^(question|reference|answer): (".*")$', request.body["messages"][0]["content"]))
    answer, reference = json.loads(fields["answer"]).lower(), json.loads(fields["reference"]).lower()
    return "A" if reference in answer else "C" if "not know" in answer else "B"


def world(judging, replies=REPLIES):
    """A script: the model `m` answers, the model `judge` judges."""

    def script(request, turn) -> Answer:
        if request.body["model"] == "m":
            return said(replies[request.asked], reasoning_content="SECRET")
        found = judging(request)
        return found if isinstance(found, Answer) else said(found, tokens=1)

    return script


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of data may hold the published questions to judges, which these judges cannot read."""
    monkeypatch.delenv("AHA_DATA", raising=False)


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "q.csv"
    path.write_text("metadata,problem,answer\n" + "".join(f"{{}},{question},{answer}\n" for question, answer in QUESTIONS.items()))
    return path


def words(server: Server, name: str, data: Path, *more: object) -> tuple[object, ...]:
    ask = ("eval", name, "--model", f"{server.url}#m", "--judge", f"{server.url}#judge", "--data", data, "--out", "o")
    return (*ask, "--cache", "c", "--judging.client.cache", "j", "--judging.client.pause_s", 0.01, "--json", *more)


def judged_by(server: Server) -> list:
    return [request for request in server.requests if request.body["model"] == "judge"]


# --- facts --------------------------------------------------------------------------------------------------------------


def test_facts_are_correct_incorrect_or_not_attempted(aha, facts):
    with Server(world(judges_facts), models=("m", "judge")) as server:
        found = aha(*words(server, "simpleqa", facts, "--k", 2))
        assert found.code == 0, found.err
        assert len(judged_by(server)) == 4  # both samples of a question are the same text
    result = json.loads(found.out)
    assert (result["correct"], result["incorrect"], result["not_attempted"], result["refused"]) == (0.5, 0.25, 0.25, 0.25)
    assert result["correct_given_attempted"] == pytest.approx(2 / 3)
    assert result["f_score"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert (result["value"], result["samples"], result["unjudged"], result["judge"]) == (0.5, 8, 0.0, "judge")
    assert result["protocol"] == "unverified"
    assert all("SECRET" not in json.dumps(request.body) for request in judged_by(server))
    regraded = aha("regrade", "o", "--json")
    assert json.loads(regraded.out) == result
    assert aha("score", "o/simpleqa", "--json").code == 0


def test_what_was_judged_is_not_judged_again_and_the_cost_is_said_first(aha, facts):
    prices = ("--judging.client.budget.prompt_price", 10, "--judging.client.budget.completion_price", 30)
    with Server(world(judges_facts), models=("m", "judge")) as server:
        first = aha(*words(server, "simpleqa", facts, "--k", 1, *prices))
        again = aha(*words(server, "simpleqa", facts, "--k", 1, *prices))
        assert len(judged_by(server)) == 4 and len(server.requests) == 8
    assert again.out == first.out
    [told] = [line for line in first.err.splitlines() if "judging will take" in line]
    assert re.search(r"4 calls, about [\d,]+ tokens asked and 8 answered \(at most 64\), about 0\.\d\d dollars", told)
    assert "judge: 4 calls, 44 tokens asked, 4 answered" in first.err
    assert "0 calls" in again.err


def test_another_folder_finds_the_judges_words_in_the_cache(aha, facts):
    with Server(world(judges_facts), models=("m", "judge")) as server:
        first = aha(*words(server, "simpleqa", facts, "--k", 1))
        second = aha(*words(server, "simpleqa", facts, "--k", 1, "--out", "p"))
        assert len(server.requests) == 8
    assert second.out == first.out
    assert len(Path("p/simpleqa/transcripts.jsonl").read_text().splitlines()) == 4


def test_an_estimate_asks_nobody(aha, facts):
    with Server(world(judges_facts), models=("m", "judge")) as server:
        found = aha(*words(server, "simpleqa", facts, "--estimate"))
        assert (found.code, server.requests) == (0, [])
    told = json.loads(found.out)
    assert (told["event"], told["benchmark"], told["calls"], told["most_completion_tokens"]) == ("estimate", "simpleqa", 16, 256)


def test_a_budget_that_does_not_do_is_found_out_before_the_model_is_asked(aha, facts):
    with Server(world(judges_facts), models=("m", "judge")) as server:
        found = aha(*words(server, "simpleqa", facts, "--k", 1, "--judging.client.budget.calls", 3))
        assert (found.code, server.requests) == (2, [])
        assert "the budget of 3 calls does not allow it" in found.err.splitlines()[-1]
        enough = aha(*words(server, "simpleqa", facts, "--k", 1, "--judging.client.budget.calls", 4))
    assert enough.code == 0, enough.err


def test_a_reply_that_was_cut_or_is_empty_has_lost_and_nobody_is_asked(aha, facts):
    def cut(request, turn) -> Answer:
        if request.body["model"] == "judge":
            return said("A", tokens=1)
        return said("Ada and so on", finish="length") if request.asked == "Who wrote it?" else said("", reasoning_content="hm")

    with Server(cut, models=("m", "judge")) as server:
        found = aha(*words(server, "simpleqa", facts, "--k", 1))
        assert judged_by(server) == []
    result = json.loads(found.out)
    assert (result["incorrect"], result["truncated"], result["value"]) == (1.0, 0.25, 0.0)


def test_a_judge_that_talks_nonsense_is_asked_once_more_and_then_counts_as_nothing(aha, facts):
    def mumbles(request) -> str:
        asked = str(request.body["messages"])
        last = request.body["messages"][-1]["content"]
        if "Who wrote" in asked:
            return "It depends" if "Reply with A (CORRECT)" not in last else "A"
        return "As I see it" if "Where" in asked else judges_facts(request)

    with Server(world(mumbles), models=("m", "judge")) as server:
        strict = aha(*words(server, "simpleqa", facts, "--k", 1))
        assert strict.code == 1 and "judge gave no verdict in 1 of 4 games" in strict.err.splitlines()[-1]
        assert len(judged_by(server)) == 6
        lenient = aha(*words(server, "simpleqa", facts, "--k", 1, "--judging.unread", 0.25))
        assert len(judged_by(server)) == 6
    result = json.loads(lenient.out)
    assert (result["correct"], result["incorrect"], result["not_attempted"], result["unjudged"]) == (0.5, 0.0, 0.25, 0.25)


def test_a_judge_that_is_down_ends_with_75_and_the_same_command_asks_for_the_rest(aha, facts):
    down = [True]

    def half(request):
        return Answer(status=503) if down[0] and "Wh" in request.asked and '"Where?"' not in request.asked else judges_facts(request)

    with Server(world(half), models=("m", "judge")) as server:
        first = aha(*words(server, "simpleqa", facts, "--k", 1, "--judging.client.retries", 0))
        assert first.code == 75 and "3 of 4 replies did not come" in first.err.splitlines()[-1]
        assert len(Path("o/simpleqa/transcripts.jsonl").read_text().splitlines()) == 1
        down[0] = False
        second = aha(*words(server, "simpleqa", facts, "--k", 1))
        assert second.code == 0, second.err
    assert len(Path("o/simpleqa/transcripts.jsonl").read_text().splitlines()) == 4
    assert json.loads(second.out)["correct"] == 0.5


def test_faults_of_the_judge_lose_nothing_and_count_nothing_twice(aha, tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("metadata,problem,answer\n" + "".join(f"{{}},Number {n}?,{n if n % 3 else 'none'}\n" for n in range(60)))
    faults = [Answer(status=429, headers={"Retry-After": "0"}), Answer(status=500), Answer(silent=True), Answer(b'{"choices"', cut=5)]
    seen: dict[str, int] = {}

    def troubled(request):
        asked = request.asked
        seen[asked] = seen.get(asked, 0) + 1
        turn = sum(map(ord, asked)) % 5
        if seen[asked] == 1:
            return faults[turn] if turn < 4 else Answer(said(judges_facts(request)).body, wait_s=0.3)
        return judges_facts(request)

    replies = {f"Number {n}?": f"Surely {n}." for n in range(60)}
    with Server(world(troubled, replies), models=("m", "judge")) as server:
        found = aha(*words(server, "simpleqa", path, "--k", 1))
        assert found.code == 0, found.err
        assert len(judged_by(server)) > 60
    assert json.loads(found.out)["correct"] == pytest.approx(40 / 60)
    lines = [json.loads(line) for line in Path("o/simpleqa/transcripts.jsonl").read_text().splitlines()]
    assert len(lines) == len({line["key"] for line in lines}) == 60


@pytest.mark.slow
def test_a_killed_judging_goes_on_where_it_was(aha, warm, tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("metadata,problem,answer\n" + "".join(f"{{}},Number {n}?,{n}\n" for n in range(40)))
    replies = {f"Number {n}?": f"Surely {n}." for n in range(40)}

    def slow(request) -> Answer:
        return Answer(said(judges_facts(request)).body, wait_s=0.2)

    with Server(world(slow, replies), models=("m", "judge")) as server:
        line = words(server, "simpleqa", path, "--k", 1, "--judging.client.in_flight", 2, "--judging.client.cache", "none")
        journal = tmp_path / "o/simpleqa/transcripts.jsonl"
        command = warm.start(*line, folder=tmp_path)
        assert until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 6)
        command.send(signal.SIGKILL)
        assert command.code == -signal.SIGKILL, command.said
        kept = journal.read_bytes().count(b"\n")
        assert 6 <= kept < 40
        before = len(judged_by(server))
        found = aha(*line)
        assert found.code == 0, found.err
        assert len(judged_by(server)) - before == 40 - kept
    assert json.loads(found.out)["correct"] == 1.0


@pytest.mark.long
def test_kills_and_faults_at_once_lose_no_verdict_and_double_none(aha, warm, tmp_path):
    """400 questions, a fault in two of five first calls, the process killed eight times while it judges."""
    path, draw = tmp_path / "q.csv", Random(0)
    path.write_text("metadata,problem,answer\n" + "".join(f"{{}},Number {n}?,{n if n % 3 else 'none'}\n" for n in range(400)))
    faults = [Answer(status=429, headers={"Retry-After": "0"}), Answer(status=503), Answer(silent=True), Answer(b'{"choices"', cut=5)]
    met: set[str] = set()
    answered: list[str] = []

    def troubled(request) -> Answer:
        asked = request.asked
        if asked not in met and len(met) % 5 < 2:
            met.add(asked)
            return faults[len(met) % 4]
        met.add(asked)
        answered.append(asked)
        return Answer(said(judges_facts(request)).body, wait_s=0.3)

    replies = {f"Number {n}?": f"Surely {n}." for n in range(400)}
    journal, kills = tmp_path / "o/simpleqa/transcripts.jsonl", 0

    def written(lines: int) -> bool:
        return journal.exists() and journal.read_bytes().count(b"\n") >= lines

    with Server(world(troubled, replies), models=("m", "judge")) as server:
        line = words(server, "simpleqa", path, "--k", 1, "--judging.client.in_flight", 8, "--judging.client.cache", "none")
        for _ in range(8):
            command = warm.start(*line, folder=tmp_path)
            wanted = (journal.read_bytes().count(b"\n") if journal.exists() else 0) + draw.randint(5, 40)
            assert until(partial(written, wanted))
            command.send(signal.SIGKILL)
            kills += command.code == -signal.SIGKILL
        found = aha(*line)
        assert found.code == 0, found.err
    lines = [json.loads(each) for each in journal.read_text().splitlines()]
    assert (kills, len(lines), len({line["key"] for line in lines})) == (8, 400, 400)
    assert json.loads(found.out)["correct"] == pytest.approx(266 / 400)
    assert len(answered) <= 400 + 8 * kills  # a kill costs what was under way, and no more
    print(f"{kills} kills, {len(server.requests)} calls, {len(answered)} answered for 400 verdicts")


def test_a_judge_nobody_needs_and_flags_without_one_are_refused(aha, facts, tmp_path):
    (tmp_path / "g.jsonl").write_text(json.dumps({"question": "1 + 1?", "answer": "#### 2"}) + "\n")
    with Server(world(judges_facts), models=("m", "judge")) as server:
        needless = aha(*words(server, "gsm8k", tmp_path / "g.jsonl"))
        assert (needless.code, server.requests) == (2, [])
    assert needless.err.splitlines()[-1].endswith("gsm8k needs none")
    assert "--estimate: it needs --judge" in aha("eval", "simpleqa", "--model", "http://127.0.0.1:9/v1#m", "--estimate").err
    judge = ("--judge", "http://127.0.0.1:9/v1#j", "--data", facts)
    assert aha("eval", "simpleqa", "--model", "http://127.0.0.1:9/v1#m", *judge, "--baseline-answers", "x.json").code == 2


def test_a_judge_that_is_not_there_is_said_before_the_model_is_asked_and_its_replies_are_kept(aha, facts):
    with Server(world(judges_facts), models=("m",)) as server:
        unlisted = aha(*words(server, "simpleqa", facts, "--estimate"))
        assert "does not list judge among its 1 models" in unlisted.err
        quick = ("--k", 1, "--judging.client.retries", 0, "--out", "o", "--cache", "c", "--judging.client.cache", "none")
        gone = aha("eval", "simpleqa", "--model", f"{server.url}#m", "--judge", "http://127.0.0.1:9/v1#judge", "--data", facts, *quick)
    assert gone.code == 75
    assert gone.err.index("may not be there when it is needed") < gone.err.index("judging will take")
    assert len(Path("o/simpleqa/samples.jsonl").read_text().splitlines()) == 4


def test_a_judge_here_needs_room_for_the_question_and_words_for_a_verdict(aha, facts, model, tmp_path):
    with Server(world(judges_facts), models=("m",)) as server:
        line = ("eval", "simpleqa", "--model", f"{server.url}#m", "--data", facts, "--k", 1, "--out", "o", "--cache", "c")
        small = aha(*line, "--judge", model)
        assert (small.code, server.requests) == (2, []) and "context of 256" in small.err.splitlines()[-1]
        assert aha(*line, "--judge", "./nowhere").code == 2
        shape = {**SHAPE, "vocab_size": vocabulary.build().get_vocab_size(), "max_position_embeddings": 4_096}
        write_fresh({**shape, "eos_token_id": vocabulary.build().token_to_id(vocabulary.END)}, tmp_path / "large", seed=0)
        vocabulary.save(tmp_path / "large", 4_096)
        mumbles = aha(*line, "--judge", tmp_path / "large")
        assert (mumbles.code, "gave no verdict in 4 of 4 games" in mumbles.err) == (1, True)


def test_grading_again_with_another_question_to_the_judge_is_refused(aha, facts, tmp_path, monkeypatch):
    with Server(world(judges_facts), models=("m", "judge")) as server:
        assert aha(*words(server, "simpleqa", facts, "--k", 1)).code == 0
    (tmp_path / "elsewhere").mkdir()
    template = "Q {question} T {target} P {predicted_answer}"
    (tmp_path / "elsewhere" / "simpleqa_eval.py").write_text(f"GRADER_TEMPLATE = '{template}'\n")
    monkeypatch.setenv("AHA_DATA", str(tmp_path / "elsewhere"))
    again = aha("regrade", "o", "--json")
    assert (again.code, "judged by another question" in again.err) == (2, True)


def test_the_other_model_of_a_comparison_is_judged_too_and_its_cost_is_said(aha, facts):
    right = {question: f"It is {answer}." for question, answer in QUESTIONS.items()}

    def script(request, turn) -> Answer:
        return said(right[request.asked]) if request.body["model"] == "n" else world(judges_facts)(request, turn)

    with Server(script, models=("m", "n", "judge")) as server:
        found = aha(*words(server, "simpleqa", facts, "--k", 1, "--against", f"{server.url}#n"))
        assert found.code == 0, found.err
    assert json.loads(found.out)["against"]["difference"] == -0.5
    assert re.search(r"#n will be asked 4 times, with about \d+ tokens; it may answer 131,072 tokens at most", found.err)
    assert "judging in all: 8 calls" in found.err


# --- AlpacaEval ---------------------------------------------------------------------------------------------------------

INSTRUCTIONS = [f"Write {n} words." for n in range(8)]


@pytest.fixture
def alpaca(tmp_path: Path) -> Path:
    """Eight instructions with the baseline's outputs, their difficulty, and two gamed rows."""
    folder = tmp_path / "data" / "alpaca_eval"
    folder.mkdir(parents=True)
    rows = [{"instruction": each, "output": "word " * (n + 1), "generator": "gpt4_1106_preview"} for n, each in enumerate(INSTRUCTIONS)]
    (folder / "reference_outputs_gpt4_1106_preview.json").write_text(json.dumps(rows))
    (folder / "instruction_difficulty.csv").write_text("i,instruction_difficulty\n" + "".join(f"{n},{n / 4 - 1}\n" for n in range(8)))
    (folder / "df_gamed.csv").write_text("std_delta_len,instruction_difficulty,preference\n1.0,0.5,1.4\n-1.0,-0.5,1.6\n")
    return tmp_path / "data"


def likes(better: str, share: float = 0.8):
    """A judge that gives so much of its word to the output that holds `better`."""

    def judging(request) -> Answer:
        fields = dict(re.findall(r'(?m)^output of ([mM]): (".*")$', request.body["messages"][-1]["content"]))
        name = "M" if better in json.loads(fields["M"]) else "m"
        top = [{"token": name, "logprob": math.log(share)}, {"token": {"m": "M", "M": "m"}[name], "logprob": math.log(1 - share)}]
        body = json.loads(said(name, finish="length", tokens=1).body)
        body["choices"][0]["logprobs"] = {"content": [{"token": name, "logprob": math.log(share), "top_logprobs": top}]}
        return Answer(json.dumps(body).encode())

    return judging


def test_alpaca_eval_from_fresh_verdicts_is_what_its_file_of_annotations_says(aha, alpaca):
    replies = dict.fromkeys(INSTRUCTIONS, "word mine")
    with Server(world(likes("mine"), replies), models=("m", "judge")) as server:
        found = aha(*words(server, "alpaca_eval", alpaca))
        assert found.code == 0, found.err
        bodies = [request.body for request in judged_by(server)]
    assert {(body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) for body in bodies} == {(1, 1.0, True, 5)}
    result = json.loads(found.out)
    assert (result["win_rate"], result["discrete_win_rate"], result["n"], result["weighed"]) == (pytest.approx(80), 100, 8, 1.0)
    assert (result["value"], result["headline"]) == (result["lc_win_rate"], "lc_win_rate")
    offline = json.loads(aha("eval", "alpaca_eval", "--annotations", "o/alpaca_eval/annotations.json", "--data", alpaca, "--json").out)
    assert offline == {name: result[name] for name in offline}
    assert json.loads(aha("regrade", "o", "--json").out) == result
    compared = aha("compare", "ours=o", "--markdown").out
    assert f"{result['lc_win_rate']:.1f}" in compared


def test_alpaca_eval_shows_the_published_order_or_both(aha, alpaca):
    def first(request) -> str:
        return "m"  # whatever it is

    replies = dict.fromkeys(INSTRUCTIONS, "word mine")
    with Server(world(first, replies), models=("m", "judge")) as server:
        one = json.loads(aha(*words(server, "alpaca_eval", alpaca)).out)
        assert len(judged_by(server)) == 8
        both = json.loads(aha(*words(server, "alpaca_eval", alpaca, "--judging.orders", "both")).out)
        assert len(judged_by(server)) == 16
    assert one["win_rate"] != 50 and one["weighed"] == 0.0
    assert (both["win_rate"], both["discrete_win_rate"]) == (50, 50)


def test_a_server_that_refuses_log_probabilities_says_so_and_can_be_asked_without(aha, alpaca):
    def letters(request) -> Answer | str:
        refused = json.dumps({"error": {"message": "logprobs are not served here"}}).encode()
        return Answer(refused, status=400) if "logprobs" in request.body else "m"

    replies = dict.fromkeys(INSTRUCTIONS, "word mine")
    with Server(world(letters, replies), models=("m", "judge")) as server:
        first = aha(*words(server, "alpaca_eval", alpaca))
        assert (first.code, "logprobs are not served here" in first.err) == (75, True)
        second = aha(*words(server, "alpaca_eval", alpaca, "--judging.top", 0))
    assert (second.code, json.loads(second.out)["weighed"]) == (0, 0.0)


def test_an_output_that_was_cut_has_lost_against_the_baseline(aha, alpaca):
    def script(request, turn) -> Answer:
        if request.body["model"] == "judge":
            return likes("mine")(request)
        return said("word mine", finish="length" if request.asked in INSTRUCTIONS[:4] else "stop")

    with Server(script, models=("m", "judge")) as server:
        result = json.loads(aha(*words(server, "alpaca_eval", alpaca)).out)
        assert len(judged_by(server)) == 4
    assert (result["win_rate"], result["truncated"], result["n"]) == (pytest.approx(40), 0.5, 8)


def test_a_missing_calibration_is_found_out_before_anything_is_asked(aha, alpaca):
    (alpaca / "alpaca_eval" / "df_gamed.csv").unlink()
    with Server(world(likes("mine")), models=("m", "judge")) as server:
        found = aha(*words(server, "alpaca_eval", alpaca))
        assert (found.code, server.requests) == (2, [])
    assert "df_gamed.csv" in found.err


# --- Arena-Hard ---------------------------------------------------------------------------------------------------------


def arena_data(root: Path, version: str, questions: list[dict], answers: dict[str, list[str]]) -> Path:
    """Questions, and the answers of models to them, in the published form."""
    folder = root / "data" / "arena_hard" / version
    (folder / "model_answer").mkdir(parents=True)
    (folder / "question.jsonl").write_text("".join(json.dumps(each) + "\n" for each in questions))
    for model, names in answers.items():
        rows = [
            {
                "uid": name,
                "model": model,
                "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": {"answer": f"base {name}"}}],
            }
            for name in names
        ]
        (folder / "model_answer" / f"{model}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    return root / "data"


@pytest.fixture
def arena(tmp_path: Path) -> Path:
    questions = [{"uid": f"q{n}", "category": "arena-hard-v0.1", "prompt": f"Question {n}"} for n in range(4)]
    return arena_data(tmp_path, "v0.1", questions, {"gpt-4-0314": [f"q{n}" for n in range(4)]})


def prefers_mine(request) -> str:
    """[[A>>B]] and [[B>>A]] for mine on the first question, a tie on the second, a narrow loss on the others."""
    asked = request.body["messages"][1]["content"]
    mine_is_a = asked.index("mine") < asked.index("base")
    if "Question 0" in asked:
        return "Clearly. [[A>>B]]" if mine_is_a else "Clearly. [[B>>A]]"
    if "Question 1" in asked:
        return "Hm. [[A=B]]"
    return "[[B>A]]" if mine_is_a else "[[A>B]]"


def test_arena_hard_is_fought_in_both_orders_and_scored_as_its_files_are(aha, arena):
    replies = {f"Question {n}": f"mine {n}" for n in range(4)}
    with Server(world(prefers_mine, replies), models=("m", "judge")) as server:
        found = aha(*words(server, "arena_hard", arena))
        assert found.code == 0, found.err
        assert len(judged_by(server)) == 8
        assert {message["role"] for request in judged_by(server) for message in request.body["messages"]} == {"system", "user"}
    result = json.loads(found.out)
    assert (result["n"], result["score"]) == (6 + 2 + 4, pytest.approx(100 * (6 + 1) / 12))
    files = ("--judgments", "o/arena_hard/judgments.jsonl", "--answers", "o/arena_hard/answers.jsonl")
    base = arena / "arena_hard/v0.1/model_answer/gpt-4-0314.jsonl"
    offline = json.loads(aha("eval", "arena_hard", *files, base, "--data", arena, "--json").out)
    assert offline == {name: result[name] for name in offline}
    assert json.loads(aha("regrade", "o", "--json").out) == result


def test_a_judge_that_forgets_its_label_is_asked_to_finish(aha, arena):
    def forgets(request) -> str:
        return "I would say so." if len(request.body["messages"]) == 2 else "[[A=B]]"

    replies = {f"Question {n}": f"mine {n}" for n in range(4)}
    with Server(world(forgets, replies), models=("m", "judge")) as server:
        found = aha(*words(server, "arena_hard", arena))
        assert [message["role"] for message in judged_by(server)[-1].body["messages"]] == ["system", "user", "assistant", "user"]
    assert json.loads(found.out)["score"] == 50


def test_the_two_parts_of_arena_hard_v2_have_baselines_of_their_own(aha, tmp_path):
    kinds = ["hard_prompt", "hard_prompt", "creative_writing", "creative_writing"]
    questions = [{"uid": f"q{n}", "category": kind, "prompt": f"Question {n}"} for n, kind in enumerate(kinds)]
    data = arena_data(tmp_path, "v2.0", questions, {"o3-mini-2025-01-31": ["q0", "q1"]})
    replies = {f"Question {n}": f"mine {n}" for n in range(4)}
    with Server(world(prefers_mine, replies), models=("m", "judge")) as server:
        half = aha(*words(server, "arena_hard_v2", data))
        assert half.code == 0, half.err
        assert "2 questions are left out: no answers of gemini-2.0-flash-001" in half.err
        assert len(judged_by(server)) == 4
        files = []
        for model, names in (("o3-mini-2025-01-31", ("q0", "q1")), ("gemini-2.0-flash-001", ("q2", "q3"))):
            messages = [{"role": "assistant", "content": "base"}]
            path = tmp_path / f"{model}.jsonl"
            path.write_text("".join(json.dumps({"uid": name, "model": model, "messages": messages}) + "\n" for name in names))
            files.append(path)
        whole = aha(*words(server, "arena_hard_v2", data, "--baseline-answers", *files, "--out", "p"))
    result = json.loads(whole.out)
    assert (result["parts"]["hard_prompt"]["score"], result["parts"]["creative_writing"]["score"]) == (pytest.approx(700 / 8), 0.0)
    assert (result["value"], result["baseline"]) == (result["parts"]["hard_prompt"]["score"], "o3-mini-2025-01-31, gemini-2.0-flash-001")
