"""A storage with a history, the model of what it holds, and the scopes that are open."""

from __future__ import annotations

import copy
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import attrs
from bsb import Storage
from hypothesis.stateful import RuleBasedStateMachine

from ..config import Root
from ..connectivity_set import ConnectivitySet
from ..errors import SessionAbortedError
from ..placement_set import PlacementSet
from .network_model import Cells, ConnectionBlocks, NetworkModel
from .network_samples import TAGS, cell_type, chunk_id, chunks_at


@attrs.frozen
class OpenScope:
    """A scope, and the network as it was before, if it is the scope that is stored whole."""

    manager: AbstractContextManager[object]
    before: NetworkModel | None
    writes: bool


class NetworkHistory(RuleBasedStateMachine):
    """The state that all rules change, and the choices that they share."""

    engine: ClassVar[str] = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bsb-network-"))
        self.root = self.make_root()
        self.storage = self.make_storage(self.root)
        self.model = NetworkModel()
        self.scopes: list[OpenScope] = []
        self.number = self.turn = 0
        self.compared: dict[str, bytes] = {}

    def make_storage(self, root: object) -> Storage:
        """The storage at a root, made if it is absent."""
        return Storage(self.engine, root)

    def make_root(self) -> Root:
        """A root at which nothing is."""
        return str(self.folder / uuid.uuid4().hex)

    def teardown(self) -> None:
        """Close all scopes, and remove the storages."""
        self._abandon()
        with suppress(FileNotFoundError):
            self.storage.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _writing(self) -> bool:
        return any(scope.writes for scope in self.scopes)

    def _enter(self, *, writes: bool) -> None:
        manager = self.storage.write_scope() if writes else self.storage.read_scope()
        outermost = writes and not self._writing
        before = copy.deepcopy(self.model) if outermost else None
        manager.__enter__()
        self.scopes.append(OpenScope(manager, before, writes))

    def _abandon(self) -> None:
        """Leave all scopes as an error does."""
        error = ZeroDivisionError()
        while self.scopes:
            scope = self.scopes.pop()
            scope.manager.__exit__(ZeroDivisionError, error, None)
            self.model = self.model if scope.before is None else scope.before

    def _aborts(self, action: Callable[..., object], *arguments: object) -> None:
        with raising(SessionAbortedError):
            action(*arguments)

    def _cells(self, name: str) -> tuple[PlacementSet, Cells]:
        placed = self.storage.require_placement_set(cell_type(name))
        return placed, self.model.cells.setdefault(name, Cells())

    def _connections(self, tag: str) -> tuple[ConnectivitySet, ConnectionBlocks]:
        pre, post = (cell_type(name) for name in TAGS[tag])
        connected = self.storage.require_connectivity_set(pre, post, tag)
        return connected, self.model.connections.setdefault(tag, ConnectionBlocks(*TAGS[tag]))

    def _selected(
        self, name: str, among: list[int] | None, by: list[str] | None
    ) -> tuple[Cells, PlacementSet, list[tuple[int, int]]]:
        """The cells, a set restricted to some of them, and where these are."""
        _, cells = self._cells(name)
        selected = self.storage.get_placement_set(cell_type(name), chunks_at(among), by)
        return cells, selected, cells.places(list(map(chunk_id, among)) if among else None, by)


@contextmanager
def raising(error: type[Exception]) -> Iterator[None]:
    """Check that a block raises an error, and suppress it."""
    try:
        yield
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")
