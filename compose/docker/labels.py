"""What the engine says about a project's containers and volumes, read from compose's labels and nothing else.

Labels stay on a container whatever profile is on, so a stack is seen also when its profile is off. States come from
the engine's JSON as it is: it never passes through redaction, which could mask a word like "healthy" that is also
somebody's password.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from compose.runtime import SERVICES, ServiceState, ServiceStatus, Volume

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"
IMAGE = "com.docker.compose.image"  # the id of the image that the container was made from
CONFIG_HASH = "com.docker.compose.config-hash"


def services_from(containers: Iterable[dict[str, Any]], images: dict[str, dict[str, Any]]) -> list[ServiceStatus]:
    """Return the project's services, ours first and always, the newest container of each."""
    newest: dict[str, dict[str, Any]] = {}
    for container in sorted(containers, key=lambda item: str(item["Created"])):
        labels = container["Config"]["Labels"] or {}
        if labels.get(ONE_OFF, "False") == "False" and SERVICE in labels:
            newest[labels[SERVICE]] = container
    ours = [
        _service(name, newest[name], images) if name in newest else ServiceStatus(name, ServiceState.ABSENT)
        for name in SERVICES
    ]
    return [*ours, *(_service(name, newest[name], images) for name in sorted(newest.keys() - set(SERVICES)))]


def _service(name: str, container: dict[str, Any], images: dict[str, dict[str, Any]]) -> ServiceStatus:
    state, host = container["State"], container["HostConfig"]
    ports = tuple(_ports(container["NetworkSettings"]["Ports"] or host["PortBindings"] or {}))
    health = state.get("Health") or {}
    told = health.get("Log") or [{}]
    is_up = state_of(state).is_up
    return ServiceStatus(
        name=name,
        state=state_of(state),
        endpoint=ports[0].partition(" ")[0] if ports else "",
        pid=state.get("Pid") or None,
        image=container["Config"]["Image"],
        digest=digest_of(images.get(container["Image"], {}), container["Image"]),
        ports=ports,
        volumes=tuple(mount["Name"] for mount in container["Mounts"] if mount.get("Type") == "volume"),
        memory_limit_bytes=host.get("Memory") or None,
        since=moment(state["StartedAt"] if is_up else state["FinishedAt"]),
        exit_code=None if is_up else state.get("ExitCode"),
        config_hash=(container["Config"]["Labels"] or {}).get(CONFIG_HASH, ""),
        note=str(told[-1].get("Output", "")).strip() if is_up else "",
    )


def state_of(state: dict[str, Any]) -> ServiceState:
    """Return the one word for a container's State."""
    match state.get("Status"), (state.get("Health") or {}).get("Status"):
        case "running", "unhealthy":
            return ServiceState.UNHEALTHY
        case "running", "starting":
            return ServiceState.STARTING
        case "running", _:
            return ServiceState.HEALTHY
        case "paused", _:
            return ServiceState.PAUSED
        case "restarting", _:
            return ServiceState.UNHEALTHY  # it ended and is started again: a crash loop
        case _:
            return ServiceState.STOPPED


def digest_of(image: dict[str, Any], image_id: str) -> str:
    """Return the registry's digest; an image that came from no registry has only its own id."""
    named = [item.partition("@")[2] for item in image.get("RepoDigests") or []]
    return named[0] if named else image_id


def _ports(bindings: dict[str, Any]) -> Iterable[str]:
    for inside, outside in sorted(bindings.items()):
        for one in outside or []:
            host = one.get("HostIp") or "0.0.0.0"  # noqa: S104 — what Docker means by an empty address
            yield f"{host}:{one['HostPort']} → {inside.partition('/')[0]}"


def volume_from(volume: dict[str, Any], services: Iterable[ServiceStatus]) -> Volume:
    name = volume["Name"]
    users = tuple(service.name for service in services if name in service.volumes)
    return Volume(name, users, moment(volume.get("CreatedAt", "")))


def moment(text: str) -> datetime | None:
    """Read the engine's time (nanoseconds, Z); its zero time, year 1, is none."""
    if not text or text.startswith("0001"):
        return None
    head, dot, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    zone = tail[len(digits) :] if dot else ""
    return datetime.fromisoformat(f"{head}.{digits[:6]:0<6}{zone}" if dot else text)
