"""When the API server told that pods were in trouble, and when routes had no canary any more."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config, watch

from rocksteady.conventions import LABEL_REVISION
from rocksteady.rollout.machine import CONDEMNING
from rocksteady.rollout.pod_trouble import find_trouble

_WATCH_SECONDS: Final = 300
"""How long one watch is kept; another one follows."""


class ClusterWatch:
    """Watches a namespace from `begin` to `end`; times are those of `time.monotonic`.

    Args:
        kubeconfig: Of the cluster.
        namespace: To watch.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
        self._api = client.ApiClient(configuration)
        self._namespace = namespace
        self._over = threading.Event()
        self._troubles: dict[str, list[float]] = defaultdict(list)
        self._routes: dict[str, list[tuple[float, frozenset[str]]]] = defaultdict(list)

    def begin(self) -> None:
        """Follow what is told."""
        for follow in (self._follow_pods, self._follow_routes):
            threading.Thread(target=follow, daemon=True).start()

    def end(self) -> None:
        """Follow it no longer."""
        self._over.set()

    def seconds_from_trouble(self, name: str, revision: str, since: float) -> float | None:
        """Seconds from a pod's condemning status to a route without its revision.

        Args:
            name: Of the LLMDeployment, and of its HTTPRoute.
            revision: Hash; its Service is `<name>-<revision>`.
            since: What was told before does not count.

        Returns:
            0 when the route had lost it before; None when no pod was in trouble, or the route still
            has the revision.
        """
        troubled = min((at for at in self._troubles[revision] if at >= since), default=None)
        if troubled is None:
            return None
        routed = [(at, f"{name}-{revision}" in used) for at, used in self._routes[name]]
        before = [is_routed for at, is_routed in routed if at <= troubled]
        if before and not before[-1]:
            return 0.0
        gone = next((at for at, is_routed in routed if at > troubled and not is_routed), None)
        return None if gone is None else gone - troubled

    def _follow_pods(self) -> None:
        core = client.CoreV1Api(self._api)
        for pod in self._events(core.list_namespaced_pod):
            trouble = find_trouble({}, [pod])
            if trouble is not None and trouble.reason in CONDEMNING:
                revision = pod["metadata"].get("labels", {}).get(LABEL_REVISION, "")
                self._troubles[revision].append(time.monotonic())

    def _follow_routes(self) -> None:
        custom = client.CustomObjectsApi(self._api)
        kind = {"group": "gateway.networking.k8s.io", "version": "v1", "plural": "httproutes"}
        for route in self._events(custom.list_namespaced_custom_object, **kind):
            used = frozenset(
                ref["name"]
                for rule in route["spec"]["rules"]
                for ref in rule.get("backendRefs", ())
                if ref.get("weight", 1) > 0
            )
            self._routes[route["metadata"]["name"]].append((time.monotonic(), used))

    def _events(self, lister: Any, **kind: str) -> Any:
        """Objects as they are told, until it is over."""
        while not self._over.is_set():
            watched = watch.Watch()  # type: ignore[no-untyped-call]
            stream = watched.stream(  # type: ignore[no-untyped-call]
                lister, namespace=self._namespace, timeout_seconds=_WATCH_SECONDS, **kind
            )
            try:
                for event in stream:
                    if event["type"] in {"ADDED", "MODIFIED"}:
                        yield event["raw_object"]
            except Exception:  # noqa: BLE001 - a watch that breaks is begun again
                time.sleep(1)


@contextmanager
def watching(kubeconfig: Path, namespace: str) -> Iterator[ClusterWatch]:
    """A watch for the length of a block; arguments as for `ClusterWatch`."""
    found = ClusterWatch(kubeconfig, namespace)
    found.begin()
    try:
        yield found
    finally:
        found.end()
