"""Parts of the configuration that have no cells or connections in the network."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..core.json_types import Document
from .summaries import NetworkSummary


@attrs.frozen
class Unfilled:
    """
    Names of a configuration that stand for nothing in the network, as after a compile that was cut
    short or left them out.

    :param cell_types: cell types that a placement strategy places, and that have no cells.
    :param connectivity: strategies without connections in any of their sets.
    """

    cell_types: tuple[str, ...] = ()
    connectivity: tuple[str, ...] = ()


def unfilled(configuration: object, found: NetworkSummary) -> Unfilled:
    """
    Compare a configuration with a network.

    :param configuration: as it is stored; one of another structure asks for nothing.
    """
    if not isinstance(configuration, dict):
        return Unfilled()
    cells = {each.name for each in found.cells if each.cells}
    tags = {each.tag for each in found.connections if each.connections}
    placed = [
        name
        for each in _nodes(configuration, "placement").values()
        for name in _names(each, "cell_types")
    ]
    without = [
        name
        for name, each in _nodes(configuration, "connectivity").items()
        if (asked := set(_tags(name, each))) and not asked & tags
    ]
    return Unfilled(tuple(name for name in dict.fromkeys(placed) if name not in cells), (*without,))


def _nodes(tree: Document, key: str) -> dict[str, Document]:
    held = tree.get(key)
    if not isinstance(held, dict):
        return {}
    return {str(name): each for name, each in held.items() if isinstance(each, dict)}


def _names(node: Document, key: str) -> list[str]:
    held = node.get(key)
    listed = [held] if isinstance(held, str) else held if isinstance(held, list) else []
    return [each for each in listed if isinstance(each, str)]


def _tags(name: str, strategy: Document) -> Iterator[str]:
    """The tags of the sets of a strategy, as BSB names them; none where it names each pair."""
    sides = [strategy.get(side) for side in ("presynaptic", "postsynaptic")]
    pre, post = (_names(each, "cell_types") if isinstance(each, dict) else [] for each in sides)
    if isinstance(strategy.get("output_naming"), dict):
        return
    for base in _names(strategy, "output_naming") or [name]:
        if len(pre) > 1 or len(post) > 1:
            yield from (f"{base}_{one}_to_{other}" for one in pre for other in post)
        else:
            yield base
