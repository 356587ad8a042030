"""
The names of morphologies that a chunk lists, to which the numbers of its cells refer.

bsb-hdf5 8.0.2 lists what was offered with cells, had by one of them or not, and relies on it: where
a chunk lists the first names of those that it is given, and not the others, it can't append.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ....ports.arrays import GroupReader, GroupWriter
from ...column_specs import MORPHOLOGY
from ...paths import canonical
from ...placement_rows import MorphologyRows
from .columns import find_array, replace_rows

Lacks = Callable[[Collection[str]], Collection[str]]

_NAMES = "morphology_loaders"


def names_in(chunk: GroupReader) -> list[str]:
    """The names that a chunk lists."""
    names = chunk.attributes.get(_NAMES)
    return [] if names is None else [str(name) for name in names]


def list_names(chunk: GroupWriter, given: MorphologyRows, lacks: Lacks) -> NDArray[np.int64]:
    """
    List what is offered with cells, and number their morphologies as the chunk does.

    :param lacks: which of some names no stored morphology has; those are listed for cells only.
    """
    names = names_in(chunk)
    if given.names == tuple(names[: len(given.names)]):
        return given.indices
    known = set(names)
    new = [name for name in _to_list(names, given) if name not in known]
    if new:
        unused = set(new).difference(_used(given))
        lacking = lacks(unused) if unused else ()
        names += [name for name in new if name not in lacking]
        chunk.attributes.set(_NAMES, names)
    codes = {name: code for code, name in reversed(list(enumerate(names)))}
    # A name without a stored morphology has no code, and no cell has it.
    translation = [codes.get(name, -1) for name in given.names]
    return np.array(translation, dtype=np.int64)[given.indices]


def _to_list(names: Sequence[str], given: MorphologyRows) -> list[str]:
    """
    Those of the given names that 8.0.2 lists.

    If it knows some, and not by the same numbers, then those that cells have, in their order.
    Else all; where it knows some by the same numbers, it would list none, and fail.
    """
    known = {name: code for code, name in reversed(list(enumerate(names)))}
    if all(known.get(name, number) == number for number, name in enumerate(given.names)):
        return [*dict.fromkeys(given.names)]
    return _used(given)


def _used(given: MorphologyRows) -> list[str]:
    """The names that cells have, in the order of the cells."""
    numbers, first = np.unique(given.indices, return_index=True)
    return [*dict.fromkeys(given.names[number] for number in numbers[np.argsort(first)])]


def unlist_name(chunk: GroupWriter, name: str) -> None:
    """No longer list a morphology, if it is listed and no cell has it: 8.0.2 looks for each."""
    names, path = names_in(chunk), canonical(name)
    is_kept = np.array([canonical(each) != path for each in names], dtype=bool)
    if is_kept.all():
        return
    array = find_array(chunk, MORPHOLOGY)
    rows = MORPHOLOGY.empty if array is None else array.read()
    if rows.dtype.kind not in "iu" or not np.isin(rows, np.flatnonzero(is_kept)).all():
        return
    left = [each for each, kept in zip(names, is_kept.tolist(), strict=True) if kept]
    if left:
        chunk.attributes.set(_NAMES, left)
    else:
        chunk.attributes.delete(_NAMES)
    if len(rows):
        replace_rows(chunk, MORPHOLOGY, (np.cumsum(is_kept) - 1)[rows])
