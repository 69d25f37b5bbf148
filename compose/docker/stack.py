"""The `docker` runtime: the compose overlay under one project name, for the page and the command alike."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compose import codes
from compose.docker.engine import CommandFailedError, Engine
from compose.docker.labels import IMAGE, PROJECT, moment, services_from, volume_from
from compose.files import OVERLAY, PROFILE
from compose.logs import log_line
from compose.rotation import Rotation
from compose.runtime import SERVICES, LogLine, Say, ServiceState, StackStatus, nothing_runs
from compose.secret_files import ensure_secrets
from mosaic_admin.errors import MosaicError

TROUBLE_S = 20.0  # unhealthy, or ended and started again, for so long is no hiccup
_ON_ITS_WAY = (ServiceState.HEALTHY, ServiceState.STARTING)
PORTS = {"MOSAIC_POSTGRES_PORT": 5433, "MOSAIC_VALKEY_PORT": 6380}  # the defaults of the compose file
WAIT_S = 150  # the first start of a large image on a slow disk; `start_period` of the file is 60 s


@dataclass(frozen=True)
class DockerStack:
    """`project` names containers, network and volumes; `secrets` holds the password files; `settings` are variables
    of the compose file (`MOSAIC_POSTGRES_PORT` and the others of .env.example)."""

    project: str
    secrets: Path
    settings: Mapping[str, str]
    file: Path = OVERLAY

    name = "docker"

    @property
    def engine(self) -> Engine:
        return self._engine(None)

    def _engine(self, within_s: float | None) -> Engine:
        until = None if within_s is None else time.monotonic() + within_s
        return Engine({**self.settings, "MOSAIC_SECRETS_DIR": str(self.secrets)}, until)

    @property
    def ports(self) -> dict[str, int]:
        """Return the setting of each published port with its number."""
        return {name: int(self.settings.get(name) or default) for name, default in PORTS.items()}

    def arguments(self, *words: str) -> list[str]:
        """Return a whole compose command line: what page and documents show is what runs."""
        fixed = ["compose", "--project-name", self.project, "--file", str(self.file), "--profile", PROFILE]
        return [*fixed, "--ansi", "never", "--progress", "plain", *words]

    def up(self, say: Say) -> None:
        ensure_secrets(self.secrets)
        if held := [service.name for service in self._states().services if service.state is ServiceState.PAUSED]:
            self._change(["unpause", *held], say)
        self._change(["up", "--detach", *SERVICES], say)
        self._wait(say)

    def down(self, say: Say) -> None:
        # `rm` and not `down`: the project may have other services, and neither it nor we take volumes along.
        self._change(["rm", "--stop", "--force", *reversed(SERVICES)], say)

    def restart(self, service: str | None, say: Say) -> None:
        if not self._states().is_up:
            raise nothing_runs("there is nothing to restart")
        self._change(["restart", *([service] if service else SERVICES)], say)
        self.up(say)

    def rotate(self, say: Say) -> None:
        # Healthy is too much to ask: a change that was cut short leaves Valkey's health check with the old password.
        if not all(service.state.is_up for service in self._states().services):
            raise nothing_runs("there is no server to give new passwords to")
        Rotation(self.secrets, self.ports["MOSAIC_POSTGRES_PORT"], self.ports["MOSAIC_VALKEY_PORT"]).run(say)

    def status(self, *, within_s: float | None = None) -> StackStatus:
        """Describe the stack; `within_s` limits the whole look, not each of its commands.

        Four commands in two rounds: what there is, then all of it in one answer. What goes between the two is absent.
        """
        engine = self._engine(within_s)
        with ThreadPoolExecutor(3) as pool:
            version = pool.submit(engine.version)
            containers = pool.submit(self._containers, engine)
            volumes = pool.submit(engine.ask, "volume", "ls", "--quiet", "--filter", self._label)
            title = f"Docker {version.result()}"  # the first to be asked for: its error says best what is wrong
            known = engine.describe([*containers.result(), *volumes.result().split()])
        services = services_from(
            [item for item in known if "State" in item], {item["Id"]: item for item in known if "RepoDigests" in item}
        )
        return StackStatus(
            engine=title,
            services=tuple(services[: len(SERVICES)]),
            volumes=tuple(volume_from(item, services) for item in known if "Mountpoint" in item),
            others=tuple(services[len(SERVICES) :]),
        )

    @property
    def _label(self) -> str:
        return f"label={PROJECT}={self.project}"

    def _containers(self, engine: Engine) -> list[str]:
        """Return the ids of the project's containers, and of the images that they were made from."""
        shape = f'{{{{.ID}}}} {{{{.Label "{IMAGE}"}}}}'
        text = engine.ask("ps", "--all", "--no-trunc", "--filter", self._label, "--format", shape)
        return list(dict.fromkeys(text.split()))

    def _states(self) -> StackStatus:
        """Return the services' states alone: two commands, for who asks again and again."""
        engine = self.engine
        known = engine.describe([name for name in self._containers(engine) if not name.startswith("sha256:")])
        return StackStatus("Docker", tuple(services_from(known, {})[: len(SERVICES)]))

    def logs(self, service: str, *, tail: int) -> list[LogLine]:
        text = self.engine.ask(*self.arguments("logs", "--no-log-prefix", "--timestamps", "--tail", str(tail), service))
        return [_log_line(line) for line in text.splitlines() if line.strip()]

    def config(self) -> str:
        return self.engine.ask(*self.arguments("config"))

    def config_hashes(self, *, within_s: float | None = None) -> dict[str, str]:
        """Return service → hash of its configuration: what compose compares before it makes a container anew."""
        lines = self._engine(within_s).ask(*self.arguments("config", "--hash", "*")).splitlines()
        return {name: value for name, _, value in (line.partition(" ") for line in lines)}

    def _wait(self, say: Say) -> None:
        """Wait until all is healthy. Compose's own `--wait` gives up at once on a service that only just recovers."""
        begun = trouble_since = time.monotonic()
        told: set[str] = set()
        while not (status := self._states()).is_healthy:
            for service in status.services:
                if service.state is ServiceState.HEALTHY and service.name not in told:
                    told.add(service.name)
                    say(f"{service.name} is healthy")
            now = time.monotonic()
            if all(service.state in _ON_ITS_WAY for service in status.services):
                trouble_since = now
            if now - begun > WAIT_S or now - trouble_since > TROUBLE_S:
                raise not_healthy(status)
            time.sleep(0.5)
        for service in status.services:
            if service.name not in told:
                say(f"{service.name} is healthy")

    def _change(self, words: Sequence[str], say: Say) -> None:
        try:
            self.engine.follow(self.arguments(*words), say)
        except CommandFailedError as error:
            raise classified(error, self.ports) from error


def not_healthy(status: StackStatus) -> MosaicError:
    """Return the error that names what keeps the stack from being healthy."""
    ill = [service for service in status.services if service.state not in _ON_ITS_WAY] or [
        service for service in status.services if service.state is not ServiceState.HEALTHY
    ]
    names = " and ".join(service.name for service in ill)
    return MosaicError(
        f"{names} {'was' if len(ill) == 1 else 'were'} started and did not become healthy.",
        remediation=f"Read why with `mosaic stack logs {ill[0].name}`, put right what it names, then `mosaic stack up` "
        "again.",
        code=codes.NOT_HEALTHY,
    )


def _log_line(line: str) -> LogLine:
    stamp, _, text = line.partition(" ")
    return log_line(text, moment(stamp) if re.match(r"\d{4}-\d\d-\d\dT", stamp) else None)


# What compose's words mean, first match first: (pattern, code, sentence, remedy).
_CLASSES = (
    (
        r"port is already allocated|address already in use",
        codes.PORT_IN_USE,
        "A port of the stack is taken on this host.",
        "See what listens there with `ss -ltnp 'sport = :{MOSAIC_POSTGRES_PORT} or sport = :{MOSAIC_VALKEY_PORT}'` and "
        "stop it, or set "
        "MOSAIC_POSTGRES_PORT or MOSAIC_VALKEY_PORT to another port.",
    ),
    (
        r"pull access denied|no such image|manifest (unknown|for)|failed to resolve|repository does not exist"
        r"|Get \"https?://",
        codes.NO_IMAGE,
        "An image of the stack is not on this host, and it cannot be fetched.",
        "Fetch both on a machine that reaches the registry (`docker pull`, `docker save`) and load them here with "
        "`docker load`, or name a mirror in MOSAIC_POSTGRES_IMAGE and MOSAIC_VALKEY_IMAGE.",
    ),
)


def classified(error: CommandFailedError, ports: Mapping[str, int]) -> MosaicError:
    """Return the error in our words, with this stack's own ports; one that fits no class stays as it is."""
    for pattern, code, sentence, remedy in _CLASSES:
        if re.search(pattern, error.words, re.IGNORECASE):
            return MosaicError(sentence, remediation=remedy.format(**ports), code=code)
    return error
