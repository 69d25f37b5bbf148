"""Probes of the servers, the configuration and the store's ledger (docs/decisions/0002)."""
