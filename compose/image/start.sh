#!/bin/sh
# Start one of Mosaic's processes: web, worker, beat or gateway. The passwords come from secret files.
set -eu

# userinfo NAME: the secret, percent-encoded for a URL.
userinfo() {
    python -c 'import sys, urllib.parse as p; print(p.quote(open(sys.argv[1]).read().strip(), safe=""))' "/run/secrets/$1"
}

DATABASE_URL="${MOSAIC_CONTROL_DATABASE%%@*}:$(userinfo control-postgres)@${MOSAIC_CONTROL_DATABASE#*@}"
VALKEY_URL="redis://:$(userinfo control-valkey)@${MOSAIC_CONTROL_QUEUE#redis://}"
export DATABASE_URL VALKEY_URL

case "$1" in
web)
    python manage.py migrate --noinput
    exec gunicorn mosaic_admin.wsgi --worker-class mosaic_admin.serving.PatientWorker --threads 8 --keep-alive 15 --bind 0.0.0.0:8000 \
        --worker-tmp-dir /tmp --no-control-socket
    ;;
worker)
    MOSAIC_WORKER_ALIVE_FILE=/tmp/worker-alive
    export MOSAIC_WORKER_ALIVE_FILE
    exec celery --app mosaic_admin worker --pool threads --concurrency 4 --without-gossip --without-mingle --loglevel INFO
    ;;
beat) exec celery --app mosaic_admin beat --schedule /tmp/beat-schedule --pidfile= --loglevel INFO ;;
gateway) exec /opt/mosaic/bin/mosaic gateway start ;;
*) exec "$@" ;;
esac
