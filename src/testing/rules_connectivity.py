"""Random connectivity: connections that are added and cleared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import rule

from .network_choices import chunks, label_filters, links, rank_links, some_chunks, tags
from .network_history import NetworkHistory
from .network_model import Row
from .network_samples import chunk_at, chunk_id, chunks_at


class ConnectivityRules(NetworkHistory):
    """The rules that change the connections of a set."""

    @rule(
        tag=tags,
        pre_chunks=some_chunks,
        post_chunks=some_chunks,
        pre_labels=label_filters,
        given=links,
        repeats=st.sampled_from([1, 1, 30]),
    )
    def connect(
        self,
        tag: str,
        pre_chunks: list[int] | None,
        post_chunks: list[int] | None,
        pre_labels: list[str] | None,
        given: list[Row],
        repeats: int,
    ) -> None:
        connected, connections = self._connections(tag)
        cells, pre, sources = self._selected(connections.pre, pre_chunks, pre_labels)
        _, post, targets = self._selected(connections.post, post_chunks, None)
        pairs: list[Row] = []
        if sources and targets:
            pairs = [
                (((a + i) % len(sources), *on_a), ((b + 2 * i) % len(targets), *on_b))
                for i in range(repeats)
                for a, on_a, b, on_b in given
            ]
        connected.connect(pre, post, *_sides(pairs))
        loaded = len(set(pre_chunks)) if pre_chunks else len(cells.chunks)
        connections.connect(sources, targets, pairs, by_cell=loaded == 1)

    @rule(tag=tags, pre=chunks, post=chunks, given=rank_links)
    def chunk_connect(self, tag: str, pre: int, post: int, given: list[Row]) -> None:
        connected, connections = self._connections(tag)
        pairs = [((a, *on_a), (b, *on_b)) for a, on_a, b, on_b in given]
        connected.chunk_connect(chunk_at(pre), chunk_at(post), *_sides(pairs))
        if pairs:
            block = (chunk_id(pre), chunk_id(post))
            connections.blocks.setdefault(block, []).extend(pairs)

    @rule(tag=tags, among=some_chunks)
    def clear_connections(self, tag: str, among: list[int] | None) -> None:
        connected, connections = self._connections(tag)
        connected.clear(chunks_at(among))
        connections.clear(None if among is None else list(map(chunk_id, among)))


def _sides(pairs: Sequence[Row]) -> tuple[Row, Row]:
    """Locations of either side; cells alone, where there is nothing but cells."""
    sides = []
    for i in (0, 1):
        rows = np.array([pair[i] for pair in pairs], dtype=np.int64).reshape(-1, 3)
        sides.append(rows[:, 0] if (rows[:, 1:] == -1).all() else rows)
    return sides[0], sides[1]
