"""Security contexts of model pods: the `restricted` pod security profile.

Source: kubernetes/website:content/en/docs/concepts/security/pod-security-standards.md.
"""

from typing import Any, Final

USER_ID: Final = 1000
"""User and group of the containers. Images of vLLM, SGLang and Ollama start as root; they run as
any user once HOME and their caches are writable. A podTemplate may set another."""

ROOT: Final = {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}


def pod_security_context(*, writes_claim: bool) -> dict[str, Any]:
    """Security context of the pod.

    Args:
        writes_claim: True when the pod writes to a claim: its group must then own the volume. A
            claim that is only read keeps its owner all the same, since it is attached read-only.
    """
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if writes_claim:
        context |= {"fsGroup": USER_ID, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def container_security_context(*, read_only_root: bool, as_root: bool = False) -> dict[str, Any]:
    """Security context of a container: no capabilities, no way to gain any.

    Args:
        read_only_root: True when it writes to volumes only.
        as_root: True when its image runs as no other user.
    """
    context: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": read_only_root,
    }
    return {**context, **ROOT} if as_root else context
