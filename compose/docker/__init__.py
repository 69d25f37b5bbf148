"""The federated stack as containers, driven through the `docker` command line."""

from compose.docker.stack import DockerStack

__all__ = ["DockerStack"]
