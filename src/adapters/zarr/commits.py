"""Commits of an icechunk repository: read, written, and found by id, tag or time."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING

from ...errors import (
    CommitConflictError,
    InputError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreIOError,
)
from ...ports.versions import Version, check_version
from .errors import Translated, taken
from .locations import Tag, Target
from .metadata import kind_of
from .paths import MANIFEST, Kind
from .states import State, note_change
from .zarr_objects import ZarrObjects, together

if TYPE_CHECKING:
    from icechunk import Repository, SnapshotInfo
    from zarr.abc.store import Store

BRANCH = "main"
_MESSAGE = "a session"
# The properties of a commit; its parent may have expired.
_WRITER, _FOLLOWS = "writer", "follows"


class Branch(ZarrObjects, Target):
    """
    The objects of a network as an icechunk session sees and changes them.

    :param is_new: whether the network is made by the session.
    :raises StoreError: icechunk can't begin a session.
    """

    def __init__(self, root: str, repository: Repository, *, is_new: bool = False) -> None:
        super().__init__(root)
        self._repository = repository
        self._is_new = is_new
        with Translated(root):
            self._session = repository.writable_session(BRANCH)
            self._base = self._session.snapshot_id

    def _open(self) -> Store:
        return self._session.store

    @property
    def tag(self) -> Tag:
        return self._session.snapshot_id

    def put(self, key: str, data: bytes) -> None:
        self.put_many([(key, data)])

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        from zarr.core.buffer import default_buffer_prototype

        from_bytes = default_buffer_prototype().buffer.from_bytes
        puts = [partial(self.store.set, key, from_bytes(data)) for key, data in objects]
        self.sync(together, puts)

    def is_free(self, path: str, kind: Kind) -> bool:
        return self._kind_at(path) in (None, kind, "plain" if kind == "group" else None)

    def remove_node(self, path: str) -> None:
        kind = self._kind_at(path)
        if kind == "array":
            self.sync(self.store.delete_dir, path)
        elif kind == "group":
            self.sync(self.store.delete, f"{path}/{MANIFEST}")

    def _kind_at(self, path: str) -> str | None:
        metadata = self.get(f"{path}/{MANIFEST}")
        return None if metadata is None else kind_of(metadata, path)

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        from icechunk import ConflictError

        self.put(MANIFEST, manifest)
        try:
            with Translated(self.root):
                try:
                    about = {_WRITER: _writer(), _FOLLOWS: self._base}
                    return self._session.commit(_MESSAGE, about)
                except ConflictError as error:
                    raise self._overtaken() from error
        except StoreAccessError:
            raise
        except StoreError as error:
            # The response may have been lost, so that a retry conflicts with the first attempt.
            stored = self._stored(manifest, error)
            if stored is not None:
                return stored
            raise
        finally:
            note_change(self.root)

    def _stored(self, manifest: bytes, failed: StoreError) -> Tag | None:
        """
        The commit that came after the start of the session, if it has this manifest.

        :param failed: what the commit raised.
        :raises StoreIOError: the service does not answer, so it is unknown what is stored.
        """
        try:
            with Translated(self.root):
                # Others may have committed on top of it.
                commits = self._repository.ancestry(branch=BRANCH)
                id_ = next((each.id for each in commits if each.parent_id == self._base), None)
                if id_ is None:
                    return None
                found = state_at(self.root, self._repository, id_).get(MANIFEST)
                return id_ if found == manifest else None
        except StorageError as error:
            raise StoreIOError(
                f"the service answered neither the commit to '{self.root}' ({failed.message}) nor"
                f" whether it is stored ({error.message}); look with bsb_hdf5.versions whether it"
                " is, before you repeat it",
                location=self.root,
            ) from failed

    def _overtaken(self) -> StoreError:
        if self._is_new:
            return taken(self.root)
        return CommitConflictError(
            f"another program changed '{self.root}' during this write session, which is not stored",
            location=self.root,
        )


def state_at(root: str, repository: Repository, commit: Tag) -> State:
    """The objects of a network as of a commit."""
    return State(root, commit, lambda: repository.readonly_session(snapshot_id=commit).store)


def find_version(repository: Repository, version: str | datetime, location: str) -> Tag:
    """
    The commit of a version.

    :raises InputError: the version does not exist, has expired, or is a time without a time zone.
    """
    check_version(version)
    if isinstance(version, datetime):
        found = _last_at(version, repository, location)
    else:
        found = _named(version, repository)
        for each in ancestry(repository, location) if found is None else ():
            # The service may have failed just now.
            if version == each.id or version in each.tags:
                found = each.id
    if found is None:
        raise InputError(f"'{location}' has no version {str(version)!r}", asked=version)
    return found


def _named(version: str, repository: Repository) -> Tag | None:
    """The commit of a tag or id, found in a request or two; None if that fails."""
    from icechunk import IcechunkError

    with suppress(IcechunkError):
        return repository.lookup_tag(version)
    with suppress(IcechunkError):
        found = repository.lookup_snapshot(version)
        return None if found.parent_id is None else found.id
    return None


def _last_at(time: datetime, repository: Repository, location: str) -> Tag | None:
    """The commit that was the last one at a time; None if there was none yet."""
    commits = _commits(repository, location)[0]
    for each, next_one in zip(commits, [None, *commits], strict=False):
        if each.written_at > time:
            continue
        if next_one is None or each.written_at == time:
            return each.id
        if each.id == next_one.metadata.get(_FOLLOWS, next_one.parent_id):
            return each.id
        raise InputError(
            f"the version of '{location}' at {time} may have expired: of those that are left,"
            f" '{each.id}' is the last one before, and had others after it",
            asked=time,
        )
    return None


def ancestry(repository: Repository, location: str) -> list[Version]:
    """All commits that made or changed the network, the last first."""
    commits, tags = _commits(repository, location)
    return [
        Version(
            each.id,
            each.written_at,
            each.message,
            str(each.metadata.get(_WRITER, "")),
            tuple(tags.get(each.id, ())),
        )
        for each in commits
    ]


def _commits(
    repository: Repository, location: str
) -> tuple[list[SnapshotInfo], dict[str, list[str]]]:
    """All commits that made or changed the network, the last first; and their tags by id."""
    with Translated(location):
        tags: dict[str, list[str]] = {}
        for name in sorted(repository.list_tags()):
            tags.setdefault(repository.lookup_tag(name), []).append(name)
        found = {each.id: each for each in repository.ancestry(branch=BRANCH)}
        # Where versions before one that has a tag have expired, it has no successor.
        for id_ in tags:
            found.setdefault(id_, repository.lookup_snapshot(id_))
    # A repository begins with a commit of its own, before there is a network.
    made = [each for each in found.values() if each.parent_id is not None]
    return sorted(made, key=lambda each: each.written_at, reverse=True), tags


@cache
def _writer() -> str:
    return f"bsb-hdf5 {distribution_version('bsb-hdf5')} on {platform.node()}"
