#!/bin/bash
# The whole suite, `make test`. Static checks first; one pytest run for everything, so that its summary stands last.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=()

check() {
    local name=$1
    shift
    printf -- '-- %s\n' "$name"
    "$@" || failed+=("$name")
}

templates() { git ls-files -z 'templates/*.html' | xargs -0r $bin/djade --check --target-version 5.2; }
schema_migrations() {
    local home
    home=$(mktemp -d)
    MOSAIC_HOME=$home $bin/python manage.py makemigrations --check --dry-run
    local code=$?
    rm -rf "$home"
    return $code
}

check "ruff" $bin/ruff check --quiet .
check "format" $bin/ruff format --check --quiet .
check "templates (djade)" templates
check "import arrows" $bin/lint-imports --no-cache
check "types (mypy)" $bin/mypy
check "schema migrations" schema_migrations

# What the tests' servers write is thrown away, and no machine dies here: in memory, where there is plenty of it, nobody
# waits for a disk. A TMPDIR that is set stays.
plenty_of_memory() {
    local free kb
    free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1) || return 1
    kb=$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)
    [ "${free:-0}" -gt 8000000 ] && [ "${kb:-0}" -gt 12000000 ] && ! grep -q ' /dev/shm [^ ]* [^ ]*noexec' /proc/mounts
}
if [ -z "${TMPDIR:-}" ] && plenty_of_memory; then
    TMPDIR=$(mktemp -d /dev/shm/mosaic-suite.XXXXXX)
    chmod 711 "$TMPDIR" # as root, PostgreSQL runs as nobody and has to get to its data
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
fi

[ ${#failed[@]} -eq 0 ] || printf '\nFAILED before the tests: %s\n\n' "$(IFS=,; echo "${failed[*]}")"
# One order for everybody: what is red here is red again. `TEST_SEED=$RANDOM make test` looks for tests that need their order.
$bin/pytest --numprocesses "${TEST_PROCESSES:-3}" --no-loadscope-reorder --randomly-seed "${TEST_SEED:-1}" --quiet --durations 15 tests "$@"
code=$?
[ ${#failed[@]} -eq 0 ] || exit 1
exit $code
