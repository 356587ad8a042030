"""Connections as edge populations of SONATA, by presynaptic chunk, then by postsynaptic chunk."""

from __future__ import annotations

import numpy as np

from ...core.chunk_id import Ids
from ...core.layouts.protocols import ConnectivityReader
from ...core.mirrored import perspectives
from ...core.rows import Lengths
from ...core.rows import Locations as CellLocations
from ...errors import CorruptNetworkError
from ...queries.progress import count_done
from ...transactions.interrupts import call_pending
from .centers import Centers, Points
from .columns import Columns, Group
from .indices import write_index
from .names import safe_name
from .nodes import AXES, Nodes
from .sections import SOMA, FindSections

NODE_POPULATION = "node_population"
SOURCE, TARGET = "source_node_id", "target_node_id"
PRE, POST = "efferent", "afferent"
PLACES = ("section_id", "segment_id", "segment_offset", "section_pos")
_CENTER = tuple(f"{POST}_center_{axis}" for axis in AXES)
_TYPE = f"{POST}_section_type"
# Attributes that readers of chemical synapses need and a network does not have: NaN.
_PHYSIOLOGY = (
    *("conductance", "decay_time", "depression_time", "facilitation_time", "u_syn"),
    *("n_rrp_vesicles", "syn_type_id", "delay"),
)


def write_edges(
    file: Group,
    source: ConnectivityReader,
    pre: Nodes,
    post: Nodes,
    find_sections: FindSections,
    most: int,
) -> str:
    """
    Write the connections of a set.

    :param find_sections: of a morphology of that name; None if the network has none.
    :param most: connections in memory at a time, unless there are more in one block.
    :returns: the name of the population.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    name = safe_name(source.tag)
    population = file.create_group(f"edges/{name}")
    size = source.local_sizes("out").total
    Columns(population, size).make("edge_type_id", np.int64, -1)
    attributes = population.create_group("0")
    for each in _PHYSIOLOGY:
        Columns(attributes, size).make(each, np.float32, np.nan)
    sides = (
        _Side(source.tag, SOURCE, PRE, pre, find_sections, population, attributes, size),
        _Side(source.tag, TARGET, POST, post, find_sections, population, attributes, size),
    )
    first = 0
    for part in perspectives(source, "out", most):
        call_pending()
        count = len(part.local_locations)
        _check_room(source, first + count, size)
        sizes = np.diff(part.starts)
        sides[0].write(first, part.local_chunks, sizes, part.local_locations)
        sides[1].write(first, part.global_chunks, sizes, part.global_locations)
        first += count
        count_done(count)
    write_index(population, "source_to_target", population[SOURCE], pre.counts.total)
    write_index(population, "target_to_source", population[TARGET], post.counts.total)
    return name


def _check_room(source: ConnectivityReader, needed: int, size: int) -> None:
    if needed > size:
        raise CorruptNetworkError(
            f"'{source.tag}' holds more connections than the {size} that it counts;"
            " bsb_hdf5.repair counts them"
        )


class _Side:
    """
    One side of the connections of a set.

    :param title: title of the array of nodes.
    :param side: ``efferent`` or ``afferent``.
    """

    def __init__(
        self,
        tag: str,
        title: str,
        side: str,
        nodes: Nodes,
        find_sections: FindSections,
        population: Group,
        attributes: Group,
        size: int,
    ) -> None:
        self._tag = tag
        self._title = title
        self._nodes = nodes
        self._find_sections = find_sections
        self._ends, self._attributes = Columns(population, size), Columns(attributes, size)
        self._ends.make(title, np.uint64, 0)
        population[title].attrs[NODE_POPULATION] = nodes.name
        self._own = f"{side}_branch", f"{side}_point"
        self._places = tuple(f"{side}_{each}" for each in PLACES)
        for name in self._own:
            self._attributes.make(name, np.int64, -1)
        for name, dtype in zip(self._places, (np.uint32, np.uint32, "f4", "f4"), strict=True):
            self._attributes.make(name, dtype, 0)
        self._centers = Centers(nodes) if side == POST else None
        if self._centers is not None:
            self._attributes.make(_TYPE, np.uint32, SOMA)
            for name in _CENTER:
                self._attributes.make(name, np.float32, np.nan)

    def write(self, first: int, chunks: Ids, sizes: Lengths, rows: CellLocations) -> None:
        """
        Write some connections.

        :param chunks: chunks of the blocks that they are in.
        :param sizes: sizes of these blocks.
        """
        numbers = self._numbers(chunks, sizes, rows[:, 0])
        self._ends.write(self._title, first, numbers.astype(np.uint64))
        xyz = np.zeros((len(rows), 3))
        if (rows[:, 1:] >= 0).any():
            for i, name in enumerate(self._own):
                self._attributes.write(name, first, rows[:, i + 1])
            if self._nodes.codes is not None:
                codes = np.where(rows[:, 1] >= 0, self._nodes.codes[numbers], 0)
                self._write_places(first, codes, rows, xyz)
        if self._centers is not None:
            for name, values in zip(_CENTER, self._centers.of(numbers, xyz).T, strict=True):
                self._attributes.write(name, first, values)

    def _numbers(self, chunks: Ids, sizes: Lengths, ranks: Ids) -> Ids:
        """The numbers of cells that are named by their rank in a chunk."""
        known = self._nodes.counts
        wrong = (ranks < 0) | (ranks >= np.repeat(known.among(chunks).counts, sizes))
        if wrong.any():
            raise CorruptNetworkError(
                f"{int(wrong.sum())} connections of '{self._tag}' are on cells of"
                f" '{self._nodes.document['name']}' that do not exist; connect the set again"
            )
        return ranks + np.repeat(known.offsets_among(chunks), sizes)

    def _write_places(self, first: int, codes: Ids, rows: CellLocations, xyz: Points) -> None:
        """
        Write sections and segments; cells without a morphology have their soma only.

        :param xyz: gets where the points are on their morphologies.
        """
        section, segment = (np.zeros(len(rows), dtype=np.int64) for _ in range(2))
        offset, position = (np.zeros(len(rows)) for _ in range(2))
        type_ = np.full(len(rows), SOMA)
        for code in np.unique(codes[codes > 0]).tolist():
            sections = self._find_sections(self._nodes.morphologies[code])
            if sections is None:
                continue
            at = np.flatnonzero(codes == code)
            known, found = sections.locate(rows[at, 1], rows[at, 2])
            at = at[known]
            section[at], segment[at] = found.section, found.segment
            offset[at], position[at] = found.offset, found.position
            type_[at], xyz[at] = found.type, found.xyz
        for name, values in zip(self._places, (section, segment, offset, position), strict=True):
            self._attributes.write(name, first, values)
        if self._centers is not None:
            self._attributes.write(_TYPE, first, type_)
