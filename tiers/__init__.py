"""What a tier is: the configuration file, its rows in the dashboard, and the adapters to a tier's servers."""

from tiers.defaults import DEFAULT_FEDERATED_CONFIG, DEFAULT_LOCAL_CONFIG, DEFAULT_STANDALONE_CONFIG

__all__ = ["DEFAULT_FEDERATED_CONFIG", "DEFAULT_LOCAL_CONFIG", "DEFAULT_STANDALONE_CONFIG"]
