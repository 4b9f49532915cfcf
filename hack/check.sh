#!/usr/bin/env bash
# Format, lint, types, layers, generated files.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff format --check --quiet .
$bin/ruff check --quiet .
$bin/mypy --no-error-summary
$bin/lint-imports --no-logo >/dev/null || { $bin/lint-imports --no-logo; exit 1; }
$bin/python -m hack.gen_crds --check
$bin/python -m hack.gen_api_reference --check
echo "check: format, lint, types, layers and generated files are in order"
