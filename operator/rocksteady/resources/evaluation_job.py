"""The Job of a run: one pod that asks one revision one part of a suite's items."""

from dataclasses import dataclass
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.environment import RUNNER_VARIABLES
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.runner import ModelEndpoint, RunnerType
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import (
    ITEMS_KEY,
    SUITE_KEY,
    TASK_PREFIX,
    Content,
    content_name,
    evaluation_labels,
    job_name,
)
from rocksteady.resources.evaluation_items import (
    PlacedItems,
    place_items,
    prepare_seconds_at_most,
)
from rocksteady.resources.owned import Owner, owned_manifest
from rocksteady.resources.security import container_security_context, pod_security_context

SUITE_FOLDER: Final = "/suite"
TASKS_FOLDER: Final = "/tasks"
ARTIFACTS_FOLDER: Final = "/artifacts"
TRIES: Final = 3
"""How often the pod of a run is started; a pod that is evicted counts for none of them."""
GRACE_SECONDS: Final = 120
"""On top of a suite's deadline, which its runner keeps: scheduling and image pull."""
DEFAULT_RESOURCES: Final = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}
"""A runner waits for answers most of the time."""
_COMMANDS: Final = {
    RunnerType.BUILTIN: ["python", "-m", "rocksteady.evaluate"],
    RunnerType.LM_EVAL: ["python", "-m", "rocksteady.evaluate.harness"],
    RunnerType.INSPECT: ["python", "-m", "rocksteady.evaluate.harness"],
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Images:
    """Images of the runners, unless a suite names its own.

    Attributes:
        builtin: Of runner Builtin, and of what fetches items: the operator's own.
        harness: Of runners LMEval and Inspect, and of the anonymiser; empty: the operator has none
            configured.
    """

    builtin: str
    harness: str


@dataclass(frozen=True)
class Question:
    """What a run asks.

    Attributes:
        revision: Hash of the revision that is asked.
        model: Name that the model is served under.
        part: From 1.
        first_item: From 0.
        items: How many; None: all that the runner has.
        content_hash: What the content must be, as it was frozen: whoever may edit ConfigMaps can
            change what is kept of it.
        items_digest: What its items must be, likewise; None: only the runner knows.
        request: Key of the request by which a person asked for it; empty: a gate or a schedule did.
    """

    revision: str
    model: str
    part: int
    first_item: int
    items: int | None
    content_hash: str
    items_digest: str | None = None
    request: str = ""


def try_seconds_at_most(spec: EvaluationSuiteSpec) -> int:
    """How long one try of a run may take: to bring its items, and to ask them."""
    return spec.limits.deadline_seconds + prepare_seconds_at_most(spec.items)


def run_seconds_at_most(spec: EvaluationSuiteSpec) -> int:
    """How long a run may take, with all its tries, before it has failed."""
    return try_seconds_at_most(spec) * TRIES + GRACE_SECONDS


def build_job(owner: Owner, content: Content, question: Question, images: Images) -> Json:
    """The Job of a run. Its name says which one; it is never changed."""
    short, spec = content.content_hash[:10], content.spec
    revision, part, request = question.revision, question.part, question.request
    labels = evaluation_labels(owner, short, revision, part, request)
    placed = place_items(spec.items, images.builtin, images.harness) if spec.items else None
    pod: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security_context(writes_claim=spec.artifacts is not None),
        "containers": [_runner(owner, content, question, images, placed)],
        "volumes": [*_volumes(owner, content), *(placed.volumes if placed else ())],
    }
    if placed and placed.init_containers:
        pod["initContainers"] = list(placed.init_containers)
    body = {
        "spec": {
            "backoffLimit": TRIES - 1,
            "activeDeadlineSeconds": run_seconds_at_most(spec),
            "podFailurePolicy": {"rules": _failure_rules(placed)},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
    }
    name = job_name(owner, revision, short, part, request)
    manifest = owned_manifest(owner, kinds.JOB, name, body, labels=labels)
    # Labels and names hold 40 bits of it: a result of another content must be told from it.
    manifest["metadata"]["annotations"][conventions.ANNOTATION_CONTENT_HASH] = question.content_hash
    return manifest


def _failure_rules(placed: PlacedItems | None) -> list[Json]:
    """What a pod that failed counts for."""
    disrupted = {"type": "DisruptionTarget", "status": "True"}
    rules: list[Json] = [{"action": "Ignore", "onPodConditions": [disrupted]}]
    names = {container["name"] for container in placed.init_containers} if placed else set()
    if conventions.ANONYMISER_CONTAINER in names:
        codes = {
            "containerName": conventions.ANONYMISER_CONTAINER,
            "operator": "In",
            "values": [conventions.BAD_ITEMS_EXIT_CODE],
        }
        rules.append({"action": "FailJob", "onExitCodes": codes})
    return rules


def _runner(
    owner: Owner,
    content: Content,
    question: Question,
    images: Images,
    placed: PlacedItems | None,
) -> Json:
    spec = content.spec
    resources = spec.limits.resources.model_dump(mode="json", exclude_defaults=True)
    container: Json = {
        "name": conventions.RUNNER_CONTAINER,
        "image": _image(spec, images),
        "imagePullPolicy": "IfNotPresent",
        "env": _environment(owner, content, question, placed),
        "resources": resources or DEFAULT_RESOURCES,
        "securityContext": container_security_context(
            read_only_root=spec.runner.type is RunnerType.BUILTIN
        ),
        "terminationMessagePolicy": "File",
        "volumeMounts": [*_mounts(content), *(placed.mounts if placed else ())],
    }
    command = spec.runner.command or _COMMANDS.get(spec.runner.type)
    if command:
        container["command"] = list(command)
    if spec.runner.args:
        container["args"] = list(spec.runner.args)
    return container


def _image(spec: EvaluationSuiteSpec, images: Images) -> str:
    own = images.builtin if spec.runner.type is RunnerType.BUILTIN else images.harness
    return spec.runner.image or own


def _environment(
    owner: Owner, content: Content, question: Question, placed: PlacedItems | None
) -> list[Json]:
    """What tells a runner what to do, and what the suite adds, each name once.

    The suite has the last word on HOME, and none on what the operator tells.
    """
    spec = content.spec
    service = f"{owner.revision_name(question.revision)}.{owner.namespace}.svc"
    told = {
        "OPENAI_BASE_URL": f"http://{service}:{conventions.SERVICE_PORT}/v1",
        "MODEL": question.model,
        "SUITE": content.suite,
        "SUITE_FOLDER": SUITE_FOLDER,
        "SEED": str(spec.sampling.seed),
        "CONTENT_HASH": question.content_hash,
        "FIRST_ITEM": str(question.first_item),
        "DEADLINE_SECONDS": str(spec.limits.deadline_seconds),
        "HOME": "/tmp",  # noqa: S108 - an emptyDir of this pod
    }
    if question.items is not None:
        told["LIMIT"] = str(question.items)
    if placed is not None:
        told["ITEMS_FILE"] = placed.file
    if question.items_digest is not None:
        told["ITEMS_DIGEST"] = question.items_digest
    if content.task_files:
        told["TASK_FILES"] = TASKS_FOLDER
    if spec.artifacts is not None:
        told["ARTIFACTS_FILE"] = f"{ARTIFACTS_FOLDER}/{_run_of(content, question)}.jsonl"
    env = [{"name": name, "value": value} for name, value in told.items()]
    helpers = (("JUDGE_API_KEY", spec.judge), ("EMBEDDER_API_KEY", spec.embedder))
    env += [_key(name, endpoint) for name, endpoint in helpers if _has_key(endpoint)]
    written = {
        entry.name: entry.model_dump(mode="json", by_alias=True, exclude_none=True)
        for entry in spec.runner.env
        if entry.name not in RUNNER_VARIABLES
    }
    return [*(one for one in env if one["name"] not in written), *written.values()]


def _run_of(content: Content, question: Question) -> str:
    said = (content.suite, content.content_hash[:10], question.revision, str(question.part))
    return "-".join(filter(None, (*said, question.request)))


def _has_key(endpoint: ModelEndpoint | None) -> bool:
    return endpoint is not None and endpoint.api_key_secret_ref is not None


def _key(name: str, endpoint: ModelEndpoint | None) -> Json:
    reference = endpoint.api_key_secret_ref if endpoint else None
    found = reference.model_dump(mode="json", by_alias=True) if reference else {}
    return {"name": name, "valueFrom": {"secretKeyRef": found}}


def _volumes(owner: Owner, content: Content) -> list[Json]:
    name = content_name(owner, content.content_hash[:10])
    keys = [SUITE_KEY, *([ITEMS_KEY] if content.has_items else [])]
    volumes: list[Json] = [_of_map("suite", name, {key: key for key in keys})]
    if content.task_files:
        files = {f"{TASK_PREFIX}{file}": file for file in content.task_files}
        volumes.append(_of_map("tasks", name, files))
    if content.spec.artifacts is not None:
        claim = {"claimName": content.spec.artifacts.claim_name}
        volumes.append({"name": "artifacts", "persistentVolumeClaim": claim})
    return [*volumes, {"name": "scratch", "emptyDir": {}}]


def _of_map(volume: str, config_map: str, files: dict[str, str]) -> Json:
    items = [{"key": key, "path": path} for key, path in files.items()]
    return {"name": volume, "configMap": {"name": config_map, "items": items}}


def _mounts(content: Content) -> list[Json]:
    mounts: list[Json] = [{"name": "suite", "mountPath": SUITE_FOLDER, "readOnly": True}]
    if content.task_files:
        mounts.append({"name": "tasks", "mountPath": TASKS_FOLDER, "readOnly": True})
    if content.spec.artifacts is not None:
        mounts.append({"name": "artifacts", "mountPath": ARTIFACTS_FOLDER})
    return [*mounts, {"name": "scratch", "mountPath": "/tmp"}]  # noqa: S108 - in the container
