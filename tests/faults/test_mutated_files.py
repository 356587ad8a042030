"""
Files in which bits flipped, that were cut, or of which parts are zeros or somewhere else.

Each is read, verified and repaired in a process of its own, with little memory. What can be read
may be wrong; what can't is an error of ours. ``BSB_HDF5_TESTING_EXAMPLES=1000 pytest
tests/faults/test_mutated_files.py`` tries that many of each kind; see also
:mod:`tests.faults.corruption`.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from bsb import Storage
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bsb_hdf5.adapters.hdf5.atomic.journal import read_journal
from bsb_hdf5.testing.network_machine import EXAMPLES_VARIABLE
from tests.face.hostile_reader import Reader
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import SmallNetwork, chunk, on_soma, positions
from tests.faults.corruption import KINDS, Damaged, Mutation, grow, judged, mutated, parts_of
from tests.faults.dying import die_at, in_child

COMPAT = Path(__file__).parents[1] / "compat" / "files"
ASKED = os.environ.get(EXAMPLES_VARIABLE)
SECONDS = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 if ASKED is None else 100_000)]


def examples(count: int) -> settings:
    """So many examples, the same in each run; or as many others as are asked for."""
    return settings(
        max_examples=int(ASKED) if ASKED else count,
        derandomize=not ASKED,
        # To shrink one takes minutes, and its mutations are few.
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


shares = st.floats(0, 1)
mutations = st.lists(
    st.builds(
        Mutation,
        kind=st.sampled_from(KINDS),
        marked=st.booleans(),
        place=shares,
        other=shares,
        bits=st.integers(1, 255),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """Judges all files of this module."""
    with Reader() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated")


@pytest.fixture(scope="module")
def sound(folder: Path) -> dict[str, Path]:
    """The file of a small network, by layout; one is of 8.0.2."""
    files = {name: folder / f"sound-{name}" for name in (*LAYOUTS, "8.0.2")}
    for layout in LAYOUTS:
        grow(SmallNetwork.build(new_storage(files[layout], layout)))
    packed = (COMPAT / "created-default.hdf5.gz").read_bytes()
    files["8.0.2"].write_bytes(gzip.decompress(packed))
    return files


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_is_sound_is_read_without_problems(
    reader: Reader, folder: Path, sound: dict[str, Path], layout: str
) -> None:
    path = folder / "file"
    shutil.copyfile(sound[layout], path)
    outcome = judged(reader, path)
    assert {} == outcome.problems
    assert {"a": 5, "b": 707, "a_to_b": 3003} == outcome.sizes


@pytest.mark.parametrize("layout", LAYOUTS)
@examples(10)
@given(changes=mutations)
def test_a_mutated_file_does_no_harm(
    reader: Reader, folder: Path, sound: dict[str, Path], layout: str, changes: list[Mutation]
) -> None:
    path = folder / "file"
    path.write_bytes(mutated(sound[layout].read_bytes(), changes))
    assert {} == judged(reader, path, seconds=SECONDS).problems


@examples(4)
@given(changes=mutations)
def test_a_mutated_file_of_8_0_2_does_no_harm(
    reader: Reader, folder: Path, sound: dict[str, Path], changes: list[Mutation]
) -> None:
    path = folder / "file"
    path.write_bytes(mutated(sound["8.0.2"].read_bytes(), changes))
    outcome = judged(
        reader,
        path,
        types=["granule", "pyramidal", "mossy"],
        tags={"granule_to_stellate": ["granule", "stellate"]},
        seconds=2 * SECONDS,
    )
    assert {} == outcome.problems


@pytest.mark.parametrize("layout", LAYOUTS)
def test_heaps_of_texts_that_have_no_end_do_no_harm(
    reader: Reader, folder: Path, sound: dict[str, Path], layout: str
) -> None:
    data, path = bytearray(sound[layout].read_bytes()), folder / "file"
    heaps = [match.start() for match in re.finditer(b"GCOL", data)]
    assert heaps
    for heap in heaps:
        # The first object becomes free space of no length.
        data[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(data)
    assert {} == judged(reader, path, seconds=SECONDS).problems


@pytest.mark.parametrize("layout", ["columnar", "zarr"])
def test_rows_that_changed_unnoticed_would_be_found(
    reader: Reader, tmp_path: Path, layout: str
) -> None:
    networks = Damaged(layout, tmp_path, reader)
    found, wrong = networks.trial(random.Random(layout))
    assert [] == wrong
    assert not networks.is_missed(found)
    assert networks.is_missed(replace(found, is_sound=True, rows=1))
    assert networks.is_missed(replace(found, is_sound=True, rows=None))
    assert not networks.is_missed(replace(found, is_sound=False, rows=1))


# --- journals -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def interrupted(folder: Path, sound: dict[str, Path]) -> dict[str, Path]:
    """By layout; files whose last commit, of 7 cells and 4 connections, was interrupted."""
    return {
        layout: interrupt(folder / f"interrupted-{layout}", sound[layout].read_bytes())
        for layout in LAYOUTS
    }


def interrupt(path: Path, data: bytes) -> Path:
    """Kill a writer when its journal is complete, and nothing else is done."""

    def change(k: int) -> None:
        network = SmallNetwork.of(Storage("hdf5", str(path)))
        die_at(k, half_way=False)
        with network.storage.write_scope():
            network.a.append_data(chunk(3), positions(7))
            network.ab.chunk_connect(chunk(3), chunk(0), on_soma(0, 1, 2, 3), on_soma(0, 1, 2, 3))

    for k in range(200):
        path.write_bytes(data)
        in_child(partial(change, k))
        if journal_of(path):
            return path
    raise AssertionError("no commit left a journal")


def journal_of(path: Path) -> int:
    """How many bytes the journal takes that a file ends in; 0 if there is none."""
    with path.open("rb") as file:
        journal = read_journal(file.fileno())
        return 0 if journal is None else path.stat().st_size - journal.place


@pytest.mark.parametrize("layout", LAYOUTS)
@examples(8)
@given(changes=mutations)
def test_a_mutated_journal_is_finished_or_dropped(
    reader: Reader,
    folder: Path,
    interrupted: dict[str, Path],
    layout: str,
    changes: list[Mutation],
) -> None:
    path, data = folder / "file", interrupted[layout].read_bytes()
    size = journal_of(interrupted[layout])
    changed = mutated(data[-size:], changes)
    path.write_bytes(data[:-size] + changed)
    outcome = judged(reader, path)
    assert {} == outcome.problems
    before, after = {"a": 5, "b": 707, "a_to_b": 3003}, {"a": 12, "b": 707, "a_to_b": 3007}
    assert (after if changed == data[-size:] else before) == outcome.sizes


@pytest.mark.parametrize("layout", LAYOUTS)
@examples(4)
@given(changes=mutations)
def test_a_journal_in_a_mutated_file_does_no_harm(
    reader: Reader,
    folder: Path,
    interrupted: dict[str, Path],
    layout: str,
    changes: list[Mutation],
) -> None:
    path, data = folder / "file", interrupted[layout].read_bytes()
    size = journal_of(interrupted[layout])
    path.write_bytes(mutated(data[:-size], changes) + data[-size:])
    assert {} == judged(reader, path, seconds=SECONDS).problems


@pytest.mark.parametrize(("mine", "other"), [LAYOUTS, LAYOUTS[::-1]])
def test_the_journal_of_another_network_is_dropped(
    reader: Reader, folder: Path, interrupted: dict[str, Path], mine: str, other: str
) -> None:
    path = folder / "file"
    data, foreign = (interrupted[layout].read_bytes() for layout in (mine, other))
    sizes = [journal_of(interrupted[layout]) for layout in (mine, other)]
    path.write_bytes(data[: -sizes[0]] + foreign[-sizes[1] :])
    outcome = judged(reader, path)
    assert {} == outcome.problems
    assert {"a": 5, "b": 707, "a_to_b": 3003} == outcome.sizes


# --- zarr ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def directory(folder: Path) -> Path:
    """A network in a zarr directory, with rows in files of their own."""
    root = folder / "sound.zarr"
    grow(SmallNetwork.build(Storage("zarr", str(root))))
    return root


@examples(12)
@given(which=shares, changes=mutations, gone=st.integers(0, 9))
def test_a_mutated_zarr_network_does_no_harm(
    reader: Reader,
    folder: Path,
    directory: Path,
    which: float,
    changes: list[Mutation],
    gone: int,
) -> None:
    root = folder / "file.zarr"
    shutil.copytree(directory, root)
    parts = parts_of(root)
    assert len(parts) > 6
    part = parts[int(which * (len(parts) - 1))]
    if gone:
        part.write_bytes(mutated(part.read_bytes(), changes))
    else:
        part.unlink()
    assert {} == judged(reader, root, engine="zarr").problems
