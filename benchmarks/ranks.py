"""The table of docs/parallel.md: several MPI ranks, or processes, in one network.

``python benchmarks/ranks.py [--upstream PYTHON]`` runs ``ranks_work.py`` on one rank and on
several, turn by turn, and prints as Markdown medians over the rounds of the ratios within a round;
that takes three to six minutes. N ranks are N - 1 workers of BSB's job pool, and ranks that wait in
MPI keep a core busy, so on a machine of few cores the compile says less than the rates of ranks
that all work. 8.0.2 compiles a quarter of the ground, once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from bytecode import compile_packages

HERE = Path(__file__).resolve().parent
Figures: TypeAlias = dict[str, Any]
COMPILES = (1, 2, 3, 4)
UPSTREAM_SCALE = 0.5
TARGETS = {
    "compile, 2 ranks / serial": "at most 1.6",
    "compile: engine on the worker / serial": "at most 1.5",
    **{f"compile: share of waiting, {ranks} ranks": "under 0.05" for ranks in COMPILES[1:]},
    "2 ranks append, rows a second / 1 rank": "at least 1.6",
    "2 processes append, rows a second / 1 process": "at least 1.6",
    "2 ranks read, calls a second of each / 1 rank": "at least 0.77",
    **{f"compile, 8.0.2 / this engine, {ranks} ranks": "at least 25" for ranks in (2, 3)},
}


def run(python: Path, work: str, ranks: int, scale: float, *, mpi: bool = True) -> Figures:
    """What ``ranks_work.py`` measured on so many ranks, or processes."""
    environment = {"BSB_HDF5_LAYOUT": "columnar", **os.environ, "UCX_LOG_LEVEL": "error"}
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-ranks-") as folder:
        program = [str(python), str(HERE / "ranks_work.py"), folder, work, "--scale", str(scale)]
        if mpi:
            commands = [[str(python.with_name("mpiexec")), "-n", str(ranks), *program]]
        else:
            each = [*program, "--processes", str(ranks), "--number"]
            commands = [[*each, str(number)] for number in range(ranks)]
        os.sync()
        started = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            for command in commands
        ]
        for process in started:
            if process.wait():
                raise SystemExit(f"{work} on {ranks} ranks ended with {process.returncode}")
        measured: Figures = json.loads((Path(folder) / "measured.json").read_text())
    return measured


def round_of(ours: Path, scale: float) -> dict[str, float]:
    """The ratios of one round."""
    compiles = {ranks: run(ours, "compile", ranks, scale) for ranks in COMPILES}
    alone, pair = compiles[1], compiles[2]
    ratios = {
        "compile, 2 ranks / serial": pair["seconds"] / alone["seconds"],
        "compile: engine on the worker / serial": pair["engine on a worker"]
        / alone["engine on a worker"],
    }
    for ranks in COMPILES[1:]:
        ratios[f"compile: share of waiting, {ranks} ranks"] = compiles[ranks]["share of waiting"]
    for name, work, mpi in (
        ("2 ranks append, rows a second / 1 rank", "append", True),
        ("2 processes append, rows a second / 1 process", "append", False),
        ("2 ranks read, calls a second of each / 1 rank", "read", True),
        ("2 processes read, calls a second of each / 1 process", "read", False),
        ("2 processes read, each another file, calls a second of each / 1 process", "own", False),
    ):
        one, two = (run(ours, work, ranks, scale, mpi=mpi) for ranks in (1, 2))
        rates = two["calls a second"] / one["calls a second"]
        ratios[name] = rates if work == "append" else rates / 2
        ratios[f"{name}: processor time a call"] = (
            two["processor seconds a call"] / one["processor seconds a call"]
        )
    for name, figures in run(ours, "hold", 1, scale).items():
        ratios[f"{name}: ms that the lock is held"] = figures["held"]
        ratios[f"{name}: ms of the call"] = figures["call"]
    return ratios


def against(ours: Path, theirs: Path) -> dict[str, float]:
    """How many times longer 8.0.2 takes."""
    ratios = {}
    for ranks in (2, 3):
        seconds = [
            run(python, "compile", ranks, UPSTREAM_SCALE)["seconds"] for python in (theirs, ours)
        ]
        ratios[f"compile, 8.0.2 / this engine, {ranks} ranks"] = seconds[0] / seconds[1]
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upstream", type=Path, help="Python of an environment with 8.0.2 and MPI")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the compiled network; 1 is the whole"
    )
    options = parser.parse_args()
    ours = Path(sys.executable)
    compile_packages(ours, *filter(None, [options.upstream]))
    rounds = [round_of(ours, options.scale) for _ in range(options.rounds)]
    found = {name: [each[name] for each in rounds] for name in rounds[0]}
    if options.upstream is not None:
        found |= {name: [ratio] for name, ratio in against(ours, options.upstream).items()}
    print("| work | median | least to most | target |\n|---|---|---|---|")
    for name, ratios in found.items():
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}" if len(ratios) > 1 else ""
        print(f"| {name} | {median(ratios):.2f} | {spread} | {TARGETS.get(name, '')} |")


if __name__ == "__main__":
    main()
