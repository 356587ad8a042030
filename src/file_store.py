"""The file store: BSB's interface to the files of a network."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

import bsb

from .config import SETTINGS
from .core.files import StoredContent
from .core.json_types import Document, DocumentView
from .core.names import check_name, check_text
from .errors import CorruptNetworkError, DtypeError, FileStoredError
from .exceptions import MissingActiveConfigError
from .handles import HANDLED, SessionEngine, handles_handles
from .resource import NetworkPart
from .transactions.interrupts import without_interrupts
from .transactions.session import Session

# The parts of a configuration that say where the network lies.
_PLACE = ("engine", "root")
_ACTIVE = "active_config"
# Arguments of ``store`` that come before the meta: the store itself, and the content.
_BEFORE_META = 2


P = ParamSpec("P")
R = TypeVar("R")


def _in_either_order(store: Callable[P, R]) -> Callable[P, R]:
    """Understand ``store(content, id, meta=...)`` too, the order of BSB's interface."""

    @functools.wraps(store)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        own, rest = args[:_BEFORE_META], args[_BEFORE_META:]
        is_id = len(rest) == 1 and not isinstance(rest[0], Mapping)
        if is_id and "meta" in kwargs and "id" not in kwargs:
            untyped: Callable[..., R] = store
            return untyped(*own, id=rest[0], **kwargs)
        return store(*args, **kwargs)

    return call


class FileStore(NetworkPart, bsb.FileStore):
    """The files of a network, by id."""

    def __init__(self, engine: SessionEngine) -> None:
        super().__init__(engine, "files")

    @property
    def _traced_path(self) -> str:
        # bsb-hdf5 8.0.2 names this path without a slash.
        return "files"

    def __bool__(self) -> bool:
        # An empty store is a store.
        return True

    @handles_handles("r")
    def all(self, handle: Session = HANDLED) -> dict[str, Document]:
        """Metadata of all files, by id."""
        files = handle.network.files
        return {id_: dict(files.describe(id_).meta) for id_ in files.ids()}

    @handles_handles("r")
    def has(self, id: str, handle: Session = HANDLED) -> bool:
        """Whether a file has that id."""
        return check_text(id, "file") in handle.network.files

    @handles_handles("r")
    def load(self, id: str, handle: Session = HANDLED) -> tuple[str | bytes, Document]:
        """
        A file: its content, and its metadata.

        :raises FileNotFoundError: no file has that id.
        """
        stored = handle.network.files.load(check_text(id, "file"))
        return stored.content(), dict(stored.meta)

    @handles_handles("r")
    def get_meta(self, id: str, handle: Session = HANDLED) -> Document:
        """Metadata of a file; errors as for :meth:`load`."""
        return dict(handle.network.files.describe(check_text(id, "file")).meta)

    @handles_handles("r")
    def get_mtime(self, id: str, handle: Session = HANDLED) -> int:
        """When a file was stored, in seconds since 1970; errors as for :meth:`load`."""
        return int(handle.network.files.describe(check_text(id, "file")).meta.get("mtime", 0))

    @handles_handles("r")
    def get_encoding(self, id: str, handle: Session = HANDLED) -> str | None:
        """Encoding of a text, None of bytes; errors as for :meth:`load`."""
        return handle.network.files.describe(check_text(id, "file")).encoding

    @_in_either_order
    @handles_handles("a")
    def store(
        self,
        content: str | bytes,
        meta: DocumentView | str | None = None,
        id: str | DocumentView | None = None,
        encoding: str | None = None,
        overwrite: bool = False,
        handle: Session = HANDLED,
    ) -> str:
        """
        Store a file.

        :param content: a text, or bytes.
        :param meta: a JSON document, which is not changed. As BSB's interface has ``meta`` and
            ``id`` in the other order, a text is taken as the id and a mapping as the meta.
        :param id: id of the file; by default, a new one.
        :param encoding: encoding of a text; by default, UTF-8.
        :param overwrite: replace a file of the same id.
        :returns: the id.
        :raises FileExistsError: a file has that id, and ``overwrite`` is false.
        :raises InputError: a content, id or meta that can't be stored.
        """
        if isinstance(meta, str) or isinstance(id, Mapping):
            id, meta = meta, id
        files = handle.network_writer.files
        name = str(uuid.uuid4()) if id is None else check_name(id, "file")
        stored = StoredContent.of(
            content, cast("DocumentView | None", meta), encoding, int(time.time())
        )
        if name in files and not overwrite:
            raise FileStoredError(f"the file '{name}' exists", asked=name)
        files.store(name, stored)
        return name

    @handles_handles("a")
    def remove(self, id: str, handle: Session = HANDLED) -> None:  # type: ignore[override]
        """
        Delete a file.

        :raises FileNotFoundError: no file has that id.
        """
        handle.network_writer.files.remove(check_text(id, "file"))

    def load_active_config(self) -> bsb.Configuration:
        """
        The configuration of the network.

        :raises MissingActiveConfigError: the network has none.
        """
        id_ = self._active_id()
        if id_ is None:
            raise MissingActiveConfigError("the storage holds no active configuration")
        content, meta = self.load(id_)
        try:
            tree = json.loads(content)
        except ValueError as error:
            raise CorruptNetworkError(f"the active configuration is not JSON: {error}") from error
        config = bsb.Configuration(**tree)
        config._meta = meta
        return config

    @without_interrupts
    def store_active_config(self, config: bsb.Configuration) -> str:
        """
        :guilabel:`collective` Make this the configuration of the network.

        BSB calls this each time it opens a network. A configuration that differs from the active
        one only in the root or engine is not stored, so that opening a copied, moved or
        read-only file changes nothing.

        :returns: the id of the file that holds it.
        :raises InputError: it is not a ``bsb.Configuration``.
        """
        if not isinstance(config, bsb.Configuration):
            raise DtypeError(f"a configuration must be a bsb.Configuration, not {config!r}")
        config._meta[_ACTIVE] = True
        return self._engine.ranks.on_main(lambda: self._store_active(config))

    def _store_active(self, config: bsb.Configuration) -> str:
        active, tree = self._active_id(), self._tree_to_store(config)
        if active is not None:
            with contextlib.suppress(ValueError, TypeError):
                stored, given = json.loads(self.load(active)[0]), json.loads(json.dumps(tree))
                if _without(_PLACE, stored) == _without(_PLACE, given):
                    return active
        return self._replace_active(config, tree)

    @handles_handles("r")
    def _tree_to_store(self, config: bsb.Configuration, handle: Session = HANDLED) -> Any:
        tree = config.__tree__()
        # bsb-hdf5 8.0.2 refuses a configuration with unknown settings.
        return _without(SETTINGS, tree) if handle.network.layout == "classic" else tree

    @handles_handles("a")
    def _replace_active(
        self, config: bsb.Configuration, tree: object, handle: Session = HANDLED
    ) -> str:
        files = handle.network_writer.files
        before = [id_ for id_ in files.ids() if files.describe(id_).meta.get(_ACTIVE)]
        meta = {key: value for key, value in config._meta.items() if value is not None}
        core = {"package": "bsb-core", "version": importlib.metadata.version("bsb-core")}
        meta.setdefault("producer", core)
        stored: str = self.store(json.dumps(tree), meta=meta, handle=handle)
        # Invalid content has raised by now, and the previous configuration is still there.
        for id_ in before:
            files.remove(id_)
        return stored

    def _active_id(self) -> str | None:
        return next((id_ for id_, meta in self.all().items() if meta.get(_ACTIVE)), None)


def _without(keys: Iterable[str], tree: object) -> Any:
    """A configuration without some keys of its storage."""
    if not isinstance(tree, Mapping) or not isinstance(tree.get("storage"), Mapping):
        return tree
    kept = {key: value for key, value in tree["storage"].items() if key not in keys}
    return {**tree, "storage": kept}
