"""Commits of an icechunk repository: read, written, and found by id, tag or time."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING

from ...errors import CommitConflictError, InputError, StorageError, StoreError
from ...ports.versions import Version
from .errors import taken, translated
from .kept import KeptObjects
from .locations import Tag, Target
from .manifest import read_manifest
from .paths import MANIFEST
from .recent import note_change

if TYPE_CHECKING:
    from icechunk import Repository, Session
    from zarr.abc.store import Store

BRANCH = "main"
_MESSAGE, _WRITER = "a session", "writer"


class Snapshot(KeptObjects):
    """
    The objects of a network as of one commit.

    :param open_session: reads that commit; called when the first object is read.
    """

    def __init__(self, root: str, id_: Tag, open_session: Callable[[], Session]) -> None:
        super().__init__(root)
        self._open_session = open_session
        self.id = id_

    @property
    def is_empty(self) -> bool:
        """Whether it has no network, as the first commit of a repository."""
        return self.get(MANIFEST) is None

    def _open(self) -> Store:
        return self._open_session().store


class Branch(Target):
    """The objects of a network as an icechunk session sees and changes them."""

    undone_by_itself = True

    def __init__(self, root: str, repository: Repository, session: Session) -> None:
        super().__init__(root)
        self._repository = repository
        self._session = session

    def _open(self) -> Store:
        return self._session.store

    @property
    def tag(self) -> Tag:
        return self._session.snapshot_id

    def check(self, known: Tag | None) -> None:
        """Do nothing: icechunk does, at the commit."""

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        from icechunk import ConflictError

        self.put(MANIFEST, manifest)
        try:
            with translated(self.root):
                return self._session.commit(_MESSAGE, {_WRITER: _writer()})
        except (ConflictError, StoreError) as error:
            # The response may have been lost, so that a retry conflicts with the first attempt.
            tip = self._tip_of(manifest)
            if tip is not None:
                return tip
            if isinstance(error, ConflictError):
                raise self._overtaken() from error
            raise
        finally:
            note_change(self.root)

    def _tip_of(self, manifest: bytes) -> Tag | None:
        """The last commit, if it is the one with this manifest."""
        with suppress(StorageError), translated(self.root):
            session = self._repository.readonly_session(BRANCH)
            tip = Snapshot(self.root, session.snapshot_id, lambda: session)
            found, own = tip.get(MANIFEST), read_manifest(manifest, self.root).generation
            if found is not None and read_manifest(found, self.root).generation == own:
                return tip.id
        return None

    def _overtaken(self) -> StoreError:
        return CommitConflictError(
            f"another program changed '{self.root}' during this write session, which is not stored",
            location=self.root,
        )

    def discard(self) -> None:
        """Do nothing: uncommitted changes are invisible."""


class NewBranch(Branch):
    """The first commit of a network."""

    def _overtaken(self) -> StoreError:
        return taken(self.root)


def session_on(repository: Repository, location: str) -> Session:
    with translated(location):
        return repository.writable_session(BRANCH)


def find_version(repository: Repository, version: str | datetime, location: str) -> Tag:
    """
    The commit of a version.

    :raises InputError: the version does not exist.
    """
    if isinstance(version, datetime):
        for each in ancestry(repository, location):
            if each.written_at <= version:
                return each.id
    else:
        known = ancestry(repository, location)
        for each in known:
            if version == each.id or version in each.tags:
                return each.id
    raise InputError(f"'{location}' has no version {str(version)!r}", asked=version)


def ancestry(repository: Repository, location: str) -> list[Version]:
    """All commits that made or changed the network, the last first."""
    with translated(location):
        tags: dict[str, list[str]] = {}
        for name in sorted(repository.list_tags()):
            tags.setdefault(repository.lookup_tag(name), []).append(name)
        found = {each.id: each for each in repository.ancestry(branch=BRANCH)}
        # Where versions before one that has a tag have expired, it has no successor.
        for id_ in tags:
            found.setdefault(id_, repository.lookup_snapshot(id_))
    made = [
        Version(
            each.id,
            each.written_at,
            each.message,
            str(each.metadata.get(_WRITER, "")),
            tuple(tags.get(each.id, ())),
        )
        for each in found.values()
        # A repository begins with a commit of its own, before there is a network.
        if each.parent_id is not None
    ]
    return sorted(made, key=lambda version: version.written_at, reverse=True)


@cache
def _writer() -> str:
    return f"bsb-hdf5 {distribution_version('bsb-hdf5')} on {platform.node()}"
