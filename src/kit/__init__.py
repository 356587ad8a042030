"""
The names that an author of a backend imports: base classes, errors and capabilities.

``define_engine`` makes a storage engine of BSB from a store. Names are imported when they are
used, so that an engine costs next to nothing in a program that does not use it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..adapters.by_key.encoding import dump_value, load_value
    from ..adapters.by_key.open_once import OpenOnce
    from ..adapters.by_key.store import KeyValueStore
    from ..adapters.by_key.transaction import Transaction
    from ..adapters.files.errors import system_error
    from ..adapters.files.locking import HeldDescriptor
    from ..adapters.native.arrays import Array, ArrayWriter, Document, DocumentWriter
    from ..adapters.native.attributes import Attributes, AttributesWriter, stored_value
    from ..adapters.native.drafts import Draft, delete, give_name
    from ..adapters.native.groups import Group, GroupWriter, Member
    from ..adapters.native.store import ArrayStore, free_path
    from ..core.ranges import check_ranges, coalesce, rows_of_ranges, take_ranges
    from ..errors import (
        CorruptNetworkError,
        DtypeError,
        InputError,
        LockTimeoutError,
        NodeExistsError,
        NodeNotFoundError,
        NotANetworkError,
        ReadOnlyError,
        SessionClosedError,
        ShapeError,
        StorageError,
        StoreAccessError,
        StoreError,
        StoreExistsError,
        StoreIOError,
        StoreNotFoundError,
    )
    from ..ports.store import Capabilities, Capability, ReadSession, WriteSession
    from ..transactions.deadline import Deadline
    from .engines import EngineModule, define_engine

PORT_VERSION = 1
"""
Of what this module offers. It grows when a backend written against an earlier version may have to
be changed.
"""

_PLACES: dict[str, tuple[str, ...]] = {
    "..adapters.by_key.encoding": ("dump_value", "load_value"),
    "..adapters.by_key.open_once": ("OpenOnce",),
    "..adapters.by_key.store": ("KeyValueStore",),
    "..adapters.by_key.transaction": ("Transaction",),
    "..adapters.files.errors": ("system_error",),
    "..adapters.files.locking": ("HeldDescriptor",),
    "..adapters.native.arrays": (
        "Array",
        "ArrayWriter",
        "Document",
        "DocumentWriter",
    ),
    "..adapters.native.attributes": (
        "Attributes",
        "AttributesWriter",
        "stored_value",
    ),
    "..adapters.native.drafts": (
        "Draft",
        "delete",
        "give_name",
    ),
    "..adapters.native.groups": ("Group", "GroupWriter", "Member"),
    "..adapters.native.store": (
        "ArrayStore",
        "free_path",
    ),
    "..core.ranges": (
        "check_ranges",
        "coalesce",
        "rows_of_ranges",
        "take_ranges",
    ),
    "..errors": (
        "CorruptNetworkError",
        "DtypeError",
        "InputError",
        "LockTimeoutError",
        "NodeExistsError",
        "NodeNotFoundError",
        "NotANetworkError",
        "ReadOnlyError",
        "SessionClosedError",
        "ShapeError",
        "StorageError",
        "StoreAccessError",
        "StoreError",
        "StoreExistsError",
        "StoreIOError",
        "StoreNotFoundError",
    ),
    "..ports.store": (
        "Capabilities",
        "Capability",
        "ReadSession",
        "WriteSession",
    ),
    "..transactions.deadline": ("Deadline",),
    ".engines": (
        "EngineModule",
        "define_engine",
    ),
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "PORT_VERSION",
    "Array",
    "ArrayStore",
    "ArrayWriter",
    "Attributes",
    "AttributesWriter",
    "Capabilities",
    "Capability",
    "CorruptNetworkError",
    "Deadline",
    "Document",
    "DocumentWriter",
    "Draft",
    "DtypeError",
    "EngineModule",
    "Group",
    "GroupWriter",
    "HeldDescriptor",
    "InputError",
    "KeyValueStore",
    "LockTimeoutError",
    "Member",
    "NodeExistsError",
    "NodeNotFoundError",
    "NotANetworkError",
    "OpenOnce",
    "ReadOnlyError",
    "ReadSession",
    "SessionClosedError",
    "ShapeError",
    "StorageError",
    "StoreAccessError",
    "StoreError",
    "StoreExistsError",
    "StoreIOError",
    "StoreNotFoundError",
    "Transaction",
    "WriteSession",
    "check_ranges",
    "coalesce",
    "define_engine",
    "delete",
    "dump_value",
    "free_path",
    "give_name",
    "load_value",
    "rows_of_ranges",
    "stored_value",
    "system_error",
    "take_ranges",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
