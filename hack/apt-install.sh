#!/usr/bin/env bash
# Install Debian packages: apt-install.sh PACKAGE...
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "error: missing on this machine: $*: install it by the system's package manager" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Another process of the machine may be installing right now.
apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
install=("${apt[@]}" install --no-install-recommends "$@")
if ! "${install[@]}"; then
  # Package lists may be absent, or older than what the archive still has.
  "${apt[@]}" update
  "${install[@]}"
fi
