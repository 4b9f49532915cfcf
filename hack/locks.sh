# shellcheck shell=bash
# To be sourced: locks between make targets that run at the same time.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rocksteady

# hold NAME: wait until no other process holds that lock, then hold it until this script and all it
# started have ended; the kernel lets go of it, however they end.
hold() {
  mkdir -p "$cache"
  exec 9>>"$cache/$1.lock"
  if ! flock -n 9; then
    echo "waiting for process $(cat "$cache/$1.lock") to end: it has the lock $1" >&2
    flock 9
  fi
  echo $$ >"$cache/$1.lock"
}
