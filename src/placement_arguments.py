"""Cells as callers give them to a placement set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bsb import MorphologySet, RotationSet
from numpy.typing import ArrayLike, NDArray

from .core.placement_rows import PlacementRows
from .core.rows import Rows
from .errors import DtypeError, InputError, LabelError, LengthError


def as_placement_rows(
    positions: ArrayLike | None,
    morphologies: MorphologySet | None,
    rotations: RotationSet | ArrayLike | None,
    additional: Mapping[str, ArrayLike] | None,
    count: int | None,
) -> PlacementRows:
    """
    The rows of cells or entities.

    The parameters are those of :meth:`.placement_set.PlacementSet.append_data`.

    :raises InputError: they do not fit together.
    """
    if count is not None:
        if not (positions is None and morphologies is None and rotations is None):
            raise InputError(
                "'count' makes entities, which have no positions, morphologies or rotations"
            )
        return PlacementRows.of_entities(count, additional)
    if positions is None:
        given = [
            name
            for name, value in (("morphologies", morphologies), ("rotations", rotations))
            if value is not None
        ]
        raise LengthError(
            "append_data needs positions, or count= for entities"
            + (f", but was given only {' and '.join(given)}" if given else "")
        )
    if rotations is not None and not isinstance(rotations, np.ndarray):
        rotations = np.asarray(_rotation_rows(rotations))
    names = None
    if morphologies is not None:
        if not isinstance(morphologies, MorphologySet):
            raise DtypeError(
                f"morphologies must be a MorphologySet, not {morphologies!r}",
                asked=morphologies,
            )
        names = ([loader.name for loader in morphologies._loaders], morphologies.get_indices())
    return PlacementRows.of_cells(positions, names, rotations, additional)


def _rotation_rows(rotations: RotationSet | ArrayLike) -> RotationSet:
    try:
        return rotations if isinstance(rotations, RotationSet) else RotationSet(rotations)
    except (ValueError, TypeError) as error:
        raise InputError(f"the rotations are not (n, 3): {error}") from error


def ids_of_mask(mask: Rows, size: int) -> NDArray[np.int64]:
    """
    The ranks of the cells that a mask is true for.

    :raises LabelError: it is not a boolean mask of that many cells.
    """
    if mask.dtype != bool or mask.shape != (size,):
        raise LabelError(
            f"the mask must hold booleans, one for each of the {size} cells: shape ({size},);"
            f" it has shape {mask.shape} and dtype '{mask.dtype}'"
        )
    return np.flatnonzero(mask)
