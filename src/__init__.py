"""
Storage engines for BSB networks, and functions to maintain and exchange stored networks.

An engine is used through ``bsb.Storage`` or a configuration; the classes here are those of the
objects that they return. Names are imported when they are used, so that importing a part of the
package, as pytest does with its plugin, does not import BSB.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connectivity_set import ConnectivitySet
    from .engines.hdf5 import HDF5Engine, HDF5SlowLockingWarning, StorageNode
    from .exchange.convert import convert
    from .exchange.diff import Difference, diff
    from .exchange.merge import merge
    from .exchange.publish import publish
    from .exchange.sonata.exporting import export_sonata
    from .exchange.sonata.importing import import_sonata
    from .exchange.tables import export_csv, export_parquet
    from .file_store import FileStore
    from .maintenance.integrity import Finding, Report, repair, verify
    from .maintenance.repack import Repacked, repack
    from .morphology_repository import MorphologyRepository
    from .network_versions import expire, tag, versions
    from .placement_set import PlacementSet
    from .storages import engine_of, open_storage

    __version__: str

_MODULES = {
    "ConnectivitySet": "connectivity_set",
    "Difference": "exchange.diff",
    "FileStore": "file_store",
    "Finding": "maintenance.integrity",
    "HDF5Engine": "engines.hdf5",
    "HDF5SlowLockingWarning": "engines.hdf5",
    "MorphologyRepository": "morphology_repository",
    "PlacementSet": "placement_set",
    "Repacked": "maintenance.repack",
    "Report": "maintenance.integrity",
    "StorageNode": "engines.hdf5",
    "convert": "exchange.convert",
    "diff": "exchange.diff",
    "engine_of": "storages",
    "export_csv": "exchange.tables",
    "export_parquet": "exchange.tables",
    "export_sonata": "exchange.sonata.exporting",
    "import_sonata": "exchange.sonata.importing",
    "merge": "exchange.merge",
    "open_storage": "storages",
    "expire": "network_versions",
    "publish": "exchange.publish",
    "repack": "maintenance.repack",
    "repair": "maintenance.integrity",
    "tag": "network_versions",
    "verify": "maintenance.integrity",
    "versions": "network_versions",
}
# Modules that could be reached as attributes of the package before, without an import.
_SUBMODULES = {
    "chunks",
    "config",
    "connectivity_set",
    "engine",
    "engines",
    "errors",
    "exceptions",
    "file_store",
    "morphology_repository",
    "placement_set",
    "queries",
    "handles",
    "resource",
    "storages",
}

__all__ = [
    "ConnectivitySet",
    "Difference",
    "FileStore",
    "Finding",
    "HDF5Engine",
    "HDF5SlowLockingWarning",
    "MorphologyRepository",
    "PlacementSet",
    "Repacked",
    "Report",
    "StorageNode",
    "convert",
    "diff",
    "engine_of",
    "expire",
    "export_csv",
    "export_parquet",
    "export_sonata",
    "import_sonata",
    "merge",
    "open_storage",
    "publish",
    "repack",
    "repair",
    "tag",
    "verify",
    "versions",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name == "__version__":
        # importlib.metadata takes longer to import than the rest of this module.
        return importlib.import_module("importlib.metadata").version("bsb-hdf5")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
