"""Backends: what the ports are made of."""
