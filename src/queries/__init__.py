"""
What a modeller asks of a stored network, of any engine and layout.

Networks are given as a ``bsb.Scaffold``, a ``bsb.Storage`` or the root of one; sets as BSB hands
them out, with the filters that are set on them. Each function reads in one session, so what it
returns belongs together, even if others write meanwhile.
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
