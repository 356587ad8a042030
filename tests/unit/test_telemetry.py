"""What is recorded as OpenTelemetry spans beyond what bsb-hdf5 8.0.2 records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, DatasetNotFoundError, Storage
from bsb_otel.testing import OTelFixture
from bsb_otel.tracer import _trace_comm, _tracer_registry

from bsb_hdf5.adapters.memory.store import MemoryWriteSession
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.resource import Resource
from bsb_hdf5.telemetry import TRACER, is_recording, span
from bsb_hdf5.transactions import recorded
from tests.face.samples import cell_type
from tests.parallel.staged import begin, shared

Span = dict[str, Any]
CHUNK = Chunk((0, 0, 0), (100.0, 100.0, 100.0))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage("hdf5", str(tmp_path / "network.hdf5"))


def spans_of(call: Callable[[], object]) -> list[Span]:
    with OTelFixture() as results:
        call()
    spans: list[Span] = results()
    return spans


def named(spans: list[Span], name: str) -> Span:
    (found,) = [each for each in spans if each["name"] == name]
    return found


def test_nothing_is_recorded_without_a_tracer_provider(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.telemetry.span", None)
    assert not is_recording()
    storage.require_placement_set(cell_type("a")).append_data(CHUNK, np.zeros((1, 3)))


def test_parts_of_a_call_that_are_called_with_its_session_are_no_spans(storage: Storage) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    connections = storage.require_connectivity_set(cell_type("a"), cell_type("a"), "a_to_a")
    spans = spans_of(lambda: connections.chunk_connect(CHUNK, CHUNK, [(0, -1, -1)], [(1, -1, -1)]))
    assert {"hdf5.chunk_connect", "hdf5.commit", "hdf5.file.open"} == {
        each["name"] for each in spans
    }
    # Those that users call under a name of Python's are.
    assert "hdf5.__len__" in {each["name"] for each in spans_of(lambda: len(cells))}


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_call_is_recorded_with_the_path_that_its_part_has_in_the_classic_layout(
    layout: str, tmp_path: Path
) -> None:
    storage = Storage("hdf5", NetworkRoot(str(tmp_path / "network.hdf5"), layout=layout))
    cells = storage.require_placement_set(cell_type("a"))
    linked = storage.require_connectivity_set(cell_type("a"), cell_type("a"), "a_to_a")
    for call, path in (
        (cells.load_positions, "/placement/a"),
        (linked.__len__, "/connectivity/a_to_a"),
        (storage.morphologies.all, "/morphologies"),
        (storage.files.all, "files"),
    ):
        paths = {each["attributes"].get("hdf5.path") for each in spans_of(call)} - {None}
        assert {path} == paths


def test_spans_come_from_the_tracer_of_the_package(storage: Storage) -> None:
    with OTelFixture():
        assert storage._engine.get_chunk_stats() == {}
        assert TRACER in _tracer_registry


def test_no_rank_waits_for_another_one_to_begin_a_span() -> None:
    seen = []

    class Tracer:
        def trace(self, name: str, attributes: object) -> object:
            seen.append((name, attributes, _trace_comm.get()))
            return None

    pytest.importorskip("mpi4py")
    from mpi4py.MPI import COMM_SELF

    _tracer_registry[TRACER], before = Tracer(), _tracer_registry.get(TRACER)
    try:
        span("hdf5.x", {"a": 1})
    finally:
        _tracer_registry.pop(TRACER)
        if before is not None:
            _tracer_registry[TRACER] = before
    assert [("hdf5.x", {"a": 1}, COMM_SELF)] == seen


def test_the_error_that_the_caller_gets_is_recorded(storage: Storage) -> None:
    cells = storage.require_placement_set(cell_type("a"))

    def load() -> None:
        with pytest.raises(DatasetNotFoundError):
            cells.load_additional("nothing")

    recorded = named(spans_of(load), "hdf5.load_additional")
    assert "ERROR" == recorded["status"]["status_code"]
    assert (
        "bsb_hdf5.exceptions.DataNotFoundError"
        == (recorded["events"][0]["attributes"]["exception.type"])
    )


def test_a_scope_that_is_left_by_an_error_is_recorded_with_it(storage: Storage) -> None:
    def leave() -> None:
        with pytest.raises(ZeroDivisionError), storage.write_scope():
            raise ZeroDivisionError

    recorded = named(spans_of(leave), "hdf5.file.open")
    assert "ERROR" == recorded["status"]["status_code"]


def test_a_commit_that_fails_is_recorded_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage("memory", str(tmp_path / "network"))

    def fail(session: object) -> None:
        raise ZeroDivisionError

    def write() -> None:
        with pytest.raises(ZeroDivisionError), storage.write_scope():
            monkeypatch.setattr(MemoryWriteSession, "commit", fail)

    recorded = named(spans_of(write), "hdf5.file.open")
    assert "ERROR" == recorded["status"]["status_code"]
    assert "ZeroDivisionError" == recorded["events"][0]["attributes"]["exception.type"]


@contextmanager
def held_elsewhere(storage: Storage) -> Iterator[threading.Event]:
    """A thread has the storage to itself until the event is set."""
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with storage.write_scope():
            held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield release
    finally:
        release.set()
        thread.join()


def test_a_wait_for_the_lock_is_recorded(storage: Storage) -> None:
    def read() -> None:
        with held_elsewhere(storage) as release:
            threading.Timer(0.05, release.set).start()
            storage._engine.get_chunk_stats()

    spans = [each["attributes"] for each in spans_of(read) if each["name"] == "hdf5.file.open"]
    (waited,) = [each for each in spans if each["hdf5.file.mode"] == "r"]
    assert waited["hdf5.file.slow_lock"]
    assert 0 < waited["hdf5.file.wait_ms"] < 10_000
    (other,) = [each for each in spans if each["hdf5.file.mode"] == "a"]
    assert (0, False) == (other["hdf5.file.wait_ms"], other["hdf5.file.slow_lock"])


@pytest.mark.parametrize(("waited", "ms"), [(0.0, 0), (0.0009, 0), (0.0015, 1), (2.5, 2500)])
def test_a_wait_of_a_millisecond_or_more_is_a_slow_lock(waited: float, ms: int) -> None:
    def wait() -> None:
        with recorded.opening_span("root", "a", waited):
            """Nothing else is recorded."""

    attributes = named(spans_of(wait), "hdf5.file.open")["attributes"]
    assert ("root", "a") == (attributes["hdf5.file.path"], attributes["hdf5.file.mode"])
    assert (ms, ms > 0) == (attributes["hdf5.file.wait_ms"], attributes["hdf5.file.slow_lock"])


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_commit_is_recorded_with_its_bytes_and_syncs(tmp_path: Path, durability: str) -> None:
    root = NetworkRoot(str(tmp_path / "network.hdf5"), durability=durability)
    mine = Resource(Storage("hdf5", root)._engine, "/mine")
    mine.create(np.zeros((1, 1000)))
    spans = spans_of(lambda: mine.append(np.ones((1, 1000))))
    opened, commit = named(spans, "hdf5.file.open"), named(spans, "hdf5.commit")
    assert opened["context"]["span_id"] == commit["parent_id"]
    assert 8000 <= commit["attributes"]["hdf5.commit.bytes"] < 100_000
    assert (durability == "power") == (commit["attributes"]["hdf5.commit.syncs"] > 0)


def test_calls_that_are_logged_and_carried_out_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    begin(root := tmp_path / "network.hdf5")
    cells = shared(root).get_placement_set(cell_type("cell"))
    cells.append_data(CHUNK, np.zeros((1, 3)))

    def log_and_read() -> None:
        for _ in range(2):
            cells.append_data(CHUNK, np.zeros((1000, 3)))
        assert 2006 == len(cells)

    spans = spans_of(log_and_read)
    logged = [each["attributes"] for each in spans if each["name"] == "hdf5.publish"]
    assert [True, True] == [each["hdf5.publish.done"] for each in logged]
    assert all(24_000 < each["hdf5.publish.bytes"] < 25_000 for each in logged)
    assert 3 == named(spans, "hdf5.fold")["attributes"]["hdf5.fold.calls"]


@pytest.mark.parametrize(("rows", "added"), [([[1.0], [2.0]], 2), (3.0, 1), (np.zeros((0, 2)), 0)])
def test_an_append_is_recorded_with_its_rows(storage: Storage, rows: Any, added: int) -> None:
    mine = Resource(storage._engine, "/mine")
    recorded = named(spans_of(lambda: mine.append(rows)), "hdf5.append")
    assert added == recorded["attributes"]["hdf5.rows_added"]


@pytest.mark.parametrize("write", [False, True])
def test_a_span_that_can_not_begin_leaves_no_session_open(
    write: bool, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells: Any = storage.require_placement_set(cell_type("a"))

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with OTelFixture(), monkeypatch.context() as patch:
        patch.setattr(recorded, "opening_span", fail)
        with pytest.raises(ZeroDivisionError):
            cells.append_data(CHUNK, np.zeros((1, 3))) if write else len(cells)
    # A session that stayed open would be joined by the calls that follow, and never be stored.
    assert not storage._engine.sessions.in_scope
    storage._engine._settings.limit = 1.0
    assert len(cells) == 0
    cells.append_data(CHUNK, np.zeros((2, 3)))
    assert len(cells) == 2
