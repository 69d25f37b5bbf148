"""Backup and restore of the control plane: its database, its keys and, when asked, configuration and passwords."""
