"""What only the federated tier needs: indexes over embeddings. Nothing else may import this module."""

from __future__ import annotations

HNSW_VECTOR_MAX = 2000  # dimensions pgvector can index as `vector`; above that only as `halfvec`
HNSW_HALFVEC_MAX = 4000


def hnsw_index(dimension: int, *, table: str = "insights") -> str | None:
    """Return the statement that indexes the embeddings of one dimension; None where pgvector cannot index it.

    Only the index uses halfvec: data stored that way would lose bits.
    """
    if not 1 <= dimension <= HNSW_HALFVEC_MAX:
        return None
    kind = "vector" if dimension <= HNSW_VECTOR_MAX else "halfvec"
    return (
        f"CREATE INDEX IF NOT EXISTS {table}_embedding_hnsw_{dimension} ON {table} "
        f"USING hnsw ((embedding::{kind}({dimension})) {kind}_cosine_ops) WHERE embedding_dim = {dimension}"
    )
