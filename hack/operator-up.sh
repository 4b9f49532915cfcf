#!/usr/bin/env bash
# Build the operator's image and install CRDs and chart on the local cluster, as a user would.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/locks.sh
hold operator-up
python=.venv/bin/python
KUBECONFIG=$($python -m hack.local_cluster kubeconfig)
export KUBECONFIG
kubectl=$($python -m hack.local_cluster build kubernetes/kubectl)
helm=$($python -m hack.local_cluster build helm)

echo "building the operator's image, the demo model's and the simulated engine's"
images=$($python -m hack.images build rocksteady smollm2-llamacpp simulated-engine)
# shellcheck disable=SC2086 # one argument for each image
$python -m hack.local_cluster load $images
# The digest makes a changed image a changed Deployment.
digest=$(sha256sum $(echo "$images" | head -n 1) | cut -c1-12)

echo "installing the CRDs and the chart"
"$kubectl" apply --server-side --force-conflicts -f crds/ >/dev/null
"$kubectl" wait --for=condition=Established crd/{llmdeployments,llmrollouts,evaluationsuites}.rocksteady.dev --timeout=30s >/dev/null
# Helm refuses a release for ever when it was killed while it installed it: forget such a try.
"$kubectl" delete secret --namespace rocksteady-system --ignore-not-found --selector \
  'owner=helm,name=rocksteady,status in (pending-install,pending-upgrade,pending-rollback)' >/dev/null
"$helm" upgrade --install rocksteady charts/rocksteady \
  --namespace rocksteady-system --create-namespace --skip-crds \
  --values hack/local_cluster/operator-values.yaml --set-string podAnnotations.image="$digest" \
  --wait --timeout 120s >/dev/null
"$kubectl" -n rocksteady-system get deployment rocksteady
