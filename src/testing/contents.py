"""What a store holds, as plain values that compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ..errors import CorruptNetworkError, NodeNotFoundError
from ..ports.arrays import AttributeReader, GroupReader, GroupWriter
from ..ports.store import Capability, Store


def value_of(value: object) -> Any:
    """A value such that equal means: of equal type, dtype, shape and content."""
    if isinstance(value, np.ndarray | np.generic):
        return type(value).__name__, str(value.dtype), value.shape, value.tolist()
    return type(value).__name__, value


def attributes_of(attributes: AttributeReader) -> dict[str, Any]:
    """All attributes, by name."""
    return {name: value_of(attributes.get(name)) for name in sorted(attributes.names())}


def contents_of(group: GroupReader) -> dict[str, Any]:
    """Everything in a group, and in the groups below it."""
    members = {name: _member(group, name) for name in group.names()}
    return {"attributes": attributes_of(group.attributes), "members": members}


def _member(group: GroupReader, name: str) -> Any:
    try:
        return contents_of(group.group(name))
    except NodeNotFoundError:
        pass
    try:
        array = group.array(name)
        return {"attributes": attributes_of(array.attributes), "rows": value_of(array.read())}
    except (NodeNotFoundError, CorruptNetworkError):
        document = group.document(name)
        return {"attributes": attributes_of(document.attributes), "bytes": document.read()}


def make(store: Store) -> Store:
    """
    The store, which is there now and empty.

    A test of a store that claims not to be writable ends here.
    """
    if Capability.WRITABLE not in store.capabilities:
        pytest.skip(store.capabilities.limits[Capability.WRITABLE])
    store.create().commit()
    return store


@contextmanager
def writing(store: Store) -> Iterator[GroupWriter]:
    """The root group; what the block changed is committed unless it raises."""
    session = store.open_write()
    try:
        yield session.root
    except BaseException:
        session.rollback()
        raise
    session.commit()


@contextmanager
def reading(store: Store) -> Iterator[GroupReader]:
    """The root group."""
    session = store.open_read()
    try:
        yield session.root
    finally:
        session.close()


def snapshot(store: Store) -> dict[str, Any]:
    """Everything in a store."""
    with reading(store) as root:
        return contents_of(root)
