"""Read-only mode, and filesystems without locks."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable
from typing import Any

import pytest

from bsb_hdf5 import errors as e
from tests.face.samples import (
    SmallNetwork,
    chunk,
    connections,
    positions,
    untouched,
)
from tests.face.states import SINGLE_WRITES, InterruptedScopeError, state_of


def test_read_only_mode_takes_no_locks(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a lock was taken")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with small.storage.read_only():
        assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]
        with small.storage.read_scope():
            assert 3 == len(connections(small.ab))
            assert ["stub"] == list(small.storage.morphologies.get_all_meta())
        assert small.storage.morphologies.has("stub")
        assert state_of(small) > 0
        assert {"0", str(chunk(1).id), str(chunk(2).id)} == set(small.storage.get_chunk_stats())
        assert 5 == len(small.storage.require_placement_set(small.a.cell_type))


def test_a_filesystem_without_locks_is_used_without(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert 7 == len(small.b)
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)


@pytest.mark.parametrize(
    "write",
    [write for name, write in SINGLE_WRITES.items() if name != "bump"],
    ids=[name for name in SINGLE_WRITES if name != "bump"],
)
def test_read_only_mode_refuses_to_write(
    small: SmallNetwork, write: Callable[[SmallNetwork], Any]
) -> None:
    with untouched(small.path), small.storage.read_only():
        with pytest.raises(e.ReadOnlyError, match="read-only mode"):
            write(small)
        with small.storage.read_scope(), pytest.raises(e.ReadOnlyError):
            write(small)


def test_read_only_mode_refuses_a_write_scope_and_what_concerns_the_whole_file(
    small: SmallNetwork,
) -> None:
    with untouched(small.path), small.storage.read_only():
        uses: tuple[Callable[[], Any], ...] = (
            lambda: small.storage.write_scope().__enter__(),
            small.storage.remove,
            lambda: small.storage.move(str(small.path) + "2"),
        )
        for use in uses:
            with pytest.raises(e.ReadOnlyError):
                use()
        small.storage._engine._bump_state()


def test_read_only_mode_ends_with_its_block_even_if_that_raises(small: SmallNetwork) -> None:
    with pytest.raises(InterruptedScopeError), small.storage.read_only():
        with small.storage.read_only():
            pass
        with pytest.raises(e.ReadOnlyError):
            small.b.append_data(chunk(0), positions(1))
        raise InterruptedScopeError
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)
