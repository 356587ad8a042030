"""Small byte strings, many of them in one object: which pack holds what."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Mapping

import attrs

from .depot import KEPT, Depot, pack_key
from .manifest import encoded
from .objects import Span
from .tree import GroupNode, Values, walk
from .values import Blob, PackedPlace, Value, encode_long

INLINE = 512
"""Bytes of a byte string that is part of the manifest."""

_MOST_PACKS = 8
_LARGE = 1 << 20


@attrs.define
class Packing:
    """
    A new pack, and what it changes.

    :param packs: sizes of all packs that are in use now, by name.
    :param before: blobs that moved, and where they were.
    """

    packs: dict[str, int]
    before: list[tuple[Blob, PackedPlace | None]] = attrs.field(factory=list)

    def undo(self) -> None:
        """Let all blobs be where they were."""
        for blob, place in self.before:
            blob.place = place


def set_long_values_apart(values: Values) -> None:
    """Give a blob to each new value that is too long for the manifest."""
    for value in values.values():
        if value.encoded is None and value.blob is None and _length(value) > INLINE:
            value.blob, value.encoded = Blob(encode_long(value.encoded)), None


def _length(value: Value) -> int:
    json = encoded(value)
    if isinstance(json, str):
        return len(json)
    if isinstance(json, list):
        return sum(len(text) + 3 for text in json)
    return len(json["data"])


def pack(root: GroupNode, depot: Depot, packs: Mapping[str, int], made: list[str]) -> Packing:
    """
    Put new byte strings into a pack, and those of packs that are hardly used or very small.

    :param packs: sizes of the packs there are.
    :param made: is told the keys of new ones.
    """
    blobs = [blob for _, node in walk(root) for blob in node.blobs()]
    fresh = [b for b in blobs if b.place is None and len(b.data or b"") > INLINE]
    kept = _kept(blobs, packs, bool(fresh))
    moved = [b for b in blobs if b.place is not None and b.place.pack not in kept]
    packing = Packing({name: packs[name] for name in kept})
    large = [blob for blob in fresh if len(blob.data or b"") >= _LARGE]
    small = [blob for blob in fresh if len(blob.data or b"") < _LARGE]
    for group in [*([blob] for blob in large), small + moved]:
        _write(group, depot, packing, made)
    return packing


def _kept(blobs: Iterable[Blob], packs: Mapping[str, int], growing: bool) -> set[str]:
    used = dict.fromkeys(packs, 0)
    for blob in blobs:
        if blob.place is not None:
            used[blob.place.pack] += blob.place.stored
    kept = {name for name, size in packs.items() if used[name] and 2 * used[name] >= size}
    if len(kept) + growing > _MOST_PACKS:
        kept = {name for name in kept if packs[name] >= _LARGE}
    return kept


def _write(blobs: list[Blob], depot: Depot, packing: Packing, made: list[str]) -> None:
    if not blobs:
        return
    name = uuid.uuid4().hex
    parts, places, start = [], [], 0
    for blob in blobs:
        stored, size = _stored(blob, depot)
        parts.append(stored)
        places.append(PackedPlace(name, start, len(stored), size))
        start += len(stored)
    made.append(pack_key(name))
    depot.objects.put(pack_key(name), b"".join(parts))
    packing.packs[name] = start
    for blob, place in zip(blobs, places, strict=True):
        packing.before.append((blob, blob.place))
        blob.place = place
        if place.size > KEPT:
            blob.data = None


def _stored(blob: Blob, depot: Depot) -> tuple[bytes, int]:
    """The bytes to store for a blob, and how many they are without compression."""
    place = blob.place
    if place is not None:
        span = Span(place.start, place.start + place.stored)
        return depot.load_stored(place.pack, span), place.size
    data = blob.data or b""
    compressed = zlib.compress(data, 1)
    return (compressed if len(compressed) < len(data) else data), len(data)
