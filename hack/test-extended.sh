#!/usr/bin/env bash
# What is too slow for every change, or breaks the local cluster: the API server tier on the oldest
# and the newest Kubernetes, the Envoy Gateway in Traefik's place, the other harnesses of evaluations,
# and the repair of a broken cluster.
# Every part is run, whatever became of the one before; docs/test-extended.md says how each ended.
# At the end there is an empty cluster with the settings of the one before.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/locks.sh
hold cluster-tests
python=.venv/bin/python
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
kept=$cache/cluster/cluster.json
[ ! -f "$kept" ] || cp "$kept" "$results/"

step() { printf '\n\033[1m%s\033[0m\n' "$1"; }

for version in $($python -m hack.extended_results versions); do
  step "API server of Kubernetes $version"
  ROCKSTEADY_KUBERNETES_VERSIONS=$version hack/test.sh apiserver -- \
    --junitxml="$results/apiserver-$version.xml" || true
done

step "Envoy Gateway"
if $python -m hack.local_cluster up --with envoy-gateway && hack/operator-up.sh; then
  .venv/bin/pytest tests/e2e/test_envoy_gateway.py -m extended \
    --junitxml="$results/envoy-gateway.xml" || true
fi

step "Evaluations by lm-evaluation-harness and inspect_ai"
if $python -m hack.local_cluster up && hack/operator-up.sh; then
  .venv/bin/pytest tests/e2e/test_evaluation_harnesses.py -m extended \
    --junitxml="$results/evaluation-harnesses.xml" || true

  step "Evaluations of 20 canaries"
  .venv/bin/pytest tests/e2e/test_evaluation_ends.py -m extended \
    --junitxml="$results/evaluation-ends.xml" || true
fi

step "A broken cluster and its repair"
$python -m hack.local_cluster.faults | tee "$results/faults.txt" || true

status=0
$python -m hack.extended_results write "$results" || status=$?
step "A cluster as it was chosen before"
# What `up --with` installed stays until the data are gone.
$python -m hack.local_cluster down --purge || status=$?
if [ -f "$results/cluster.json" ]; then
  mkdir -p "$(dirname "$kept")"
  cp "$results/cluster.json" "$kept"
fi
$python -m hack.local_cluster up || status=$?
exit "$status"
