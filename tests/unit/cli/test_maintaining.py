"""The commands that verify, repair, rewrite and copy do what the library does, and say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsb_hdf5 import engine_of, open_storage
from bsb_hdf5.queries import counts
from tests.unit.cli.conftest import Run


def test_a_network_in_order_has_no_findings(run: Run, root: Path) -> None:
    outcome = run("verify", root)
    assert (0, f"nothing is wrong in '{root}'\n") == (outcome.code, outcome.out)
    assert [] == run("verify", root, "--json").document()["findings"]


@pytest.mark.parametrize("layout", ["classic"], indirect=True)
def test_damage_exits_with_1_until_it_is_repaired(run: Run, root: Path) -> None:
    import h5py

    with h5py.File(root, "r+") as file:
        file["placement/granule"].attrs["len"] = 99
    found = run("verify", root)
    assert 1 == found.code
    assert "bsb storage repair" in found.out
    done = run("repair", root, "--json")
    assert 0 == done.code
    assert done.document()["repaired"]
    assert 0 == run("verify", root).code


def test_a_repack_says_bytes_before_and_after(run: Run, root: Path) -> None:
    before = root.stat().st_size
    document = run("repack", root, "--json").document()
    assert (before, root.stat().st_size) == (document["before"], document["after"])
    assert "before" in run("repack", root, "--compress").out


def test_a_network_is_converted_and_copied(run: Run, root: Path, tmp_path: Path) -> None:
    other = "columnar" if engine_of(str(root)).layout == "classic" else "classic"
    expected = counts(str(root))
    converted, copied = tmp_path / "converted.hdf5", tmp_path / "copied.hdf5"
    document = run("convert", root, converted, "--layout", other, "--json").document()
    sizes = root.stat().st_size, converted.stat().st_size
    assert sizes == (document["before"], document["after"])
    assert other == engine_of(str(converted)).layout
    document = run("copy", root, copied, "--json").document()
    assert root.read_bytes() == copied.read_bytes()
    assert document["before"] == document["after"] == root.stat().st_size
    for path in (converted, copied):
        assert expected == counts(open_storage(str(path)))


@pytest.mark.parametrize("command", ["convert", "copy"])
def test_what_is_at_the_target_stays(run: Run, root: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "taken").write_text("mine")
    outcome = run(command, root, tmp_path / "taken")
    assert (2, "mine") == (outcome.code, (tmp_path / "taken").read_text())
    assert "exists" in outcome.err


@pytest.mark.parametrize("layout", ["columnar"])
def test_the_name_of_the_target_decides_the_engine(run: Run, root: Path, tmp_path: Path) -> None:
    for source, target, expected, more in (
        (root, "a.zarr", "zarr", ()),
        (tmp_path / "a.zarr", "b.H5", "hdf5", ()),
        (tmp_path / "a.zarr", "c", "zarr", ()),
        (root, "d.zarr", "hdf5", ("--engine", "hdf5")),
    ):
        document = run("convert", source, tmp_path / target, *more, "--json").document()
        assert expected == document["engine"], target


@pytest.mark.parametrize("layout", ["columnar"])
def test_a_url_is_not_taken_for_a_folder(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, message in (
        (("copy", root, "s3://lab/net"), "bsb storage convert makes a zarr network of it there"),
        (("export", root, "s3://lab/net"), "is a URL; name a file or folder"),
        (("import", "s3://lab/net", tmp_path / "made"), "is a URL; name a file or folder"),
        (("plot", root, "-o", "s3://lab/net.html"), "is a URL; name a file or folder"),
    ):
        outcome = run(*arguments)
        assert 2 == outcome.code
        assert message in outcome.err
    assert not (tmp_path / "s3:").exists()


@pytest.mark.parametrize("layout", ["columnar"])
@pytest.mark.parametrize("command", ["convert", "copy", "export", "plot"])
def test_a_folder_that_is_missing_or_is_a_file_is_named(
    run: Run, root: Path, tmp_path: Path, command: str
) -> None:
    option = ("-o",) if command == "plot" else ()
    missing, file = tmp_path / "missing", tmp_path / "file"
    file.touch()
    outcome = run(command, root, *option, missing / "a.html")
    assert f"the folder '{missing}' of '{missing}/a.html' does not exist" in outcome.err
    outcome = run(command, root, *option, file / "a.html")
    assert f"'{file}'" in outcome.err
    assert " is a file" in outcome.err
    assert 1 == len(outcome.err.splitlines())
