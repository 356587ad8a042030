"""The types of h5py's low-level API, which declares none."""

from __future__ import annotations

from typing import Any, TypeAlias

H5Object: TypeAlias = Any
"""The id of an open file, group, dataset, attribute, type, space, or list of properties."""
