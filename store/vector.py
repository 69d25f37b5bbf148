"""What only the federated tier needs: indexes over embeddings. Nothing else may import this module."""

from __future__ import annotations

HNSW_VECTOR_MAX = 2000  # dimensions pgvector can index as `vector`; above that only as `halfvec`
HNSW_HALFVEC_MAX = 4000


def hnsw_index(dimension: int, *, table: str = "insights") -> str | None:
    """Return the statement that indexes the embeddings of one dimension; None where pgvector cannot index it.

    Only the index uses halfvec: data stored that way would lose bits.
    """
    kind = _indexed_type(dimension)
    if kind is None:
        return None
    return (
        f"CREATE INDEX IF NOT EXISTS {table}_embedding_hnsw_{dimension} ON {table} "
        f"USING hnsw ((embedding::{kind}({dimension})) {kind}_cosine_ops) WHERE embedding_dim = {dimension}"
    )


def distance_expression(dimension: int, *, table: str = "insights") -> str:
    """Return the cosine distance to a parameter, with the index's own expression: with another it would not be used.

    Beyond what can be indexed it is exact, and reads every row of the dimension.
    """
    kind = _indexed_type(dimension) or "vector"
    return f"({table}.embedding::{kind}({dimension}) <=> %s::vector({dimension})::{kind}({dimension}))"


def _indexed_type(dimension: int) -> str | None:
    if not 1 <= dimension <= HNSW_HALFVEC_MAX:
        return None
    return "vector" if dimension <= HNSW_VECTOR_MAX else "halfvec"
