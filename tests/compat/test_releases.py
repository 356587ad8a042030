"""
Files that earlier releases of bsb-hdf5 wrote are read as those releases read them.

``tests/compat/releases/make.py`` makes the files, and beside each what its release reads from it.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from bsb import BsbProvenanceUpgradeWarning, Storage

from bsb_hdf5.exchange.convert import convert
from tests.compat.exchange import differences
from tests.compat.releases.make import PREFIX, RELEASES
from tests.compat.releases.network import cell_type, chunk, numbers, read

FILES = Path(__file__).parent / "files"


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def file(release: str, tmp_path: Path) -> Path:
    path = tmp_path / "network.hdf5"
    path.write_bytes(gzip.decompress((FILES / f"{PREFIX}{release}.hdf5.gz").read_bytes()))
    return path


@pytest.fixture
def expected(release: str) -> Any:
    return json.loads(gzip.decompress((FILES / f"{PREFIX}{release}.json.gz").read_bytes()))


def found(path: Path) -> Any:
    return json.loads(json.dumps(read(str(path))))


def test_a_file_is_read_as_its_release_reads_it(file: Path, expected: Any) -> None:
    before = file.read_bytes()
    assert [] == differences(expected, found(file))
    assert before == file.read_bytes()


def test_all_releases_wrote_the_same_network() -> None:
    first, *others = (read_by(release) for release in RELEASES)
    for each in others:
        assert [] == differences(first, each)


def read_by(release: str) -> Any:
    """What a release read from its file; since release 8 files have their digest among the meta."""
    content = gzip.decompress((FILES / f"{PREFIX}{release}.json.gz").read_bytes())
    read = json.loads(content)
    for each in read["files"].values():
        each["meta"].pop("content_sha256", None)
    return read


def test_a_file_grows_and_keeps_what_it_held(release: str, file: Path, expected: Any) -> None:
    storage = Storage("hdf5", str(file))
    mitrals = storage.require_placement_set(cell_type("silent"))
    if release.startswith("8"):
        mitrals.append_data(chunk(0), positions=numbers(60, 2, 3))
    else:
        with pytest.warns(BsbProvenanceUpgradeWarning):
            mitrals.append_data(chunk(0), positions=numbers(60, 2, 3))
    after = found(file)
    assert 2 == after["cells"].pop("silent")["number"]
    expected["cells"].pop("silent")
    for held in (after, expected):
        held.pop("statistics")
    assert [] == differences(expected, after)


def test_a_file_is_converted_whole(file: Path, expected: Any) -> None:
    target = file.with_name("columnar.hdf5")
    convert(str(file), str(target), layout="columnar")
    assert [] == differences(expected, found(target))
