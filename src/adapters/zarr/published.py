"""Networks that were published as plain zarr groups, read by URL."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from ...errors import NotANetworkError, ReadOnlyError, StorageError, StoreError, StoreExistsError
from ...ports.services import ServiceOptions
from .errors import Translated, absent, require, taken
from .held import LockHandle
from .locations import Location, Tag, Target
from .paths import MANIFEST
from .services import check_url, connect
from .states import State, last_state, note_change

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore as Service
    from zarr.abc.store import Store

_WEB = ("http://", "https://")
# The beginning of the manifest while a network is being published.
_CLAIM = b'{"published_by":"'


class PublishedLocation(Location):
    """
    A zarr group below a URL, which is read and never written to.

    :raises InputError: the URL comes with credentials.
    """

    def __init__(self, url: str, options: ServiceOptions) -> None:
        check_url(url)
        require("obstore", "cloud")
        super().__init__(url.rstrip("/"))
        self._options = options
        # What was found last.
        self._state: State | None = None

    @cached_property
    def _service(self) -> Service:
        with Translated(self.root):
            return connect(self.root, self._options)

    def _open(self) -> Store:
        from zarr.storage import ObjectStore

        return ObjectStore(self._service, read_only=True)

    def at(self, tag: Tag) -> State:
        state = self._state
        return state if state is not None and state.tag == tag else self._new_state(tag)

    def _new_state(self, tag: Tag, manifest: bytes | None = None) -> State:
        return State(self.root, tag, self._open, manifest)

    def exists(self) -> bool:
        """Whether there is a network, or anything else where objects can be listed."""
        state = self._look()
        return self._holds_any() if state is None else not state.is_empty

    @property
    def _lists_none(self) -> bool:
        return self.root.startswith(_WEB)

    def _holds_any(self) -> bool:
        return next(self._keys(), None) is not None

    def _keys(self) -> Iterator[str]:
        """The keys of all objects, in any order; a web server lists none."""
        import obstore

        if not self._lists_none:
            with Translated(self.root):
                for page in obstore.list(self._service):
                    yield from (str(each["path"]) for each in page)

    def _get(self, key: str) -> bytes | None:
        """The content of an object, which is asked for each time."""
        import obstore

        with Translated(self.root), suppress(FileNotFoundError):
            return obstore.get(self._service, key).bytes().to_bytes()
        return None

    def _delete(self, keys: Collection[str]) -> None:
        """Delete objects, at once."""
        import obstore

        if keys:
            with Translated(self.root):
                obstore.delete(self._service, sorted(keys))

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        state = self._look()
        if state is None:
            if not self._holds_any():
                raise absent(self.root)
            raise NotANetworkError(
                f"'{self.root}' is not a zarr network: it has no {MANIFEST}, or a program publishes"
                " or removes one there, or was stopped while it did",
                location=self.root,
            )
        if state.tag == known:
            return None
        data = state.get(MANIFEST)
        if data is None:
            raise absent(self.root)
        return data, state.tag

    def size(self) -> int | None:
        state = None if self._lists_none else self._look()
        return None if state is None else state.size()

    def let_go(self) -> None:
        self._state = None

    def _look(self) -> State | None:
        """The network that is there; None if there is none."""
        known = self._state
        find = partial(self._find, known)
        # Other threads look, too, and stores that share this.
        state = self._state = last_state(self.root, known, self._options.max_age, find)
        return state

    def _find(self, known: State | None) -> State | None:
        import obstore
        from obstore.exceptions import NotModifiedError

        e_tag = None if known is None else known.tag.get("e_tag")
        options: GetOptions = {} if e_tag is None else {"if_none_match": e_tag}
        with Translated(self.root):
            try:
                found = obstore.get(self._service, MANIFEST, options=options)
                data = found.bytes().to_bytes()
            except NotModifiedError:
                return known
            except FileNotFoundError:
                return None
        if data.startswith(_CLAIM):
            return None
        if known is not None and known.get(MANIFEST) == data:
            return known
        return self._new_state(_tag(found.meta) or {"content": data}, data)

    def refusal(self) -> ReadOnlyError:
        return ReadOnlyError(
            f"'{self.root}' is a published network, which is only read; copy it with"
            f" bsb_hdf5.convert({self.root!r}, TARGET), and change the copy",
            location=self.root,
        )

    def lock(self, *, exclusive: bool) -> LockHandle:
        if exclusive:
            self.fetch(None)
        return super().lock(exclusive=exclusive)

    def build(self, mode: int | None = None) -> Target:
        raise taken(self.root) if self.exists() else self.refusal()


class PublishedTarget(PublishedLocation, Target):
    """Objects below a URL, which are a published network once there is a manifest."""

    def __init__(self, url: str, options: ServiceOptions) -> None:
        super().__init__(url, options)
        # A placeholder for the manifest until that is stored.
        self._claim = _CLAIM + uuid.uuid4().hex.encode("ascii") + b'"}'
        self._put: set[str] = set()

    def claim(self) -> None:
        """
        Keep other programs from publishing here, until the manifest is put or all is discarded.

        :raises StoreExistsError: there is something.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        if self.exists():
            raise self._in_use()
        try:
            with Translated(self.root), suppress(AlreadyExistsError):
                obstore.put(self._service, MANIFEST, self._claim, mode="create")
                return
            # It is our own if the request was repeated because its answer was lost.
            if self.get(MANIFEST) != self._claim:
                raise self._in_use()
        except BaseException:
            self.discard()
            raise

    def _in_use(self) -> StoreError:
        if self._look() is not None:
            return taken(self.root)
        return StoreExistsError(
            f"'{self.root}' is in use, but holds no whole network: a program makes or removes one"
            " there, or was stopped while it did; if none does, delete the objects below it",
            location=self.root,
        )

    def get(self, key: str) -> bytes | None:
        return self._get(key)

    def put(self, key: str, data: bytes) -> None:
        import obstore

        self._put.add(key)
        with Translated(self.root):
            obstore.put(self._service, key, data)

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        try:
            self.put(MANIFEST, manifest)
        finally:
            note_change(self.root)
        return {}

    def discard(self) -> None:
        """Remove what was stored, as far as the service still responds."""
        with suppress(StorageError):
            if self.get(MANIFEST) == self._claim:
                self._delete(self._put.intersection(self._keys()) - {MANIFEST})
                # Others publish here from now on.
                self._delete([MANIFEST])


def _tag(meta: ObjectMeta) -> Tag:
    """The identifiers that the service gave this content of an object."""
    tags = {"e_tag": meta["e_tag"], "version": meta["version"]}
    return {name: tag for name, tag in tags.items() if tag is not None}
