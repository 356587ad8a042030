"""Cells to append to the chunks of a placement set, checked before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import DtypeError, InputError, LengthError, ShapeError
from .column_specs import POSITION, ROTATION, ColumnSpec, additional_column
from .min_max import min_max
from .names import check_name, check_names
from .rows import Lengths, Rows
from .validation import as_count, as_floats, as_integers


@attrs.frozen(eq=False, slots=False)
class MorphologyRows:
    """
    A morphology per cell.

    :param names: names of the morphologies.
    :param indices: (n,) index of a name per cell.
    :param lengths: cells with morphology per chunk that was asked for.
    """

    names: tuple[str, ...]
    indices: NDArray[np.int64]
    lengths: Lengths = attrs.field(factory=lambda: np.zeros(0, dtype=np.int64))

    def used(self) -> MorphologyRows:
        """The same morphologies, by those names only that a cell has."""
        is_used = np.zeros(len(self.names), dtype=bool)
        is_used[self.indices] = True
        if is_used.all():
            return self
        names = tuple(compress(self.names, is_used.tolist()))
        return MorphologyRows(names, (np.cumsum(is_used) - 1)[self.indices], self.lengths)


# Objects that every call makes have no slots: a frozen object without them is made three times
# faster.
@attrs.frozen(eq=False, slots=False)
class PlacementRows:
    """
    Cells to append to one chunk, checked.

    :param count: how many.
    :param positions: (count, 3) floats, um, or None.
    :param rotations: (count, 3) floats, Euler angles in degrees, or None.
    :param morphologies: a name per cell as index, or None.
    :param additional: floats of ``count`` rows by key.
    """

    count: int
    positions: NDArray[np.float64] | None = None
    rotations: NDArray[np.float64] | None = None
    morphologies: MorphologyRows | None = None
    additional: Mapping[str, NDArray[np.float64]] = attrs.field(factory=dict)

    @classmethod
    def of_cells(
        cls,
        positions: object,
        morphologies: tuple[Sequence[str], object] | None,
        rotations: object,
        additional: Mapping[str, object] | None,
    ) -> PlacementRows:
        """
        Cells with positions.

        Cells with morphologies and without rotations are not rotated.

        :param morphologies: names, and per cell the index of one.
        :raises InputError: shapes, dtypes or lengths that don't fit.
        """
        placed = _as_triplets(positions, "positions")
        count = len(placed)
        turned = None if rotations is None else _as_triplets(rotations, "rotations")
        if morphologies is not None and turned is None:
            turned = np.zeros((count, 3))
        rows = cls(
            count,
            placed,
            turned,
            None if morphologies is None else _as_morphologies(*morphologies),
            _as_additional(additional, count),
        )
        rows._check_lengths()
        return rows

    @classmethod
    def of_entities(cls, count: object, additional: Mapping[str, object] | None) -> PlacementRows:
        """
        Cells that have no place in space.

        :raises InputError: no count, or additional data of another length.
        """
        number = as_count(count, "the count of entities")
        rows = cls(number, additional=_as_additional(additional, number))
        rows._check_lengths()
        return rows

    def columns(self) -> list[tuple[ColumnSpec, Rows]]:
        """The columns given, morphologies aside, as they are needed to index names."""
        given = [(POSITION, self.positions), (ROTATION, self.rotations)]
        found = [(column, rows) for column, rows in given if rows is not None]
        for key, values in self.additional.items():
            found.append((additional_column(key), values))
        return found

    def _check_lengths(self) -> None:
        count, rotations, morphologies = self.count, self.rotations, self.morphologies
        if (
            (rotations is not None and len(rotations) != count)
            or (morphologies is not None and len(morphologies.indices) != count)
            or (self.additional and {*map(len, self.additional.values())} != {count})
        ):
            raise self._wrong_lengths()

    def _wrong_lengths(self) -> LengthError:
        lengths = {spec.title: len(values) for spec, values in self.columns()}
        if self.morphologies is not None:
            lengths["morphology"] = len(self.morphologies.indices)
        wrong = {name: length for name, length in lengths.items() if length != self.count}
        found = ", ".join(f"{length} of '{name}'" for name, length in wrong.items())
        return LengthError(
            f"{self.count} cells need one row per cell, but were given {found}",
            found=wrong,
            valid=self.count,
        )


def _as_triplets(values: object, what: str) -> NDArray[np.float64]:
    array = as_floats(values, what)
    if array.ndim == 2 and array.shape[1] == 3:  # noqa: PLR2004
        return array
    if array.shape == (1,):
        # A lone number stands for one cell with that coordinate on every axis.
        return np.repeat(array, 3).reshape(1, 3)
    # Rows without coordinates are cells that lack something, but one is how ``[[]]`` looks.
    if array.size == 0 and array.ndim <= 2 and len(array) <= 1:  # noqa: PLR2004
        return np.zeros((0, 3))
    raise ShapeError(
        f"{what} must have shape (n, 3), not {array.shape}", found=array.shape, valid="(n, 3)"
    )


def _as_morphologies(names: Sequence[str], indices: object) -> MorphologyRows:
    codes = as_integers(indices, "morphology indices")
    if codes.ndim != 1:
        raise ShapeError(f"morphology indices must have shape (n,), not {codes.shape}")
    first, last = min_max(codes) if codes.size else (0, -1)
    if first < 0 or last >= len(names):
        raise InputError(
            f"morphology indices reach from {first} to {last}; there are {len(names)} morphologies"
        )
    return MorphologyRows(check_names(names, "morphology"), codes)


def _as_additional(
    additional: Mapping[str, object] | None, count: int
) -> dict[str, NDArray[np.float64]]:
    if additional is None:
        return {}
    if not isinstance(additional, Mapping):
        raise DtypeError(
            f"additional data must be a dictionary, not {additional!r}", asked=additional
        )
    return {
        check_name(key, "key of additional data"): as_additional_rows(key, values)
        for key, values in additional.items()
    }


def as_additional_rows(key: str, values: object) -> NDArray[np.float64]:
    """
    Additional data of one key: floats with a row per cell.

    :raises InputError: not numbers, or no rows.
    """
    rows = as_floats(values, f"additional data '{key}'")
    if rows.ndim == 0:
        raise ShapeError(f"additional data '{key}' must have a row per cell, but is one number")
    return rows
