"""
Verbs that some backends have of their own, to be faster or to keep their format.

Where a backend has none, the verbs of the port do the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import NodeNotFoundError
from ...ports.arrays import AnyArray, ArrayWriter, AttributeReader, AttributeWriter, GroupWriter


def read_integers(attributes: AttributeReader, names: Sequence[str]) -> NDArray[np.int64]:
    """
    Many integer attributes at once (:class:`.IntegerReader`), in the order of ``names``.

    :raises NodeNotFoundError: one of them is absent.
    """
    own = getattr(attributes, "integers", None)
    if own is not None:
        return np.asarray(own(names))
    values = [attributes.get(name) for name in names]
    for name, value in zip(names, values, strict=True):
        if value is None:
            raise NodeNotFoundError(f"there is no attribute '{name}'", asked=name)
    return np.array(values, dtype=np.int64)


def write_integers(attributes: AttributeWriter, values: Mapping[str, int]) -> None:
    """Store many integers at once (:class:`.IntegerWriter`)."""
    own = getattr(attributes, "set_integers", None)
    if own is not None:
        own(values)
        return
    for name, value in values.items():
        attributes.set(name, value)


def lacks_checks(group: GroupWriter) -> bool:
    """Whether a backend says that it does not notice rows that the medium changed."""
    return bool(getattr(group, "unchecked_rows", False))


def create_fixed_array(group: GroupWriter, name: str, rows: AnyArray) -> ArrayWriter:
    """
    Make an array of as many rows as it will ever have (:class:`.FixedArrayCreator`).

    :raises NodeExistsError: the name is taken.
    """
    own = getattr(group, "create_fixed_array", None)
    made: ArrayWriter = group.create_array(name, rows) if own is None else own(name, rows)
    return made
