"""The insights nearest to an embedding. Only a gateway of the federated tier loads this module."""

from __future__ import annotations

from math import isnan
from typing import Any

from django.db import connections, transaction
from django.db.models import Count
from django.db.models.expressions import RawSQL

from gateway.errors import BadRequestError
from gateway.records import ALIAS
from store.models import Insight
from store.vector import distance_expression

MOST_NAMED = 10  # dimensions that an error names
LEAST_CANDIDATES = 40  # pgvector's own default of hnsw.ef_search


def find_nearest(embedding: list[float], *, limit: int, **only: Any) -> list[Insight]:
    """Return insights by cosine distance, the nearest first, each with `distance`. `only` are column = value.

    Raises: BadRequestError for an embedding without direction, or of a dimension that the store does not have.
    """
    if not any(embedding):
        raise BadRequestError(
            "An embedding of only zeros has no direction.",
            remediation="Send the model's own vector.",
            field="embedding",
        )
    dimension = len(embedding)
    distance = RawSQL(distance_expression(dimension), (str(embedding),))  # noqa: S611 - built from a number of ours
    rows = Insight.objects.filter(deleted_at=None, embedding_dim=dimension, **only).defer("embedding")
    with transaction.atomic(using=ALIAS):
        _widen_search(limit)
        found = list(rows.annotate(distance=distance).order_by("distance")[:limit])
    if not found:
        _refuse_unknown_dimension(dimension)
    return [row for row in found if not isnan(row.distance)]  # a stored vector of zeros is near to nothing


def _widen_search(limit: int) -> None:
    """Let the index go on until filters leave enough rows. Settings that this pgvector does not have stay unset."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("SELECT '[1]'::vector")  # loads the library, and with it its settings
        cursor.execute(
            "SELECT pg_catalog.set_config(name, value, true) FROM pg_catalog.pg_settings JOIN"
            " (VALUES ('hnsw.iterative_scan', 'strict_order'), ('hnsw.ef_search', %s)) AS wanted (name, value)"
            " USING (name)",
            (str(max(LEAST_CANDIDATES, limit)),),
        )


def _refuse_unknown_dimension(dimension: int) -> None:
    """Nothing was found: say so when that is because every embedding here has another dimension."""
    live = Insight.objects.filter(deleted_at=None, embedding_dim__isnull=False)
    counted = live.values("embedding_dim").annotate(rows=Count("id")).order_by("-rows")
    known = [row["embedding_dim"] for row in counted]
    if known and dimension not in known:
        raise BadRequestError(
            f"The store has no embeddings of {dimension} dimensions.",
            remediation="Use the model that made the store's embeddings: context.dimensions lists theirs.",
            field="embedding",
            dimensions=known[:MOST_NAMED],
        )
