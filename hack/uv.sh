# shellcheck shell=bash
# To be sourced after locks.sh: how to get at uv, which makes .venv and resolves the locks.
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

# Set `uv` to the program, installed into the cache when the machine has none; needs `python` set.
ensure_uv() {
  if command -v uv >/dev/null; then
    uv=uv
    return
  fi
  uv=$cache/uv-$uv_version/bin/uv
  if [ ! -x "$uv" ]; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null && [ "$(id -u)" = 0 ]; then
      hack/apt-install.sh python3-venv >/dev/null
    fi
    "$python" -m venv "$cache/uv-$uv_version"
    "$cache/uv-$uv_version/bin/pip" install --quiet "uv==$uv_version"
  fi
}
