"""
What a layout offers: the parts of a network, addressed by chunk.

A layout knows in which groups and arrays the parts lie. The rules of placement and
connectivity stand above it and see only these protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptNetworkError
from .chunk_id import Ids
from .files import StoredContent
from .labels import Codes, LabelSets
from .morphology import MorphologyTable
from .statistics import ChunkCounts, NetworkTotals

Rows = NDArray[Any]
Lengths = NDArray[np.int64]
Locations = NDArray[np.int64]
# Gives other codes for codes, and what explains them; the codes themselves if none changes.
LabelChange = Callable[[Codes], tuple[LabelSets, Codes]]


@attrs.frozen
class ColumnSpec:
    """
    A column of a placement set.

    :param name: of the column, or key in its collection.
    :param width: shape of a row; None if the first rows decide.
    :param dtype: of the values.
    :param fill: value of the cells that have none.
    :param collection: the group of columns it belongs to, if any.
    """

    name: str
    width: tuple[int, ...] | None
    dtype: np.dtype[Any]
    fill: Any
    collection: str | None = None
    title: str = attrs.field(init=False)

    @title.default
    def _title(self) -> str:
        return f"{self.collection}/{self.name}" if self.collection else self.name

    @property
    def empty(self) -> Rows:
        """No rows, of the right shape."""
        return np.zeros((0, *(self.width or ())), dtype=self.dtype)


@attrs.frozen(eq=False)
class MorphologyRows:
    """
    A morphology per cell.

    :param names: of the morphologies.
    :param indices: (n,) index of a name per cell.
    :param lengths: cells with morphology per chunk that was asked for.
    """

    names: tuple[str, ...]
    indices: NDArray[np.int64]
    lengths: Lengths = attrs.field(factory=lambda: np.zeros(0, dtype=np.int64))


@attrs.frozen
class SetHistory:
    """
    What a set says of itself; None where early versions noted nothing.

    :param revision: how many sessions changed it.
    :param created_at: when it was made, in ISO 8601.
    """

    revision: int | None
    created_at: str | None


class PlacementReader(Protocol):
    """The cells of one type."""

    @property
    def name(self) -> str: ...

    def chunks(self) -> Ids:
        """All chunks, those without cells too, ascending."""

    def counts(self) -> ChunkCounts:
        """How many cells each chunk has."""

    def label_sets(self) -> LabelSets:
        """What the label codes of the set stand for."""

    def additional_keys(self) -> tuple[str, ...]:
        """Keys of additional data, sorted."""

    def read_column(self, column: ColumnSpec, chunks: Ids, /) -> tuple[Rows, Lengths]:
        """
        The rows of some chunks, one after the other, and how many there are of each.

        A chunk that lacks the column has no rows.
        """

    def read_morphologies(self, chunks: Ids, /) -> MorphologyRows:
        """The morphologies of the cells of some chunks."""

    def history(self) -> SetHistory: ...


class PlacementWriter(PlacementReader, Protocol):
    """Cells that can be added, labelled and cleared."""

    def require_chunk(self, chunk: int, /) -> None:
        """Make sure that the chunk exists, with or without cells."""

    def require_keys(self, keys: Sequence[str], /) -> None:
        """Make sure that the set has additional data of these keys, with or without rows."""

    def append(self, chunk: int, rows: Any, /, *, gaps: bool = False) -> None:
        """
        Add cells (:class:`.placement.PlacementRows`) to a chunk.

        :param gaps: let cells without a morphology follow cells that have one, as early
            versions stored them.
        :raises LengthError: a column of the chunk can't be aligned with them.
        """

    def append_column(self, column: ColumnSpec, chunk: int, rows: Rows, /) -> None:
        """Add rows of one column to a chunk."""

    def overwrite_column(self, column: ColumnSpec, chunk: int, rows: Rows, /) -> None:
        """Replace the rows of one column of a chunk."""

    def write_labels(self, counts: ChunkCounts, codes: Rows, sets: LabelSets, /) -> None:
        """
        Store a label code per cell of some chunks, and what the codes stand for.

        Neither may be changed any more.
        """

    def relabel(self, counts: ChunkCounts, cells: Rows, change: LabelChange, /) -> None:
        """
        Change the label codes of cells; any that have none may get that of no labels.

        :param counts: all cells of the chunks that they are in.
        :param cells: (n,) their numbers among these.
        """

    def clear(self, chunks: Ids | None, /) -> None:
        """Remove the cells of some chunks, or of all."""

    def set_history(self, history: SetHistory, /) -> None:
        """Store a history at once; sessions that change the set later go on from there."""


class ConnectivityReader(Protocol):
    """The connections of one set. A direction is ``inc`` or ``out``."""

    @property
    def tag(self) -> str: ...

    @property
    def pre_type(self) -> str: ...

    @property
    def post_type(self) -> str: ...

    @property
    def stored_twice(self) -> bool:
        """Whether each direction is stored by itself, so that the two can contradict."""

    @property
    def count(self) -> int:
        """How many connections."""

    def history(self) -> SetHistory: ...

    def chunk_totals(self) -> Mapping[int, tuple[int, int]]:
        """Incoming and outgoing connections per chunk."""

    def local_chunks(self, direction: str, /) -> Ids:
        """Chunks with connections in a direction, ascending."""

    def block_sizes(self, direction: str, local: int, /) -> ChunkCounts:
        """Connections of a local chunk per global chunk."""

    def local_sizes(self, direction: str, /) -> ChunkCounts:
        """Connections in a direction per local chunk that has any."""

    def read_locals(self, direction: str, locals_: Ids, /) -> Any:
        """
        All connections of some local chunks.

        :param locals_: ids, ascending.
        :returns: iterator of :class:`.connectivity.Perspective`, in pieces of whole blocks. All
            is read by the call, and each piece unpacked when it is asked for.
        """

    def read_blocks(
        self, direction: str, local: int, globals_: Ids, /
    ) -> tuple[Locations, Locations, Lengths]:
        """
        Connections between a local chunk and some global chunks, one after the other.

        :returns: (n, 3) local and (n, 3) global locations, and how many per global chunk.
        """


class ConnectivityWriter(ConnectivityReader, Protocol):
    """Connections that can be added and cleared."""

    def append(self, blocks: Any, /) -> None:
        """Add connections (:class:`.connectivity.Blocks`)."""

    def clear(self, chunks: Ids | None, /) -> None:
        """Remove all connections, or those from or to some chunks."""

    def set_history(self, history: SetHistory, /) -> None:
        """As for :class:`PlacementWriter`."""


class MorphologyReader(Protocol):
    """Morphologies by name."""

    def names(self) -> tuple[str, ...]:
        """Of those that are stored, sorted; metadata may be there for others."""

    def __contains__(self, name: str, /) -> bool: ...

    def load(self, name: str, /) -> MorphologyTable:
        """
        The table of a morphology.

        :raises MorphologyNotFoundError: there is none of that name.
        """

    def meta(self) -> dict[str, Any]:
        """Metadata of all, by name; a copy."""

    def meta_of(self, name: str, /) -> dict[str, Any]:
        """Metadata of one; a copy. Errors as for :meth:`load`."""


class MorphologyWriter(MorphologyReader, Protocol):
    """Morphologies that can be changed."""

    def save(self, name: str, table: MorphologyTable, /) -> None:
        """Store a morphology, replacing one of the same name."""

    def remove(self, name: str, /) -> None:
        """Remove a morphology; its metadata stays until :meth:`forget_meta`."""

    def update_meta(self, meta: Mapping[str, Any], /) -> None:
        """
        Set the metadata of some, by name.

        :raises InputError: a value that can't be stored.
        """

    def replace_meta(self, meta: Mapping[str, Any], /) -> None:
        """Set the metadata of all; errors as for :meth:`update_meta`."""

    def forget_meta(self, name: str, /) -> None:
        """Remove the metadata of one, if there is any."""


class FileReader(Protocol):
    """Files by id."""

    def ids(self) -> tuple[str, ...]: ...

    def load(self, id_: str, /) -> StoredContent:
        """
        A file.

        :raises FileNotStoredError: there is none of that id.
        """

    def describe(self, id_: str, /) -> StoredContent:
        """A file without its data; errors as for :meth:`load`."""


class FileWriter(FileReader, Protocol):
    """Files that can be changed."""

    def store(self, id_: str, content: StoredContent, /) -> None:
        """Store a file, replacing one of the same id."""

    def remove(self, id_: str, /) -> None:
        """Remove a file; errors as for :meth:`load`."""


class Network(Protocol):
    """A stored network, within a session. Its writers fail in a read session."""

    @property
    def layout(self) -> str:
        """Name of the layout."""

    @property
    def chunk_groups(self) -> bool:
        """Whether each chunk of a placement set has a group of its own, named by its id."""

    def place(self, part: str, /, *names: str) -> str:
        """
        The path of a part of the network, or of something in it.

        :param part: ``placement``, ``connectivity``, ``morphologies`` or ``files``.
        """

    def owns(self, names: Sequence[str], /) -> bool:
        """Whether the layout alone may change what is at a path, or make something there."""

    @property
    def chunk_size(self) -> NDArray[np.float64]:
        """(3,) um; NaN if nobody gave it."""

    def set_chunk_size(self, size: NDArray[np.float64], /) -> None: ...

    @property
    def versions(self) -> tuple[str | None, str | None]:
        """Of bsb-core and of the engine that wrote last."""

    def set_versions(self, bsb: str, engine: str, /) -> None: ...

    @property
    def provenance(self) -> dict[str, Any]:
        """The provenance document; empty if the network has none."""

    def set_provenance(self, bundle: Mapping[str, Any], /) -> None: ...

    def advance_state(self) -> bool:
        """
        Count one more state in the provenance document.

        :returns: False, with nothing done, if the network has no identity.
        :raises CorruptNetworkError: the state that is stored is no number.
        """

    @property
    def totals(self) -> NetworkTotals: ...

    def placement_names(self) -> tuple[str, ...]: ...

    def placement(self, name: str, /) -> PlacementWriter:
        """
        A placement set.

        :raises SetNotFoundError: there is none of that name.
        """

    def create_placement(self, name: str, /, *, created_at: str) -> None: ...

    def remove_placement(self, name: str, /) -> None: ...

    def connectivity_tags(self) -> tuple[str, ...]: ...

    def connectivity(self, tag: str, /) -> ConnectivityWriter:
        """A connectivity set; errors as for :meth:`placement`."""

    def create_connectivity(self, tag: str, pre: str, post: str, /, *, created_at: str) -> None: ...

    def remove_connectivity(self, tag: str, /) -> None: ...

    def clear_placement(self) -> None:
        """Remove every placement set."""

    def clear_connectivity(self) -> None:
        """Remove every connectivity set."""

    @property
    def morphologies(self) -> MorphologyWriter: ...

    @property
    def files(self) -> FileWriter: ...

    @property
    def changes(self) -> int:
        """How many changes were made that :meth:`flush` is to store."""

    def touch(self) -> None:
        """Count a change."""

    def flush(self) -> None:
        """Store what was gathered during the session: totals, revisions."""


def join(rows: Sequence[Rows], column: ColumnSpec) -> tuple[Rows, Lengths]:
    """Rows of several chunks as one array, and how many there are of each."""
    lengths = np.array([len(part) for part in rows], dtype=np.int64)
    filled = [part for part in rows if len(part)]
    widths = {part.shape[1:] for part in filled}
    if len(widths) > 1:
        raise CorruptNetworkError(
            f"rows of '{column.title}' are of shape {' and '.join(map(str, sorted(widths)))}"
        )
    return (np.concatenate(filled) if filled else column.empty), lengths
