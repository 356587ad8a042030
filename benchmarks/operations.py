"""Operations of Python's bytecode that calls take: a count, whatever else the machine does.

``python benchmarks/operations.py --layout columnar`` counts those of small calls, each the mean of
some that follow two of the same kind, in an HDF5 file or with ``--engine memory``. ``--against
PYTHON`` counts those of the engine of another environment too, such as an earlier commit of this
one, and prints the ratios; ``--where CALL`` says which functions run the most. What numpy, HDF5 and
the system do is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import numpy as np
from bsb import Branch, Chunk, Morphology, MorphologySet, RotationSet, Storage
from bsb.storage.interfaces import StoredMorphology

LAYOUT = "BSB_HDF5_LAYOUT"
WARM, COUNTED = 2, 12
CELLS, CONNECTIONS, NAMES = 400, 1000, 50
CHUNKS = 40

Call = Callable[[int], Any]


def chunk(number: int) -> Chunk:
    return Chunk((number % 20, number // 20 % 20, number // 400), (100,) * 3)


def count(call: Call) -> Counter[str]:
    """Operations by function."""
    found: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            code = frame.f_code
            found[f"{Path(code.co_filename).name}:{code.co_qualname}"] += 1
        return trace

    for number in range(WARM):
        call(500 + number)
    sys.settrace(trace)
    for number in range(COUNTED):
        call(600 + number)
    sys.settrace(None)
    return found


def calls(storage: Storage) -> dict[str, Call]:
    """The calls, on cells and connections in some chunks."""
    rng = np.random.default_rng(1)
    types = [SimpleNamespace(name=name) for name in ("plain", "detailed")]
    cells, detailed = (storage.require_placement_set(each) for each in types)
    connected = storage.require_connectivity_set(types[0], types[0], "connected")
    positions, rotations = rng.random((CELLS, 3)), RotationSet(rng.random((CELLS, 3)))
    locations = np.zeros((CONNECTIONS, 3), dtype=int)
    for number in range(CHUNKS):
        cells.append_data(chunk(number), positions, rotations=rotations)
        connected.chunk_connect(chunk(number), chunk(number), locations, locations)
    names = [f"morphology {number}" for number in range(NAMES)]
    for name in names:
        storage.morphologies.save(name, Morphology([Branch(rng.random((10, 3)), rng.random(10))]))
    stored = [StoredMorphology(name, None, {"name": name}) for name in names]
    morphologies = MorphologySet(stored, rng.integers(0, NAMES, CELLS // 4))
    single = [storage.get_placement_set(types[0], chunks=[chunk(i)]) for i in range(20)]
    return {
        "append": lambda i: cells.append_data(chunk(i), positions, rotations=rotations),
        "chunk_connect": lambda i: connected.chunk_connect(
            chunk(i % 30), chunk(i // 30), locations, locations
        ),
        "append morphologies": lambda i: detailed.append_data(
            chunk(i // 3), positions[: CELLS // 4], morphologies
        ),
        "load a chunk": lambda i: single[i % 20].load_positions(),
        "load the connections of a chunk": lambda i: connected.load_local_connections(
            "inc", chunk(i % 20)
        ),
        "len of a placement set": lambda _: len(cells),
        "len of a connectivity set": lambda _: len(connected),
        "get_placement_set": lambda i: storage.get_placement_set(types[0], chunks=[chunk(i)]),
    }


IN_SCOPE = ("append", "chunk_connect", "load a chunk")


def count_all(engine: str) -> dict[str, Counter[str]]:
    """Operations of each call, by function."""
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(engine, str(Path(folder) / "network"))
        made = calls(storage)
        found = {name: count(call) for name, call in made.items()}
        with storage._engine.write_scope():
            found |= {f"{name}, in a scope": count(made[name]) for name in IN_SCOPE}
    return found


def count_in(python: str, engine: str, layout: str) -> dict[str, dict[str, int]]:
    """As :func:`count_all`, in a process of its own."""
    command = [python, __file__, "--print-counts", "--engine", engine]
    environment = {**os.environ, LAYOUT: layout}
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    counts: dict[str, dict[str, int]] = json.loads(output.stdout.splitlines()[-1])
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=("hdf5", "memory"), default="hdf5")
    parser.add_argument("--layout", choices=("columnar", "classic"), default="columnar")
    parser.add_argument(
        "--against", metavar="PYTHON", help="Python of an environment to compare with"
    )
    parser.add_argument("--where", metavar="CALL", help="list the functions of a call")
    parser.add_argument("--print-counts", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.print_counts:
        print(json.dumps(count_all(arguments.engine)))
        return
    which = arguments.engine, arguments.layout
    found = count_in(sys.executable, *which)
    before = count_in(arguments.against, *which) if arguments.against else {}
    for name, counts in found.items():
        total = sum(counts.values()) / COUNTED
        held = sum(before.get(name, {}).values()) / COUNTED
        ratio = f" {held:8.0f} {total / held:6.2f}" if held else ""
        print(f"{name:36} {total:8.0f}{ratio}")
    if arguments.where:
        for function, operations in Counter(found[arguments.where]).most_common(40):
            print(f"{operations / COUNTED:8.1f} {function}")


if __name__ == "__main__":
    main()
