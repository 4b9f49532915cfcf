"""An API server in memory: what `ports.ClusterReader` and `ports.ClusterWriter` ask of one.

It keeps uid, resourceVersion and generation, applies as a server does, deletes what an owner leaves
behind, refuses what a server refuses, and can fail at the n-th write, with or without the write
having been made.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rocksteady import errors
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from tests.fakes.defaulting import set_defaults
from tests.fakes.server_side_apply import apply_over

ObjectKey = tuple[str, str, str]
"""Kind, namespace, name."""

_WITH_GENERATION = {
    "LLMDeployment",
    "Deployment",
    "HTTPRoute",
    "NetworkPolicy",
    "PodDisruptionBudget",
}
_IMMUTABLE = {"ControllerRevision": "data", "ConfigMap": "data"}


@dataclass(frozen=True)
class Write:
    """One write of the operator."""

    verb: str
    kind: str
    name: str


class Killed(BaseException):
    """The process ends here: nothing after it runs."""


@dataclass(frozen=True)
class Fault:
    """A failure to come.

    Attributes:
        at_write: Which write fails; 1 is the next.
        error: What is raised.
        takes_effect: True when the write is made all the same, and only its answer is lost.
    """

    at_write: int
    error: BaseException
    takes_effect: bool = False


def copy(manifest: Manifest) -> Manifest:
    """A copy through JSON, so that nothing that is no JSON gets in."""
    content: Manifest = json.loads(json.dumps(manifest))
    return content


class FakeCluster:
    """See the module.

    Args:
        without: Kinds that this cluster does not serve.
        refuse: Says why the API server rejects a manifest; None: it takes it.

    Attributes:
        admit: What admission changes in what the operator writes.
        linger: What becomes of a pod whose owner is gone; None: it is gone at once.
    """

    def __init__(
        self,
        without: tuple[Kind, ...] = (),
        refuse: Callable[[Manifest], str | None] = lambda _: None,
    ) -> None:
        self.objects: dict[ObjectKey, Manifest] = {}
        self.writes: list[Write] = []
        self.without = set(without)
        self.refuse = refuse
        self.on_write: Callable[[], None] = lambda: None
        self.collects_garbage = True
        self.admit: Callable[[Manifest], None] = lambda _: None
        self.linger: Callable[[Manifest], Manifest] | None = None
        self._applied: dict[ObjectKey, Manifest] = {}
        self._version = 0
        self._uids = 0
        self._fault: Fault | None = None
        self._writes_until_fault = 0

    # --- ports.ClusterReader

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        if kind in self.without and kind in kinds.OPTIONAL:
            return None
        self._check_served(kind)
        found = self.objects.get((kind.kind, namespace, name))
        return None if found is None else copy(found)

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = ""
    ) -> list[Manifest]:
        if kind in self.without and kind in kinds.OPTIONAL:
            return []
        self._check_served(kind)
        selector = dict(part.split("=") for part in label_selector.split(",") if part)
        wanted = sorted(
            key
            for key, found in self.objects.items()
            if key[0] == kind.kind
            and namespace in {None, key[1]}
            and selector.items() <= found["metadata"].get("labels", {}).items()
        )
        return [copy(self.objects[key]) for key in wanted]

    # --- ports.ClusterWriter

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        wanted = copy(manifest)

        def store() -> Manifest:
            self._check(kind, wanted)
            key = _key(wanted)
            live = self.objects.get(key)
            merged = apply_over(live, self._applied.get(key), wanted)
            self.admit(merged)
            stored = self._store(merged)
            self._applied[key] = wanted
            return stored

        return self._write(Write("apply", kind.kind, manifest["metadata"]["name"]), store)

    async def rehearse(self, kind: Kind, manifest: Manifest) -> Manifest:
        wanted = copy(manifest)
        self._check(kind, wanted)
        merged: Manifest = apply_over(
            self.objects.get(_key(wanted)), self._applied.get(_key(wanted)), wanted
        )
        self.admit(merged)
        return merged

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        wanted = copy(manifest)

        def store() -> Manifest:
            self._check(kind, wanted)
            live = self.objects.get(_key(wanted))
            if live is None:
                raise errors.NotFound("not found", 404)
            self._check_version(live, wanted)
            wanted["metadata"]["uid"] = live["metadata"]["uid"]
            if "status" in live:
                wanted["status"] = live["status"]
            self.admit(wanted)
            return self._store(wanted)

        return self._write(Write("replace", kind.kind, manifest["metadata"]["name"]), store)

    async def apply_status(self, kind: Kind, manifest: Manifest) -> Manifest:
        wanted = copy(manifest)

        def store() -> Manifest:
            live = self.objects.get(_key(wanted))
            if live is None:
                raise errors.NotFound("not found", 404)
            self._check_version(live, wanted)
            return self._store({**copy(live), "status": wanted["status"]})

        return self._write(Write("status", kind.kind, manifest["metadata"]["name"]), store)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        def remove() -> Manifest:
            live = self.objects.get((kind.kind, namespace, name))
            if live is not None and live["metadata"]["uid"] == uid:
                self._remove((kind.kind, namespace, name))
            return {}

        self._write(Write("delete", kind.kind, name), remove)

    # --- what others do

    def put(self, manifest: Manifest) -> Manifest:
        """Create an object, or replace it, as another client."""
        content = copy(manifest)
        live = self.objects.get(_key(content))
        if live is not None:
            content["metadata"].setdefault("uid", live["metadata"]["uid"])
        return copy(self._store(content))

    def edit(
        self, kind: Kind, namespace: str, name: str, change: Callable[[Manifest], Any]
    ) -> None:
        """Edit an object by hand."""
        edited = copy(self.objects[kind.kind, namespace, name])
        change(edited)
        self._store(edited)

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object by hand; what it owned goes too."""
        self._remove((kind.kind, namespace, name))

    def inject(self, fault: Fault) -> None:
        """Let a coming write fail."""
        self._fault, self._writes_until_fault = fault, fault.at_write

    def cloned(self) -> "FakeCluster":
        """Another cluster in the same state."""
        clone = FakeCluster(tuple(self.without), self.refuse)
        clone.objects = {key: copy(found) for key, found in self.objects.items()}
        clone._applied = {key: copy(applied) for key, applied in self._applied.items()}
        clone._version, clone._uids = self._version, self._uids
        return clone

    def clear_fault(self) -> None:
        """Let no write fail."""
        self._fault = None

    def of_kind(self, kind: Kind) -> dict[str, Manifest]:
        """Objects of a kind by name."""
        return {name: found for (of, _, name), found in self.objects.items() if of == kind.kind}

    # --- the server's own work

    def _write(self, write: Write, store: Callable[[], Manifest]) -> Manifest:
        fault = self._take_fault()
        if fault is not None and not fault.takes_effect:
            raise fault.error
        stored = store()
        self.writes.append(write)
        self.on_write()
        if fault is not None:
            raise fault.error
        return copy(stored)

    def _take_fault(self) -> Fault | None:
        if self._fault is None:
            return None
        self._writes_until_fault -= 1
        if self._writes_until_fault:
            return None
        fault, self._fault = self._fault, None
        return fault

    def _check(self, kind: Kind, manifest: Manifest) -> None:
        self._check_served(kind)
        why = self.refuse(manifest)
        if why is not None:
            raise errors.Invalid(why, 422)

    def _check_served(self, kind: Kind) -> None:
        if kind in self.without:
            raise errors.NotServed(f"404 page not found: {kind.plural}", 404)

    @staticmethod
    def _check_version(live: Manifest, wanted: Manifest) -> None:
        version = wanted["metadata"].get("resourceVersion")
        if version is not None and version != live["metadata"]["resourceVersion"]:
            raise errors.Conflict("the object has been modified", 409)

    def _store(self, manifest: Manifest) -> Manifest:
        key = _key(manifest)
        live = self.objects.get(key)
        set_defaults(manifest)
        _check_invariants(manifest, live)
        metadata = manifest["metadata"]
        if live is None:
            self._uids += 1
            metadata.setdefault("uid", f"uid-{self._uids}")
        if manifest["kind"] in _WITH_GENERATION:
            before = live["metadata"]["generation"] if live else 0
            changed = live is None or live.get("spec") != manifest.get("spec")
            metadata["generation"] = before + changed
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"] if live else ""
        if manifest != live:
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
            self.objects[key] = manifest
        return self.objects[key]

    def collect_garbage(self) -> None:
        """Delete what has lost its owner."""
        while orphans := self._orphans():
            for orphan in orphans:
                found = self.objects.pop(orphan)
                self._applied.pop(orphan, None)
                if self.linger is not None and orphan[0] == kinds.POD.kind:
                    self.objects[orphan] = self.linger(found)

    def _remove(self, key: ObjectKey) -> None:
        del self.objects[key]
        self._applied.pop(key, None)
        if self.collects_garbage:
            self.collect_garbage()

    def _orphans(self) -> tuple[ObjectKey, ...]:
        uids = {found["metadata"]["uid"] for found in self.objects.values()}
        return tuple(
            key
            for key, found in self.objects.items()
            if (references := found["metadata"].get("ownerReferences"))
            and not (self.linger is not None and "deletionTimestamp" in found["metadata"])
            and not uids & {reference["uid"] for reference in references}
        )


def _key(manifest: Manifest) -> ObjectKey:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata["namespace"], metadata["name"]


def _check_invariants(manifest: Manifest, live: Manifest | None) -> None:
    """What every API server refuses."""
    owners = manifest["metadata"].get("ownerReferences", ())
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        raise errors.Invalid("Only one reference can have Controller set to true", 422)
    if manifest["kind"] == kinds.DEPLOYMENT.kind:
        _check_deployment(manifest, live)
    field = _IMMUTABLE.get(manifest["kind"])
    frozen = manifest["kind"] == "ControllerRevision" or (live or {}).get("immutable")
    if live is not None and field and frozen and live[field] != manifest[field]:
        raise errors.Invalid(f"{field}: Forbidden: field is immutable", 422)


def _check_deployment(manifest: Manifest, live: Manifest | None) -> None:
    selector = manifest["spec"]["selector"]["matchLabels"]
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    if not selector.items() <= labels.items():
        raise errors.Invalid("`selector` does not match template `labels`", 422)
    if live is not None and live["spec"]["selector"] != manifest["spec"]["selector"]:
        raise errors.Invalid("spec.selector: Invalid value: field is immutable", 422)
