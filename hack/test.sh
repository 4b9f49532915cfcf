#!/usr/bin/env bash
# Run test tiers: test.sh TIER... -- [pytest options]. What a tier needs is started first; a tier that
# cannot run, or of which no test is run, is a failure, never a pass.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/locks.sh
python=.venv/bin/python
known="unit golden emulated apiserver cluster"
tiers=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case " $known " in
    *" $1 "*) tiers+=("$1") ;;
    *)
      echo "error: there is no tier '$1': choose from $known" >&2
      exit 2
      ;;
  esac
  shift
done
[ "${1:-}" = -- ] && shift
if [ "${#tiers[@]}" = 0 ]; then
  echo "error: no tier was named: choose from $known" >&2
  exit 2
fi

wanted() {
  case " ${tiers[*]} " in
    *" $1 "*) ;;
    *) return 1 ;;
  esac
}

if wanted apiserver; then
  # Made ready outside the tests, whose time is limited.
  command -v openssl >/dev/null || hack/apt-install.sh openssl >/dev/null
  $python -m hack.local_cluster build etcd kubernetes/kube-apiserver kubernetes/kubectl >/dev/null
  for version in $(tr ',' ' ' <<<"${ROCKSTEADY_KUBERNETES_VERSIONS:-}"); do
    $python -m hack.local_cluster build --kubernetes-version "$version" kubernetes/kube-apiserver >/dev/null
  done
fi
if wanted cluster; then
  # Two runs would delete each other's namespaces.
  hold cluster-tests
  $python -m hack.local_cluster up
  hack/operator-up.sh
  # Last: by now the parts of Go that it shares with the cluster's programs are compiled.
  $python -m hack.local_cluster build vegeta >/dev/null
fi
expression=$(printf ' or %s' "${tiers[@]}")
export ROCKSTEADY_TIERS="${tiers[*]}"
exec .venv/bin/pytest -m "(${expression# or }) and not extended" "$@"
