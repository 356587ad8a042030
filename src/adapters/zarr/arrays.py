"""Long arrays: rows in zarr arrays, of which a shard is a file or object."""

from __future__ import annotations

import dataclasses
import math
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.storage import StorePath, WrapperStore

from ...errors import CorruptNetworkError
from ...ports.arrays import AnyArray, DType
from .codecs import CHUNK_BYTES, CHUNKS_A_SHARD, bounded, compressors
from .errors import MissingObjectError, translated
from .locations import Objects
from .manifest import MANIFEST, Node, content_of, groups_above, mark_of_array, paths_of, walk

_ATTEMPTS = 4
_LONGEST_NAME = 100
# Every row that was written has its chunk, so that a missing one is not read as zeros.
_CONFIG: Any = {"write_empty_chunks": True}


Handle: TypeAlias = zarr.Array[Any]


class NewObjects(WrapperStore[Store]):
    """The objects of a store, as zarr makes new ones; the manifest is left alone."""

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        if key != MANIFEST and not await self.exists(key):
            await self.set(key, value)


class WholeObjects(WrapperStore[Store]):
    """The objects of a store, where zarr is to find all parts of an array."""

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        found = await super().get(key, prototype, byte_range)
        # zarr treats missing shards as zeros.
        if (found is None or not len(found)) and not key.endswith(MANIFEST):
            raise MissingObjectError(key)
        return found


class Arrays:
    """
    The zarr arrays of a location; opened ones are kept.

    A shard is replaced as a whole, and its rows below the committed length stay the same, so that
    every reader finds them. The checksum of each chunk shows readers without a lock that a shard
    was replaced between the reads of its index and its chunks.
    """

    def __init__(self, location: Objects) -> None:
        self.location = location
        self._kept: dict[str, Handle] = {}

    def read(self, node: Node, start: int, stop: int) -> AnyArray:
        """Rows of an array or document that are stored, as a copy."""
        if stop <= start:
            return np.zeros((0, *node["shape"][1:]), np.dtype(node["dtype"]))
        if "path" not in node:
            return content_of(node)[start:stop]
        with translated(self.location.root):
            handle = self._opened(node)
            return _as_given(_repeated(lambda: handle[start:stop]), node)

    def read_rows(self, node: Node, rows: NDArray[np.int64]) -> AnyArray:
        """Rows of an array that are stored, in any order."""
        if "path" not in node or not len(rows):
            return self.read(node, 0, node["shape"][0] if len(rows) else 0)[rows]
        with translated(self.location.root):
            handle = self._opened(node)
            return _as_given(_repeated(lambda: handle.oindex[rows]), node)

    def create(self, node: Node) -> None:
        """Make the zarr array of a node, at its path, where no other is in use."""
        dtype, width = _stored_form(node)
        chunk = max(1, CHUNK_BYTES // (dtype.itemsize * math.prod(width)))
        with translated(self.location.root):
            zarr.create_array(
                NewObjects(self.location.store),
                name=node["path"],
                shape=(0, *width),
                dtype=dtype,
                chunks=(chunk, *width),
                shards=(chunk * CHUNKS_A_SHARD, *width),
                compressors=compressors(),
                attributes=mark_of_array(node["path"]),
                overwrite=True,
                config=_CONFIG,
            )

    def extend(self, node: Node, start: int, rows: AnyArray) -> None:
        """Store rows from one on, and drop those after them."""
        stored, width = _stored_form(node)
        rows = np.ascontiguousarray(rows)
        if rows.ndim < len(width) + 1:
            rows = rows.view(np.uint8).reshape(len(rows), *width)
        path, stop = node["path"], start + len(rows)
        with translated(self.location.root):
            handle = self._open(path)
            handle.resize((stop, *width))
            # The rest of a shard that is there, then shards that are not.
            shard = _shard_rows(handle)
            middle = min(stop, -(-start // shard) * shard)
            if middle > start:
                handle[start:middle] = rows[: middle - start].astype(stored)
            if stop > middle:
                new = _seen_through(NewObjects(self.location.store), handle)
                new[middle:stop] = rows[middle - start :].astype(stored)

    def keys(self, tree: Node) -> Iterator[str]:
        """The keys of all objects that the arrays of a network consist of."""
        yield from groups_above(paths_of(tree))
        with translated(self.location.root):
            for _, node in walk(tree):
                if "path" in node:
                    handle = self._opened(node)
                    shards = range(-(-node["shape"][0] // _shard_rows(handle)))
                    rest = (0,) * (handle.ndim - 1)
                    keys = (handle.metadata.encode_chunk_key((i, *rest)) for i in shards)
                    yield from (f"{node['path']}/{key}" for key in (MANIFEST, *keys))

    def object(self, key: str) -> bytes:
        """
        The content of an object.

        :raises StoreIOError: it is not there.
        """
        with translated(self.location.root):
            found = self.location.get(key)
            if found is None:
                raise MissingObjectError(key)
            return found

    def remove(self, paths: Iterable[str]) -> None:
        """Delete zarr arrays, as far as they exist, and sessions made them."""
        with translated(self.location.root):
            for path in paths:
                self._kept.pop(path, None)
                self.location.remove_array(path)

    def _opened(self, node: Node) -> Handle:
        dtype, width = _stored_form(node)
        handle = self._open(node["path"])
        length = node.get("base", node["shape"][0])
        if handle.dtype != dtype or handle.shape[1:] != width or handle.shape[0] < length:
            raise CorruptNetworkError(
                f"'{node['path']}' in '{self.location.root}' has shape {handle.shape} and dtype"
                f" {handle.dtype}; the manifest says {node['shape']} and {node['dtype']}",
                location=self.location.root,
            )
        return handle

    def _open(self, path: str) -> Handle:
        handle = self._kept.get(path)
        if handle is None:
            store = WholeObjects(self.location.store)
            name, mode = self.location.base + path, "r" if self.location.store.read_only else "r+"
            try:
                opened = zarr.open_array(store, path=name, mode=mode, zarr_format=3, config=_CONFIG)
            except FileNotFoundError as error:
                raise MissingObjectError(f"{path}/{MANIFEST}") from error
            if opened.shards is None or opened.shards[1:] != opened.shape[1:]:
                raise ValueError(f"'{path}' has shards of shape {opened.shards}")
            # zarr ignores the configuration when it opens an array, too.
            handle = self._kept[path] = _seen_through(store, opened)
        return handle


def _shard_rows(handle: Handle) -> int:
    return handle.shards[0] if handle.shards else 1


def _seen_through(store: WrapperStore[Store], handle: Handle) -> Handle:
    location, metadata = StorePath(store, handle.path), handle.metadata
    assert isinstance(metadata, ArrayV3Metadata)
    shard = handle.shards or handle.chunks
    codecs = bounded(metadata.codecs, shard, handle.dtype.itemsize)
    metadata = dataclasses.replace(metadata, codecs=codecs)
    return zarr.Array(zarr.AsyncArray(metadata, location, config=_CONFIG))


def _stored_form(node: Node) -> tuple[DType, tuple[int, ...]]:
    """The dtype and width that zarr stores; bytes with another dimension for other dtypes."""
    dtype, width = np.dtype(node["dtype"]), tuple(node["shape"][1:])
    if dtype.kind in "biufc" and dtype.itemsize <= (16 if dtype.kind == "c" else 8):
        return dtype.newbyteorder("="), width
    return np.dtype(np.uint8), (*width, dtype.itemsize)


def _as_given(rows: AnyArray, node: Node) -> AnyArray:
    dtype, width = np.dtype(node["dtype"]), node["shape"][1:]
    if rows.ndim > len(width) + 1:
        return np.ascontiguousarray(rows).view(dtype).reshape(len(rows), *width)
    return rows.astype(dtype, copy=False)


def _repeated(read: Callable[[], object]) -> AnyArray:
    """Rows; without a lock, a shard may be replaced while it is read."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return np.asarray(read())
        except (ValueError, RuntimeError):
            continue
    return np.asarray(read())


def new_path(names: Sequence[str], taken: Collection[str], is_free: Callable[[str], bool]) -> str:
    """
    A path for an array: the path of its names, if it is free and valid in every kind of store.

    :param names: the names of the groups above the array, and of the array.
    :param taken: the paths of other arrays; nothing can lie at, above or below one, whether or
        not the store distinguishes upper and lower case.
    :param is_free: whether the store has nothing else at a path.
    """
    wanted, unique = "/".join(map(_portable, names)), uuid.uuid4().hex
    folded = {f"{path.casefold()}/" for path in taken}
    for path in (wanted, f"{wanted}.{unique[:8]}"):
        key = f"{path.casefold()}/"
        if any(key.startswith(each) or each.startswith(key) for each in folded):
            continue
        if is_free(path):
            return path
    return f"~{unique}"


def _portable(name: str) -> str:
    """The name in characters that every filesystem and object store accepts."""
    odd = re.compile(r"^[._ ]|[. ]$|[^A-Za-z0-9_. -]")
    plain = odd.sub(lambda m: "".join(f"~{byte:02x}" for byte in m[0].encode("utf-8")), name)
    if not plain or plain == MANIFEST or len(plain) > _LONGEST_NAME:
        return f"{plain[:_LONGEST_NAME]}~{uuid.uuid4().hex}"
    return plain
