"""
Morphologies as SWC files that keep every point.

What SWC has no place for (where branches end, labels, properties, metadata) stands in a comment.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.json_types import Document
from ...core.labels import LabelSets
from ...core.morphology import MorphologyTable, dump_meta, load_meta
from ...errors import CorruptNetworkError, StorageError
from .sections import SOMA, label_of, parents_of, sections_of, types_of

_MARK = "# bsb-hdf5 "
_NUMBERS = 7


def to_swc(table: MorphologyTable, meta: Document | None) -> str:
    """
    The text of an SWC file: a sample for each point of each branch.

    Points that no branch has are left out.

    :param meta: its metadata, if it has any.
    """
    parents, types = parents_of(table), types_of(table)
    rows = table.data[: len(parents)]
    header = {
        "graph": table.graph.tolist(),
        "labels": table.labels.to_lists(),
        "codes": rows[:, 4].astype(np.int64).tolist(),
        "properties": {key: rows[:, 5 + i].tolist() for i, key in enumerate(table.properties)},
        "meta": None if meta is None else json.loads(dump_meta(meta)),
    }
    samples = zip(types.tolist(), rows[:, :4].tolist(), parents.tolist(), strict=True)
    lines = [
        f"{i + 1} {type_} {x!r} {y!r} {z!r} {radius!r} {parent + 1 if parent >= 0 else -1}"
        for i, (type_, (x, y, z, radius), parent) in enumerate(samples)
    ]
    return "\n".join(["# id type x y z radius parent", _MARK + json.dumps(header), *lines, ""])


def from_swc(text: str, name: str) -> tuple[MorphologyTable, Document | None]:
    """
    The morphology of an SWC file, and its metadata, if it had any.

    A file of another program gets a branch for each section, the soma first; and its name and
    bounds as metadata.

    :param name: name of the morphology.
    :raises CorruptNetworkError: it is no SWC file, or was changed since it was exported.
    """
    lines = [line.strip() for line in text.splitlines()]
    samples = _samples([line for line in lines if line and not line.startswith("#")], name)
    header = next((line for line in lines if line.startswith(_MARK)), None)
    if header is None:
        table = _of_sections(samples, name)
        least, most = table.bounds or (np.nan, np.nan)
        return table, {"name": name, "ldc": least, "mdc": most}
    try:
        return _of_header(json.loads(header.removeprefix(_MARK)), samples)
    except (ValueError, TypeError, LookupError, AttributeError, StorageError) as error:
        raise CorruptNetworkError(
            f"the morphology '{name}' was changed since its export: {error}; remove the line"
            f" '{_MARK.strip()} ...' of its file to read it as that of another program"
        ) from error


def _samples(lines: list[str], name: str) -> NDArray[np.float64]:
    try:
        rows = [[float(each) for each in line.split("#")[0].split()] for line in lines]
        samples = np.array(rows, dtype=np.float64).reshape(len(rows), _NUMBERS)
    except ValueError as error:
        raise CorruptNetworkError(
            f"a line of the morphology '{name}' does not hold {_NUMBERS} numbers: {error}"
        ) from error
    return samples


def _of_header(
    header: Any, samples: NDArray[np.float64]
) -> tuple[MorphologyTable, Document | None]:
    properties = header["properties"]
    data = np.column_stack(
        [samples[:, 2:6], np.array(header["codes"], dtype=np.float64), *properties.values()]
    )
    graph = np.array(header["graph"], dtype=np.int64).reshape(-1, 2)
    labels = LabelSets.from_lists(header["labels"])
    table = MorphologyTable(data, graph, labels, tuple(properties))
    if not np.array_equal(_parents(samples), parents_of(table)):
        raise CorruptNetworkError("its points differ, or are in another order")
    meta = header["meta"]
    return table, None if meta is None else load_meta(json.dumps(meta))


def _parents(samples: NDArray[np.float64]) -> NDArray[np.int64]:
    """
    The row of the parent of each sample; -1 at roots.

    :raises CorruptNetworkError: a sample comes before its parent, or has none.
    """
    rows = {number: row for row, number in enumerate(samples[:, 0].tolist())}
    asked = samples[:, 6].tolist()
    parents = [-1 if number < 0 else rows.get(number, len(rows)) for number in asked]
    found = np.array(parents, dtype=np.int64)
    if len(rows) != len(samples) or np.any(found >= np.arange(len(samples))):
        raise CorruptNetworkError(
            "a sample comes before its parent or has none, or two samples have the same number"
        )
    return found


def _types(samples: NDArray[np.float64], name: str) -> NDArray[np.int64]:
    """
    The type of each sample.

    :raises CorruptNetworkError: one is no whole number.
    """
    with np.errstate(invalid="ignore"):
        types = samples[:, 1].astype(np.int64)
    wrong = samples[types != samples[:, 1], 1]
    if len(wrong):
        raise CorruptNetworkError(
            f"a sample of the morphology '{name}' is of type {wrong[0]:g}, not a whole number"
        )
    return types


def _of_sections(samples: NDArray[np.float64], name: str) -> MorphologyTable:
    try:
        parents = _parents(samples)
    except CorruptNetworkError as error:
        raise CorruptNetworkError(f"the morphology '{name}' can't be read: {error}") from error
    types = _types(samples, name)
    section = sections_of(parents, types)
    order = np.argsort(section, kind="stable")
    numbers, firsts = np.unique(section[order], return_index=True)
    branch_of = {int(number): branch for branch, number in enumerate(numbers)}
    before = parents[order[firsts]]
    graph = np.empty((len(numbers), 2), dtype=np.int64)
    graph[:, 0] = np.append(firsts[1:], len(order))
    graph[:, 1] = [-1 if row < 0 else branch_of[int(section[row])] for row in before]
    # The soma comes first, whatever its parent.
    graph[types[order[firsts]] == SOMA, 1] = -1
    known = sorted({*types.tolist()})
    sets, codes = LabelSets().translate(
        np.searchsorted(known, types[order]) + 1,
        LabelSets({0: frozenset(), **{i + 1: label_of(each) for i, each in enumerate(known)}}),
    )
    data = np.column_stack([samples[order, 2:6], codes.astype(np.float64)])
    return MorphologyTable(data, graph, sets, ())
