"""What the adapter needs of a place: byte strings by key, one of which is the manifest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import attrs

MANIFEST = "zarr.json"
"""Key of the manifest: the metadata of zarr's root group, which holds ours."""

PACKS = "packs"
"""Where the packs are: small byte strings, many of them one object."""

Tag: TypeAlias = Any
"""Tells one content of the manifest from another."""


@attrs.frozen
class Span:
    """
    A piece of a byte string.

    :param start: first byte; counted from the end if negative.
    :param stop: the byte after the last one; None for the end.
    """

    start: int
    stop: int | None = None


class Objects(Protocol):
    """
    Byte strings by key, where keys are paths with slashes.

    Whoever reads a key that is being put sees the content before or after.
    """

    @property
    def location(self) -> str:
        """The path or URL of the place, for messages."""

    @property
    def remote(self) -> bool:
        """Whether each operation takes so long that several should be under way at once."""

    def get(self, key: str, span: Span | None = None, /) -> bytes | None:
        """The content, or a piece of it; None if there is none."""

    def put(self, key: str, data: bytes, /) -> None:
        """Store a content, whole or not at all, replacing what was there."""

    def put_description(self, key: str, data: bytes, /) -> None:
        """Store what only other programs read, where that is cheaper, not atomically."""

    def claim(self, key: str, data: bytes, /) -> bool:
        """
        Put a content unless there is one, so that of several programs one gets the key.

        :returns: whether this one did; where locks keep others away, nothing is put.
        """

    def delete(self, keys: Iterable[str], /) -> None:
        """Remove some; those that are absent are no error."""

    def delete_below(self, path: str, /) -> None:
        """Remove all whose keys begin with a path and a slash."""

    def announce(self, paths: Iterable[str], /) -> None:
        """Note where a session will put arrays, in case it is killed; where locks allow it."""

    def settle(self) -> None:
        """Forget what was announced."""

    def leftovers(self, packs: Iterable[str], /) -> list[str]:
        """
        Remove what sessions that were killed left behind.

        :param packs: those that are in use.
        :returns: what they had announced.
        """

    def fetch(self, known: Tag | None, /) -> tuple[bytes, Tag] | None:
        """
        The manifest and its tag; None if it is the one whose tag is known.

        :raises StoreNotFoundError: there is nothing at this place.
        :raises NotANetworkError: there is something without a manifest.
        """

    def replace(self, data: bytes, known: Tag | None, /) -> Tag:
        """
        Put the manifest, the last of a commit.

        :param known: tag of the one it replaces; None if it is to be the first.
        :raises SessionAbortedError: another one is there, where that can be seen.
        :raises StoreExistsError: one is there, and it was to be the first.
        """
