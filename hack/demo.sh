#!/usr/bin/env bash
# The main job on the local cluster: apply an LLMDeployment, wait until it serves, ask it something.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
KUBECONFIG=$($python -m hack.local_cluster kubeconfig)
export KUBECONFIG
kubectl=$($python -m hack.local_cluster build kubernetes/kubectl)
gateway=$($python -m hack.local_cluster address gateway)

step() { printf '\n\033[1m%s\033[0m\n' "$1"; }
show() {
  printf '  $ %s\n' "$*"
  "$@"
}
kubectl() { "$kubectl" "$@"; }

step "A model as a Kubernetes object (examples/demo/chat.yaml)"
# By force: who followed the advice below owns some of the fields by now.
show kubectl apply --server-side --force-conflicts -f examples/demo/namespace.yaml
show kubectl apply --server-side --force-conflicts -f examples/demo/chat.yaml
show kubectl wait --for=condition=Ready llmdep/chat -n demo --timeout=180s

step "What it became"
show kubectl get llmdep -n demo
show kubectl get deployment,service,httproute -n demo

step "A question through the gateway, answered by SmolLM2 135M"
question='{"model": "smollm2", "max_tokens": 48, "messages": [{"role": "user", "content": "In one sentence: why is the sky blue?"}]}'
printf "  $ curl -H 'Host: chat.example.com' %s/v1/chat/completions -d '%s'\n" "$gateway" "$question"
answer=$(curl --silent --show-error --fail --noproxy '*' --max-time 120 --retry 5 --retry-all-errors \
  -H "Host: chat.example.com" -H "Content-Type: application/json" \
  "$gateway/v1/chat/completions" -d "$question")
$python -c 'import json, sys; print(json.load(sys.stdin)["choices"][0]["message"]["content"])' <<<"$answer"

step "How to go on"
cat <<TEXT
  export KUBECONFIG=$KUBECONFIG
  kubectl scale llmdep/chat -n demo --replicas=2     one more server
  kubectl edit llmdep chat -n demo                   change engine.args: the new revision takes over when it is ready
  kubectl describe llmdep chat -n demo               conditions and Events, in sentences
  make cluster-down                                  stop everything
TEXT
