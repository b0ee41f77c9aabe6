"""The forms in which people keep chats, read whole: nothing that was said to the model is dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aha.errors import BadInput
from aha.tasks.chats import ExampleLayout
from aha.tasks.examples import ExampleRows, load_examples
from aha.types import Example

ASSISTANT, AS_IT_IS = "assistant", ExampleLayout()


def wrote(path: Path, *rows: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return str(path)


def turns(source: str, layout: ExampleLayout = AS_IT_IS) -> list[list[tuple[str, str]]]:
    return [[(m.role, m.content) for m in example.conversation.messages] for example in load_examples(source, layout=layout).examples]


def refusal(source: str, layout: ExampleLayout = AS_IT_IS) -> str:
    with pytest.raises(BadInput) as refused:
        load_examples(source, layout=layout)
    assert "\n" not in str(refused.value)
    return str(refused.value)


Q, A = ("user", "2 + 2?"), (ASSISTANT, "4")
SYSTEM = ("system", "Be brief.")
MESSAGES = [{"role": "user", "content": "2 + 2?"}, {"role": ASSISTANT, "content": "4"}]
FORMS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "alpaca": ({"instruction": "Add.", "input": "2 + 2", "output": "4"}, [("user", "Add.\n\n2 + 2"), A]),
    "alpaca without input": ({"instruction": "2 + 2?", "input": "", "output": "4"}, [Q, A]),
    "alpaca history": (
        {"instruction": "And 3?", "input": "", "output": "5", "history": [["2 + 2?", "4"]]},
        [Q, A, ("user", "And 3?"), (ASSISTANT, "5")],
    ),
    "alpaca system": ({"system": "Be brief.", "instruction": "2 + 2?", "output": "4", "history": []}, [SYSTEM, Q, A]),
    "dolly": (
        {"instruction": "Who?", "context": "Ada wrote it.", "response": "Ada", "category": "closed_qa"},
        [("user", "Who?\n\nAda wrote it."), (ASSISTANT, "Ada")],
    ),
    "openorca": ({"id": "flan.1", "system_prompt": "Be brief.", "question": "2 + 2?", "response": "4"}, [SYSTEM, Q, A]),
    "openorca without a system prompt": ({"id": "flan.1", "system_prompt": "", "question": "2 + 2?", "response": "4"}, [Q, A]),
    "sharegpt": (
        {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]},
        [SYSTEM, Q, A],
    ),
    "sharegpt with a system column": (
        {"system": "Be brief.", "conversations": [{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]},
        [SYSTEM, Q, A],
    ),
    "a system column that stands in the messages too": (
        {"system": "Be brief.", "messages": [{"role": "system", "content": "Be brief."}, *MESSAGES]},
        [SYSTEM, Q, A],
    ),
    "firefly": ({"kind": "NLI", "input": "2 + 2?", "target": "4"}, [Q, A]),
    "firefly multi-turn": (
        {
            "conversation_id": 1,
            "category": "x",
            "conversation": [{"human": "hi", "assistant": "ho"}, {"human": "2 + 2?", "assistant": "4"}],
        },
        [("user", "hi"), (ASSISTANT, "ho"), Q, A],
    ),
    "squad-like": ({"question": "Who?", "context": "Ada.", "answer": "Ada"}, [("user", "Who?\n\nAda."), (ASSISTANT, "Ada")]),
    "capitals": ({"Question": "2 + 2?", "Complex_CoT": "two and two", "Response": "4"}, [Q, A]),
    "ultrachat": ({"prompt": "2 + 2?", "prompt_id": "8d2f", "messages": MESSAGES}, [Q, A]),
    "openr1": (
        {"problem": "2 + 2?", "solution": "4", "answer": "4", "question_type": "MCQ", "problem_type": "Algebra", "messages": MESSAGES},
        [Q, A],
    ),
    "a developer speaks": ({"messages": [{"role": "developer", "content": "Be brief."}, *MESSAGES]}, [SYSTEM, Q, A]),
}


@pytest.mark.parametrize(("row", "said"), FORMS.values(), ids=FORMS.keys())
def test_a_known_form_is_read_in_full(tmp_path: Path, row: object, said: list[tuple[str, str]]) -> None:
    assert turns(wrote(tmp_path / "a.jsonl", row)) == [said]


def test_a_thought_in_a_column_of_any_case_is_a_thought(tmp_path: Path) -> None:
    (example,) = load_examples(wrote(tmp_path / "a.jsonl", FORMS["capitals"][0])).examples
    assert example.conversation.messages[-1].thought == "two and two"


# --- weights: which replies are learned -----------------------------------------------------------------------------------


def weighed(*weights: object, key: str = "weight") -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for number, weight in enumerate(weights):
        rows += [
            {"role": "user", "content": f"q{number}"},
            {"role": ASSISTANT, "content": f"a{number}", **({} if weight is None else {key: weight})},
        ]
    return {"messages": rows, "id": "row"}


@pytest.mark.parametrize(
    ("row", "learned"),
    [
        (weighed(None, None), {"row": "a1"}),
        (weighed(0, 1), {"row": "a1"}),
        (weighed(1, 0), {"row": "a0"}),
        (weighed(1, 1), {"row/turn-1": "a0", "row": "a1"}),
        (weighed(0, None), {"row": "a1"}),
        (weighed(None, 0), {"row": "a0"}),
        (weighed(False, True, key="train"), {"row": "a1"}),
    ],
)
def test_weights_of_messages_say_which_replies_are_learned(tmp_path: Path, row: object, learned: dict[str, str]) -> None:
    examples = load_examples(wrote(tmp_path / "a.jsonl", row)).examples
    assert {example.id: example.conversation.messages[-1].content for example in examples} == learned
    assert all(example.conversation.messages[0].content == "q0" for example in examples)


def test_every_reply_is_learned_when_asked(tmp_path: Path) -> None:
    examples = load_examples(wrote(tmp_path / "a.jsonl", weighed(None, None, None)), layout=ExampleLayout(replies="all")).examples
    assert [(example.id, example.conversation.messages[-1].content) for example in examples] == [
        ("row/turn-1", "a0"),
        ("row/turn-2", "a1"),
        ("row", "a2"),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (weighed(0, 0), "each of its assistant's messages has weight 0"),
        (weighed(0.5), "a message's weight is '0.5': 1, which is learned, or 0"),
        (weighed("yes"), "a message's weight is 'yes'"),
        ({"messages": [*MESSAGES[:1], MESSAGES[1] | {"tool_calls": [{"name": "f"}]}]}, "has 'tool_calls', which no template here writes"),
        (
            {"system": "Be brief.", "messages": [{"role": "system", "content": "Be long."}, *MESSAGES]},
            "field 'system' and its system message differ",
        ),
        ({"prompt": "p", "chosen": "a", "rejected": "b"}, "a pair of answers, chosen and rejected"),
        ({"text": "### Human: hi ### Assistant: ho"}, "where the question ends and the reply begins cannot be told"),
        ({"instruction": "i", "output": "o", "history": "hi"}, "field 'history' is no list"),
        ({"instruction": "i", "output": "o", "history": [["a", "b", "c"]]}, "field 'history' is no list of objects"),
        ({"instruction": "i", "input": {"a": 1}, "output": "o"}, "field 'input' is of type dict"),
    ],
)
def test_what_cannot_be_read_whole_is_refused_with_its_line(tmp_path: Path, row: object, reason: str) -> None:
    said = refusal(wrote(tmp_path / "a.jsonl", FORMS["alpaca"][0], row))
    assert said.startswith(f"{tmp_path}/a.jsonl, line 2: ") and reason in said


# --- columns that are not read ------------------------------------------------------------------------------------------

SUSPECT = {
    "tools": ({"tools": [{"name": "f"}], "messages": MESSAGES}, "tools"),
    "a passage in other words": ({"prompt": "Who?", "source_document": "Ada wrote it.", "completion": "Ada"}, "source_document"),
    "images": ({"images": ["a.png"], "messages": MESSAGES}, "images"),
    "two questions": ({"prompt": "Q1", "question": "Q2", "completion": "A"}, "question"),
    "options": ({"question": "Which?", "options": ["x", "y"], "answer": "x"}, "options"),
    "an option of the template": ({"chat_template_kwargs": {"mode": "no_think"}, "messages": MESSAGES}, "chat_template_kwargs"),
    "camel case": ({"systemPrompt": "Be brief.", "prompt": "p", "completion": "c"}, "systemPrompt"),
}


@pytest.mark.parametrize(("row", "column"), SUSPECT.values(), ids=SUSPECT.keys())
def test_a_column_that_looks_like_a_part_of_the_prompt_stops_until_it_is_ignored(tmp_path: Path, row: object, column: str) -> None:
    source = wrote(tmp_path / "a.jsonl", row)
    said = refusal(source)
    assert said.startswith(f"{source}, line 1: column {column!r} looks like a part of the prompt") and said.endswith(f"--ignore {column}")
    assert len(turns(source, ExampleLayout(ignore=(column,)))) == 1


def test_a_column_that_would_be_read_can_be_ignored_too(tmp_path: Path) -> None:
    source = wrote(tmp_path / "a.jsonl", FORMS["dolly"][0])
    assert turns(source, ExampleLayout(ignore=("context",))) == [[("user", "Who?"), (ASSISTANT, "Ada")]]


def test_a_name_to_ignore_that_no_row_has_is_refused(tmp_path: Path) -> None:
    said = refusal(wrote(tmp_path / "a.jsonl", FORMS["dolly"][0]), ExampleLayout(ignore=("contxt",)))
    assert "ignore names 'contxt', and the columns are category, context, instruction, response; did you mean context" in said


def test_what_was_read_and_what_was_not_is_told(tmp_path: Path) -> None:
    rows = ExampleRows(wrote(tmp_path / "a.jsonl", FORMS["dolly"][0], FORMS["dolly"][0] | {"category": None}))
    assert all(isinstance(row, Example) for row in rows)
    assert rows.columns() == ["question from instruction and context, reply from response", "columns that are not used: category (1 rows)"]


def test_columns_are_named_by_dotted_names(tmp_path: Path) -> None:
    source = wrote(tmp_path / "a.jsonl", {"data": {"q": "2 + 2?", "replies": ["4"]}, "n": 1})
    assert turns(source, ExampleLayout(question="data.q", answer="data.replies.0")) == [[Q, A]]
    assert "no field 'data.z' for the answer: its fields are data, n" in refusal(source, ExampleLayout(question="data.q", answer="data.z"))


# --- folders ------------------------------------------------------------------------------------------------------------


def folder(root: Path, *names: str) -> str:
    for name in names:
        wrote(root / name, {"prompt": name, "completion": "c"})
    return str(root)


def read_of(source: str, split: str = "train") -> list[str]:
    return [example.conversation.messages[0].content for example in load_examples(source, layout=ExampleLayout(split=split)).examples]


def test_of_a_folder_only_the_files_of_the_split_are_learned(tmp_path: Path) -> None:
    source = folder(tmp_path, "train-00000.jsonl", "train-00001.jsonl", "validation.jsonl", "test.jsonl")
    assert read_of(source) == ["train-00000.jsonl", "train-00001.jsonl"]
    assert read_of(source, "test") == ["test.jsonl"] and read_of(source, "dev") == ["validation.jsonl"]


def test_a_folder_whose_names_tell_no_split_is_read_whole(tmp_path: Path) -> None:
    assert read_of(folder(tmp_path, "00000.jsonl", "math.jsonl")) == ["00000.jsonl", "math.jsonl"]


def test_names_that_do_not_say_which_split_they_are_of_are_one_line(tmp_path: Path) -> None:
    source = folder(tmp_path, "data.jsonl", "data_test.jsonl")
    assert refusal(source) == f"{source} holds data.jsonl: whether it is of the split 'train' cannot be told; name the file"


def test_a_split_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    assert "has no file of the split 'train': there is test, validation; choose with --split" in refusal(
        folder(tmp_path, "dev.jsonl", "test.jsonl")
    )


def test_a_split_of_one_file_or_a_part_of_one_is_refused(tmp_path: Path) -> None:
    source = wrote(tmp_path / "one/a.jsonl", {"prompt": "p", "completion": "c"})
    assert "--split test: " in refusal(source, ExampleLayout(split="test")) and "is one file" in refusal(
        source, ExampleLayout(split="test")
    )
    assert "--subset main: " in refusal(source, ExampleLayout(subset="main"))
    assert "a part of a split (train[:10])" in refusal(str(tmp_path / "one"), ExampleLayout(split="train[:10]"))
