"""Language consistency: shares of words that a reader counts."""

from __future__ import annotations

import pytest

from aha.rewards import LanguageConsistency
from aha.types import Language, Number, Problem, Reply


def paid(thought: str | None, language: Language = "en") -> float:
    reply = Reply(thought or "", thought, None if thought is None else "6", 9, "stop")
    [value] = LanguageConsistency()(Problem("p", "maths", "?", language, Number("6")), [reply])
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize(
    ("thought", "english"),
    [
        ("8 + 6 = 14 no 8 * 6 = 48 yes", 1.0),
        ("8 + 6 = 14 不对 8 * 6 = 48 对", 0.0),
        ("8 + 6 = 14 no 8 * 6 = 48 对", 1 / 2),
        ("wait so 所以 no", 3 / 4),
        ("不对所以检查对 yes", 1 / 5),  # four Chinese words, no space between them
        ("so 天地玄黄", 1 / 3),  # four characters count as two words
    ],
)
def test_it_pays_the_share_of_the_thoughts_words_in_the_questions_language(thought: str, english: float) -> None:
    assert paid(thought, "en") == pytest.approx(english)
    assert paid(thought, "zh") == pytest.approx(1 - english)


@pytest.mark.parametrize("hidden", ["`检查(x)`", "```\n检查\n```", "$\\text{检查}$", "12 + 30 = 42", "“检查”", "「检查」", '"检查一下"'])
def test_code_formulas_numbers_and_quotes_are_in_no_language(hidden: str) -> None:
    assert paid(f"so {hidden} yes", "en") == 1.0


@pytest.mark.parametrize("thought", ["", "8 + 6 = 14", "$x = 2$"])
def test_a_thought_without_words_has_no_foreign_one(thought: str) -> None:
    assert paid(thought, "en") == paid(thought, "zh") == 1.0


def test_a_reply_that_broke_the_template_earns_nothing() -> None:
    assert paid(None) == 0.0


def test_a_thought_that_is_one_long_quote_is_still_a_thought() -> None:
    assert paid("“所以检查”", "en") == 0.0
    assert paid(f"“{'检查' * 150}” yes", "en") == pytest.approx(1 / 151)


def test_of_a_summary_the_thought_does_not_count() -> None:
    reply = Reply("…", "so yes", "所以 yes", 9, "stop")
    broken = Reply("…", None, None, 9, "length")
    problem = Problem("p", "maths", "?", "en", Number("6"))
    assert LanguageConsistency("summary")(problem, [reply, broken]) == [0.5, 0.0]
    assert LanguageConsistency()(problem, [reply, broken]) == [1.0, 0.0]
