#!/bin/sh
# `mosaic` for `docker compose exec`, which passes the entrypoint by: the same settings as the container's own process.
exec sh /app/compose/image/start.sh /opt/mosaic/bin/mosaic "$@"
