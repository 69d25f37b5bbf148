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

[ ${#failed[@]} -eq 0 ] || printf '\nFAILED before the tests: %s\n\n' "$(IFS=,; echo "${failed[*]}")"
$bin/pytest --numprocesses "${TEST_PROCESSES:-2}" --no-loadscope-reorder --quiet --durations 15 tests "$@"
code=$?
[ ${#failed[@]} -eq 0 ] || exit 1
exit $code
