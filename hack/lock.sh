#!/usr/bin/env bash
# Resolve pyproject.toml into locks with hashes. They name no index, so that they work with any mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/locks.sh
. hack/uv.sh
hold setup
python=$(find_python)
ensure_uv
options=(--quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11)
project=(--extra fetch pyproject.toml)
"$uv" pip compile "${options[@]}" "${project[@]}" -o requirements.lock "$@"
"$uv" pip compile "${options[@]}" --group test --group lint "${project[@]}" -o requirements-dev.lock "$@"
# What the simulated engine imports, in the versions that its tests run with.
printf 'aiohttp\nprometheus-client\n' | "$uv" pip compile "${options[@]}" \
  --constraint requirements.lock - -o hack/simulated_engine/requirements.lock "$@"
