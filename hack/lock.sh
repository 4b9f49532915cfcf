#!/usr/bin/env bash
# Resolve pyproject.toml into locks with hashes. They name no index, so that they work with any mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rocksteady
uv=$(command -v uv || echo "$cache"/uv-*/bin/uv)
options=(--quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra fetch)
"$uv" pip compile "${options[@]}" pyproject.toml -o requirements.lock "$@"
"$uv" pip compile "${options[@]}" --group test --group lint pyproject.toml -o requirements-dev.lock "$@"
