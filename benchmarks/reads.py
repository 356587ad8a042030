"""What simulators and people read: this engine against bsb-hdf5 8.0.2, in processor time.

``python benchmarks/reads.py --upstream PYTHON`` lets 8.0.2 write a network, which 8.0.2 reads, and
this engine, as it is (classic) and as its columnar copy. A columnar file that was written by the
same calls, whose rows lie as they came, is read too. The variants take turns, each in a process
of its own, over several rounds; the table has medians of the ratios of a round, with the
target in brackets where there is one. The last line is what h5py and numpy take for ``all``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TypeAlias

from bytecode import compile_packages

HERE = Path(__file__).resolve().parent
LAYOUT = "BSB_HDF5_LAYOUT"
Figures: TypeAlias = dict[str, float]

# Ratios to reach, of the columnar copy, the file written as columnar, and the classic file.
TARGETS: dict[str, tuple[float | None, float | None, float | None]] = {
    "all": (200, None, 25),
    "as_globals, all": (200, None, 25),
    "from_ half, all": (120, None, 25),
    "incoming, to half, all": (120, None, 25),
    "from_ half, to half, all": (120, None, 25),
    "each chunk: from_, as_globals, all": (60, None, 25),
    "iterate over rows": (50, None, 25),
    "len": (1000, None, 1000),
    "load locally, inc": (None, 6, 1.5),
    "load locally, out": (None, 10, 1.5),
    "load locally, large, inc": (None, 3, None),
    "load locally, large, out": (None, 3, None),
    "load locally, large, inc, one at a time": (None, 3, None),
    "load locally, large, out, one at a time": (None, 3, None),
    "load blocks, large, inc": (None, None, None),
    "first load of a chunk": (None, None, None),
    "load all positions": (None, 20, None),
    "iterate over 16,000,000": (None, 2, None),
}
# Of the columnar copy, for the least that h5py and numpy can do.
FLOOR = 2.0


class Bench:
    """Networks in a folder, and the engines that read them."""

    def __init__(self, folder: Path, upstream: Path) -> None:
        self._folder = folder
        self._upstream = upstream
        self._ours = Path(sys.executable)

    def make(self) -> None:
        self._run(self._upstream, "--make", "upstream")
        self._run(self._ours, "--make", "fresh", layout="columnar")
        # A copy for this engine, which stamps what it opens.
        shutil.copy(self._path("upstream"), self._path("classic"))
        convert = "import sys; from bsb_hdf5.exchange.convert import convert as c;"
        convert += "c(sys.argv[1], sys.argv[2], layout='columnar')"
        paths = [str(self._path(name)) for name in ("classic", "columnar")]
        subprocess.run([str(self._ours), "-c", convert, *paths], check=True)

    def measure(self) -> dict[str, Figures]:
        """One round of all variants."""
        read = {
            name: self._run(python, "--read", str(self._path(name)))
            for name, python in (
                ("upstream", self._upstream),
                ("columnar", self._ours),
                ("fresh", self._ours),
                ("classic", self._ours),
            )
        }
        for name, python, layout in (
            ("upstream", self._upstream, ""),
            ("fresh", self._ours, "columnar"),
            ("classic", self._ours, "classic"),
        ):
            read[name] |= self._run(python, "--iterate", layout=layout)
            self._path("bulk").unlink()
        read["floor"] = self._run(self._ours, "--floor", str(self._path("columnar")))
        return read

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.hdf5"

    def _run(self, python: Path, *options: str, layout: str = "") -> Figures:
        environment = {name: value for name, value in os.environ.items() if name != LAYOUT}
        if layout:
            environment[LAYOUT] = layout
        command = [str(python), str(HERE / "reads_once.py"), str(self._folder), *options]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        if "--make" in options:
            return {}
        figures: Figures = json.loads((self._folder / "measured.json").read_text())
        return figures


def cell(rounds: list[dict[str, Figures]], variant: str, name: str, target: float | None) -> str:
    ratios = [
        each["upstream"][name] / each[variant][name] for each in rounds if name in each[variant]
    ]
    if not ratios:
        return ""
    ratio = median(ratios)
    if target is None:
        return f"{ratio:.1f} x"
    return f"{ratio:.1f} x ({target:g}: {'met' if ratio >= target else '**missed**'})"


def print_table(rounds: list[dict[str, Figures]]) -> None:
    print("| call | 8.0.2 | columnar | columnar, as written | classic |")
    print("|---|---|---|---|---|")
    for name, targets in TARGETS.items():
        theirs = median(each["upstream"][name] for each in rounds)
        variants = zip(("columnar", "fresh", "classic"), targets, strict=True)
        cells = [cell(rounds, variant, name, target) for variant, target in variants]
        print(f"| {' | '.join([name, f'{theirs * 1e3:.1f} ms', *cells])} |")
    times = median(each["columnar"]["all"] / each["floor"]["all"] for each in rounds)
    floor = median(each["floor"]["all"] for each in rounds) * 1e3
    print(f"\nall() takes {times:.1f} times what h5py and numpy take, {floor:.1f} ms", end=" ")
    print(f"({FLOOR:g}: {'met' if times <= FLOOR else '**missed**'})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", type=Path, required=True, help="python with 8.0.2")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    compile_packages(Path(sys.executable), arguments.upstream)
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-reads-") as folder:
        bench = Bench(Path(folder), arguments.upstream)
        bench.make()
        rounds = [bench.measure() for _ in range(arguments.rounds)]
    print_table(rounds)


if __name__ == "__main__":
    main()
