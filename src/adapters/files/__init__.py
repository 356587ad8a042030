"""Locks, names and errors that all adapters of local files share."""
