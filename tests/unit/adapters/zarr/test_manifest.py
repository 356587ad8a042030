"""Manifests that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.manifest import (
    Manifest,
    make_manifest,
    read_manifest,
)
from bsb_hdf5.adapters.zarr.metadata import new_grid
from bsb_hdf5.adapters.zarr.paths import Kind
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.adapters.zarr.tree import copied, new_group, text_of
from bsb_hdf5.errors import (
    CorruptNetworkError,
    NotANetworkError,
    StoreError,
    StoreExistsError,
)
from bsb_hdf5.testing.contents import snapshot
from tests.unit.adapters.zarr.stores import filled

STALE: dict[str, Kind] = {"old/x": "array", "old": "group"}
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
    "session",
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
def test_a_directory_that_is_no_network_is_reported(path: Path, content: bytes | None) -> None:
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


def test_a_manifest_that_is_cut_anywhere_is_reported(path: Path) -> None:
    filled(path)
    manifest = path / "zarr.json"
    data = manifest.read_bytes()
    for length in range(0, len(data) - 1, 97):
        manifest.write_bytes(data[:length])
        with pytest.raises((NotANetworkError, CorruptNetworkError)):
            ZarrStore(path).open_read()
        assert not ZarrStore(path).recognizes()


def test_a_manifest_of_nonsense_is_reported(path: Path) -> None:
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


def whole(**attributes: Any) -> Manifest:
    """A manifest with a group, arrays of numbers and of others, a document, and odd names."""
    root = new_group()
    root["attributes"] = dict(attributes)
    group = {**new_group(), "path": "g", "attributes": {"a": 1}}
    root["members"]["g"] = group

    def put(into: Any, name: str, path: str, dtype: str, shape: list[int], kind: str) -> None:
        node = {"kind": kind, "attributes": {}, "dtype": dtype, "shape": shape, "path": path}
        node["grid"] = new_grid(np.dtype(dtype), tuple(shape[1:]))
        into["members"][name] = {**node, "changed": True}

    put(root, "few", "few", "<f8", [5, 3], "array")
    put(group, "text", "g/text", "|u1", [7], "document")
    put(group, "odd/name", "g/odd~2fname", "|S3", [0, 2], "array")
    return Manifest("a state", root, STALE, ["few"], session=4)


def test_a_manifest_is_read_as_it_was_made() -> None:
    made = make_manifest(whole(x="text", y=[1, 2]))
    found = read_manifest(made.data, "here")
    assert ("a state", STALE, ["few"], 3, 4) == (
        found.generation,
        found.stale,
        found.changed,
        found.version,
        found.session,
    )
    assert made.data == found.data
    assert {"x": "text", "y": [1, 2]} == found.tree["attributes"]
    assert {"g": "group"} | dict.fromkeys(("few", "g/text", "g/odd~2fname"), "array") == found.kinds
    group = found.tree["members"]["g"]
    assert ["odd/name", "text"] == sorted(group["members"])
    assert {"a": 1} == group["attributes"]
    odd, text = group["members"]["odd/name"], group["members"]["text"]
    assert ("array", "|S3", [0, 2]) == (odd["kind"], odd["dtype"], odd["shape"])
    assert ("document", "|u1", [7]) == (text["kind"], text["dtype"], text["shape"])
    assert text["grid"].counted and odd["grid"].counted
    # As it is written again.
    again = make_manifest(Manifest("a state", copied(found.tree), STALE, ["few"], session=4))
    assert json.loads(made.data) == json.loads(again.data) | {
        "attributes": json.loads(made.data)["attributes"]
    }


def test_a_draft_may_be_changed() -> None:
    found = read_manifest(make_manifest(whole(x=1)).data, "here")
    before = json.dumps(found.tree, default=str)
    draft = copied(found.tree)
    draft["attributes"]["x"] = 2
    draft["members"]["g"]["attributes"]["a"] = 2
    draft["members"]["few"]["shape"][0] = 9
    del draft["members"]["g"]["members"]["text"]
    assert before == json.dumps(found.tree, default=str)


def test_rows_that_wait_in_a_draft_may_be_changed() -> None:
    """Those of the first version of the format, which kept few rows in the manifest."""
    waiting = {"base": 0, "tail": [np.zeros((5, 3))]}
    made = whole()
    made.tree["members"]["few"].update(waiting)
    draft = copied(made.tree)["members"]["few"]
    draft["tail"][0][2] = 1
    draft["tail"].append(np.ones((1, 3)))
    (rows,) = made.tree["members"]["few"]["tail"]
    assert not rows.any()


def test_a_node_is_written_once_until_it_changes() -> None:
    node = whole().tree["members"]["few"]
    text = text_of("few", node, 4)
    assert "changed" not in node
    node["shape"][0] = 6
    assert text == text_of("few", node, 5)
    node["changed"] = True
    assert text != text_of("few", node, 5)
    changed = json.loads(text_of("few", node, 6))
    assert [6, 3] == changed["shape"]
    assert 5 == changed["attributes"]["bsb_hdf5"]["session"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("few", "attributes", "bsb_hdf5", "array"), "other", "is not the array that it says"),
        (("g", "attributes", "bsb_hdf5", "group"), "other", "says that it is 'other'"),
        (("few", "node_type"), "table", "is not the array that it says"),
        (("g/odd~2fname", "attributes", "bsb_hdf5", "name"), "text", "'g/odd~2fname' and 'g/text'"),
        (("g/odd~2fname", "attributes", "bsb_hdf5", "name"), 5, "'g/odd~2fname' is called 5"),
        (("g/odd~2fname", "attributes", "bsb_hdf5", "dtype"), "<f8", "is stored as"),
        (("few", "attributes", "bsb_hdf5", "kind"), "table", "has the kind 'table'"),
        (("few", "attributes", "bsb_hdf5", "kind"), "document", "a document has dtype"),
        (("few", "attributes"), [], "has the attributes"),
        (("few", "attributes", "bsb_hdf5"), None, "TypeError"),
        (("few", "attributes", "bsb_hdf5"), {}, "KeyError"),
        (("few", "attributes", "bsb_hdf5", "array"), "g", "is not the array that it says"),
        (("g", "attributes"), {}, "which has no 'bsb_hdf5'"),
        (("g", "attributes", "a"), {"dtype": "<f8", "shape": [1], "data": ""}, "does not have"),
    ],
)
def test_what_contradicts_itself_is_reported(
    place: tuple[str, ...], value: Any, message: str
) -> None:
    document = json.loads(make_manifest(whole()).data)
    node = document["consolidated_metadata"]["metadata"]
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    with pytest.raises(CorruptNetworkError, match=message) as caught:
        read_manifest(json.dumps(document).encode(), "here")
    assert "here" == caught.value.fields["location"]


OTHER = {"zarr_format": 3, "node_type": "array", "shape": [4], "fill_value": float("inf")}


def with_others() -> bytes:
    """A manifest after zarr consolidated it, with a group, arrays and a copy of others in it."""
    document = json.loads(make_manifest(whole()).data)
    nodes = document["consolidated_metadata"]["metadata"]
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"mine": None}}
    moved = {**nodes["few"], "attributes": {"bsb_hdf5": {"array": "no longer there"}}}
    nodes.update({"mine": group, "mine/t": OTHER, "g/a": OTHER, "copy": nodes["g"]})
    nodes.update({"mine/moved": moved, "copy/text": nodes["g/text"], "old": nodes["g"]})
    # The state before had it.
    nodes["old"] = {**nodes["g"], "attributes": {"bsb_hdf5": {"group": "old"}}}
    return json.dumps(document).encode()


def listed(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(manifest.data)["consolidated_metadata"]["metadata"]
    return found


def test_what_others_made_is_no_part_of_the_network_and_stays_listed() -> None:
    found = read_manifest(with_others(), "here")
    assert {"few", "g", "g/text", "g/odd~2fname"} == found.kinds.keys()
    assert {"few", "g"} == set(found.tree["members"])
    again = make_manifest(Manifest("next", copied(found.tree), foreign=found.foreign))
    nodes = json.loads(with_others())["consolidated_metadata"]["metadata"]
    del nodes["old"]
    assert nodes == listed(again)
    # zarr forgets members of a group between which others are.
    assert list(nodes.keys()) != sorted(nodes) == list(listed(again))
    assert found.foreign == read_manifest(again.data, "here").foreign


def test_what_lay_in_a_group_that_goes_is_no_longer_listed() -> None:
    found = read_manifest(with_others(), "here")
    tree = copied(found.tree)
    del tree["members"]["g"]
    again = make_manifest(Manifest("next", tree, foreign=found.foreign))
    assert ["few", "mine", "mine/moved", "mine/t"] == list(listed(again))
    assert (
        {"mine", "mine/moved", "mine/t"}
        == set(again.foreign)
        == set(read_manifest(again.data, "").foreign)
    )


def test_what_a_session_makes_is_listed_in_place_of_what_others_had_there() -> None:
    found = read_manifest(with_others(), "here")
    tree = copied(found.tree)
    tree["members"]["mine"] = {**new_group(), "path": "mine"}
    again = make_manifest(Manifest("next", tree, foreign=found.foreign))
    assert {"group": "mine", "session": 0} == listed(again)["mine"]["attributes"]["bsb_hdf5"]
    assert OTHER == listed(again)["mine/t"]
    assert "mine" not in again.foreign


def test_a_root_that_lost_its_mark_is_distinguished_from_other_stores() -> None:
    document = json.loads(make_manifest(whole()).data)
    del document["attributes"]["bsb_hdf5"]
    with pytest.raises(NotANetworkError, match="its root lost the attribute 'bsb_hdf5'"):
        read_manifest(json.dumps(document).encode(), "here")
    others: tuple[Any, ...] = ({"x": OTHER}, {}, {"x": None}, {"x": {"attributes": []}}, None, 5)
    for nodes in others:
        document["consolidated_metadata"]["metadata"] = nodes
        with pytest.raises(NotANetworkError, match=r"'here' is a zarr store, not a network$"):
            read_manifest(json.dumps(document).encode(), "here")


def test_a_checksum_that_differs_is_reported() -> None:
    data = make_manifest(whole(x="text")).data
    assert read_manifest(data, "here").tree["attributes"] == {"x": "text"}
    with pytest.raises(CorruptNetworkError, match="does not have its checksum"):
        read_manifest(data.replace(b'"text"', b'"texT"'), "here")
    # Other programs write it as they like, with a checksum that is of something else.
    assert read_manifest(json.dumps(json.loads(data)).encode(), "here").kinds
