"""The line before the lock of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsb_hdf5 import platform
from bsb_hdf5.adapters.files.turnstile import Turnstile, lets_pass
from bsb_hdf5.platform import LockAttempt, try_lock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "network.hdf5"
    made.write_bytes(b"")
    return made


@pytest.fixture
def descriptors(path: Path) -> Iterator[list[int]]:
    opened = [os.open(path, os.O_RDWR), os.open(path, os.O_RDWR), os.open(path, os.O_RDONLY)]
    yield opened
    for each in opened:
        os.close(each)


def test_a_writer_in_line_holds_off_writers_and_readers(descriptors: list[int]) -> None:
    first, second, reader = map(Turnstile, descriptors)
    assert first.enter(exclusive=True)
    assert not second.enter(exclusive=True)
    assert not reader.enter(exclusive=False)
    assert not lets_pass(descriptors[2])
    first.leave()
    assert lets_pass(descriptors[2])
    assert second.enter(exclusive=True)


def test_readers_stand_in_line_together_and_before_a_writer(descriptors: list[int]) -> None:
    writer, *readers = map(Turnstile, descriptors)
    assert all(reader.enter(exclusive=False) for reader in readers)
    assert all(map(lets_pass, descriptors[1:]))
    assert not writer.enter(exclusive=True)
    for reader in readers:
        reader.leave()
    assert writer.enter(exclusive=True)


def test_whoever_stands_in_line_already_is_the_next(descriptors: list[int]) -> None:
    first, second, _ = map(Turnstile, descriptors)
    assert first.enter(exclusive=True)
    assert first.enter(exclusive=True)
    first.leave()
    first.leave()
    assert second.enter(exclusive=True)


def test_the_line_is_apart_from_the_lock(descriptors: list[int]) -> None:
    assert Turnstile(descriptors[0]).enter(exclusive=True)
    assert LockAttempt.LOCKED is try_lock(descriptors[1], exclusive=True)


def test_a_file_that_is_closed_stands_in_no_line(path: Path, descriptors: list[int]) -> None:
    gone = os.open(path, os.O_RDWR)
    assert Turnstile(gone).enter(exclusive=True)
    os.close(gone)
    assert Turnstile(descriptors[0]).enter(exclusive=True)


def test_where_there_is_no_line_everybody_is_next(
    descriptors: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "_HAS_BYTE_LOCKS", False)
    first, second, _ = map(Turnstile, descriptors)
    assert first.enter(exclusive=True)
    assert second.enter(exclusive=True)
    assert lets_pass(descriptors[1])
    attempt = platform.try_lock_byte(descriptors[0], 0, exclusive=True)
    assert LockAttempt.UNSUPPORTED is attempt


def test_a_descriptor_that_only_reads_waits_for_the_lock_alone(descriptors: list[int]) -> None:
    reader = Turnstile(descriptors[2])
    assert reader.enter(exclusive=True)
    assert Turnstile(descriptors[0]).enter(exclusive=True)
