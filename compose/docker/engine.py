"""The `docker` command line: found, asked, followed. What it prints decides nothing; its exit code and JSON do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compose import codes
from compose.runtime import Say
from mosaic_admin.errors import MosaicError
from mosaic_admin.redaction import redact

ASK_TIMEOUT_S = 10.0  # for what only looks; an engine that takes longer is called hanging
# What the client needs to find its engine and its plugins; nothing else of our environment, which holds secrets.
_PASSED = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_PASSED_TOO = ("XDG_RUNTIME_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class EngineError(MosaicError):
    """There is no engine to talk to, or it does not answer."""

    code = codes.NO_ENGINE


class CommandFailedError(MosaicError):
    """A docker command ended with an error. `words` are its last lines: to sort it into a class, not to be shown."""

    code = codes.COMMAND_FAILED

    def __init__(self, message: str, *, remediation: str, words: str = "", **context: Any) -> None:
        super().__init__(message, remediation=remediation, **context)
        self.words = words


@dataclass(frozen=True)
class Engine:
    """Runs `docker …` with a clean environment plus `extra`, the variables of the compose file.

    `until` (monotonic) is when who asks has no more use for an answer: a command that only looks ends by then.
    """

    extra: Mapping[str, str]
    until: float | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in (*_PASSED, *_PASSED_TOO) if name in os.environ}
        return {"LC_ALL": "C.UTF-8", **kept, **self.extra}

    def version(self) -> str:
        """Return the engine's version.

        Raises:
            EngineError: MOS-STK-010 (no client, no engine, or no right to use it), MOS-STK-013 (no answer in time).
        """
        done = self._run(["version", "--format", "{{.Server.Version}}"])
        if done.returncode != 0:
            raise _unreachable(done.stderr)
        return done.stdout.strip()

    def ask(self, *arguments: str) -> str:
        """Run a command that only looks and return what it printed. Raises: EngineError, CommandFailedError."""
        done = self._run(arguments)
        if done.returncode != 0:
            raise self._why(arguments, done)
        return done.stdout

    def describe(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the engine knows of containers, volumes and images; what is gone meanwhile is left out.

        Raises: as `ask`.
        """
        if not names:
            return []
        arguments = ["inspect", *names]
        done = self._run(arguments)
        if done.returncode != 0 and not all(_GONE.match(line) for line in done.stderr.splitlines() or ["?"]):
            raise self._why(arguments, done)
        found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        return found

    def follow(self, arguments: Sequence[str], say: Say) -> None:
        """Run a command that changes something, each of its lines redacted to `say`. Raises as `ask`."""
        last: list[str] = []
        with self._started(arguments) as process:
            for line in _lines(process):
                last = [*last[-40:], line]
                say(redact(line))
            code = process.wait()
        if code != 0:
            self.version()  # an engine that is gone is the better reason
            raise failed(arguments, code, "\n".join(last))

    def _why(self, arguments: Sequence[str], done: subprocess.CompletedProcess[str]) -> MosaicError:
        self.version()  # as in `follow`
        return failed(arguments, done.returncode, done.stderr)

    def _started(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [_client(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self.environment,
        )

    def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = [_client(), *arguments]
        left_s = ASK_TIMEOUT_S if self.until is None else self.until - time.monotonic()
        timeout_s = min(ASK_TIMEOUT_S, max(0.05, left_s))
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=timeout_s,
                env=self.environment,
            )
        except subprocess.TimeoutExpired as exc:
            raise EngineError(
                f"Docker did not answer within {timeout_s:.1f} s.",
                remediation="See what it is doing with `docker info` and the engine's log, then look again.",
                code=codes.ENGINE_HANGS,
            ) from exc


def _client() -> str:
    found = shutil.which("docker")
    if found is None:
        raise EngineError(
            "There is no `docker` command on this host.",
            remediation="Install Docker with its compose plugin, or start the stack on another host with the commands "
            "that the page Stack shows; `mosaic stack up --runtime embedded` runs the same two servers as processes.",
        )
    return found


def _unreachable(words: str) -> EngineError:
    if "permission denied" in words.lower():
        return EngineError(
            "This account may not use Docker.",
            remediation="Let a member of the group `docker` (or root) run it, or add the account to that group, which "
            "makes it as powerful as root on this host.",
        )
    return EngineError(
        "No Docker engine answers on this host.",
        remediation="Start it (`systemctl start docker`), or start the stack on another host with the commands that "
        "the page Stack shows.",
    )


def failed(arguments: Sequence[str], code: int, words: str) -> CommandFailedError:
    verb = next((word for word in arguments if word in _VERBS), arguments[0])
    if "is not a docker command" in words or "unknown shorthand flag" in words:
        return CommandFailedError(
            "Docker's compose plugin is missing on this host.",
            remediation="Install the package docker-compose-plugin (Docker's own) or docker-compose-v2 (Ubuntu).",
            code=codes.NO_COMPOSE,
        )
    return CommandFailedError(
        f"`docker compose {verb}` ended with exit code {code}.",
        remediation="Its output stands above; the services' own words are in `mosaic stack logs`.",
        words=words,
    )


_GONE = re.compile(r"error\b.*\bno such (object|container|volume|image)\b", re.IGNORECASE)
_VERBS = ("up", "rm", "restart", "config", "ps", "inspect", "logs", "volume", "exec")


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        text = line.rstrip()
        if text:
            yield text
