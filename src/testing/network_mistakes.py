"""Mistakes that callers make: each raises a typed error, and stores nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import bsb
import numpy as np
from bsb import Storage

from .. import errors
from ..connectivity_set import ConnectivitySet
from ..placement_set import PlacementSet
from .network_model import NetworkModel
from .network_samples import TAGS, cell_type, chunk_at, morphology_of

_FAR = 10**6


@attrs.frozen
class Mistake:
    """
    A call that fails.

    :param error: what it raises, or classes that what it raises is of all of.
    :param needs: whether a network has what the call is about.
    """

    error: type[Exception] | tuple[type[Exception], ...]
    call: Callable[[Storage], object]
    needs: Callable[[NetworkModel], object] = lambda model: True

    def make(self, storage: Storage, title: str) -> None:
        """
        Make the call.

        :raises AssertionError: it succeeded, or failed with another error.
        """
        wanted = self.error if isinstance(self.error, tuple) else (self.error,)
        try:
            self.call(storage)
        except errors.StorageError as error:
            lacking = [cls.__name__ for cls in wanted if not isinstance(error, cls)]
            assert not lacking, f"{title}: {error!r} is no {lacking}"
            return
        raise AssertionError(f"{title}: {wanted[0].__name__} was not raised")


def _granule(storage: Storage) -> PlacementSet:
    cells: PlacementSet = storage.get_placement_set(cell_type("granule"))
    return cells


def _append(**data: Any) -> Callable[[Storage], object]:
    return lambda storage: _granule(storage).append_data(chunk_at(0), **data)


def _connected(storage: Storage) -> ConnectivitySet:
    connections: ConnectivitySet = storage.get_connectivity_set("granule_to_golgi")
    return connections


def _link(pre: Any, post: Any) -> Callable[[Storage], object]:
    return lambda storage: _connected(storage).chunk_connect(chunk_at(0), chunk_at(1), pre, post)


def _connect_far(storage: Storage) -> None:
    pre, post = (storage.get_placement_set(cell_type(name)) for name in TAGS["granule_to_golgi"])
    _connected(storage).connect(pre, post, [(_FAR, -1, -1)], [(_FAR, -1, -1)])


def _require_reversed(storage: Storage) -> None:
    pre, post = (cell_type(name) for name in TAGS["granule_to_golgi"])
    storage.require_connectivity_set(post, pre, "granule_to_golgi")


def _save(name: str, **options: object) -> Callable[[Storage], object]:
    return lambda storage: storage.morphologies.save(name, morphology_of("labelled"), **options)


def _save_undescribable(storage: Storage) -> None:
    morphology = morphology_of("one branch")
    morphology.meta["thing"] = object()
    storage.morphologies.save("a", morphology, overwrite=True)


def _has_granule(model: NetworkModel) -> bool:
    return "granule" in model.cells


def _has_connections(model: NetworkModel) -> bool:
    return "granule_to_golgi" in model.connections


def _has_both(model: NetworkModel) -> bool:
    return _has_connections(model) and set(TAGS["granule_to_golgi"]) <= set(model.cells)


_POSITIONS = np.arange(6.0).reshape(2, 3)
_PLACEMENT: dict[str, Mistake] = {
    "positions in a plane": Mistake(
        errors.ShapeError, _append(positions=np.zeros((2, 2))), _has_granule
    ),
    "positions that are texts": Mistake(
        errors.DtypeError, _append(positions=[["x", "y", "z"]]), _has_granule
    ),
    "rotations for fewer cells": Mistake(
        errors.LengthError, _append(positions=_POSITIONS, rotations=np.ones((1, 3))), _has_granule
    ),
    "rotations without positions": Mistake(
        errors.LengthError, _append(rotations=np.ones((2, 3))), _has_granule
    ),
    "additional data for more cells": Mistake(
        errors.LengthError,
        _append(positions=_POSITIONS, additional={"weight": [1.0, 2.0, 3.0]}),
        _has_granule,
    ),
    "a key with a NUL": Mistake(
        errors.InvalidNameError, _append(count=1, additional={"a\0b": [1.0]}), _has_granule
    ),
    "fewer entities than none": Mistake(errors.InputError, _append(count=-1), _has_granule),
    "entities with positions": Mistake(
        errors.InputError, _append(positions=_POSITIONS, count=2), _has_granule
    ),
    "more additional data than cells": Mistake(
        errors.LengthError,
        lambda storage: _granule(storage).append_additional(
            "weight", chunk_at(0), np.zeros(10_000)
        ),
        _has_granule,
    ),
    "a chunk of another size": Mistake(
        (errors.ChunkSizeError, bsb.ChunkError),
        lambda storage: _granule(storage).append_data(chunk_at(0, (1, 1, 1)), _POSITIONS),
        lambda model: _has_granule(model) and model.sized,
    ),
    "a chunk of two coordinates": Mistake(
        errors.ShapeError,
        lambda storage: _granule(storage).append_data((0, 0), _POSITIONS),
        _has_granule,
    ),
    "labels that are one text": Mistake(
        (errors.LabelError, bsb.LabellingError),
        lambda storage: _granule(storage).label("active", [0]),
        _has_granule,
    ),
    "labels for cells that are not there": Mistake(
        (errors.LabelError, bsb.LabellingError),
        lambda storage: _granule(storage).label(["active"], [_FAR]),
        _has_granule,
    ),
    "a mask of another length": Mistake(
        (errors.LabelError, bsb.LabellingError),
        lambda storage: _granule(storage).label_by_mask(["active"], np.ones(10_000, dtype=bool)),
        _has_granule,
    ),
    "cells of a type that has none": Mistake(
        (errors.SetNotFoundError, bsb.DatasetNotFoundError),
        lambda storage: storage.get_placement_set(cell_type("nobody")),
    ),
    "a placement set made twice": Mistake(
        (errors.SetExistsError, bsb.DatasetExistsError),
        lambda storage: storage._PlacementSet.create(storage._engine, cell_type("granule")),
        _has_granule,
    ),
}
_CONNECTIVITY: dict[str, Mistake] = {
    "connections of cells that are not there": Mistake(
        (errors.LocationError, IndexError), _connect_far, _has_both
    ),
    "more sources than destinations": Mistake(
        errors.LengthError, _link([0, 1], [0]), _has_connections
    ),
    "cells below zero": Mistake(errors.LocationError, _link([-1], [0]), _has_connections),
    "a branch without a point": Mistake(
        errors.LocationError, _link([(0, 1, -1)], [(0, -1, -1)]), _has_connections
    ),
    "half a cell": Mistake(errors.DtypeError, _link([0.5], [0]), _has_connections),
    "no direction": Mistake(
        errors.InputError,
        lambda storage: _connected(storage).get_local_chunks("sideways"),
        _has_connections,
    ),
    "a set between other types": Mistake(errors.SetTypeError, _require_reversed, _has_connections),
    "connections under a name that has none": Mistake(
        (errors.SetNotFoundError, bsb.DatasetNotFoundError),
        lambda storage: storage.get_connectivity_set("nothing"),
    ),
    "a tag with a NUL": Mistake(
        errors.InvalidNameError,
        lambda storage: storage.require_connectivity_set(
            cell_type("granule"), cell_type("golgi"), "a\0b"
        ),
    ),
}
_OTHERS: dict[str, Mistake] = {
    "a morphology saved twice": Mistake(
        (errors.MorphologyExistsError, bsb.MorphologyRepositoryError),
        _save("a"),
        lambda model: "a" in model.morphologies,
    ),
    "a morphology without name": Mistake(errors.InvalidNameError, _save("")),
    "metadata that can't be stored": Mistake(errors.InputError, _save_undescribable),
    "a morphology that is not there": Mistake(
        (errors.MorphologyNotFoundError, bsb.MissingMorphologyError),
        lambda storage: storage.morphologies.load("nothing"),
    ),
    "the removal of a morphology that is not there": Mistake(
        errors.MorphologyNotFoundError, lambda storage: storage.morphologies.remove("nothing")
    ),
    "a file stored twice": Mistake(
        (errors.FileStoredError, FileExistsError),
        lambda storage: storage.files.store("other", id="a"),
        lambda model: "a" in model.files,
    ),
    "a file that is a number": Mistake(
        errors.DtypeError, lambda storage: storage.files.store(5, id="a", overwrite=True)
    ),
    "meta of a file that can't be stored": Mistake(
        errors.InputError, lambda storage: storage.files.store("x", meta={"thing": object()})
    ),
    "a file that is not there": Mistake(
        (errors.FileNotStoredError, FileNotFoundError),
        lambda storage: storage.files.load("nothing"),
    ),
    "the removal of a file that is not there": Mistake(
        errors.FileNotStoredError, lambda storage: storage.files.remove("nothing")
    ),
}
MISTAKES = {**_PLACEMENT, **_CONNECTIVITY, **_OTHERS}
