"""
For authors of backends: all that a backend imports.

``define_engine`` makes a storage engine of BSB from a store. Names are imported when they are asked
for, so that an engine costs a program that does not use it next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..ports.store import Capabilities, Capability
    from .engines import EngineModule, define_engine

PORT_VERSION = 1
"""
Of what this module offers. It grows when a backend written against an earlier version may have to
be changed.
"""

_MODULES = {
    "Capabilities": "..ports.store",
    "Capability": "..ports.store",
    "EngineModule": ".engines",
    "define_engine": ".engines",
}

__all__ = [
    "PORT_VERSION",
    "Capabilities",
    "Capability",
    "EngineModule",
    "define_engine",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
