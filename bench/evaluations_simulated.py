"""What the evaluation gate decides, and how many items it needs: exact where it can be, simulated.

    python -m bench.evaluations_simulated --runs 1000

The rules are the default ones: margin of 2 points, 5 % of wrong passes, 1 % of wrong failures,
Tango's interval. With several looks the errors are split over them.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from rocksteady.analysis.evaluation_power import GatePower, Quality, gate_power
from rocksteady.analysis.evaluation_rules import EvaluationRules, Look
from rocksteady.analysis.looks import Looks, evenly
from rocksteady.analysis.paired import score

RULES: Final = EvaluationRules()
ITEMS: Final = 1550
DISCORDANCES: Final = (0.05, 0.10, 0.20)
DROPS: Final = (0.01, 0.02, 0.03, 0.05)
PUBLISHED: Final = {
    0.05: (3089, 771, 341, 122),
    0.10: (6180, 1544, 685, 245),
    0.20: (12363, 3089, 1372, 493),
}
"""Items for a power of 80 % by the normal approximation, with Wald's interval and one look."""
POWER_PERCENT: Final = 80.0

Decides = Callable[[int, int], bool]
"""Whether numbers of gained and lost items decide."""


def passing(items: int, rules: EvaluationRules) -> Decides:
    """Tell what passes at a single look at so many items."""
    look = Look(1, Looks((items,)), rules)
    limit, margin = look.pass_z, rules.margin
    return lambda gained, lost: score(gained, lost, items, -margin) > limit


def failing(items: int, rules: EvaluationRules) -> Decides:
    """Tell what is worse than stable beyond chance, at a single look at so many items."""
    limit = Look(1, Looks((items,)), rules).fail_z
    return lambda gained, lost: score(gained, lost, items, 0.0) < -limit


def exact_percent(quality: Quality, items: int, passes: Decides) -> float:
    """Probability of results that pass, in percent: summed over all of them, not drawn.

    Of items on which the two disagree, fewer lost ones always pass if more do.
    """
    total = 0.0
    for disagree, likely in _likely(items, quality.discordance):
        most = _most_lost(disagree, passes)
        total += likely * math.fsum(
            also for lost, also in _likely(disagree, quality.lost_of_discordant) if lost <= most
        )
    return 100 * total


def _most_lost(disagree: int, passes: Decides) -> int:
    """The most lost items of those on which the two disagree that still pass; -1: not even 0."""
    few, many = -1, disagree + 1
    while many - few > 1:
        middle = (few + many) // 2
        if passes(disagree - middle, middle):
            few = middle
        else:
            many = middle
    return few


def _likely(items: int, share: float) -> Iterator[tuple[int, float]]:
    """Numbers of items and their binomial probabilities, but for tails of under 1e-14."""
    if share <= 0 or share >= 1 or items == 0:
        yield (items if share >= 1 else 0), 1.0
        return
    reach = 8 * math.sqrt(items * share * (1 - share)) + 8
    first, last = math.floor(items * share - reach), math.ceil(items * share + reach)
    for number in range(max(0, first), min(items, last) + 1):
        ways = math.lgamma(items + 1) - math.lgamma(number + 1) - math.lgamma(items - number + 1)
        yield (
            number,
            math.exp(ways + number * math.log(share) + (items - number) * math.log1p(-share)),
        )


def failed_percent(quality: Quality, items: int, rules: EvaluationRules) -> float:
    """Probability to fail at a single look, in percent; what passes too does not fail."""
    passes, fails = passing(items, rules), failing(items, rules)
    return 100 - exact_percent(
        quality, items, lambda gained, lost: passes(gained, lost) or not fails(gained, lost)
    )


def passed_percent(quality: Quality, items: int, rules: EvaluationRules) -> float:
    """Probability to pass at a single look, in percent."""
    return exact_percent(quality, items, passing(items, rules))


def items_for_power(power_percent: Callable[[int], float], start: int) -> int:
    """About the fewest items with a power of 80 %: power saws, so that a few less may do as well.

    Args:
        power_percent: By number of items.
        start: A number that is near.
    """
    few, many = start // 2, 2 * start
    while many - few > max(1, start // 500):
        middle = (few + many) // 2
        if power_percent(middle) < POWER_PERCENT:
            few = middle
        else:
            many = middle
    return many


def items_to_pass(discordance: float, margin: float, start: int) -> int:
    """Items with which a canary as good as stable passes in 80 % of the gates, in one look."""
    rules, quality = replace(RULES, margin=margin), Quality(0.0, discordance)
    return items_for_power(lambda items: passed_percent(quality, items, rules), start)


def items_to_detect(discordance: float, drop: float, start: int) -> int:
    """Items with which a drop is seen in 80 % of the gates, in one look that errs in 5 %."""
    rules, quality = replace(RULES, fail_error=0.05), Quality(-drop, discordance)

    def power(items: int) -> float:
        fails = failing(items, rules)
        return 100 - exact_percent(quality, items, lambda gained, lost: not fails(gained, lost))

    return items_for_power(power, start)


def items_to_pass_in_looks(discordance: float, margin: float, start: int, runs: int) -> int:
    """The same as `items_to_pass` with three looks; simulated, so to within about 5 %."""
    rules, quality = replace(RULES, margin=margin), Quality(0.0, discordance)
    return items_for_power(
        lambda items: gate_power(quality, evenly(items), rules, runs=runs).promoted_percent, start
    )


def print_items(runs: int) -> None:
    """The table of items, with what was published for Wald's interval."""
    print(f"Items for a power of {POWER_PERCENT:g} %, one-sided 5 %, by points of drop or margin")
    print("| disagree | | 1 | 2 | 3 | 5 |\n|---|---|---|---|---|---|")
    for discordance, published in PUBLISHED.items():
        cells = list(zip(DROPS, published, strict=True))
        rows = {
            "published, Wald": [items for _, items in cells],
            "drop is seen, one look": [items_to_detect(discordance, *cell) for cell in cells],
            "equal passes, one look": [items_to_pass(discordance, *cell) for cell in cells],
            "equal passes, three looks": [
                items_to_pass_in_looks(discordance, *cell, runs) for cell in cells
            ],
        }
        for name, numbers in rows.items():
            row = " | ".join(f"{number}" for number in numbers)
            print(f"| {100 * discordance:g} % | {name} | {row} |", flush=True)


def print_decisions(runs: int, seed: int) -> None:
    """What is decided on canaries that are so many points worse."""
    print(f"\nDecisions at {ITEMS} items of which 10 % disagree, in % of gates")
    print(
        "| points worse | passed, failed: one look | three looks | items, mean |\n|---|---|---|---|"
    )
    for drop in (0.0, *DROPS):
        quality = Quality(-drop, 0.10)
        one = (passed_percent(quality, ITEMS, RULES), failed_percent(quality, ITEMS, RULES))
        three = gate_power(quality, evenly(ITEMS), RULES, runs=runs, seed=seed)
        print(
            f"| {100 * drop:g} | {one[0]:.2f}, {one[1]:.2f} | {three.promoted_percent:.2f},"
            f" {three.stopped_percent:.2f} | {three.items_mean:.0f} |",
            flush=True,
        )


def print_errors() -> None:
    """How often a single look is wrong, at its worst over how many items disagree."""
    print("\nLargest error of a single look over 2 to 40 % that disagree, exact, in %")
    print("| items | passes 2 points worse (5) | fails an equal one (1) |\n|---|---|---|")
    discordances = (0.02, 0.025, 0.03, 0.05, 0.1, 0.2, 0.4)
    for items in (133, 200, 517, 1034, 1550, 3100):
        passed = max(passed_percent(Quality(-0.02, psi), items, RULES) for psi in discordances)
        failed = max(failed_percent(Quality(0.0, psi), items, RULES) for psi in discordances)
        print(f"| {items} | {passed:.2f} | {failed:.2f} |", flush=True)


def identical(runs: int, seed: int) -> GatePower:
    """Gates of a canary that is stable's own model under a new name; answers differ by chance."""
    return gate_power(Quality(0.0, 0.10), evenly(ITEMS), RULES, runs=runs, seed=seed)


def worse(runs: int, seed: int) -> GatePower:
    """Gates of a canary that is 5 points worse."""
    return gate_power(Quality(-0.05, 0.10), evenly(ITEMS), RULES, runs=runs, seed=seed)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="gates of each kind")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    same, bad = identical(asked.runs, asked.seed), worse(asked.runs, asked.seed)
    print(f"{asked.runs} gates of {ITEMS} items in three looks, 10 % disagree:")
    print(f"identical model: {same.stopped_percent:g} % failed, {same.promoted_percent:g} % passed")
    print(f"5 points worse: {bad.promoted_percent:g} % passed, {bad.stopped_percent:g} % failed\n")
    print_decisions(asked.runs, asked.seed)
    print_errors()
    print()
    print_items(max(asked.runs, 4000))


if __name__ == "__main__":
    main()
