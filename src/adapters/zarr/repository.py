"""
Networks in object stores, as icechunk repositories.

A write session is an icechunk session, and a commit is one of icechunk's: it takes effect
completely, or not at all if another program committed since the session began. A read session sees
one commit, whatever follows.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from ...core.names import check_tag
from ...errors import (
    InputError,
    ReadOnlyError,
    StoreAccessError,
    StoreError,
    StoreIOError,
    StoreNotFoundError,
)
from ...ports.services import ServiceOptions
from ...ports.versions import Expired, Version
from .commits import BRANCH, Branch, ancestry, find_version, state_at
from .errors import Translated, absent, require, taken
from .held import LockHandle
from .locations import Location, Tag, Target
from .paths import MANIFEST
from .published import PublishedLocation
from .services import configuration, drop_from_memory, is_dropped, settings, storage_of
from .states import State, last_state, note_change
from .zarr_objects import check_not_forked

if TYPE_CHECKING:
    from icechunk import Repository, Storage

_EMPTY_GROUP = b'{"zarr_format":3,"node_type":"group","attributes":{}}'
# The objects of an icechunk repository, in the order in which they are removed: it is a network as
# long as it has its branch, and the next one here must not have its tags.
_PARTS = (
    re.compile(r"refs/(?!branch\.)"),
    re.compile(r"(refs|overwritten)/|(config\.yaml|repo)$"),
    re.compile(r"(snapshots|transactions|manifests|chunks)/"),
)

# Keys of which icechunk alone makes some; and how many a service lists at a time.
_OWN, _LISTED = re.compile(r"(snapshots|transactions|manifests|chunks)/[0-9A-Z]{20}"), 1000

# Objects to read for a test of access; a service may deny access to those that do not exist.
_HEADS = (f"refs/branch.{BRANCH}/ref.json", "repo")


# Seconds in which stores share what lies below a URL: several are used to find, recognize and open
# a network. When the last one was looked at first, how, and what it is.
_RECENTLY = 5.0
_RECENT: list[tuple[float, object, PublishedLocation]] = []


def location_of(
    url: str, version: str | datetime | None, options: ServiceOptions
) -> PublishedLocation:
    """
    What lies below a URL, and what is known of it if it was looked at just now.

    Parameters and errors as for :class:`RepositoryLocation`.
    """
    place, now = (url, options, settings()), time.monotonic()
    known = [each for since, how, each in _RECENT if how == place and now - since <= _RECENTLY]
    found = known[0] if known else None
    if found is None:
        is_web = url.startswith(("http://", "https://"))
        found = (PublishedLocation if is_web else RepositoryLocation)(url, options)
        _RECENT[:] = [(now, place, found)]
    if version is None or not isinstance(found, RepositoryLocation):
        return found
    return RepositoryVersion(found, version)


class RepositoryLocation(PublishedLocation):
    """
    A repository below a URL; or, to read, a network that was published there.

    :param options: how the service is reached.
    :raises InputError: the URL contains credentials, or icechunk does not support its service.
    """

    is_optimistic = True

    def __init__(self, url: str, options: ServiceOptions) -> None:
        super().__init__(url, options)
        require("icechunk", "cloud")
        self._found: tuple[Storage, Repository] | None = None

    def let_go(self) -> None:
        super().let_go()
        self._found = None

    def _opened(self) -> Repository | None:
        """
        The repository; None if there is none.

        :raises StoreIOError: the service can't be reached, or the process was forked since.
        """
        check_not_forked(self.root)
        found = self._found
        if found is None or is_dropped(self.root, found[0]):
            storage = storage_of(self.root, self._options)
            repository = self._open_in(storage)
            found = self._found = None if repository is None else (storage, repository)
        return None if found is None else found[1]

    def _open_in(self, storage: Storage) -> Repository | None:
        from icechunk import Repository

        try:
            with Translated(self.root):
                found = Repository.open(storage, config=configuration())
        except StoreNotFoundError:
            return None
        except (StoreIOError, StoreAccessError):
            # Who may not list objects may not learn what does not exist, either.
            if super()._look() is not None:
                return None
            # icechunk 1 does not report denied access; a request for an object does.
            for key in _HEADS:
                self._get(key)
            raise
        return found

    def _seen(self) -> State | None:
        """The commit that is seen; None if there is no repository."""
        repository = self._opened()
        if repository is None:
            self._state = None
            return None
        try:
            state = self._seen_of(repository, self._state)
        except StoreNotFoundError:
            # Another program removed it.
            self.let_go()
            return None
        self._state = state
        return state

    def _seen_of(self, repository: Repository, known: State | None) -> State | None:
        """
        The last commit.

        :param known: what was seen before.
        """

        def find() -> State:
            with Translated(self.root):
                session = repository.readonly_session(BRANCH)
            if known is not None and known.tag == session.snapshot_id:
                return known
            return State(self.root, session.snapshot_id, lambda: session.store)

        # A repository without a network may be one that another program is about to make.
        max_age = 0.0 if known is not None and known.is_empty else self._options.max_age
        return last_state(self.root, known, max_age, find)

    def _look(self) -> State | None:
        known, state = self._state, None
        if known is not None and known.is_published:
            state = super()._look()
        return state or self._seen() or super()._look()

    def _no_versions(self) -> StoreError:
        return StoreError(
            f"'{self.root}' is a published network, which has no versions; open it without a"
            " version, or open the network from which it was published",
            location=self.root,
        )

    def _new_state(self, tag: Tag, manifest: bytes | None = None) -> State:
        repository = None if isinstance(tag, dict) else self._opened()
        if repository is None:
            return super()._new_state(tag, manifest)
        return state_at(self.root, repository, tag)

    def lock(self, *, exclusive: bool) -> LockHandle:
        return super().lock(exclusive=exclusive and self._opened() is None)

    def begin(self) -> Target:
        return Branch(self.root, self._required())

    def build(self, mode: int | None = None) -> Target:
        if self._seen() is None:
            self._create()
        seen = self._seen()
        if seen is not None and not seen.is_empty:
            raise taken(self.root)
        branch = Branch(self.root, self._required(), is_new=True)
        branch.put(MANIFEST, _EMPTY_GROUP)
        return branch

    def _create(self) -> None:
        """
        Make a repository, in which there is no network yet.

        :raises StoreExistsError: there is something else.
        """
        from icechunk import Repository

        if super()._look() is not None or self._holds_any():
            raise taken(self.root)
        storage = storage_of(self.root, self._options, new=True)
        try:
            with Translated(self.root):
                Repository.create(storage)
        except StoreError:
            # Another program may be faster; the first commit makes the network.
            if self._opened() is None:
                raise

    def versions(self) -> list[Version]:
        """All commits that made or changed the network, the last first."""
        return ancestry(self._required(), self.root)

    def tag(self, name: str, version: str | None) -> Version:
        """
        Tag a version.

        :raises InputError: the version does not exist, the tag does already, or no version can
            have it.
        """
        check_tag(name)
        repository, seen = self._required(), self._seen()
        if seen is None:
            raise absent(self.root)
        id_ = str(seen.tag if version is None else find_version(repository, version, self.root))
        with Translated(self.root):
            if name in repository.list_tags():
                raise InputError(f"'{self.root}' has a version '{name}' already", asked=name)
            repository.create_tag(name, id_)
        return next(each for each in self.versions() if each.id == id_)

    def expire(self, before: datetime) -> Expired:
        """Remove older versions, but the last and those that have a name."""
        repository, held = self._required(), len(self.versions())
        with Translated(self.root):
            repository.expire_snapshots(before)
            freed = repository.garbage_collect(before)
        return Expired(held - len(self.versions()), int(freed.bytes_deleted))

    def _required(self) -> Repository:
        repository = self._opened()
        if repository is None:
            raise absent(self.root) if super()._look() is None else self._no_versions()
        return repository

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
        state = self._look()
        if state is not None and not state.is_empty:
            return False
        if not any(map(_OWN.fullmatch, islice(self._keys(), _LISTED))):
            return False
        self.remove()
        return True

    def remove(self) -> None:
        self.let_go()
        note_change(self.root)
        if drop_from_memory(self.root):
            return
        keys = set(self._keys())
        for part in _PARTS:
            own = {key for key in keys if part.match(key)}
            self._delete(own)
            keys -= own


class RepositoryVersion(RepositoryLocation):
    """
    A repository at one of its commits, to read.

    :param last: the repository.
    :param version: the commit, by its id, tag or time.
    """

    def __init__(self, last: RepositoryLocation, version: str | datetime) -> None:
        super().__init__(last.root, last._options)
        self._last, self._version = last, version
        # The commit, which stays the same.
        self._fixed: Tag | None = None

    @property
    def identity(self) -> str:
        return f"{super().identity}@{self._version}"

    def let_go(self) -> None:
        super().let_go()
        self._last.let_go()

    def _opened(self) -> Repository | None:
        return self._last._opened()

    def _seen_of(self, repository: Repository, known: State | None) -> State:
        if self._fixed is None:
            self._fixed = find_version(repository, self._version, self.root)
        return self.at(self._fixed)

    def _look(self) -> State | None:
        state = super()._look()
        if state is not None and state.is_published:
            raise self._no_versions()
        return state

    def refusal(self) -> ReadOnlyError:
        return ReadOnlyError(
            f"version '{self._version}' of '{self.root}' can only be read; open the network"
            " without a version to change it",
            location=self.root,
        )

    def lock(self, *, exclusive: bool) -> LockHandle:
        return Location.lock(self, exclusive=exclusive)

    def build(self, mode: int | None = None) -> Target:
        raise self.refusal()

    def expire(self, before: datetime) -> Expired:
        raise self.refusal()

    def clear(self) -> bool:
        return False
