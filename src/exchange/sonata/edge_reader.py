"""Edge populations of SONATA, as connections that can be added to a set."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from ...core.chunk_id import Ids
from ...core.connectivity import Blocks, as_locations
from ...core.rows import Locations
from ...errors import CorruptNetworkError
from ...queries.progress import count_done
from ...transactions.interrupts import call_pending
from .columns import Columns, Group, array_in, check_order, group_in, text_attribute
from .edges import NODE_POPULATION, PLACES, POST, PRE, SOURCE, TARGET
from .node_reader import NodeReader
from .sections import FindSections


@attrs.frozen(eq=False)
class EdgeReader:
    """
    The edges of a population.

    :param find_sections: finds the sections of a morphology of that name; None if there is none.
    """

    group: Group
    name: str
    find_sections: FindSections

    @property
    def size(self) -> int:
        """How many edges."""
        sources = array_in(self.group, SOURCE)
        return int(sources.shape[0]) if sources.ndim else 0

    def ends(self) -> tuple[str, str]:
        """The node populations that the edges run between."""
        source, target = (array_in(self.group, name) for name in (SOURCE, TARGET))
        return text_attribute(source, NODE_POPULATION), text_attribute(target, NODE_POPULATION)

    def blocks(self, pre: NodeReader, post: NodeReader, most: int) -> Iterator[Blocks]:
        """
        The edges as connections, in their order.

        :param most: most edges in memory at a time.
        :raises CorruptNetworkError: an edge is on a node that does not exist, or attributes are not
            in the order of the edges.
        """
        size = self.size
        check_order(self.group, "edge", size)
        ends, attributes = Columns(self.group, size), Columns(group_in(self.group, "0"), size)
        for first in range(0, size, most):
            call_pending()
            rows = slice(first, min(first + most, size))
            count_done(rows.stop - first)
            # Numbers beyond int64 become negative, and are refused later, as no node has them.
            nodes = [ends.read_integers(title, rows) for title in (SOURCE, TARGET)]
            sides = ((nodes[0], pre, PRE), (nodes[1], post, POST))
            chunks, locations = [], []
            for ids, population, side in sides:
                chunk, ranks = population.locate(ids, self.name)
                chunks.append(chunk)
                locations.append(self._locations(attributes, side, rows, population, ids, ranks))
            yield Blocks(chunks[0], chunks[1], locations[0], locations[1])

    def _locations(
        self,
        attributes: Columns,
        side: str,
        rows: slice,
        population: NodeReader,
        nodes: Ids,
        ranks: Ids,
    ) -> Locations:
        found = np.full((len(ranks), 3), -1, dtype=np.int64)
        found[:, 0] = ranks
        own = f"{side}_branch", f"{side}_point"
        if all(name in attributes for name in own):
            for i, name in enumerate(own):
                found[:, i + 1] = attributes.read_integers(name, rows)
            return self._checked(found)
        titles = [f"{side}_{each}" for each in PLACES[:3]]
        if not all(name in attributes for name in titles):
            return found
        section, segment = (attributes.read_integers(name, rows) for name in titles[:2])
        offset = attributes.read(titles[2], rows)
        names, codes = population.morphologies_of(nodes)
        for code in np.unique(codes).tolist():
            sections = self.find_sections(names[code]) if names[code] else None
            if sections is None:
                continue
            at = np.flatnonzero(codes == code)
            known, branch, point = sections.nearest(section[at], segment[at], offset[at])
            found[at[known], 1], found[at[known], 2] = branch, point
        return found

    def _checked(self, locations: Locations) -> Locations:
        try:
            return as_locations(locations, f"the locations of '{self.name}'")
        except ValueError as error:
            raise CorruptNetworkError(str(error)) from error
