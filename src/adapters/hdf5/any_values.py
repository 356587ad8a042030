"""Values of any type that HDF5 has, through h5py's own objects."""

from __future__ import annotations

from typing import Any

import h5py

from ...errors import DtypeError, InputError, ShapeError
from ...ports.arrays import AnyArray
from .h5_types import H5Object

# The exceptions of h5py for values and options that it can't use.
_UNFIT = (TypeError, ValueError, KeyError, AttributeError)


def read_any(id_: H5Object) -> Any:
    """All values of a dataset: an array, or what h5py has for a single value."""
    return h5py.Dataset(id_)[()]


def check_any(data: object, options: dict[str, Any]) -> None:
    """
    Check that h5py can make a dataset of some values.

    :param options: of ``h5py.Group.create_dataset``.
    :raises DtypeError: HDF5 can't store the values.
    :raises InputError: the options are not h5py's, or don't fit the values.
    """
    if data is None:
        raise DtypeError("None can't be stored; give the values of the array")
    # h5py may find the error after it has made the dataset.
    with h5py.File("trial", "w", driver="core", backing_store=False) as trial:
        try:
            trial.create_dataset("trial", data=data, **options)
        except _UNFIT as error:
            kind = DtypeError if isinstance(error, TypeError) else InputError
            asked = f" with {', '.join(sorted(options))}" if options else ""
            raise kind(f"HDF5 can't store the data{asked}: {error}") from error


def check_append(id_: H5Object, name: str, rows: AnyArray) -> None:
    """
    Check that rows can be added to a dataset.

    :raises InputError: it can't grow so far, or the rows don't fit.
    """
    dataset = h5py.Dataset(id_)
    if rows.shape[1:] != dataset.shape[1:]:
        raise ShapeError(f"rows of shape {rows.shape} don't fit '{name}' of {dataset.shape}")
    held, most = dataset.shape[0], dataset.maxshape[0]
    if most is not None and held + len(rows) > most:
        raise InputError(f"'{name}' has {held} rows, and can't have more than {most}")


def append_any(id_: H5Object, rows: AnyArray) -> None:
    """Add rows to a dataset."""
    dataset = h5py.Dataset(id_)
    held = dataset.shape[0]
    dataset.resize(held + len(rows), axis=0)
    dataset[held:] = rows
