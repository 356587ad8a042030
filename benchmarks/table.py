"""The table of docs/performance.md: this engine in both layouts, bsb-hdf5 8.0.2, and h5py alone.

``python benchmarks/table.py --upstream PYTHON`` runs the workloads of ``workloads.py`` and the
compile of ``compile_once.py`` turn by turn, each variant in processes of its own, and prints how
many times faster (or smaller) this engine is than bsb-hdf5 8.0.2: medians over the rounds of the
ratios within a round, as the machine drifts from one to the next. The last column is what h5py
takes to write or read the same arrays, one dataset each, as a part of what the columnar layout
takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bytecode import compile_packages

HERE = Path(__file__).resolve().parent
LAYOUT = "BSB_HDF5_LAYOUT"
Figures: TypeAlias = dict[str, float]

# Ratios to reach: columnar, and classic where it has a target of its own.
TARGETS: dict[str, tuple[float | None, float | None]] = {
    "compile": (25, 7),
    "compile: bytes": (30, 10),
    "append 250 x 400": (6, None),
    "append 250 x 400, one scope": (20, None),
    "load all positions": (20, None),
    "load positions of a chunk": (2, None),
    "729 blocks": (12, None),
    "729 blocks, one scope": (60, None),
    "100 more each": (15, None),
    "100 more each, one scope": (80, None),
    "iterate both directions": (30, None),
    "len of a connectivity set": (100, None),
    "len of a placement set": (3, None),
    "connect 500,000": (20, None),
    "connect 6,250,000 in a chunk": (1, 1),
    "label 50,000": (20, None),
    "label mask": (20, None),
    "append morphologies": (25, None),
    "save 200 morphologies": (4, None),
    "load 200 morphologies": (3, None),
    "16 blocks of 1,000,000": (2, None),
    "iterate 16,000,000": (1, None),
    "16 blocks of 1,000,000: bytes": (4, None),
}


def run(python: Path, script: str, *options: str, layout: str = "") -> Figures:
    """What one of the scripts measured."""
    environment = {name: value for name, value in os.environ.items() if name != LAYOUT}
    if layout:
        environment[LAYOUT] = layout
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-table-") as folder:
        command = [str(python), str(HERE / script), folder, *options]
        # What the one before left to write would slow this one down.
        os.sync()
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        measured: Figures = json.loads((Path(folder) / "measured.json").read_text())
    return measured


def compile_once(python: Path, layout: str) -> Figures:
    measured = run(python, "compile_once.py", layout=layout)
    seconds: Figures = measured["seconds"]  # type: ignore[assignment]
    return {"compile": seconds["compile"], "compile: bytes": measured["file_bytes"]}


def variants(ours: Path, theirs: Path, *, compiles: bool) -> dict[str, Callable[[], Figures]]:
    def everything(python: Path, layout: str) -> Figures:
        compiled = compile_once(python, layout) if compiles else {}
        return {**compiled, **run(python, "workloads.py", layout=layout)}

    return {
        "theirs": lambda: everything(theirs, ""),
        "columnar": lambda: everything(ours, "columnar"),
        "classic": lambda: everything(ours, "classic"),
        "floor": lambda: run(ours, "workloads.py", "--floor"),
    }


def verdict(ratio: float, target: float | None) -> str:
    if target is None:
        return f"{ratio:.1f} x"
    return f"{ratio:.1f} x ({target:g}: {'met' if ratio >= target else '**missed**'})"


def amount(name: str, value: float) -> str:
    return f"{value / 1e6:.1f} MB" if name.endswith("bytes") else f"{value * 1e3:.1f} ms"


def print_table(rounds: list[dict[str, Figures]]) -> None:
    print("| work | 8.0.2 | columnar | classic | floor, of columnar |")
    print("|---|---|---|---|---|")
    for name, (columnar, classic) in TARGETS.items():
        if name not in rounds[0]["theirs"]:
            continue

        def ratio(variant: str, name: str = name) -> float:
            return median(each["theirs"][name] / each[variant][name] for each in rounds)

        theirs = median(each["theirs"][name] for each in rounds)
        floors = [
            each["floor"][name] / each["columnar"][name] for each in rounds if name in each["floor"]
        ]
        cells = [
            name,
            amount(name, theirs),
            verdict(ratio("columnar"), columnar),
            verdict(ratio("classic"), classic),
            f"{median(floors):.2f}" if floors else "",
        ]
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", type=Path, required=True, help="python with 8.0.2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-compile", action="store_true", help="leave out the compile")
    arguments = parser.parse_args()
    compile_packages(Path(sys.executable), arguments.upstream)
    runs = variants(Path(sys.executable), arguments.upstream, compiles=not arguments.no_compile)
    rounds = []
    for number in range(arguments.rounds):
        rounds.append({name: action() for name, action in runs.items()})
        print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr, flush=True)
    print_table(rounds)


if __name__ == "__main__":
    main()
