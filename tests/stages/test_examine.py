from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from aha.backends.openai_cache import Cache
from aha.backends.scripted import Bytes, ScriptedEngine
from aha.errors import BadInput, DiskTrouble
from aha.evals.examined import result_of
from aha.evals.exams import exam
from aha.evals.exams.exam import Item
from aha.evals.saved import GENERATIONS, Saved, kept_items
from aha.protocols import Sampling
from aha.stages.examine import Protocolled, ask_engine, capped, grade_all, prompts
from aha.types import Number, Open, Stdio

GSM8K = exam("gsm8k")
ITEMS = [Item(str(n), f"{n} + 1?", "en", Number(str(n + 1))) for n in range(3)]
ASKED = Protocolled(k=2, sampling=Sampling(0.6, 0.95, 400), identity="these weights")
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
    saved = Saved(folder, SETTINGS)
    ask_engine(asked, ITEMS, saved, lambda: engine or ScriptedEngine(say), Bytes(), kept, quiet)
    return grade_all(GSM8K, ITEMS, saved.generations, asked.k, quiet)


def test_the_thinking_is_cut_off_before_the_answer_is_read(tmp_path):
    found = graded(tmp_path, solves)
    assert [(each.item, each.sample, each.right, each.vote) for each in found][:2] == [("0", 0, True, "1"), ("0", 1, True, "1")]
    assert result_of(GSM8K, found)["pass@1"] == 1.0


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
    result = result_of(GSM8K, found)
    assert (result["pass@1"], result[rate]) == (0.0, 0.0 if rate == "pass@1" else 1.0)


def test_a_kill_loses_and_doubles_no_sample(tmp_path):
    whole = graded(tmp_path / "whole", solves)
    engine = Counting(solves)
    engine.until = 3
    with pytest.raises(KeyboardInterrupt):
        graded(tmp_path / "cut", solves, engine=engine)
    with (tmp_path / "cut" / GENERATIONS).open("ab") as file:
        file.write(b'{"item":"1","sam')  # a line that the kill cut
    again = Counting(solves)
    assert graded(tmp_path / "cut", solves, engine=again) == whole
    assert (engine.asked, again.asked) == (3, 3)
    lines = [json.loads(line) for line in (tmp_path / "cut" / GENERATIONS).read_text().splitlines()]
    assert sorted((line["item"], line["sample"]) for line in lines) == [(item, sample) for item in "012" for sample in (0, 1)]


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
    saved = Saved(tmp_path, SETTINGS)
    ask_engine(ASKED, ITEMS, saved, lambda: ScriptedEngine(solves), Bytes(), None, quiet)
    with pytest.raises(BadInput, match="0: 2 samples of it are saved, fewer than k = 4"):
        grade_all(GSM8K, ITEMS, saved.generations, 4, quiet)


def test_a_folder_begun_with_other_settings_is_refused(tmp_path):
    Saved(tmp_path, SETTINGS)
    with pytest.raises(BadInput, match="begun with other settings .k: 2 -> 4"):
        Saved(tmp_path, SETTINGS | {"k": 4})


def test_the_context_caps_the_tokens():
    assert capped(Sampling(max_tokens=32_768), 100, 4_096) == 3_996
    assert capped(Sampling(max_tokens=50), 100, 4_096) == 50
    with pytest.raises(BadInput, match="leaves no room"):
        capped(Sampling(max_tokens=50), 4_096, 4_096)


@pytest.mark.parametrize(("opening", "kept"), [("<think>", 0.5), ("", 1.0)])
def test_a_reply_cut_within_its_thought_counts_in_every_measure_as_nothing_and_one_cut_after_it_as_it_stands(tmp_path, opening, kept):
    ifeval = exam("ifeval")
    about = {"kinds": ["punctuation:no_comma", "punctuation:no_comma"], "settings": [{}, {}]}
    items = [Item("1", "Hi", "en", Open(), about=about), Item("2", "Ho", "en", Open(), about=about)]
    saved = Saved(tmp_path, {"benchmark": "ifeval", "k": 1})
    asked = replace(ASKED, k=1)
    ask_engine(
        asked,
        items,
        saved,
        lambda: ScriptedEngine(lambda prompt, seed: opening + "a" * 500 if "Hi" in prompt else "aaaaa"),
        Bytes(),
        None,
        quiet,
    )
    result = result_of(ifeval, grade_all(ifeval, items, saved.generations, 1, quiet))
    assert (result["value"], result["prompt_strict"], result["instruction_strict"], result["truncated"]) == (kept, kept, kept, 0.5)


class Talking(Bytes):
    """Has a chat template, which may open the thought."""

    opening = ""

    def chat(self, conversation):
        return self.encode(f"User: {conversation.messages[-1].content} Assistant: {self.opening}")


def test_a_reply_is_made_to_begin_with_the_thought_once():
    tokenizer, thinking = Talking(), replace(ASKED, think=True)
    said = {number: tokenizer.decode(prompt) for (_, number), prompt in prompts(thinking, ITEMS[:1], tokenizer).items()}
    assert said == dict.fromkeys((0, 1), "User: 0 + 1? Assistant: <think>\n")
    tokenizer.opening = "<think>\n"
    assert list(prompts(thinking, ITEMS[:1], tokenizer).values()) == list(prompts(ASKED, ITEMS[:1], tokenizer).values())


def test_samples_that_see_an_item_in_other_forms_are_asked_and_graded_in_those(tmp_path):
    turned = replace(ASKED, seen=lambda item, number: replace(item, prompt=f"{number + 5} + 1?", reference=Number(str(number + 6))))
    exam_ = replace(GSM8K, turn=turned.seen)
    saved = Saved(tmp_path, SETTINGS)
    ask_engine(turned, ITEMS[:1], saved, lambda: ScriptedEngine(solves), Bytes(), None, quiet)
    found = grade_all(exam_, ITEMS[:1], saved.generations, 2, quiet)
    assert [(each.right, each.vote) for each in found] == [(True, "6"), (True, "7")]


def test_kept_rows_are_the_rows(tmp_path):
    saved = Saved(tmp_path, SETTINGS)
    items = [replace(ITEMS[0], about={"permutation": [2, 0, 1, 3]}), Item("c", "é \ud800?", "zh", Stdio((("1", "2"),)), "k", 0)]
    assert kept_items(tmp_path) is None
    saved.keep(items)
    saved.keep(ITEMS)
    first, second = kept_items(tmp_path) or []
    assert first == items[0] and second == replace(items[1], prompt="é ??")
    (tmp_path / "items.jsonl.gz").write_bytes(b"\x1f\x8b and no more")
    with pytest.raises(DiskTrouble, match="damaged"):
        kept_items(tmp_path)
