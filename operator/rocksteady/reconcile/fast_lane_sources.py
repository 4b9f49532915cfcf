"""Which canaries the fast lane watches, and where their requests are counted. Pure."""

from dataclasses import dataclass
from typing import Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.llmrollout import RevisionReference, RolloutTests
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Key
from rocksteady.queries.live import names_read
from rocksteady.queries.profiles import engine_profile, gateway_profile
from rocksteady.queries.profiles.base import Profile, SourceKind
from rocksteady.queries.signals import RevisionTarget, Signal
from rocksteady.reconcile.exposed_pods import Place
from rocksteady.resources.labels import selector_text, server_selector
from rocksteady.rollout.course import Course

ENGINE_PATH: Final = "/metrics"
"""Where all engines that have a profile show their metrics, at the port of their API."""


@dataclass(frozen=True)
class Watched:
    """A canary with requests, and what counts them.

    Attributes:
        key: The LLMDeployment.
        canary: Revision that may lose its requests.
        stable: Revision that it is compared with.
        profile: Of the gateway or engine that counts.
        place: Its pods.
    """

    key: Key
    canary: RevisionReference
    stable: RevisionReference
    profile: Profile
    place: Place

    def target(self, revision: RevisionReference) -> RevisionTarget:
        """A revision as metrics name it."""
        return RevisionTarget(self.key.namespace, self.key.name, revision.hash)


def watched_of(key: Key, course: Course, sources: MetricsSources) -> Watched | None:
    """What is to be watched; None: nothing gets requests, or nothing counts them directly.

    A gateway whose configuration has no `counters` is read through Prometheus only: its requests
    would have to be counted by the engine, which does not see those that never reach it.
    """
    attempt = course.attempt
    if attempt is None or not course.is_open or attempt.status.weight_percent == 0:
        return None
    spec = attempt.spec
    counting = _counting(key, spec.tests, sources)
    return None if counting is None else Watched(key, spec.canary, spec.stable, *counting)


def _counting(
    key: Key, tests: RolloutTests | None, sources: MetricsSources
) -> tuple[Profile, Place] | None:
    """Who counts the availability that the attempt is judged by, and where."""
    for test in tests.signals if tests else ():
        if tests is None or test.signal != Signal.AVAILABILITY:
            continue
        kind, _, type_ = test.profile.partition("/")
        gateway = kind == SourceKind.GATEWAY
        profile = gateway_profile(type_) if gateway else engine_profile(type_)
        place = _gateway_place(tests.source, type_, sources) if gateway else _engine_place(key)
        if profile is not None and place is not None and names_read(profile):
            return profile, place
    return None


def _gateway_place(source: str, type_: str, sources: MetricsSources) -> Place | None:
    """The gateway's pods; None when the configuration does not say which, or has another."""
    configured = sources.metrics_sources.get(source)
    counters = configured.gateway.counters if configured else None
    if configured is None or counters is None or configured.gateway.type != type_:
        return None
    return Place(counters.namespace, counters.label_selector, counters.port, counters.path)


def _engine_place(key: Key) -> Place:
    """The model servers of all revisions."""
    selector = selector_text(server_selector(key.name))
    return Place(key.namespace, selector, conventions.MODEL_SERVER_PORT_NAME, ENGINE_PATH)
