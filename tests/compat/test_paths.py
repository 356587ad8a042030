"""Names with slashes, which bsb-hdf5 8.0.2 takes for paths, go both ways between the engines."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import pytest
from bsb import Storage

from bsb_hdf5 import convert, repack
from bsb_hdf5.maintenance.integrity import verify
from tests.compat import paths
from tests.compat.exchange import FOLDER, Interpreter

pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(1200)]

SCRIPT = FOLDER / "paths.py"


def create(engine: Interpreter, file: Path) -> Path:
    file.parent.mkdir()
    engine.run(SCRIPT, "create", file.name, folder=file.parent)
    return file


def extended(engine: Interpreter, file: Path) -> Path:
    copy = file.with_name(f"{engine.name}.hdf5")
    shutil.copy(file, copy)
    engine.run(SCRIPT, "extend", copy.name, folder=copy.parent)
    return copy


def read(engine: Interpreter, file: Path) -> Any:
    out = file.with_name(f"{file.name}.{engine.name}.json")
    engine.run(SCRIPT, "read", file.name, out.name, folder=file.parent)
    return json.loads(out.read_text(encoding="utf-8"))


def places(file: Path) -> set[str]:
    """Where all lies in a file, but for the one file whose id is made up."""
    found: set[str] = set()
    with h5py.File(file) as opened:
        opened.visit(found.add)
    return found


@pytest.fixture(scope="module")
def their_file(theirs: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(theirs, tmp_path_factory.mktemp("paths") / "theirs" / "network.hdf5")


@pytest.fixture(scope="module")
def our_file(ours: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create(ours, tmp_path_factory.mktemp("paths") / "ours" / "network.hdf5")


def test_all_lies_at_the_same_paths(their_file: Path, our_file: Path) -> None:
    theirs, ours = places(their_file), places(our_file)
    # Theirs makes arrays of columns that have no rows yet.
    unused = {path.rsplit("/", maxsplit=1)[-1] for path in theirs - ours}
    assert ({"morphology", "rotation"}, set()) == (unused, ours - theirs)


def test_either_reads_what_either_wrote(
    ours: Interpreter, theirs: Interpreter, their_file: Path, our_file: Path
) -> None:
    expected = read(theirs, their_file)
    for file in (their_file, our_file, extended(ours, their_file), extended(theirs, our_file)):
        added = 6 if file.name != "network.hdf5" else 0
        for engine in (ours, theirs):
            found = read(engine, file)
            assert [6 + added, 4] == found["cells"], (engine.name, file)
            assert expected.keys() == found.keys()
            if not added:
                assert expected == found, (engine.name, file)


def test_what_they_wrote_is_listed_by_its_whole_name(their_file: Path) -> None:
    storage = Storage("hdf5", str(their_file))
    assert () == verify(storage).findings
    names = sorted(
        p.tag for p in map(storage.get_placement_set, map(paths.cell_type, [paths.CELLS]))
    )
    assert [paths.CELLS] == names
    assert [paths.TAG] == [each.tag for each in storage.get_connectivity_sets()]
    # They do not keep the id itself, and HDF5 takes two slashes for one.
    assert {id_.replace("//", "/") for id_ in paths.FILES} == {*storage.files.all()}
    assert all(storage.files.has(id_) for id_ in paths.FILES)


def test_what_is_rewritten_is_the_same(
    ours: Interpreter, theirs: Interpreter, their_file: Path, tmp_path: Path
) -> None:
    expected = read(theirs, their_file)
    repacked = Path(shutil.copy(their_file, tmp_path / "repacked.hdf5"))
    repack(str(repacked))
    copy = tmp_path / "copy.hdf5"
    convert(str(their_file), str(copy), layout="classic")
    for file in (repacked, copy):
        assert expected == read(theirs, file)
        assert expected == read(ours, file)
