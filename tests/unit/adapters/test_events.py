"""Events: one for each sentence, counted when it is said again."""

import pytest

from rocksteady import errors
from rocksteady.adapters.events import EVENT, MESSAGE_MAX_LENGTH, EventRecorder
from rocksteady.ports import Announcement, EventType, Manifest
from rocksteady.resources.kinds import Kind
from tests.builders import NAME, NAMESPACE, UID, llm_deployment
from tests.fakes.cluster import FakeCluster
from tests.fakes.recording import FakeClock

SERVING = Announcement(EventType.NORMAL, "Serving", "r1 serves.")
STALLED = Announcement(EventType.WARNING, "ImagePullFailed", "r2: cannot be pulled.")


def chat(uid: str = UID) -> Manifest:
    manifest = llm_deployment()
    manifest["metadata"]["uid"] = uid
    return manifest


def posted(cluster: FakeCluster) -> list[Manifest]:
    return list(cluster.of_kind(EVENT).values())


async def test_record__posts_a_complete_event() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    await EventRecorder(cluster, clock).record(chat(), [STALLED])
    [event] = posted(cluster)
    assert event["metadata"]["name"].startswith(f"{NAME}.")
    assert event["metadata"]["namespace"] == NAMESPACE
    del event["metadata"]
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {
            "apiVersion": "rocksteady.dev/v1alpha1",
            "kind": "LLMDeployment",
            "namespace": NAMESPACE,
            "name": NAME,
            "uid": UID,
        },
        "type": "Warning",
        "reason": "ImagePullFailed",
        "message": "r2: cannot be pulled.",
        "source": {"component": "rocksteady"},
        "reportingComponent": "rocksteady",
        "firstTimestamp": "2026-11-23T12:00:00Z",
        "lastTimestamp": "2026-11-23T12:00:00Z",
        "count": 1,
    }


async def test_record__counts_a_sentence_that_is_said_again() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    for _ in range(3):
        await EventRecorder(cluster, clock).record(chat(), [STALLED])
        clock.advance(60)
    [event] = posted(cluster)
    assert event["count"] == 3
    assert event["firstTimestamp"] == "2026-11-23T12:00:00Z"
    assert event["lastTimestamp"] == "2026-11-23T12:02:00Z"


async def test_record__posts_each_sentence_and_each_object_by_itself() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    recorder = EventRecorder(cluster, clock)
    await recorder.record(chat(), [SERVING, STALLED])
    await recorder.record(chat(uid="another"), [SERVING])
    assert [event["count"] for event in posted(cluster)] == [1, 1, 1]


async def test_record__cuts_a_message_that_the_api_server_would_refuse() -> None:
    cluster = FakeCluster()
    long = Announcement(EventType.WARNING, "Long", "x" * 2000)
    await EventRecorder(cluster, FakeClock()).record(chat(), [long])
    [event] = posted(cluster)
    assert event["message"] == "x" * MESSAGE_MAX_LENGTH


class RefusingStore(FakeCluster):
    """Takes no Event with one reason."""

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        if manifest["reason"] == STALLED.reason:
            raise errors.Forbidden("403: events is forbidden", 403)
        return await super().apply(kind, manifest)


async def test_record__a_failure_does_not_stop_the_others() -> None:
    store = RefusingStore()
    await EventRecorder(store, FakeClock()).record(chat(), [STALLED, SERVING])
    assert [event["reason"] for event in posted(store)] == ["Serving"]


async def test_record__does_not_hide_that_the_lease_was_lost() -> None:
    class Standby(FakeCluster):
        async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
            raise errors.NotLeader(f"no {kind.kind} about {manifest['reason']}: the Lease is lost")

    with pytest.raises(errors.NotLeader):
        await EventRecorder(Standby(), FakeClock()).record(chat(), [SERVING])
