"""Protocols of what the core needs from outside."""
