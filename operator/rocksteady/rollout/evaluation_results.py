"""What is kept of suites that revisions were asked, and which items changed sides between two."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rocksteady.analysis.item_results import ItemResult, unpack
from rocksteady.analysis.paired import Changed, changed
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord, LLMRollout
from rocksteady.rollout.evaluated import Asked
from rocksteady.rollout.evaluating import asked_of
from rocksteady.rollout.evaluation_runs import Run, Runs

_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class SuiteResult:
    """What a revision was asked of one content of a suite.

    Attributes:
        suite: Name of the suite; empty: its content is kept no more.
        content: First 10 digits of the content's hash.
        revision: Hash of the revision.
        asked: What it came to.
        trouble: Why nothing can be said of it, a sentence without a full stop; empty: it can.
        request: Key of the request by which a person asked for it; empty: a gate or a schedule did.
    """

    suite: str
    content: str
    revision: str
    asked: Asked
    trouble: str = ""
    request: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two revisions on the same items.

    Attributes:
        compared: How many items both answered.
        items: How many items both were asked.
        changed: Which of them changed sides, by their places, from 0.
        unanswered_before: Items that the first did not answer.
        unanswered_after: Items that the second did not answer.
        unasked: How many items only one of them was asked.
    """

    compared: int
    items: int
    changed: Changed
    unanswered_before: int
    unanswered_after: int
    unasked: int


def results_of(runs: Runs, suites: Mapping[str, str]) -> tuple[SuiteResult, ...]:
    """All results by suite, the newest first.

    Args:
        runs: With results that are kept.
        suites: Names of suites by the first 10 digits of the hashes of their contents.
    """
    known = [run for run, seen in runs.items() if seen.result is not None or seen.trouble]
    firsts = {replace(run, part=1) for run in known}
    found = [_result(first, runs, suites) for first in firsts]
    found.sort(key=lambda one: (one.asked.completed_at or _LONG_AGO, one.revision), reverse=True)
    return tuple(sorted(found, key=lambda one: one.suite))


def _result(first: Run, runs: Runs, suites: Mapping[str, str]) -> SuiteResult:
    suite = suites.get(first.content, "")
    parts = [seen for run, seen in runs.items() if replace(run, part=1) == first]
    trouble = next((seen.trouble.message for seen in parts if seen.trouble), "").rstrip(".")
    try:
        asked = asked_of(first, runs)
    except ValueError as error:
        asked, trouble = Asked(), str(error)
    return SuiteResult(suite, first.content, first.revision, asked, trouble, first.request)


def shared_content(
    results: Iterable[SuiteResult], suite: str, revisions: Sequence[str], preferred: str | None
) -> str | None:
    """The content of a suite of which all these revisions have results; None: there is none.

    Args:
        results: The newest first.
        suite: Its name.
        revisions: Their hashes.
        preferred: Is taken if there are results of it; None: the newest is.
    """
    asked: dict[str, set[str]] = {}
    for one in results:
        if one.suite == suite and one.asked.results and not one.request:
            asked.setdefault(one.content, set()).add(one.revision)
    shared = [content for content, has in asked.items() if has >= set(revisions)]
    return preferred if preferred in shared else next(iter(shared), None)


def check_same_items(runs: Runs, content: str, revisions: Iterable[str]) -> None:
    """Only answers to the same items are compared.

    Raises:
        ValueError: The runners read other items, as behind a name that is not pinned.
    """
    first = (runs.get(Run(revision, content, 1)) for revision in revisions)
    digests = {seen.result.items_digest for seen in first if seen and seen.result} - {None}
    if len(digests) > 1:
        raise ValueError("the items changed between the runs of the two revisions: pin them")


def recorded_results(attempts: Iterable[LLMRollout]) -> tuple[SuiteResult, ...]:
    """What attempts recorded of their suites, by suite, the newest first.

    What answers took is not in a record, nor what no attempt waited for.
    """
    found: dict[tuple[str, str], SuiteResult] = {}
    for attempt in sorted(attempts, key=lambda one: one.spec.attempt, reverse=True):
        contents = {test.suite: test.content for test in attempt.spec.evaluations}
        for record in attempt.status.evaluations:
            sides = (
                (attempt.spec.canary.hash, record.canary),
                (attempt.spec.stable.hash, record.stable),
            )
            for revision, packed in sides:
                place, content = (revision, record.suite), contents.get(record.suite, "")
                if packed and content and place not in found:
                    found[place] = _of_record(record, content, revision, packed)
    return tuple(sorted(found.values(), key=lambda one: one.suite))


def _of_record(record: EvaluationRecord, content: str, revision: str, packed: str) -> SuiteResult:
    try:
        asked = Asked(unpack(packed), completed_at=record.completed_at)
    except ValueError as error:
        return SuiteResult(record.suite, content, revision, Asked(), f"its record: {error}")
    return SuiteResult(record.suite, content, revision, asked)


def recorded(
    attempt: LLMRollout, suite: str, before: str, after: str
) -> tuple[str, Asked, Asked] | None:
    """What an attempt recorded of a suite: content, and what both were asked.

    Returns:
        None when it is not about these two revisions, or has no results of both.
    """
    spec = attempt.spec
    if (spec.stable.hash, spec.canary.hash) != (before, after):
        return None
    test = next((one for one in spec.evaluations if one.suite == suite), None)
    record = next((one for one in attempt.status.evaluations if one.suite == suite), None)
    if test is None or record is None or not record.stable or not record.canary:
        return None
    try:
        return test.content, Asked(unpack(record.stable)), Asked(unpack(record.canary))
    except ValueError:
        return None


def compare(before: Asked, after: Asked) -> Comparison:
    """Compare what two revisions were asked, as far as both were."""
    items = min(len(before.results), len(after.results))
    first, second = before.results[:items], after.results[:items]
    silent = ItemResult.UNANSWERED
    both = sum(silent not in sides for sides in zip(first, second, strict=True))
    return Comparison(
        compared=both,
        items=items,
        changed=changed(second, first),
        unanswered_before=first.count(silent),
        unanswered_after=second.count(silent),
        unasked=abs(len(before.results) - len(after.results)),
    )
