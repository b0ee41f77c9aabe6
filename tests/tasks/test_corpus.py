"""What the base has read: named parts, both languages, good and bad writers, and nothing that is held out."""

from __future__ import annotations

import functools
import random
import re
from collections import Counter

import pytest

from aha.grading import last_expression
from aha.tasks.corpus import MIXTURE, documents, systematic, value_of
from aha.tasks.countdown import is_held_out
from aha.tasks.voice import Try, Voice, write_try
from aha.template import Short
from aha.text import mixes_languages
from aha.types import Countdown, Document, Right
from tests.graders import grade

ASKED = re.compile(r"User: (?:Use|用) ([\d ]+?) (?:to make|得到) (\d+)[.。]\nAssistant:")
CALM = Voice("en", mixed=False, tagged=True, careless=0.0, notices=0.0, checks=False)


@functools.cache
def sample() -> tuple[Document, ...]:
    """The base's first 6,000 documents, which take some ten seconds to write."""
    return tuple(documents(0, 6000))


def asked(document: Document) -> Countdown | None:
    found = ASKED.match(document.text)
    return Countdown(tuple(map(int, found[1].split())), int(found[2])) if found else None


def attempt(document: Document) -> str:
    return document.text.split("Assistant:", 1)[1]


def test_no_document_asks_what_is_held_out() -> None:
    keys = {(tuple(sorted(question.numbers)), question.target) for d in documents(0, 12_000) if (question := asked(d))}
    assert len(keys) > 2000
    assert not any(map(is_held_out, keys))


def test_a_document_depends_on_its_number_alone() -> None:
    assert list(documents(100, 20)) == list(documents(0, 120))[100:]
    assert list(documents(0, 20, seed=1)) != list(documents(0, 20, seed=2))


def test_every_part_writes_its_share() -> None:
    written = Counter(document.part for document in sample())
    assert set(written) == {part.name for part in MIXTURE}
    assert sum(part.share for part in MIXTURE) == pytest.approx(1.0)
    for part in MIXTURE:
        assert abs(written[part.name] / len(sample()) - part.share) < 0.02


def test_all_but_the_sums_begin_as_the_template_asks() -> None:
    for document in sample():
        question = asked(document)
        assert (question is None) == (document.part == "sums")
        if question:
            line = document.text.split("\n")[0].removeprefix("User: ")
            assert document.text.startswith(Short().prompt(line))


def test_half_of_the_writers_use_tags_and_these_read_as_replies() -> None:
    replies = [Short().read(attempt(d), 1, "stop") for d in sample() if d.part not in ("sums", "marked", "verdicts")]
    assert 0.45 < sum(reply.well_formed for reply in replies) / len(replies) < 0.55


def test_a_third_mix_languages() -> None:
    searches = [d for d in sample() if d.part in ("wander", "methodical") and attempt(d).count("=") > 12]
    assert 0.25 < sum(mixes_languages(attempt(d)) for d in searches) / len(searches) < 0.4


def right(document: Document) -> bool:
    question, said = asked(document), last_expression(attempt(document))
    return question is not None and said is not None and grade(question, said) == Right()


@pytest.mark.parametrize(
    ("part", "least", "most"), [("guess", 0.0, 0.2), ("wander", 0.1, 0.5), ("methodical", 0.4, 0.9), ("worked", 1.0, 1.0)]
)
def test_quality_varies_by_part(part: str, least: float, most: float) -> None:
    written = [document for document in sample() if document.part == part]
    assert least <= sum(map(right, written)) / len(written) <= most


def test_a_page_of_sums_has_no_mistake() -> None:
    for document in sample():
        if document.part == "sums":
            for a, sign, b, result in re.findall(r"(\d+) ([+*-]) (\d+) = (\d+)", document.text):
                assert {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign] == int(result)


def test_a_try_is_written_step_by_step_with_its_verdict() -> None:
    words, hit = write_try(Try(8, (("+", 6), ("-", 10))), 4, CALM, random.Random(0))
    assert " ".join(words) == "8 + 6 = 14 - 10 = 4 yes" and hit


@pytest.mark.parametrize(("target", "word"), [(3, "high"), (4, "yes"), (5, "low")])
def test_a_result_is_too_low_too_high_or_right(target: int, word: str) -> None:
    words, hit = write_try(Try(8, (("+", 6), ("-", 10))), target, CALM, random.Random(0))
    assert words[-1] == word and hit == (word == "yes")


def test_a_step_out_of_range_is_given_up_before_its_result() -> None:
    words, hit = write_try(Try(13, (("*", 12), ("*", 9))), 5, CALM, random.Random(0))
    assert " ".join(words) == "13 * 12 = 156 * 9 no" and not hit


def test_a_slip_that_is_noticed_is_done_again() -> None:
    sloppy = Voice("zh", mixed=False, tagged=False, careless=1.0, notices=1.0, checks=False)
    words, _ = write_try(Try(8, (("+", 6),)), 99, sloppy, random.Random(0))
    assert re.fullmatch(r"8 \+ 6 = (?!14 )\d+ 等等 8 \+ 6 = 14 太小", " ".join(words))


def test_the_methodical_order_has_all_27_chains_once() -> None:
    chains = list(systematic((9, 4, 7), "+-*"))
    assert len(set(chains)) == 27
    assert chains[0] == Try(9, (("+", 4), ("+", 7))) and chains[3] == Try(9, (("-", 4), ("+", 7)))
    assert value_of(chains[0]) == 20 and value_of(Try(4, (("-", 9), ("+", 7)))) is None
