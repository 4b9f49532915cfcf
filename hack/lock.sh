#!/usr/bin/env bash
# Resolve pyproject.toml into locks with hashes. They name no index, so that they work with any mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/locks.sh
. hack/uv.sh
hold setup
python=$(find_python)
ensure_uv
options=(--quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra fetch)
"$uv" pip compile "${options[@]}" pyproject.toml -o requirements.lock "$@"
"$uv" pip compile "${options[@]}" --group test --group lint pyproject.toml -o requirements-dev.lock "$@"
