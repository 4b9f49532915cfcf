"""The chart's roles, read without Helm: nothing but labels and namespaces is templated in them."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROLES_FILE: Final = Path(__file__).parents[1] / "charts/rocksteady/templates/roles.yaml"
RBAC_FILE: Final = ROLES_FILE.with_name("rbac.yaml")
_VALUE: Final = re.compile(r"{{.*?}}")
_DIRECTIVE: Final = re.compile(r"^\s*{{.*}}\s*$\n", re.MULTILINE)


def chart_roles() -> dict[str, dict[str, Any]]:
    """ClusterRoles by name, with the labels that aggregate them and no others."""
    text = _DIRECTIVE.sub("", ROLES_FILE.read_text(encoding="utf-8"))
    if "{{" in text:
        raise AssertionError(f"more than whole lines is templated in {ROLES_FILE.name}")
    return {role["metadata"]["name"]: role for role in yaml.safe_load_all(text)}


def operator_role() -> dict[str, Any]:
    """The ClusterRole of the operator, without its labels."""
    text = _VALUE.sub("", RBAC_FILE.read_text(encoding="utf-8"))
    return next(
        document
        for document in yaml.safe_load_all(text)
        if (document["kind"], document["metadata"]["name"])
        == ("ClusterRole", "rocksteady-operator")
    )


def allows(role: dict[str, Any], verb: str, resource: str, group: str = "rocksteady.dev") -> bool:
    """Whether a role allows a verb on a resource, of our group unless another is named."""
    return any(
        group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
        for rule in role["rules"]
    )
