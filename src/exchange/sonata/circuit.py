"""The configuration of a circuit: which files hold which populations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from ...core.json_types import Document
from ...errors import CorruptNetworkError, NotANetworkError, StoreNotFoundError
from .exporting import CONFIG, OWN, SCHEMA

_DEEPEST = 8


@attrs.frozen
class Circuit:
    """
    A circuit.

    :param own: what an export added to it; None for a circuit of another program.
    :param nodes: file and morphologies of each node population.
    :param edges: file of each edge population.
    """

    own: Document | None
    nodes: dict[str, tuple[Path, Path | None]]
    edges: dict[str, Path]


def read_circuit(folder: Path) -> Circuit:
    """
    The circuit of a folder, or of a configuration.

    :raises StoreNotFoundError: there is none.
    :raises NotANetworkError: the configuration is not one of SONATA.
    :raises CorruptNetworkError: it names files out of its folder.
    """
    path = folder / CONFIG if folder.is_dir() else folder
    if not path.is_file():
        raise StoreNotFoundError(f"there is no circuit at '{folder}': no '{CONFIG}'")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return _Reader(path.parent, config).circuit()
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        if isinstance(error, CorruptNetworkError):
            raise
        raise NotANetworkError(
            f"'{path}' is not a configuration of a SONATA circuit: {error!r}", location=str(path)
        ) from error


class _Reader:
    def __init__(self, folder: Path, config: Any) -> None:
        self._folder = folder
        self._config = config
        self._manifest = dict(config.get("manifest", {}))

    def circuit(self) -> Circuit:
        own = self._config.get(OWN)
        if own is not None and own["schema"] != SCHEMA:
            raise NotANetworkError(
                f"the circuit was exported with schema {own['schema']}, and this release reads"
                f" {SCHEMA}; import it with the release that exported it"
            )
        networks = self._config["networks"]
        shared = self._config.get("components", {})
        nodes: dict[str, tuple[Path, Path | None]] = {}
        for each in networks.get("nodes", []):
            file = self._path(each["nodes_file"])
            for name, options in self._populations(each, file, "nodes").items():
                where = options.get("morphologies_dir", shared.get("morphologies_dir"))
                nodes[name] = file, None if where is None else self._path(where)
        edges = {
            name: file
            for each in networks.get("edges", [])
            for file in [self._path(each["edges_file"])]
            for name in self._populations(each, file, "edges")
        }
        return Circuit(own, nodes, edges)

    def _populations(self, given: Document, file: Path, part: str) -> Document:
        named: Document = given["populations"]
        if not named:
            raise CorruptNetworkError(
                f"the configuration names no populations of '{file}' ({part})"
            )
        return named

    def _path(self, text: str) -> Path:
        """A path, with the variables of the manifest replaced."""
        for _ in range(_DEEPEST):
            name = next((each for each in self._manifest if text.startswith(each)), None)
            if name is None:
                break
            text = str(self._manifest[name]) + text.removeprefix(name)
        path = (self._folder / text).resolve()
        # A circuit may come from anybody.
        if not path.is_relative_to(self._folder.resolve()):
            raise CorruptNetworkError(
                f"the circuit names '{text}', which lies outside of '{self._folder}'; copy it there"
            )
        return path
