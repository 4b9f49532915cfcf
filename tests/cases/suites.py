"""EvaluationSuites, for the unit tests and for the real API server alike."""

from typing import Any, Final

from tests.cases.manifests import DIGEST, GONE, Invalid, Valid

INLINE: Final = "spec.items.inline"
CONFIG_MAP: Final = {"configMap": {"name": "questions", "key": "items.jsonl"}}
ENDPOINT: Final = {"baseUrl": "http://judge.evals:8000/v1", "model": "judge-7b"}
HARNESS: Final = {"type": "LMEval", "lmEval": {"tasks": ["gsm8k"], "metric": "exact_match"}}
INSPECT: Final = {"type": "Inspect", "inspect": {"tasks": ["inspect_evals/gsm8k"]}}
CUSTOM: Final = {"type": "Custom", "image": f"me/runner@{DIGEST}"}
CONTAINS: Final = {"type": "Contains", "texts": ["Paris"]}


def item(*checks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An item with these checks, or with one that is valid."""
    return {"id": "a", "prompt": "Capital?", "checks": list(checks) or [CONTAINS]} | fields


def checked(*checks: dict[str, Any]) -> dict[str, Any]:
    """As changes: a suite of one item with these checks."""
    return {INLINE: [item(*checks)]}


VALID_SUITES: Final = (
    Valid("one item"),
    Valid(
        "every check that needs no other model",
        checked(
            {"type": "Contains", "texts": ["Paris", "paris"], "negate": True},
            {"type": "Exact", "texts": ["4", "four"], "ignoreCase": True},
            {"type": "Regex", "pattern": r"(?i)\bparis\b"},
            {"type": "JsonSchema", "jsonSchema": {"type": "object", "required": ["city"]}},
            {"type": "MultipleChoice", "options": ["Paris", "Rome"], "answer": "A"},
        ),
    ),
    Valid(
        "checks that need other models",
        {
            **checked(
                {"type": "Similarity", "texts": ["Paris"], "minSimilarityPercent": "80"},
                {"type": "ModelGraded", "criterion": "It names the capital."},
            ),
            "spec.judge": {
                **ENDPOINT,
                "apiKeySecretRef": {"name": "evaluation-judge", "key": "token"},
            },
            "spec.embedder": ENDPOINT,
        },
    ),
    Valid(
        "a schema of an older draft with a reference inside of itself",
        checked(
            {
                "type": "JsonSchema",
                "jsonSchema": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "definitions": {"n": {"type": "integer"}},
                    "$ref": "#/definitions/n",
                },
            }
        ),
    ),
    Valid("JSON of any form", checked({"type": "JsonSchema", "jsonSchema": {}})),
    Valid("an empty prompt, which a model must cope with", {INLINE: [item(prompt="")]}),
    Valid(
        "a conversation",
        {
            INLINE: [
                item(
                    prompt=GONE and None,
                    messages=[
                        {"role": "system", "content": "Be brief."},
                        {"role": "user", "content": "Capital of France?"},
                    ],
                )
            ]
        },
    ),
    Valid(
        "as many items as fit",
        {INLINE: [item(id=f"i{number}") for number in range(1000)], "spec.marginPoints": "2"},
    ),
    Valid("a safety suite", {"spec.kind": "Safety", "spec.marginPoints": GONE}),
    Valid(
        "gates beyond accuracy",
        {
            "spec.minScorePercent": "60",
            "spec.maxOutputTokensIncreasePercent": 25,
            "spec.maxLatencyIncreasePercent": 15,
        },
    ),
    Valid("items from a ConfigMap", {"spec.items": CONFIG_MAP}),
    Valid(
        "items of the Hub at a commit",
        {
            "spec.items": {
                "uri": "hf://org/questions/items.jsonl@7e27bd9",
                "credentialsSecretRef": {"name": "evaluation-hub"},
            }
        },
    ),
    Valid(
        "items that are anonymised",
        {"spec.items": {"uri": f"oci://evals/samples@{DIGEST}", "anonymise": True}},
    ),
    Valid(
        "items of the Hub at a branch are warned about",
        {"spec.items": {"uri": "hf://org/questions/items.jsonl@main"}},
        [
            (
                "spec.items.uri",
                "as in hf://organisation/name@<commit>; until then results are compared by what",
            )
        ],
    ),
    Valid(
        "items of a claim are warned about",
        {"spec.items": {"uri": "pvc://evaluation-questions/items.json"}},
        [("spec.items.uri", "not pinned: a claim cannot be pinned")],
    ),
    Valid(
        "credentials for what is mounted are warned about",
        {
            "spec.items": {
                "uri": f"oci://evals/questions@{DIGEST}",
                "credentialsSecretRef": {"name": "evaluation-hub"},
            }
        },
        [("spec.items.credentialsSecretRef", "is not used: oci:// is mounted by the kubelet")],
    ),
    Valid("items in an artifact", {"spec.items": {"uri": f"oci://evals/questions@{DIGEST}"}}),
    Valid(
        "lm-evaluation-harness",
        {"spec.items": GONE, "spec.runner": {**HARNESS, "image": f"me/harness@{DIGEST}"}},
    ),
    Valid(
        "lm-evaluation-harness of whatever version is warned about",
        {"spec.items": GONE, "spec.runner": HARNESS},
        [("spec.runner.image", "Until then results are compared by what is written here only")],
    ),
    Valid(
        "inspect_ai of whatever version is warned about",
        {"spec.items": GONE, "spec.runner": INSPECT},
        [("spec.runner.image", "absent: a newer operator may bring tasks")],
    ),
    Valid(
        "an image of one's own with items and a secret by reference",
        {
            "spec.runner": {
                **CUSTOM,
                "args": ["--strict"],
                "env": [
                    {"name": "MODE", "value": ""},
                    {
                        "name": "API_TOKEN",
                        "valueFrom": {"secretKeyRef": {"name": "evaluation-api", "key": "k"}},
                    },
                ],
            }
        },
    ),
    Valid(
        "an image of one's own by tag is warned about",
        {"spec.runner": {**CUSTOM, "image": "me/runner:v1"}},
        [("spec.runner.image", "name@sha256:<digest>; until then results are compared by")],
    ),
    Valid(
        "limits, artifacts, and answers that may be shown",
        {
            "spec.limits": {
                "concurrency": 1,
                "itemTimeoutSeconds": 60,
                "deadlineSeconds": 60,
                "retries": 0,
                "resources": {"limits": {"cpu": 1}},
            },
            "spec.artifacts": {"claimName": "evaluation-artifacts"},
            "spec.reveal": True,
        },
    ),
    Valid(
        "samples at a temperature",
        {
            "spec.sampling": {
                "temperature": "0.7",
                "topP": "0.95",
                "maxTokens": 64,
                "seed": 0,
                "samplesPerItem": 5,
            }
        },
    ),
    Valid(
        "samples at temperature 0 are warned about",
        {"spec.sampling": {"samplesPerItem": 5}},
        [("spec.sampling.samplesPerItem", "at temperature 0 5 samples cost as much")],
    ),
    Valid(
        "too few items for the usual margin are warned about",
        {"spec.marginPoints": GONE},
        [
            (
                "spec.marginPoints",
                "133 items are needed, or a margin of 73.1 points or more",
            )
        ],
    ),
    Valid(
        "no margin at all is warned about",
        {"spec.marginPoints": "0"},
        [("spec.marginPoints", "no number of items is enough")],
    ),
    Valid(
        "more than an annotation holds is warned about",
        {INLINE: [item(prompt="x" * 200_000), item(id="b", prompt="x" * 200_000)]},
        [("spec.items.inline", "use kubectl apply --server-side")],
    ),
)

INVALID_SUITES: Final = (
    Invalid("a name with a dot", {"metadata.name": "golden.v1"},
            "metadata.name", "must be at most 63 lower case letters, digits and '-', since it"
            " becomes the value of a label", "metadata.name must be"),
    Invalid("no items", {"spec.items": GONE}, "spec",
            "runner Builtin needs items: give items.inline", "runner Builtin needs items"),
    Invalid("an empty list of items", {INLINE: []}, INLINE,
            "must have at least 1 entry, has 0", "should have at least 1 items"),
    Invalid("10,000 items in the object",
            {INLINE: [item(id=f"i{number}") for number in range(10_000)]}, INLINE,
            "must have at most 1000 entries, has 10000: write up to 1000 here, and more into a"
            " file", "must have at most 1000 items"),
    Invalid("an item of 1 MiB", {INLINE: [item(prompt="x" * 1_048_576)]}, f"{INLINE}[0].prompt",
            "must have at most 262144 characters, has 1048576: shorten it", "Too long"),
    Invalid("an item of few characters and many bytes", {INLINE: [item(prompt="€" * 100_000)]},
            f"{INLINE}[0]", "must have at most 262144 bytes, has 300071: shorten it", None),
    Invalid("items that are too large together",
            {INLINE: [item(id=f"i{number}", prompt="x" * 240_000) for number in range(4)]},
            INLINE, "must have at most 921600 bytes, has 960288: write them into a file", None),
    Invalid("two items with one id", {INLINE: [item(), item(prompt="Another?")]},
            f"{INLINE}[1].id", "is the id of item 0 too: rename one", "Duplicate value"),
    Invalid("an item without id", {INLINE: [{"prompt": "x", "checks": [CONTAINS]}]},
            f"{INLINE}[0].id", "is required", "id: Required value"),
    Invalid("an id with a space", {INLINE: [item(id="capital of France")]}, f"{INLINE}[0].id",
            "must be a name of letters, digits", f"{INLINE}[0].id"),
    Invalid("an item that asks nothing", {INLINE: [item(prompt=None)]}, f"{INLINE}[0]",
            "give either prompt or messages", "give either prompt or messages"),
    Invalid("an item that asks twice",
            {INLINE: [item(messages=[{"role": "user", "content": "Capital?"}])]},
            f"{INLINE}[0]", "give either prompt or messages", "give either prompt or messages"),
    Invalid("a conversation in which the model had the last word",
            {INLINE: [item(prompt=None, messages=[{"role": "assistant", "content": "Paris."}])]},
            f"{INLINE}[0].messages[0].role",
            "must be user, not assistant: the model answers the last message", None),
    Invalid("an item without checks", {INLINE: [item(checks=[])]}, f"{INLINE}[0].checks",
            "must have at least 1 entry", "should have at least 1 items"),
    Invalid("a text that is no UTF-8", {INLINE: [item(prompt="caf\ud800")]},
            f"{INLINE}[0].prompt", "character 4 is half of a surrogate pair, which is no UTF-8",
            None),
    Invalid("a check of no known type", checked({"type": "contains", "texts": ["Paris"]}),
            f"{INLINE}[0].checks[0].type", "did you mean Contains?",
            'Unsupported value: "contains"'),
    Invalid("a check without its texts", checked({"type": "Contains"}),
            f"{INLINE}[0].checks[0]", "texts are needed for types Contains, Exact and Similarity",
            "texts are needed for types Contains"),
    Invalid("a check with a field of another type", checked({**CONTAINS, "pattern": "Paris"}),
            f"{INLINE}[0].checks[0]", "pattern is needed for type Regex, and only there",
            "pattern is needed for type Regex"),
    Invalid("a pattern and a case", checked(
        {"type": "Regex", "pattern": "paris", "ignoreCase": True}),
            f"{INLINE}[0].checks[0]", "starts with (?i)", "starts with (?i)"),
    Invalid("a pattern that cannot be read", checked({"type": "Regex", "pattern": "Paris("}),
            f"{INLINE}[0].checks[0].pattern",
            "is no regular expression of Python at character 6: missing ), unterminated", None),
    Invalid("a pattern that is too much", checked({"type": "Regex", "pattern": "a{99999999999}"}),
            f"{INLINE}[0].checks[0].pattern", "is more than Python's re can read", None),
    Invalid("a JSON schema that is none", checked(
        {"type": "JsonSchema", "jsonSchema": {"properties": {"n": {"type": "whole"}}}}),
            f"{INLINE}[0].checks[0].jsonSchema",
            "is no JSON Schema: what stands at $.properties.n.type is not what anyOf", None),
    Invalid("a JSON schema with a pattern that cannot be read", checked(
        {"type": "JsonSchema", "jsonSchema": {"type": "string", "pattern": "("}}),
            f"{INLINE}[0].checks[0].jsonSchema", "what stands at $.pattern", None),
    Invalid("a JSON schema of a standard that nobody knows", checked(
        {"type": "JsonSchema", "jsonSchema": {"$schema": "https://example.com/schema"}}),
            f"{INLINE}[0].checks[0].jsonSchema.$schema", "is unknown: leave it out", None),
    Invalid("a JSON schema that is elsewhere", checked(
        {"type": "JsonSchema", "jsonSchema": {"items": [{"$ref": "https://example.com/s"}]}}),
            f"{INLINE}[0].checks[0].jsonSchema", "is no JSON Schema: what stands at $.items", None),
    Invalid("a JSON schema that refers elsewhere", checked(
        {"type": "JsonSchema", "jsonSchema": {"anyOf": [{"$ref": "https://example.com/s"}]}}),
            f"{INLINE}[0].checks[0].jsonSchema", "nothing is fetched, so put it into $defs", None),
    Invalid("a JSON schema as text", checked({"type": "JsonSchema", "jsonSchema": "{}"}),
            f"{INLINE}[0].checks[0].jsonSchema", "must be a group of fields",
            'type object: "string"'),
    Invalid("an answer that is no option", checked(
        {"type": "MultipleChoice", "options": ["Paris", "Rome"], "answer": "C"}),
            f"{INLINE}[0].checks[0].answer",
            "must be a letter of A to B, since there are 2 options", None),
    Invalid("options without answer", checked(
        {"type": "MultipleChoice", "options": ["Paris", "Rome"]}),
            f"{INLINE}[0].checks[0]", "options and answer are needed for type MultipleChoice",
            "options and answer are needed"),
    Invalid("a check that needs a judge who is missing", checked(
        {"type": "ModelGraded", "criterion": "It is polite."}),
            "spec", "judge is needed by checks of type ModelGraded", None),
    Invalid("a check that needs an embedder which is missing", checked(
        {"type": "Similarity", "texts": ["Paris"], "minSimilarityPercent": "80"}),
            "spec", "embedder is needed by checks of type Similarity", None),
    # Where items come from.
    Invalid("items from two places", {"spec.items.configMap": CONFIG_MAP["configMap"]},
            "spec.items", "give exactly one of inline, configMap and uri", "give exactly one of"),
    Invalid("items from nowhere", {"spec.items": {}}, "spec.items",
            "give exactly one of inline, configMap and uri", "should have at least 1 properties"),
    Invalid("credentials for what needs none",
            {"spec.items": {**CONFIG_MAP, "credentialsSecretRef": {"name": "evaluation-hub"}}},
            "spec.items", "credentialsSecretRef is for uri only", "is for uri only"),
    Invalid("items in the object that are to be anonymised", {"spec.items.anonymise": True},
            "spec.items", "anonymise them before you write them there",
            "anonymise is for uri only"),
    Invalid("a file of a kind that cannot be read",
            {"spec.items": {"configMap": {"name": "questions", "key": "items.csv"}}},
            "spec.items.configMap.key", "must end with .jsonl (one item a line) or .json", None),
    Invalid("a folder instead of a file", {"spec.items": {"uri": "hf://org/questions@7e27bd9"}},
            "spec.items.uri", "must end with .jsonl", None),
    Invalid("items in an image", {"spec.items": {"uri": "image:///items.jsonl"}},
            "spec.items.uri", "items cannot come from an image: use one of hf://",
            "uri must start with one of"),
    Invalid("items by a URI with a password",
            {"spec.items": {"uri": "https://me:secret@example.com/items.jsonl"}},
            "spec.items.uri", "put them into the Secret that items.credentialsSecretRef names",
            None),
    # Runners.
    Invalid("the harness without tasks", {"spec.items": GONE, "spec.runner": {"type": "LMEval"}},
            "spec.runner", "lmEval is needed for runner LMEval", "lmEval is needed"),
    Invalid("tasks of another runner",
            {"spec.items": GONE, "spec.runner": {**HARNESS, "inspect": INSPECT["inspect"]}},
            "spec.runner", "inspect is needed for runner Inspect, and only there",
            "inspect is needed for runner Inspect"),
    Invalid("tasks and items", {"spec.runner": HARNESS},
            "spec", "take their items from their tasks: leave out items", "leave out items"),
    Invalid("a runner of one's own without image",
            {"spec.runner": {"type": "Custom"}}, "spec.runner", "runner Custom needs image",
            "runner Custom needs image"),
    Invalid("a command for our own runner",
            {"spec.runner": {"type": "Builtin", "command": ["run"]}}, "spec.runner",
            "command and args are for runner Custom only", "for runner Custom only"),
    Invalid("a runner without type", {"spec.runner": {"image": f"me/runner@{DIGEST}"}},
            "spec.runner.type", "is required", "spec.runner.type: Required"),
    Invalid("a secret that is written out",
            {"spec.runner": {**CUSTOM, "env": [{"name": "API_TOKEN", "value": "planted"}]}},
            "spec.runner.env[0].value", "put it into a Secret and refer to it by", None),
    Invalid("a secret among the arguments",
            {"spec.runner": {**CUSTOM, "args": ["--api-key", "planted"]}},
            "spec.runner.args[1]", "the value of --api-key stands in plain text", None),
    Invalid("a password in the judge's address",
            {"spec.judge": {**ENDPOINT, "baseUrl": "http://me:planted@judge/v1"}},
            "spec.judge.baseUrl", "must be a URL such as", "spec.judge.baseUrl"),
    Invalid("a variable twice",
            {"spec.runner": {**CUSTOM, "env": [{"name": "A", "value": "1"},
                                               {"name": "A", "value": "2"}]}},
            "spec.runner.env[1].name", "'A' is given already: keep one", "Duplicate value"),
    Invalid("a variable that the operator sets",
            {"spec.runner": {**CUSTOM, "env": [{"name": "SEED", "value": "1"}]}},
            "spec.runner.env[0].name", "SEED is set by the operator for each run: leave it out",
            None),
    Invalid("a variable without value", {"spec.runner": {**CUSTOM, "env": [{"name": "A"}]}},
            "spec.runner.env[0]", "give either value or valueFrom", "give either value or"),
    Invalid("a variable from a ConfigMap, which could change beside the content",
            {"spec.runner": {**CUSTOM, "env": [{"name": "A", "valueFrom": {
                "secretKeyRef": {"name": "evaluation-a", "key": "k"},
                "configMapKeyRef": {"name": "a", "key": "k"}}}]}},
            "spec.runner.env[0].valueFrom.configMapKeyRef", "unknown field",
            'unknown field "spec.runner.env[0].valueFrom.configMapKeyRef"', lint_only=True),
    # What is not made for evaluations.
    Invalid("a Secret of others for a runner",
            {"spec.runner": {**CUSTOM, "env": [{"name": "A", "valueFrom": {
                "secretKeyRef": {"name": "database", "key": "k"}}}]}},
            "spec.runner.env[0].valueFrom.secretKeyRef.name", "starts with evaluation-",
            "secretKeyRef.name"),
    Invalid("a Secret of others for a judge",
            {"spec.judge": {**ENDPOINT, "apiKeySecretRef": {"name": "database", "key": "k"}}},
            "spec.judge.apiKeySecretRef.name", "starts with evaluation-", "apiKeySecretRef.name"),
    Invalid("a Secret of others for items",
            {"spec.items": {"uri": "hf://org/questions/items.jsonl@7e27bd9",
                            "credentialsSecretRef": {"name": "database"}}},
            "spec.items.credentialsSecretRef.name", "starts with evaluation-",
            "credentialsSecretRef.name"),
    Invalid("nothing but the prefix",
            {"spec.judge": {**ENDPOINT, "apiKeySecretRef": {"name": "evaluation-", "key": "k"}}},
            "spec.judge.apiKeySecretRef.name", "starts with evaluation-", "apiKeySecretRef.name"),
    Invalid("a claim of others to read", {"spec.items": {"uri": "pvc://models/items.jsonl"}},
            "spec.items.uri", "the name of the claim must start with evaluation-",
            "the name of the claim must start with evaluation-"),
    Invalid("a claim of others to write", {"spec.artifacts": {"claimName": "models"}},
            "spec.artifacts.claimName", "starts with evaluation-", "artifacts.claimName"),
    # Gates, sampling and limits.
    Invalid("a safety suite with a margin", {"spec.kind": "Safety"}, "spec",
            "a suite of kind Safety has no marginPoints", "has no marginPoints"),
    Invalid("a margin below zero", {"spec.marginPoints": "-2"}, "spec.marginPoints",
            "must be percentage points from 0 to 100", "spec.marginPoints"),
    Invalid("a margin as a number", {"spec.marginPoints": 2}, "spec.marginPoints",
            "put it in quotes", 'type string: "integer"'),
    Invalid("a temperature above 2", {"spec.sampling": {"temperature": "2.5"}},
            "spec.sampling.temperature", "must be a number from 0 to 2", "temperature"),
    Invalid("no share of the tokens at all", {"spec.sampling": {"topP": "0.0"}},
            "spec.sampling.topP", "must be a number above 0 and up to 1", "topP"),
    Invalid("samples that a task of LMEval says itself",
            {"spec.items": GONE, "spec.runner": HARNESS, "spec.sampling": {"samplesPerItem": 3}},
            "spec.sampling.samplesPerItem",
            "must be 1 for runner LMEval, not 3: a task says itself how often (repeats)", None),
    Invalid("no sample of an item", {"spec.sampling": {"samplesPerItem": 0}},
            "spec.sampling.samplesPerItem", "must be from 1 to 32, not 0", "samplesPerItem"),
    Invalid("an answer that may take longer than the run",
            {"spec.limits": {"itemTimeoutSeconds": 90, "deadlineSeconds": 60}}, "spec.limits",
            "itemTimeoutSeconds must not be greater than deadlineSeconds", "must not be greater"),
    Invalid("a schedule, which is the deployment's", {"spec.intervalSeconds": 3600},
            "spec.intervalSeconds", "unknown field", 'unknown field "spec.intervalSeconds"',
            lint_only=True),
)  # fmt: skip
