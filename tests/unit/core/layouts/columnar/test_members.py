"""Any text names a set, a file or additional data, whatever a member can bear."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.column_specs import additional_column
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.layouts.columnar.known import is_connectivity, is_placement
from bsb_hdf5.core.layouts.columnar.members import find_member, is_plain, member_of, name_of
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.core.names import can_name
from bsb_hdf5.errors import (
    CorruptNetworkError,
    FileNotStoredError,
    InvalidNameError,
    SetNotFoundError,
)
from tests.unit.core.layouts.columnar.networks import cells, new_network, reopened
from tests.unit.memory import new_root

NAMES = [
    "a/b",
    "/",
    "a//b",
    "a/../b",
    "../a",
    "./a",
    "https://host/file?x=%2F&y=1",
    "100%",
    "%",
    "%2F",
    "%a%2Fb",
    "a%2Fb",
    "...",
    ".hidden",
    "trailing ",
    " ",
    "trailing.",
    "tab\t",
    "line\n",
    unicodedata.normalize("NFC", "é/é"),
    unicodedata.normalize("NFD", "é/é"),
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "Case",
    "case",
    "小/脳",
    "x" * 255,
    "x" * 256,
    "x" * 5000,
    "x" * 5000 + "y",
    "小" * 86,
    "/" * 100,
]

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(TEXTS.filter(lambda name: name not in (".", "..")))
def test_what_a_member_is_called_can_name_it_and_leads_back(name: str) -> None:
    member = member_of(name)
    assert can_name(member)
    assert 255 >= len(member.encode())
    if is_plain(name):
        assert name == member
    elif "%~" not in member:
        assert name == unquote(member[1:])


def test_members_of_different_names_are_called_differently() -> None:
    assert len(NAMES) == len({member_of(name) for name in NAMES})


def network_with(names: list[str]) -> ColumnarNetwork:
    network = ColumnarNetwork.create(new_root())
    for i, name in enumerate(names):
        network.create_placement(name, created_at="now")
        columns: dict[str, Any] = {name: np.full(2, float(i))}
        rows = cells(2, **columns, morphologies=([name], [0, 0]))
        network.placement(name).append(i, rows)
        network.create_connectivity(name, name, name, created_at="now")
        network.files.store(name, StoredContent.of(f"text {i}", None, None, 5))
    return network


def test_any_text_names_a_set_and_a_file_and_additional_data() -> None:
    network = reopened(network_with(NAMES))
    expected = tuple(sorted(NAMES))
    assert expected == network.placement_names()
    assert expected == network.connectivity_tags()
    assert expected == network.files.ids()
    for i, name in enumerate(NAMES):
        data = network.placement(name)
        assert (name,) == data.additional_keys()
        rows, _ = data.read_column(additional_column(name), data.chunks())
        assert [i, i] == rows.tolist()
        assert (name,) == data.read_morphologies(data.chunks()).names
        tie = network.connectivity(name)
        assert (name, name) == (tie.pre_type, tie.post_type)
        assert name in network.files
        assert f"text {i}" == network.files.load(name).content()


def test_keys_of_one_set_do_not_meet() -> None:
    network = new_network()
    rows: dict[str, Any] = {name: np.full(1, float(i)) for i, name in enumerate(NAMES)}
    network.placement("cell").append(0, cells(1, **rows))
    network.placement("cell").append(1, cells(1, **rows))
    data = reopened(network).placement("cell")
    assert tuple(sorted(NAMES)) == data.additional_keys()
    for i, name in enumerate(NAMES):
        assert [i, i] == data.read_column(additional_column(name), np.arange(2))[0].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_what_has_any_name_is_replaced_and_removed(name: str) -> None:
    network = reopened(network_with(NAMES))
    network.files.store(name, StoredContent.of("other", None, None, 6))
    assert "other" == reopened(network).files.load(name).content()
    network.files.remove(name)
    network.remove_placement(name)
    network.remove_connectivity(name)
    network = reopened(network)
    others = tuple(sorted(set(NAMES) - {name}))
    assert (others,) * 3 == (
        network.placement_names(),
        network.connectivity_tags(),
        network.files.ids(),
    )
    assert name not in network.files


@pytest.mark.parametrize(
    "name", ["\ud800", "a/\ud800", "%\udcff", "\udcff" * 70, "/\ud800" * 70, "a\0/b", "/\0" * 100]
)
def test_nothing_has_a_name_that_can_not_be_stored(name: str) -> None:
    network = new_network()
    assert name not in network.files
    with pytest.raises(FileNotStoredError):
        network.files.load(name)
    with pytest.raises(FileNotStoredError):
        network.files.remove(name)
    for find in (network.placement, network.connectivity):
        with pytest.raises(SetNotFoundError):
            find(name)
    data = network.placement("cell")
    assert 0 == len(data.read_column(additional_column(name), data.chunks())[0])
    with pytest.raises(InvalidNameError):
        network.files.store(name, StoredContent.of("text", None, None, 6))
    with pytest.raises(InvalidNameError):
        network.create_placement(name, created_at="now")
    with pytest.raises(InvalidNameError):
        network.create_connectivity(name, "cell", "cell", created_at="now")


@pytest.mark.parametrize("name", ["%a%2Fb", "%", "x" * 300])
def test_a_member_without_the_attribute_bears_its_own_name(name: str) -> None:
    """As networks hold them that were made before names were encoded."""
    network = new_network()
    files = network._root.require_group("stored_files")
    files.write_document(name, "text")
    assert (name,) == network.files.ids()
    assert "text" == network.files.load(name).data.decode()
    sets = network._root.group("placement_sets")
    placed = sets.require_group(name)
    for attribute in ("revision", "tally"):
        placed.attributes.set(attribute, sets.group("cell").attributes.get(attribute))
    placed.attributes.set("cell_type", name)
    placed.create_array("segments", np.zeros((0, 4), dtype=np.int64))
    assert 0 == network.placement(name).counts().total
    assert sorted(("cell", name)) == list(network.placement_names())


def test_a_name_whose_member_is_taken_is_refused_before_anything_changes() -> None:
    network = new_network()
    files = network._root.require_group("stored_files")
    files.write_document("%a%2Fb", "text")
    with pytest.raises(InvalidNameError, match="exists already"):
        network.files.store("a/b", StoredContent.of("other", None, None, 6))
    assert "a/b" not in network.files
    assert b"text" == network.files.load("%a%2Fb").data
    assert find_member(files, "a/b", "id") is None


def test_an_attribute_that_is_no_name_is_corrupt() -> None:
    files = new_network()._root.require_group("stored_files")
    files.write_document("%x", "text").attributes.set("id", 5)
    with pytest.raises(CorruptNetworkError, match="'id' of '%x'"):
        name_of(files, "%x", "id")


def test_the_path_of_a_set_is_that_of_its_member() -> None:
    network = network_with(["a/b"])
    assert "/placement_sets/%a%2Fb" == network.place("placement", "a/b")
    assert "/connectivity_sets/%a%2Fb" == network.place("connectivity", "a/b")
    assert "/stored_files/%a%2Fb" == network.place("files", "a/b")
    assert "/placement_sets/c" == network.place("placement", "c")


def test_the_layout_knows_the_attributes_that_say_names() -> None:
    network = reopened(network_with([*NAMES, "plain"]))
    assert [] == list(network.unknown())
    document = network._root.group("stored_files").document("plain")
    document.attributes.set("id", "that of a user")
    assert ["id"] == [each.name for each in network.unknown()]


@pytest.mark.parametrize(("attribute", "table"), [(True, False), (False, True), (False, False)])
def test_a_damaged_set_is_one_as_long_as_it_has_its_table_or_an_attribute(
    attribute: bool, table: bool
) -> None:
    group = new_root()
    for name, key, rows in (("cells", "cell_type", "segments"), ("synapses", "pre", "blocks")):
        member = group.require_group(name)
        if attribute:
            member.attributes.set(key, "granule")
        if table:
            member.create_array(rows, np.zeros((2, 4), dtype=np.int64))
    is_one = attribute or table
    assert is_one == is_placement(group, "cells") == is_connectivity(group, "synapses")


def test_what_lies_among_sets_and_is_none_is_no_set() -> None:
    network = network_with(["a/b"])
    for part in ("placement_sets", "connectivity_sets"):
        network._root.group(part).write_document("note", "text")
    assert ("a/b",) == network.placement_names() == network.connectivity_tags()
    for find in (network.placement, network.connectivity):
        with pytest.raises(SetNotFoundError, match="there is: 'a/b'"):
            find("note")
