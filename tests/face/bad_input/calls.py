"""A call with bad input: what is given, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import h5py
import numpy as np
from bsb import MorphologySet

from bsb_hdf5 import errors as e
from tests.face.samples import (
    SmallNetwork,
    chunk,
    morphology_set,
    on_soma,
)

NAN = float("nan")

HUGE = 10**30


@attrs.frozen
class Bad:
    """
    A call that must be refused.

    :param name: what is wrong with it.
    :param call: makes it, on a small network.
    :param error: what is raised.
    :param says: patterns that its message has to contain.
    :param also: what BSB's users catch.
    """

    name: str
    call: Callable[[SmallNetwork], Any]
    error: type[e.StorageError]
    says: tuple[str, ...]
    also: type[BaseException] = Exception


def append(network: SmallNetwork, **given: Any) -> None:
    network.b.append_data(given.pop("chunk", chunk(0)), **given)


def connect(network: SmallNetwork, src: Any, dest: Any) -> None:
    network.ab.connect(network.a, network.b, src, dest)


def with_loaders(network: SmallNetwork, indices: Any) -> MorphologySet:
    """A set with any indices at all: BSB checks them when it makes one, and not later."""
    made = morphology_set(network.storage, ["stub"], [0])
    made._m_indices = np.asarray(indices)
    return made


def twice(bad: Any) -> tuple[Any, Any]:
    return bad, on_soma(*range(len(bad)))


def closed_session(network: SmallNetwork, *, write: bool) -> Any:
    open_scope = network.storage.write_scope if write else network.storage.read_scope
    with open_scope() as session:
        return session


def closed_file(network: SmallNetwork) -> Any:
    with h5py.File(network.path, "r") as file:
        pass
    return file
