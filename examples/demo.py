"""Compile the example network in both layouts, print what its files hold and take, and draw it.

python examples/demo.py [--out DIRECTORY]
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parent / "cerebellar_column"
DEFAULT_OUTPUT = EXAMPLE.parents[1] / "build" / "demo"
CONFIGURATION = "network.json"
LOG = "compile.log"
LOG_TAIL = 10
PICTURE = "network.png"
# Marks a directory as written by this script, so that the next run may empty it.
LAYOUTS = ("classic", "columnar")
LAYOUT_VARIABLE = "BSB_HDF5_LAYOUT"
MARKER = ".bsb_hdf5_demo"


class DemoError(Exception):
    """The demonstration did not produce the network it promises."""


@dataclass(frozen=True)
class Placement:
    """What the file holds of one cell type."""

    cell_type: str
    cells: int
    chunks: int
    labels: dict[str, int]
    additional: list[str]
    morphologies: list[str]


@dataclass(frozen=True)
class Connectivity:
    """What the file holds of one connectivity set."""

    name: str
    pre: str
    post: str
    connections: int
    outgoing_chunks: int
    incoming_chunks: int


def prepare(out: Path) -> None:
    """Make ``out`` a fresh copy of the example: BSB resolves its files from where it runs."""
    if out.is_relative_to(EXAMPLE):
        raise DemoError(f"the output directory {out} lies in the example itself")
    if out.exists() and not out.is_dir():
        raise DemoError(f"the output directory {out} is a file")
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARKER).exists():
            raise DemoError(f"the output directory {out} holds files that are not of this demo")
        shutil.rmtree(out)
    ignored = shutil.ignore_patterns("__pycache__", "*.hdf5", "README.md")
    shutil.copytree(EXAMPLE, out, ignore=ignored, dirs_exist_ok=True)
    (out / MARKER).touch()


def compile_network(out: Path, layout: str) -> float:
    """Run ``bsb compile`` in ``out`` and return how many seconds it took."""
    if not entry_points(group="bsb.config.parsers", name="json"):
        raise DemoError("BSB has no parser for JSON configurations here: pip install bsb-json")
    command = [sys.executable, "-m", "bsb", "compile", CONFIGURATION]
    log = out / LOG
    start = time.perf_counter()
    with log.open("wb") as output:
        result = subprocess.run(
            command,
            cwd=out,
            env={**os.environ, LAYOUT_VARIABLE: layout},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    seconds = time.perf_counter() - start
    if result.returncode != 0:
        raise DemoError(f"bsb compile ended with status {result.returncode}\n{why(log)}\nsee {log}")
    return seconds


def why(log: Path) -> str:
    """Return the errors that the log names, or its last lines when it names none."""
    lines = log.read_text(errors="replace").splitlines()
    # The errors of jobs come in groups, whose tracebacks are drawn with bars at the left.
    errors = [
        line.strip(" |") for line in lines if re.match(r"[ |]*[\w.]*(Error|Exception)\b", line)
    ]
    return "\n".join(errors or lines[-LOG_TAIL:])


def network_file(out: Path) -> Path:
    """Return the file that the configuration tells BSB to write."""
    configuration = json.loads((out / CONFIGURATION).read_text())
    path: Path = out / configuration["storage"]["root"]
    if not path.is_file():
        raise DemoError(f"bsb compile reported no error but wrote no file {path}")
    return path


def read_placement(cells: Any) -> Placement:
    """Read what one placement set holds."""
    names = sorted(set().union(*cells.get_unique_labels()))
    return Placement(
        cell_type=cells.tag,
        cells=len(cells),
        chunks=len(cells.get_all_chunks()),
        labels={name: len(cells.get_labelled([name])) for name in names},
        additional=sorted(cells.load_additional()),
        morphologies=sorted(cells.load_morphologies(allow_empty=True).names),
    )


def read_connectivity(network: Any) -> Iterator[Connectivity]:
    """Read every connectivity set that the configuration promises, missing ones as empty."""
    stored = {connections.tag: connections for connections in network.get_connectivity_sets()}
    promised = [n for s in network.connectivity.values() for n in s.get_output_names()]
    for name in dict.fromkeys([*promised, *stored]):
        if name not in stored:
            yield Connectivity(name, "-", "-", 0, 0, 0)
            continue
        connections = stored[name]
        yield Connectivity(
            name,
            connections.pre_type_name,
            connections.post_type_name,
            len(connections),
            len(connections.get_local_chunks("out")),
            len(connections.get_local_chunks("inc")),
        )


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align the rows in columns under the header; numbers to the right."""
    text = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *text, strict=True)]
    numeric = [all(isinstance(row[column], int) for row in rows) for column in range(len(header))]
    lines = [list(header), ["-" * width for width in widths], *text]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def placement_table(placement: Sequence[Placement]) -> str:
    """Lay out the placement sets."""
    rows = [
        (
            p.cell_type,
            p.cells,
            p.chunks,
            ", ".join(f"{name} {count}" for name, count in p.labels.items()) or "-",
            ", ".join(p.additional) or "-",
            ", ".join(p.morphologies) or "-",
        )
        for p in placement
    ]
    header = ("cell type", "cells", "chunks", "labelled cells", "additional data", "morphologies")
    return table(header, rows)


def connectivity_table(connectivity: Sequence[Connectivity]) -> str:
    """Lay out the connectivity sets."""
    rows = [
        (c.name, c.pre, c.post, c.connections, c.outgoing_chunks, c.incoming_chunks)
        for c in connectivity
    ]
    header = ("connectivity", "from", "to", "connections", "chunks out", "chunks in")
    return table(header, rows)


def engine_version(engine: str) -> str:
    """Name the distribution that provides the storage engine, and its version."""
    provider = next(iter(entry_points(group="bsb.storage.engines", name=engine)))
    if provider.dist is None:
        return provider.value
    return f"{provider.dist.name} {provider.dist.version}"


def report(file: Path) -> list[str]:
    """Print what the file holds and return the names of the sets that are empty."""
    from bsb import from_storage

    # The stored configuration names the example's component module, which BSB looks up here.
    with contextlib.chdir(file.parent):
        network = from_storage(str(file))
        with network.storage.read_scope():
            placement = [read_placement(cells) for cells in network.get_placement_sets()]
            connectivity = list(read_connectivity(network))
    print(placement_table(placement), end="\n\n")
    print(connectivity_table(connectivity), end="\n\n")
    engine = network.storage.format
    print(f"written by {engine_version(engine)} with bsb-core {version('bsb-core')}")
    return [p.cell_type for p in placement if not p.cells] + [
        c.name for c in connectivity if not c.connections
    ]


def draw(file: Path) -> None:
    """Draw the network into a picture beside its file, as the printed command does."""
    from bsb_hdf5.queries import plot

    print(f"\nbsb storage plot {file.name} -o {PICTURE}  # in {file.parent} ...", flush=True)
    plot(file, file.parent / PICTURE)


def advice(file: Path) -> str:
    """Lines to try on the network, which run as they stand."""
    return f"""\
cd {file.parent}
{sys.executable}
>>> import bsb, bsb_hdf5
>>> network = bsb.from_storage("{file.name}")
>>> network.get_placement_set("basket_cell").label(["my favourites"], [0, 1, 2])
>>> network.get_connectivity_set("basket_to_basket").load_connections().as_globals().all()
>>> bsb_hdf5.convert("{file.name}", "network.zarr", engine="zarr")"""


def run(out: Path) -> None:
    """Compile the network in each layout, and tell what that gave."""
    sizes: list[tuple[str, str, str]] = []
    for layout in LAYOUTS:
        folder = out / layout
        prepare(folder)
        print(f"bsb compile {CONFIGURATION}  # {layout} layout, in {folder} ...", flush=True)
        seconds = compile_network(folder, layout)
        file = network_file(folder)
        sizes.append((layout, f"{seconds:.1f} s", f"{file.stat().st_size / 1e6:.2f} MB"))
    print(f"\n{file} holds:\n")
    empty = report(file)
    if empty:
        raise DemoError(f"these sets are empty: {', '.join(empty)}")
    print(f"\n{table(('layout', 'bsb compile', 'file'), sizes)}")
    print("\nMost of that time goes into morphologies. Networks of connections gain most: see")
    print("docs/performance.md.")
    draw(file)
    print("\nTry it:\n")
    print(advice(file))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUTPUT, help="emptied and written")
    out = parser.parse_args(arguments).out.resolve()
    try:
        run(out)
    except DemoError as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
