"""The real compile: a whole ``compile()`` through this engine and through bsb-hdf5 8.0.2.

600 x 600 x 300 um in chunks of 100 um, two cell types of 5,400 point neurons in 72 chunks each,
two FixedIndegree sets of 108,000 and 27,000 connections. Both engines compile the same seeded
network, turn by turn in one run and each time in a process of their own, because a shared
machine drifts: the ratio of two neighbours means something, the seconds alone do not.

The other engine has the same import name, so it lives in an environment of its own::

    python -m venv .upstream-venv
    .upstream-venv/bin/pip install bsb-core==8.0.2 bsb-hdf5==8.0.2

The exit status is 1 when a whole-size run misses the target.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bytecode import compile_packages

HERE = Path(__file__).resolve().parent
COMPILE_ONCE = HERE / "compile_once.py"
UPSTREAM_VENV = "BSB_HDF5_UPSTREAM_VENV"
TARGET = 5.0
WHOLE = 1.0
SECONDS_A_COMPILE = 1800.0
PHASES = ("compile", "placement", "connectivity", "storage")


class BenchmarkError(RuntimeError):
    """The two engines could not be compared."""


@dataclass(frozen=True)
class Cost:
    """What one compile cost."""

    engine: str
    seconds: dict[str, float]
    file_bytes: int
    peak_rss_bytes: int
    network: dict[str, dict[str, Any]]

    @property
    def connections(self) -> int:
        return sum(self.network["connections"].values())

    @property
    def bytes_a_connection(self) -> float:
        return self.file_bytes / self.connections

    def __str__(self) -> str:
        seconds = "  ".join(f"{phase} {self.seconds[phase]:7.2f} s" for phase in PHASES)
        return (
            f"{seconds}  file {self.file_bytes / 1e6:7.2f} MB "
            f"({self.bytes_a_connection:6.1f} bytes/connection)  "
            f"peak RSS {self.peak_rss_bytes / 1e6:5.0f} MB  {self.engine}"
        )


@dataclass(frozen=True)
class Pair:
    """Two compiles that ran one after the other."""

    ours: Cost
    theirs: Cost

    @property
    def ratio(self) -> float:
        return self.theirs.seconds["compile"] / self.ours.seconds["compile"]


def upstream_python() -> Path:
    """The interpreter of the environment that holds bsb-hdf5 8.0.2."""
    venv = os.environ.get(UPSTREAM_VENV) or HERE.parent / ".upstream-venv"
    return Path(venv) / "bin" / "python"


def compile_with(python: Path, scale: float) -> Cost:
    with tempfile.TemporaryDirectory(prefix="real-compile-") as workdir:
        command = [str(python), str(COMPILE_ONCE), workdir, "--scale", str(scale)]
        finished = subprocess.run(
            command,
            cwd=workdir,
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS_A_COMPILE,
        )
        if finished.returncode:
            raise BenchmarkError(f"{' '.join(command)} failed:\n{finished.stderr}")
        measured = json.loads((Path(workdir) / "measured.json").read_text())
    return Cost(**{field: measured[field] for field in Cost.__dataclass_fields__})


def compile_pair(ours: Path, theirs: Path, scale: float, ours_first: bool) -> Pair:
    """Compile once with each engine; who goes first alternates, so that neither gains by it."""
    order = (ours, theirs) if ours_first else (theirs, ours)
    costs = {python: compile_with(python, scale) for python in order}
    pair = Pair(ours=costs[ours], theirs=costs[theirs])
    if pair.ours.engine == pair.theirs.engine:
        raise BenchmarkError(f"both interpreters have {pair.ours.engine}: nothing to compare")
    if pair.ours.network != pair.theirs.network:
        raise BenchmarkError(
            "the engines stored different networks:\n"
            f"  {pair.ours.engine}: {pair.ours.network}\n"
            f"  {pair.theirs.engine}: {pair.theirs.network}"
        )
    return pair


def median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(
        engine=costs[0].engine,
        seconds={phase: median(cost.seconds[phase] for cost in costs) for phase in PHASES},
        file_bytes=round(median(cost.file_bytes for cost in costs)),
        peak_rss_bytes=round(median(cost.peak_rss_bytes for cost in costs)),
        network=costs[0].network,
    )


def describe_network(network: dict[str, dict[str, Any]]) -> str:
    cells = (
        f"{name}: {count:,} cells in {network['chunks'][name]} chunks"
        for name, count in network["cells"].items()
    )
    connections = (
        f"{tag}: {count:,} connections in {network['blocks'][tag]:,} blocks"
        for tag, count in network["connections"].items()
    )
    return "\n".join([*cells, *connections])


def run_pairs(ours: Path, theirs: Path, scale: float, repeats: int) -> list[Pair]:
    pairs: list[Pair] = []
    for number in range(1, repeats + 1):
        pair = compile_pair(ours, theirs, scale, ours_first=number % 2 == 1)
        if number == 1:
            print(describe_network(pair.ours.network))
        print(f"\npair {number} of {repeats}: {pair.ratio:.1f} times faster")
        print(f"  {pair.ours}\n  {pair.theirs}", flush=True)
        pairs.append(pair)
    return pairs


def print_summary(pairs: Sequence[Pair], ratio: float, scale: float) -> None:
    ours = median_cost([pair.ours for pair in pairs])
    theirs = median_cost([pair.theirs for pair in pairs])
    print(f"\nmedians of {len(pairs)}:\n  {ours}\n  {theirs}")
    storage = theirs.seconds["storage"] / theirs.seconds["compile"]
    print(f"  {theirs.engine} spends {storage:.1%} of the compile in storage")
    print(f"  its file is {theirs.file_bytes / ours.file_bytes:.1f} times as large")
    verdict = "met" if ratio >= TARGET else "missed"
    if scale != WHOLE:
        verdict = f"to be judged at scale {WHOLE:.0f}, this is {scale}"
    print(f"\ntheirs / ours: {ratio:.1f}; target at least {TARGET:.0f}x: {verdict}")


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--upstream",
        type=Path,
        default=upstream_python(),
        help=f"python with bsb-hdf5 8.0.2 (default: of ${UPSTREAM_VENV} or .upstream-venv)",
    )
    parser.add_argument("--repeats", type=int, default=3, help="pairs of compiles")
    parser.add_argument("--scale", type=float, default=WHOLE, help="factor of x and y")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the numbers here")
    arguments = parser.parse_args(argv)
    if not arguments.upstream.exists():
        parser.error(f"{arguments.upstream} does not exist; see the top of {__file__}")
    if arguments.repeats < 1 or not 0 < arguments.scale <= 1:
        parser.error("repeats is at least 1, and scale is above 0 and at most 1")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    ours, theirs = Path(sys.executable), arguments.upstream.absolute()
    compile_packages(ours, theirs)
    try:
        pairs = run_pairs(ours, theirs, arguments.scale, arguments.repeats)
    except (BenchmarkError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 2
    ratio = median(pair.ratio for pair in pairs)
    print_summary(pairs, ratio, arguments.scale)
    if arguments.json is not None:
        numbers = {
            "scale": arguments.scale,
            "target": TARGET,
            "ratio": ratio,
            "pairs": [{"ratio": pair.ratio, **asdict(pair)} for pair in pairs],
        }
        arguments.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return 1 if arguments.scale == WHOLE and ratio < TARGET else 0


if __name__ == "__main__":
    sys.exit(main())
