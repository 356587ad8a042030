"""Arrays of SONATA files: written where there is something to put in, and read with distrust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from ...core.rows import Rows
from ...errors import CorruptNetworkError

Group: TypeAlias = Any
"""A group of h5py, which has no types."""
Array: TypeAlias = Any
"""A dataset of h5py."""

LIBRARY = "@library"
# Rows that are compared at once.
_PIECE = 1 << 20
_TEXT = h5py.string_dtype("utf-8")


class Columns:
    """
    Arrays of one length in a group.

    :param group: which they are, or are to be, in.
    :param size: rows of each.
    """

    def __init__(self, group: Group, size: int) -> None:
        self._group = group
        self.size = size

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def make(self, name: str, dtype: Any, fill: float) -> None:
        """Make an array whose rows are all the same; it takes no room before others come."""
        self._group.create_dataset(name, (self.size,), dtype, fillvalue=fill)

    def require(self, name: str, dtype: Any, fill: float) -> None:
        """As :meth:`make`, if the array is not there."""
        if name not in self._group:
            self.make(name, dtype, fill)

    def write(self, name: str, first: int, values: Rows) -> None:
        """
        Write rows of an array.

        :param first: their place.
        """
        self._group[name][first : first + len(values)] = values

    def enumerate(self, name: str, texts: Sequence[str]) -> None:
        """Say which text each number of an array stands for."""
        library = self._group.require_group(LIBRARY)
        library.create_dataset(name, data=np.array(texts, dtype=object), dtype=_TEXT)

    def read(self, name: str, rows: slice = slice(None)) -> Rows:
        """
        Numbers of an array.

        :raises CorruptNetworkError: it is none, or of another length.
        """
        found = array_in(self._group, name)
        if found.shape != (self.size,) or found.dtype.kind not in "iuf":
            raise CorruptNetworkError(
                f"'{_place(found)}' must hold {self.size} numbers, not an array of shape"
                f" {found.shape} and dtype '{found.dtype}'"
            )
        values: Rows = found[rows]
        return values

    def read_integers(self, name: str, rows: slice = slice(None)) -> NDArray[np.int64]:
        """
        Whole numbers of an array.

        :raises CorruptNetworkError: there are others, or as for :meth:`read`.
        """
        values = self.read(name, rows)
        with np.errstate(invalid="ignore"):
            integers = values.astype(np.int64)
        if values.dtype.kind == "f" and (integers != values).any():
            raise CorruptNetworkError(
                f"'{_place(self._group)}/{name}' must hold whole numbers, not"
                f" {values[integers != values][0]}"
            )
        return integers

    def numeric(self) -> list[str]:
        """Names of the arrays that hold a number for each row."""
        library = self._group.get(LIBRARY, ())
        return [
            name
            for name in self._group
            if _is_array(found := _member(self._group, name))
            and found.shape == (self.size,)
            and found.dtype.kind in "iuf"
            and name not in library
        ]

    def library(self, name: str) -> list[str]:
        """The texts that the numbers of an array stand for; none if they are numbers."""
        if LIBRARY not in self._group or name not in group_in(self._group, LIBRARY):
            return []
        texts: list[str] = _texts(array_in(self._group[LIBRARY], name)).tolist()
        return texts

    def read_texts(self, name: str) -> tuple[list[str], NDArray[np.int64]]:
        """
        The texts of an array, each once, and the number of one for each row.

        :raises CorruptNetworkError: it holds something else.
        """
        texts = self.library(name)
        if texts:
            codes = self.read_integers(name)
            if len(codes) and not 0 <= codes.min() <= codes.max() < len(texts):
                raise CorruptNetworkError(
                    f"'{_place(self._group)}/{name}' refers to texts {codes.min()} to"
                    f" {codes.max()}, but there are only {len(texts)}"
                )
            return texts, codes
        unique, codes = np.unique(_texts(array_in(self._group, name)), return_inverse=True)
        if codes.shape != (self.size,):
            raise CorruptNetworkError(f"'{_place(self._group)}/{name}' needs {self.size} texts")
        return unique.tolist(), codes.astype(np.int64)


def check_order(population: Group, kind: str, size: int) -> None:
    """
    Check that all attributes are in one group, a row for each node or edge, in their order.

    :param kind: ``node`` or ``edge``.
    :raises CorruptNetworkError: they are in several, or in the order of an index.
    """
    columns = Columns(population, size)
    names = f"{kind}_group_id", f"{kind}_group_index", f"{kind}_id"
    for name in (each for each in names if each in columns):
        for first in range(0, size, _PIECE):
            rows = slice(first, min(first + _PIECE, size))
            expected = 0 if name == names[0] else np.arange(rows.start, rows.stop)
            if (columns.read(name, rows) != expected).any():
                raise CorruptNetworkError(
                    f"the rows of '{_place(population)}' are in several groups, or not in the order"
                    f" of its {kind}s, according to '{name}'; write them to the group '0' in the"
                    " order of their ids"
                )


def array_in(group: Group, name: str) -> Array:
    """
    An array that lies in the file itself.

    :raises CorruptNetworkError: there is none.
    """
    found = _member(group, name)
    if not _is_array(found):
        raise CorruptNetworkError(f"'{_place(group)}' has no array '{name}' of its own")
    return found


def group_in(group: Group, name: str) -> Group:
    """
    A group that lies in the file itself.

    :raises CorruptNetworkError: there is none.
    """
    found = _member(group, name)
    if not isinstance(found, h5py.Group):
        raise CorruptNetworkError(f"'{_place(group)}' has no group '{name}' of its own")
    return found


def text_attribute(array: Array, name: str) -> str:
    """
    A text that an array has as attribute.

    :raises CorruptNetworkError: there is none.
    """
    value = array.attrs.get(name)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise CorruptNetworkError(f"'{_place(array)}' has no text '{name}' as attribute")
    return value


def _member(group: Group, name: str) -> Any:
    """
    A member of a group, but no link to elsewhere, as a circuit may come from an untrusted source.

    :returns: None if there is none.
    :raises CorruptNetworkError: HDF5 can't open it.
    """
    # A name with a slash is a path, and any part of it may be a link.
    if name in ("", ".") or "/" in name:
        return None
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    try:
        return group[name]
    except KeyError as error:
        raise CorruptNetworkError(f"'{_place(group)}/{name}' can't be opened: {error}") from error


def _is_array(found: Any) -> bool:
    return isinstance(found, h5py.Dataset) and not found.external and not found.is_virtual


def _texts(array: Array) -> NDArray[np.object_]:
    if h5py.check_string_dtype(array.dtype) is None or array.ndim != 1:
        raise CorruptNetworkError(f"'{_place(array)}' holds no texts")
    return np.array(array.asstr(errors="replace")[:], dtype=object)


def _place(item: Any) -> str:
    return f"{item.file.filename}:{item.name}"
