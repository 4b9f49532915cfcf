#!/usr/bin/env bash
# The main job on the local cluster: serve a model, then change it twice under load. The good change is
# promoted, the bad one is rolled back, each with its reasons.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python
KUBECONFIG=$($python -m hack.local_cluster kubeconfig)
export KUBECONFIG
kubectl=$($python -m hack.local_cluster build kubernetes/kubectl)
vegeta=$($python -m hack.local_cluster build vegeta)
gateway=$($python -m hack.local_cluster address gateway)
scratch=$(mktemp -d)
load=""
trap '[ -z "$load" ] || kill "$load" 2>/dev/null || true; rm -rf "$scratch"' EXIT

step() { printf '\n\033[1m%s\033[0m\n' "$1"; }
show() {
  printf '  $ %s\n' "$*"
  "$@"
}
kubectl() { "$kubectl" "$@"; }
rocksteady() { .venv/bin/rocksteady "$@"; }

# Apply a file and wait until the rollout that it begins has ended; the outcome is what is expected.
roll_out() {
  local file=$1 outcome=$2 before name
  before=$(kubectl get llmdep chat -n demo -o 'jsonpath={.status.rollout.name}')
  show kubectl apply --server-side --force-conflicts -f "$file"
  for _ in $(seq 60); do
    name=$(kubectl get llmdep chat -n demo -o 'jsonpath={.status.rollout.name}')
    [ -n "$name" ] && [ "$name" != "$before" ] && break
    sleep 1
  done
  show kubectl wait "llmrollout/$name" -n demo --for="jsonpath={.status.phase}=Finished" --timeout=600s
  show rocksteady explain chat -n demo
  show rocksteady replay chat -n demo
  [ "$(kubectl get llmrollout "$name" -n demo -o 'jsonpath={.status.outcome}')" = "$outcome" ]
}

step "A model as a Kubernetes object (examples/demo/chat.yaml)"
show kubectl apply --server-side --force-conflicts -f examples/demo/namespace.yaml
# What an earlier demo left behind would be rolled out from, and not served first.
kubectl delete llmdep chat -n demo --ignore-not-found --timeout=60s >/dev/null
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

step "Users: four questions a second, until the end of the demo"
printf '{"model": "smollm2", "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}' >"$scratch/question.json"
printf 'POST %s/v1/chat/completions\nHost: chat.example.com\nContent-Type: application/json\n@%s\n' "$gateway" "$scratch/question.json" >"$scratch/targets"
"$vegeta" attack -targets "$scratch/targets" -rate 4 -duration 30m -timeout 60s -output "$scratch/answers" &
load=$!
sleep 15

step "A good change (examples/demo/chat-better.yaml) becomes a canary and is promoted"
roll_out examples/demo/chat-better.yaml Promoted

step "A bad change (examples/demo/chat-slow.yaml) becomes a canary and is rolled back"
roll_out examples/demo/chat-slow.yaml RolledBack

step "What came of it"
show rocksteady status chat -n demo
show rocksteady history chat -n demo

step "What the users saw meanwhile"
kill -INT "$load" && wait "$load" || true
load=""
"$vegeta" report "$scratch/answers"

step "How to go on"
cat <<TEXT
  export KUBECONFIG=$KUBECONFIG PATH=$PWD/.venv/bin:$(dirname "$kubectl"):\$PATH
  kubectl scale llmdep/chat -n demo --replicas=2     one more server
  kubectl edit llmdep chat -n demo                   change engine.args: another canary
  rocksteady promote chat -n demo                    it waits for requests, this does not
  rocksteady status chat -n demo --watch             see how it fares
  kubectl describe llmdep chat -n demo               conditions and Events, in sentences
  make cluster-down                                  stop everything
TEXT
