"""The manifests of evaluations: contents that are kept, results, and the Jobs that ask."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rocksteady.ports import Manifest
from rocksteady.reconcile.evaluations import kept_by_hand, kept_part
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import (
    Content,
    build_content,
    build_content_policy,
    build_results,
    content_name,
    job_name,
)
from rocksteady.resources.evaluation_job import Images, Question, build_job
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_by_hand import is_of_request
from rocksteady.rollout.evaluation_runs import Run, part_of
from rocksteady.rollout.suites import Suite, looks_of
from rocksteady.settings import Settings


def render_evaluations(snapshot: Snapshot, course: Course, settings: Settings) -> list[Manifest]:
    """All manifests of evaluations to hold."""
    return [
        *render_contents(snapshot, course),
        *_results(snapshot, course),
        *_jobs(snapshot, course, settings),
    ]


def render_contents(snapshot: Snapshot, course: Course) -> list[Manifest]:
    """What is kept of each suite, and who may connect to whom while it is asked."""
    return [
        manifest for content in sorted(course.contents) for manifest in _content(snapshot, content)
    ]


def _content(snapshot: Snapshot, short: str) -> Iterator[Manifest]:
    owner = snapshot.owner
    suites = snapshot.observation.suites.values()
    suite = next((one for one in suites if isinstance(one, Suite) and one.content == short), None)
    live = snapshot.live.find(kinds.CONFIG_MAP, content_name(owner, short))
    kept = snapshot.contents.get(short)
    if suite is not None:  # its limits may be others by now
        files = tuple(sorted(suite.task_files))
        has_items = suite.items is not None
        kept = Content(suite.name, suite.content_hash, suite.spec, has_items, files)
        yield build_content(owner, kept, suite.items, suite.task_files)
    elif kept is not None and live is not None:
        yield _as_it_is(live)
    if kept is not None:
        yield build_content_policy(owner, kept)


def _as_it_is(live: Manifest) -> Manifest:
    """An object that is left as it is, as what is to be held."""
    metadata = live["metadata"]
    names = ("name", "namespace", "labels", "annotations", "ownerReferences")
    kept = {name: metadata[name] for name in names if name in metadata}
    parts = ("data", "binaryData", "spec")
    body = {part: live[part] for part in parts if part in live}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": kept, **body}


def _results(snapshot: Snapshot, course: Course) -> Iterator[Manifest]:
    """Results of revisions that are on record, of contents that are kept."""
    seen = snapshot.observation
    by_place: dict[tuple[str, str, str], dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for run, known in seen.runs.items():
        kept = kept_by_hand(known) if run.request else kept_part(known)
        if kept is not None and is_of_request(run, seen) and _is_kept(snapshot, course, run):
            by_place[run.revision, run.content, run.request][run.part] = kept
    for (revision, content, request), results in sorted(by_place.items()):
        yield build_results(snapshot.owner, revision, content, results, request)


def _is_kept(snapshot: Snapshot, course: Course, run: Run) -> bool:
    """True when what a run came to is kept: its revision is on record, and its content too."""
    seen = snapshot.observation
    is_on_record = run.revision in seen.revisions or run.revision in seen.workloads
    return is_on_record and run.content in course.contents


def _jobs(snapshot: Snapshot, course: Course, settings: Settings) -> Iterator[Manifest]:
    """The Jobs of runs that are wanted, and of those whose result is to be kept and is not yet."""
    seen = snapshot.observation
    told = (
        run
        for run, known in seen.runs.items()
        if known.result is not None
        and not known.is_kept
        and is_of_request(run, seen)
        and _is_kept(snapshot, course, run)
    )
    for run in sorted({*course.runs, *told}):
        live = snapshot.live.find(kinds.JOB, _name_of(snapshot, run))
        if live is not None:
            yield _as_it_is(live)
        elif run in course.runs and run.content in snapshot.contents:
            yield _job(snapshot, run, settings)


def _name_of(snapshot: Snapshot, run: Run) -> str:
    return job_name(snapshot.owner, run.revision, run.content, run.part, run.request)


def _job(snapshot: Snapshot, run: Run, settings: Settings) -> Manifest:
    content = snapshot.contents[run.content]
    meant = _meant(snapshot, content)
    part = part_of(meant.looks, run.part)
    question = Question(
        revision=run.revision,
        model=_model(snapshot, run.revision),
        part=run.part,
        first_item=part.first_item,
        items=part.items,
        content_hash=meant.content_hash,
        items_digest=meant.items_digest,
        request=run.request,
    )
    images = Images(settings.fetch_image, settings.harness_image)
    return build_job(snapshot.owner, content, question, images)


@dataclass(frozen=True)
class _Meant:
    """What a content was when it was frozen, or is as a suite of now: the same of the same content.

    Not what its ConfigMap says, which others may edit.
    """

    looks: tuple[int, ...]
    content_hash: str
    items_digest: str | None


def _meant(snapshot: Snapshot, content: Content) -> _Meant:
    short = content.content_hash[:10]
    for attempt in snapshot.observation.attempts.values():
        for test in attempt.spec.evaluations:
            if test.content_hash is not None and test.content == short:
                return _Meant(test.looks, test.content_hash, test.items_digest)
    for suite in snapshot.observation.suites.values():
        if isinstance(suite, Suite) and suite.content == short:
            return _Meant(looks_of(suite), suite.content_hash, suite.items_digest)
    return _Meant((), content.content_hash, None)


def _model(snapshot: Snapshot, revision: str) -> str:
    """The name under which a revision serves."""
    record = snapshot.live.by_revision(kinds.CONTROLLER_REVISION).get(revision, {})
    name = record.get("data", {}).get("spec", {}).get("model", {}).get("name")
    deployment = snapshot.observation.deployment
    return str(name or (deployment.spec.model.name if deployment else ""))
