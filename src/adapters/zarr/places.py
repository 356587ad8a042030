"""Where networks can be: what a root stands for, and what can be done with it as a whole."""

from __future__ import annotations

from typing import Protocol

from .objects import Objects, Tag


class Held(Protocol):
    """Something that lasts as long as a session."""

    def release(self) -> None:
        """Give it back; once more is no error."""


class Nothing:
    """Held where there is nothing to hold."""

    def release(self) -> None:
        """Nothing is given back."""


class Building(Held, Protocol):
    """A place for a new network; released before it is published, nothing of it stays."""

    @property
    def objects(self) -> Objects: ...

    def publish(self, manifest: bytes, /) -> Tag:
        """
        Put the manifest: from then on, the network is there.

        :raises StoreExistsError: something came to be there meanwhile.
        """


class Place(Protocol):
    """One root."""

    @property
    def location(self) -> str:
        """The path or URL."""

    @property
    def identity(self) -> str:
        """Equal for roots that are the same place."""

    @property
    def objects(self) -> Objects: ...

    def exists(self) -> bool:
        """Whether anything is there."""

    def lock(self, *, exclusive: bool) -> Held:
        """Keep other programs away, where that is possible."""

    def build(self) -> Building:
        """
        Begin a new network.

        :raises StoreExistsError: something is there.
        """

    def check_writable(self) -> None:
        """
        Check that a network here can be changed.

        :raises ReadOnlyError: it can't.
        """

    def rename(self, target: Place, /) -> bool:
        """Go to another place at once; False if that can't be done."""

    def remove(self) -> None:
        """Delete everything that is there."""
