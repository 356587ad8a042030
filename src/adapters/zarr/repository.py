"""
Networks in object stores, as icechunk repositories.

A write session is an icechunk session, and a commit is one of icechunk's: it takes effect
completely, or not at all if another program committed since the session began. A read session sees
one commit, whatever follows.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from ...core.names import check_tag
from ...errors import (
    InputError,
    ReadOnlyError,
    StoreError,
    StoreIOError,
    StoreNotFoundError,
)
from ...ports.services import ServiceOptions
from ...ports.versions import Expired, Version
from .commits import BRANCH, Branch, ancestry, find_version, state_at
from .errors import Translated, absent, require, taken
from .held import LockHandle
from .locations import Location, Objects, Tag, Target
from .paths import MANIFEST
from .published import PublishedLocation
from .services import configuration, drop_from_memory, is_dropped, storage_of
from .states import Recent, State, last_state, note_change
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

# What may not be read where access is denied; of what does not exist, a service may say so.
_HEADS = (f"refs/branch.{BRANCH}/ref.json", "repo", MANIFEST)


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


class RepositoryLocation(PublishedLocation):
    """
    A repository below a URL; or, to read, a network that was published there.

    :param version: the commit to read, by its id, tag or time; None for the last one.
    :param options: how the service is reached.
    :raises InputError: the URL contains credentials, or icechunk does not support its service.
    """

    is_optimistic = True

    def __init__(self, url: str, version: str | datetime | None, options: ServiceOptions) -> None:
        super().__init__(url, options)
        require("icechunk", "cloud")
        self._version = version
        self._found: _Opened | None = None
        # The commit of a version, which stays the same.
        self._fixed: Tag | None = None

    @property
    def identity(self) -> str:
        version = "" if self._version is None else f"@{self._version}"
        return f"zarr:{self.root}{version}"

    def let_go(self) -> None:
        super().let_go()
        self._found = None

    def _opened(self) -> _Opened | None:
        """
        The repository; None if there is none.

        :raises StoreIOError: the service can't be reached, or the process was forked since.
        """
        check_not_forked(self.root)
        found = self._found or _OPENED.get(self._place)
        if found is None or is_dropped(self.root, found.storage):
            found = self._open_in(storage_of(self.root, self._options))
        self._found = found
        return found

    def _open_in(self, storage: Storage) -> _Opened | None:
        from icechunk import Repository

        try:
            with Translated(self.root):
                found = _Opened(storage, Repository.open(storage, config=configuration()))
        except StoreNotFoundError:
            return None
        except StoreIOError:
            # icechunk does not report denied access; a request for an object does.
            for key in _HEADS:
                self._get(key)
            raise
        _OPENED.put(self._place, found)
        return found

    def _seen(self) -> State | None:
        """The commit that is seen; None if there is no repository."""
        opened = self._opened()
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
        with Translated(self.root):
            session = opened.repository.readonly_session(BRANCH)
        tip = opened.tip
        if tip is not None and tip.tag == session.snapshot_id:
            return tip
        return State(self.root, session.snapshot_id, lambda: session.store)

    def _look(self) -> State | None:
        # Where a network was published, there was no repository.
        was_published = self._found is None and self._known() is not None
        state = super()._look() if was_published else None
        if state is None:
            seen = self._seen()
            if seen is not None:
                return seen
            state = super()._look()
        if state is not None and self._version is not None:
            raise self._no_versions()
        return state

    def _no_versions(self) -> StoreError:
        return StoreError(
            f"'{self.root}' is a published network, which has no versions; open it without a"
            " version, or open the network from which it was published",
            location=self.root,
        )

    def at(self, tag: Tag) -> Objects:
        opened = None if isinstance(tag, dict) else self._opened()
        return super().at(tag) if opened is None else opened.at(self.root, tag)

    def lock(self, *, exclusive: bool) -> LockHandle:
        if exclusive:
            self._check_last()
        return super().lock(exclusive=exclusive and self._opened() is None)

    def _check_last(self) -> None:
        if self._version is not None:
            raise ReadOnlyError(
                f"version '{self._version}' of '{self.root}' can only be read; open the network"
                " without a version to change it",
                location=self.root,
            )

    def begin(self) -> Target:
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

        if super()._look() is not None or self._holds_any():
            raise taken(self.root)
        storage = storage_of(self.root, self._options, new=True)
        try:
            with Translated(self.root):
                Repository.create(storage)
        except StoreError:
            # Another program may be faster; who commits first makes the network.
            if self._opened() is None:
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
        with Translated(self.root):
            if name in repository.list_tags():
                raise InputError(f"'{self.root}' has a version '{name}' already", asked=name)
            repository.create_tag(name, id_)
        return next(each for each in self.versions() if each.id == id_)

    def expire(self, before: datetime) -> Expired:
        """Remove older versions, but the last and those that have a name."""
        self._check_last()
        repository, held = self._required().repository, len(self.versions())
        with Translated(self.root):
            repository.expire_snapshots(before)
            freed = repository.garbage_collect(before)
        return Expired(held - len(self.versions()), int(freed.bytes_deleted))

    def _required(self) -> _Opened:
        opened = self._opened()
        if opened is None:
            raise absent(self.root) if super()._look() is None else self._no_versions()
        return opened

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
        state = self._look()
        if state is not None and not state.is_empty:
            return False
        if not any(map(_OWN.fullmatch, islice(self._keys(), _LISTED))):
            return False
        self.remove()
        return True

    def remove(self) -> None:
        self._forget()
        note_change(self.root)
        if drop_from_memory(self.root):
            return
        keys = set(self._keys())
        for part in _PARTS:
            own = {key for key in keys if part.match(key)}
            self._delete(own)
            keys -= own
