"""The tier migration engine: plan, copy, verify. It imports neither Django nor Celery.

`make_plan`, `run_plan`, `verify` and `discard` are its public face; `migration.engine.model` is its vocabulary.
"""

from migration.engine.discard import Discarded, discard
from migration.engine.plan import make_plan
from migration.engine.run import run_plan
from migration.engine.verify import verify

__all__ = ["Discarded", "discard", "make_plan", "run_plan", "verify"]
