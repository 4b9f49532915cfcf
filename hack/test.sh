#!/usr/bin/env bash
# Run test tiers: test.sh TIER... -- [pytest options]. What a tier needs is started first; a tier that
# cannot run is a failure, never a pass.
set -euo pipefail
cd "$(dirname "$0")/.."
tiers=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  tiers+=("$1")
  shift
done
[ "${1:-}" = -- ] && shift

case " ${tiers[*]} " in
  *" cluster "*)
    .venv/bin/python -m hack.local_cluster up
    hack/operator-up.sh
    ;;
esac
expression=$(printf ' or %s' "${tiers[@]}")
exec .venv/bin/pytest -m "(${expression# or }) and not extended" "$@"
