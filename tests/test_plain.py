"""What a terminal would obey is spelled out, and within JSON it is the same letter again."""

from __future__ import annotations

import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from aha.plain import one_line, plain
from aha.progress import PanelLines
from aha.redact import guarded_output, with_styles

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
JOINERS = "\u200c\u200d"


@given(st.text(st.characters()))
def test_nothing_unseen_is_left_but_line_breaks_tabs_and_joiners(text: str) -> None:
    left = {letter for letter in plain(text) if unicodedata.category(letter) in UNSEEN}
    assert left <= {"\n", "\t", *JOINERS}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_spelled_out_json_is_the_same_value(text: str) -> None:
    assert json.loads(plain(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("text", ["等等。　好", "naïve – “quoted” café", "family 👨\u200d👩\u200d👧", "a\tb\nc", "क्\u200dष"])
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_escape_sequences_marks_of_direction_and_letters_without_width_are_spelled_out() -> None:
    assert plain("\x1b]0;x\x07") == "\\u001b]0;x\\u0007"
    assert plain("a\u202eb\u200bc\x9b") == "a\\u202eb\\u200bc\\u009b"
    assert plain("\U000e0041") == "\\udb40\\udc41"


def test_a_message_is_one_line_of_a_length() -> None:
    assert one_line("a\nb\r\n  c\u2028d", 100) == "a b\\u000d c\\u2028d"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


def test_whatever_a_command_prints_goes_through_that_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded_output([]):
        print("\x1b[2J", end="")
        print("\x9d", end="", file=sys.stderr)
        with_styles(sys.stdout).write("\x1b[1mours\x1b[0m \x1b]0;theirs\x07")
    heard = capsys.readouterr()
    assert (heard.out, heard.err) == ("\\u001b[2J\x1b[1mours\x1b[0m \\u001b]0;theirs\\u0007", "\\u009d")


@pytest.mark.parametrize("title", ["runs/[/red]", "[bold", "[link=http://x]y[/link]", "a\nb\x1b[31m", ":smile: [@click=x]"])
def test_a_panel_reads_no_markup_from_names(title: str) -> None:
    out = io.StringIO()
    panel = PanelLines(Console(file=out, width=100, markup=False, emoji=False, highlight=False), title, 3, clock=lambda: 0.0)
    panel.heartbeat(title)
    panel.rollout(0, {"reward": 1.0, f"reward/{title}": 0.5}, {"seconds": 1.0}, ())
    panel.console.print(panel.panel())
    panel.say(title)
    assert one_line(title)[:20] in out.getvalue() and "\x1b" not in out.getvalue()
