"""A cluster as a person at a terminal has it: kubectl, and waiting for what it shows."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

Manifest = dict[str, Any]
_T = TypeVar("_T")


class KubectlError(Exception):
    """kubectl ended with an error; the message is what it printed."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl with one kubeconfig.

    Attributes:
        program: Path of kubectl.
        kubeconfig: Path of the kubeconfig.
    """

    program: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl; returns what it printed.

        Raises:
            KubectlError: It ended with an error.
        """
        done = subprocess.run(
            [self.program, "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
            timeout=180,
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def apply(self, *manifests: Manifest, validate: str = "strict") -> None:
        """Apply manifests on the server's side."""
        text = yaml.safe_dump_all(manifests)
        self.run("apply", "--server-side", f"--validate={validate}", "-f", "-", stdin=text)

    def find(self, kind: str, name: str, namespace: str) -> Manifest | None:
        """One object; None when it is not there."""
        text = self.run("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def get(self, kind: str, name: str, namespace: str) -> Manifest:
        """One object that is there."""
        found = self.find(kind, name, namespace)
        assert found is not None, f"{kind} {namespace}/{name} does not exist"
        return found

    def items(self, kinds: str, namespace: str, selector: str = "") -> list[Manifest]:
        """Objects of one or several kinds."""
        text = self.run("get", kinds, "-n", namespace, "-l", selector, "-o", "json")
        found: list[Manifest] = json.loads(text)["items"]
        return found

    def patch(self, kind: str, name: str, namespace: str, patch: Manifest, *more: str) -> None:
        """Merge-patch one object."""
        text = json.dumps(patch)
        self.run("patch", kind, name, "-n", namespace, "--type=merge", "-p", text, *more)


def wait_until(
    look: Callable[[], _T | None], what: str, seconds: float = 60, every_seconds: float = 0.2
) -> _T:
    """Look until there is something to see; returns it.

    Raises:
        AssertionError: It was not seen in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(every_seconds)
    raise AssertionError(f"not seen within {seconds:.0f} s: {what}")


def condition(manifest: Manifest, type_: str) -> Manifest:
    """One condition of an object; status Unknown when it has none of that type."""
    for found in manifest.get("status", {}).get("conditions", ()):
        if found["type"] == type_:
            return dict(found)
    return {"type": type_, "status": "Unknown", "reason": "", "message": ""}
