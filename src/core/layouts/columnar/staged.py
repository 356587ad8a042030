"""
Calls that add rows to sets, as bytes: a rank logs them, and the rank that folds the log carries
them out.

A call is staged only if it can't fail later, whatever other staged calls come before: the set has
cells or connections of that form already. Its rows are checked, sorted and packed by the rank.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, StorageError
from ....ports.arrays import AnyArray
from ....ports.call_log import Record
from ...chunk_id import agree_on_size
from ...connectivity import Blocks
from ...json_types import Document
from ...placement_rows import MorphologyRows, PlacementRows
from .blocks import SortedBlocks
from .network import ColumnarNetwork

_ADDITIONAL = "additional/"
_POSITIONS, _ROTATIONS, _INDICES = "positions", "rotations", "indices"
_PACKED = ("chunks", "counts", "cells", "points", "has_points")


class StagedCall(Protocol):
    """A call that adds rows to a set."""

    @property
    def target(self) -> tuple[str, str]:
        """The part of the network, and the name of the set in it."""

    @property
    def form(self) -> Hashable:
        """Equal for calls of which all can be staged, or none, in one state of the network."""

    def fits(self, network: ColumnarNetwork, /) -> bool:
        """Whether the call can't fail in this state of the network, nor after staged calls."""

    def encode(self) -> tuple[bytes, list[memoryview]]:
        """The title of the call, and its rows."""

    def carry_out(self, network: ColumnarNetwork, /) -> None:
        """Add the rows."""


@attrs.frozen(eq=False)
class StagedCells:
    """
    Cells for a chunk.

    :param name: name of the placement set.
    :param chunk: its id.
    :param size: (3,) um, of the chunk.
    """

    name: str
    chunk: int
    rows: PlacementRows
    size: NDArray[np.float64] = attrs.field(factory=lambda: np.full(3, np.nan))

    @property
    def target(self) -> tuple[str, str]:
        return "placement", self.name

    @property
    def form(self) -> Hashable:
        given = self.rows.morphologies
        widths = tuple((name, rows.shape[1:]) for name, rows in _arrays(self.rows))
        names = None if given is None else given.names
        return (self.target, self.size.tobytes(), widths, names, self.rows.count > 0)

    def fits(self, network: ColumnarNetwork, /) -> bool:
        given = self.rows.morphologies
        stored = network.morphologies
        return (
            agree_on_size(network.chunk_size, self.size) is None
            and all(name in stored for name in (() if given is None else given.names))
            and network.placement(self.name).has_form_of(self.rows)
        )

    def encode(self) -> tuple[bytes, list[memoryview]]:
        given = self.rows.morphologies
        title = {"chunk": self.chunk, "count": self.rows.count}
        more = {} if given is None else {"morphologies": given.names}
        return _encode(self.target, {**title, **more}, dict(_arrays(self.rows)))

    @classmethod
    def decode(cls, title: Document, arrays: dict[str, AnyArray]) -> StagedCells:
        """From what :meth:`encode` made."""
        indices = arrays.pop(_INDICES, None)
        rows = PlacementRows(
            int(title["count"]),
            arrays.pop(_POSITIONS, None),
            arrays.pop(_ROTATIONS, None),
            None if indices is None else MorphologyRows(tuple(title["morphologies"]), indices),
            {name.removeprefix(_ADDITIONAL): values for name, values in arrays.items()},
        )
        return cls(title["set"], int(title["chunk"]), rows)

    def carry_out(self, network: ColumnarNetwork, /) -> None:
        network.placement(self.name).append(self.chunk, self.rows)


@attrs.frozen(eq=False)
class StagedConnections:
    """
    Connections, by block.

    :param tag: tag of the connectivity set.
    """

    tag: str
    blocks: SortedBlocks

    @classmethod
    def of(cls, tag: str, blocks: Blocks) -> StagedConnections:
        """Connections, of which there are some."""
        return cls(tag, SortedBlocks.of(blocks))

    @property
    def target(self) -> tuple[str, str]:
        return "connectivity", self.tag

    @property
    def form(self) -> Hashable:
        return self.target

    def fits(self, network: ColumnarNetwork, /) -> bool:
        return bool(network.connectivity(self.tag).pre_type)

    def encode(self) -> tuple[bytes, list[memoryview]]:
        packed: dict[str, AnyArray] = {name: getattr(self.blocks, name) for name in _PACKED}
        return _encode(self.target, {}, packed)

    @classmethod
    def decode(cls, title: Document, arrays: dict[str, AnyArray]) -> StagedConnections:
        """From what :meth:`encode` made."""
        return cls(title["set"], SortedBlocks(*(arrays[name] for name in _PACKED)))

    def carry_out(self, network: ColumnarNetwork, /) -> None:
        network.connectivity(self.tag).append_sorted(self.blocks)


_KINDS: dict[str, Any] = {"placement": StagedCells, "connectivity": StagedConnections}


def can_stage(call: StagedCall, network: ColumnarNetwork) -> bool:
    """
    Whether a call can be logged, to be carried out later.

    :param network: as it is stored, without the calls that are logged.
    """
    try:
        return bool(network.provenance) and call.fits(network)
    except StorageError:
        # Without the log, the call raises the proper error.
        return False


def target_of(title: bytes) -> tuple[str, str]:
    """The part of the network, and the set, that a logged call adds to."""
    document = _read_title(title)
    return str(document["part"]), str(document["set"])


def decode(record: Record) -> StagedCall:
    """
    A logged call.

    :raises CorruptNetworkError: it is none.
    """
    title, content = _read_title(record[0]), record[1]
    try:
        arrays, start = {}, 0
        for name, kind, shape in title["arrays"]:
            dtype, rows = np.dtype(kind), int(np.prod(shape))
            arrays[name] = np.frombuffer(content, dtype, rows, start).reshape(shape)
            start += rows * dtype.itemsize
        call: StagedCall = _KINDS[title["part"]].decode(title, arrays)
    except (KeyError, ValueError, TypeError) as error:
        raise CorruptNetworkError(f"a logged call can't be read: {error}") from error
    return call


def replay(network: ColumnarNetwork, records: Iterable[Record]) -> int:
    """
    Carry out logged calls, in order; rows of a set are stored together.

    :returns: how many there were: each counts as a change of its set, as if made by itself.
    """
    done: Counter[tuple[str, str]] = Counter()
    for record in records:
        call = decode(record)
        call.carry_out(network)
        done[call.target] += 1
    for (part, name), calls in done.items():
        held = network.placement(name) if part == "placement" else network.connectivity(name)
        held.count_calls(calls)
    network.flush()
    return done.total()


def _arrays(rows: PlacementRows) -> Iterator[tuple[str, AnyArray]]:
    if rows.positions is not None:
        yield _POSITIONS, rows.positions
    if rows.rotations is not None:
        yield _ROTATIONS, rows.rotations
    if rows.morphologies is not None:
        yield _INDICES, rows.morphologies.indices
    for key, values in rows.additional.items():
        yield _ADDITIONAL + key, values


def _encode(
    target: tuple[str, str], more: Document, arrays: dict[str, AnyArray]
) -> tuple[bytes, list[memoryview]]:
    plain = {
        name: np.ascontiguousarray(each, dtype=each.dtype.newbyteorder("<"))
        for name, each in arrays.items()
    }
    shapes = [(name, each.dtype.str, each.shape) for name, each in plain.items()]
    title = {"part": target[0], "set": target[1], **more, "arrays": shapes}
    return json.dumps(title).encode(), [_bytes_of(each) for each in plain.values()]


def _bytes_of(array: AnyArray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _read_title(title: bytes) -> Document:
    try:
        document: Document = json.loads(title)
    except ValueError as error:
        raise CorruptNetworkError(f"a logged call can't be read: {error}") from error
    return document
