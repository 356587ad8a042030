"""Backends: implementations of the ports."""
