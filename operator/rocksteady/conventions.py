"""Every name that other tools rely on: API group, kinds, labels, annotations, condition types.

Constants only. A name that is written in two places belongs here.
"""

from typing import Final

GROUP: Final = "rocksteady.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "LLMDeployment"
PLURAL: Final = "llmdeployments"
SINGULAR: Final = "llmdeployment"
SHORT_NAME: Final = "llmdep"

ROLLOUT_KIND: Final = "LLMRollout"
ROLLOUT_PLURAL: Final = "llmrollouts"
ROLLOUT_SINGULAR: Final = "llmrollout"
ROLLOUT_SHORT_NAME: Final = "llmro"

SUITE_KIND: Final = "EvaluationSuite"
SUITE_PLURAL: Final = "evaluationsuites"
SUITE_SINGULAR: Final = "evaluationsuite"
SUITE_SHORT_NAME: Final = "evalsuite"

FIELD_MANAGER: Final = "rocksteady"
"""Field manager of everything the operator applies; one for all, so that nothing has two owners."""

NAME_PATTERN: Final = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
"""Names become Service names (RFC 1035: they start with a letter)."""
NAME_MAX_LENGTH: Final = 40
"""A Service name has at most 63 characters; `-<hash10>` and suffixes need room."""
SUITE_NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUITE_NAME_MAX_LENGTH: Final = 63
"""The name of a suite becomes the value of a label."""

ALL_PERCENT: Final = 100
"""The share that all requests are: weights of a route and of an attempt add up to it."""

# Labels on everything owned.
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_LLMDEPLOYMENT: Final = f"{GROUP}/llmdeployment"
LABEL_REVISION: Final = f"{GROUP}/revision"
LABEL_SUITE: Final = f"{GROUP}/suite"
LABEL_CONTENT: Final = f"{GROUP}/suite-content"
"""First 10 hex digits of the content hash of a suite."""
LABEL_PART: Final = f"{GROUP}/suite-part"
LABEL_REQUEST: Final = f"{GROUP}/suite-request"
"""On what belongs to a run that a person asked for: first 10 hex digits of the request's hash."""

MANAGED_BY: Final = "rocksteady"
COMPONENT_MODEL_SERVER: Final = "model-server"
COMPONENT_EVALUATION: Final = "evaluation"
COMPONENT_FETCH: Final = "fetch"
"""Kept for pods that fetch a model ahead of its servers; none does yet, init containers fetch."""
MANAGED_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"

ANNOTATION_APPLIED: Final = f"{GROUP}/applied"
"""On owned objects: hash of the manifest that was applied; the same hash again costs no write."""
ANNOTATION_CONTENT_HASH: Final = f"{GROUP}/suite-content-hash"
"""On Jobs of evaluations: whole content hash of what is asked, of which the label has a part."""

# Annotations that a person sets on an LLMDeployment; the operator never takes them away.
ANNOTATION_PROMOTE: Final = f"{GROUP}/promote"
ANNOTATION_ABORT: Final = f"{GROUP}/abort"
ANNOTATION_RETRY: Final = f"{GROUP}/retry"
ANNOTATION_RELEASE: Final = f"{GROUP}/release"
ANNOTATION_EVALUATE: Final = f"{GROUP}/evaluate"
ANNOTATION_PAUSE: Final = f"{GROUP}/pause"
ANNOTATION_REQUESTED_BY: Final = f"{GROUP}/requested-by"

MODEL_SERVER_CONTAINER: Final = "model-server"
RUNNER_CONTAINER: Final = "runner"
ITEMS_FETCHER_CONTAINER: Final = "fetch-items"
ANONYMISER_CONTAINER: Final = "anonymise-items"
BAD_ITEMS_EXIT_CODE: Final = 3
"""With which the anonymiser ends when another try would end alike."""
MODEL_SERVER_PORT_NAME: Final = "http"
SERVICE_PORT: Final = 80
"""Port of every Service of the operator; its target is the container port named `http`."""

# Condition types; what each means is said in docs/reference/status.md.
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
METRICS_AVAILABLE: Final = "MetricsAvailable"
EVALUATIONS_PASSED: Final = "EvaluationsPassed"
TRAFFIC_SPLIT_VERIFIED: Final = "TrafficSplitVerified"
ROLLED_BACK: Final = "RolledBack"
