"""A model fetched from a bucket before the engine starts, with credentials from a Secret."""

from tests.e2e.conftest import (
    MODEL_IMAGE,
    RESTRICTED,
    LocalCluster,
    client_for,
    small_model,
    wait_answer,
    wait_ready,
    wait_reason,
)
from tests.kubectl import Manifest

SERVE_BUCKET = (
    "mkdir -p /tmp/models/smollm2 && ln -s /models/model.gguf /tmp/models/smollm2/model.gguf"
    " && exec python3 -m http.server 9000 --directory /tmp"
)
"""As much of S3 as it takes to read one object: HEAD and GET under /bucket/key."""


def bucket(namespace: str) -> list[Manifest]:
    """A pod with a bucket `models`, its Service, the way there, and the Secret that names it."""
    labels = {"app": "bucket"}
    container = {
        "name": "bucket",
        "image": MODEL_IMAGE,
        "command": ["sh", "-c", SERVE_BUCKET],
        "ports": [{"containerPort": 9000}],
        "readinessProbe": {"tcpSocket": {"port": 9000}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    # Without it only port 443 is open to pods that fetch.
    port = {"protocol": "TCP", "port": 9000}
    way_out = {
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "model-server"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"podSelector": {"matchLabels": labels}}], "ports": [port]}],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "bucket", "namespace": namespace, "labels": labels},
            "spec": {"securityContext": RESTRICTED, "containers": [container]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "bucket", "namespace": namespace},
            "spec": way_out,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "bucket", "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 9000}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "bucket", "namespace": namespace},
            "stringData": {
                "AWS_ENDPOINT_URL": f"http://bucket.{namespace}.svc:9000",
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "planted-key",
                "AWS_SECRET_ACCESS_KEY": "planted-secret",
            },
        },
    ]


def model(uri: str) -> Manifest:
    return {"name": "smollm2", "uri": uri, "credentialsSecretRef": {"name": "bucket"}}


def test_fetch__a_model_comes_from_a_bucket_and_answers(
    cluster: LocalCluster, namespace: str
) -> None:
    # Given a bucket with a model in it
    cluster.kubectl.apply(*bucket(namespace))
    cluster.kubectl.run(
        *("wait", "--for=condition=Ready", "pod/bucket", "-n", namespace, "--timeout=60s")
    )

    # When an LLMDeployment names it
    wanted = model("s3://models/smollm2/model.gguf")
    cluster.kubectl.apply(small_model(namespace, "fetched", model=wanted))
    wait_ready(cluster, namespace, "fetched", 180)

    # Then it answers, and its secret is nowhere but in the Secret
    with client_for(cluster, namespace, "fetched") as client:
        wait_answer(client)
        answer = client.chat.completions.create(
            model="smollm2", messages=[{"role": "user", "content": "Hi"}], max_tokens=8
        )
    assert answer.choices[0].message.content
    kinds = "llmdep,deployments,pods,controllerrevisions,configmaps,events"
    dump = cluster.kubectl.run("get", kinds, "-n", namespace, "-o", "yaml")
    logs = cluster.kubectl.run(
        *("logs", "-n", namespace, "--all-containers", "--tail=-1"),
        *("-l", "rocksteady.dev/llmdeployment=fetched"),
    )
    assert "planted-secret" not in dump + logs


def test_fetch__a_key_that_is_not_there_is_said_in_one_sentence(
    cluster: LocalCluster, namespace: str
) -> None:
    cluster.kubectl.apply(*bucket(namespace))

    wanted = model("s3://models/no-such/model.gguf")
    cluster.kubectl.apply(small_model(namespace, "unfetched", model=wanted))

    stalled = wait_reason(cluster, namespace, "unfetched", "Stalled", "FetchFailed", 180)
    assert "s3://models/no-such/model.gguf" in stalled["message"]
    assert "Check spec.model" in stalled["message"]
