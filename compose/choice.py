"""Which runtime this install's stack has."""

from __future__ import annotations

from compose.docker import DockerStack
from compose.embedded.federated import federated_stack, has_data
from compose.files import settings_from_environment
from compose.runtime import Runtime
from compose.secret_files import remember
from mosaic_admin.env import Environment


def runtime_word(environment: Environment) -> str:
    """Return `docker` or `embedded`. Chosen by the setting, else by whose data is there; never as a fallback."""
    if environment.stack_runtime != "auto":
        return environment.stack_runtime
    return "embedded" if has_data(environment.home.resolve()) else "docker"


def runtime_for(environment: Environment, word: str | None = None) -> Runtime:
    """Return this install's runtime. It touches no server; only the embedded one makes its folders and passwords."""
    home = environment.home.resolve()
    remember(home / "secrets")
    if (word or runtime_word(environment)) == "embedded":
        return federated_stack(home, postgres_port=environment.postgres_port, valkey_port=environment.valkey_port)
    settings = {
        "MOSAIC_POSTGRES_PORT": str(environment.postgres_port),
        "MOSAIC_VALKEY_PORT": str(environment.valkey_port),
    }
    return DockerStack(
        project=environment.stack_project,
        secrets=home / "secrets",
        settings={**settings_from_environment(), **settings},
    )
