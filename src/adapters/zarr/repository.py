"""
Networks in object stores, as icechunk repositories.

A write session is an icechunk session, and a commit is one of icechunk's: it takes effect
completely, or not at all if another program committed since the session began. A read session sees
one commit, whatever follows. ``memory://name`` is a repository of this process.

Credentials and endpoints come from where those of published networks do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Hashable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from ...errors import (
    InputError,
    NotANetworkError,
    ReadOnlyError,
    StoreError,
    StoreIOError,
    StoreNotFoundError,
)
from ...platform import after_fork_in_child
from ...ports.services import NO_OPTIONS, ServiceOptions
from ...ports.versions import Expired, Version
from .commits import BRANCH, Branch, NewBranch, Snapshot, ancestry, find_version, session_on
from .errors import absent, require, taken, translated
from .locations import Location, Objects, Tag, Target
from .paths import MANIFEST
from .published import PublishedLocation, check_url, endpoint, place_of, published
from .recent import Looked, Recent, changes_at, note_change

if TYPE_CHECKING:
    from icechunk import Repository, RepositoryConfig, Storage
    from zarr.abc.store import Store

_EMPTY_GROUP = b'{"zarr_format":3,"node_type":"group","attributes":{}}'
# The objects of an icechunk repository; the branches first, without which there is no repository.
_PARTS = ("refs", "config.yaml", "repo", "snapshots", "transactions", "manifests", "chunks")

_MOST_INLINE = 4096
# How often a request is made again, and milliseconds before the first and the last time.
_RETRIES = (4, 200, 5000)

_MEMORY: dict[str, Storage] = {}
_MEMORY_MUTEX = threading.Lock()


class _Threads:
    """icechunk's threads do not exist in a forked child, which would wait for them for ever."""

    started = forked = False


def _note_fork() -> None:
    _Threads.forked = _Threads.started


after_fork_in_child(_note_fork)


@attrs.define(eq=False)
class _Opened:
    """A repository, its last commit as far as is known, and the commit that was read last."""

    storage: Storage
    repository: Repository
    looked: Looked
    tip: Snapshot | None = None
    snapshot: Snapshot | None = None


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

    @property
    def _key(self) -> Hashable:
        return place_of(self.root, self._options)

    @property
    def _is_in_memory(self) -> bool:
        return self.root.startswith("memory://")

    def let_go(self) -> None:
        self._found = None

    def repository(self) -> Repository | None:
        """
        The repository; None if there is none.

        :raises StoreIOError: the service can't be reached, or the process was forked since.
        """
        if _Threads.forked:
            raise StoreIOError(
                f"'{self.root}' can't be used in a process that was forked from one that used"
                " networks in object stores; start processes with the method 'spawn'",
                location=self.root,
            )
        if self._found is None:
            self._found = _OPENED.get(self._key)
        if self._found is None or self._is_gone(self._found.storage):
            self._found = self._opened()
        return None if self._found is None else self._found.repository

    def _opened(self) -> _Opened | None:
        from icechunk import Repository

        _Threads.started = True
        storage = storage_of(self.root, self._options)
        try:
            with translated(self.root):
                repository = Repository.open(storage, config=_configuration())
        except StoreNotFoundError:
            return None
        except StoreIOError:
            # icechunk does not report denied access; a request for an object does.
            if not self._is_in_memory:
                self._published.get(MANIFEST)
            raise
        found = _Opened(storage, repository, Looked(self.root))
        _OPENED.put(self._key, found)
        return found

    def _is_gone(self, storage: Storage) -> bool:
        return self._is_in_memory and _MEMORY.get(self.root) is not storage

    def _seen(self, repository: Repository) -> Snapshot:
        """The commit that is seen."""
        if self._version is None:
            return self._tip(repository)
        if self._fixed is None:
            self._fixed = find_version(repository, self._version, self.root)
        return self._snapshot(repository, self._fixed)

    def _tip(self, repository: Repository) -> Snapshot:
        """The last commit."""
        found = self._found_for(repository)
        tip = found.tip
        # A repository without a network may be one that another program is about to make.
        if tip is None or not found.looked.is_recent(self._options.max_age) or tip.is_empty:
            changes = changes_at(self.root)
            with translated(self.root):
                session = repository.readonly_session(BRANCH)
            if tip is None or tip.id != session.snapshot_id:
                tip = found.tip = Snapshot(self.root, session.snapshot_id, lambda: session)
            found.looked.note(changes)
        return tip

    def _snapshot(self, repository: Repository, tag: Tag) -> Snapshot:
        """The commit of a tag."""
        found = self._found_for(repository)
        for each in (found.tip, found.snapshot):
            if each is not None and each.id == tag:
                return each
        made = partial(repository.readonly_session, snapshot_id=tag)
        found.snapshot = Snapshot(self.root, tag, made)
        return found.snapshot

    def _found_for(self, repository: Repository) -> _Opened:
        """What is known of a repository, which another thread may have let go."""
        found = self._found
        if found is None or found.repository is not repository:
            storage = repository.storage
            return _Opened(storage, repository, Looked(self.root))
        return found

    @property
    def _was_published(self) -> bool:
        """Whether what was found last is no repository, but a network that was published."""
        return self._found is None and self._published.is_known

    def exists(self) -> bool:
        if self._was_published and self._published.is_group():
            return True
        repository = self.repository()
        if repository is not None:
            return not self._seen(repository).is_empty
        return not self._is_in_memory and self._published.exists()

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        if self._was_published:
            with suppress(StoreNotFoundError, NotANetworkError):
                return self._published.fetch(known)
        repository = self.repository()
        if repository is None and not self._is_in_memory:
            return self._published.fetch(known)
        if repository is None:
            raise absent(self.root)
        seen = self._seen(repository)
        if seen.id == known:
            return None
        data = seen.get(MANIFEST)
        if data is None:
            raise absent(self.root)
        return data, seen.id

    def at(self, tag: Tag) -> Objects:
        repository = None if isinstance(tag, dict) else self.repository()
        return self._published.at(tag) if repository is None else self._snapshot(repository, tag)

    def begin(self) -> Target:
        repository = self.repository()
        if repository is None:
            raise published(self.root) if self.exists() else absent(self.root)
        if self._version is not None:
            raise ReadOnlyError(
                f"version '{self._version}' of '{self.root}' can only be read; open the network"
                " without a version to change it",
                location=self.root,
            )
        return Branch(self.root, repository, session_on(repository, self.root))

    def build(self, mode: int | None = None) -> Target:
        from icechunk import Repository

        repository = self.repository()
        if repository is None:
            if not self._is_in_memory and self._published.exists():
                raise taken(self.root)
            storage = storage_of(self.root, self._options, new=True)
            with suppress(StoreError), translated(self.root):
                # Another program may be faster; who commits first makes the network.
                Repository.create(storage)
            with translated(self.root):
                repository = Repository.open(storage, config=_configuration())
            self._found = _Opened(storage, repository, Looked(self.root))
        if not self._tip(repository).is_empty:
            raise taken(self.root)
        branch = NewBranch(self.root, repository, session_on(repository, self.root))
        branch.put(MANIFEST, _EMPTY_GROUP)
        return branch

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        raise NotImplementedError("a session puts the manifest of a repository")

    def sweep(self, used: Collection[str]) -> None:
        """Do nothing: uncommitted changes are invisible; `expire` removes them."""

    def versions(self) -> list[Version]:
        """All commits that made or changed the network, the last first."""
        return ancestry(self._required(), self.root)

    def tag(self, name: str, version: str | None) -> Version:
        """
        Tag a version.

        :raises InputError: the version does not exist, or the tag does already.
        """
        repository = self._required()
        id_ = str(
            self._seen(repository).id
            if version is None
            else find_version(repository, version, self.root)
        )
        with translated(self.root):
            if name in repository.list_tags():
                raise InputError(f"'{self.root}' has a version '{name}' already", asked=name)
            repository.create_tag(name, id_)
        return next(each for each in self.versions() if each.id == id_)

    def expire(self, before: datetime) -> Expired:
        """Remove older versions, but the last and those that have a name."""
        repository, held = self._required(), len(self.versions())
        with translated(self.root):
            repository.expire_snapshots(before)
            freed = repository.garbage_collect(before)
        return Expired(held - len(self.versions()), int(freed.bytes_deleted))

    def _required(self) -> Repository:
        repository = self.repository()
        if repository is None:
            raise absent(self.root)
        return repository

    def size(self) -> int:
        """Bytes of the version that is seen; those before it take space too, until they expire."""
        repository = self.repository()
        if repository is None:
            return self._published.size()
        seen = self._seen(repository)
        return int(seen.sync(seen.store.getsize_prefix, ""))

    def remove(self) -> None:
        if self.repository() is None:
            raise published(self.root)
        self._found = None
        _OPENED.drop(self._key)
        note_change(self.root)
        if self._is_in_memory:
            with _MEMORY_MUTEX:
                _MEMORY.pop(self.root, None)
            return
        objects = _RepositoryObjects(self.root, self._options)
        for part in _PARTS:
            objects.sync(objects.store.delete_dir, part)
            objects.sync(objects.store.delete, part)


class _RepositoryObjects(PublishedLocation):
    """The objects that icechunk made, to remove them."""

    def _open(self) -> Store:
        store = super()._open()
        return store.with_read_only(False)


def storage_of(url: str, options: ServiceOptions = NO_OPTIONS, *, new: bool = False) -> Storage:
    """
    The icechunk storage of a repository.

    :param options: how the service is reached.
    :param new: create one in memory.
    :raises InputError: icechunk does not support the service of the URL.
    """
    import icechunk

    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if parts.scheme == "memory":
        with _MEMORY_MUTEX:
            made = _MEMORY.get(url) or icechunk.in_memory_storage()
            return _MEMORY.setdefault(url, made) if new else made
    if parts.scheme in ("s3", "s3a"):
        service = endpoint(options)
        return icechunk.s3_storage(
            bucket=parts.netloc,
            prefix=prefix or None,
            region=options.region or _environment("AWS_REGION", "AWS_DEFAULT_REGION"),
            endpoint_url=service,
            allow_http=(service or "").startswith("http://"),
            force_path_style=service is not None,
            **_credentials(options),
        )
    if parts.scheme in ("gs", "gcs"):
        given = options.service_account
        how: dict[str, Any] = {"service_account_file": given} if given else {"from_env": True}
        how = {"anonymous": True} if options.anonymous else how
        return icechunk.gcs_storage(bucket=parts.netloc, prefix=prefix or None, **how)
    if parts.scheme in ("az", "azure", "abfs"):
        account = options.account or _environment("AZURE_STORAGE_ACCOUNT_NAME") or ""
        key = options.account_key
        how = {"access_key": key} if key else {"from_env": True}
        return icechunk.azure_storage(account=account, container=parts.netloc, prefix=prefix, **how)
    raise InputError(
        f"networks can't be written to '{url}'; pass a URL that begins with s3://, gs:// or az://",
        asked=url,
    )


def _environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _credentials(options: ServiceOptions) -> dict[str, Any]:
    """How icechunk signs requests to S3."""
    if options.anonymous:
        return {"anonymous": True}
    if options.access_key_id is None:
        return {"from_env": True}
    names = ("access_key_id", "secret_access_key", "session_token")
    return {name: getattr(options, name) for name in names}


def _configuration() -> RepositoryConfig:
    from icechunk import RepositoryConfig, StorageRetriesSettings, StorageSettings

    return RepositoryConfig(
        # Small tables lie within icechunk's manifests: an object of their own is a request more.
        inline_chunk_threshold_bytes=_MOST_INLINE,
        storage=StorageSettings(retries=StorageRetriesSettings(*_RETRIES)),
    )
