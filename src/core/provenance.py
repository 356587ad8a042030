"""The identity and revision of a network: plain documents in, plain documents out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs


@attrs.frozen
class Author:
    """
    Who writes: the versions a network is stamped with, and a maker of new identities.

    :param bsb_version: of bsb-core.
    :param engine_version: of this package.
    :param new_bundle: makes the provenance of a network that has none.
    :param on_upgrade: is told when an old network got one.
    """

    bsb_version: str
    engine_version: str
    new_bundle: Callable[[], Mapping[str, Any]]
    on_upgrade: Callable[[], None]


def advance(bundle: Mapping[str, Any], author: Author) -> tuple[dict[str, Any], bool]:
    """
    The bundle after one more change.

    :returns: the new bundle, and whether the network had none before.
    """
    if "storage_id" not in bundle:
        return {**author.new_bundle(), "state_id": 1}, True
    return {**bundle, "state_id": int(bundle.get("state_id", 0)) + 1}, False
