"""Locations of networks, and operations on whole networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

from ...errors import ReadOnlyError
from .held import LockHandle
from .paths import Kind
from .shards import Parts, Whole

Tag: TypeAlias = Any
"""The value by which a location distinguishes contents of the manifest."""


class Place:
    """
    The place of a network.

    :param root: the path or URL.
    :ivar title: the path or URL in messages.
    """

    def __init__(self, root: str) -> None:
        self.root = self.title = root


class Objects(Place, ABC):
    """The objects of a network, as one session or all of them see them."""

    @abstractmethod
    def get(self, key: str, /) -> bytes | None:
        """The content of an object; None if it does not exist."""

    def open(self, key: str) -> Parts | None:
        """An object, to read parts of it, until it is closed; None if it does not exist."""
        found = self.get(key)
        return None if found is None else Whole(found)

    def prefetch(self, keys: Sequence[str]) -> None:
        """Get ready to read objects, all at once where each takes a request."""


class Target(Objects):
    """Where a session writes: its objects become visible with its manifest."""

    is_shared = False
    """
    Whether what a session stores is there before the commit, and stays if that is not reached.

    Other programs may set attributes there.
    """

    @property
    def tag(self) -> Tag | None:
        """The tag of the manifest that a session begins with, where it has a view of its own."""
        return None

    def check(self, known: Tag | None, /) -> None:
        """
        Check that no other program stored a manifest since a session began, if that is possible.

        :param known: the tag of the manifest at the start; None if there was none.
        :raises SessionAbortedError: another program replaced the manifest.
        :raises StoreExistsError: another program stored the first manifest.
        """

    @abstractmethod
    def put(self, key: str, data: bytes, /) -> None:
        """Store an object, whole or not at all."""

    def put_again(self, key: str, text: bytes) -> None:
        """Replace a text that programs need which do not read the manifest; spaces may follow."""
        self.put(key, text)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store objects, each whole or not at all; where one fails, others may be there."""
        for key, data in objects:
            self.put(key, data)

    def is_free(self, path: str, kind: Kind, /) -> bool:
        """Whether a group or array can be made at a path, as there is nothing of another kind."""
        return True

    def remove_node(self, path: str, /) -> None:
        """Remove the array at a path, or the metadata of a group, if a session made it."""

    @abstractmethod
    def replace(self, manifest: bytes, known: Tag | None, /) -> Tag:
        """Put the manifest, the last of a commit; errors as for :meth:`check`."""

    def discard(self) -> None:
        """Remove a new network that was not completed, if it is visible."""


class Location(Place, ABC):
    """One root."""

    is_optimistic = False
    """Whether writers do not exclude each other."""

    @property
    def identity(self) -> str:
        """Equal for roots that are the same place."""
        return f"zarr:{self.root}"

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything is there."""

    @abstractmethod
    def fetch(self, known: Tag | None, /) -> tuple[bytes, Tag] | None:
        """
        The manifest and its tag; None if it is the one whose tag is known.

        :raises StoreNotFoundError: there is nothing at this place.
        :raises NotANetworkError: there is something without a manifest.
        """

    @abstractmethod
    def at(self, tag: Tag, /) -> Objects:
        """The objects that sessions with the manifest of a tag read."""

    @abstractmethod
    def size(self) -> int | None:
        """The size of all objects in bytes; None where they can't be listed."""

    def refusal(self) -> ReadOnlyError:
        """The error where it is to be changed, and is only read."""
        return ReadOnlyError(f"'{self.root}' is only read", location=self.root)

    def begin(self) -> Target:
        """Where a session writes."""
        raise self.refusal()

    def build(self, mode: int | None = None, /) -> Target:
        """
        A place to build a network, which becomes this location when its manifest is put.

        :param mode: which users may do what there; None leaves that to the system.
        """
        raise self.refusal()

    def let_go(self) -> None:
        """Forget what is there; it is looked for again when it is needed."""

    def foreign(self) -> list[str] | None:
        """The paths of foreign files at this location; None where they can't be listed."""
        return None

    def copy_foreign(self, target: Target) -> bool:
        """Copy foreign files into a network that is built; False where they can't be listed."""
        return False

    @property
    def mode(self) -> int | None:
        """The permissions of the folder of a copy, where the system has them."""
        return None

    def lock(self, *, exclusive: bool) -> LockHandle:
        """
        Keep other programs away, where that is possible.

        :raises ReadOnlyError: ``exclusive``, and it can't be changed.
        :raises LockTimeoutError: others held the lock for longer than the limit.
        """
        if exclusive:
            raise self.refusal()
        return LockHandle()

    def sweep(self, used: Collection[str], /) -> None:
        """Remove what killed sessions left behind; the arrays at these paths stay."""

    def rename(self, target: Location) -> bool:
        """Go to another place at once; False if that can't be done."""
        return False

    def clear(self) -> bool:
        """Delete what is left where a network was not made or not removed; False if nothing is."""
        return False

    def remove(self) -> None:
        """Delete everything that is there."""
        raise self.refusal()
