"""
Checks of a network in the classic layout.

Each chunk has groups of its own, and documents say how much is in them. A count of cells may
be higher than the rows of any column, as cells that are a mere count have none; a lower one is
wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.layouts.classic.connectivity import StoredTotals
from ...core.layouts.classic.network import ClassicNetwork
from ...core.layouts.documents import interpreting, read_json, write_json
from ...core.layouts.nodes import DOCUMENT, GROUP
from ...core.paths import canonical
from ...core.statistics import NetworkTotals
from ...ports.arrays import GroupReader
from ...ports.cache import CacheView
from ...queries.progress import count_done
from ..findings import Findings, Mend
from .classic_cells import PLACEMENT, CheckedCells
from .classic_connections import CONNECTIVITY, CheckedConnections
from .parts import note_members, note_totals, writable

_FILES, _MORPHOLOGIES = "files", "morphologies"
_COUNTS = "chunks"

Check = Callable[[str, GroupReader], None]


class ClassicCheck:
    """
    Checks of one network.

    :param stored: names of the morphologies, if they are known.
    :param trust: the mirrored copy that the other one is to be made of, if any.
    :param most: connections in memory at a time.
    """

    def __init__(
        self,
        root: GroupReader,
        cache: CacheView,
        found: Findings,
        stored: set[str] | None,
        *,
        trust: str | None,
        most: int,
    ) -> None:
        self._root = root
        self._cache = cache
        self._network = ClassicNetwork(root, cache)  # type: ignore[arg-type]
        self._found = found
        self._stored = stored
        self._trust = trust
        self._most = most
        self._totals = NetworkTotals()
        # Whether everything was counted.
        self._whole = True

    def run(self) -> None:
        """Check all cells, connections and counts."""
        parts: tuple[tuple[str, tuple[str, ...], Check], ...] = (
            (PLACEMENT, self._network.placement_names(), self._cells),
            (CONNECTIVITY, self._network.connectivity_tags(), self._connections),
        )
        for part, names, check in parts:
            note_members(self._found, self._root, part, GROUP)
            for name in names:
                with self._found.reading(part, f"'{name}'") as reading:
                    check(name, self._network.group_of(part, name))
                self._whole &= not reading.failed
        note_members(self._found, self._root, _FILES, GROUP, DOCUMENT)
        note_members(self._found, self._root, _MORPHOLOGIES, GROUP)
        for part in (PLACEMENT, CONNECTIVITY, _FILES, _MORPHOLOGIES):
            self._note_unreadable(part)
        if self._whole:
            with self._found.reading("totals", _COUNTS, mend=self._total_mend):
                self._check_totals()

    def _note_unreadable(self, part: str) -> None:
        """Report what is damaged in nested groups, and would only seem to be absent otherwise."""
        with self._found.reading(part, "all"):
            for path in self._network.unreadable_names(part):
                self._found.note(part, f"'{path}'", "is neither a group, an array nor a text")

    def _cells(self, name: str, group: GroupReader) -> None:
        check = CheckedCells(name, group, self._found, self._stored)
        counts = check.run()
        for chunk, count in counts.items():
            self._totals.add(chunk, placed=count)
        count_done(sum(counts.values()))

    def _connections(self, tag: str, group: GroupReader) -> None:
        check = CheckedConnections(tag, group, self._found, self._trust, self._most)
        counts = check.count()
        self._whole &= not check.broken
        for chunk, (incoming, outgoing) in counts.items():
            self._totals.add(chunk, incoming=incoming, outgoing=outgoing)
        # What the document says of the chunks may be wrong, and decides how much is read at once.
        known = StoredTotals({chunk: list(counts) for chunk, counts in check.totals.items()})
        self._cache.put((CONNECTIVITY, canonical(tag)), known)
        check.compare(self._network.connectivity(tag))
        count_done(sum(outgoing for _, outgoing in counts.values()))

    @property
    def _total_mend(self) -> tuple[str, Mend]:
        def write() -> None:
            write_json(writable(self._root).attributes, _COUNTS, self._totals.as_document())

        return "totals", write

    def _check_totals(self) -> None:
        if self._root.attributes.get(_COUNTS) is None:
            return
        document = read_json(self._root.attributes, _COUNTS)
        with interpreting(_COUNTS):
            stored = NetworkTotals.from_document(document)
        note_totals(
            self._found, _triples(stored), _triples(self._totals), self._total_mend, "totals"
        )


def _triples(totals: NetworkTotals) -> dict[int, tuple[int, ...]]:
    return {
        int(chunk): (said["placed"], *said["connections"].values())
        for chunk, said in totals.as_document().items()
    }
