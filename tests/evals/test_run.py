from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from aha.backends.engine_chat import Bytes, ScriptedEngine
from aha.backends.openai.endpoint import Cache
from aha.errors import BadInput, DiskTrouble
from aha.evals.benchmark import BenchmarkExample
from aha.evals.benchmarks import benchmark
from aha.evals.result import result_of
from aha.evals.run import Evaluation, fit_tokens, read_template, template_settings
from aha.evals.samples import SampleJournal, read_examples
from aha.protocols import Sampling
from aha.rundir.record import SAMPLES
from aha.template import ChatTemplate, Instruct, R1Zero, Short
from aha.types import Conversation, Number, Open, Stdio
from tests.graders import GRADERS

GSM8K = benchmark("gsm8k")
EXAMPLES = [BenchmarkExample(str(n), f"{n} + 1?", "en", Number(str(n + 1))) for n in range(3)]
ASKED = Evaluation(GSM8K, EXAMPLES, 2, ChatTemplate(), Sampling(0.6, 0.95, 400), GRADERS, identity="these weights")
SETTINGS = {"benchmark": "gsm8k", "k": 2}


def quiet(what: str) -> None:
    """No signal came."""


class Counting(ScriptedEngine):
    """Counts what it is asked; ends the work after `until` samples, as a kill does."""

    asked = 0
    until = 1_000

    def generate(self, asks, sampling):
        for number, found in enumerate(super().generate(asks, sampling)):
            if number == self.until:
                raise KeyboardInterrupt
            self.asked += len(asks[found[0]].seeds)
            yield found


def solves(prompt: str, seed: int) -> str:
    number = int(re.findall(r"(\d+) \+ 1", prompt)[-1])
    return f"<think>hm \\boxed{{7}}</think>It is \\boxed{{{number + 1}}}."


def graded(folder, say, asked=ASKED, kept=None, engine=None):
    journal = SampleJournal(folder, SETTINGS)
    asked.ask_engine(lambda: engine or ScriptedEngine(say), Bytes(), journal, quiet, kept)
    return asked.samples(journal)


def test_the_thinking_is_cut_off_before_the_answer_is_read(tmp_path):
    found = graded(tmp_path, solves)
    assert [(each.problem, each.sample, each.right, each.claim) for each in found][:2] == [("0", 0, True, "1"), ("0", 1, True, "1")]
    assert result_of(found, GSM8K).to_json()["pass@1"] == 1.0


@pytest.mark.parametrize(
    ("say", "reason", "rate"),
    [
        ("<think>\\boxed{1} and so on", "the thinking never ended", "pass@1"),
        ("<think>so</think>\\boxed{1}" + "." * 400, "cut at the limit of tokens", "truncated"),
        ("<think>so</think>", "the thinking never ended", "pass@1"),
        ("I'm sorry, but I cannot answer that.", None, "refused"),
        ("Well, who knows.", None, "unparsed"),
    ],
)
def test_what_is_no_answer_is_wrong_and_counted_apart(tmp_path, say, reason, rate):
    found = graded(tmp_path, lambda prompt, seed: say)
    assert not any(each.right for each in found)
    assert reason is None or {each.reason for each in found} == {reason}
    result = result_of(found, GSM8K).to_json()
    assert (result["pass@1"], result[rate]) == (0.0, 0.0 if rate == "pass@1" else 1.0)


def test_a_kill_loses_and_doubles_no_sample(tmp_path):
    whole = graded(tmp_path / "whole", solves)
    engine = Counting(solves)
    engine.until = 3
    with pytest.raises(KeyboardInterrupt):
        graded(tmp_path / "cut", solves, engine=engine)
    with (tmp_path / "cut" / SAMPLES).open("ab") as file:
        file.write(b'{"problem":"1","sam')  # a line that the kill cut
    again = Counting(solves)
    assert graded(tmp_path / "cut", solves, engine=again) == whole
    assert (engine.asked, again.asked) == (3, 3)
    lines = [json.loads(line) for line in (tmp_path / "cut" / SAMPLES).read_text().splitlines()]
    assert sorted((line["problem"], line["sample"]) for line in lines) == [(item, sample) for item in "012" for sample in (0, 1)]


def test_another_run_of_the_same_weights_asks_nothing(tmp_path):
    kept = Cache(tmp_path / "cache")
    first, second, other = Counting(solves), Counting(solves), Counting(solves)
    assert graded(tmp_path / "a", solves, kept=kept, engine=first) == graded(tmp_path / "b", solves, kept=kept, engine=second)
    graded(tmp_path / "c", solves, replace(ASKED, identity="other weights"), kept, other)
    assert (first.asked, second.asked, other.asked) == (6, 0, 6)


def test_more_samples_go_on_from_fewer(tmp_path):
    kept = Cache(tmp_path / "cache")
    more = Counting(solves)
    graded(tmp_path / "a", solves, kept=kept)
    graded(tmp_path / "b", solves, replace(ASKED, k=4), kept, more)
    assert more.asked == 6


def test_fewer_samples_than_k_are_refused(tmp_path):
    journal = SampleJournal(tmp_path, SETTINGS)
    ASKED.ask_engine(lambda: ScriptedEngine(solves), Bytes(), journal, quiet)
    with pytest.raises(BadInput, match="0: 2 samples of it are saved, fewer than k = 4"):
        replace(ASKED, k=4).samples(journal)


def test_a_folder_begun_with_other_settings_is_refused(tmp_path):
    SampleJournal(tmp_path, SETTINGS)
    with pytest.raises(BadInput, match="begun with other settings .k: 2 -> 4"):
        SampleJournal(tmp_path, SETTINGS | {"k": 4})


def test_the_context_caps_the_tokens():
    assert fit_tokens(Sampling(max_tokens=32_768), 100, 4_096) == 3_996
    assert fit_tokens(Sampling(max_tokens=50), 100, 4_096) == 50
    with pytest.raises(BadInput, match="leaves no room"):
        fit_tokens(Sampling(max_tokens=50), 4_096, 4_096)


@pytest.mark.parametrize(("opening", "kept"), [("<think>", 0.5), ("", 1.0)])
def test_a_reply_cut_within_its_thought_counts_in_every_measure_as_nothing_and_one_cut_after_it_as_it_stands(tmp_path, opening, kept):
    about = {"kinds": ["punctuation:no_comma", "punctuation:no_comma"], "settings": [{}, {}]}
    examples = [BenchmarkExample("1", "Hi", "en", Open(), about=about), BenchmarkExample("2", "Ho", "en", Open(), about=about)]
    asked = replace(ASKED, benchmark=benchmark("ifeval"), examples=examples, k=1)
    result = result_of(graded(tmp_path, lambda prompt, seed: opening + "a" * 500 if "Hi" in prompt else "aaaaa", asked), asked.benchmark)
    fields = result.to_json()
    assert (fields["value"], fields["prompt_strict"], fields["instruction_strict"], fields["truncated"]) == (kept, kept, kept, 0.5)


class Talking(Bytes):
    """Has a chat template, which may open the thought."""

    opening = ""

    def chat(self, conversation: Conversation, options: Mapping[str, object] = MappingProxyType({})) -> list[int]:
        return self.encode(f"User: {conversation.messages[-1].content} Assistant: {self.opening}")


def test_a_reply_is_made_to_begin_with_the_thought_once():
    tokenizer, thinking = Talking(), replace(ASKED, think=True, examples=EXAMPLES[:1])
    said = {number: tokenizer.decode(prompt) for (_, number), prompt in thinking.prompts(tokenizer).items()}
    assert said == dict.fromkeys((0, 1), "User: 0 + 1? Assistant: <think>\n")
    tokenizer.opening = "<think>\n"
    assert thinking.prompts(tokenizer) == replace(thinking, think=False).prompts(tokenizer)


def test_samples_that_see_an_example_in_other_forms_are_asked_and_graded_in_those(tmp_path):
    def permute(example, number):
        return replace(example, prompt=f"{number + 5} + 1?", reference=Number(str(number + 6)))

    turned = replace(ASKED, benchmark=replace(GSM8K, permute=permute), examples=EXAMPLES[:1])
    assert [(each.right, each.claim) for each in graded(tmp_path, solves, turned)] == [(True, "6"), (True, "7")]


def test_kept_rows_are_the_rows(tmp_path):
    journal = SampleJournal(tmp_path, SETTINGS)
    examples = [
        replace(EXAMPLES[0], about={"permutation": [2, 0, 1, 3]}),
        BenchmarkExample("c", "é \ud800?", "zh", Stdio((("1", "2"),)), "k", 0),
    ]
    assert read_examples(tmp_path) is None
    journal.keep_examples(examples)
    journal.keep_examples(EXAMPLES)
    first, second = read_examples(tmp_path) or []
    assert first == examples[0] and second == replace(examples[1], prompt="é ??")
    (tmp_path / "items.jsonl.gz").write_bytes(b"\x1f\x8b and no more")
    with pytest.raises(DiskTrouble, match="damaged"):
        read_examples(tmp_path)


def test_odd_characters_come_back_and_the_same_samples_are_the_same_bytes(tmp_path):
    texts = iter(["对\u2028", "\u200b", "", "é", "x", "y"])
    one = graded(tmp_path / "a", lambda prompt, seed: next(texts))
    assert [sample.text for sample in one] == ["对\u2028", "\u200b", "", "é", "x", "y"]
    for name in "bc":
        journal = SampleJournal(tmp_path / name, SETTINGS)
        journal.finish(one, {})
    assert (tmp_path / "b" / SAMPLES).read_bytes() == (tmp_path / "c" / SAMPLES).read_bytes()
    assert SampleJournal(tmp_path / "b", SETTINGS).samples == {(sample.problem, sample.sample): sample for sample in one}


@pytest.mark.parametrize("template", [ChatTemplate(), R1Zero(), Short(), Instruct(suffix="")])
def test_a_template_is_read_again_from_the_settings_of_a_folder(template):
    assert read_template(template_settings(template)) == template
    assert template_settings(ChatTemplate()) == {"template": "chat"}
    with pytest.raises(BadInput, match="there are r1-zero, short"):
        read_template({"template": "none"})
