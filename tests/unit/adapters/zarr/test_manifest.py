"""Manifests that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    CorruptNetworkError,
    NotANetworkError,
    StoreError,
    StoreExistsError,
)
from bsb_hdf5.testing.contents import snapshot
from tests.unit.adapters.zarr.stores import filled

# What other programs need, or sessions that write.
IGNORED = {
    "crc32",
    "codecs",
    "counted",
    "dimension_names",
    "fill_value",
    "generation",
    "name",
    "stale",
    "stale_groups",
    "changed",
    "storage_transformers",
    "zarr_format",
}


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"\xff\xfe", b"[]", b'{"zarr_format":3,"node_type":"group"}', b"0", b"{}"],
    ids=repr,
)
def test_a_directory_that_is_no_network_is_told(path: Path, content: bytes | None) -> None:
    path.mkdir()
    if content is not None:
        (path / "zarr.json").write_bytes(content)
    store = ZarrStore(path)
    assert store.exists()
    assert not store.recognizes()
    for verb in (store.open_read, store.open_write, store.remove):
        with pytest.raises((NotANetworkError, CorruptNetworkError), match=r"net\.zarr"):
            verb()
    assert [] == [each.name for each in path.iterdir() if each.name != "zarr.json"]
    with pytest.raises(StoreExistsError):
        store.create()


def test_a_manifest_that_is_cut_anywhere_is_told(path: Path) -> None:
    filled(path)
    manifest = path / "zarr.json"
    data = manifest.read_bytes()
    for length in range(0, len(data) - 1, 97):
        manifest.write_bytes(data[:length])
        with pytest.raises((NotANetworkError, CorruptNetworkError)):
            ZarrStore(path).open_read()
        assert not ZarrStore(path).recognizes()


def test_a_manifest_of_nonsense_is_told(path: Path) -> None:
    filled(path)
    document = json.loads((path / "zarr.json").read_bytes())
    random, whole = np.random.default_rng(5), snapshot(ZarrStore(path))
    for _ in range(300):
        broken = json.loads(json.dumps(document))
        nodes = broken["consolidated_metadata"]["metadata"]
        keys = _break(random.choice([broken["attributes"], nodes]), random)
        (path / "zarr.json").write_text(json.dumps(broken))
        if broken == document:
            continue
        try:
            found = snapshot(ZarrStore(path))
        except StoreError as error:
            assert "net.zarr" in str(error)
        else:
            # It is a manifest still, of something else, or says the same to this engine.
            assert whole != found or IGNORED & set(map(str, keys)), keys
    document["attributes"]["bsb_hdf5"]["version"] = 99
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(NotANetworkError, match="version 99"):
        ZarrStore(path).open_read()


def _break(node: Any, random: Any) -> list[Any]:
    """Put something else in some place; the keys that lead there."""
    passed = []
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[random.integers(len(keys))]
        passed.append(key)
        if random.random() < 0.3 or not isinstance(node[key], dict | list):
            values: list[Any] = [None, -1, 10**9, "", "x", [], {}, [1, 2], "group", "../x", 1.5]
            node[key] = values[random.integers(len(values))]
            break
        node = node[key]
    return passed
