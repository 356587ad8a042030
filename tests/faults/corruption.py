"""
Networks of which parts are damaged at random, by bits that flip, cuts, zeros, and parts elsewhere.

``python -m tests.faults.corruption --count 1000 --seed 1`` damages so many networks of each layout.
Each is verified, read in every way, repaired and rewritten in a process of its own, with little
memory. It prints each that ended a process, took too long or too much memory, or raised an error
that is none of ours; and, where rows have checksums (the columnar layout and zarr), each of which
``verify`` finds nothing although its rows are not what they were.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
from bsb import Storage

import bsb_hdf5
from tests.face.hostile_reader import Case, Outcome, Reader
from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork, chunk, on_soma, positions

LAYOUTS = ("columnar", "zarr", "classic", "packed")
CHECKED = ("columnar", "zarr", "packed")
"""Layouts in which each row has a checksum."""
KINDS = ("flip", "flip", "flip", "fill", "zero", "cut", "swap")
PAGE = 512
LONGEST = 4096
SECONDS = 120.0
# How HDF5 marks the parts of a file that tell where the rest is.
SIGNATURES = re.compile(rb"\x89HDF|OHDR|OCHK|TREE|SNOD|HEAP|GCOL|FRHP|FHDB|FHIB|BTHD|BTLF|FSHD")
FIRST_BYTES = 96


@attrs.frozen
class Mutation:
    """
    Something that happens to the bytes of a file.

    :param place: where, as a share of all bytes, or of all marked places.
    :param other: another such place, or a size as a share of the largest.
    :param bits: that flip.
    """

    kind: str
    marked: bool
    place: float
    other: float
    bits: int

    def apply(self, data: bytearray) -> None:
        """Change the bytes."""
        if not data:
            return
        start = self._start(data)
        length = 1 + int(self.other * LONGEST)
        if self.kind == "flip":
            data[start] ^= self.bits
        elif self.kind == "fill":
            data[start : start + length % 16] = bytes([self.bits]) * len(
                data[start : start + length % 16]
            )
        elif self.kind == "zero":
            data[start : start + length] = bytes(len(data[start : start + length]))
        elif self.kind == "cut":
            del data[start:]
        else:
            self._swap(data)

    def _start(self, data: bytearray) -> int:
        marks = [match.start() for match in SIGNATURES.finditer(data)] if self.marked else []
        if not marks:
            return int(self.place * (len(data) - 1))
        mark = marks[int(self.place * (len(marks) - 1))]
        return min(len(data) - 1, mark + int(self.other * FIRST_BYTES))

    def _swap(self, data: bytearray) -> None:
        pages = len(data) // PAGE
        one, two = (slice(n * PAGE, (n + 1) * PAGE) for n in self._two(pages))
        data[one], data[two] = data[two], data[one]

    def _two(self, pages: int) -> tuple[int, int]:
        return int(self.place * max(0, pages - 1)), int(self.other * max(0, pages - 1))


def mutated(data: bytes, changes: list[Mutation]) -> bytes:
    result = bytearray(data)
    for change in changes:
        change.apply(result)
    return bytes(result)


def grow(network: SmallNetwork) -> None:
    """More rows, so that they do not fit into what tells about them."""
    with network.storage.write_scope():
        network.b.append_data(chunk(1), positions(700))
        ends = on_soma(*(i % 500 for i in range(3000)))
        network.ab.chunk_connect(chunk(0), chunk(1), on_soma(*(i % 3 for i in range(3000))), ends)


def judged(reader: Reader, path: Path, **options: Any) -> Outcome:
    """What became of a network, which is then gone."""
    try:
        return reader.judge(Case(str(path), **options))
    finally:
        for each in path.parent.glob(f"{path.name}*"):
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def parts_of(directory: Path) -> list[Path]:
    """Of the files that are not empty, by path; the manifest comes four times."""
    files = sorted(each for each in directory.rglob("*") if each.is_file() and each.stat().st_size)
    return [*[directory / "zarr.json"] * 3, *files]


def mutations(chance: random.Random) -> list[Mutation]:
    """Of half of the networks, one bit flips; of the others, anything may happen."""
    if chance.random() < 0.5:
        return [Mutation("flip", False, chance.random(), 0.0, 1 << chance.randrange(8))]
    return [
        Mutation(
            kind=chance.choice(KINDS),
            marked=chance.random() < 0.5,
            place=chance.random(),
            other=chance.random(),
            bits=chance.randrange(1, 256),
        )
        for _ in range(chance.randrange(1, 5))
    ]


class Damaged:
    """Damaged copies of a network of one layout."""

    def __init__(self, layout: str, folder: Path, reader: Reader) -> None:
        self._layout = layout
        self._copy = folder / "copy"
        self._reader = reader
        self._sound = self._built(folder / "sound")
        found = self._judged()
        assert found.is_sound and not found.problems, found
        self._rows = found.rows

    def _built(self, path: Path) -> Path:
        if self._layout == "zarr":
            storage = Storage("zarr", str(path))
        else:
            layout = "columnar" if self._layout == "packed" else self._layout
            storage = new_storage(path, layout)
        grow(SmallNetwork.build(storage))
        if self._layout == "packed":
            bsb_hdf5.repack(storage, compress=True)
        return path

    def damage(self, chance: random.Random) -> str:
        """Make a copy that is damaged; returns what was done to it."""
        if self._sound.is_file():
            shutil.copyfile(self._sound, self._copy)
            return _damage(self._copy, chance)
        shutil.copytree(self._sound, self._copy)
        part = chance.choice(parts_of(self._copy))
        name = part.relative_to(self._copy)
        if chance.random() < 0.1:
            part.unlink()
            return f"{name} is gone"
        return f"{name}: {_damage(part, chance)}"

    def trial(self, chance: random.Random) -> tuple[Outcome, list[str]]:
        """What became of a damaged copy, and what is wrong with that."""
        done = self.damage(chance)
        found = self._judged()
        wrong = [f"{done}: {title}: {text}" for title, text in found.problems.items()]
        if self.is_missed(found):
            rows = "can't be read" if found.rows is None else "are others"
            wrong.append(f"{done}: its rows {rows}, and verify found nothing")
        return found, wrong

    def is_missed(self, found: Outcome) -> bool:
        """Whether ``verify`` found nothing, although checksums could tell that rows changed."""
        return self._layout in CHECKED and found.is_sound and found.rows != self._rows

    def _judged(self) -> Outcome:
        if not self._copy.exists():
            whole = shutil.copytree if self._sound.is_dir() else shutil.copyfile
            whole(self._sound, self._copy)
        engine = "zarr" if self._layout == "zarr" else "hdf5"
        return judged(self._reader, self._copy, engine=engine, seconds=SECONDS, rows=True)


def _damage(path: Path, chance: random.Random) -> str:
    changes = mutations(chance)
    path.write_bytes(mutated(path.read_bytes(), changes))
    return ", ".join(map(str, changes))


def corrupt(
    layout: str, count: int, seed: int, folder: Path, reader: Reader, until: float = math.inf
) -> Counter[str]:
    """Damage so many networks, or fewer if there is no time for them; prints what is wrong."""
    networks, chance = Damaged(layout, folder, reader), random.Random(f"{layout} {seed}")
    tally: Counter[str] = Counter()
    for number in range(count):
        if time.monotonic() > until:
            break
        found, wrong = networks.trial(chance)
        tally["damaged"] += 1
        tally["found"] += not found.is_sound
        tally["wrong"] += bool(wrong)
        for each in wrong:
            print(f"{layout} {number}: {each}", flush=True)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description="Damage networks at random.")
    parser.add_argument("--count", type=int, default=1000, help="networks of each layout")
    parser.add_argument("--seconds", type=float, default=math.inf, help="for each layout, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layouts", nargs="*", default=LAYOUTS, choices=LAYOUTS)
    options = parser.parse_args()
    total: Counter[str] = Counter()
    for layout in options.layouts:
        until = time.monotonic() + options.seconds
        with tempfile.TemporaryDirectory() as folder, Reader() as reader:
            tally = corrupt(layout, options.count, options.seed, Path(folder), reader, until)
        print(
            f"{layout}: {tally['damaged']} damaged, {tally['found']} of them found by verify,"
            f" {tally['wrong']} wrong",
            flush=True,
        )
        total += tally
    sys.exit(bool(total["wrong"]))


if __name__ == "__main__":
    main()
