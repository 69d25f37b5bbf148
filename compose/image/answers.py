"""Healthcheck of the containers: ask one address, end with 1 when it does not answer with success within 4 seconds."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=4):  # noqa: S310 — an http address from the compose file
    pass
