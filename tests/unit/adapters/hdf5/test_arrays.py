"""Groups, arrays, documents and attributes as they lie in HDF5 files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from bsb_hdf5.adapters.hdf5 import arrays
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.core.layouts.optional_verbs import read_integers
from bsb_hdf5.errors import CorruptNetworkError, StorageError
from bsb_hdf5.ports.arrays import ArrayWriter
from bsb_hdf5.testing.contents import contents_of, make, reading, snapshot, value_of, writing

NAMES = [f"morphology {i}" for i in range(5000)]


def old_file(path: Path) -> Hdf5Store:
    """A file in HDF5's first format, as libraries of old make them."""
    with h5py.File(path, "w", libver="earliest") as file:
        group = file.create_group("sets").create_group("set")
        group.attrs["text"] = "kept"
        group.attrs["numbers"] = np.arange(3, dtype=np.int16)
        group.attrs["names"] = ["a", "b"]
        group.create_group("inner").attrs["text"] = "below"
        group.create_dataset("rows", data=np.arange(4), maxshape=(None,))
    return Hdf5Store(str(path))


def test_a_session_that_only_resizes_is_stored(path: Path) -> None:
    store = old_file(path)
    for length in (2, 7):
        with writing(store) as root:
            root.group("sets").group("set").array("rows").resize(length)
        with reading(store) as root:
            assert (length,) == root.group("sets").group("set").array("rows").shape


def test_nothing_in_a_file_has_the_time_at_which_it_was_made(path: Path) -> None:
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        group = root.require_group("group")
        group.create_array("array", np.arange(3))
        group.write_document("document", b"text")
        group.attributes.set("large", LARGE["200 KB"])
    with h5py.File(path) as file:
        for name in ("/", "group", "group/array", "group/document"):
            times = h5py.h5o.get_info(file[name].id)
            assert (0, 0) == (times.mtime, times.ctime), name


LARGE: dict[str, Any] = {
    "64 KB and a bit": np.arange(65_536, dtype=np.int8),
    "200 KB": np.arange(25_000, dtype=np.int64),
    "as many chunks as 8.0.2 could not hold": np.arange(3 * 11_000, dtype=np.int16).reshape(-1, 3),
    "more names than 8.0.2 could hold": NAMES,
    "very many names": NAMES * 3,
}


@pytest.mark.parametrize("title", LARGE)
def test_a_group_in_the_first_format_takes_large_attributes(path: Path, title: str) -> None:
    store = old_file(path)
    before = snapshot(store)
    with writing(store) as root:
        group = root.group("sets").group("set")
        group.attributes.set("large", LARGE[title])
        # What was opened before goes on.
        group.attributes.set("small", 5)
        group.group("inner").attributes.set("after", "x")
        group.array("rows").append(np.array([4]))
    found = snapshot(store)["members"]["sets"]["members"]["set"]
    expected = before["members"]["sets"]["members"]["set"]
    expected["attributes"] |= {
        "large": value_of(LARGE[title]),
        "small": value_of(np.int64(5)),
    }
    expected["members"]["inner"]["attributes"]["after"] = value_of("x")
    expected["members"]["rows"]["rows"] = value_of(np.arange(5))
    assert expected == found
    with h5py.File(path) as file:
        assert ["set"] == list(file["sets"])


def test_a_group_in_the_first_format_leaves_its_siblings_alone(path: Path) -> None:
    store = old_file(path)
    with h5py.File(path, "r+") as file:
        file["sets"].create_group("set.new").attrs["text"] = "another set"
    before = snapshot(store)["members"]["sets"]["members"]["set.new"]
    with writing(store) as root:
        root.group("sets").group("set").attributes.set("large", np.arange(30_000))
    found = snapshot(store)["members"]["sets"]["members"]
    assert ["set", "set.new"] == [*found]
    assert before == found["set.new"]
    assert "large" in found["set"]["attributes"]


def test_a_large_attribute_replaces_a_small_one_in_the_first_format(path: Path) -> None:
    store = old_file(path)
    large = np.arange(30_000)
    for value in (large, np.arange(2), large[::-1].copy()):
        with writing(store) as root:
            root.group("sets").group("set").attributes.set("numbers", value)
    with reading(store) as read:
        found = read.group("sets").group("set").attributes
        assert value_of(large[::-1].copy()) == value_of(found.get("numbers"))
        assert {"text", "numbers", "names"} == set(found.names())


def test_large_attributes_are_undone_with_their_session(path: Path) -> None:
    store = old_file(path)
    before = path.read_bytes()
    session = store.open_write()
    session.root.group("sets").group("set").attributes.set("large", np.arange(30_000))
    session.rollback()
    assert before == path.read_bytes()


def size_after(store: Hdf5Store, path: Path, change: Callable[[Any, int], Any]) -> list[int]:
    """The size of the file after each of 50 sessions."""
    sizes = []
    for i in range(50):
        with writing(store) as root:
            change(root, i)
        sizes.append(path.stat().st_size)
    return sizes


@pytest.mark.parametrize("length", [10, 500, 20_000])
@pytest.mark.parametrize("holder", ["root", "old group", "array"])
def test_texts_rewritten_with_the_same_length_take_no_space(
    path: Path, length: int, holder: str
) -> None:
    store = old_file(path)

    def rewrite(root: Any, i: int) -> None:
        group = root.group("sets").group("set")
        holders = {"root": root, "old group": group, "array": group.array("rows")}
        holders[holder].attributes.set("statistics", f"{i:02}" * (length // 2))

    sizes = size_after(store, path, rewrite)
    assert sizes[1] == sizes[-1]
    with h5py.File(path) as file:
        object_ = {"root": "/", "old group": "sets/set", "array": "sets/set/rows"}[holder]
        assert "49" * (length // 2) == file[object_].attrs["statistics"]


@pytest.mark.parametrize("content", [b"%02d", "%02d"])
def test_documents_rewritten_with_the_same_length_take_no_space(
    path: Path, content: bytes | str
) -> None:
    store = Hdf5Store(str(path))
    make(store)
    sizes = size_after(
        store,
        path,
        lambda root, i: root.write_document("d", content % i * 400),
    )
    assert sizes[1] == sizes[-1]


def test_integers_rewritten_take_no_space(path: Path) -> None:
    store = Hdf5Store(str(path))
    make(store)

    def rewrite(root: Any, i: int) -> None:
        root.require_group("g").attributes.set_integers({str(n): n * i for n in range(20)})

    sizes = size_after(store, path, rewrite)
    assert sizes[1] == sizes[-1]


def test_an_array_of_very_many_small_appends_is_stored_in_larger_pieces(path: Path) -> None:
    store = make(Hdf5Store(str(path)))
    rows = np.arange(3 * 4000).reshape(-1, 3)
    with writing(store) as root:
        array = root.create_array("x", rows[:1])
        for i in range(1, 4000):
            array.append(rows[i : i + 1])
            if i == 3000:
                array.write(5, -rows[5:9])
    with h5py.File(path) as file:
        pieces = -(-4000 // file["x"].chunks[0])
        assert 64 >= pieces
        assert (None, 3) == file["x"].maxshape
        rows[5:9] *= -1
        assert value_of(rows) == value_of(file["x"][:])
        assert ["x"] == list(file)
    assert 4 * rows.nbytes > path.stat().st_size


def test_an_array_that_grows_by_zeros_is_stored_in_larger_pieces(path: Path) -> None:
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        array = root.create_array("x", np.array([1, 2, 3], dtype=np.int32))
        array.resize(1_000_000)
        array.write(999_999, np.array([4], dtype=np.int32))
        assert (1_000_000,) == array.shape
    with h5py.File(path) as file:
        assert 64 >= 1_000_000 // file["x"].chunks[0]
        assert (None,) == file["x"].maxshape
        assert ([0, 1, 2, 999_999], 10) == (file["x"][:].nonzero()[0].tolist(), file["x"][:].sum())


def test_whoever_uses_an_array_goes_on_with_it_when_it_is_stored_in_larger_pieces(
    path: Path,
) -> None:
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        first, second = root.create_array("x", np.zeros(3)), root.array("x")
        first.append(np.ones(10_000))
        second.append(np.full(2, 2.0))
        first.append(np.full(1, 3.0))
        assert (10_006,) == first.shape == second.shape == root.array("x").shape
    with reading(store) as root:
        assert [1, 2, 2, 3] == root.array("x").read(10_002).tolist()


@pytest.mark.parametrize("handle", ["session", "file"])
def test_a_dataset_that_a_caller_holds_gets_all_rows(path: Path, handle: str) -> None:
    store: Any = make(Hdf5Store(str(path)))
    root: Any
    with writing(store) as root:
        root.create_array("x", np.zeros(3))
    with ExitStack() as stack:
        if handle == "session":
            root = stack.enter_context(writing(store))
            held = root.native()["x"]
        else:
            held = stack.enter_context(h5py.File(path, "r+"))["x"]
            root = store.adopt(held.file)[0].root
        first, second = root.array("x"), root.array("x")
        assert (3,) == first.shape == second.shape
        first.append(np.ones(10_000))
        second.append(np.full(2, 2.0))
        assert [1, 2, 2] == held[10_002:].tolist()
        held[10_002] = 4
    with reading(store) as root:
        assert [4, 2, 2] == root.array("x").read(10_002).tolist()


@pytest.mark.parametrize(("rows", "most"), [(1, 6_000), (50, 8_000), (5000, 150_000)])
def test_an_array_takes_little_more_space_than_its_rows(path: Path, rows: int, most: int) -> None:
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        root.create_array("x", np.ones((rows, 3)))
    assert most > path.stat().st_size


def test_rows_are_read_from_among_very_many_that_were_never_written(path: Path) -> None:
    store, many = make(Hdf5Store(str(path))), 1 << 32
    with writing(store) as root:
        array = root.create_array("x", np.arange(1, 4, dtype=np.int32))
        array.resize(many)
        array.write(many - 2, np.array([4, 5], dtype=np.int32))
        assert [2, 3, 0] == array.read(1, 4).tolist()
        ends = np.array([0, many - 1]), np.array([2, many])
        assert [1, 2, 5] == array.read_ranges(*ends).tolist()
        for most in (many, 1 << 29):
            with pytest.raises(CorruptNetworkError, match="claims to hold"):
                array.read(0, most)
        starts = np.arange(0, many, 1 << 23)
        with pytest.raises(CorruptNetworkError, match="claims to hold"):
            array.read_ranges(starts, starts + (1 << 20))


def test_a_file_may_hold_somewhat_more_than_it_has_bytes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_MOST_UNQUESTIONED", 0)
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        array = root.create_array("x", np.zeros(1))
        array.resize(64)
        assert 64 == len(array.read())


# What other programs put into a file


@pytest.fixture
def foreign(path: Path, tmp_path: Path) -> Hdf5Store:
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["group/x"] = 1
    with h5py.File(path, "w") as file:
        file["group/x"] = np.arange(3)
        file["soft"] = h5py.SoftLink("/group")
        file["soft array"] = h5py.SoftLink("/group/x")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["external"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "/group")
        file["hard"] = file["group"]
        file["scalar"] = 5
        file["texts"] = ["a", "b"]
        file["compound"] = np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])
        file["type"] = np.dtype("f8")
    return Hdf5Store(str(path))


@pytest.mark.parametrize("name", ["soft", "soft array", "dangling", "external"])
@pytest.mark.parametrize("kind", ["group", "array", "document"])
def test_links_that_lead_elsewhere_are_not_followed(
    foreign: Hdf5Store, name: str, kind: str
) -> None:
    with reading(foreign) as read, pytest.raises(CorruptNetworkError, match=f"'{name}' is a link"):
        getattr(read, kind)(name)
    with writing(foreign) as root, pytest.raises(CorruptNetworkError, match=f"'{name}' is a link"):
        getattr(root, kind)(name)


def test_hard_links_are_members_like_others(foreign: Hdf5Store) -> None:
    with reading(foreign) as read:
        assert contents_of(read.group("group")) == contents_of(read.group("hard"))


@pytest.mark.parametrize("name", ["scalar", "texts", "compound", "type"])
def test_what_are_no_rows_of_numbers_are_not_read_as_such(foreign: Hdf5Store, name: str) -> None:
    with reading(foreign) as read, pytest.raises(StorageError, match=name):
        read.array(name).read()


@pytest.mark.parametrize("name", ["scalar", "texts", "compound", "type", "group"])
def test_what_is_no_text_is_not_read_as_such(foreign: Hdf5Store, name: str) -> None:
    with reading(foreign) as read, pytest.raises(StorageError, match=name):
        read.document(name).read()


def test_strings_of_every_kind_are_read(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["variable"] = "é"
        file["variable ascii"] = np.array(b"ab", dtype=h5py.string_dtype("ascii"))
        file["fixed"] = np.array(b"ab\0\0c")
        file["opaque"] = np.void(b"ab\0\0")
    with reading(Hdf5Store(str(path))) as read:
        assert "é".encode() == read.document("variable").read()
        assert b"ab" == read.document("variable ascii").read()
        assert b"ab\0\0c" == read.document("fixed").read()
        assert b"ab\0\0" == read.document("opaque").read()


def test_attributes_of_every_kind_are_read(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["fixed"] = np.bytes_("ab")
        file.attrs["fixed texts"] = np.array([b"a", b"bc"])
        file.attrs["variable"] = "é"
        file.attrs["nothing"] = h5py.Empty("f8")
        file.attrs["small"] = np.int8(-3)
        file.attrs["flag"] = True
    with reading(Hdf5Store(str(path))) as read:
        get = read.attributes.get
        assert ("ab", ["a", "bc"], "é", None) == (
            get("fixed"),
            get("fixed texts"),
            get("variable"),
            get("nothing"),
        )
        assert value_of(np.int8(-3)) == value_of(get("small"))
        assert get("flag")
        assert [-3] == read_integers(read.attributes, ["small"]).tolist()


def test_fixed_texts_are_replaced_whole(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["text"] = np.bytes_("ab")
        file["document"] = np.array(b"ab")
    store = Hdf5Store(str(path))
    with writing(store) as root:
        root.attributes.set("text", "longer than it was")
        root.write_document("document", "longer than it was")
    with reading(store) as read:
        assert "longer than it was" == read.attributes.get("text")
        assert b"longer than it was" == read.document("document").read()


def test_what_is_stored_is_what_other_programs_read(path: Path) -> None:
    with writing(make(Hdf5Store(str(path)))) as root:
        root.create_array("rows", np.arange(6.0).reshape(2, 3))
        root.write_document("text", "é").attributes.set("names", ["a", "é"])
        root.write_document("bytes", b"ab\0\0")
        root.require_group("小脳").attributes.set("number", 5)
    with h5py.File(path) as file:
        assert [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] == file["rows"][:].tolist()
        assert "é".encode() == file["text"][()]
        assert ["a", "é"] == list(file["text"].attrs["names"])
        assert 4 == file["bytes"].dtype.itemsize
        assert 5 == file["小脳"].attrs["number"]


@pytest.mark.parametrize("link", [h5py.SoftLink("/nowhere"), h5py.ExternalLink("no.hdf5", "/x")])
def test_links_that_lead_nowhere_are_deleted(tmp_path: Path, link: Any) -> None:
    store = Hdf5Store(str(tmp_path / "network.hdf5"))
    make(store)
    with h5py.File(store.location, "r+") as file:
        file.create_group("group")["within"] = link
        file["beside"] = link
    with writing(store) as root:
        root.delete("group")
        root.delete("beside")
    with h5py.File(store.location, "r") as file:
        assert not list(file)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rows", [50, 9_000, 20_000], ids="{} rows".format)
def test_an_array_holds_what_was_written_whatever_its_pieces(
    path: Path, rows: int, seed: int
) -> None:
    """HDF5 holds small pieces in memory, and of larger ones only the rows are written."""
    rng = np.random.default_rng(seed)
    held = np.arange(1, rows + 1)
    store = make(Hdf5Store(str(path)), lambda root: root.create_array("x", held))

    def change(array: ArrayWriter, held: NDArray[np.int64]) -> NDArray[np.int64]:
        number = int(rng.choice([1, 20, 9_000]))
        some = rng.integers(1, 1_000, number)
        verb = rng.choice(["append", "write", "cut", "extend"])
        if verb == "append":
            array.append(some)
            return np.concatenate((held, some))
        if verb == "write":
            first = int(rng.integers(0, len(held) + 1))
            some = some[: len(held) - first]
            array.write(first, some)
            return np.concatenate((held[:first], some, held[first + len(some) :]))
        length = max(0, len(held) - number) if verb == "cut" else len(held) + number
        array.resize(length)
        return np.concatenate((held[:length], np.zeros(max(0, length - len(held)), np.int64)))

    for step in range(12):
        if step % 4 == 0:
            FILE_POOL.drop(store)
        with writing(store) as root:
            for _ in range(rng.integers(1, 4)):
                held = change(root.array("x"), held)
            if step % 3 == 0:
                np.testing.assert_array_equal(held, root.array("x").read())
        with reading(store) as read:
            np.testing.assert_array_equal(held, read.array("x").read())
            for first in rng.integers(0, len(held) + 1, 12):
                bounds = np.array([first]), np.array([min(first + 700, len(held))])
                found = read.array("x").read_ranges(*bounds)
                np.testing.assert_array_equal(held[first : first + 700], found)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(held, file["x"][()])
