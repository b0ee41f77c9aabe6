"""What became of every sample: each has exactly one end, and the ends add up to what was asked (the last line is the paper's Table 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PREFIX = "funnel"
ROW_COUNT = "kept"
PROMPTS = "prompts"
TOKENS = "tokens"  # of the rows that were kept
LEFT_OUT = ("repeated prompt", "contaminated prompt", "uncheckable prompt")  # ends of prompts, which are never asked
FORM_ENDS = ("no reply", "cut", "form")
NOT_RIGHT = ("unjudged", "wrong")
NOT_READABLE = ("mixed language", "long paragraph", "code block", "repetition", "length")
NOT_REWRITTEN = ("not rewritten", "unfaithful", "rewritten unreadable")
NOT_NEW = ("over the cap", "duplicate", "contaminated")
ENDS = (*FORM_ENDS, *NOT_RIGHT, *NOT_READABLE, *NOT_REWRITTEN, *NOT_NEW, ROW_COUNT)
STEPS = (("formed", FORM_ENDS), ("right", NOT_RIGHT), ("readable", NOT_READABLE), ("rewritten", NOT_REWRITTEN), (ROW_COUNT, NOT_NEW))


@dataclass
class Tally:
    """Counts by (domain, end)."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, domain: str, end: str, number: int = 1) -> None:
        self.counts[domain, end] += number

    def metrics(self) -> dict[str, float]:
        """`funnel/domain/end`: how a chunk's counts are kept in the run's metrics."""
        return {f"{PREFIX}/{domain}/{end}": float(number) for (domain, end), number in sorted(self.counts.items())}

    def rates(self) -> dict[str, float]:
        """What is worth a glance while the run is on: shares of all samples, and the rows kept."""
        ends = Counter[str]()
        for (_, end), number in self.counts.items():
            ends[end] += number
        total = sum(ends[end] for end in ENDS)
        if not total:
            return {"rows": float(ends[ROW_COUNT])}
        in_form = total - sum(ends[end] for end in FORM_ENDS)
        right = in_form - sum(ends[end] for end in NOT_RIGHT)
        return {"format": in_form / total, "accuracy": right / total, "truncated": ends["cut"] / total, "rows": float(ends[ROW_COUNT])}

    @classmethod
    def of(cls, metrics: Iterable[Mapping[str, float]]) -> Tally:
        """The sum over chunks."""
        tally = cls()
        for line in metrics:
            for name, number in line.items():
                prefix, _, rest = name.partition("/")
                if prefix == PREFIX:
                    domain, _, end = rest.rpartition("/")
                    tally.add(domain, end, int(number))
        return tally

    def rows_by_domain(self) -> dict[str, int]:
        """Rows by domain, in the domains' order."""
        return {domain: number for domain in self.domains() if (number := self.counts[domain, ROW_COUNT])}

    def domains(self) -> list[str]:
        return sorted({domain for domain, _ in self.counts})

    def sample_count(self, domain: str) -> int:
        """Samples, all of which have an end."""
        return sum(self.counts[domain, end] for end in ENDS)

    def line(self, domain: str, rows: int) -> dict[str, float]:
        """One line of the report: from prompts to the rows of the set."""
        funnel: dict[str, float] = {PROMPTS: self.counts[domain, PROMPTS], "asked": self.sample_count(domain)}
        remainder = self.sample_count(domain)
        for name, ends in STEPS:
            remainder -= sum(self.counts[domain, end] for end in ends)
            funnel[name] = remainder
        row_count = self.counts[domain, ROW_COUNT]
        return {**funnel, "rows": rows, "mean tokens": round(self.counts[domain, TOKENS] / row_count, 1) if row_count else 0.0}


def report(tally: Tally, rows: Mapping[str, int]) -> dict[str, object]:
    """The funnel by domain and in all, and why the others fell out. `rows`: what the mix left of each domain."""
    lines = {domain: tally.line(domain, rows.get(domain, 0)) for domain in tally.domains()}
    whole = Tally()
    for (_, end), number in tally.counts.items():
        whole.add("all", end, number)
    lines["all"] = whole.line("all", sum(rows.values()))
    drops = {
        domain: {end: tally.counts[domain, end] for end in (*LEFT_OUT, *ENDS[:-1]) if tally.counts[domain, end]}
        for domain in tally.domains()
    }
    return {"domains": lines, "dropped": drops}


def table(funnel: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """The report in lines for a terminal."""
    names = [PROMPTS, "asked", *(name for name, _ in STEPS), "rows", "mean tokens"]
    widths = [max(len(name), 8) + 2 for name in names]
    wide = max(map(len, funnel["domains"]))
    lines = [" " * wide + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))]
    for domain, line in funnel["domains"].items():
        lines.append(f"{domain:{wide}}" + "".join(f"{line[name]:>{width},.6g}" for name, width in zip(names, widths, strict=True)))
    for domain, ends in funnel["dropped"].items():
        if ends:
            lines.append(f"{domain}: {', '.join(f'{number:,.0f} {end}' for end, number in ends.items())}")
    return lines
