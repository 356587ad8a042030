"""Storages, and sets in them, that are reopened, copied, moved and removed at random."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from ..errors import StoreExistsError
from .network_choices import tags, types
from .network_comparison import check_storage
from .network_history import NetworkHistory, raising
from .network_model import NetworkModel


class StorageRules(NetworkHistory):
    """The rules that change a storage as a whole."""

    @rule(
        what=st.sampled_from(["cells", "connections", "all cells", "all connections"]),
        name=types,
        tag=tags,
    )
    def remove_sets(self, what: str, name: str, tag: str) -> None:
        if what == "cells":
            self._cells(name)[0].remove()
            del self.model.cells[name]
        elif what == "connections":
            self._connections(tag)[0].remove()
            del self.model.connections[tag]
        elif what == "all cells":
            self.storage.clear_placement()
            self.model.cells.clear()
            self.model.sized = False
        else:
            self.storage.clear_connectivity()
            self.model.connections.clear()

    @rule(
        what=st.sampled_from(
            ["open", "copy", "stay", "move", "start over", "refused", "in a scope"]
        )
    )
    def manage_the_storage(self, what: str) -> None:
        if what == "open":
            self.storage = self.make_storage(self.root)
        elif what == "in a scope":
            self._try_within_a_scope()
        elif what in ("copy", "stay") and not self._writing:
            self._copy(stay=what == "stay")
        elif not self.scopes:
            {
                "move": self._move,
                "start over": self._start_over,
                "refused": self._go_where_it_is,
            }.get(what, self._move)()

    def _copy(self, *, stay: bool) -> None:
        root = self.make_root()
        self.storage.copy(root)
        copied = self.make_storage(root)
        check_storage(copied, self.model)
        if stay or self.scopes:
            copied.clear_placement()
            copied.clear_connectivity()
            copied.remove()
        else:
            self.storage.remove()
            self.root, self.storage = root, copied

    def _move(self) -> None:
        self.root = self.make_root()
        self.storage.move(self.root)

    def _start_over(self) -> None:
        self.storage.remove()
        assert not self.storage.exists()
        self.storage.create()
        self.model = NetworkModel()

    def _try_within_a_scope(self) -> None:
        root = self.make_root()
        with self.storage.write_scope():
            for verb in (self.storage.move, self.storage.copy):
                self._aborts(verb, root)
            self._aborts(self.storage.remove)

    def _go_where_it_is(self) -> None:
        for verb in (self.storage.move, self.storage.copy):
            with raising(StoreExistsError):
                verb(self.root)
