"""The iterator over the connections of a set, with which simulators load them."""

from __future__ import annotations

from collections.abc import Iterator

from bsb import Chunk
from bsb.storage import interfaces

from .chunk_arguments import Chunks, chunks_by_id, ids_of
from .connection_blocks import ConnectionSource, blocks_of
from .core.connection_reads import CellNumbers, ConnectionSelection, numbered
from .core.connectivity import check_direction
from .core.rows import Location, Locations
from .handles import HANDLED, SessionEngine, handles_handles
from .transactions.session import Session


class ConnectivityIterator(interfaces.ConnectivityIterator):
    """
    The connections of a set, which can be restricted, iterated over, and loaded as arrays.

    Each method that restricts, orders or numbers returns a copy, which keeps the other settings.
    Cells are numbered within the selected chunks, or over the whole set (:meth:`as_globals`).

    :param cs: the set.
    :param direction: ``out``: connections come by presynaptic, then by postsynaptic chunk;
        ``inc``: the other way round.
    :param lchunks: restricts the presynaptic chunks of outgoing connections, and the postsynaptic
        chunks of incoming ones: a chunk, or some; None for all.
    :param gchunks: likewise, the chunks at the other end.
    :param scoped: whether cells are numbered within the selected chunks.
    """

    def __init__(
        self,
        cs: ConnectionSource,
        direction: str,
        lchunks: Chunks = None,
        gchunks: Chunks = None,
        scoped: bool = True,
    ) -> None:
        self._cs = cs
        self._dir = check_direction(direction)
        self._lchunks = chunks_by_id(lchunks)
        self._gchunks = chunks_by_id(gchunks)
        self._scoped = scoped

    def __copy__(self) -> ConnectivityIterator:
        copied = type(self)(self._cs, self._dir, scoped=self._scoped)
        copied._lchunks, copied._gchunks = self._lchunks, self._gchunks
        return copied

    @handles_handles("r")
    def __len__(self, handle: Session = HANDLED) -> int:
        return self._selection.count(handle.network.connectivity(self._cs.tag))

    def __iter__(self) -> Iterator[tuple[Location, Location]]:
        """Presynaptic and postsynaptic location, (3,) each, of each connection."""
        selection = self._selection
        parts = self._cs._parts(self._dir, selection.locals_, selection.globals_)
        for part in numbered(parts, self._numbers):
            near, far = part.local_locations, part.global_locations
            yield from zip(*((far, near) if self._dir == "inc" else (near, far)), strict=True)

    def chunk_iter(self) -> Iterator[tuple[Chunk, Locations, Chunk, Locations]]:
        """
        Iterate block by block.

        :returns: presynaptic chunk, (n, 3) presynaptic locations, postsynaptic chunk, and (n, 3)
            postsynaptic locations.
        """
        chosen = self._lchunks, self._gchunks
        parts = self._cs._parts(self._dir, *map(ids_of, chosen), every_pair=True)
        for near, far, (local, other) in blocks_of(numbered(parts, self._numbers), *chosen):
            yield (far, other, near, local) if self._dir == "inc" else (near, local, far, other)

    def as_globals(self) -> ConnectivityIterator:
        """Number cells over the whole set."""
        return self._with(scoped=False)

    def as_scoped(self) -> ConnectivityIterator:
        """Number cells within the selected chunks, on either side."""
        return self._with(scoped=True)

    def outgoing(self) -> ConnectivityIterator:
        """Order by presynaptic, then by postsynaptic chunk."""
        return self._seen("out")

    def incoming(self) -> ConnectivityIterator:
        """Order by postsynaptic, then by presynaptic chunk."""
        return self._seen("inc")

    def to(self, chunks: Chunks) -> ConnectivityIterator:
        """
        Keep only connections to a chunk or to some chunks; None keeps all.

        :raises InputError: they are not chunks.
        """
        return self._between("inc", chunks)

    def from_(self, chunks: Chunks) -> ConnectivityIterator:
        """
        Keep only connections from a chunk or from some chunks; None keeps all.

        :raises InputError: they are not chunks.
        """
        return self._between("out", chunks)

    @handles_handles("r")
    def all(self, handle: Session = HANDLED) -> tuple[Locations, Locations]:
        """
        Load all connections.

        :returns: (n, 3) presynaptic and (n, 3) postsynaptic locations.
        """
        data = handle.network.connectivity(self._cs.tag)
        return self._selection.load(data, lambda: self._numbers(handle=handle))

    @property
    def _engine(self) -> SessionEngine:
        return self._cs._engine

    @property
    def _selection(self) -> ConnectionSelection:
        return ConnectionSelection(self._dir, ids_of(self._lchunks), ids_of(self._gchunks))

    @handles_handles("r")
    def _numbers(self, handle: Session = HANDLED) -> CellNumbers:
        data = handle.network.connectivity(self._cs.tag)
        pre, post = (handle.network.placement(name) for name in (data.pre_type, data.post_type))
        return self._selection.numbers(pre, post, within=self._scoped)

    def _with(self, *, scoped: bool) -> ConnectivityIterator:
        changed = self.__copy__()
        changed._scoped = scoped
        return changed

    def _seen(self, direction: str) -> ConnectivityIterator:
        changed = self.__copy__()
        if direction != self._dir:
            changed._dir = direction
            changed._lchunks, changed._gchunks = changed._gchunks, changed._lchunks
        return changed

    def _between(self, local_direction: str, chunks: Chunks) -> ConnectivityIterator:
        """
        Restrict one end.

        :param local_direction: the direction in which the chunks of that end are the local ones.
        """
        changed = self.__copy__()
        if self._dir == local_direction:
            changed._lchunks = chunks_by_id(chunks)
        else:
            changed._gchunks = chunks_by_id(chunks)
        return changed
