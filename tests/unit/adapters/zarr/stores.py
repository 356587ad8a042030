"""A store in a folder that holds something, and rows to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.testing.contents import make, reading, writing

ROWS = np.arange(6000.0).reshape(2000, 3)


def filled(path: Path, store: ZarrStore | None = None) -> ZarrStore:
    """A store that holds something: in a folder, or another one."""
    store = store or ZarrStore(path)
    make(store)
    with writing(store) as root:
        group = root.require_group("placement").require_group("granule")
        for name in ("position", "rotation", "labels", "gone"):
            group.create_array(name, ROWS)
        group.create_array("few", np.arange(5))
        root.write_document("document", b"first " * 1000)
        root.attributes.set("chunks", "x" * 5000)
    return store


def change(root: Any) -> None:
    group = root.group("placement").group("granule")
    group.array("position").append(ROWS)
    group.array("labels").write(10, -ROWS[:5])
    group.array("rotation").resize(100)
    group.array("few").append(np.arange(3))
    group.delete("gone")
    group.create_array("new", ROWS)
    root.write_document("document", b"second " * 1000)
    root.attributes.set("chunks", "y" * 6000)


def check_changed(store: ZarrStore) -> None:
    with reading(store) as root:
        group = root.group("placement").group("granule")
        assert np.array_equal(np.concatenate((ROWS, ROWS)), group.array("position").read())
        assert np.array_equal(-ROWS[:5], group.array("labels").read(10, 15))
        assert (100, 3) == group.array("rotation").shape
        assert "gone" not in group
        assert b"second " * 1000 == root.document("document").read()
        assert "y" * 6000 == root.attributes.get("chunks")
