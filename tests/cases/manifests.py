"""Valid and invalid LLMDeployments, for the unit tests and for the real API server alike."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

Manifest = dict[str, Any]

DIGEST: Final = "sha256:" + "0" * 64
GONE: Final = object()
"""As a change: take the field away."""

BASE: Final[Manifest] = {
    "apiVersion": "rocksteady.dev/v1alpha1",
    "kind": "LLMDeployment",
    "metadata": {"name": "chat", "namespace": "default"},
    "spec": {
        "model": {"name": "smollm2", "uri": "hf://HuggingFaceTB/SmolLM2-135M-Instruct@7e27bd9"},
        "engine": {"type": "vllm", "image": f"vllm/vllm-openai:v0.20.0@{DIGEST}"},
    },
}
"""Valid, and nothing in it that a warning is about."""

LORA: Final = {"name": "sql", "uri": "hf://org/lora-sql@7e27bd9"}
CUSTOM: Final = {"type": "custom", "image": f"me/server@{DIGEST}", "port": 8000}
GATEWAY: Final = {"parentRefs": [{"name": "inference", "sectionName": "http"}]}
GATE: Final = {"name": "refusals", "query": "sum(refusals)", "maxValue": "0.05"}


@dataclass(frozen=True)
class Valid:
    """A manifest that is accepted by `lint`, by the operator and by the API server.

    Attributes:
        case: What it shows, as a sentence.
        changes: Dotted path to value, over BASE.
        warnings: Path and a part of the message of each warning, in order.
    """

    case: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Invalid:
    """A manifest that is refused.

    Attributes:
        case: What it shows, as a sentence.
        changes: Dotted path to value, over BASE.
        path: Field that our own validation names.
        message: A part of its message.
        server: A part of what the API server answers; None: it accepts the manifest, and the
            operator says in a condition what is wrong.
        lint_only: True when the operator ignores it, since a newer API may know the field.
    """

    case: str
    changes: Mapping[str, Any]
    path: str
    message: str
    server: str | None
    lint_only: bool = False


def build(changes: Mapping[str, Any]) -> Manifest:
    """BASE with changes; the dotted paths make what they go through."""
    manifest = deepcopy(BASE)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = manifest
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is GONE:
            del place[last]
        else:
            place[last] = deepcopy(value)
    return manifest


VALID: Final = (
    Valid("the least that can be written"),
    Valid("a replica count", {"spec.replicas": 3}),
    Valid("no replicas at all", {"spec.replicas": 0}),
    Valid("replicas left empty, as in 'replicas:'", {"spec.replicas": None}),
    Valid("arguments left empty, as in 'args:'", {"spec.engine.args": None}),
    Valid("objects left empty, as in 'resources:'",
          {"spec.resources": None, "spec.routing": None, "spec.podTemplate": None}),
    Valid("a name of 40 characters", {"metadata.name": "a" * 40}),
    Valid("a branch instead of a commit is warned about", {"spec.model.uri": "hf://org/name@main"},
          [("spec.model.uri", "not pinned: add the commit")]),
    Valid("an s3 bucket is warned about", {"spec.model.uri": "s3://models/smollm2"},
          [("spec.model.uri", "not pinned: a bucket cannot be pinned")]),
    Valid("a gs bucket is warned about", {"spec.model.uri": "gs://models/smollm2"},
          [("spec.model.uri", "not pinned: a bucket cannot be pinned")]),
    Valid("a claim is warned about", {"spec.model.uri": "pvc://models/smollm2"},
          [("spec.model.uri", "not pinned: a claim cannot be pinned")]),
    Valid("an artifact by tag is warned about", {"spec.model.uri": "oci://models/smollm2:v1"},
          [("spec.model.uri", "not pinned: add the digest")]),
    Valid("an artifact by digest", {"spec.model.uri": f"oci://models/smollm2@{DIGEST}"}),
    Valid("a model in the image of the engine", {"spec.model.uri": "image:///models/smollm2"}),
    Valid("one file over https with its checksum, for llama.cpp",
          {"spec.model.uri": f"https://example.com/m.gguf#sha256={'0' * 64}",
           "spec.engine.type": "llamacpp"}),
    Valid("one file over https without checksum is warned about",
          {"spec.model.uri": "https://example.com/m.gguf", "spec.engine.type": "llamacpp"},
          [("spec.model.uri", "not pinned: add the checksum")]),
    Valid("a query in a URI is warned about",
          {"spec.model.uri": f"https://example.com/m.gguf?signature=a/planted#sha256={'0' * 64}",
           "spec.engine.type": "llamacpp"},
          [("spec.model.uri", "the query is stored in the spec in plain text")]),
    Valid("an image by tag is warned about", {"spec.engine.image": "localhost:5000/vllm:v0.20.0"},
          [("spec.engine.image", "not pinned: tag v0.20.0 can be moved")]),
    Valid("an image without tag is warned about", {"spec.engine.image": "localhost:5000/vllm"},
          [("spec.engine.image", "not pinned: its newest version is pulled")]),
    Valid("the newest image is warned about", {"spec.engine.image": "vllm/vllm-openai:latest"},
          [("spec.engine.image", "not pinned: its newest version is pulled")]),
    Valid("a LoRA adapter for vllm", {"spec.model.adapters": [LORA]}),
    Valid("a LoRA adapter for sglang",
          {"spec.model.adapters": [LORA], "spec.engine.type": "sglang"}),
    Valid("no adapters, said explicitly, for tgi",
          {"spec.model.adapters": [], "spec.engine.type": "tgi"}),
    Valid("an engine of one's own, with its port", {"spec.engine": CUSTOM}),
    Valid("an engine of one's own, with command and path",
          {"spec.engine": {**CUSTOM, "command": ["serve"], "readinessPath": "/ready"}}),
    Valid("a GPU as a number", {"spec.resources": {"limits": {"nvidia.com/gpu": 1}}}),
    Valid("a GPU as text, memory as a quantity",
          {"spec.resources": {"limits": {"nvidia.com/gpu": "1", "memory": "16Gi"},
                              "requests": {"cpu": "500m", "memory": "16Gi"}}}),
    Valid("a gateway", {"spec.routing.gateway": GATEWAY}),
    Valid("a gateway with host names, matches and a timeout",
          {"spec.routing.gateway": {
              **GATEWAY,
              "hostnames": ["chat.example.com", "*.example.com"],
              "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}],
              "timeouts": {"request": "1h30m"}}}),
    Valid("variables from a Secret and a ConfigMap",
          {"spec.engine.env": [
              {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}},
              {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "vllm", "key": "mode"}}},
              {"name": "MAX_TOKENS", "value": "512"}]}),
    Valid("a secret in plain text is warned about",
          {"spec.engine.env": [{"name": "HF_TOKEN", "value": "hf_planted"}]},
          [("spec.engine.env[0].value", "put it into a Secret")]),
    Valid("a secret among the arguments is warned about",
          {"spec.engine.args": ["--api-key", "sk-planted", "--max-num-seqs", "8"]},
          [("spec.engine.args[1]", "the value of --api-key stands in plain text: put it into a")]),
    Valid("a secret behind an equals sign is warned about",
          {"spec.engine.args": ["--hf_token=planted"]},
          [("spec.engine.args[0]", "the value of --hf_token stands in plain text")]),
    Valid("an argument that refers to a variable from a Secret",
          {"spec.engine.args": ["--api-key", "$(KEY)"],
           "spec.engine.env": [
               {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "key", "key": "key"}}}]}),
    Valid("an API key of vllm for another container",
          {"spec.podTemplate": {"spec": {"containers": [
              {"name": "sidecar", "image": "me/sidecar", "env": [{"name": "VLLM_API_KEY",
               "valueFrom": {"secretKeyRef": {"name": "key", "key": "key"}}}]}]}}}),
    Valid("arguments that only sound like secrets",
          {"spec.engine.args": ["--image-token-id", "7", "--ssl-key-file", "/tls/key", "--token"]}),
    Valid("a secret in the command of one's own engine is warned about",
          {"spec.engine": {**CUSTOM, "command": ["serve", "--password", "planted"]}},
          [("spec.engine.command[2]", "the value of --password stands in plain text")]),
    Valid("a secret among the arguments of a sidecar is warned about",
          {"spec.podTemplate": {"spec": {"containers": [
              {"name": "sidecar", "image": "me/sidecar", "args": ["--token=planted"]}]}}},
          [("spec.podTemplate.spec.containers[0].args[0]", "the value of --token stands in")]),
    Valid("a pod template that chooses nodes",
          {"spec.podTemplate": {"spec": {"nodeSelector": {"gpu": "a100"}}}}),
    Valid("a label that is called like a list of containers",
          {"spec.podTemplate": {"metadata": {"labels": {"env": "prod"}}}}),
    Valid("containers that replace ours",
          {"spec.podTemplate": {"spec": {"containers": [
              {"$patch": "replace"}, {"name": "model-server", "image": "me/server"}]}}}),
    Valid("a whole pod template that replaces ours",
          {"spec.podTemplate": {"$patch": "replace", "spec": {"containers": [
              {"name": "model-server", "image": "me/server"}]}}}),
    Valid("a pod template that reads a ConfigMap is warned about",
          {"spec.podTemplate": {"spec": {"volumes": [
              {"name": "rules", "configMap": {"name": "rules"}}]}}},
          [("spec.podTemplate.spec.volumes[0].configMap", "not frozen")]),
    Valid("a pod template with a secret in plain text is warned about",
          {"spec.podTemplate": {"spec": {"containers": [
              {"name": "sidecar", "image": "me/sidecar",
               "env": [{"name": "API_KEY", "value": "planted"}]}]}}},
          [("spec.podTemplate.spec.containers[0].env[0].value", "API_KEY stands in plain text")]),
    Valid("a size limit beside a claim is warned about",
          {"spec.model.cache": {"claimName": "cache", "sizeLimit": "10Gi"}},
          [("spec.model.cache.sizeLimit", "bounds an emptyDir only")]),
    Valid("credentials that nothing is fetched with are warned about",
          {"spec.model.uri": "image:///m.gguf", "spec.model.credentialsSecretRef": {"name": "hf"}},
          [("spec.model.credentialsSecretRef", "nothing is fetched with it")]),
    Valid("a cache that nothing is kept in is warned about",
          {"spec.engine.type": "llamacpp", "spec.model.uri": "image:///m.gguf",
           "spec.model.cache": {"claimName": "cache"}},
          [("spec.model.cache", "nothing is fetched, so nothing is cached")]),
    Valid("a label that is not the user's to set is warned about",
          {"spec.podTemplate": {"metadata": {"labels": {"rocksteady.dev/revision": "x"}}}},
          [("spec.podTemplate.metadata.labels[rocksteady.dev/revision]", "ignored: Services")]),
    Valid("autoscaling is warned about",
          {"spec.autoscaling": {"maxReplicas": 4, "metric": "QueueLength", "target": 10}},
          [("spec.autoscaling", "not acted on yet: minReplicas (1) are run")]),
    Valid("a policy is warned about",
          {"spec.metricsSource": "default",
           "spec.slos": {"availability": {"objectivePercent": "99.5"},
                         "timeToFirstToken": {"objectivePercent": "97",
                                              "thresholdMilliseconds": 750}},
           "spec.rollout": {"steps": [{"weightPercent": 5}, {"weightPercent": 50}],
                            "metrics": [GATE]},
           "spec.evaluations": [{"suite": "golden", "stage": "BeforeTraffic", "marginPoints": "2"},
                                {"suite": "golden", "stage": "Scheduled",
                                 "intervalSeconds": 86400}],
           "spec.guard": {"drift": {"action": "Alert"}}},
          [("spec.metricsSource", "not acted on yet"), ("spec.slos", "not acted on yet"),
           ("spec.rollout", "not acted on yet"), ("spec.evaluations", "not acted on yet"),
           ("spec.guard", "not acted on yet")]),
    Valid("a single step", {"spec.rollout": {"steps": [{"weightPercent": 100}]}},
          [("spec.rollout", "not acted on yet")]),
    Valid("an objective of exactly 100",
          {"spec.slos": {"availability": {"objectivePercent": "100"}}},
          [("spec.slos", "not acted on yet")]),
)  # fmt: skip

INVALID: Final = (
    # Names and envelope.
    Invalid("a name that starts with a digit", {"metadata.name": "7b-chat"},
            "metadata.name", "must be at most 40 lower case", "metadata.name must be"),
    Invalid("a name of 41 characters", {"metadata.name": "a" * 41},
            "metadata.name", "must be at most 40 lower case", "metadata.name must be"),
    Invalid("a name with a dot", {"metadata.name": "chat.v1"},
            "metadata.name", "must be at most 40 lower case", "metadata.name must be"),
    Invalid("no spec", {"spec": GONE}, "spec", "is required", "spec: Required value"),
    # Unknown fields: the API server refuses them under strict field validation, as kubectl asks.
    Invalid("a misspelt field", {"spec.replica": 2},
            "spec.replica", "did you mean replicas?",
            'unknown field "spec.replica"', lint_only=True),
    Invalid("a field in snake case", {"spec.pod_template": {}},
            "spec.pod_template", "did you mean podTemplate?",
            'unknown field "spec.pod_template"', lint_only=True),
    Invalid("a field at the wrong level", {"spec.image": "vllm/vllm-openai"},
            "spec.image", "belongs to spec.engine.image",
            'unknown field "spec.image"', lint_only=True),
    Invalid("a field that is like no other", {"spec.engine.zzz": 1},
            "spec.engine.zzz", "known here are type, image",
            'unknown field "spec.engine.zzz"', lint_only=True),
    Invalid("an unknown field inside of a list",
            {"spec.model.adapters": [{**LORA, "rank": 8}]},
            "spec.model.adapters[0].rank", "unknown field",
            'unknown field "spec.model.adapters[0].rank"', lint_only=True),
    # Types, bounds and choices of single fields.
    Invalid("an unknown engine", {"spec.engine.type": "vlm"}, "spec.engine.type",
            "must be one of vllm, sglang, tgi, llamacpp, ollama, custom, not 'vlm';"
            " did you mean vllm?", 'Unsupported value: "vlm"'),
    Invalid("no engine image", {"spec.engine.image": GONE},
            "spec.engine.image", "is required: Container image", "spec.engine.image: Required"),
    Invalid("an image left empty, as in 'image:'", {"spec.engine.image": None},
            "spec.engine.image", "is required: Container image", "spec.engine.image: Required"),
    Invalid("an image with a space", {"spec.engine.image": "vllm latest"},
            "spec.engine.image", "must be an image reference without spaces", "spec.engine.image"),
    Invalid("negative replicas", {"spec.replicas": -1},
            "spec.replicas", "must be from 0 to 1000, not -1", "spec.replicas"),
    Invalid("more replicas than are supported", {"spec.replicas": 1001},
            "spec.replicas", "must be from 0 to 1000, not 1001", "spec.replicas"),
    Invalid("replicas as text", {"spec.replicas": "2"}, "spec.replicas",
            "must be a whole number, not '2': leave out the quotes", 'type integer: "string"'),
    Invalid("replicas as a boolean", {"spec.replicas": True}, "spec.replicas",
            "must be a whole number, not true", 'type integer: "boolean"'),
    Invalid("half a replica", {"spec.replicas": 1.5}, "spec.replicas",
            "must be a whole number, not 1.5", "spec.replicas"),
    Invalid("arguments as one text", {"spec.engine.args": "--max-num-seqs 8"}, "spec.engine.args",
            "must be a list, not", 'type array: "string"'),
    Invalid("an argument that is a number", {"spec.engine.args": ["--seed", 7]},
            "spec.engine.args[1]", "must be text, not 7: put it in quotes",
            'type string: "integer"'),
    Invalid("more arguments than are supported", {"spec.engine.args": ["-x"] * 129},
            "spec.engine.args", "must have at most 128 entries, has 129", "at most 128 items"),
    Invalid("a version with letters", {"spec.engine.version": "v0.20"}, "spec.engine.version",
            "must be a version of 1 to 3 numbers", "spec.engine.version"),
    Invalid("a quantity below zero", {"spec.resources": {"limits": {"memory": -1}}},
            "spec.resources.limits.memory", "must be a quantity such as", "spec.resources.limits"),
    Invalid("a quantity that is none", {"spec.resources": {"limits": {"nvidia.com/gpu": "one"}}},
            "spec.resources.limits[nvidia.com/gpu]", "must be a quantity such as",
            "spec.resources.limits"),
    Invalid("a gateway without parent",
            {"spec.routing.gateway": {"parentRefs": []}}, "spec.routing.gateway.parentRefs",
            "must have at least 1 entry, has 0", "should have at least 1 items"),
    Invalid("a host name with a scheme",
            {"spec.routing.gateway": {**GATEWAY, "hostnames": ["https://chat.example.com"]}},
            "spec.routing.gateway.hostnames[0]", "must be a host name", "hostnames[0]"),
    Invalid("a timeout without unit",
            {"spec.routing.gateway": {**GATEWAY, "timeouts": {"request": "30"}}},
            "spec.routing.gateway.timeouts.request", "must be a duration", "timeouts.request"),
    Invalid("an objective over 100",
            {"spec.slos": {"availability": {"objectivePercent": "100.5"}}},
            "spec.slos.availability.objectivePercent",
            "must be a percentage from 0 to 100 as a string", "objectivePercent"),
    Invalid("an objective as a number",
            {"spec.slos": {"availability": {"objectivePercent": 99.5}}},
            "spec.slos.availability.objectivePercent",
            'as a string, such as "99.5", not 99.5: put it in quotes', 'type string: "number"'),
    Invalid("a metrics source by URL", {"spec.metricsSource": "http://prometheus:9090"},
            "spec.metricsSource", "must be a name of lower case letters", "spec.metricsSource"),
    Invalid("an autoscaling metric that does not exist",
            {"spec.autoscaling": {"maxReplicas": 2, "metric": "Memory", "target": 1}},
            "spec.autoscaling.metric", "must be one of QueueLength, RunningRequests, Cpu",
            'Unsupported value: "Memory"'),
    Invalid("a query left empty",
            {"spec.rollout": {"metrics": [{**GATE, "query": ""}]}}, "spec.rollout.metrics[0].query",
            "must have 1 to 4096 characters, has 0", "spec.rollout.metrics[0].query"),
    Invalid("an image name longer than a page", {"spec.engine.image": "a" * 600},
            "spec.engine.image", "must have at most 512 characters, has 600", "Too long"),
    # Model URIs.
    Invalid("an unknown scheme", {"spec.model.uri": "ftp://models/smollm2"},
            "spec.model.uri", "no known scheme: use one of hf://", "uri must start with one of"),
    Invalid("a URI without scheme", {"spec.model.uri": "org/name"},
            "spec.model.uri", "must be a URI that starts with one of hf://", "spec.model.uri"),
    Invalid("a Hugging Face name without organisation", {"spec.model.uri": "hf://smollm2"},
            "spec.model.uri", "must read hf://organisation/name", None),
    Invalid("a file for llama.cpp without organisation",
            {"spec.model.uri": "hf://m.gguf", "spec.engine.type": "llamacpp"},
            "spec.model.uri", "must read hf://organisation/name", None),
    Invalid("an artifact with a short digest", {"spec.model.uri": "oci://models/m@sha256:abc"},
            "spec.model.uri", "must read oci://", None),
    Invalid("a path that climbs out of the claim", {"spec.model.uri": "pvc://models/../secrets"},
            "spec.model.uri", "must not climb out", None),
    Invalid("a claim that cannot exist", {"spec.model.uri": "pvc://My_Models/m"},
            "spec.model.uri", "must read pvc://claim[/path]", None),
    Invalid("a password in a URI",
            {"spec.model.uri": "https://me:planted@example.com/m.gguf",
             "spec.engine.type": "llamacpp"},
            "spec.model.uri", "must not carry a user or password", None),
    Invalid("a password in a URI without a file",
            {"spec.model.uri": "https://me:planted@example.com", "spec.engine.type": "llamacpp"},
            "spec.model.uri", "must not carry a user or password: put them into the Secret", None),
    Invalid("a key in the URI of a bucket", {"spec.model.uri": "s3://AKIA:planted@bucket/m"},
            "spec.model.uri", "must not carry a user or password", None),
    Invalid("a bucket that cannot exist", {"spec.model.uri": "gs://planted:8000/m"},
            "spec.model.uri", "must read gs://bucket/prefix", None),
    Invalid("a user in the URI of an artifact", {"spec.model.uri": "oci://me:planted@host/m"},
            "spec.model.uri", "must read oci://", None),
    Invalid("a password after capital letters", {"spec.model.uri": "HTTPS://me:planted@host/m"},
            "spec.model.uri", "must be a URI that starts with one of hf://", "spec.model.uri"),
    Invalid("a path in the image that is not absolute", {"spec.model.uri": "image://models/m"},
            "spec.model.uri", "must read image:///absolute/path", None),
    Invalid("one file for an engine that loads a folder",
            {"spec.model.uri": "https://example.com/model.safetensors"},
            "spec.model.uri", "engine vllm loads a folder", None),
    Invalid("an archive from the web", {"spec.model.uri": "https://example.com/model.tar.gz"},
            "spec.model.uri", "model.tar.gz is one file of another kind: name its folder", None),
    Invalid("a folder from the web",
            {"spec.model.uri": "https://example.com/models/", "spec.engine.type": "llamacpp"},
            "spec.model.uri", "must read https://host/file", None),
    Invalid("a repository for an engine that loads one file", {"spec.engine.type": "llamacpp"},
            "spec.model.uri", "engine llamacpp loads one .gguf file: name it, as in"
            " hf://HuggingFaceTB/SmolLM2-135M-Instruct/model-q4_k_m.gguf@<commit>", None),
    Invalid("weights of another format for an engine that loads one file",
            {"spec.model.uri": "s3://bucket/model.safetensors", "spec.engine.type": "ollama"},
            "spec.model.uri", "loads one .gguf file, but model.safetensors is none", None),
    # What an engine makes of a field.
    Invalid("a name that the engine takes apart",
            {"spec.model.name": "smollm2:v1", "spec.engine.type": "sglang"},
            "spec.model.name", "reads what follows ':' as the name of a LoRA adapter", None),
    Invalid("a flag that probes rely on", {"spec.engine.args": ["--port=9"]},
            "spec.engine.args", "--port is set by Rocksteady", None),
    Invalid("an API key where the probes do not see it",
            {"spec.podTemplate": {"spec": {"containers": [
                {"name": "model-server", "env": [{"name": "VLLM_API_KEY", "valueFrom": {
                    "secretKeyRef": {"name": "key", "key": "key"}}}]}]}}},
            "spec.podTemplate.spec.containers[0].env[0]",
            "put VLLM_API_KEY into spec.engine.env", None),
    # Fields that depend on each other.
    Invalid("both replicas and autoscaling",
            {"spec.replicas": 2,
             "spec.autoscaling": {"maxReplicas": 4, "metric": "QueueLength", "target": 10}},
            "spec", "give either replicas or autoscaling, not both",
            "give either replicas or autoscaling, not both"),
    Invalid("fewer replicas at most than at least",
            {"spec.autoscaling": {"minReplicas": 5, "maxReplicas": 4, "metric": "Cpu",
                                  "target": 80}},
            "spec.autoscaling", "minReplicas must not be greater than maxReplicas",
            "minReplicas must not be greater than maxReplicas"),
    Invalid("adapters for an engine that serves none",
            {"spec.model.adapters": [LORA], "spec.engine.type": "tgi"},
            "spec", "model.adapters need engine type vllm or sglang",
            "model.adapters need engine type vllm or sglang"),
    Invalid("an adapter that is named like the model",
            {"spec.model.adapters": [{**LORA, "name": "smollm2"}]},
            "spec.model", "an adapter must not be named like the model",
            "an adapter must not be named like the model"),
    Invalid("two adapters of one name", {"spec.model.adapters": [LORA, LORA]},
            "spec.model.adapters[1].name", "an adapter named 'sql' is given already",
            "spec.model.adapters[1]: Duplicate value"),
    Invalid("an adapter in the image of the engine",
            {"spec.model.adapters": [{**LORA, "uri": "image:///lora"}]},
            "spec.model.adapters[0]", "an adapter cannot be baked into the engine's image",
            "an adapter cannot be baked into the engine's image"),
    Invalid("an adapter from an unknown scheme",
            {"spec.model.adapters": [{**LORA, "uri": "ftp://lora/sql"}]},
            "spec.model.adapters[0].uri", "no known scheme", "uri must start with one of"),
    Invalid("an adapter that is one file",
            {"spec.model.adapters": [{**LORA, "uri": "https://example.com/lora.safetensors"}]},
            "spec.model.adapters[0].uri", "names a single file, and an adapter is a folder", None),
    Invalid("a command for an engine that has its own", {"spec.engine.command": ["serve"]},
            "spec.engine", "command, port and readinessPath are for engine type custom",
            "command, port and readinessPath are for engine type custom"),
    Invalid("a port for an engine that has its own", {"spec.engine.port": 8000},
            "spec.engine", "leave out port",
            "command, port and readinessPath are for engine type custom"),
    Invalid("an engine of one's own without port",
            {"spec.engine": {"type": "custom", "image": "me/server"}},
            "spec.engine", "engine type custom needs port", "engine type custom needs port"),
    Invalid("steps that fall",
            {"spec.rollout": {"steps": [{"weightPercent": 50}, {"weightPercent": 10}]}},
            "spec.rollout", "steps must ascend", "steps must ascend"),
    Invalid("steps that repeat",
            {"spec.rollout": {"steps": [{"weightPercent": 10}, {"weightPercent": 10}]}},
            "spec.rollout", "not 10, 10", "steps must ascend"),
    Invalid("no steps at all", {"spec.rollout": {"steps": []}},
            "spec.rollout.steps", "must have at least 1 entry", "should have at least 1 items"),
    Invalid("a gate without bound",
            {"spec.rollout": {"metrics": [{"name": "refusals", "query": "sum(refusals)"}]}},
            "spec.rollout.metrics[0]", "give at least one of minValue, maxValue",
            "give at least one of minValue, maxValue"),
    Invalid("a gate whose bounds exclude everything",
            {"spec.rollout": {"metrics": [{**GATE, "minValue": "1"}]}},
            "spec.rollout.metrics[0].minValue", "must not be greater than maxValue (0.05)", None),
    Invalid("two gates of one name", {"spec.rollout": {"metrics": [GATE, GATE]}},
            "spec.rollout.metrics[1].name", "a metric named 'refusals' is given already",
            "spec.rollout.metrics[1]: Duplicate value"),
    Invalid("a scheduled evaluation without interval",
            {"spec.evaluations": [{"suite": "golden", "stage": "Scheduled"}]},
            "spec.evaluations[0]", "intervalSeconds is needed for stage Scheduled",
            "intervalSeconds is needed for stage Scheduled"),
    Invalid("an interval for an evaluation that is not scheduled",
            {"spec.evaluations": [
                {"suite": "golden", "stage": "BeforeTraffic", "intervalSeconds": 3600}]},
            "spec.evaluations[0]", "intervalSeconds is needed for stage Scheduled and only there",
            "intervalSeconds is needed for stage Scheduled and only there"),
    # What the API server learns only when the Deployment is applied.
    Invalid("a variable given twice",
            {"spec.engine.env": [{"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"}]},
            "spec.engine.env[1].name", "'MODE' is given already: keep one", None),
    Invalid("a variable that is a number", {"spec.engine.env": [{"name": "SEED", "value": 7}]},
            "spec.engine.env[0].value", "must be text: put it in quotes", None),
    Invalid("a variable without name", {"spec.engine.env": [{"value": "a"}]},
            "spec.engine.env[0].name", "must be a name without '='", None),
    Invalid("a variable with an unknown field",
            {"spec.engine.env": [{"name": "MODE", "from": "a"}]},
            "spec.engine.env[0].from", "known here are name, value, valueFrom", None),
    Invalid("a variable with value and source",
            {"spec.engine.env": [{"name": "MODE", "value": "a", "valueFrom": {
                "fieldRef": {"fieldPath": "metadata.name"}}}]},
            "spec.engine.env[0]", "either value or valueFrom", None),
    Invalid("a variable from a Secret without key",
            {"spec.engine.env": [{"name": "MODE", "valueFrom": {"secretKeyRef": {"name": "hf"}}}]},
            "spec.engine.env[0].valueFrom.secretKeyRef", "name of a Secret and a key of it", None),
    Invalid("a variable from two sources",
            {"spec.engine.env": [{"name": "MODE", "valueFrom": {"fieldRef": {}, "b": {}}}]},
            "spec.engine.env[0].valueFrom", "exactly one source", None),
    Invalid("a request above its limit",
            {"spec.resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2G"}}},
            "spec.resources.requests.memory", "must not be greater than limits", None),
    Invalid("a GPU that is requested without limit",
            {"spec.resources": {"requests": {"nvidia.com/gpu": 1}}},
            "spec.resources.requests[nvidia.com/gpu]", "must equal limits", None),
    Invalid("half a GPU", {"spec.resources": {"limits": {"nvidia.com/gpu": "500m"}}},
            "spec.resources.limits[nvidia.com/gpu]", "must be a whole number", None),
    Invalid("a GPU count with a unit", {"spec.resources": {"limits": {"nvidia.com/gpu": "1Gi"}}},
            "spec.resources.limits", "accelerators come in whole numbers", None),
    Invalid("a pod template without its spec",
            {"spec.podTemplate": {"nodeSelector": {"gpu": "a100"}}},
            "spec.podTemplate.nodeSelector", "did you mean podTemplate.spec.nodeSelector?", None),
    Invalid("a pod template whose spec is a list", {"spec.podTemplate": {"spec": []}},
            "spec.podTemplate.spec", "must be a group of fields", None),
    Invalid("a container without name",
            {"spec.podTemplate": {"spec": {"containers": [{"image": "busybox"}]}}},
            "spec.podTemplate.spec.containers[0].name", "model-server is the model server", None),
    Invalid("containers that are no list", {"spec.podTemplate": {"spec": {"containers": {}}}},
            "spec.podTemplate.spec.containers", "a pod template has a list there", None),
    Invalid("containers that are no list, in a spec that replaces ours",
            {"spec.podTemplate": {"spec": {"$patch": "replace", "containers": {"a": 1}}}},
            "spec.podTemplate.spec.containers", "a pod template has a list there", None),
    Invalid("labels that are a list, in metadata that replaces ours",
            {"spec.podTemplate": {"metadata": {"$patch": "replace", "labels": ["x"]}}},
            "spec.podTemplate.metadata.labels", "a pod template has an object there", None),
    Invalid("a directive that does not exist",
            {"spec.podTemplate": {"spec": {"nodeSelector": {"$patch": "remove"}}}},
            "spec.podTemplate.spec.nodeSelector",
            "has $patch: 'remove', but only $patch: replace and $patch: delete work here", None),
    Invalid("labels that are a list, in a template that replaces ours",
            {"spec.podTemplate": {"$patch": "replace", "metadata": {"labels": ["x"]}}},
            "spec.podTemplate.metadata.labels", "a pod template has an object there", None),
    Invalid("a pod template that replaces ours by nothing",
            {"spec.podTemplate": {"$patch": "replace"}},
            "spec.podTemplate.spec.containers", "no container 'model-server' is left", None),
    Invalid("a pod template that takes the server out",
            {"spec.podTemplate": {"spec": {"containers": [
                {"name": "model-server", "$patch": "delete"}]}}},
            "spec.podTemplate.spec.containers", "no container 'model-server' is left", None),
    Invalid("a container whose name is mistyped",
            {"spec.podTemplate": {"spec": {"containers": [{"name": "modelserver"}]}}},
            "spec.podTemplate.spec.containers",
            "the container of the engine is named 'model-server'", None),
)  # fmt: skip
