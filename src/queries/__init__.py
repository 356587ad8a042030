"""
Functions that analyse a stored network, of any engine and layout.

A network is a ``bsb.Scaffold``, a ``bsb.Storage`` or the root of one. The functions respect the
filters of the sets that they get. Each reads in one session, so its result describes one state of
the network, even if others write meanwhile.
"""

from .cells import counts
from .connections import Pairs, pairs, synapses_per_pair
from .degrees import Mean, convergence, divergence, in_degree, out_degree
from .densities import Density, density
from .distances import Distances, distances
from .groups import GroupKey, group_text
from .matrices import Matrix, matrix
from .networks import connectivity_sets, placement_sets
from .pictures import plot
from .selection import Connections, afferent, efferent
from .summaries import CellSummary, ConnectionSummary, NetworkSummary, summary
from .tables import to_frame, to_sparse

__all__ = [
    "CellSummary",
    "ConnectionSummary",
    "Connections",
    "Density",
    "Distances",
    "GroupKey",
    "Matrix",
    "Mean",
    "NetworkSummary",
    "Pairs",
    "afferent",
    "connectivity_sets",
    "convergence",
    "counts",
    "density",
    "distances",
    "divergence",
    "efferent",
    "group_text",
    "in_degree",
    "matrix",
    "out_degree",
    "pairs",
    "placement_sets",
    "plot",
    "summary",
    "synapses_per_pair",
    "to_frame",
    "to_sparse",
]
