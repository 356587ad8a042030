"""
Tools for tests of networks and of backends, for users of this package.

``StoreContract`` tests everything that a store has to promise. ``NetworkMachine`` and
``histories_on`` run random histories of networks on a storage engine. The fixtures
``memory_storage`` and ``memory_network`` come with the pytest plugin, :mod:`.plugin`.

Names are imported when they are used: every run of pytest loads the plugin, which imports neither
numpy nor BSB.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .contract_samples import fill_sample
    from .network_machine import NetworkMachine, histories_on, machine_settings
    from .store_contract import NewStore, StoreContract
    from .suite_of_engine import engine_suite

_MODULES = {
    "NetworkMachine": "network_machine",
    "NewStore": "store_contract",
    "StoreContract": "store_contract",
    "engine_suite": "suite_of_engine",
    "fill_sample": "contract_samples",
    "histories_on": "network_machine",
    "machine_settings": "network_machine",
}

__all__ = [
    "NetworkMachine",
    "NewStore",
    "StoreContract",
    "engine_suite",
    "fill_sample",
    "histories_on",
    "machine_settings",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
