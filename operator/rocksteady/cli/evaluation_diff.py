"""What `eval diff` shows: the items that changed sides, and what cannot be shown and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from rocksteady.api.v1alpha1.items import Item
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.cli.evaluation_results import KeptResults
from rocksteady.cli.screen import harmless
from rocksteady.rollout.evaluated import Asked
from rocksteady.rollout.evaluation_results import (
    Comparison,
    check_same_items,
    compare,
    recorded,
    shared_content,
)

_PROMPT_SHOWN: Final = 200
"""Characters of a prompt that are shown; -o json has all of it."""


@dataclass(frozen=True)
class Wanted:
    """What is to be compared.

    Attributes:
        suite: Name of the suite.
        before: Revision, as it was given; None: stable of the newest attempt.
        after: Revision, as it was given; None: canary of the newest attempt.
    """

    suite: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Difference:
    """Two revisions on one suite.

    Attributes:
        suite: Name of the suite.
        content: First 10 digits of the content's hash.
        before: The first revision, as people read it.
        after: The second.
        comparison: What changed, by place.
        items: Of the content, in their order; None: they are not kept.
        reveals: True when prompts may be shown.
        lacking: What is not shown and why, a sentence each.
    """

    suite: str
    content: str
    before: str
    after: str
    comparison: Comparison
    items: tuple[Item, ...] | None
    reveals: bool
    lacking: tuple[str, ...]


def difference_of(found: KeptResults, wanted: Wanted) -> Difference:
    """Compare two revisions by what is kept, or by what the newest attempt recorded.

    Raises:
        ClickException: There is nothing to compare; the message says why.
    """
    newest = max(found.subject.attempts.values(), key=lambda one: one.spec.attempt, default=None)
    before, after = _revisions(found, wanted, newest)
    content, first, second = _asked(found, wanted.suite, (before, after), newest)
    items = found.items(content)
    comparison = compare(first, second)
    reveals = found.reveals(content)
    labels = (found.label(before), found.label(after))
    return Difference(
        suite=wanted.suite,
        content=content,
        before=labels[0],
        after=labels[1],
        comparison=comparison,
        items=items,
        reveals=reveals,
        lacking=tuple(_lacking(found, content, comparison, labels)),
    )


def _revisions(found: KeptResults, wanted: Wanted, newest: LLMRollout | None) -> tuple[str, str]:
    """Hashes of the two revisions."""
    stable = newest.spec.stable.hash if newest else None
    canary = newest.spec.canary.hash if newest else None
    before = found.revision(wanted.before) if wanted.before else stable
    after = found.revision(wanted.after) if wanted.after else canary
    if before is None or after is None:
        raise click.ClickException(
            f"llmdeployment {found.subject.name} has no rollout that can be read: say which"
            " revisions with --from and --to"
        )
    if before == after:
        raise click.ClickException(f"--from and --to are the same revision, {found.label(before)}")
    return before, after


def _asked(
    found: KeptResults, suite: str, revisions: tuple[str, str], newest: LLMRollout | None
) -> tuple[str, Asked, Asked]:
    """Which content is compared, and what both came to on it."""
    tests = newest.spec.evaluations if newest else ()
    judged = next((test.content for test in tests if test.suite == suite), None)
    content = shared_content(found.results, suite, revisions, judged)
    if content is None:
        record = recorded(newest, suite, *revisions) if newest else None
        if record is None:
            raise click.ClickException(_nothing(found, suite, revisions))
        return record
    try:
        check_same_items(found.kept.runs, content, revisions)
    except ValueError as error:
        raise click.ClickException(f"{suite}: {error}") from error
    asked = {one.revision: one.asked for one in found.results if one.content == content}
    return content, asked[revisions[0]], asked[revisions[1]]


def _nothing(found: KeptResults, suite: str, revisions: Sequence[str]) -> str:
    """Why there is nothing to compare."""
    of_suite = [one for one in found.results if one.suite == suite and one.asked.results]
    if not of_suite:
        named = sorted({one.suite for one in found.results if one.suite})
        others = f"; there are results of {', '.join(named)}" if named else ""
        return f"no results of suite {suite} are kept{others}"
    has = {one.revision for one in of_suite}
    missing = [found.label(revision) for revision in revisions if revision not in has]
    if missing:
        return f"no results of suite {suite} on {' and '.join(missing)} are kept"
    return (
        f"suite {suite} changed between the two: they were asked different contents, and results of"
        " different contents cannot be compared"
    )


def _lacking(
    found: KeptResults, content: str, comparison: Comparison, labels: tuple[str, str]
) -> Iterator[str]:
    """What is not shown, and why."""
    kept = found.kept.contents.get(content)
    silent = (comparison.unanswered_before, comparison.unanswered_after)
    for label, count in zip(labels, silent, strict=True):
        if count:
            yield f"{label} did not answer {count} of the items: these are not compared."
    if comparison.unasked:
        yield (
            f"{comparison.unasked} more items were asked of one of the two only: a look before"
            " the last decided."
        )
    if kept is None:
        gone = "The content of the suite is kept no more: items are named by their place, from 0."
        yield found.unread or gone
        return
    if not kept.has_items:
        yield "Only the runner knows the items: they are named by their place, from 0."
    elif not found.reveals(content):
        yield "Prompts are not shown: the suite does not say reveal: true."
    claim = kept.spec.artifacts.claim_name if kept.spec.artifacts else None
    where = f"they are in PersistentVolumeClaim {claim}" if claim else "the suite has no artifacts"
    yield f"Answers are in no result: {where}."


# --- text


def print_difference(difference: Difference) -> None:
    """Print it for people."""
    compared, changed = difference.comparison.compared, difference.comparison.changed
    click.echo(
        f"{difference.suite} ({difference.content}), from {difference.before} to"
        f" {difference.after}: {compared} items compared"
    )
    for word, places, right in (
        ("lost", changed.lost, difference.before),
        ("gained", changed.gained, difference.after),
    ):
        click.echo(f"{word}: {len(places)}" + (f", correct on {right} only" if places else ""))
        for place in places:
            click.echo(f"  {_line(difference, place)}")
    for sentence in difference.lacking:
        click.echo(sentence)


def _line(difference: Difference, place: int) -> str:
    item = _item(difference, place)
    if item is None:
        return f"#{place}"
    if not difference.reveals:
        return item.id
    said = harmless(_prompt(item))
    cut = f"{said[:_PROMPT_SHOWN]}..." if len(said) > _PROMPT_SHOWN else said
    return f"{item.id}  {cut}"


def _item(difference: Difference, place: int) -> Item | None:
    items = difference.items
    return items[place] if items is not None and place < len(items) else None


def _prompt(item: Item) -> str:
    if item.prompt is not None:
        return item.prompt
    return "\n".join(f"{one.role.value}: {one.content}" for one in item.messages or ())


def data_of(difference: Difference) -> dict[str, Any]:
    """For programs."""
    comparison = difference.comparison
    return {
        "suite": difference.suite,
        "content": difference.content,
        "from": difference.before,
        "to": difference.after,
        "compared": comparison.compared,
        "lost": [_data(difference, place) for place in comparison.changed.lost],
        "gained": [_data(difference, place) for place in comparison.changed.gained],
        "unansweredFrom": comparison.unanswered_before,
        "unansweredTo": comparison.unanswered_after,
        "lacking": list(difference.lacking),
    }


def _data(difference: Difference, place: int) -> dict[str, Any]:
    item = _item(difference, place)
    found: dict[str, Any] = {"place": place}
    if item is not None:
        found["id"] = item.id
        if difference.reveals:
            found["prompt"] = _prompt(item)
    return found
