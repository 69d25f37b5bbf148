"""Benchmarks: `python -m bench.NAME`. None of them is imported by the product or its tests."""

import signal
import sys

# Ended by `timeout` or a closed terminal, a benchmark ends the servers that it started as well.
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: sys.exit(128 + number))
