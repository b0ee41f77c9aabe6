"""What a judge does with claims made by rules."""

from __future__ import annotations

from aha.rewards.bench import EXAMPLES, Survey, survey
from aha.specimens import Side, Specimen, specimens
from aha.tasks.corpora import Case
from aha.types import Abstained, Grade, Number, Right, Wrong


def made(side: Side, rule: str = "digits", setting: str = "Answer: §", family: str = "count") -> Specimen:
    return Specimen(family, 0, side, rule, setting, Number("7"), "", "Answer: 7")


def counted(*pairs: tuple[Specimen, Grade]) -> Survey:
    result = Survey()
    for specimen, grade in pairs:
        result.add(specimen, grade)
    return result


def test_a_wrong_claim_that_is_paid_and_a_right_one_that_is_not_are_failures() -> None:
    counts = counted(
        (made("right"), Right()),
        (made("right"), Wrong("why")),
        (made("right"), Abstained("too long")),
        (made("wrong"), Right()),
        (made("wrong"), Wrong("why")),
        (made("wrong"), Abstained("too long")),
    )
    assert (counts.total("right"), counts.misses(), counts.abstentions("right")) == (3, 2, 1)
    assert (counts.total("wrong"), counts.paid_wrongly(), counts.abstentions("wrong")) == (3, 1, 1)
    assert counts.miss_rate == 2 / 3
    assert counts.reasons == {"too long": 2}


def test_counts_are_by_kind_and_by_rule_and_a_few_examples_are_kept() -> None:
    counts = counted(*[(made("wrong", "at least §"), Right())] * 9, (made("wrong", "minus §", family="decimal"), Right()))
    assert [(count.rule, count.failures, len(count.examples)) for count in counts.failures("wrong")] == [
        ("at least §", 9, EXAMPLES),
        ("minus §", 1, 1),
    ]
    assert (counts.paid_wrongly("count"), counts.paid_wrongly("decimal"), counts.families) == (9, 1, ("count", "decimal"))


def test_a_setting_in_which_most_claims_fail_is_named() -> None:
    right = [(made("right", setting="§!"), Wrong("no"))] * 3
    counts = counted(*right, (made("right", setting="§!"), Right()), (made("right"), Right()))
    assert counts.failing_settings("right") == [("§!", 3, 4)]


def test_nothing_judged_is_nothing_missed() -> None:
    assert (survey(specimens(0), lambda case: Right()).miss_rate, Survey().families) == (0.0, ())


def test_who_pays_everything_pays_every_wrong_claim_and_misses_none() -> None:
    counts = survey(specimens(900), lambda case: Right())
    assert (counts.paid_wrongly(), counts.misses()) == (counts.total("wrong"), 0)


def test_threads_count_the_same() -> None:
    def judge(case: Case) -> Grade:
        return Right() if "boxed" in case.reply else Wrong("no box")

    one, four = (survey(specimens(1_300), judge, threads) for threads in (1, 4))
    assert one.rules == four.rules
