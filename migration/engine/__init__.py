"""The tier migration engine: plan, copy, verify. It imports neither Django nor Celery.

`make_plan`, `run_plan` and `verify` are its public face; `migration.engine.model` is its vocabulary.
"""
