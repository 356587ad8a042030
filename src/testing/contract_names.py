"""Names: any that a network may give to a member or an attribute."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from ..errors import NodeNotFoundError
from .contents import make, reading, writing
from .contract_samples import NewStore

_ACCENTED = "Purkinjé"

NAMES: dict[str, tuple[str, ...]] = {
    "that differ by case": ("Granule", "granule", "GRANULE"),
    "of one look, composed and not": (
        unicodedata.normalize("NFC", _ACCENTED),
        unicodedata.normalize("NFD", _ACCENTED),
    ),
    "with blanks and dots at their ends": ("a", "a ", " a", "a.", ".a", "a\t"),
    "of many bytes": ("x" * 255, "x" * 254 + "y", "é" * 120 + "a", "é" * 120 + "b"),
    "of more bytes than a file name has": ("x" * 300, "x" * 299 + "y", "é" * 700),
    "of one character": ("*", "?", ":", "\\", '"', "%", "_", "~", "0", "\n"),
    "that a system keeps for itself": ("CON", "nul.txt", "zarr.json", "__proto__", "LOCK"),
    "of other scripts": ("小脳", "мозжечок", "🧠"),
}


# Members have no names with a slash.
NAMES_OF_ATTRIBUTES = NAMES | {"with slashes": ("a/b", "a_b", "a%2Fb", "/", "a/")}


class NameContract:
    """The promises of a store about names."""

    @pytest.mark.parametrize("title", NAMES)
    def test_members_are_distinguished_by_names(self, new_store: NewStore, title: str) -> None:
        store, names = make(new_store("a")), NAMES[title]
        with writing(store) as root:
            for number, name in enumerate(names):
                root.require_group("groups").require_group(name).attributes.set("n", number)
                root.require_group("arrays").create_array(name, np.array([number]))
                root.require_group("documents").write_document(name, str(number))
        with reading(store) as read:
            for kind in ("groups", "arrays", "documents"):
                assert tuple(sorted(names)) == read.group(kind).names()
            for number, name in enumerate(names):
                assert number == read.group("groups").group(name).attributes.get("n")
                assert [number] == read.group("arrays").array(name).read().tolist()
                assert str(number).encode() == read.group("documents").document(name).read()

    @pytest.mark.parametrize("title", NAMES_OF_ATTRIBUTES)
    def test_attributes_are_distinguished_by_names(self, new_store: NewStore, title: str) -> None:
        store, names = make(new_store("a")), NAMES_OF_ATTRIBUTES[title]
        with writing(store) as root:
            for number, name in enumerate(names):
                root.attributes.set(name, number)
        with reading(store) as read:
            assert sorted(names) == sorted(read.attributes.names())
            assert list(range(len(names))) == [read.attributes.get(name) for name in names]

    @pytest.mark.parametrize("title", NAMES)
    def test_only_the_name_given_is_deleted(self, new_store: NewStore, title: str) -> None:
        store, (first, *rest) = make(new_store("a")), NAMES[title]
        with writing(store) as root:
            for name in (first, *rest):
                root.create_array(name, np.zeros(1))
        with writing(store) as root:
            root.delete(first)
            with pytest.raises(NodeNotFoundError):
                root.array(first)
            assert tuple(sorted(rest)) == root.names()
