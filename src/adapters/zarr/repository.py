"""
Networks in object stores, as icechunk repositories.

A write session is an icechunk session, and a commit is one of icechunk's: it takes effect
completely, or not at all if another program committed since the session began. A read session sees
one commit, whatever follows.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from ...core.names import check_tag
from ...errors import (
    InputError,
    NotANetworkError,
    ReadOnlyError,
    StoreError,
    StoreIOError,
    StoreNotFoundError,
)
from ...ports.services import ServiceOptions
from ...ports.versions import Expired, Version
from .commits import BRANCH, Branch, ancestry, find_version, state_at
from .errors import absent, require, taken, translated
from .held import LockHandle
from .locations import Location, Objects, Tag, Target
from .paths import MANIFEST
from .published import PublishedLocation, PublishedTarget, published
from .services import check_url, configuration, drop_from_memory, is_dropped, place_of, storage_of
from .states import Recent, State, check_not_forked, last_state, note_change

if TYPE_CHECKING:
    from icechunk import Repository, Storage
    from zarr.abc.store import Store

_EMPTY_GROUP = b'{"zarr_format":3,"node_type":"group","attributes":{}}'
# The objects of an icechunk repository, as they are removed; without branches there is none.
_BRANCHES = "refs/branch."
_PARTS = (
    *("config.yaml", "refs", "repo", "overwritten"),
    *("snapshots", "transactions", "manifests", "chunks"),
)

# Keys of which icechunk alone makes some; and how many a service lists at a time.
_OWN, _LISTED = re.compile(r"(snapshots|transactions|manifests|chunks)/[0-9A-Z]{20}"), 1000

# What may not be read where access is denied; of what does not exist, a service may say so.
_HEADS = (f"{_BRANCHES}{BRANCH}/ref.json", "repo", MANIFEST)


@attrs.define(eq=False)
class _Opened:
    """A repository, its last commit as far as is known, and the version that was read last."""

    storage: Storage
    repository: Repository
    tip: State | None = None
    version: State | None = None

    def at(self, root: str, commit: Tag) -> State:
        """The objects as of a commit."""
        for each in (self.tip, self.version):
            if each is not None and each.tag == commit:
                return each
        self.version = state_at(root, self.repository, commit)
        return self.version


# Finding, recognizing and opening a network uses several stores, one after the other.
_OPENED: Recent[_Opened] = Recent()


class RepositoryLocation(Location):
    """
    A repository below a URL; or, to read, a network that was published there.

    :param version: the commit to read, by its id, tag or time; None for the last one.
    :param options: how the service is reached.
    :raises InputError: the URL contains credentials, or icechunk does not support its service.
    """

    is_optimistic = True

    def __init__(self, url: str, version: str | datetime | None, options: ServiceOptions) -> None:
        check_url(url)
        require("icechunk", "cloud")
        super().__init__(url.rstrip("/"))
        self._options = options
        self._place = place_of(self.root, options)
        self._version = version
        self._found: _Opened | None = None
        # The commit of a version, which stays the same.
        self._fixed: Tag | None = None
        self._published = PublishedLocation(self.root, options)

    @property
    def identity(self) -> str:
        version = "" if self._version is None else f"@{self._version}"
        return f"zarr:{self.root}{version}"

    def _open(self) -> Store:
        raise NotImplementedError("a session opens the objects of a repository")

    def let_go(self) -> None:
        self._found = None

    def repository(self) -> Repository | None:
        """The repository; None if there is none. Errors as for :meth:`_look`."""
        found = self._look()
        return None if found is None else found.repository

    def _look(self) -> _Opened | None:
        """
        What is known of the repository; None if there is none.

        :raises StoreIOError: the service can't be reached, or the process was forked since.
        """
        check_not_forked(self.root)
        found = self._found or _OPENED.get(self._place)
        if found is None or is_dropped(self.root, found.storage):
            found = self._opened(storage_of(self.root, self._options))
        self._found = found
        return found

    def _opened(self, storage: Storage) -> _Opened | None:
        from icechunk import Repository

        try:
            with translated(self.root):
                found = _Opened(storage, Repository.open(storage, config=configuration()))
        except StoreNotFoundError:
            return None
        except StoreIOError:
            # icechunk does not report denied access; a request for an object does.
            self._published.get_many(_HEADS)
            raise
        _OPENED.put(self._place, found)
        return found

    def _seen(self) -> State | None:
        """The commit that is seen; None if there is no repository."""
        opened = self._look()
        try:
            if opened is None:
                return None
            if self._version is None:
                return self._tip(opened)
            if self._fixed is None:
                self._fixed = find_version(opened.repository, self._version, self.root)
            return opened.at(self.root, self._fixed)
        except StoreNotFoundError:
            # Another program removed it.
            self._forget()
            return None

    def _forget(self) -> None:
        """Forget the repository."""
        self._found = None
        _OPENED.clear()

    def _tip(self, opened: _Opened) -> State:
        """The last commit."""
        known = opened.tip
        # A repository without a network may be one that another program is about to make.
        max_age = 0.0 if known is not None and known.is_empty else self._options.max_age
        tip = last_state(self.root, known, max_age, partial(self._find_tip, opened))
        assert tip is not None
        opened.tip = tip
        return tip

    def _find_tip(self, opened: _Opened) -> State:
        with translated(self.root):
            session = opened.repository.readonly_session(BRANCH)
        tip = opened.tip
        if tip is not None and tip.tag == session.snapshot_id:
            return tip
        return State(self.root, session.snapshot_id, lambda: session.store)

    @property
    def _was_published(self) -> bool:
        """Whether what was found last is no repository, but a network that was published."""
        return self._found is None and self._published.is_known

    def exists(self) -> bool:
        published = self._was_published and self._published.is_group()
        seen = None if published else self._seen()
        if seen is not None:
            return not seen.is_empty
        self._check_unversioned()
        return published or self._published.exists()

    def _check_unversioned(self) -> None:
        """
        Check that no version is asked for where a network was published.

        :raises StoreError: one is.
        """
        if self._version is not None and self._published.is_group():
            raise self._no_versions()

    def _no_versions(self) -> StoreError:
        return StoreError(
            f"'{self.root}' is a published network, which has no versions; open it without a"
            " version, or open the network from which it was published",
            location=self.root,
        )

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        if self._was_published:
            self._check_unversioned()
            with suppress(StoreNotFoundError, NotANetworkError):
                return self._published.fetch(known)
        seen = self._seen()
        if seen is None:
            self._check_unversioned()
            return self._published.fetch(known)
        if seen.tag == known:
            return None
        data = seen.get(MANIFEST)
        if data is None:
            raise absent(self.root)
        return data, seen.tag

    def at(self, tag: Tag) -> Objects:
        opened = None if isinstance(tag, dict) else self._look()
        return self._published.at(tag) if opened is None else opened.at(self.root, tag)

    def refusal(self) -> ReadOnlyError:
        return published(self.root)

    def lock(self, *, exclusive: bool) -> LockHandle:
        if exclusive:
            self._check_changeable()
        return LockHandle()

    def _check_changeable(self) -> None:
        """
        Check that the whole network is seen, and not one of its versions.

        :raises ReadOnlyError: it is a version, or was published.
        :raises NotANetworkError: there is something else.
        :raises StoreNotFoundError: there is nothing.
        """
        self._check_last()
        if self.repository() is None:
            self._published.fetch(None)
            raise self.refusal()

    def _check_last(self) -> None:
        if self._version is not None:
            raise ReadOnlyError(
                f"version '{self._version}' of '{self.root}' can only be read; open the network"
                " without a version to change it",
                location=self.root,
            )

    def begin(self) -> Target:
        self._check_changeable()
        return Branch(self.root, self._required().repository)

    def build(self, mode: int | None = None) -> Target:
        self._check_last()
        if self._seen() is None:
            self._create()
        opened = self._required()
        if not self._tip(opened).is_empty:
            raise taken(self.root)
        branch = Branch(self.root, opened.repository, is_new=True)
        branch.put(MANIFEST, _EMPTY_GROUP)
        return branch

    def _create(self) -> None:
        """
        Make a repository, in which there is no network yet.

        :raises StoreExistsError: there is something else.
        """
        from icechunk import Repository

        if self._published.exists():
            raise taken(self.root)
        storage = storage_of(self.root, self._options, new=True)
        try:
            with translated(self.root):
                Repository.create(storage)
        except StoreError:
            # Another program may be faster; who commits first makes the network.
            if self._look() is None:
                raise

    def versions(self) -> list[Version]:
        """All commits that made or changed the network, the last first."""
        return ancestry(self._required().repository, self.root)

    def tag(self, name: str, version: str | None) -> Version:
        """
        Tag a version.

        :raises InputError: the version does not exist, the tag does already, or no version can
            have it.
        """
        check_tag(name)
        repository, seen = self._required().repository, self._seen()
        if seen is None:
            raise absent(self.root)
        id_ = str(seen.tag if version is None else find_version(repository, version, self.root))
        with translated(self.root):
            if name in repository.list_tags():
                raise InputError(f"'{self.root}' has a version '{name}' already", asked=name)
            repository.create_tag(name, id_)
        return next(each for each in self.versions() if each.id == id_)

    def expire(self, before: datetime) -> Expired:
        """Remove older versions, but the last and those that have a name."""
        self._check_last()
        repository, held = self._required().repository, len(self.versions())
        with translated(self.root):
            repository.expire_snapshots(before)
            freed = repository.garbage_collect(before)
        return Expired(held - len(self.versions()), int(freed.bytes_deleted))

    def _required(self) -> _Opened:
        opened = self._look()
        if opened is None:
            raise self._no_versions() if self._published.is_group() else absent(self.root)
        return opened

    def size(self) -> int:
        """Bytes of the version that is seen; those before it take space too, until they expire."""
        seen = self._seen()
        return self._published.size() if seen is None else seen.size()

    def rename(self, target: Location) -> bool:
        """
        Never at once.

        :raises StoreError: only the last version would be at the other place.
        """
        held = self.versions()
        tags = sum(len(each.tags) for each in held)
        if len(held) > 1 or tags:
            raise StoreError(
                f"a move would keep only the last version of '{self.root}', which has {len(held)}"
                f" (tags: {tags}); copy the network to '{target.root}', and remove '{self.root}'"
                " once its versions are not needed",
                location=self.root,
            )
        return False

    def clear(self) -> bool:
        self._check_last()
        seen = self._seen()
        has_network = self._published.is_group() if seen is None else not seen.is_empty
        if has_network or not any(map(_OWN.fullmatch, islice(self._published.keys(), _LISTED))):
            return False
        self.remove()
        return True

    def remove(self) -> None:
        self._forget()
        note_change(self.root)
        if drop_from_memory(self.root):
            return
        objects = PublishedTarget(self.root, self._options)
        # It is a network as long as it has its branch; the next one here must not have its tags.
        objects.delete(key for key in objects.keys("refs") if not key.startswith(_BRANCHES))
        for part in _PARTS:
            objects.sync(objects.store.delete_dir, part)
            objects.sync(objects.store.delete, part)
