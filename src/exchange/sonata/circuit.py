"""The configuration of a circuit: which files hold which populations."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from ...core.chunk_id import normalize_size, pack
from ...core.json_types import Document
from ...core.names import check_name
from ...errors import CorruptNetworkError, NotANetworkError, StoreNotFoundError
from ..exported import CONFIG, OWN
from .exporting import SCHEMA
from .names import file_names, on_disk, original_name

_DEEPEST = 8
# A configuration names files and populations.
_MOST_BYTES = 1 << 26


@attrs.frozen
class Circuit:
    """
    A circuit.

    :param own: what an export added to it; None for a circuit of another program.
    :param nodes: file and morphologies of each node population.
    :param edges: file of each edge population.
    :param morphologies: folder of those of an export, some of which may be of no cell.
    """

    own: Document | None
    nodes: dict[str, tuple[Path, Path | None]]
    edges: dict[str, Path]
    morphologies: Path | None = None

    def morphology_of(self, file: str) -> str:
        """The morphology that a file has, by its name without ending."""
        return file if self.own is None else self._names.get(file, original_name(file))

    @cached_property
    def _names(self) -> dict[str, str]:
        names = [] if self.own is None else self.own.get("morphologies", [])
        return {file: name for name, file in file_names(names).items()}


def read_circuit(folder: Path) -> Circuit:
    """
    The circuit of a folder, or of a configuration.

    :raises StoreNotFoundError: there is none.
    :raises NotANetworkError: the configuration is not one of SONATA.
    :raises CorruptNetworkError: it names files out of its folder.
    """
    path = folder / CONFIG if os.path.isdir(folder) else folder
    if not os.path.isfile(path):
        raise StoreNotFoundError(f"there is no circuit at '{folder}': no '{CONFIG}'")
    if path.stat().st_size > _MOST_BYTES:
        raise NotANetworkError(
            f"'{path}' is not a configuration of a SONATA circuit: it is larger than"
            f" {_MOST_BYTES:,} bytes",
            location=str(path),
        )
    try:
        config = json.loads(path.read_bytes())
        return _Reader(path.parent, config).circuit()
    except UnicodeDecodeError as error:
        # Its own message would contain the whole file.
        raise NotANetworkError(
            f"'{path}' is not a configuration of a SONATA circuit: it is not a text",
            location=str(path),
        ) from error
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
        if own is not None:
            _check_own(own)
        networks = self._config["networks"]
        shared = self._config.get("components", {})
        nodes: dict[str, tuple[Path, Path | None]] = {}
        for each in networks.get("nodes", []):
            file = self._path(each["nodes_file"])
            for name, options in self._populations(each, file, nodes).items():
                where = options.get("morphologies_dir", shared.get("morphologies_dir"))
                nodes[name] = file, None if where is None else self._path(where)
        edges: dict[str, Path] = {}
        for each in networks.get("edges", []):
            file = self._path(each["edges_file"])
            edges.update(dict.fromkeys(self._populations(each, file, edges), file))
        where = None if own is None else shared.get("morphologies_dir")
        return Circuit(own, nodes, edges, None if where is None else self._path(where))

    def _populations(self, given: Document, file: Path, known: Collection[str]) -> Document:
        """The populations of a file, none of which another file has, too."""
        named: Document = given["populations"]
        twice = sorted({*named} & {*known})
        if twice:
            raise CorruptNetworkError(
                f"the circuit has two populations '{twice[0]}', one of them in '{file}'"
            )
        return named

    def _path(self, text: str) -> Path:
        """A path, with the variables of the manifest replaced."""
        for _ in range(_DEEPEST):
            name = next((each for each in self._manifest if _begins_with(text, each)), None)
            if name is None:
                break
            text = str(self._manifest[name]) + text.removeprefix(name)
        path = Path(os.path.realpath(self._folder / on_disk(text)))
        # A circuit may come from an untrusted source.
        if not path.is_relative_to(os.path.realpath(self._folder)):
            raise CorruptNetworkError(
                f"the circuit names '{text}', which lies outside of '{self._folder}'; copy it there"
            )
        return path


def _begins_with(text: str, variable: str) -> bool:
    """Whether a path begins with a variable, and not with one whose name goes on."""
    return re.match(re.escape(variable) + r"((?<!\w)|(?!\w))", text) is not None


def _check_own(own: Document) -> None:
    """
    Check what an export added to a configuration.

    :raises NotANetworkError: a later release wrote it.
    :raises ValueError: it was changed since; likewise TypeError, LookupError, AttributeError.
    """
    if own["schema"] != SCHEMA:
        raise NotANetworkError(
            f"the circuit was exported with schema {own['schema']}, and this release reads"
            f" {SCHEMA}; import it with the release that exported it"
        )
    if own["chunk_size"] is not None:
        normalize_size(own["chunk_size"])
    for part in ("nodes", "edges"):
        names = [check_name(each["name"], "set") for each in own[part].values()]
        if part == "edges":
            names += map(_check_unconnected, own["unconnected"])
        if len(set(names)) != len(names):
            raise ValueError(f"two populations have the name of one set: {sorted(names)}")
    for each in own.get("morphologies", []):
        check_name(each, "morphology")
    for each in own["nodes"].values():
        pack(np.array(each["empty_chunks"], dtype=np.int64).reshape(-1, 3))
        for key, held in each["additional"].items():
            if held is not None and len(held["columns"]) != math.prod(map(int, held["shape"])):
                raise ValueError(f"'{key}' has columns {held['columns']} of shape {held['shape']}")


def _check_unconnected(held: Document) -> str:
    name, *_ = (check_name(held[each], "set") for each in ("name", "pre", "post"))
    return name
