"""Pictures of a network, on one page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..chunk_arguments import as_chunks
from ..connectivity_set import ConnectivitySet
from ..core.connectivity import batches
from ..engine import StorageEngine
from ..placement_set import PlacementSet
from ..ports.store import common_mode
from ..targets import check_folder, local_path, write_beside
from ..transactions.interrupts import call_pending, without_interrupts
from ..transactions.session import Session
from .degrees import in_degree, out_degree
from .distances import distances
from .groups import GroupKey, group_text
from .matrices import matrix
from .networks import (
    Network,
    connectivity_sets,
    engine_of_network,
    placement_sets,
    session_on,
)
from .pages import Picture, load_matplotlib, page_writer, wrapped
from .populations import load_positions
from .sizes import sizes
from .summaries import NetworkSummary, summary

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import FigureBase

# Cells whose positions are in memory at a time, unless there are more in one chunk.
_PORTION = 1 << 17
# More points than this hide each other, and make a page slow to open.
_MOST_CELLS = 20_000
# Chunks beyond this many are drawn as a histogram.
_MOST_BARS = 40
# Connectivity sets beyond this many get no separate picture.
_MOST_SETS = 12
_BINS = 40
# The most characters in a line below a picture that is one of two.
_LABEL = 50


@without_interrupts
def plot(network: Network, path: str | os.PathLike[str], *, progress: bool | None = None) -> None:
    """
    :guilabel:`collective` Draw a network: its cells in space, cells and connections by chunk,
    degrees, distances, connections between types, and bytes by part.

    At most 20,000 cells are drawn, chosen at random, and the caption says so; everything else
    counts all cells. An existing file is replaced once the new one is complete.

    :param network: ``bsb.Scaffold``, ``bsb.Storage`` or the root of one.
    :param path: file to write: a self-contained page (``.html``), a picture (``.png``), or a
        document (``.pdf``).
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :raises InputError: the path has another ending or is a URL, or matplotlib is not installed.
    :raises StoreAccessError: you have no permission to write the file.
    :raises StoreIOError: the system failed to write it.
    """
    target = local_path(path)
    write = page_writer(target)
    check_folder(target)
    load_matplotlib()
    engine = engine_of_network(network)

    def draw() -> None:
        location = engine.sessions.store.location
        with session_on(engine):
            pictures = list(_pictures(engine, progress))
        name, mode = os.path.basename(location), common_mode(engine.sessions.store)
        write_beside(target, lambda file: write(name, pictures, file), mode)

    engine.ranks.on_main(draw)


def _pictures(engine: StorageEngine, progress: bool | None) -> Iterator[Picture]:
    found = summary(engine)
    yield _in_space(engine, found)
    yield _by_chunk(engine)
    sets = [each for each in connectivity_sets(engine) if len(each)]
    if sets:
        yield _who_with_whom(sets, progress)
    for each in sets[:_MOST_SETS]:
        yield _degrees(each, progress)
        yield _distances(each, progress)
    yield _bytes(engine)


def _in_space(engine: StorageEngine, found: NetworkSummary) -> Picture:
    total = sum(each.cells for each in found.cells)
    share = min(1.0, _MOST_CELLS / max(total, 1))
    random = np.random.default_rng(0)
    with session_on(engine) as session:
        drawn = {
            cells.tag: _sampled(cells, session, share, random) for cells in placement_sets(engine)
        }

    def draw(figure: FigureBase) -> None:
        for axes, (i, j, sides) in zip(
            figure.subplots(1, 2), ((0, 1, "xy"), (0, 2, "xz")), strict=True
        ):
            lines = [
                axes.plot(rows[:, i], rows[:, j], ".", markersize=2, label=name)[0]
                for name, rows in drawn.items()
            ]
            axes.set_xlabel(f"{sides[0]} (um)")
            axes.set_ylabel(f"{sides[1]} (um)")
            axes.set_aspect("equal")
        if drawn:
            # By their labels alone, names that begin with "_" are left out.
            names = [*map(wrapped, drawn)]
            figure.legend(lines, names, loc="outside right upper", markerscale=5, fontsize="small")

    shown = sum(map(len, drawn.values()))
    caption = f"{_counted(total, 'cell')} of {_counted(len(found.cells), 'type')}"
    if share < 1:
        caption += f"; {shown:,} of them are drawn, chosen at random"
    return Picture("Cells in space", caption, draw)


def _sampled(
    cells: PlacementSet, session: Session, share: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """(n, 3) positions of some cells, read in portions; cells without a position are left out."""
    counts = session.network.placement(cells.tag).counts()
    chosen = np.arange(counts.total)
    if share < 1:
        chosen = np.sort(random.choice(counts.total, round(share * counts.total), replace=False))
    drawn = [np.empty((0, 3))]
    first = 0
    for ids in batches(counts, _PORTION):
        call_pending()
        last = first + counts.among(ids).total
        inside = chosen[np.searchsorted(chosen, first) : np.searchsorted(chosen, last)]
        if len(inside):
            cells.set_chunk_filter(as_chunks(ids, None))
            drawn.append(load_positions(cells, session)[inside - first])
        first = last
    rows = np.concatenate(drawn)
    return rows[~np.isnan(rows).any(axis=1)]


def _by_chunk(engine: StorageEngine) -> Picture:
    held = engine.get_chunk_stats()
    columns = {
        "cells": [each["placed"] for each in held.values()],
        "incoming": [each["connections"]["inc"] for each in held.values()],
        "outgoing": [each["connections"]["out"] for each in held.values()],
    }
    many = len(held) > _MOST_BARS

    def draw(figure: FigureBase) -> None:
        for axes, (title, values) in zip(figure.subplots(1, 3), columns.items(), strict=True):
            if many:
                axes.hist(values, bins=_BINS)
                axes.set_xlabel(f"{title} of a chunk")
                axes.set_ylabel("chunks")
            else:
                axes.bar(range(len(values)), values)
                axes.set_xlabel("chunk, by id")
                axes.set_ylabel(title)
            _count_on(axes.xaxis, axes.yaxis)

    return Picture("Cells and connections by chunk", _counted(len(held), "chunk"), draw)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _count_on(*axes: Axis) -> None:
    """Have whole numbers alone at the ticks of axes."""
    for each in axes:
        locator: Any = each.get_major_locator()
        locator.set_params(integer=True, min_n_ticks=1)


def _who_with_whom(sets: list[ConnectivitySet], progress: bool | None) -> Picture:
    values = {
        "connections": matrix(sets, progress=progress),
        "probability": matrix(sets, "probability", progress=progress),
    }

    def draw(figure: FigureBase) -> None:
        for axes, (title, found) in zip(figure.subplots(1, 2), values.items(), strict=True):
            image = axes.imshow(found.values, aspect="auto")
            axes.set_xticks(range(len(found.post)), _names(found.post), rotation=45)
            axes.set_yticks(range(len(found.pre)), _names(found.pre))
            axes.set_title(title, fontsize="medium")
            bar = figure.colorbar(image, ax=axes)
            if title == "connections":
                _count_on(bar.ax.yaxis)

    over = values["probability"].over
    return Picture(
        "Connections between types",
        "rows: presynaptic types; columns: postsynaptic types; probability: connected pairs of all"
        f" {over}",
        draw,
    )


def _names(groups: Iterable[GroupKey]) -> list[str]:
    return [wrapped(group_text(each)) for each in groups]


def _degrees(connections: ConnectivitySet, progress: bool | None) -> Picture:
    values = {
        f"in-degree of {connections.post_type_name}": _bars(
            in_degree(connections, progress=progress)
        ),
        f"out-degree of {connections.pre_type_name}": _bars(
            out_degree(connections, progress=progress)
        ),
    }

    def draw(figure: FigureBase) -> None:
        for axes, (title, bars) in zip(figure.subplots(1, 2), values.items(), strict=True):
            axes.stairs(*bars, fill=True)
            _count_on(axes.xaxis, axes.yaxis)
            axes.set_xlabel(wrapped(title, _LABEL))
            axes.set_ylabel("cells")

    return Picture(
        f"Degrees of {connections.tag}",
        f"{_counted(len(connections), 'connection')}; cells without any are counted at 0",
        draw,
    )


def _bars(degrees: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cells in each bin, and the edges of the bins; the degrees themselves are let go."""
    cells, edges = np.histogram(degrees, degree_edges(degrees))
    return cells, edges


def degree_edges(degrees: NDArray[np.int64]) -> NDArray[np.float64]:
    """Edges of bins that each hold the same number of whole degrees, so that none looks rare."""
    low, high = (int(degrees.min()), int(degrees.max())) if len(degrees) else (0, 0)
    width = -(-(high - low + 1) // _BINS)
    return np.arange(low, high + width + 1, width, dtype=np.float64) - 0.5


def _distances(connections: ConnectivitySet, progress: bool | None) -> Picture:
    found = distances(connections, bins=_BINS, progress=progress)

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        axes.stairs(found.counts, found.edges, fill=True)
        axes.set_xlabel("distance between the positions of connected cells (um)")
        axes.set_ylabel("connections")
        _count_on(axes.yaxis)

    caption = f"mean {found.mean:.4g} um, standard deviation {found.sd:.4g} um"
    if found.without_position:
        without = _counted(found.without_position, "connection")
        caption += f"; {without} with a cell without position"
    return Picture(f"Reach of {connections.tag}", caption, draw)


def _bytes(engine: StorageEngine) -> Picture:
    taken = sizes(engine)
    parts = {name: size for name, size in (taken.parts or {}).items() if size}
    if taken.rest is not None:
        parts["texts, tables and holes"] = taken.rest
    said = [] if taken.total is None else [f"{taken.total:,} bytes in all"]
    if taken.parts is None:
        said.append("there are too many arrays to look at each")

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        axes.barh(list(parts), [size / 1e6 for size in parts.values()])
        axes.set_xlabel("MB")

    return Picture("Bytes by part", "; ".join(said), draw)
