"""What people report of other trainers about their data, built small: it is read, or refused in one line that names the row or the file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.tasks.chats import ExampleLayout
from aha.tasks.examples import ExampleRows, load_examples
from aha.tasks.rows import RowProblems
from aha.types import Choice

CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
TOLD = {"problem": "2 + 2?", "answer": "4"}


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def examples(path: Path, **layout: str) -> list[str]:
    """Each row as its turns, a letter for each role."""
    found = load_examples(str(path), layout=ExampleLayout(**layout)).examples  # type: ignore[arg-type]
    return [" ".join(f"{message.role[0]}:{message.content}" for message in each.conversation.messages) for each in found]


def problems(path: Path, **fields: str) -> list[str]:
    return [f"{each.question} -> {getattr(each.reference, 'value', each.reference)}" for each in RowProblems(str(path), **fields).all()]  # type: ignore[arg-type]


def words(path: Path) -> list[str]:
    return [str(getattr(problem.reference, "values", "")) for problem in RowProblems(str(path), kind="text").all()]


Read = Callable[[Path], list[str]]
READ: dict[str, tuple[str, str, Read, list[str]]] = {
    "a reply's loss is said turn by turn (AgentInstruct)": (
        "a.json",
        json.dumps(
            [
                {
                    "conversation": [
                        {"from": "human", "loss": None, "value": "q"},
                        {"from": "gpt", "loss": False, "value": "a"},
                        {"from": "human", "loss": None, "value": "q2"},
                        {"from": "gpt", "loss": True, "value": "a2"},
                    ],
                    "id": {"0": "alfworld_0"},
                }
            ]
        ),
        examples,
        ["u:q a:a u:q2 a:a2"],
    ),
    "a prompt of messages as text": (
        "a.jsonl",
        lines({"prompt": json.dumps([*CHAT, CHAT[0]]), "completion": json.dumps(CHAT[1:])}),
        examples,
        ["u:q a:a u:q a:a"],
    ),
    "an input that a table wrote for none": (
        "a.jsonl",
        lines(*({"instruction": "Say it.", "input": word, "output": "a"} for word in ("nan", "<noinput>", "None", "N/A", " "))),
        examples,
        ["u:Say it. a:a"] * 5,
    ),
    "a column of tools that holds an empty list as text": ("a.jsonl", lines({"conversations": CHAT, "tools": "[]"}), examples, ["u:q a:a"]),
    "an array of rows in a file called .txt": (
        "a.txt",
        json.dumps([{"instruction": "q", "input": "", "output": "a"}], indent=2),
        examples,
        ["u:q a:a"],
    ),
    "messages that a table holds as a text of JSON": ("a.jsonl", lines({"messages": json.dumps(CHAT)}), examples, ["u:q a:a"]),
    "a system column beside the turns (Bespoke-Stratos)": (
        "a.jsonl",
        lines({"system": "s", "conversations": CHAT}),
        examples,
        ["s:s u:q a:a"],
    ),
    "nulls that a table fills structs with": (
        "a.jsonl",
        lines({"messages": [turn | {"tool_calls": None, "name": None, "weight": None} for turn in CHAT]}),
        examples,
        ["u:q a:a"],
    ),
    "a table of text with quotes and line breaks": ("a.csv", 'prompt,completion\n"q, ""x""\nmore",a\n', examples, ['u:q, "x"\nmore a:a']),
    "a table with tabs and a mark before it": ("a.tsv", "\ufeffquestion\tanswer\n2 + 2?\t4\n", problems, ["2 + 2? -> 4"]),
    "lines that end as on Windows": ("a.jsonl", lines(TOLD).replace("\n", "\r\n"), problems, ["2 + 2? -> 4"]),
    "a gold answer of one formula": ("a.jsonl", lines({"problem": "2 + 2?", "solution": "$4$"}), problems, ["2 + 2? -> 4"]),
    "a gold answer in a box beside a longer solution": (
        "a.jsonl",
        lines({"problem": "2 + 2?", "solution": "I see \\boxed{4}.", "problem_type": "Algebra", "source": "olympiads", "messages": None}),
        problems,
        ["2 + 2? -> 4"],
    ),
    "a gold answer as a list of one": ("a.jsonl", lines({"prompt": "2 + 2?", "ground_truth": ["4"]}), problems, ["2 + 2? -> 4"]),
    "a row that still holds the whole question elsewhere": (
        "a.jsonl",
        lines(
            {
                "prompt": [{"role": "user", "content": "2 + 2? Think."}],
                "question": None,
                "extra_info": {"question": "2 + 2?"},
                "answer": "4",
            }
        ),
        problems,
        ["2 + 2? Think. -> 4"],
    ),
    "a system prompt in the list of messages": (
        "a.jsonl",
        lines({"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "2 + 2?"}], "answer": "4"}),
        problems,
        ["2 + 2? -> 4"],
    ),
    "only the end of a thought (the prompt had opened it)": (
        "a.jsonl",
        lines({"prompt": "q", "completion": "2 + 2\n</think>\n\na"}),
        examples,
        ["u:q a:a"],
    ),
    "one row of tests in a file of its own is no table": (
        "a.jsonl",
        lines({"question": "Sum?", "tests": [{"input": "1 2", "output": "3"}]}),
        lambda path: [type(each.reference).__name__ for each in RowProblems(str(path)).all()],
        ["Stdio"],
    ),
    "roles with a capital": (
        "a.jsonl",
        lines({"messages": [turn | {"role": turn["role"].title()} for turn in CHAT]}),
        examples,
        ["u:q a:a"],
    ),
    "turns as a list of roles and a list of contents": (
        "a.jsonl",
        lines({"messages": {"role": ["user", "assistant"], "content": ["q", "a"]}}),
        examples,
        ["u:q a:a"],
    ),
    "a part whose text a table left null": (
        "a.jsonl",
        lines({"messages": [{"role": "user", "content": [{"type": "text", "text": None}, {"type": "text", "text": "q"}]}, CHAT[1]]}),
        examples,
        ["u:q a:a"],
    ),
    "a reply that was found right": ("a.jsonl", lines({"prompt": "q", "completion": "a", "is_correct": True}), examples, ["u:q a:a"]),
    "a gold answer as a list that a text holds (Skywork)": (
        "a.jsonl",
        lines({"prompt": "2 + 2?", "reward_model": {"ground_truth": json.dumps(["\\frac{8}{2}"])}}),
        problems,
        ["2 + 2? -> \\frac{8}{2}"],
    ),
    "a gold answer with a formula within words": ("a.jsonl", lines(TOLD | {"answer": "$x$ is 4"}), problems, ["2 + 2? -> $x$ is 4"]),
    "a gold answer in dollars": ("a.jsonl", lines(TOLD | {"answer": "$5"}), problems, ["2 + 2? -> 5"]),
    "a gold answer that is the word None": ("a.jsonl", lines(TOLD | {"answer": "None"}), words, ["('None',)"]),
    "a reply that is itself an empty list": ("a.jsonl", lines({"prompt": "q", "completion": "[]"}), examples, ["u:q a:[]"]),
}


@pytest.mark.parametrize(("name", "text", "read", "found"), READ.values(), ids=READ.keys())
def test_it_is_read(tmp_path: Path, name: str, text: str, read: Read, found: list[str]) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert read(tmp_path / name) == found


GOOD = {"prompt": "q", "completion": "a"}
REFUSED: dict[str, tuple[str, str, Read, str]] = {
    "an output that is empty": (
        "a.jsonl",
        lines(GOOD, {"instruction": "q", "output": ""}),
        examples,
        "line 2: a row without a text in field 'output'",
    ),
    "turns of the assistant alone": (
        "a.jsonl",
        lines({"conversations": [{"from": "gpt", "value": "a"}, {"from": "gpt", "value": "b"}], "tools": "[]"}),
        examples,
        "line 1: no message of the user stands before the assistant's",
    ),
    "a conversation that the user ends": (
        "a.jsonl",
        lines({"messages": [*CHAT, CHAT[0]]}),
        examples,
        "line 1: its last message is not the assistant's",
    ),
    "a prompt that is null": ("a.jsonl", lines({"prompt": None, "completion": "2"}), examples, "line 1: field 'prompt' is null"),
    "a conversation without a message": ("a.jsonl", lines({"messages": []}), examples, "line 1: field 'messages' has no message"),
    "a conversation that is null": ("a.jsonl", lines({"messages": None}), examples, "line 1: field 'messages' is null"),
    "a conversation within a list": ("a.jsonl", lines({"messages": [CHAT]}), examples, "line 1: field 'messages' is no list of objects"),
    "a thought in a part of its own": (
        "a.jsonl",
        lines({"messages": [CHAT[0], {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}]}),
        examples,
        "line 1: a message of the assistant has a part of type 'thinking'",
    ),
    "messages as Python prints them": (
        "a.jsonl",
        lines({"prompt": str(CHAT[:1]), "completion": "a"}),
        examples,
        "line 1: field 'prompt' holds messages as Python prints them",
    ),
    "a question as Python prints it": (
        "a.jsonl",
        lines({"prompt": str(CHAT[:1]), "answer": "4"}),
        problems,
        "line 1: field 'prompt' holds messages as Python prints them",
    ),
    "a message without a role": (
        "a.jsonl",
        lines({"messages": [{"content": "1"}, CHAT[1]]}),
        examples,
        "line 1: a message of field 'messages' has no role",
    ),
    "a message in parts under ShareGPT's name": (
        "a.jsonl",
        lines({"conversations": [{"from": "human", "value": ["1"]}, {"from": "gpt", "value": "2"}]}),
        examples,
        "line 1: a message of the user has a content of parts, and one is of type str",
    ),
    "a tool that speaks": (
        "a.jsonl",
        lines({"messages": [CHAT[0], {"role": "tool", "content": "6"}, CHAT[1]]}),
        examples,
        "line 1: a message's role is 'tool'",
    ),
    "an image between the words": (
        "a.jsonl",
        lines({"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "q"}]}, CHAT[1]]}),
        examples,
        "line 1: a message of the user has a part of type 'image'",
    ),
    "rows that were tokenized before": (
        "a.jsonl",
        lines({"input_ids": [1, 2], "labels": [-100, 2]}),
        examples,
        "line 1: it holds tokens (input_ids)",
    ),
    "rows for preferences": (
        "a.jsonl",
        lines({"prompt": "q", "chosen": "a", "rejected": "b"}),
        examples,
        "line 1: it is a pair of answers",
    ),
    "a text of both sides": ("a.jsonl", lines({"text": "Human: q\nAssistant: a"}), examples, "line 1: it has one text"),
    "a gold answer that is missing": (
        "a.jsonl",
        lines(TOLD, TOLD | {"answer": None}),
        problems,
        "line 2: a row without an answer: field 'answer' is null",
    ),
    "a solution in words alone": (
        "a.jsonl",
        lines({"problem": "q", "solution": "It is four."}),
        problems,
        "line 1: a row without an answer",
    ),
    "rows of instructions without a gold answer": (
        "a.jsonl",
        lines({"instruction": "1 + 1", "input": "", "output": "2"}),
        problems,
        "line 1: no answer field: there are 'instruction', 'input', 'output'",
    ),
    "a gold answer of another name": ("a.jsonl", lines({"question": "q", "gt": "4"}), problems, "give --answer-field"),
    "a gold answer that a table wrote for none": (
        "a.jsonl",
        lines(TOLD, TOLD | {"answer": "nan"}),
        problems,
        "line 2: a row without an answer: field 'answer' holds 'nan'",
    ),
    "a gold answer that tells the way": (
        "a.jsonl",
        lines(TOLD | {"answer": "First, we add 2 and 2. Then we get 4. Therefore the total is 4."}),
        problems,
        "is a text of several sentences",
    ),
    "a reply that was found wrong": (
        "a.jsonl",
        lines(GOOD | {"label": True}, GOOD | {"label": False}),
        examples,
        "line 2: field 'label' is false: it says that the reply is no good",
    ),
    "a reply that was found wrong, in a word": (
        "a.jsonl",
        lines({"prompt": "q", "completion": "a", "label": "True"}, {"prompt": "q", "completion": "b", "label": "False"}),
        examples,
        "line 2: field 'label' is false: it says that the reply is no good",
    ),
    "a reply that was found wrong, as a number": (
        "a.jsonl",
        lines({"prompt": "q", "completion": "b", "is_correct": 0}),
        examples,
        "line 1: field 'is_correct' is 0: it says that the reply is no good",
    ),
    "a part that holds no text": (
        "a.jsonl",
        lines({"messages": [{"role": "user", "content": [{"type": "text", "text": {"a": 1}}]}, CHAT[1]]}),
        examples,
        "line 1: a message of the user has a part of type 'text'",
    ),
    "roles and contents of two lengths": (
        "a.jsonl",
        lines({"messages": {"role": ["user", "assistant"], "content": ["q"]}}),
        examples,
        "line 1: field 'messages' is no list of objects",
    ),
    "a table as a spreadsheet with commas in its numbers saves it": (
        "a.csv",
        "prompt;completion\nq;a\n",
        examples,
        "record 1: its cells are parted by ';'",
    ),
    "a quote that is never closed": ("a.csv", 'prompt,completion\nq,"a\n', examples, "record 2: it is not a text table"),
    "an object that holds the rows in a list": (
        "a.json",
        lines({"version": "1", "data": [TOLD, TOLD]}),
        problems,
        "2 rows in a list under 'data'",
    ),
    "a table by columns": ("a.json", lines({"problem": ["a?", "b?"], "answer": ["1", "2"]}), problems, "a whole column in 'problem'"),
    "a table as pandas writes it": (
        "a.json",
        lines({"problem": {"0": "a?", "1": "b?"}, "answer": {"0": "1", "1": "2"}}),
        problems,
        "a whole column in 'problem'",
    ),
    "a gold answer within an object": ("a.jsonl", lines({"question": "q", "answer": {"value": "4"}}), problems, "with a dot, answer.value"),
    "several right answers": ("a.jsonl", lines({"question": "q", "answer": ["a", "b"]}), problems, "say --kind text"),
    "a NaN that a table left": ("a.jsonl", '{"instruction": "q", "input": NaN, "output": "a"}\n', examples, "line 1: "),
    "a table whose rows are longer than its head": (
        "a.csv",
        "prompt,completion\nq,a\nq,a,b\n",
        examples,
        "record 3: has 3 cells, and the first line names 2 columns",
    ),
    "a table with two columns of one name": ("a.csv", "prompt,completion,prompt\nq,a,other\n", examples, "two columns are called 'prompt'"),
    "a table whose first line is longer than any": (
        "a.csv",
        ",".join(f"column {number}" for number in range(320_000)) + "\nq\n",
        examples,
        "line 1: longer than the 4,000,000 bytes of a line that are read",
    ),
    "a table in another encoding": ("a.csv", "", examples, "line 2: it is not UTF-8 (byte 4): save it as UTF-8"),
    "a table whose head has blanks": ("a.csv", "prompt, completion\nq, a\n", examples, "the column ' completion' has blanks"),
    "a workbook": ("a.csv", "PK\x03\x04 and more", examples, "it is a zip archive, or a workbook of Excel"),
    "a page for a log in": ("a.jsonl", "\n<!DOCTYPE html><html>", problems, "it is a web page"),
    "a gzipped table": ("a.csv.gz", "prompt,completion\nq,a\n", examples, "of gzipped files only JSON lines are read"),
    "a pointer of Git LFS": ("a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", examples, "line 1: "),
    "objects over several lines": ("a.jsonl", json.dumps(TOLD, indent=2), problems, "line 1: "),
    "an assistant's turn that ends the prompt": (
        "a.jsonl",
        lines({"prompt": CHAT, "answer": "4"}),
        problems,
        "line 1: field 'prompt': its last message is not the user's",
    ),
}


@pytest.mark.parametrize(("name", "text", "read", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_in_one_line(tmp_path: Path, name: str, text: str, read: Read, reason: str) -> None:
    (tmp_path / name).write_bytes(text.encode() or b"prompt,completion\ncaf\xe9,a\n")
    with pytest.raises(BadInput) as refused:
        read(tmp_path / name)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / name}") and reason in said and "\n" not in said


def test_there_are_more_than_twenty_five() -> None:
    assert len(READ) + len(REFUSED) > 25


def test_a_folder_that_the_library_saved_for_itself_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(BadInput, match="write its rows with to_parquet or to_json"):
        examples(tmp_path)


def test_a_data_set_of_a_hub_that_does_not_answer_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    from datasets import config
    from huggingface_hub import constants

    pauses = list[float]()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(time, "sleep", pauses.append)  # the library's waits between its tries
    with pytest.raises(BadInput, match=r"where there is no network, name a file or a folder of its rows") as refused:
        examples(Path("nobody/nothing"))
    assert "\n" not in str(refused.value) and not pauses
    assert not config.HF_HUB_OFFLINE and not constants.HF_HUB_OFFLINE


def test_configurations_and_splits_of_a_data_set_are_listed(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    card = "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: m.jsonl\n"
    card += "- config_name: socratic\n  data_files: s.jsonl\n---\n"
    (tmp_path / "README.md").write_text(card)
    for name in ("m", "s"):
        (tmp_path / f"{name}.jsonl").write_text(lines({"prompt": name, "completion": "a"}))
    with pytest.raises(BadInput, match=r"has the configurations 'main', 'socratic': choose one with --subset NAME"):
        examples(tmp_path)
    assert examples(tmp_path, subset="socratic") == ["u:s a:a"]
    with pytest.raises(BadInput, match=r"choose one with --split NAME"):
        examples(tmp_path, subset="main", split="test")


def test_fields_of_messages_that_nothing_reads_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines({"messages": [CHAT[0] | {"name": "Ann", "refusal": None}, CHAT[1] | {"masked": True}]}))
    rows = ExampleRows(str(tmp_path / "a.jsonl"))
    assert len(list(rows)) == 1
    assert rows.columns() == ["columns that are not used: messages.masked (1 rows), messages.name (1 rows)"]


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        ({"A": "x", "B": "y", "C": "z", "D": "w", "answer": "B"}, "B"),
        ({"option_1": "x", "option_2": "y", "option_3": "z", "answer": 2}, "B"),
        ({"opa": "x", "opb": "y", "opc": "z", "opd": None, "answer": "C"}, "C"),
        ({"ending0": "x", "ending1": "y", "answer": 1}, "B"),
        ({"choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}, "B"),
    ],
)
def test_options_in_columns_are_asked_with_the_question(tmp_path: Path, row: dict[str, object], letter: str) -> None:
    (tmp_path / "a.jsonl").write_text(lines({"question": "Which?", **row}))
    (problem,) = RowProblems(str(tmp_path / "a.jsonl")).all()
    assert isinstance(problem.reference, Choice) and problem.reference.letter == letter
    assert problem.question.startswith("Which?\n\nA) x\nB) y")


def test_two_columns_of_one_letter_are_no_options(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines({"question": "2 + 2?", "A": "x", "B": "y", "answer": "4"}))
    assert problems(tmp_path / "a.jsonl") == ["2 + 2? -> 4"]


def test_a_folder_of_arrays_is_read_without_the_notes_beside_them(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": "mine.json"}}))
    (tmp_path / "mine.json").write_text(json.dumps([{"conversations": CHAT}], indent=1))
    (tmp_path / "other.json").write_text(json.dumps([{"instruction": "i", "input": "", "output": ["a"]}]))
    with pytest.raises(BadInput, match=r"other\.json, row 1: field 'output'"):
        examples(tmp_path)
    (tmp_path / "other.json").write_text(json.dumps([{"instruction": "i", "input": "", "output": "o"}]))
    assert examples(tmp_path) == ["u:q a:a", "u:i a:o"]
