"""Connectivity sets: BSB's interface to the connections between two types of cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bsb
import numpy as np
from bsb import Chunk
from bsb.storage.provenance import iso_now
from numpy.typing import ArrayLike

from . import errors
from .chunk_arguments import (
    ChunkLike,
    Chunks,
    as_chunks,
    as_id,
    as_ids,
    given_chunks,
)
from .connection_blocks import ConnectionReads
from .connection_ends import Ends, Sides
from .connectivity_iterator import ConnectivityIterator
from .core.chunk_id import Ids
from .core.connectivity import (
    DIRECTIONS,
    Blocks,
    ConnectionPlan,
    as_locations,
    check_direction,
    check_pairs,
)
from .core.layouts.columnar.staged import StagedConnections
from .core.layouts.protocols import ConnectivityReader, ConnectivityWriter
from .core.names import check_text
from .core.rows import Locations
from .errors import SetTypeError
from .exceptions import counterpart_of
from .handles import (
    HANDLED,
    SessionEngine,
    handles_class_handles,
    handles_handles,
    handles_static_handles,
    prepares,
)
from .placement_set import PlacementSet
from .ports.call_log import Position
from .resource import NetworkPart
from .telemetry import spanned
from .transactions.session import Session


@counterpart_of(errors.LocationError)
class LocationOutOfBoundsError(errors.LocationError):
    """Locations that refer to no cell, branch or point; nothing was stored."""


def get_dir_iter(direction: str | None) -> tuple[str, ...]:
    """The directions to iterate over: the one given, or incoming and outgoing."""
    return DIRECTIONS if direction is None else (check_direction(direction),)


class ConnectivitySet(NetworkPart, ConnectionReads, bsb.ConnectivitySet):
    """
    The connections from one type of cells to another.

    :param engine: engine of the storage.
    :param tag: name of the set.
    :raises DatasetNotFoundError: the set does not exist.
    """

    #: Name of the set.
    tag: str
    #: Presynaptic cell type; set by a scaffold that loads the set, ``None`` before.
    pre_type: bsb.CellType | None
    #: Postsynaptic cell type; set by a scaffold that loads the set, ``None`` before.
    post_type: bsb.CellType | None
    #: Name of the presynaptic cell type.
    pre_type_name: str
    #: Name of the postsynaptic cell type.
    post_type_name: str

    @spanned("r")
    def __init__(self, engine: SessionEngine, tag: str, handle: Session = HANDLED) -> None:
        super().__init__(engine, "connectivity", check_text(tag, "connectivity set"))
        self.tag = tag
        self.pre_type = None
        self.post_type = None
        self.pre_type_name, self.post_type_name = self._read_types(handle=handle)

    @handles_handles("r")
    def _read_types(self, handle: Session = HANDLED) -> tuple[str, str]:
        data = self._data(handle)
        return data.pre_type, data.post_type

    @classmethod
    @handles_class_handles("a")
    def create(  # type: ignore[override]
        cls,
        engine: SessionEngine,
        pre_type: bsb.CellType,
        post_type: bsb.CellType,
        tag: str | None = None,
        handle: Session = HANDLED,
    ) -> ConnectivitySet:
        """
        Make a connectivity set.

        :param tag: name of the set; by default, ``<pre>_to_<post>``.
        :raises DatasetExistsError: it exists.
        """
        name = _tag(pre_type, post_type, tag)
        handle.network_writer.create_connectivity(
            name, pre_type.name, post_type.name, created_at=iso_now()
        )
        return cls._between(engine, name, pre_type, post_type, handle)

    @staticmethod
    @handles_static_handles("r")
    def exists(engine: SessionEngine, tag: str, handle: Session = HANDLED) -> bool:  # type: ignore[override]
        """Whether a set has that name."""
        return handle.network.holds("connectivity", tag)

    @classmethod
    @handles_class_handles("r")
    def get_tags(cls, engine: SessionEngine, handle: Session = HANDLED) -> list[str]:
        """Names of all sets."""
        return list(handle.network.connectivity_tags())

    @classmethod
    @spanned("a")
    def require(  # type: ignore[override]
        cls,
        engine: SessionEngine,
        pre_type: bsb.CellType,
        post_type: bsb.CellType,
        tag: str | None = None,
        handle: Session = HANDLED,
        *,
        promote_from_read: bool = False,
    ) -> ConnectivitySet:
        """
        A connectivity set, made if it is absent.

        :param promote_from_read: accepted for callers of bsb-hdf5 8.0.2; does nothing.
        :raises SetTypeError: it exists, between other cell types.
        """
        name = _tag(pre_type, post_type, tag)
        # Look first, so that a mere requirement of the set does not count as a change.
        if not cls.exists(engine, name, handle=handle):
            cls._create_missing(engine, name, pre_type, post_type, handle=handle)
        return cls._between(engine, name, pre_type, post_type, handle)

    @classmethod
    @handles_class_handles("a")
    def _create_missing(
        cls,
        engine: SessionEngine,
        tag: str,
        pre: bsb.CellType,
        post: bsb.CellType,
        handle: Session = HANDLED,
    ) -> None:
        # Another rank or thread may have made it since.
        if not handle.network.holds("connectivity", tag):
            handle.network_writer.create_connectivity(
                tag, pre.name, post.name, created_at=iso_now()
            )

    @classmethod
    def _between(
        cls, engine: SessionEngine, tag: str, pre: bsb.CellType, post: bsb.CellType, handle: Session
    ) -> ConnectivitySet:
        found = cls(engine, tag, handle=handle)
        stored = (found.pre_type_name, found.post_type_name)
        if stored != (pre.name, post.name):
            raise SetTypeError(
                f"the connectivity set '{tag}' connects '{stored[0]}' to '{stored[1]}',"
                f" not '{pre.name}' to '{post.name}'",
                asked=(pre.name, post.name),
                found=stored,
            )
        found.pre_type, found.post_type = pre, post
        return found

    @handles_handles("a")
    def remove(self, handle: Session = HANDLED) -> None:
        """Delete the set with its connections."""
        handle.network_writer.remove_connectivity(self.tag)

    @handles_handles("r")
    def __len__(self, handle: Session = HANDLED) -> int:
        return self._data(handle).count

    @handles_handles("a")
    def clear(self, chunks: Iterable[ChunkLike] | None = None, handle: Session = HANDLED) -> None:
        """
        Remove connections.

        :param chunks: remove connections from or to one of these chunks; by default, all.
        """
        self._writer(handle).clear(None if chunks is None else as_ids(chunks))

    @prepares
    def connect(
        self,
        pre_set: PlacementSet,
        post_set: PlacementSet,
        src_locs: ArrayLike,
        dest_locs: ArrayLike,
        handle: Session = HANDLED,
    ) -> None:
        """
        Connect cells of two placement sets.

        Connections of a block keep their order. If ``pre_set`` has, or is restricted to, a single
        chunk, they are sorted by postsynaptic, then by presynaptic cell.

        :param src_locs: (n, 3) cells, branches and points. Cells are numbered within ``pre_set``
            under its filters, branches and points within the morphology under its label
            filter. (n,) cells mean the cells as a whole.
        :param dest_locs: likewise, in ``post_set``.
        :raises LocationOutOfBoundsError: a location refers to no cell; nothing is stored.
        :raises InputError: locations that don't pair up, or are not whole numbers.
        """
        src = as_locations(src_locs, "source locations")
        dest = as_locations(dest_locs, "destination locations")
        check_pairs(src, dest)
        ends = Ends(pre_set, post_set, src, dest)
        plan, sessions = None, self._engine.sessions
        if handle is HANDLED and ends.can_be_planned(few=sessions.stages) and not sessions.in_scope:
            sides, position = self._sides(ends)
            # No lock is held meanwhile.
            plan = sides.plan(src, dest)
            if position is not None and len(src):
                call = StagedConnections.of(self.tag, plan.blocks)
                if sessions.stage(call, position):
                    return
        self._connect(ends, plan, handle=handle)

    @handles_handles("r")
    def _sides(self, ends: Ends, handle: Session = HANDLED) -> tuple[Sides, Position | None]:
        sessions = self._engine.sessions
        return ends.sides(handle), sessions.position(handle) if sessions.shares else None

    @handles_handles("a")
    def _connect(self, ends: Ends, plan: ConnectionPlan | None, handle: Session = HANDLED) -> None:
        if not len(ends.src):
            return
        # Cells may have been placed since.
        if plan is None or not plan.holds_for(*ends.cells(handle)):
            plan = ends.plan(handle)
        self._writer(handle).append(plan.blocks)

    @prepares
    def chunk_connect(
        self,
        src_chunk: ChunkLike,
        dst_chunk: ChunkLike,
        src_locs: ArrayLike,
        dst_locs: ArrayLike,
        handle: Session = HANDLED,
    ) -> None:
        """
        Connect cells of two chunks.

        :param src_locs: (n, 3) ranks of cells in ``src_chunk``, branches and points. (n,) ranks
            mean the cells as a whole.
        :param dst_locs: likewise, in ``dst_chunk``.
        :raises InputError: locations that don't pair up, or are not whole numbers.
        """
        src = as_locations(src_locs, "source locations")
        dest = as_locations(dst_locs, "destination locations")
        check_pairs(src, dest)
        blocks = Blocks.between(as_id(src_chunk), as_id(dst_chunk), src, dest)
        sessions = self._engine.sessions
        is_staged = (
            handle is HANDLED
            and len(src) > 0
            and sessions.stages
            and sessions.stage(StagedConnections.of(self.tag, blocks))
        )
        if not is_staged:
            self._append(blocks, handle=handle)

    @handles_handles("a")
    def _append(self, blocks: Blocks, handle: Session = HANDLED) -> None:
        self._writer(handle).append(blocks)

    @handles_handles("r")
    def get_chunk_stats(self, handle: Session = HANDLED) -> dict[str, dict[str, int]]:
        """Incoming (``inc``) and outgoing (``out``) connections per chunk, by its id as text."""
        return {
            str(chunk): {"inc": incoming, "out": outgoing}
            for chunk, (incoming, outgoing) in self._data(handle).chunk_totals().items()
        }

    @handles_handles("r")
    def get_local_chunks(self, direction: str, handle: Session = HANDLED) -> list[Chunk]:
        """Chunks with connections in a direction, ``inc`` or ``out``, by id."""
        return as_chunks(self._data(handle).local_chunks(check_direction(direction)), None)

    @handles_handles("r")
    def get_global_chunks(
        self, direction: str, local_: ChunkLike, handle: Session = HANDLED
    ) -> list[Chunk]:
        """Chunks that a local chunk is connected with in a direction, by id."""
        sizes = self._data(handle).block_sizes(check_direction(direction), as_id(local_))
        return as_chunks(sizes.ids, None)

    def nested_iter_connections(
        self, direction: str | None = None, local_: Chunks = None, global_: Chunks = None
    ) -> CSIterator:
        """
        Iterate in nested loops: over directions, local chunks, and global chunks with the
        connections of the block. There is no loop over a parameter that is given.

        :param direction: ``inc`` or ``out``.
        :param local_: a chunk; or a list of chunks, to which the loop is restricted.
        :param global_: likewise.
        """
        return CSIterator(self, direction, local_, global_)

    def flat_iter_connections(
        self, direction: str | None = None, local_: Chunks = None, global_: Chunks = None
    ) -> Iterator[tuple[str, Chunk, Chunk, tuple[Locations, Locations]]]:
        """
        Iterate over all blocks.

        :param direction: ``inc`` or ``out``; by default, both.
        :param local_: restricts to a chunk, or a list of chunks.
        :param global_: likewise.
        :returns: direction, local chunk, global chunk, and (n, 3) local and global locations.
        """
        # A generator can be iterated over only once, but is needed for each direction.
        locals_ = None if local_ is None else given_chunks(local_)
        globals_ = None if global_ is None else given_chunks(global_)
        for each in get_dir_iter(direction):
            yield from self._iter_direction(each, locals_, globals_)

    @handles_handles("r")
    def load_block_connections(
        self, direction: str, local_: ChunkLike, global_: ChunkLike, handle: Session = HANDLED
    ) -> tuple[Locations, Locations]:
        """
        The connections between a local and a global chunk.

        :returns: (n, 3) local and (n, 3) global locations.
        """
        chunks = np.array([as_id(global_)], dtype=np.int64)
        local, far, _ = self._data(handle).read_blocks(
            check_direction(direction), as_id(local_), chunks
        )
        return local, far

    @handles_handles("r")
    def load_local_connections(
        self, direction: str, local_: ChunkLike, handle: Session = HANDLED
    ) -> tuple[Locations, Ids, Locations]:
        """
        All connections of a local chunk in a direction, by global chunk.

        :returns: (n, 3) local locations, (n,) ids of global chunks, (n, 3) global locations.
        """
        return self._data(handle).read_local(check_direction(direction), as_id(local_))

    def _data(self, session: Session) -> ConnectivityReader:
        return session.network.connectivity(self.tag)

    def _writer(self, session: Session) -> ConnectivityWriter:
        return session.network_writer.connectivity(self.tag)

    def load_connections(self) -> ConnectivityIterator:
        """
        An iterator over all connections, which can be restricted and loaded as arrays.

        :returns: the iterator, in the order of presynaptic, then of postsynaptic chunks.
        """
        return ConnectivityIterator(self, "out")


class CSIterator:
    """
    Nested iteration over the connections of a set; see
    :meth:`ConnectivitySet.nested_iter_connections`.
    """

    def __init__(
        self,
        cs: ConnectivitySet,
        direction: str | None = None,
        local_: Chunks = None,
        global_: Chunks = None,
    ) -> None:
        self._cs = cs
        self._direction = None if direction is None else check_direction(direction)
        self._local = _looped(local_)
        self._global = _looped(global_)

    def __iter__(self) -> Iterator[tuple[object, object]]:
        if self._direction is None:
            for direction in get_dir_iter(None):
                yield direction, CSIterator(self._cs, direction, self._local, self._global)
        elif not isinstance(self._local, Chunk):
            for local in self.get_local_iter(self._direction, self._local):
                yield local, CSIterator(self._cs, self._direction, local, self._global)
        elif not isinstance(self._global, Chunk):
            yield from self._cs._iter_blocks(self._direction, self._local, self._global)
        else:
            yield self._cs.load_block_connections(self._direction, self._local, self._global)

    def get_local_iter(self, direction: str, local_: Chunks) -> Iterable[Chunk]:
        """The local chunks to iterate over: all as a list, the one given, or those given."""
        if local_ is None:
            return self._cs.get_local_chunks(direction)
        return (local_,) if isinstance(local_, Chunk) else iter(given_chunks(local_))

    def get_global_iter(self, direction: str, local_: Chunk, global_: Chunks) -> Iterable[Chunk]:
        """The global chunks of a local one to iterate over, as :meth:`get_local_iter` does."""
        if global_ is None:
            return self._cs.get_global_chunks(direction, local_)
        return (global_,) if isinstance(global_, Chunk) else iter(given_chunks(global_))


def _looped(chunks: Chunks) -> Chunk | list[Chunk] | None:
    """Chunks to iterate over more than once, which what was given may not be made for."""
    return chunks if chunks is None or isinstance(chunks, Chunk) else given_chunks(chunks)


def _tag(pre_type: bsb.CellType, post_type: bsb.CellType, tag: str | None) -> str:
    return f"{pre_type.name}_to_{post_type.name}" if tag is None else tag
