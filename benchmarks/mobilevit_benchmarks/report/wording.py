"""Comparisons as sentences. None of them names a winner that its verdict does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..comparison import RESOLUTION, Comparison, Verdict
from ..statistics import CONFIDENCE, Interval

# a sign and a word for each, so that no verdict is told by its colour alone
SIGNS = {
    Verdict.FASTER: "▼",
    Verdict.SLOWER: "▲",
    Verdict.WITHIN_NOISE: "≈",
    Verdict.NO_DIFFERENCE: "=",
    Verdict.NOT_ENOUGH_DATA: "?",
}
_LATENCY = {
    Verdict.FASTER: "is faster than",
    Verdict.SLOWER: "is slower than",
    Verdict.WITHIN_NOISE: "takes as long as",
    Verdict.NO_DIFFERENCE: "shows no difference from",
    Verdict.NOT_ENOUGH_DATA: "cannot be ranked against",
}
_INSTRUCTIONS = {
    Verdict.FASTER: "executes fewer instructions than",
    Verdict.SLOWER: "executes more instructions than",
    Verdict.WITHIN_NOISE: "executes as many instructions as",
    Verdict.NO_DIFFERENCE: "shows no difference in instructions from",
    Verdict.NOT_ENOUGH_DATA: "cannot be ranked by instructions against",
}
_COUNT_WORDS = {Verdict.FASTER: "fewer instructions", Verdict.SLOWER: "more instructions"}


@dataclass(frozen=True)
class Sentence:
    """`subject` `claim` `reference` `where`: `figures`."""

    verdict: Verdict
    word: str  # the verdict, in as few words as can be
    subject: str
    claim: str
    reference: str
    where: str
    figures: str

    @property
    def sign(self) -> str:
        return SIGNS[self.verdict]

    def __str__(self) -> str:
        return f"{self.subject} {self.claim} {self.reference} {self.where}: {self.figures}."


def within_run(comparison: Comparison) -> Sentence:
    """Two cases of one run."""
    return _sentence(comparison, comparison.name, comparison.reference)


def across_days(comparison: Comparison, earlier: datetime, later: datetime) -> Sentence:
    """One case in two runs on one device."""
    dates = [f"{day:%Y-%m-%d}" for day in (earlier, later)]
    if dates[0] == dates[1]:
        dates = [f"{day:%Y-%m-%d %H:%M}" for day in (earlier, later)]
    return _sentence(comparison, f"{comparison.name} of {dates[1]}", f"that of {dates[0]}")


def number_of(count: int, thing: str, plural: str | None = None) -> str:
    """`1 round`, `2 rounds`"""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def _sentence(comparison: Comparison, subject: str, reference: str) -> Sentence:
    verdict = comparison.verdict
    if comparison.what == "instructions":
        return Sentence(
            verdict=verdict,
            word=_COUNT_WORDS.get(verdict, str(verdict)),
            subject=subject,
            claim=_INSTRUCTIONS[verdict],
            reference=reference,
            where=f"on {comparison.runtime}",
            figures=f"{_ratio(comparison.ratio, 4)} as many, {_interval(comparison.ratio, 4)}; "
            f"{number_of(comparison.rounds, 'process', 'processes')} each; a count, not a latency",
        )
    batch = f", batch {comparison.batch}" if comparison.batch > 1 else ""
    return Sentence(
        verdict=verdict,
        word=str(verdict),
        subject=subject,
        claim=_LATENCY[verdict],
        reference=reference,
        where=f"on {comparison.runtime}, {number_of(comparison.threads, 'thread')}{batch}",
        figures="; ".join(_latency_figures(comparison)),
    )


def _latency_figures(comparison: Comparison) -> list[str]:
    found = [f"{_ratio(comparison.ratio)} as long, {_interval(comparison.ratio)}"]
    match comparison.verdict:
        case Verdict.WITHIN_NOISE:
            found.append("any difference is too small to matter")
        case Verdict.NO_DIFFERENCE:
            found.append(f"one of {RESOLUTION:.0%} would have been found")
        case Verdict.NOT_ENOUGH_DATA if not comparison.unfit:
            found.append(f"a difference of {RESOLUTION:.0%} or more may hide in it")
        case _:
            pass
    found += [why for why in (comparison.unfit, comparison.remark) if why]
    if "rounds" not in comparison.unfit:
        found.append(
            number_of(comparison.rounds, "round") + (" in turns" if comparison.paired else "")
        )
    if comparison.disturbed:
        found.append(f"the sentinel marked {number_of(comparison.disturbed, 'round')}")
    return found


def _ratio(ratio: Interval, decimals: int = 2) -> str:
    return f"{ratio.estimate:.{decimals}f} times" if ratio.estimate < 1e6 else "millions of times"


def _interval(ratio: Interval, decimals: int = 2) -> str:
    low, high = _decimal(ratio.low, decimals), _decimal(ratio.high, decimals)
    return f"{CONFIDENCE:.0%} interval {low} to {high}"


def _decimal(value: float, decimals: int) -> str:
    """An end of an interval: never a 1 for what is not, since whether it spans 1 decides."""
    text = f"{value:.{decimals}f}"
    if float(text) == 1 and value != 1:
        text = f"{value:.{decimals + 1}f}"
    return text if abs(value) < 1e6 else f"{value:.3g}"
