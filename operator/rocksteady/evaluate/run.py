"""Ask the items of an assignment, some at a time, until all are asked or its time is over."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rocksteady import __version__
from rocksteady.analysis.item_results import ItemResult, pack
from rocksteady.api.run_result import Amounts, RunOutcome, RunResult
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate import EvaluationError, UnavailableError
from rocksteady.evaluate.artifacts import Artifacts
from rocksteady.evaluate.assignment import Assignment
from rocksteady.evaluate.chat import Client, Endpoint, Patience, open_session
from rocksteady.evaluate.judges import Judges
from rocksteady.evaluate.replies import PASSING, Reply, Silence
from rocksteady.evaluate.samples import Examiner, Sample
from rocksteady.evaluate.verdicts import item_result

RUNNER: Final = f"rocksteady {__version__}"
HOPELESS_ITEMS: Final = 20
"""So many items without any answer, and with nothing but trouble that may pass: the server is away,
and thousands more would find the same."""
REPORT_SECONDS: Final = 10.0
_REASONS_LENGTH: Final = 200
"""The results of 10,000 items leave no room for more."""
_UNJUDGED: Final = "answer not judged"
_EMPTY: Final = "empty answer"

Say = Callable[[str], None]


@dataclass
class Progress:
    """What is known so far of the items that are asked.

    Attributes:
        results: In their order; what was not asked yet is unanswered.
        finished: How many were asked.
        output_tokens: Of each answered item that it is known of.
        seconds: Of each answered item.
        silences: Why items have no result, and how many.
    """

    results: list[ItemResult]
    finished: int = 0
    output_tokens: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    silences: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """How many items have a result."""
        return len(self.results) - self.results.count(ItemResult.UNANSWERED)

    def take(self, place: int, result: ItemResult, samples: Sequence[Sample]) -> None:
        """Take note of an item that was asked."""
        self.results[place] = result
        self.finished += 1
        if result is ItemResult.UNANSWERED:
            self.silences[_reason(samples)] += 1
            return
        replies = [sample.reply for sample in samples if isinstance(sample.reply, Reply)]
        tokens = [reply.output_tokens for reply in replies if reply.output_tokens is not None]
        # A mean over samples, so that each item counts once.
        if tokens:
            self.output_tokens.append(sum(tokens) / len(tokens))
        if replies:
            self.seconds.append(sum(reply.seconds for reply in replies) / len(replies))


async def run(assignment: Assignment, say: Say) -> RunResult:
    """Ask and judge the items.

    Args:
        assignment: What to do.
        say: Says one line of progress: numbers, and ids where the suite reveals them.

    Raises:
        EvaluationError: Nothing can be said of the model; UnavailableError when another try may
            help.
    """
    progress = Progress([ItemResult.UNANSWERED] * len(assignment.asked))
    late = await _ask_in_time(assignment, progress, say)
    say(_summary(assignment, progress))
    if not progress.answered:
        raise _nothing(progress, late=late)
    return completed(assignment, progress, late=late)


def completed(assignment: Assignment, progress: Progress, *, late: bool) -> RunResult:
    """The result of a run that has something to tell.

    Args:
        assignment: What was to be done.
        progress: What came of it.
        late: The time was over before the last item.
    """
    return RunResult(
        outcome=RunOutcome.COMPLETED,
        message=_why_unanswered(progress, late=late),
        first_item=assignment.first_item,
        results=pack(progress.results),
        items_digest=assignment.digest,
        items_total=len(assignment.items),
        output_tokens=_amounts(progress.output_tokens),
        seconds=_amounts(progress.seconds),
        runner=RUNNER,
    )


async def _ask_in_time(assignment: Assignment, progress: Progress, say: Say) -> bool:
    """Ask the items; true when the time was over before the last."""
    try:
        async with asyncio.timeout(assignment.deadline_seconds):
            await _ask_all(assignment, progress, say)
    except TimeoutError:
        return True
    return False


async def _ask_all(assignment: Assignment, progress: Progress, say: Say) -> None:
    limits = assignment.spec.limits
    patience = Patience(limits.item_timeout_seconds, limits.retries, assignment.seed)
    async with open_session(limits.concurrency) as session:

        def client(endpoint: Endpoint) -> Client:
            return Client(session, endpoint, patience)

        judge, embedder = assignment.judge, assignment.embedder
        judges = Judges(
            client(judge) if judge else None,
            client(embedder) if embedder else None,
            assignment.seed,
        )
        examiner = Examiner(
            model=client(assignment.model),
            judges=judges,
            kind=assignment.spec.kind,
            sampling=assignment.spec.sampling,
            seed=assignment.seed,
        )
        with Artifacts(assignment.artifacts) as artifacts:
            await _work(assignment, examiner, progress, artifacts, say)


async def _work(
    assignment: Assignment,
    examiner: Examiner,
    progress: Progress,
    artifacts: Artifacts,
    say: Say,
) -> None:
    """As many workers as requests may run at once take the items in turn."""
    places = iter(range(len(assignment.asked)))

    async def worker() -> None:
        for place in places:
            item = assignment.asked[place]
            samples = [
                await examiner.examine(item, number)
                for number in range(assignment.spec.sampling.samples_per_item)
            ]
            result = item_result(assignment.spec.kind, [sample.result for sample in samples])
            progress.take(place, result, samples)
            artifacts.write(item, result, samples)
            _check_hope(progress)

    workers = [asyncio.create_task(worker()) for _ in range(assignment.spec.limits.concurrency)]
    reporter = asyncio.create_task(_report(progress, say))
    try:
        await asyncio.gather(*workers)
    finally:
        for task in (*workers, reporter):
            task.cancel()
        await asyncio.gather(*workers, reporter, return_exceptions=True)


async def _report(progress: Progress, say: Say) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        say(f"{progress.finished} of {len(progress.results)} items, {progress.answered} answered")


def _check_hope(progress: Progress) -> None:
    """Stop while nobody answers at all.

    Raises:
        UnavailableError: So many items met only trouble that may pass.
    """
    if progress.finished == HOPELESS_ITEMS and not progress.answered and _may_pass(progress):
        raise _nothing(progress, late=False)


def _may_pass(progress: Progress) -> bool:
    return set(progress.silences) <= {*PASSING, Silence.TIMEOUT}


def _nothing(progress: Progress, *, late: bool) -> EvaluationError:
    """The error of a run in which no item was answered."""
    reasons = _why_unanswered(progress, late=late)
    message = f"no item was answered: {reasons}"
    passing = bool(progress.silences) and _may_pass(progress) and not late
    return UnavailableError(message) if passing else EvaluationError(message)


def _why_unanswered(progress: Progress, *, late: bool) -> str:
    parts = [f"{count} {reason}" for reason, count in progress.silences.most_common()]
    unasked = len(progress.results) - progress.finished
    if unasked and late:
        parts.append(f"{unasked} time for the run over")
    return ", ".join(parts)[:_REASONS_LENGTH]


def _reason(samples: Sequence[Sample]) -> str:
    silences = [sample.reply.value for sample in samples if isinstance(sample.reply, Silence)]
    if silences:
        return silences[0]
    empty = all(isinstance(one.reply, Reply) and not one.reply.text.strip() for one in samples)
    return _EMPTY if empty else _UNJUDGED


def _summary(assignment: Assignment, progress: Progress) -> str:
    counts = Counter(progress.results)
    said = ", ".join(f"{counts[result]} {result.value.lower()}" for result in ItemResult)
    shown = assignment.spec.reveal
    ids = list(_ids(assignment.asked, progress.results)) if shown else []
    return f"{len(progress.results)} items: {said}" + (f"; {' '.join(ids)}" if ids else "")


def _ids(items: Sequence[Item], results: Sequence[ItemResult]) -> Iterator[str]:
    for item, result in zip(items, results, strict=True):
        if result is not ItemResult.CORRECT:
            yield f"{item.id}={result.value.lower()}"


def _amounts(values: Sequence[float]) -> Amounts:
    total, squares = sum(values), sum(value * value for value in values)
    return Amounts(count=len(values), sum=_rounded(total), sum_of_squares=_rounded(squares))


def _rounded(value: float) -> float:
    """Ten digits are more than is measured, and leave room in the message."""
    return float(f"{value:.10g}")
