"""The rows of the arrays of a location, in shards, each of which is a file or object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ...ports.arrays import AnyArray
from .errors import MissingObjectError, Translated
from .first_version import grid_of
from .locations import Objects
from .metadata import Grid, stored_form
from .paths import MANIFEST
from .shards import Packed, Shard, Whole, make_shard
from .tree import Node, walk

# Shards that are read or put at a time, where each takes a request.
_TOGETHER = 8
# Neighbouring chunks that are read at once where only some of their rows are asked for.
_RUN = 16


class Arrays:
    """
    The rows of arrays.

    A shard is replaced as a whole, and its rows below the committed length stay the same, so that
    every reader finds them.
    """

    def __init__(self, location: Objects) -> None:
        self.location = location

    def read(self, node: Node, start: int, stop: int) -> AnyArray:
        """Rows of an array or document that are stored, as a copy."""
        if stop <= start:
            return np.zeros((0, *node["shape"][1:]), np.dtype(node["dtype"]))
        with Translated(self.location.title):
            return _as_given(self._rows(self.grid(node), node["path"], start, stop), node)

    def read_rows(self, node: Node, rows: NDArray[np.int64]) -> AnyArray:
        """Rows of an array that are stored, in any order."""
        if not len(rows):
            return self.read(node, 0, 0)
        with Translated(self.location.title):
            return _as_given(self._picked(self.grid(node), node["path"], rows), node)

    def grid(self, node: Node) -> Grid:
        """How the rows of an array are stored."""
        if "grid" not in node:
            with Translated(self.location.title):
                node["grid"] = grid_of(node, self.object(f"{node['path']}/{MANIFEST}"))
        grid: Grid = node["grid"]
        return grid

    def _rows(self, grid: Grid, path: str, start: int, stop: int) -> AnyArray:
        out = np.empty((stop - start, *grid.width), grid.dtype)
        if not grid.row_bytes:
            return out
        shards = range(start // grid.shard, -(-stop // grid.shard))
        for shard, found in self._shards(grid, path, shards):
            first = shard * grid.shard
            low, high = max(start, first), min(stop, first + grid.shard)
            found.read(low - first, high - first, out[low - start : high - start])
        return out

    def _picked(self, grid: Grid, path: str, rows: NDArray[np.int64]) -> AnyArray:
        out = np.empty((len(rows), *grid.width), grid.dtype)
        if not grid.row_bytes:
            return out
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        of_rows = ordered // grid.chunk
        step = np.diff(of_rows)
        # Neighbouring chunks of a shard are read at once, some at a time.
        is_first = (step > 1) | ((step == 1) & (of_rows[1:] % grid.pieces % _RUN == 0))
        starts = np.concatenate(([0], np.flatnonzero(is_first) + 1))
        pieces = of_rows[starts]
        runs = zip(pieces.tolist(), starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True)
        by_shard = groupby(runs, lambda run: run[0] // grid.pieces)
        shards = np.unique(pieces // grid.pieces).tolist()
        for (shard, found), (_, group) in zip(
            self._shards(grid, path, shards), by_shard, strict=True
        ):
            for piece, low, high in group:
                first, last = piece * grid.chunk, int(ordered[high - 1]) + 1
                part = np.empty((last - first, *grid.width), grid.dtype)
                found.read(first - shard * grid.shard, last - shard * grid.shard, part)
                out[order[low:high]] = part.take(ordered[low:high] - first, axis=0)
        return out

    def _shards(self, grid: Grid, path: str, shards: Sequence[int]) -> Iterator[tuple[int, Shard]]:
        for i, shard in enumerate(shards):
            if not i % _TOGETHER:
                self.location.prefetch([grid.key(path, j) for j in shards[i : i + _TOGETHER]])
            key = grid.key(path, shard)
            parts = self.location.open(key)
            if parts is None:
                raise MissingObjectError(key)
            try:
                yield shard, Shard(parts, grid, key)
            finally:
                parts.close()

    def extended(self, node: Node, start: int, rows: AnyArray) -> Iterator[list[tuple[str, bytes]]]:
        """
        The shards that hold rows from a row on, to be stored, with their keys, some at a time.

        Stored rows past the end of an array do not belong to it.
        """
        grid = self.grid(node)
        if not grid.row_bytes:
            return
        stored = np.ascontiguousarray(rows).reshape(len(rows), *node["shape"][1:])
        if stored_form(stored.dtype, ())[1]:
            stored = stored.view(np.uint8).reshape(len(rows), *grid.width)
        stored = stored.astype(grid.dtype, copy=False)
        shards = range(start // grid.shard, -(-(start + len(rows)) // grid.shard))
        for i in range(0, len(shards), _TOGETHER):
            made: list[tuple[str, bytes]] = []
            with Translated(self.location.title):
                for shard in shards[i : i + _TOGETHER]:
                    first = shard * grid.shard
                    part = stored[max(0, first - start) : first + grid.shard - start]
                    held = max(0, start - first)
                    made.append(self._shard(node["path"], shard, held, part, grid))
            yield made

    def _shard(
        self, path: str, shard: int, held: int, rows: AnyArray, grid: Grid
    ) -> tuple[str, bytes]:
        """
        The key and content of a shard.

        :param held: rows of it that stay, before the new ones.
        """
        key, before = grid.key(path, shard), Packed.of([])
        if held:
            old = Shard(Whole(self.object(key)), grid, key)
            whole = held // grid.chunk
            before = old.beginning(whole)
            rest = np.empty((held - whole * grid.chunk, *grid.width), grid.dtype)
            old.read(whole * grid.chunk, held, rest)
            rows = np.concatenate((rest, rows)) if len(rest) else rows
        return key, make_shard(before, rows, grid)

    def keys(self, tree: Node) -> Iterator[str]:
        """The keys of all shards that the arrays of a network consist of."""
        for _, node in walk(tree):
            if node["kind"] != "group" and "path" in node:
                grid = self.grid(node)
                shards = -(-node["shape"][0] // grid.shard) if grid.row_bytes else 0
                yield from (grid.key(node["path"], shard) for shard in range(shards))

    def object(self, key: str) -> bytes:
        """
        The content of an object.

        :raises StoreIOError: it is not there.
        """
        with Translated(self.location.title):
            found = self.location.get(key)
            if found is None:
                raise MissingObjectError(key)
            return found


def _as_given(rows: AnyArray, node: Node) -> AnyArray:
    dtype, width = np.dtype(node["dtype"]), node["shape"][1:]
    if stored_form(dtype, ())[1]:
        return np.ascontiguousarray(rows).view(dtype).reshape(len(rows), *width)
    return rows.astype(dtype, copy=False)
