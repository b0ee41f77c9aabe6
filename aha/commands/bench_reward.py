"""`aha bench-reward`: any grader or reward over a golden corpus and over claims made by rules, and where they disagree.
The result of a survey is printed for a program or for a person."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence

from aha.commands.corpus_judges import judge_of, runnable
from aha.commands.terminal import COUNT, FROM_ONE, Command, Terminal, refuse_rest
from aha.errors import BadInput
from aha.grading import Graders
from aha.rewards.bench import CaseVerdict, Findings, RuleCount, Survey, measure, survey
from aha.specimens import Side, Specimen, specimens
from aha.tasks.corpora import Corpus, corpus_of
from aha.types import Abstained, Grade, Reference

MOST_ROWS = 20
LONGEST = 110
SIDES: tuple[Side, ...] = ("wrong", "right")


def summary(survey: Survey, seed: int) -> dict[str, object]:
    """Return all counts, by kind of gold and by rule."""
    return {
        "seed": seed,
        "right": survey.total("right"),
        "wrong": survey.total("wrong"),
        "false_positives": survey.paid_wrongly(),
        "false_negatives": survey.misses() - survey.abstentions("right"),
        "abstained": survey.abstentions("right") + survey.abstentions("wrong"),
        "missed": survey.misses(),
        "seconds": round(survey.wall_s, 3),
        "kinds": {family: _of_family(survey, family) for family in survey.families},
        "abstentions": dict(sorted(survey.reasons.items(), key=lambda item: -item[1])),
        "settings": [
            {"setting": setting, "expected": side, "failures": failures, "claims": claims}
            for side in SIDES
            for setting, failures, claims in survey.failing_settings(side)
        ],
        "rules": [_of_rule(count) for side in SIDES for count in survey.failures(side)],
    }


def page(survey: Survey, seed: int, name: str, most: float) -> list[str]:
    """Return the lines for a person: the totals, a line for each kind of gold, and the rules that fail."""
    kinds = survey.families
    right, wrong = survey.total("right"), survey.total("wrong")
    share = f"{100 * survey.miss_rate:.2f} %, at most {100 * most:g} % are allowed"
    lines = [
        f"made by rules (seed {seed}): {name} over {right + wrong:,} claims about {len(kinds)} kinds of answer, in {survey.wall_s:.1f} s",
        f"right claims {right:,}: missed {survey.misses():,} ({share}), of which abstained {survey.abstentions('right'):,}",
        f"wrong claims {wrong:,}: paid {survey.paid_wrongly():,}, abstained {survey.abstentions('wrong'):,}",
        f"  {'kind of gold':<30} {'right':>8} {'missed':>8} {'wrong':>8} {'paid':>8} {'abstained':>9}",
    ]
    lines += [_family_row(survey, family) for family in kinds]
    for reason, count in sorted(survey.reasons.items(), key=lambda item: -item[1])[:5]:
        lines.append(f"abstained {count:,} times: {reason[:LONGEST]}")
    for side, title in zip(SIDES, ("PAID WRONGLY", "missed"), strict=True):
        for setting, failures, claims in survey.failing_settings(side)[:MOST_ROWS]:
            lines.append(f"{title} in the setting {setting!r}: {failures:,} of {claims:,}")
    lines += _failures("PAID WRONGLY", survey.failures("wrong")) + _failures("missed", survey.failures("right"))
    return lines


def _of_family(survey: Survey, family: str) -> dict[str, int]:
    return {
        "right": survey.total("right", family),
        "missed": survey.misses(family),
        "wrong": survey.total("wrong", family),
        "paid": survey.paid_wrongly(family),
        "abstained": survey.abstentions("right", family) + survey.abstentions("wrong", family),
    }


def _of_rule(count: RuleCount) -> dict[str, object]:
    return {
        "kind": count.family,
        "rule": count.rule,
        "expected": count.side,
        "failures": count.failures,
        "claims": count.total,
        "examples": [_example(specimen, grade) for specimen, grade in count.examples],
    }


def _example(specimen: Specimen, grade: Grade) -> dict[str, object]:
    return {
        "gold": gold(specimen.reference),
        "reply": specimen.reply if len(specimen.reply) <= 1000 else f"{specimen.reply[:500]} ... {specimen.reply[-500:]}",
        "grade": type(grade).__name__.lower(),
        "reason": getattr(grade, "reason", ""),
    }


def _family_row(survey: Survey, family: str) -> str:
    numbers = _of_family(survey, family)
    columns = [f"{numbers[name]:>8,}" for name in ("right", "missed", "wrong", "paid")]
    return f"  {family:<30} {' '.join(columns)} {numbers['abstained']:>9,}"


def _failures(title: str, rules: list[RuleCount]) -> list[str]:
    lines = []
    for count in rules[:MOST_ROWS]:
        specimen, grade = count.examples[0]
        reason = getattr(grade, "reason", "")
        tail = f" ({reason[:LONGEST]})" if reason else ""
        lines.append(
            f"{title}: {count.family}, {count.rule!r}: {count.failures:,} of {count.total:,}; "
            f"gold {gold(specimen.reference)[:LONGEST]}: {_short(specimen.reply)}{tail}"
        )
    return lines + [f"... and {len(rules) - MOST_ROWS} more rules"] * (len(rules) > MOST_ROWS)


def _short(reply: str) -> str:
    text = json.dumps(reply, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:30]} ... {text[-(LONGEST - 30) :]}"


def gold(reference: Reference) -> str:
    """Return the answer that the reference asks for, on one line."""
    fields = {name: value for name, value in vars(reference).items() if value not in ((), "", False, None)}
    return str(next(iter(fields.values()))) if len(fields) == 1 else str(fields)


MOST_LINES = 20
MOST_REPEATS = 3  # abstentions for one reason; up to this number each has its own line
BY_RULES = 10_000  # claims by default
MOST_MISSES = 0.01  # share of the right claims made by rules


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the corpus, the judge, and the number of misses that are let pass."""
    parser.add_argument(
        "corpus",
        nargs="?",
        metavar="FILE",
        help="rows with gold, answer, expected and optionally kind and tag (default: the built-in corpus)",
    )
    parser.add_argument(
        "--reward",
        metavar="R",
        help="the reward to test: accuracy, module:name or file.py:name: (problem, replies) -> values; 0.5 or more counts as right",
    )
    parser.add_argument(
        "--grader", metavar="G", help="the grader to test: module:name or file.py:name: (reference, answer) -> a grade, a bool or a number"
    )
    parser.add_argument("--chain", metavar="C", help="test the answer extraction of a multiple-choice benchmark: gpqa, mmlu or mmlu-pro")
    parser.add_argument(
        "--at-most-misses",
        type=COUNT,
        default=0,
        metavar="N",
        help="how many disagreements that do not pay a wrong answer are allowed (default: 0)",
    )
    parser.add_argument(
        "--generated",
        type=COUNT,
        metavar="N",
        help=f"how many claims made by rules to judge as well (default: {BY_RULES:,}; 0 with FILE or --chain)",
    )
    parser.add_argument("--seed", type=COUNT, default=0, metavar="S", help="the random seed of the claims made by rules (default: 0)")
    parser.add_argument(
        "--threads",
        type=FROM_ONE,
        default=1,
        metavar="N",
        help="how many answers to judge at a time (default: 1); with more, the measured times overlap",
    )


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Return 1 if a wrong answer was paid or more was missed than is let pass, else 0."""
    refuse_rest(rest)
    count = _by_rules(arguments)
    with Graders() as graders:
        name, choose = judge_of(arguments.reward, arguments.grader, arguments.chain, graders)
        corpus = runnable(corpus_of(arguments.corpus))
        judge = choose(corpus)
        findings = measure(corpus.cases, judge, arguments.threads)
        name = f"chain {corpus.chain}" if corpus.chain and name == "grade" else name
        if not terminal.json:
            terminal.say(_page(name, corpus, findings, arguments.at_most_misses))
        counts = survey(specimens(count, arguments.seed), judge, arguments.threads)
    has_failed = bool(findings.false_positives) or len(findings.misses) > arguments.at_most_misses or _fails(counts)
    generated_part = {"generated": summary(counts, arguments.seed)} if count else {}
    terminal.tell("bench-reward", **_summary(name, corpus, findings), **generated_part, failed=has_failed)
    if count and not terminal.json:
        terminal.say("\n".join(page(counts, arguments.seed, name, MOST_MISSES)))
    return 1 if has_failed else 0


def _by_rules(arguments: Namespace) -> int:
    """Return the number of claims made by rules to judge."""
    if arguments.generated is None:
        return 0 if arguments.corpus or arguments.chain else BY_RULES
    if arguments.generated and arguments.chain:
        raise BadInput("--generated and --chain: a chain reads letters alone, and most claims made by rules are none")
    return int(arguments.generated)


def _fails(counts: Survey) -> bool:
    return counts.paid_wrongly() > 0 or counts.miss_rate > MOST_MISSES


def _summary(name: str, corpus: Corpus, findings: Findings) -> dict[str, object]:
    return {
        "corpus": corpus.name,
        "judge": name,
        "cases": len(findings.main_verdicts),
        "agreed": findings.agreement,
        **{f"graded_{word}": sum(verdict.word == word for verdict in findings.main_verdicts) for word in ("right", "wrong")},
        "false_positives": len(findings.false_positives),
        "false_negatives": len(findings.false_negatives),
        "abstained": len(findings.abstentions),
        "misses": len(findings.misses),
        "not_counted": len(findings.verdicts) - len(findings.main_verdicts),
        "not_counted_agreed": sum(verdict.agrees for verdict in findings.verdicts if not verdict.case.counted),
        "left_out": len(corpus.left_out),
        "seconds": round(findings.wall_s, 3),
        "median_ms": round(1000 * findings.seconds(0.5), 3),
        "p95_ms": round(1000 * findings.seconds(0.95), 3),
        "max_ms": round(1000 * findings.seconds(1.0), 3),
        "tags": {tag: {"agreed": agreements, "cases": cases} for tag, (agreements, cases) in findings.tags().items()},
        "disagreements": [_row(verdict) for verdict in (*findings.false_positives, *findings.misses)],
        "slowest": [{"place": verdict.case.place, "ms": round(1000 * verdict.seconds, 3)} for verdict in findings.slowest(5)],
    }


def _row(verdict: CaseVerdict) -> dict[str, object]:
    return {
        "place": verdict.case.place,
        "tag": verdict.case.tag,
        "expected": verdict.case.expected,
        "grade": verdict.word,
        "reason": getattr(verdict.grade, "reason", ""),
        "answer": (verdict.case.answer or "")[-200:],
    }


def _page(name: str, corpus: Corpus, findings: Findings, most_misses: int) -> str:
    """Return the text for a person: the counts, every wrong payment, the first misses, and the slowest answers."""
    numbers = _summary(name, corpus, findings)
    lines = [
        f"{numbers['corpus']}: {name} agrees on {findings.agreement:,} of {numbers['cases']:,} answers, in {findings.wall_s:.1f} s",
        f"graded right {numbers['graded_right']:,}, wrong {numbers['graded_wrong']:,}, abstained {numbers['abstained']:,}",
        f"false positives {len(findings.false_positives)}, false negatives {len(findings.false_negatives)}",
        f"misses {len(findings.misses)}, of which {most_misses} are allowed",
        f"time per answer: median {numbers['median_ms']} ms, 95 % within {numbers['p95_ms']} ms, at most {numbers['max_ms']} ms",
    ]
    if numbers["not_counted"]:
        lines.append(f"not counted (flags, labels of another name): {numbers['not_counted_agreed']} of {numbers['not_counted']} agree")
    lines += [f"left out: {row}" for row in corpus.left_out[:3]]
    lines += [f"... and {len(corpus.left_out) - 3} more are left out"] * (len(corpus.left_out) > 3)
    tags = findings.tags()
    if 1 < len(tags) <= 60:
        lines += [f"  {tag or '(no tag)':<28} {agreements:>6,} of {cases:,}" for tag, (agreements, cases) in tags.items()]
    for title, group in (("PAID WRONGLY", findings.false_positives), ("missed", findings.misses)):
        rows = [f"{title}: {row}" for row in _rows(group)]
        lines += rows[:MOST_LINES]
        lines += [f"... and {len(rows) - MOST_LINES} more"] * (len(rows) > MOST_LINES)
    slow = [verdict for verdict in findings.slowest(3) if verdict.seconds > 0.05]
    lines += [f"slow: {verdict.case.place}: {1000 * verdict.seconds:.0f} ms, {verdict.word}" for verdict in slow]
    return "\n".join(lines)


def _rows(group: Sequence[CaseVerdict]) -> list[str]:
    """Return a row for each answer, or one for many abstentions with the same reason: a reward that always raises is one line."""
    reasons = Counter(verdict.grade.reason for verdict in group if isinstance(verdict.grade, Abstained))
    rows, explanations = list[str](), set[str]()
    for verdict in group:
        reason = verdict.grade.reason if isinstance(verdict.grade, Abstained) else ""
        if reasons[reason] <= MOST_REPEATS:
            rows.append(_line(verdict))
        elif reason not in explanations:
            explanations.add(reason)
            rows.append(f"{reasons[reason]:,} times, first {_line(verdict)}")
    return rows


def _line(verdict: CaseVerdict) -> str:
    end_of_answer = json.dumps((verdict.case.answer or "")[-80:], ensure_ascii=False)
    reason = getattr(verdict.grade, "reason", "")
    return f"{verdict.case.place}: expected {verdict.case.expected}, got {verdict.word}{f' ({reason})' if reason else ''}: {end_of_answer}"


COMMAND = Command("test a grader or a reward on answers whose grade is known", "data", flags, run)
