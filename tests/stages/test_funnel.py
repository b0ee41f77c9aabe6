from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aha.stages.funnel import ENDS, PROMPTS, STEPS, TOKENS, Tally, report, table
from aha.tasks.filters import REASONS

ONE = Tally()
for _end, _number in {PROMPTS: 5, "wrong": 3, "cut": 1, "repetition": 2, "over the cap": 1, "kept": 3, TOKENS: 30}.items():
    ONE.add("sums", _end, _number)


def test_each_line_follows_from_the_one_before():
    line = ONE.line("sums", rows=2)
    assert line == {
        "prompts": 5,
        "asked": 10,
        "formed": 9,
        "right": 6,
        "readable": 4,
        "rewritten": 4,
        "kept": 3,
        "rows": 2,
        "mean tokens": 10.0,
    }


def test_the_ends_of_chunks_add_up_whatever_the_domain_is_called():
    other = Tally()
    other.add("a/b", "kept", 2)
    whole = Tally.of([{**ONE.metrics(), "accuracy": 0.5}, other.metrics(), ONE.metrics()])
    assert whole.rows_by_domain() == {"a/b": 2, "sums": 6}
    assert whole.sample_count("sums") == 20


@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from(ENDS)), st.integers(0, 1000), min_size=1))
def test_what_is_asked_is_what_is_kept_and_what_is_not(counts):
    tally = Tally()
    for (domain, end), number in counts.items():
        tally.add(domain, end, number)
    found: dict[str, Any] = report(tally, tally.rows_by_domain())
    for domain in tally.domains():
        line, dropped = found["domains"][domain], found["dropped"][domain]
        assert line["asked"] == line["kept"] + sum(dropped.values())
        assert list(line.values())[1:7] == sorted(list(line.values())[1:7], reverse=True)
    assert found["domains"]["all"]["asked"] == sum(counts.values())


def test_every_reason_of_the_filters_has_a_place():
    assert set(REASONS) <= set(ENDS)
    assert [end for _, ends in STEPS for end in ends] + ["kept"] == list(ENDS)


def test_the_table_names_the_reasons_once():
    funnel: dict[str, Any] = report(ONE, {"sums": 3})
    lines = table(funnel)
    assert lines[0].split()[:3] == ["prompts", "asked", "formed"]
    assert lines[1].split() == ["sums", "5", "10", "9", "6", "4", "4", "3", "3", "10"]
    assert lines[-1] == "sums: 1 cut, 3 wrong, 2 repetition, 1 over the cap"
