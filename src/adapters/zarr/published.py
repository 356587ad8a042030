"""Networks that were published as plain zarr groups, read by URL."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from ...errors import NotANetworkError, ReadOnlyError, StorageError, StoreError, StoreExistsError
from ...ports.services import ServiceOptions
from .errors import absent, require, taken, translated
from .held import LockHandle
from .locations import Location, Objects, Tag, Target, together
from .paths import MANIFEST
from .services import check_url, connect, place_of
from .states import Recent, State, last_state, note_change

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore as Service
    from zarr.abc.store import Store
    from zarr.storage import ObjectStore

_WEB = ("http://", "https://")
# What the manifest begins with while a network is being published.
_CLAIM = b'{"published_by":"'


class PublishedLocation(Location):
    """
    A zarr group below a URL, which is read and never written to.

    :raises InputError: the URL comes with credentials.
    """

    _is_only_read = True

    def __init__(self, url: str, options: ServiceOptions) -> None:
        check_url(url)
        require("obstore", "cloud")
        super().__init__(url.rstrip("/"))
        self._options = options
        self._place = place_of(self.root, options)
        self._state: State | None = None

    def _open(self) -> Store:
        from zarr.storage import ObjectStore

        return ObjectStore(connect(self.root, self._options), read_only=self._is_only_read)

    @property
    def _service(self) -> Service:
        return cast("ObjectStore[Service]", self.store).store

    def at(self, tag: Tag) -> Objects:
        state = self._state
        return state if state is not None and state.tag == tag else self._new_state(tag)

    def _new_state(self, tag: Tag, manifest: bytes | None = None) -> State:
        return State(self.root, tag, self._open, manifest)

    @property
    def is_known(self) -> bool:
        """Whether there was a group when it was asked for."""
        return self._known() is not None

    def is_group(self) -> bool:
        """Whether there is a group."""
        return self._look() is not None

    def exists(self) -> bool:
        """Whether there is a group, or anything else where objects can be listed."""
        return self.is_group() or next(self.keys(), None) is not None

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys of objects, in any order; a web server lists none."""
        import obstore

        if not self.root.startswith(_WEB):
            with translated(self.root):
                for page in obstore.list(self._service, prefix or None):
                    yield from (str(each["path"]) for each in page)

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        state = self._look()
        if state is not None:
            return None if state.tag == known else (state.get(MANIFEST) or b"", state.tag)
        if not self.exists():
            raise absent(self.root)
        raise NotANetworkError(
            f"'{self.root}' is not a zarr network: it has no {MANIFEST}, or a program publishes or"
            " removes one there, or was stopped while it did",
            location=self.root,
        )

    def _known(self) -> State | None:
        if self._state is None:
            self._state = _STATES.get(self._place)
        return self._state

    def _look(self) -> State | None:
        """What is there; None if there is no group."""
        known = self._known()
        state = last_state(self.root, known, self._options.max_age, partial(self._find, known))
        if state is not None and state is not known:
            _STATES.put(self._place, state)
        self._state = state
        return state

    def _find(self, known: State | None) -> State | None:
        import obstore
        from obstore.exceptions import NotModifiedError

        e_tag = None if known is None else known.tag.get("e_tag")
        options: GetOptions = {} if e_tag is None else {"if_none_match": e_tag}
        with translated(self.root):
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
        return published(self.root)

    def lock(self, *, exclusive: bool) -> LockHandle:
        if exclusive:
            raise self.refusal() if self.exists() else absent(self.root)
        return LockHandle()

    def build(self, mode: int | None = None) -> Target:
        raise taken(self.root) if self.exists() else published(self.root)


_STATES: Recent[State] = Recent()


class PublishedTarget(PublishedLocation, Target):
    """Objects below a URL, which are a published network once there is a manifest."""

    _is_only_read = False

    def __init__(self, url: str, options: ServiceOptions) -> None:
        super().__init__(url, options)
        # Stands in the place of the manifest until that is put.
        self._claim = _CLAIM + uuid.uuid4().hex.encode("ascii") + b'"}'
        self._put: list[str] = []

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
            with translated(self.root), suppress(AlreadyExistsError):
                obstore.put(self._service, MANIFEST, self._claim, mode="create")
                return
            # It is its own if the request was made again, as its answer was lost.
            if self.get(MANIFEST) != self._claim:
                raise self._in_use()
        except BaseException:
            self.discard()
            raise

    def _in_use(self) -> StoreError:
        if self.is_group():
            return taken(self.root)
        return StoreExistsError(
            f"'{self.root}' is in use, but holds no whole network: a program makes or removes one"
            " there, or was stopped while it did; if none does, delete the objects below it",
            location=self.root,
        )

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        self._put += [key for key, _ in objects]
        super().put_many(objects)

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        try:
            super().put_many([(MANIFEST, manifest)])
        finally:
            note_change(self.root)
        return {}

    def discard(self) -> None:
        """Remove what was stored, as far as the service still responds."""
        with suppress(StorageError):
            if self.get(MANIFEST) == self._claim:
                self.delete(self._put)
                # Others publish here from now on.
                self.delete([MANIFEST])

    def delete(self, keys: Iterable[str]) -> None:
        """Delete some objects, at once, as far as they exist."""
        self.sync(together, [partial(self.store.delete, key) for key in keys])


def published(location: str) -> ReadOnlyError:
    """The error where a published network is to be changed."""
    return ReadOnlyError(
        f"'{location}' is a published network, which is only read; copy it with"
        f" bsb_hdf5.convert({location!r}, TARGET), and change the copy",
        location=location,
    )


def _tag(meta: ObjectMeta) -> Tag:
    """The identifiers that the service gave this content of an object."""
    tags = {"e_tag": meta["e_tag"], "version": meta["version"]}
    return {name: tag for name, tag in tags.items() if tag is not None}
