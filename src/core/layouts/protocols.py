"""
What a layout offers: the parts of a network, addressed by chunk.

A layout knows in which groups and arrays the parts lie. The rules of placement and
connectivity stand above it and see only these protocols.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...ports.call_log import Mark
from ..chunk_id import Ids
from ..column_specs import ColumnSpec
from ..connectivity import Blocks, Perspective
from ..files import StoredContent
from ..json_types import Document, DocumentView
from ..labels import LabelChange, LabelSets
from ..morphology import MorphologyTable
from ..placement_rows import MorphologyRows, PlacementRows
from ..rows import Lengths, Locations, Rows
from ..statistics import ChunkCounts, NetworkTotals
from .history import SetHistory
from .unknown import Unknown


class PlacementReader(Protocol):
    """The cells of one type."""

    @property
    def name(self) -> str: ...

    def chunks(self) -> Ids:
        """All chunks, those without cells too, ascending."""

    def counts(self) -> ChunkCounts:
        """How many cells each chunk has."""

    @property
    def holes(self) -> int:
        """Stored rows that belong to no cell any more; 0 where the layout keeps none."""

    def label_sets(self) -> LabelSets:
        """The label sets that the codes of the set stand for."""

    def additional_keys(self) -> tuple[str, ...]:
        """Keys of additional data, sorted."""

    def has_key(self, key: str, /) -> bool:
        """Whether the set has additional data of a key, which it may list by another spelling."""

    def read_column(self, column: ColumnSpec, chunks: Ids, /) -> tuple[Rows, Lengths]:
        """
        The rows of some chunks, one after the other, and the number of rows of each.

        A chunk without the column has no rows.
        """

    def read_morphologies(self, chunks: Ids, /) -> MorphologyRows:
        """The morphologies of the cells of some chunks."""

    def morphology_names(self, chunk: int, /) -> Sequence[str]:
        """The names that the indices in the column of morphologies of a chunk stand for."""

    def damage(self, most: int, /) -> Iterator[str]:
        """
        Where the set does not match its checksums, in words; nothing where it has none.

        :param most: rows in memory at a time, unless more were stored at once.
        """

    def history(self) -> SetHistory: ...


class PlacementWriter(PlacementReader, Protocol):
    """Cells that can be added, labelled and cleared."""

    def require_chunk(self, chunk: int, /) -> None:
        """Make sure that the chunk exists, with or without cells."""

    def require_keys(self, keys: Sequence[str], /) -> None:
        """Make sure that the set has additional data of these keys, with or without rows."""

    def append(self, chunk: int, rows: PlacementRows, /, *, gaps: bool = False) -> None:
        """
        Add cells to a chunk.

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
        Change the label codes of cells; cells without a code may get the code of no labels.

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
    def mirrored(self) -> bool:
        """Whether each direction is stored by itself, so that the two can contradict."""

    @property
    def count(self) -> int:
        """How many connections."""

    @property
    def holes(self) -> int:
        """Stored rows that belong to no connection any more; 0 where the layout keeps none."""

    def damage(self, most: int, /) -> Iterator[str]:
        """As of :class:`PlacementReader`."""

    def history(self) -> SetHistory: ...

    def chunk_totals(self) -> Mapping[int, tuple[int, int]]:
        """Incoming and outgoing connections per chunk."""

    def local_chunks(self, direction: str, /) -> Ids:
        """Chunks with connections in a direction, ascending."""

    def block_sizes(self, direction: str, local: int, /) -> ChunkCounts:
        """Connections of a local chunk per global chunk."""

    def local_sizes(self, direction: str, /) -> ChunkCounts:
        """Connections in a direction per local chunk that has any."""

    def read_locals(
        self,
        direction: str,
        locals_: Ids,
        globals_: Ids | None = None,
        /,
        *,
        cells_only: bool = False,
    ) -> Iterator[Perspective]:
        """
        The connections of some local chunks, by local, then by global chunk.

        :param locals_: ids, ascending.
        :param globals_: likewise; None for all.
        :param cells_only: whether locations may be (n, 1), the cells without branch and point.
        :returns: pieces of whole blocks. All is read by the call, and each piece unpacked when
            it is asked for; the caller may change it.
        """

    def read_blocks(
        self, direction: str, local: int, globals_: Ids, /
    ) -> tuple[Locations, Locations, Lengths]:
        """
        Connections between a local chunk and some global chunks, one after the other.

        :returns: (n, 3) local and (n, 3) global locations, and how many per global chunk.
        """

    def read_local(self, direction: str, local: int, /) -> tuple[Locations, Ids, Locations]:
        """
        The connections of a local chunk, by global chunk.

        :returns: (n, 3) local locations, (n,) ids of global chunks, (n, 3) global locations.
        """


class ConnectivityWriter(ConnectivityReader, Protocol):
    """Connections that can be added and cleared."""

    def append(self, blocks: Blocks, /) -> None:
        """Add connections."""

    def clear(self, chunks: Ids | None, /) -> None:
        """Remove all connections, or those from or to some chunks."""

    def set_history(self, history: SetHistory, /) -> None:
        """As for :class:`PlacementWriter`."""


class MorphologyReader(Protocol):
    """Morphologies by name."""

    def names(self) -> tuple[str, ...]:
        """Names of the stored morphologies, sorted; there may be metadata of others."""

    def __contains__(self, name: str, /) -> bool: ...

    def lacks(self, names: Collection[str], /) -> Collection[str]:
        """The given names that no stored morphology has."""

    def load(self, name: str, /) -> MorphologyTable:
        """
        The table of a morphology.

        :raises MorphologyNotFoundError: no morphology has this name.
        """

    def damage(self) -> Iterator[str]:
        """Where morphologies do not match their checksums, in words; nothing without any."""

    def meta(self) -> Document:
        """Metadata of all, by name; a copy."""

    def meta_of(self, name: str, /) -> Document:
        """Metadata of one; a copy. Errors as for :meth:`load`."""


class MorphologyWriter(MorphologyReader, Protocol):
    """Morphologies that can be changed."""

    def save(self, name: str, table: MorphologyTable, /) -> None:
        """Store a morphology, replacing one of the same name."""

    def remove(self, name: str, /) -> None:
        """Remove a morphology; its metadata stays until :meth:`forget_meta`."""

    def update_meta(self, meta: Mapping[str, object], /) -> None:
        """
        Set the metadata of some, by name.

        :raises InputError: a value that can't be stored.
        """

    def replace_meta(self, meta: Mapping[str, object], /) -> None:
        """Set the metadata of all; errors as for :meth:`update_meta`."""

    def forget_meta(self, name: str, /) -> None:
        """Remove the metadata of one, if there is any."""


class FileReader(Protocol):
    """Files by id."""

    def ids(self) -> tuple[str, ...]: ...

    def __contains__(self, id_: str, /) -> bool: ...

    def load(self, id_: str, /) -> StoredContent:
        """
        A file.

        :raises FileNotStoredError: no file has this id.
        """

    def describe(self, id_: str, /) -> StoredContent:
        """A file without its data; errors as for :meth:`load`."""


class FileWriter(FileReader, Protocol):
    """Files that can be changed."""

    def store(self, id_: str, content: StoredContent, /) -> None:
        """Store a file, replacing one of the same id."""

    def remove(self, id_: str, /) -> None:
        """Remove a file; errors as for :meth:`load`."""


class NetworkReader(Protocol):
    """A stored network, within a session."""

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

    def unknown(self) -> Iterator[Unknown]:
        """
        What lies in the network that its layout does not know.

        :raises CorruptNetworkError: its groups are without end.
        """

    def owns(self, names: Sequence[str], /) -> bool:
        """Whether the layout alone may change what is at a path, or make something there."""

    def is_part(self, names: Sequence[str], /) -> bool:
        """Whether the object at a path is a part that a set or morphology needs."""

    @property
    def chunk_size(self) -> NDArray[np.float64]:
        """(3,) in um; NaN if unknown."""

    @property
    def versions(self) -> tuple[str | None, str | None]:
        """Versions of bsb-core and of the engine that wrote last."""

    @property
    def provenance(self) -> Document:
        """The provenance document; empty if the network has none."""

    @property
    def mark(self) -> Mark | None:
        """The mark of the log beside the network; None if it has no log (columnar only)."""

    @property
    def totals(self) -> NetworkTotals: ...

    def holds(self, part: str, name: object, /) -> bool:
        """
        Whether there is a set of a name, or of another spelling of it that is as good.

        :param part: ``placement`` or ``connectivity``.
        """

    def is_same(self, name: str, other: str, /) -> bool:
        """Whether two names of sets, morphologies or files are spellings of one."""

    def placement_names(self) -> tuple[str, ...]: ...

    def placement(self, name: str, /) -> PlacementReader:
        """
        A placement set.

        :raises SetNotFoundError: no placement set has this name.
        """

    def connectivity_tags(self) -> tuple[str, ...]: ...

    def connectivity(self, tag: str, /) -> ConnectivityReader:
        """A connectivity set; errors as for :meth:`placement`."""

    @property
    def morphologies(self) -> MorphologyReader: ...

    @property
    def files(self) -> FileReader: ...

    def release(self) -> None:
        """
        Release the sets that were opened, as the session ends.

        They refer to the network, so that all of it would stay until Python collects garbage.
        """


class NetworkWriter(NetworkReader, Protocol):
    """A network that can be changed, within a session that writes."""

    def bypass(self) -> None:
        """Note that callers may change what is stored past the network from now on."""

    def set_chunk_size(self, size: NDArray[np.float64], /) -> None: ...

    def set_versions(self, bsb: str, engine: str, /) -> None: ...

    def set_provenance(self, bundle: DocumentView, /) -> None: ...

    def advance_state(self, sessions: int = 1, /) -> bool:
        """
        Count one more state, or several, in the provenance document.

        :returns: False, with nothing done, if the network has no identity.
        :raises CorruptNetworkError: the stored state is not a number.
        """

    def placement(self, name: str, /) -> PlacementWriter: ...

    def check_names(self, part: str, names: Sequence[str], /) -> None:
        """
        Check that items of some names can be stored beside each other.

        :param part: ``placement``, ``connectivity``, ``morphologies``, ``files``, or ``additional``
            for the keys of a placement set.
        :raises InvalidNameError: they can't.
        """

    def create_placement(self, name: str, /, *, created_at: str) -> None: ...

    def remove_placement(self, name: str, /) -> None: ...

    def connectivity(self, tag: str, /) -> ConnectivityWriter: ...

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
        """Store the totals and revisions that were collected during the session."""
