"""Template: the prompts to the letter, and which replies are read."""

from __future__ import annotations

import time
from itertools import permutations

import pytest

from aha.errors import BadInput
from aha.tasks.countdown import question
from aha.tasks.voice import prompt
from aha.template import BOX_PROMPT, Delimited, FewShot, Instruct, R1Zero, Short, Shot, Template, apart, prompt_after
from aha.types import Conversation, Message

GOOD = "<think> 8 * 6 = 48 </think> <answer> 8 * 6 </answer>"
TAGS = ("<think>", "</think>", "<answer>", "</answer>")


def test_the_prompt_is_the_papers_table_1_with_the_period_after_the_question() -> None:
    assert R1Zero().prompt("What is 1 + 1?") == (
        "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant first thinks "
        "about the reasoning process in the mind and then provides the user with the answer. The reasoning process and answer are "
        "enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> "
        "<answer> answer here </answer>. User: What is 1 + 1?. Assistant:"
    )


def test_a_question_with_braces_is_asked_as_it_is() -> None:
    assert R1Zero().prompt(r"What is \frac{1}{2} of {question}?").endswith(r" User: What is \frac{1}{2} of {question}?. Assistant:")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_short_prompt_is_the_corpus_own(language: str) -> None:
    assert Short().prompt(question((8, 6, 10), 58, language)) == prompt((8, 6, 10), 58, language)  # type: ignore[arg-type]


@pytest.mark.parametrize("template", [R1Zero, Short])
def test_a_prefilled_prompt_ends_with_the_tag_as_the_corpus_writes_it(template: type[R1Zero | Short]) -> None:
    assert template(prefilled=True).prompt("Why?") == template().prompt("Why?") + " <think>"


def test_instruct_asks_for_a_box_and_has_no_system_message() -> None:
    asked = Message("user", "Why?\nPlease reason step by step, and put your final answer within \\boxed{}.")
    assert Instruct().prompt("Why?") == Conversation((asked,))


def test_instruct_with_a_system_message_and_no_suffix_asks_only_the_question() -> None:
    assert Instruct(suffix="", system="Be brief.").prompt("Why?") == Conversation((Message("system", "Be brief."), Message("user", "Why?")))


READ = [
    ("the paper's one line", GOOD, "8 * 6 = 48", "8 * 6"),
    ("with newlines", "<think>\na\nb\n</think>\n<answer>\n4\n</answer>\n", "a\nb", "4"),
    ("a blank before the first tag, as the corpus writes", " <think> a</think>\n<answer> 4</answer>", "a", "4"),
    ("no blanks at all", "<think>a</think><answer>4</answer>", "a", "4"),
    ("an empty thought", "<think></think><answer>4</answer>", "", "4"),
    ("tags in another case are text", "<think>a <Think> b</think><answer>4</answer>", "a <Think> b", "4"),
    ("look-alike tags are text", "<think>a ‹/think› </thinк></think><answer>4</answer>", "a ‹/think› </thinк>", "4"),
    ("unfinished tags are text", "<think>a < think > </think</think><answer>4</answer>", "a < think > </think", "4"),
]


@pytest.mark.parametrize(("name", "text", "thought", "answer"), READ, ids=[row[0] for row in READ])
def test_a_reply_in_the_form_is_read(name: str, text: str, thought: str, answer: str) -> None:
    reply = R1Zero().read(text, 7, "stop")
    assert (reply.thought, reply.answer, reply.tokens, reply.text, reply.well_formed) == (thought, answer, 7, text, True)


BROKEN = {
    "nothing": "",
    "bare text": "8 * 6",
    "no thought": "<answer>4</answer>",
    "no answer": "<think>a</think>",
    "an unclosed thought": "<think>a<answer>4</answer>",
    "an unclosed answer": "<think>a</think><answer>4",
    "a thought never opened": "a</think><answer>4</answer>",
    "an answer never opened": "<think>a</think>4</answer>",
    "answer before thought": "<answer>4</answer><think>a</think>",
    "closed before opened": "</think>a<think><answer>4</answer>",
    "the answer inside the thought": "<think>a<answer>4</answer></think>",
    "the thought inside the answer": "<answer><think>a</think>4</answer>",
    "two thoughts": "<think>a</think><think>b</think><answer>4</answer>",
    "two answers": "<think>a</think><answer>4</answer><answer>5</answer>",
    "a nested thought": "<think>a<think>b</think>c</think><answer>4</answer>",
    "a tag opened twice": "<think><think>a</think><answer>4</answer>",
    "text before the first tag": "Sure. <think>a</think><answer>4</answer>",
    "text between": "<think>a</think> so <answer>4</answer>",
    "text after the end": "<think>a</think><answer>4</answer> User:",
    "a blank answer": "<think>a</think><answer> \n </answer>",
    "a tag in another case": "<THINK>a</THINK><answer>4</answer>",
    "a tag with a blank": "< think>a</think><answer>4</answer>",
    "full-width brackets": "＜think＞a＜/think＞<answer>4</answer>",
    "a Cyrillic letter": "<thinк>a</thinк><answer>4</answer>",
    "a zero-width space between the parts": "<think>a</think>\u200b<answer>4</answer>",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_reply_that_breaks_the_form_has_neither_thought_nor_answer(text: str) -> None:
    reply = Short().read(text, 3, "stop")
    assert (reply.thought, reply.answer, reply.well_formed) == (None, None, False)


def test_a_reply_cut_at_the_limit_has_no_answer_even_when_its_tags_are_complete() -> None:
    assert R1Zero().read(GOOD, 9, "stop").well_formed
    assert R1Zero().read(GOOD, 9, "length").answer is None


def test_a_tag_in_the_prompt_is_not_repeated_in_the_reply() -> None:
    prefilled = Short(prefilled=True)
    assert prefilled.read(" a</think><answer>4</answer>", 3, "stop").thought == "a"
    assert prefilled.read(GOOD, 3, "stop").answer is None
    assert Short().read(" a</think><answer>4</answer>", 3, "stop").answer is None


def test_an_instruct_answer_is_the_whole_summary() -> None:
    reply = Instruct().read("<think>\nhm\n</think>\n\nIt is \\boxed{4}.\n", 5, "stop")
    assert (reply.thought, reply.answer) == ("hm", "It is \\boxed{4}.")
    assert Instruct(prefilled=True).read("hm</think>4", 5, "stop").answer == "4"


UNSUMMARISED = ["4", "a <think>b</think>4", "<think>b</think> ", "<think>b", "<think>a</think>4</think>", "</think>4<think>"]


@pytest.mark.parametrize("text", UNSUMMARISED)
def test_an_instruct_reply_without_one_thought_first_and_a_summary_is_broken(text: str) -> None:
    assert not Instruct().read(text, 5, "stop").well_formed


@pytest.mark.parametrize("order", list(permutations(TAGS)))
def test_of_the_24_orders_of_the_tags_only_one_is_read(order: tuple[str, ...]) -> None:
    text = f"{order[0]}a{order[1]}{order[2]}4{order[3]}"
    assert R1Zero().read(text, 1, "stop").well_formed == (order == TAGS)


MEGABYTE = {
    "letters": "a" * 1_000_000,
    "opening tags": "<think>" * 140_000,
    "closing tags": "<think>" + "</think>" * 120_000,
    "angle brackets": "<" * 1_000_000,
    "blanks": "<think>" + " " * 1_000_000 + "</think><answer>4</answer>x",
    "a long thought": "<think>" + "</thin" * 160_000 + "</think><answer>4</answer>",
}


@pytest.mark.parametrize("text", MEGABYTE.values(), ids=MEGABYTE.keys())
@pytest.mark.parametrize("template", [R1Zero(), Instruct()], ids=["tags", "instruct"])
def test_a_megabyte_is_read_in_a_fifth_of_a_second(text: str, template: Template) -> None:
    start = time.process_time()
    template.read(text, 1, "stop")
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    ("text", "visible", "thought"),
    [
        ("4", "4", None),
        ("<think>2 + 2</think>4", "4", "2 + 2"),
        ("\n<think>\n2 + 2\n</think>\n\n4\n", "4", "2 + 2"),
        ("2 + 2</think>4", "4", "2 + 2"),  # the prompt opened it
        ("<think>2 + 2", "", "2 + 2"),
        ("as in <think>", "as in <think>", None),
    ],
)
def test_a_chats_thought_is_shown_apart(text: str, visible: str, thought: str | None) -> None:
    assert apart(text) == (visible, thought)


@pytest.mark.parametrize(
    "template", [R1Zero(), R1Zero(True), Short(), Short(True), Instruct(), Instruct(prefilled=True), Delimited()], ids=str
)
def test_what_a_template_writes_it_reads(template: Template) -> None:
    reply = template.read(template.write("8 + 6 = 14", "6 + 8"), 9, "stop")
    assert (reply.thought, reply.answer) == ("8 + 6 = 14", "6 + 8")


def test_the_cold_starts_form_is_the_papers_and_an_empty_thought_is_no_chain_of_thought() -> None:
    assert Delimited().write("8 + 6 = 14", "14") == "<|reasoning|> 8 + 6 = 14<|reasoning|> 14"
    assert Delimited().read("<|reasoning|><|reasoning|> Hello", 3, "stop").thought == ""


@pytest.mark.parametrize(
    "text", ["14", "<|reasoning|> 14", "so <|reasoning|> a<|reasoning|> 14", "<|reasoning|> a<|reasoning|> ", "<|reasoning|>" * 3]
)
def test_a_reply_without_exactly_two_delimiters_and_a_summary_breaks_the_cold_starts_form(text: str) -> None:
    reply = Delimited().read(text, 9, "stop")
    assert (reply.thought, reply.answer) == (None, None)


SHOTS = (Shot("2 + 2?", "I add.", "4"), Shot("3 + 3?", "I add again.", "6"))


def test_shots_stand_before_the_question_in_the_form_that_is_asked_for():
    prompt = FewShot(Short(), SHOTS).prompt("4 + 4?")
    shown = "User: 2 + 2?\nAssistant: <think> I add. </think> <answer> 4 </answer>\n\n"
    assert prompt == shown + "User: 3 + 3?\nAssistant: <think> I add again. </think> <answer> 6 </answer>\n\nUser: 4 + 4?\nAssistant:"


def test_shots_of_a_chat_are_turns():
    asked = FewShot(Instruct(suffix="", system="Be brief."), SHOTS[:1]).prompt("4 + 4?")
    assert asked == Conversation(
        (
            Message("system", "Be brief."),
            Message("user", "2 + 2?"),
            Message("assistant", "<think>\nI add.\n</think>\n\n4"),
            Message("user", "4 + 4?"),
        )
    )


def test_what_a_base_model_goes_on_with_after_its_answer_is_cut_off():
    text = " <think> I add. </think> <answer> 8 </answer>\n\nUser: 5 + 5?\nAssistant: <think>"
    assert FewShot(Short(), SHOTS).read(text, 40, "length").answer == "8"
    assert FewShot(Short(), SHOTS).read(" <think> I add", 40, "length").answer is None


# --- what belongs to a domain, and what a chat template is told ---------------------------------------------------------


def test_the_suffix_belongs_to_mathematics_and_not_to_the_stage() -> None:
    asked = {domain: prompt_after(Instruct(), (), "Write a poem.", domain) for domain in ("math", "general")}
    assert asked == {
        domain: Conversation((Message("user", text),))
        for domain, text in (
            ("math", f"Write a poem.\n{BOX_PROMPT}"),
            ("general", "Write a poem."),
        )
    }
    assert prompt_after(Instruct(domains=None), (), "q", "general") == Instruct().prompt("q")


@pytest.mark.parametrize("question", [f"1 + 1? {BOX_PROMPT}", r"1 + 1? Answer in \boxed{}."])
def test_a_question_that_says_the_suffix_itself_is_given_no_second_one(question: str) -> None:
    assert Instruct().prompt(question).messages[-1].content == question


def test_shots_keep_their_suffix_by_domain_too() -> None:
    shown = FewShot(Instruct(), (Shot("1 + 1?", "t", "2"),))
    assert [m.content.count(BOX_PROMPT) for m in prompt_after(shown, (), "q", "general").messages] == [0, 0, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("enable_thinking=false", ("enable_thinking", False)),
        ("enable_thinking=False", ("enable_thinking", False)),
        ("effort=high", ("effort", "high")),
        ("budget=3", ("budget", 3)),
        ("date=", ("date", "")),
    ],
)
def test_options_go_with_the_conversation(text: str, option: tuple[str, object]) -> None:
    template = Instruct(options=(text,))
    assert prompt_after(template, (Message("user", "a"), Message("assistant", "b")), "q", "math").options == (option,)  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["thinking", "=1", "a b=1"])
def test_what_is_no_option_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is no option: name=value is needed"):
        Instruct(options=(text,))
