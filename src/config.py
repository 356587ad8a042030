"""The ``storage`` part of a configuration, an engine each."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path

from bsb import StorageNode as _StorageNode
from bsb import config


def _default_root() -> str:
    name = f"scaffold_network_{date.today():%Y_%m_%d}_{uuid.uuid4().hex}.hdf5"
    return str(Path(name).absolute())


@config.node
class StorageNode(_StorageNode):
    """With ``engine: hdf5``."""

    root = config.attr(type=str, default=_default_root, call_default=True)
    """Path of the file."""


def _unique_root() -> str:
    return f"scaffold_network_{uuid.uuid4().hex}"


@config.node
class MemoryStorageNode(_StorageNode):
    """With ``engine: memory``."""

    root = config.attr(type=str, default=_unique_root, call_default=True)
    """Any text; storages of the same root in one process see the same network."""
