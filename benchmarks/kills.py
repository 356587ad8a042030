"""Kill writers at random instants, of this engine and of bsb-hdf5 8.0.2, and tell what is left.

``python benchmarks/kills.py --upstream PYTHON --count 200 --upstream-count 60`` runs the sessions
of ``tests/faults/histories.py`` (they place, connect, label, save, store and clear, two of five
in a write scope) in a process that is killed within 0.15 s, again and again, and prints a table.
``--only NAME`` runs one of the rows. "at calls" are kills not at any instant, but half-way through
what a call of the system writes to the file, or just before one that changes it otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import types
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LAYOUT = "BSB_HDF5_LAYOUT"
ROWS = {
    "hdf5, classic": ("hdf5", "classic"),
    "hdf5, columnar": ("hdf5", "columnar"),
    "zarr": ("zarr", "columnar"),
    "hdf5, classic, at calls": ("hdf5", "classic"),
    "hdf5, columnar, at calls": ("hdf5", "columnar"),
    "bsb-hdf5 8.0.2": ("hdf5", ""),
}
COLUMNS = {
    "kills": "kills",
    "within": "within a session",
    "sessions": "sessions acknowledged",
    "unreadable": "unreadable",
    "lost": "acknowledged sessions lost",
    "partial": "sessions there in part",
    "unequal": "incoming and outgoing differ",
    "findings": "with findings of `verify`",
}


def kill(engine: str, count: int, *, aimed: bool) -> dict[str, Any]:
    """Kill writers of the engine of this interpreter."""
    # Another package of this name may be installed.
    tests = types.ModuleType("tests")
    tests.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = tests
    from bsb import Storage

    from tests.faults.kills import kill_writers

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-kills-") as folder:
        toll = kill_writers(
            Path(folder), lambda root: Storage(engine, str(root)), count, aimed=aimed
        )
    return asdict(toll)


def run(python: Path, name: str, count: int) -> dict[str, Any]:
    engine, layout = ROWS[name]
    environment = {**os.environ, LAYOUT: layout}
    if not layout:
        del environment[LAYOUT]
    command = [str(python), __file__, "--kill", engine, "--count", str(count)]
    if "at calls" in name:
        command.append("--aimed")
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    toll: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return toll


def print_table(tolls: dict[str, dict[str, Any]]) -> None:
    print(f"| | {' | '.join(COLUMNS.values())} |")
    print(f"|---|{'---|' * len(COLUMNS)}")
    for name, toll in tolls.items():
        cells = [str(toll[key]) for key in COLUMNS]
        if "8.0.2" in name:
            cells[-1] = ""
        print(f"| {name} | {' | '.join(cells)} |")
    for name, toll in tolls.items():
        for example in toll["examples"][:5]:
            print(f"{name}: {example}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path, help="a Python that has bsb-hdf5 8.0.2")
    parser.add_argument("--count", type=int, default=200, help="kills of writers of this engine")
    parser.add_argument("--upstream-count", type=int, default=60)
    parser.add_argument("--only", choices=ROWS, help="one of the rows")
    parser.add_argument("--kill", metavar="ENGINE", help=argparse.SUPPRESS)
    parser.add_argument("--aimed", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kill:
        print(json.dumps(kill(options.kill, options.count, aimed=options.aimed)))
        return
    tolls = {}
    for name in [options.only] if options.only else ROWS:
        upstream = "8.0.2" in name
        if upstream and options.upstream is None:
            continue
        python = options.upstream if upstream else Path(sys.executable)
        tolls[name] = run(python, name, options.upstream_count if upstream else options.count)
    print_table(tolls)


if __name__ == "__main__":
    main()
