"""What an evaluation can see: how often a canary passes and fails that is so much worse."""

import math
from dataclasses import dataclass
from random import Random

from rocksteady.analysis.evaluation_rules import EvaluationRules, Look
from rocksteady.analysis.looks import Looks
from rocksteady.analysis.paired import score
from rocksteady.analysis.sampling import binomial
from rocksteady.analysis.verdict import Verdict


@dataclass(frozen=True)
class GatePower:
    """How often a gate decides what.

    Attributes:
        promoted_percent: Share of such canaries that pass at some look.
        stopped_percent: Share that fails at some look.
        undecided_percent: Share of which the last look decides nothing.
        items_mean: Items asked until the decision, or until the last look.
        runs: Simulated gates.
    """

    promoted_percent: float
    stopped_percent: float
    undecided_percent: float
    items_mean: float
    runs: int


@dataclass(frozen=True)
class Quality:
    """A canary as it truly is.

    Attributes:
        difference: Of the shares of correct items, canary less stable, -1 to 1.
        discordance: Share of the items on which the two disagree, from the size of `difference`
            to 1. Two runs of one model disagree too, since batching changes answers.

    Raises:
        ValueError: A number is out of its range.
    """

    difference: float
    discordance: float

    def __post_init__(self) -> None:
        if not abs(self.difference) <= self.discordance <= 1:
            raise ValueError(
                f"a difference of {self.difference} at a discordance of {self.discordance}"
            )

    @property
    def lost_of_discordant(self) -> float:
        """Of the items on which the two disagree, the share that stable has correct; 0 for none."""
        if self.discordance == 0:
            return 0.0
        return (1 - self.difference / self.discordance) / 2


def gate_power(
    quality: Quality,
    looks: Looks,
    rules: EvaluationRules,
    *,
    runs: int = 1000,
    seed: int = 1,
) -> GatePower:
    """Forecast what a gate decides on a canary, by simulation of the real test.

    Items are independent, and all are answered. With 1,000 runs a share is known to within 3 points
    at the most, 19 times in 20.

    Args:
        quality: Of the canary.
        looks: As declared.
        rules: Margin and errors.
        runs: Gates to simulate, from 1.
        seed: The same seed gives the same forecast.
    """
    source = Random(seed)  # noqa: S311 - simulated items, no secret
    steps = [_Step(Look(number, looks, rules)) for number in range(1, looks.last + 1)]
    ends = [_run(source, quality, steps) for _ in range(runs)]
    verdicts = [verdict for verdict, _ in ends]

    def percent(verdict: Verdict) -> float:
        return 100 * verdicts.count(verdict) / runs

    return GatePower(
        promoted_percent=percent(Verdict.PASSED),
        stopped_percent=percent(Verdict.FAILED),
        undecided_percent=percent(Verdict.INCONCLUSIVE),
        items_mean=math.fsum(items for _, items in ends) / runs,
        runs=runs,
    )


class _Step:
    """A look with its limits worked out once, for many runs."""

    def __init__(self, look: Look) -> None:
        self.items = look.items
        self._margin = look.rules.margin
        self._pass_z = look.pass_z
        self._fail_z = look.fail_z

    def verdict(self, gained: int, lost: int) -> Verdict:
        """What `judge_paired` says, without its bounds."""
        if score(gained, lost, self.items, -self._margin) > self._pass_z:
            return Verdict.PASSED
        if score(gained, lost, self.items, 0.0) < -self._fail_z:
            return Verdict.FAILED
        return Verdict.INCONCLUSIVE


def _run(source: Random, quality: Quality, steps: list[_Step]) -> tuple[Verdict, int]:
    """The verdict of one gate, and the items that it took."""
    gained = lost = asked = 0
    for step in steps:
        disagree = binomial(source, step.items - asked, quality.discordance)
        against = binomial(source, disagree, quality.lost_of_discordant)
        gained, lost, asked = gained + disagree - against, lost + against, step.items
        verdict = step.verdict(gained, lost)
        if verdict is not Verdict.INCONCLUSIVE:
            return verdict, asked
    return Verdict.INCONCLUSIVE, asked
