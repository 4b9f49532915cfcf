"""What `status` shows: a rollout on one screen, also on one of 80 columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rocksteady import conventions
from rocksteady.analysis.verdict import HOLD_EVIDENCE, Verdict
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord, LLMRollout, Outcome, Phase
from rocksteady.api.v1alpha1.status import (
    Condition,
    ConditionStatus,
    RevisionStatus,
    RolloutStatus,
    SignalStatus,
)
from rocksteady.cli.screen import Glyphs, evidence_bar, share_bar
from rocksteady.cli.subject import Subject
from rocksteady.cli.wording import moment_of, number_of, score_of, since

DECISIONS_SHOWN: Final = 5
_BAR_CELLS: Final = 24
_SHARE_CELLS: Final = 12
_INDENT: Final = 2
_GOOD_WHEN_FALSE: Final = frozenset(
    {conventions.RECONCILING, conventions.STALLED, conventions.ROLLED_BACK}
)
_VERDICT_STYLES: Final = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.ERROR: "magenta",
}
_ACTION_STYLES: Final = {
    "RollBack": "bold red",
    "Abort": "bold red",
    "TakeAway": "red",
    "Suspend": "red",
    "Hold": "yellow",
    "Promote": "bold green",
    "Advance": "green",
    "Bake": "green",
}
_OUTCOME_STYLES: Final = {
    Outcome.PROMOTED.value: "bold green",
    Outcome.ROLLED_BACK.value: "bold red",
    Outcome.ABORTED.value: "bold red",
}


@dataclass(frozen=True)
class Frame:
    """What a picture is drawn with.

    Attributes:
        now: The time.
        glyphs: Characters of bars and marks.
    """

    now: datetime
    glyphs: Glyphs


def view(subject: Subject, frame: Frame) -> RenderableType:
    """The whole picture."""
    return Group(*_parts(subject, frame))


def _parts(subject: Subject, frame: Frame) -> Iterator[RenderableType]:
    yield _title(subject, frame)
    if subject.is_behind:
        yield Text("The operator has not reported on the present spec yet.", style="yellow")
    yield _revisions(subject, frame)
    rollout = subject.status.rollout
    if rollout is not None:
        yield from _waiting(subject, rollout, frame)
        if rollout.signals:
            yield _heading("Signals", "evidence of harm on a log scale, from 1 to its threshold")
            yield from (_signal(one, frame) for one in rollout.signals)
    yield from _evaluations(subject)
    if subject.status.refused:
        yield _heading("Refused", "not tried again until changed or released")
        yield _refused(subject, frame)
    if subject.status.conditions:
        yield _heading("Conditions", "")
        yield _conditions(subject, frame)
    if subject.status.decisions:
        yield _heading("Decisions", "the last ones, newest first, in UTC")
        yield _decisions(subject, frame)


def _title(subject: Subject, frame: Frame) -> Text:
    title = Text()
    title.append(f"{subject.namespace}/{subject.name}", style="bold")
    rollout = subject.status.rollout
    if rollout is None:
        return title.append("  nothing has rolled out yet")
    title.append(f"  {rollout.name}  ")
    if rollout.outcome:
        title.append(rollout.outcome, style=_OUTCOME_STYLES.get(rollout.outcome, ""))
        _, attempt = subject.current or ("", None)
        if attempt is not None and attempt.status.finished_at is not None:
            ago = since(attempt.status.finished_at, frame.now)
            title.append(f" {ago} ago ({attempt.status.outcome_reason})")
        return title
    title.append(rollout.phase, style="bold cyan")
    if rollout.phase == Phase.STEPPING:
        title.append(f", step {rollout.step} of {rollout.steps}")
    return title.append(f" for {since(rollout.since, frame.now)}")


def _revisions(subject: Subject, frame: Frame) -> Table:
    table = _grid()
    found = subject.status.revisions
    for role, revision in (("stable", found.stable), ("canary", found.canary)):
        if revision is not None:
            table.add_row(*_revision(role, revision, frame))
    if found.stable is None:
        table.add_row("stable", Text("none yet", style="yellow"))
    return table


def _revision(role: str, revision: RevisionStatus, frame: Frame) -> Iterator[RenderableType]:
    ready = f"{revision.ready_replicas}/{revision.replicas} ready"
    whole = revision.ready_replicas >= revision.replicas
    yield Text(role, style="bold")
    yield f"r{revision.number} ({revision.hash})"
    yield Text(ready, style="" if whole else "yellow")
    if revision.weight_percent is not None:
        yield share_bar(frame.glyphs, revision.weight_percent, cells=_SHARE_CELLS)
        observed = revision.observed_percent
        got = "" if observed is None else f", gets {observed} %"
        yield f"wanted {revision.weight_percent} %{got}"


def _waiting(subject: Subject, rollout: RolloutStatus, frame: Frame) -> Iterator[RenderableType]:
    """What it waits for and since when."""
    if not rollout.waiting_for:
        return
    _, attempt = subject.current or ("", None)
    reason, moment = _since(attempt, rollout)
    title = f"{reason}, " if reason else ""
    yield _heading("Waits", f"{title}for {since(moment, frame.now)}")
    style = "yellow" if reason else ""
    yield _indented(Text(rollout.waiting_for, style=style))


def _since(attempt: LLMRollout | None, rollout: RolloutStatus) -> tuple[str, datetime | None]:
    """Why it does not go on, if it does not, and since when it waits."""
    if attempt is not None and attempt.status.hold is not None:
        return attempt.status.hold.reason, attempt.status.hold.since
    return "", rollout.since


def _signal(signal: SignalStatus, frame: Frame) -> RenderableType:
    evidence, threshold = number_of(signal.evidence), number_of(signal.threshold)
    style = _style_of(signal.verdict)
    line = Table.grid(padding=(0, 2))
    line.add_column(width=_NAME_WIDTH)
    line.add_row(
        signal.signal,
        Text(_bar(frame, evidence, threshold), style=style),
        f"{signal.evidence} of {signal.threshold}",
        Text(signal.verdict, style=style),
    )
    return Group(_indented(line), _indented(Text(f"{signal.message}.", style="dim"), 2 * _INDENT))


def _bar(frame: Frame, evidence: float, threshold: float) -> str:
    return evidence_bar(frame.glyphs, evidence, threshold, HOLD_EVIDENCE, cells=_BAR_CELLS)


def _evaluations(subject: Subject) -> Iterator[RenderableType]:
    """What the suites of the attempt say, or of a first revision the condition about them."""
    _, attempt = subject.current or ("", None)
    if attempt is not None and attempt.status.evaluations:
        yield _heading("Evaluations", "what suites say of the canary")
        yield from map(_evaluation, attempt.status.evaluations)
    elif attempt is None and (said := _first_evaluation(subject)):
        yield _heading("Evaluations", "")
        yield _indented(Text(said))


def _first_evaluation(subject: Subject) -> str:
    """What is said of a revision that has nothing to be compared with; empty: nothing."""
    conditions = subject.status.conditions
    return next((one.message for one in conditions if one.type == _EVALUATED), "")


def _evaluation(record: EvaluationRecord) -> RenderableType:
    style = _style_of(record.verdict)
    line = Table.grid(padding=(0, 2))
    line.add_column(min_width=_NAME_WIDTH)
    line.add_row(
        record.suite, record.stage.value, score_of(record), Text(record.verdict, style=style)
    )
    return Group(_indented(line), _indented(Text(f"{record.message}.", style="dim"), 2 * _INDENT))


def _style_of(verdict: str) -> str:
    return _VERDICT_STYLES.get(Verdict(verdict), "") if verdict in _VERDICTS else ""


def _refused(subject: Subject, frame: Frame) -> RenderableType:
    table = _grid()
    for entry in subject.status.refused:
        table.add_row(
            f"r{entry.number} ({entry.hash})",
            "quarantined" if entry.quarantined else "did not make it",
            entry.reason,
            f"{since(entry.since, frame.now)} ago",
        )
    return _indented(table)


def _conditions(subject: Subject, frame: Frame) -> RenderableType:
    status, table = subject.status, _grid()
    for condition in status.conditions:
        mark, style = _mark(condition, frame.glyphs)
        table.add_row(
            Text(mark, style=style),
            condition.type,
            Text(condition.reason, style=style),
            since(condition.last_transition_time, frame.now),
        )
    shown = {status.rollout.waiting_for} if status.rollout else set()
    shown |= {line.message for line in status.decisions[:DECISIONS_SHOWN]}
    if subject.current is None:
        shown.add(_first_evaluation(subject))
    said = [one for one in status.conditions if _is_bad(one) and one.message not in {"", *shown}]
    notes = [_indented(Text(f"{one.type}: {one.message}")) for one in said]
    return Group(_indented(table), *notes)


def _is_bad(condition: Condition) -> bool:
    good = ConditionStatus.FALSE if condition.type in _GOOD_WHEN_FALSE else ConditionStatus.TRUE
    return condition.status not in {good, ConditionStatus.UNKNOWN}


def _mark(condition: Condition, glyphs: Glyphs) -> tuple[str, str]:
    """Mark and style of a condition; being on the way is no fault."""
    if condition.status is ConditionStatus.UNKNOWN:
        return glyphs.unknown, "dim"
    if not _is_bad(condition):
        return glyphs.good, "green"
    if condition.type == conventions.RECONCILING:
        return glyphs.unknown, "cyan"
    return glyphs.bad, "red"


def _decisions(subject: Subject, frame: Frame) -> RenderableType:
    table = _grid()
    for line in subject.status.decisions[:DECISIONS_SHOWN]:
        table.add_row(
            moment_of(line.time, frame.now),
            Text(line.action, style=_ACTION_STYLES.get(line.action, "")),
            Text(line.message, style="dim"),
        )
    return _indented(table)


def _heading(title: str, note: str) -> RenderableType:
    text = Text("\n")
    text.append(title, style="bold")
    return text.append(f"  {note}", style="dim") if note else text


def _grid() -> Table:
    return Table.grid(padding=(0, 2))


def _indented(what: RenderableType, columns: int = _INDENT) -> Padding:
    return Padding(what, (0, 0, 0, columns), expand=False)


_VERDICTS: Final = frozenset(verdict.value for verdict in Verdict)
_EVALUATED: Final = conventions.EVALUATIONS_PASSED
_NAME_WIDTH: Final = len("timePerOutputToken")
