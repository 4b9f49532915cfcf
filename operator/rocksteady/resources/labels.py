"""Labels and selectors of everything owned, built in one place."""

from rocksteady import conventions


def owned_labels(
    name: str, revision: str | None = None, component: str | None = None
) -> dict[str, str]:
    """Labels of an owned object.

    Args:
        name: Of the LLMDeployment.
        revision: Hash of the revision that the object belongs to; None: to all of them.
        component: Role of a pod or of what selects it; None: the object has none.
    """
    labels = {
        conventions.LABEL_NAME: "llm",
        conventions.LABEL_INSTANCE: name,
        conventions.LABEL_MANAGED_BY: conventions.MANAGED_BY,
        conventions.LABEL_LLMDEPLOYMENT: name,
    }
    if revision is not None:
        labels[conventions.LABEL_REVISION] = revision
    if component is not None:
        labels[conventions.LABEL_COMPONENT] = component
    return labels


def server_selector(name: str, revision: str | None = None) -> dict[str, str]:
    """Labels that select the model servers, and no Job pod, of an LLMDeployment or one revision."""
    selector = {
        conventions.LABEL_LLMDEPLOYMENT: name,
        conventions.LABEL_COMPONENT: conventions.COMPONENT_MODEL_SERVER,
    }
    if revision is not None:
        selector[conventions.LABEL_REVISION] = revision
    return selector


def selector_text(labels: dict[str, str]) -> str:
    """A label selector as the API server's query and the scale subresource want it."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
