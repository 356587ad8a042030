"""The identity and state of a network, and the versions that wrote to it last."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from .json_types import DocumentView
from .layouts.protocols import NetworkWriter


@attrs.frozen
class WriterInfo:
    """
    What writes: the versions a network is stamped with, and a maker of new identities.

    :param bsb_version: version of bsb-core.
    :param engine_version: version of this package.
    :param new_bundle: makes the provenance of a network that has none.
    :param on_upgrade: called once a session that gave an old network one is stored.
    """

    bsb_version: str
    engine_version: str
    new_bundle: Callable[[], DocumentView]
    on_upgrade: Callable[[], None]


def stamp(network: NetworkWriter, writer: WriterInfo, sessions: int = 1) -> bool:
    """
    Record in the provenance of a network that it changed, and which program changed it.

    :param sessions: number of sessions that changed it.
    :returns: whether the network had no identity before and got one.
    """
    upgraded = not network.advance_state(sessions)
    if upgraded:
        network.set_provenance({**writer.new_bundle(), "state_id": sessions})
    network.set_versions(writer.bsb_version, writer.engine_version)
    return upgraded
