"""The content of a store, as plain values that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from ..errors import CorruptNetworkError, NodeNotFoundError
from ..ports.arrays import AttributeReader, GroupReader, GroupWriter
from ..ports.store import Capability, Store

# Values of an array that are compared as bytes, which takes less time.
_MANY = 10_000


def value_of(value: object) -> Any:
    """A value that is equal only to values of the same type, dtype, shape and content."""
    if isinstance(value, np.ndarray | np.generic):
        content = value.tolist() if value.size < _MANY else value.tobytes()
        return type(value).__name__, str(value.dtype), value.shape, content
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


def differing(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The paths at which two contents differ; NaN is equal to NaN."""
    paths: list[str] = []
    for name in sorted({*expected, *found}):
        one, other = expected.get(name), found.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            paths.extend(f"{name}/{path}" for path in differing(one, other))
        elif repr(one) != repr(other):
            paths.append(name)
    return paths


def require_claim(store: Store, *claims: Capability) -> None:
    """Skip a test if the store does not claim a capability, and give its sentence as the reason."""
    for claim in claims:
        if claim not in store.capabilities:
            pytest.skip(store.capabilities.limits[claim])


def make(store: Store, fill: Callable[[GroupWriter], object] | None = None) -> Store:
    """
    The store, which is there now.

    A test of a store that claims not to be writable ends here.

    :param fill: writes what it holds; without, it is empty.
    """
    require_claim(store, Capability.WRITABLE)
    session = store.create()
    if fill is not None:
        fill(session.root)
    session.commit()
    return store


def outcome_of(action: Callable[[], object]) -> Exception | None:
    """The exception that an action raises; None if it succeeds."""
    try:
        action()
    except Exception as error:
        return error
    return None


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
    """The whole content of a store."""
    with reading(store) as root:
        return contents_of(root)
