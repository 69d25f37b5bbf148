#!/bin/bash
# An environment with the newest Python that this machine has, in .venv/newest, where one is newer than .venv's own.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
own=$("$bin/python" -c 'import sys; print(sys.version_info.minor)')

newest=
for minor in $(seq 20 -1 $((own + 1))); do
    for candidate in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python3; do
        path=$(command -v "$candidate") && "$path" -c 'import sys, venv' 2>/dev/null && newest=$path && break 2
    done
    newest=$("$bin/uv" python find --no-project --offline "3.$minor" 2>/dev/null) && break || newest=
done
if [ -z "$newest" ]; then
    echo "No Python newer than 3.$own is here: its tests say so. Fix: .venv/bin/uv python install 3.14"
    exit
fi
rm -rf .venv/newest
"$bin/uv" venv --quiet --no-project --python "$newest" .venv/newest
export VIRTUAL_ENV=$PWD/.venv/newest
"$bin/uv" pip install --quiet --require-hashes --requirement requirements.lock
"$bin/uv" pip install --quiet --no-deps --editable .
echo "Newest Python: $(.venv/newest/bin/python --version)"
