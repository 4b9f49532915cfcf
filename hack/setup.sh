#!/usr/bin/env bash
# Make .venv with everything that requirements-dev.lock names, and nothing else. Fast when it is so.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rocksteady
uv_version=0.13.9

find_python() {
  local candidate
  for candidate in python3.12 python3.13 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "error: Python 3.11, 3.12 or 3.13 is needed and none was found: install one, then run this again" >&2
  return 1
}

ensure_uv() {
  if command -v uv >/dev/null; then
    uv=uv
    return
  fi
  uv=$cache/uv-$uv_version/bin/uv
  if [ ! -x "$uv" ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null && [ "$(id -u)" = 0 ]; then
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null
    fi
    "$python" -m venv "$cache/uv-$uv_version"
    "$cache/uv-$uv_version/bin/pip" install --quiet "uv==$uv_version"
  fi
}

python=$(find_python)
stamp=.venv/.installed
wanted=$(cat requirements-dev.lock pyproject.toml | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi
ensure_uv
echo "setting up .venv"
"$uv" venv --quiet --clear --python "$python" .venv
"$uv" pip install --quiet --python .venv/bin/python --require-hashes -r requirements-dev.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps -e .
echo "$wanted" >"$stamp"
