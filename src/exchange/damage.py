"""Rows that do not match their checksums are not copied, as a copy would hide the damage."""

from __future__ import annotations

from ..core.layouts.protocols import NetworkReader
from ..errors import CorruptNetworkError
from ..transactions.interrupts import call_pending


def check_undamaged(network: NetworkReader, cells: int, connections: int) -> None:
    """
    Check all of a network that has checksums.

    :param cells: in memory at a time, unless more were stored at once.
    :param connections: likewise.
    :raises CorruptNetworkError: something does not match its own; the error names the first.
    """
    for name in network.placement_names():
        call_pending()
        for where in network.placement(name).damage(cells):
            raise _damage(f"the cells {where}")
    for tag in network.connectivity_tags():
        call_pending()
        for where in network.connectivity(tag).damage(connections):
            raise _damage(f"the connections {where}")
    call_pending()
    for where in network.morphologies.damage():
        raise _damage(f"the morphologies {where}")


def _damage(where: str) -> CorruptNetworkError:
    return CorruptNetworkError(
        f"{where}: what is stored does not match its checksum, and a copy would give it a new one."
        " Restore it from a backup (bsb_hdf5.verify lists all that is damaged), or pass"
        " keep_damaged=True to copy it as it is"
    )
