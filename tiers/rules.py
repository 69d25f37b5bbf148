"""What each tier demands beyond the shape of the file."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from tiers.problems import Problem
from tiers.schema import (
    ConfigDocument,
    PgliteDocument,
    PostgresDocument,
    Tier,
    ValkeyQueueDocument,
)

POSTGRES_SCHEMES = ("postgresql", "postgres")
VALKEY_SCHEMES = ("redis", "rediss", "valkey", "valkeys")
_CHANGE = 'Write {wanted}, or choose another "tier".'


def tier_problems(document: ConfigDocument, tier: Tier) -> list[Problem]:
    """Return where storage, queue and memory contradict the tier. Nothing is ever adjusted silently."""
    checks = {
        Tier.LOCAL: (_needs_pglite, _needs_local_queue, _needs_keyword),
        Tier.STANDALONE: (_needs_postgres, _needs_no_vector, _needs_keyword),
        Tier.FEDERATED: (_needs_postgres, _needs_vector, _needs_valkey, _needs_pgvector),
    }
    return [problem for check in checks[tier] if (problem := check(document, tier))]


def _rule(path: str, tier: Tier, reason: str, wanted: str) -> Problem:
    return Problem(path, f'the tier "{tier}" {reason}', _CHANGE.format(wanted=wanted))


def _needs_pglite(document: ConfigDocument, tier: Tier) -> Problem | None:
    is_met = isinstance(document.storage, PgliteDocument)
    return None if is_met else _rule("storage.type", tier, "stores in PGlite", '"type": "pglite" and "dataDir"')


def _needs_postgres(document: ConfigDocument, tier: Tier) -> Problem | None:
    is_met = isinstance(document.storage, PostgresDocument)
    return None if is_met else _rule("storage.type", tier, "stores in PostgreSQL", '"type": "postgres" and "url"')


def _needs_vector(document: ConfigDocument, tier: Tier) -> Problem | None:
    if not isinstance(document.storage, PostgresDocument) or document.storage.enableVector:
        return None
    return _rule("storage.enableVector", tier, "needs pgvector", '"enableVector": true')


def _needs_no_vector(document: ConfigDocument, tier: Tier) -> Problem | None:
    if not isinstance(document.storage, PostgresDocument) or not document.storage.enableVector:
        return None
    return _rule("storage.enableVector", tier, "works without pgvector", '"enableVector": false')


def _needs_local_queue(document: ConfigDocument, tier: Tier) -> Problem | None:
    is_met = document.queue.type == "local"
    return None if is_met else _rule("queue.type", tier, "runs its queue in the process", '"type": "local"')


def _needs_valkey(document: ConfigDocument, tier: Tier) -> Problem | None:
    is_met = isinstance(document.queue, ValkeyQueueDocument)
    return None if is_met else _rule("queue.type", tier, "needs the Valkey queue", '"type": "bullmq" and "url"')


def _needs_keyword(document: ConfigDocument, tier: Tier) -> Problem | None:
    is_met = document.memory.type == "keyword"
    return None if is_met else _rule("memory.type", tier, "searches by keyword", '"type": "keyword"')


def _needs_pgvector(document: ConfigDocument, tier: Tier) -> Problem | None:
    is_met = document.memory.type == "pgvector"
    return None if is_met else _rule("memory.type", tier, "searches with pgvector", '"type": "pgvector"')


def url_problem(path: str, url: str, schemes: tuple[str, ...], example: str) -> Problem | None:
    """Return what is wrong with a resolved address, without a character of it."""
    remedy = f"Write {example}; special characters in the password are percent-encoded (@ is %40, / is %2F)."
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
        parse_qsl(parts.query)
    except ValueError:
        return Problem(path, "is not an address that can be read", remedy)
    if parts.scheme not in schemes:
        return Problem(path, f"does not begin with {schemes[0]}://", remedy)
    if not host or port == 0 or any(char.isspace() or not char.isprintable() for char in url):
        return Problem(path, "has no usable host or port", remedy)
    if schemes is POSTGRES_SCHEMES and len(parts.path.strip("/")) == 0:
        return Problem(path, "names no database", remedy)
    if schemes is VALKEY_SCHEMES and not _is_number(parts.path.strip("/") or "0"):
        return Problem(path, "has a database that is not a number", remedy)
    if "•" in unquote(url):
        return Problem(
            path, "holds the mask ••• instead of a password", "Write the password again, or better: passwordFile."
        )
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
