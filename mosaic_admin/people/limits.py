"""How often one token may ask: counted in the cache, so that every web process counts together."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.core.cache import cache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from mosaic_admin.people.errors import TooManyRequestsError
from mosaic_admin.people.models import ApiToken

log = logging.getLogger("mosaic.people")
WINDOW_S = 60


def count_use(token: ApiToken) -> None:
    """Count one request of the token. Without the cache nothing is limited: a monitor must not go blind with it.

    Raises: TooManyRequestsError.
    """
    limit = settings.ENV.token_rate
    if not limit:
        return
    window, passed = divmod(time.time(), WINDOW_S)
    key = f"token-rate:{token.pk}:{window:.0f}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_S)
        used = cache.incr(key)
    except ValueError:  # it expired between the two
        return
    except (ConnectionInterrupted, RedisError, OSError):
        log.warning("The cache does not answer: requests of API tokens are not limited")
        return
    if used > limit:
        wait_s = int(WINDOW_S - passed) + 1
        raise TooManyRequestsError(
            f"The token {token.name} has asked more than {limit} times within a minute.",
            remediation=f"Ask again in {wait_s} s, or less often; MOSAIC_TOKEN_RATE sets the limit.",
            retry_after_s=wait_s,
        )
