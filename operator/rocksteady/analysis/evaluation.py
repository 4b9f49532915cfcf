"""What a suite's results say about a canary, in a word and in a sentence that can be checked.

What was not answered is never scored 0 against anybody: it cannot fail a canary. Nor can it help to
pass one: what only the canary left unanswered counts as wrong when it is about passing.
"""

import math
from dataclasses import dataclass
from statistics import fmean

from rocksteady.analysis.evaluation_rules import EvaluationJudgement, Look, items_more
from rocksteady.analysis.evaluation_wording import apart, counted, of_items, percent, share
from rocksteady.analysis.paired import PairedCounts, difference_bound, score
from rocksteady.analysis.paired_means import PairedScores, mean_difference
from rocksteady.analysis.proportion import lower_bound, upper_bound
from rocksteady.analysis.verdict import Verdict


@dataclass(frozen=True)
class ItemCounts:
    """What the items of a suite came to on one revision.

    Attributes:
        correct: From 0.
        wrong: From 0.
        unanswered: From 0.

    Raises:
        ValueError: A count is negative.
    """

    correct: int
    wrong: int
    unanswered: int = 0

    def __post_init__(self) -> None:
        if min(self.correct, self.wrong, self.unanswered) < 0:
            raise ValueError(f"{self} has a negative count")

    @property
    def answered(self) -> int:
        """Items with an answer."""
        return self.correct + self.wrong

    @property
    def items(self) -> int:
        """All items."""
        return self.answered + self.unanswered


@dataclass(frozen=True)
class _Measured:
    """A result with its bounds, and what it is held against.

    Attributes:
        measured: As it was counted.
        lower: At least, for a pass.
        upper: At most, for a failure.
        limit: What `lower` must exceed for a pass.
        fails_below: Where `upper` fails.
        toward_pass: See `items_more`.
        toward_fail: See `items_more`.
        unanswered: Items that count as wrong for a pass.
        words: The counts, for people.
        tolerated: The limit, for people.
        unit: Of the bounds, for people.
        reasons: Why it passed, why it failed, and why it is undecided.
    """

    measured: float
    lower: float
    upper: float
    limit: float
    fails_below: float
    toward_pass: float
    toward_fail: float
    unanswered: int
    words: str
    tolerated: str
    unit: str
    reasons: tuple[str, str, str]


def judge_paired(suite: str, counts: PairedCounts, look: Look) -> EvaluationJudgement:
    """Judge a canary by what it lost and gained against stable on the same items.

    Passed: worse by less than the margin. Failed: worse than stable, beyond the margin or not.

    Args:
        suite: Its name, as people read it.
        counts: Of the items up to this look.
        look: Which one it is, and the rules.

    Raises:
        ValueError: There are results of more items than the look has.
    """
    compared = counts.compared
    if _too_few(compared, counts.items, look):
        return _error(suite, compared, look, "could be compared", -look.rules.margin)
    worst = counts.at_worst()
    gained, lost = counts.gained, counts.lost
    difference = (gained - lost) / compared
    words = (
        f"{counted(counts.both + gained, compared)} correct against"
        f" {counted(counts.both + lost, compared)} on stable,"
        f" difference {percent(difference)} points ({gained} gained, {lost} lost)"
    )
    measured = _Measured(
        measured=difference,
        lower=difference_bound(worst.gained, worst.lost, worst.compared, look.pass_z),
        upper=difference_bound(gained, lost, compared, -look.fail_z),
        limit=-look.rules.margin,
        fails_below=0.0,
        toward_pass=score(worst.gained, worst.lost, worst.compared, -look.rules.margin),
        toward_fail=-score(gained, lost, compared, 0.0),
        unanswered=counts.unanswered,
        words=words,
        tolerated=_margin(look),
        unit="points",
        reasons=_AGAINST_STABLE,
    )
    return _judgement(suite, measured, compared, look)


def judge_scores(suite: str, scores: PairedScores, look: Look) -> EvaluationJudgement:
    """Judge a canary by its mean score against stable's on the same items.

    Args:
        suite: See `judge_paired`.
        scores: Of the items up to this look.
        look: See `judge_paired`.

    Raises:
        ValueError: There are scores of more items than the look has.
    """
    compared = len(scores.canary)
    if _too_few(compared, scores.items, look):
        return _error(suite, compared, look, "could be compared", -look.rules.margin)
    worst = mean_difference(scores.differences_at_worst)
    mean = mean_difference(scores.differences)
    difference = fmean(scores.differences)
    words = (
        f"mean score {percent(fmean(scores.canary))} % against {percent(fmean(scores.stable))} %"
        f" on stable, {of_items(compared)}, difference {percent(difference)} points"
    )
    measured = _Measured(
        measured=difference,
        lower=worst.bound(look.pass_error, is_upper=False),
        upper=mean.bound(look.fail_error, is_upper=True),
        limit=-look.rules.margin,
        fails_below=0.0,
        toward_pass=(worst.value + look.rules.margin) / worst.standard_error,
        toward_fail=-mean.value / mean.standard_error,
        unanswered=len(scores.unanswered),
        words=words,
        tolerated=_margin(look),
        unit="points",
        reasons=_AGAINST_STABLE,
    )
    return _judgement(suite, measured, compared, look)


def judge_floor(suite: str, counts: ItemCounts, floor: float, look: Look) -> EvaluationJudgement:
    """Judge a revision by its own score: a first one, that has no stable to be compared with.

    Args:
        suite: See `judge_paired`.
        counts: Of the items up to this look.
        floor: Share of correct items that must be exceeded, 0 to 1, both excluded.
        look: See `judge_paired`.

    Raises:
        ValueError: The floor is out of its range, or there are results of more items than the look
            has.
    """
    if not 0 < floor < 1:
        raise ValueError(f"floor={floor} is out of range")
    if _too_few(counts.answered, counts.items, look):
        return _error(suite, counts.answered, look, "were answered", floor)
    correct, answered = counts.correct, counts.answered
    deviation = math.sqrt(floor * (1 - floor))
    measured = _Measured(
        measured=correct / answered,
        lower=lower_bound(correct, counts.items, look.pass_error),
        upper=upper_bound(correct, answered, look.fail_error),
        limit=floor,
        fails_below=floor,
        toward_pass=(correct / counts.items - floor) * math.sqrt(counts.items) / deviation,
        toward_fail=(floor - correct / answered) * math.sqrt(answered) / deviation,
        unanswered=counts.unanswered,
        words=f"{counted(correct, answered)} correct",
        tolerated=f"more than {percent(floor)} % is needed",
        unit="%",
        reasons=("above the floor", "below the floor", "neither surely above nor surely below"),
    )
    return _judgement(suite, measured, answered, look)


_AGAINST_STABLE = (
    "no worse than is allowed",
    "worse than stable, by more than chance",
    "neither surely good enough nor surely worse",
)


def _judgement(suite: str, of: _Measured, answered: int, look: Look) -> EvaluationJudgement:
    verdict = _verdict(of)
    more = None
    if verdict is Verdict.INCONCLUSIVE:
        seen = answered + of.unanswered
        more = items_more(seen, look, toward_pass=of.toward_pass, toward_fail=of.toward_fail)
    return EvaluationJudgement(
        suite=suite,
        verdict=verdict,
        measured=of.measured,
        lower=of.lower,
        upper=of.upper,
        limit=of.limit,
        items=look.items,
        answered=answered,
        look=look.number,
        looks=look.looks.last,
        items_more=more,
        sentence=_sentence(suite, of, look, _reason(of, verdict, more, look)),
    )


def _verdict(of: _Measured) -> Verdict:
    """The verdict; what passes and would fail too is worse by less than the margin, and passes."""
    if of.lower > of.limit:
        return Verdict.PASSED
    return Verdict.FAILED if of.upper < of.fails_below else Verdict.INCONCLUSIVE


def _reason(of: _Measured, verdict: Verdict, more: int | None, look: Look) -> str:
    passed, failed, undecided = of.reasons
    if verdict is not Verdict.INCONCLUSIVE:
        return passed if verdict is Verdict.PASSED else failed
    forecast = (
        "no number of items would decide if they go as these did"
        if more is None
        else f"about {of_items(more, 'more ')} would decide if they go as these did"
    )
    return f"{undecided}, {forecast}{', and none are left to ask' if look.is_last else ''}"


def _sentence(suite: str, of: _Measured, look: Look, reason: str) -> str:
    silent = f"; {of.unanswered} unanswered count as wrong for a pass" if of.unanswered else ""
    least, most = apart(of.lower, of.limit), apart(of.upper, of.fails_below)
    return (
        f"{suite}: {of.words}{silent};"
        f" allowing for chance at least {least} {of.unit} (error {share(look.pass_error)} %)"
        f" and at most {most} {of.unit} (error {share(look.fail_error)} %),"
        f" {of.tolerated}{_which(look)}: {reason}"
    )


def _which(look: Look) -> str:
    """Which look it is, where there is more than one."""
    last = look.looks.last
    return f", look {look.number} of {last}" if last > 1 else ""


def _margin(look: Look) -> str:
    return f"more than {percent(-look.rules.margin)} is needed"


def _too_few(answered: int, items: int, look: Look) -> bool:
    """Whether too little was answered, items that were never asked included."""
    if items > look.items:
        raise ValueError(f"results of {items} items at a look at {look.items}")
    return answered == 0 or answered < look.rules.answered_least * look.items


def _error(suite: str, answered: int, look: Look, what: str, limit: float) -> EvaluationJudgement:
    """Of a suite that was hardly asked, whatever the few answers are."""
    needed = max(1, math.ceil(look.rules.answered_least * look.items))
    return EvaluationJudgement(
        suite=suite,
        verdict=Verdict.ERROR,
        measured=None,
        lower=None,
        upper=None,
        limit=limit,
        items=look.items,
        answered=answered,
        look=look.number,
        looks=look.looks.last,
        items_more=None,
        sentence=(
            f"{suite}: only {answered} of {of_items(look.items)} {what},"
            f" {needed} are needed{_which(look)}"
        ),
    )
