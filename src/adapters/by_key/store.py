"""Networks that a library stores as bytes by key, in a file or folder."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from ...errors import ReadOnlyError, StorageError
from ...platform import before_renaming
from ...ports.store import Capability
from ..files.errors import system_error
from ..files.names import file_number, target_of
from ..native.drafts import Draft, delete, delete_companions, rename_within, sync_name
from ..native.store import ArrayStore, free_path
from . import encoding
from .guarded import Guarded, translated
from .session import Header, KeyCreationSession, KeyReadSession, KeyRewriteSession, KeyWriteSession
from .transaction import Transaction


class KeyValueStore(ArrayStore):
    """
    The place of one network: the path of a file or folder in which a library keeps bytes by key.

    A backend opens transactions; everything else is done here.
    """

    companions: ClassVar[Sequence[str]] = ()
    """
    Endings of the names of files that the library makes beside the path: ``-lock`` for
    ``network.lmdb-lock``. They go when the network goes.
    """

    @abstractmethod
    def open(self, path: str, *, write: bool, new: bool, wait: float) -> Transaction:
        """
        Begin a transaction.

        :param path: absolute; not always the root, as a new network is made beside its place, and
            a symbolic link stands for what it leads to.
        :param write: whether it may change anything; it then excludes all others that do, also in
            other processes, if the store claims ``locking``.
        :param new: whether to make the file or folder, where nothing is; otherwise it is there. No
            other program knows its name yet. It gets its own name after the commit, and its
            companions are deleted.
        :param wait: seconds to wait for other transactions; ``self.lock`` waits as long by itself.
        :raises LockTimeoutError: others lasted for longer.
        """

    def create(self) -> KeyCreationSession:
        self._check_writable()
        draft = self._draft(self.location)
        try:
            return KeyCreationSession(self._begin(draft.path, write=True, new=True), draft)
        except BaseException:
            draft.discard()
            raise

    def open_read(self, *, locking: bool = True) -> KeyReadSession:
        return KeyReadSession(*self._opened(write=False))

    def open_write(self) -> KeyWriteSession:
        self._check_writable()
        return KeyWriteSession(*self._opened(write=True))

    def rewrite(self, *, compress: bool = False) -> KeyRewriteSession:
        self._check_writable()
        return KeyRewriteSession(*self._opened(write=True))

    def size(self) -> int | None:
        """None: files of such libraries mostly keep their size, whatever they hold."""
        return None

    def copy(self, target: str) -> None:
        self._check_writable()
        source, _ = self._opened(write=False)
        try:
            self._copy_from(source, target)
        finally:
            source.close()

    def _draft(self, target: str) -> Draft:
        return Draft(target, self.companions, durable=self._is_durable)

    @property
    def _is_durable(self) -> bool:
        return Capability.DURABLE in self.capabilities

    def _copy_from(self, source: Guarded, target: str) -> None:
        draft = self._draft(target)
        try:
            copy = self._begin(draft.path, write=True, new=True)
            try:
                for key in source.keys(b""):
                    copy.put(key, source.get(key) or b"")
                copy.commit()
            finally:
                copy.close()
            draft.publish()
        finally:
            draft.discard()

    def move(self, target: str) -> None:
        self._check_writable()
        held = self._held()
        try:
            path = free_path(target)
            before_renaming(held.close)
            place = target_of(self.location)
            if rename_within(place, path):
                if self._is_durable:
                    sync_name(path)
                # Others may have made a network in its place.
                delete_companions(place, self.companions)
            else:
                if held.is_closed:
                    held = self._held()
                # The copy is complete before the original is removed.
                self._copy_from(held, path)
                before_renaming(held.close)
                delete(place, self.companions)
            if os.path.islink(self.location):
                delete(self.location, self.companions)
        finally:
            held.close()

    def remove(self) -> None:
        self._check_writable()
        held = self._held()
        try:
            before_renaming(held.close)
            delete(self.location, self.companions)
        finally:
            held.close()

    def _held(self) -> Guarded:
        """A transaction that excludes others, as the network is about to be moved or removed."""
        return self._opened(write=True)[0]

    def _check_writable(self) -> None:
        """
        Check that the backend can change networks.

        :raises ReadOnlyError: it does not claim so.
        """
        if Capability.WRITABLE not in self.capabilities:
            raise ReadOnlyError(
                f"'{self.location}': {self.capabilities.limits[Capability.WRITABLE]}",
                location=self.location,
            )

    def _opened(self, *, write: bool) -> tuple[Guarded, Header]:
        """A transaction on the network that the path names when it has begun."""
        while True:
            self.check_there()
            before = file_number(self.location)
            # All names of a network share one lock, and a link stays when its target is replaced.
            transaction = self._begin(target_of(self.location), write=write, new=False)
            try:
                # Another program may have moved or removed the file during the wait.
                if before == file_number(self.location):
                    found = transaction.get(encoding.HEADER)
                    return transaction, Header.load(found, self.location)
            except BaseException:
                transaction.close()
                raise
            transaction.close()

    def _begin(self, path: str, *, write: bool, new: bool) -> Guarded:
        try:
            raw = self.open(path, write=write, new=new, wait=self.lock_limit)
        except self.errors as error:
            raise translated(error, self.location) from error
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise system_error(error, self.location) from error
        return Guarded(raw, self.location, self.errors)
