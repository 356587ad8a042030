"""Summaries of networks, from their tables alone."""

from __future__ import annotations

from math import isnan

import attrs

from ..core.layouts.protocols import NetworkReader, PlacementReader
from ..engine import StorageEngine
from ..transactions.interrupts import without_interrupts
from .networks import Network, engine_of_network, session_on


@attrs.frozen
class CellSummary:
    """
    The cells of a type.

    :param labels: all labels that cells of the type have or had.
    :param additional: the keys of additional data.
    """

    name: str
    cells: int
    chunks: int
    labels: tuple[str, ...]
    additional: tuple[str, ...]


@attrs.frozen
class ConnectionSummary:
    """
    The connections of a set.

    :param mean_in_degree: connections divided by all cells of the postsynaptic type; None if it
        has none.
    :param mean_out_degree: connections divided by all cells of the presynaptic type; None if it
        has none.
    """

    tag: str
    pre: str
    post: str
    connections: int
    mean_in_degree: float | None
    mean_out_degree: float | None


@attrs.frozen
class NetworkSummary:
    """
    The contents of a network.

    :param chunk_size: chunk size in um; None if unknown.
    :param morphologies: the number of morphologies; ``files`` likewise.
    """

    layout: str
    chunk_size: tuple[float, ...] | None
    cells: tuple[CellSummary, ...]
    connections: tuple[ConnectionSummary, ...]
    morphologies: int
    files: int


@without_interrupts
def summary(network: Network | StorageEngine) -> NetworkSummary:
    """
    Summarize a network, without reading positions, labels of cells or connections.

    bluepysnap users ask ``circuit.nodes`` and ``circuit.edges`` for the size of each population;
    NetPyNE prints the numbers of cells and connections when it creates a network.

    :param network: ``bsb.Scaffold``, ``bsb.Storage`` or the root of one.
    :raises StoreNotFoundError: nothing lies at the root.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    """
    with session_on(engine_of_network(network)) as session:
        stored = session.network
        cells = tuple(_cells(stored.placement(name)) for name in stored.placement_names())
        size = stored.chunk_size.tolist()
        return NetworkSummary(
            stored.layout,
            None if any(map(isnan, size)) else tuple(size),
            cells,
            tuple(_connections(stored, tag) for tag in stored.connectivity_tags()),
            len(stored.morphologies.names()),
            len(stored.files.ids()),
        )


def _cells(data: PlacementReader) -> CellSummary:
    counts = data.counts()
    labels = sorted(frozenset[str]().union(*data.label_sets().table.values()))
    return CellSummary(
        data.name, counts.total, len(counts.ids), tuple(labels), tuple(data.additional_keys())
    )


def _connections(network: NetworkReader, tag: str) -> ConnectionSummary:
    data = network.connectivity(tag)
    sizes = [_count(network, name) for name in (data.post_type, data.pre_type)]
    means = [data.count / size if size else None for size in sizes]
    return ConnectionSummary(data.tag, data.pre_type, data.post_type, data.count, *means)


def _count(network: NetworkReader, name: str) -> int:
    """Cells of a type, which a set may name by another spelling than the network lists."""
    return network.placement(name).counts().total if network.holds("placement", name) else 0
