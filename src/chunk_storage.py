"""Where the data by chunk of a resource is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .chunk_filter import ChunkFilter
from .core.chunk_groups import ChunkGroups, ChunkGroupsWriter
from .core.chunk_id import Ids
from .core.layouts.protocols import PlacementReader, PlacementWriter
from .errors import InputError, NodeNotFoundError
from .handles import HANDLED, SessionEngine, handles_handles
from .resource import NetworkPart
from .transactions.session import Session


class ChunkStorage(ChunkFilter):
    """The part of a resource that finds its chunks: those of its cells, or groups in it."""

    _engine: SessionEngine

    if TYPE_CHECKING:

        @property
        def _path(self) -> str: ...

    def _chunk_ids(self, session: Session) -> Ids:
        """All chunks, ascending."""
        return self._groups(session).chunks()

    def _cells(self, session: Session) -> PlacementReader | None:
        """The cells that the resource is, if it is a placement set."""
        return None

    def _cells_writer(self, session: Session) -> PlacementWriter | None:
        """As :meth:`_cells`, to change them."""
        return None

    def _groups(self, session: Session) -> ChunkGroups:
        """Data that belongs to no cell."""
        return ChunkGroups(session.root, self._group_names())

    def _groups_writer(self, session: Session) -> ChunkGroupsWriter:
        """
        As :meth:`_groups`, to change it.

        :raises InputError: the resource lies where the layout keeps its own data.
        """
        names = self._group_names()
        if names and session.network.owns(names[:1]) and not isinstance(self, NetworkPart):
            raise InputError(
                f"'{self._path}' can't hold chunks of its own: it belongs to the"
                f" {session.network.layout} layout; use the placement set, or another path",
                asked=self._path,
            )
        return ChunkGroupsWriter(session.writable_root, names)

    def _group_names(self) -> list[str]:
        return [name for name in self._path.split("/") if name not in ("", ".")]

    @handles_handles("r")
    def _check_chunk_groups(self, handle: Session = HANDLED) -> None:
        if self._cells(handle) is not None and not handle.network.chunk_groups:
            raise NodeNotFoundError(
                f"'{self._path}' has no groups of chunks: in the {handle.network.layout} layout,"
                " the rows of all chunks are in the same arrays",
                asked=self._path,
            )
