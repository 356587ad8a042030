"""
A network checked against itself, and repaired.

All is read from the groups of the store, and nothing that was remembered is trusted. What
can't be read is a finding too, and the rest is checked all the same.
"""

from __future__ import annotations

from ...core.connectivity import check_direction
from ...core.layouts.detection import open_network
from ...core.layouts.protocols import NetworkReader
from ...ports.arrays import GroupReader, GroupWriter
from ...transactions.versioned_cache import VersionedCache
from ..findings import Finding, Findings, Report
from .classic import ClassicCheck
from .columnar import ColumnarCheck
from .parts import NewBundle, verify_files, verify_morphologies, verify_root

_MOST_CONNECTIONS = 1 << 19
# Counts may be wrong because what they count was, so a repair may show what to repair next.
_MOST_TURNS = 5


def verify_network(root: GroupReader, location: str, *, most: int = _MOST_CONNECTIONS) -> Report:
    """
    Check a network.

    :param location: the location of the store, for messages.
    :param most: connections in memory at a time, unless one block has more.
    :raises NotANetworkError: the store holds no network of a known layout.
    """
    network = open_network(root, location)
    return Report(_check(root, location, network, dict, None, most).listed())


def repair_network(
    root: GroupWriter,
    location: str,
    network: NetworkReader,
    new_bundle: NewBundle,
    *,
    trust: str | None = None,
    most: int = _MOST_CONNECTIONS,
) -> Report:
    """
    Put right what can be, of what is wrong in a network.

    :param network: network of the session, which stores the provenance.
    :param new_bundle: makes the provenance of a network that has none, or none that can be read.
    :param trust: ``inc`` or ``out``: the copy that the other one is made of where connections
        are stored twice and differ.
    :returns: what was put right, and what is still wrong.
    :raises InputError: ``trust`` is neither.
    """
    if trust is not None:
        check_direction(trust)
    seen: dict[Finding, None] = {}
    for _ in range(_MOST_TURNS):
        found = _check(root, location, network, new_bundle, trust, most)
        seen.update(dict.fromkeys(found.listed()))
        if not found.mends:
            break
        for mend in found.mends.values():
            mend()
    else:
        found = _check(root, location, network, new_bundle, trust, most)
    left = found.listed()
    return Report(left, tuple(finding for finding in seen if finding not in set(left)))


def _check(
    root: GroupReader,
    location: str,
    identity: NetworkReader,
    new_bundle: NewBundle,
    trust: str | None,
    most: int,
) -> Findings:
    """
    :param identity: the network that stores a provenance.
    """
    found = Findings()
    cache = VersionedCache().at("as it is")
    network = open_network(root, location, cache)
    verify_root(root, identity, found, new_bundle)
    stored = verify_morphologies(network, found)
    with found.reading("network", "sets"):
        if network.layout == "classic":
            ClassicCheck(root, cache, found, stored, trust=trust, most=most).run()
        else:
            ColumnarCheck(root, cache, found, stored, most).run()
    verify_files(network, found)
    return found
