#!/usr/bin/env bash
# Make .venv with everything that requirements-dev.lock names, and nothing else. Fast when it is so.
set -euo pipefail
cd "$(dirname "$0")/.."
. hack/locks.sh
. hack/uv.sh
stamp=.venv/.installed
wanted=$(cat requirements-dev.lock pyproject.toml | sha256sum)
is_installed() { [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; }

python=$(find_python)
if is_installed; then
  exit 0
fi
hold setup
# Another process may just have done it.
if is_installed; then
  exit 0
fi
ensure_uv
echo "setting up .venv"
"$uv" venv --quiet --clear --python "$python" .venv
"$uv" pip install --quiet --python .venv/bin/python --require-hashes -r requirements-dev.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps -e .
echo "$wanted" >"$stamp"
