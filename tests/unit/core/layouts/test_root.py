"""What the root of a network says of all of it, in both layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.layouts.root import not_found
from bsb_hdf5.core.provenance import WriterInfo, stamp
from bsb_hdf5.errors import CorruptNetworkError, InputError, NotANetworkError, SetNotFoundError
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.memory import new_root

LAYOUTS = ["classic", "columnar"]
layouts = pytest.mark.parametrize("layout", LAYOUTS)
BUNDLE = {"storage_id": "an id", "state_id": 3, "history": [1, {"a": None}]}


@pytest.fixture(params=[False, True], ids=["uncached", "cached"])
def cache(request: pytest.FixtureRequest) -> Any:
    return VersionedCache().at(1) if request.param else None


@layouts
def test_a_size_of_chunks_is_noted_and_forgotten_with_the_cells(layout: str, cache: Any) -> None:
    root = new_root()
    create_network(root, layout)
    network = open_network(root, "here", cache)
    assert np.isnan(network.chunk_size).all()
    changes = network.changes
    network.set_chunk_size(np.array([1.0, 2.0, 3.0]))
    assert changes + 1 == network.changes
    for each in (network, open_network(root, "here", cache), open_network(root, "here")):
        found = each.chunk_size
        assert [1.0, 2.0, 3.0] == found.tolist()
        found[0] = 9.0
        assert [1.0, 2.0, 3.0] == each.chunk_size.tolist()
    network.clear_placement()
    for each in (network, open_network(root, "here", cache), open_network(root, "here")):
        assert np.isnan(each.chunk_size).all()


@layouts
@pytest.mark.parametrize("wrong", ["large", [1.0, 2.0], ["a", "b", "c"]])
def test_another_size_is_reported(layout: str, wrong: Any) -> None:
    root = new_root()
    create_network(root, layout)
    root.attributes.set("chunk_size", wrong)
    with pytest.raises(CorruptNetworkError, match="the stored chunk size is"):
        open_network(root, "here").chunk_size  # noqa: B018


@layouts
def test_the_versions_that_wrote_last_are_known(layout: str, cache: Any) -> None:
    root = new_root()
    create_network(root, layout)
    network: Any = open_network(root, "here", cache)
    assert (None, None) == network.versions
    for versions in (("6.0", "8.1"), ("6.0", "8.2"), ("6.1", "8.2")):
        network.set_versions(*versions)
        assert versions == network.versions == open_network(root, "here").versions
        assert versions == (
            root.attributes.get("bsb_version"),
            root.attributes.get("bsb_hdf5_version"),
        )
    for name in ("bsb_version", "bsb_hdf5_version"):
        held = root.attributes.get(name)
        root.attributes.set(name, 5)
        with pytest.raises(CorruptNetworkError, match="the stored versions are"):
            open_network(root, "here").versions  # noqa: B018
        root.attributes.set(name, held)


@layouts
def test_the_provenance_of_a_network_counts_its_states(layout: str, cache: Any) -> None:
    root = new_root()
    create_network(root, layout)
    network = open_network(root, "here", cache)
    assert {} == network.provenance
    assert not network.advance_state()
    assert {} == network.provenance
    network.set_provenance(BUNDLE)
    for each in (network, open_network(root, "here", cache), open_network(root, "here")):
        assert BUNDLE == each.provenance
        each.provenance["storage_id"] = "another"
        assert BUNDLE == each.provenance
    for count, state in ((1, 4), (5, 9)):
        assert network.advance_state(count)
        for each in (network, open_network(root, "here", cache), open_network(root, "here")):
            assert {**BUNDLE, "state_id": state} == each.provenance
    network.set_provenance({"storage_id": "new", "state_id": 1})
    assert {"storage_id": "new", "state_id": 1} == open_network(root, "here").provenance


@layouts
def test_a_provenance_that_can_not_be_read_does_not_count(layout: str) -> None:
    root = new_root()
    create_network(root, layout)
    for wrong in ("no JSON", 5, "[1]"):
        root.attributes.set("bsb_provenance", wrong)
        assert {} == open_network(root, "here").provenance
    root.attributes.set("bsb_provenance", '{"storage_id": "x", "state_id": "many"}')
    root.attributes.delete("state_id")
    with pytest.raises(CorruptNetworkError, match="the stored state is 'many'"):
        open_network(root, "here").advance_state()


@layouts
def test_a_network_without_an_identity_gets_one(layout: str) -> None:
    root = new_root()
    network = create_network(root, layout)
    writer = WriterInfo("6.0", "8.1", lambda: {"storage_id": "new", "state_id": 0}, lambda: None)
    assert stamp(network, writer, 3)
    assert {"storage_id": "new", "state_id": 3} == open_network(root, "here").provenance
    assert ("6.0", "8.1") == network.versions
    assert not stamp(network, writer)
    assert 4 == open_network(root, "here").provenance["state_id"]


def test_what_is_no_network_is_reported() -> None:
    root = new_root()
    with pytest.raises(NotANetworkError, match=r"'here' is not a network: .* it holds \[\]"):
        open_network(root, "here")
    root.write_document("placement", b"")
    root.create_array("files", np.zeros(3))
    root.require_group("morphology_meta")
    with pytest.raises(NotANetworkError, match="is not a network"):
        open_network(root, "here")
    for part in ("placement", "connectivity", "morphologies", "files"):
        root = new_root()
        root.require_group(part)
        assert "classic" == open_network(root, "here").layout
    root = new_root()
    root.write_document("morphology_meta", b"{}")
    assert "classic" == open_network(root, "here").layout
    for wrong in ("another", 5, ["bsb-hdf5-columnar"]):
        root.attributes.set("format", wrong)
        with pytest.raises(NotANetworkError, match="has the layout") as caught:
            open_network(root, "here")
        assert ("here", str(wrong)) == (
            caught.value.fields["location"],
            caught.value.fields["found"],
        )
    with pytest.raises(InputError, match="must be 'classic' or 'columnar', not 'odd'"):
        create_network(new_root(), "odd")


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.99", "1"])
def test_minor_versions_of_the_layout_are_read(version: str) -> None:
    root = new_root()
    create_network(root, "columnar")
    root.attributes.set("format_version", version)
    assert "columnar" == open_network(root, "here").layout


@pytest.mark.parametrize("version", ["2.0", "10.0", "0.1", "", 1, None])
def test_other_major_versions_are_refused(version: Any) -> None:
    root = new_root()
    create_network(root, "columnar")
    root.attributes.delete("format_version")
    if version is not None:
        root.attributes.set("format_version", version)
    with pytest.raises(NotANetworkError, match=r"reads the versions 1\.x"):
        open_network(root, "here")


def test_a_set_that_is_not_there_is_reported_beside_those_that_are() -> None:
    error = not_found("placement", "x", ("a", "b"))
    assert isinstance(error, SetNotFoundError)
    assert "the placement set 'x' does not exist; there are: 'a', 'b'" == str(error)
    assert {"asked": "x", "valid": ("a", "b")} == error.fields
    assert str(not_found("placement", "x", ())).endswith("there is: none")
