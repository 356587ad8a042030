"""The ``storage`` part of a configuration, an engine each."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path
from typing import Any

from bsb import StorageNode as _StorageNode
from bsb import config
from bsb.config import types

from .core.layouts.detection import LAYOUTS

DURABILITIES = ("process", "power")


class NetworkRoot(str):
    """
    The root of a storage, and how to store a network there.

    It equals its text. A network that is there already keeps its layout.

    :param root: path of the file.
    :param layout: ``classic`` or ``columnar``; None for the default.
    :param durability: see :attr:`StorageNode.durability`; None for the default.
    """

    layout: str | None
    durability: str | None

    def __new__(
        cls, root: Any, layout: str | None = None, durability: str | None = None
    ) -> NetworkRoot:
        made = super().__new__(cls, root)
        made.layout, made.durability = layout, durability
        return made

    def __reduce__(self) -> tuple[type[NetworkRoot], tuple[str, str | None, str | None]]:
        return type(self), (str(self), self.layout, self.durability)

    def __str__(self) -> str:
        # The text alone, not this object: formats know no other texts.
        return "".join(self)


_Attribute: Any = type(config.attr())


class _RootAttribute(_Attribute):
    """Hands out the root with the settings that stand beside it in the configuration."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        root = super().__get__(instance, owner)
        if not isinstance(root, str):
            return root
        return NetworkRoot(root, instance.layout, instance.durability)


def _default_root() -> str:
    name = f"scaffold_network_{date.today():%Y_%m_%d}_{uuid.uuid4().hex}.hdf5"
    return str(Path(name).absolute())


@config.node
class StorageNode(_StorageNode):
    """With ``engine: hdf5``."""

    root = _RootAttribute(type=str, default=_default_root, call_default=True)
    """Path of the file."""
    layout = config.attr(type=types.in_(LAYOUTS))
    """
    How a file that is made is laid out: ``classic``, which bsb-hdf5 8.0.2 reads and writes too,
    or ``columnar``. Without, the environment variable ``BSB_HDF5_LAYOUT`` decides; else it is
    ``classic``.
    """
    durability = config.attr(type=types.in_(DURABILITIES))
    """
    What survives: with ``process``, the default, all that was stored before a process died,
    whole; with ``power`` before a power cut too, which takes time at the end of each session.
    """


def _unique_root() -> str:
    return f"scaffold_network_{uuid.uuid4().hex}"


@config.node
class MemoryStorageNode(_StorageNode):
    """With ``engine: memory``."""

    root = config.attr(type=str, default=_unique_root, call_default=True)
    """Any text; storages of the same root in one process see the same network."""


def _default_directory() -> str:
    return _default_root().removesuffix(".hdf5") + ".zarr"


@config.node
class ZarrStorageNode(_StorageNode):
    """With ``engine: zarr``."""

    root = config.attr(type=str, default=_default_directory, call_default=True)
    """Path of a directory, path of a ``.zip`` to read, or URL, such as ``s3://bucket/name``."""
