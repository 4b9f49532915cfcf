"""The chart's roles for people, read without Helm: nothing but labels is templated in them."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROLES_FILE: Final = Path(__file__).parents[1] / "charts/rocksteady/templates/roles.yaml"
_DIRECTIVE: Final = re.compile(r"^\s*{{.*}}\s*$\n", re.MULTILINE)


def chart_roles() -> dict[str, dict[str, Any]]:
    """ClusterRoles by name, with the labels that aggregate them and no others."""
    text = _DIRECTIVE.sub("", ROLES_FILE.read_text(encoding="utf-8"))
    if "{{" in text:
        raise AssertionError(f"more than whole lines is templated in {ROLES_FILE.name}")
    return {role["metadata"]["name"]: role for role in yaml.safe_load_all(text)}


def allows(role: dict[str, Any], verb: str, resource: str) -> bool:
    """Whether a role allows a verb on a resource of our group."""
    return any(
        "rocksteady.dev" in rule["apiGroups"]
        and resource in rule["resources"]
        and verb in rule["verbs"]
        for rule in role["rules"]
    )
