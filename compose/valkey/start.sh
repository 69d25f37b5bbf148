#!/bin/sh
# Start Valkey with the password from its secret file, handed over on standard input: it stands on no command line,
# in no environment and in no file of the volume. `exec` keeps Valkey process 1, which gets the stop signal.
set -eu
password=$(sed 's/[\\"]/\\&/g' "/run/secrets/$MOSAIC_VALKEY_SECRET")
exec valkey-server /etc/mosaic-valkey/valkey.conf - <<END
requirepass "$password"
END
