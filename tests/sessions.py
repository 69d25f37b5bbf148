"""Sessions of the tests' people."""

from __future__ import annotations

import time

from django.test import Client

from mosaic_admin.people import step_up


def prove(client: Client, *, ago_s: float = 0.0) -> Client:
    """Let the person of this client have typed their password so long ago."""
    session = client.session
    session[step_up.KEY] = time.time() - ago_s
    session.save()
    return client
