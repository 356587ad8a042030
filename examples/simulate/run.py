"""Compile a small network, run it in Arbor, NEST or NEURON, and print when its cells spike.

python run.py [--simulator NAME] [--network FILE] [--layout LAYOUT] [--seed SEED]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import bsb
from bsb.simulation.results import iter_recordings

EXAMPLE = Path(__file__).resolve().parent
PACKAGES = {
    "arbor": "bsb-arbor",
    "nest": "bsb-nest nest-simulator",
    "neuron": "bsb-neuron",
}
BARS = " ▁▂▃▄▅▆▇█"
BINS = 50
# Somatic voltage, in mV, above which a cell that a simulator records by its voltage spikes.
THRESHOLD = 0.0


class Spike(NamedTuple):
    """When, in ms, which cell of which type spiked."""

    time: float
    cell_type: str
    cell: int


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """BSB looks for morphologies in the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def storage_at(path: Path) -> bsb.Storage:
    return bsb.Storage("zarr" if path.suffix == ".zarr" else "hdf5", str(path.absolute()))


def compile_network(path: Path, layout: str | None, seed: int | None) -> None:
    tree: dict[str, Any] = json.loads((EXAMPLE / "network.json").read_text())
    storage = {"engine": "zarr" if path.suffix == ".zarr" else "hdf5", "root": str(path.absolute())}
    tree["storage"] = storage if layout is None else {**storage, "layout": layout}
    if seed is not None:
        tree["rng"]["seed"] = seed
    with working_in(EXAMPLE):
        bsb.Scaffold(bsb.Configuration(tree)).compile()


def simulate(network: bsb.Scaffold, simulator: str) -> list[Spike]:
    network.simulations[simulator] = json.loads((EXAMPLE / f"{simulator}.json").read_text())
    result = network.run_simulation(simulator)
    recordings = [each for each in iter_recordings(result.block) if "record" == each.direction]
    return sorted(
        Spike(time, each.annotations["bsb_ps_name"], int(each.annotations["bsb_cell_id"]))
        for each in recordings
        for time in (spike_times(each.signal) if each.is_spike_train else crossings(each.signal))
    )


def spike_times(train: Any) -> list[float]:
    return [float(each) for each in train.times.rescale("ms").magnitude]


def crossings(voltage: Any) -> list[float]:
    """When a voltage rises above the threshold, in ms."""
    above = voltage.rescale("mV").magnitude[:, 0] > THRESHOLD
    rising = above[1:] & ~above[:-1]
    return [float(each) for each in voltage.times.rescale("ms").magnitude[1:][rising]]


def report(network: bsb.Scaffold, simulator: str, spikes: list[Spike]) -> None:
    duration = network.simulations[simulator].duration
    print(f"{len(spikes)} spikes in {duration:g} ms of {simulator}")
    for placed in network.get_placement_sets():
        times = [each.time for each in spikes if each.cell_type == placed.tag]
        rate = len(times) / len(placed) / duration * 1000
        print(f"{placed.tag:>12} |{histogram(times, duration)}| {len(placed)} cells, {rate:.0f} Hz")


def histogram(times: list[float], duration: float) -> str:
    """A line of bars: how many spikes there are in each part of the time."""
    counts = Counter(min(int(time / duration * BINS), BINS - 1) for time in times)
    most = max(counts.values(), default=1)
    return "".join(BARS[-(-counts[each] * (len(BARS) - 1) // most)] for each in range(BINS))


def write(path: Path, spikes: list[Spike]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("time_ms", "cell_type", "cell"))
        table.writerows(spikes)


def plot(path: Path, spikes: list[Spike]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    for name in sorted({each.cell_type for each in spikes}):
        rows = [(each.time, each.cell) for each in spikes if each.cell_type == name]
        axes.plot(*zip(*rows, strict=True), "|", label=name)
    axes.set(xlabel="time (ms)", ylabel="cell")
    figure.legend(loc="outside upper right")
    figure.savefig(path)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulator", choices=PACKAGES, default="arbor")
    parser.add_argument(
        "--network",
        type=Path,
        default=EXAMPLE / "simulated.hdf5",
        help="a compiled network, or where to compile it: a file, or a folder that ends in .zarr",
    )
    parser.add_argument("--layout", choices=("classic", "columnar"), help="layout of a new file")
    parser.add_argument(
        "--seed", type=int, help="seed of a new network, instead of that in network.json"
    )
    parser.add_argument("--compile-only", action="store_true", help="run no simulation")
    parser.add_argument("--spikes", type=Path, help="also write the spikes to this CSV file")
    parser.add_argument("--plot", type=Path, help="also draw the spikes into this picture")
    found = parser.parse_args(argv)
    installed = {each.name for each in entry_points(group="bsb.simulation_backends")}
    if not found.compile_only and found.simulator not in installed:
        parser.error(
            f"BSB finds no simulator '{found.simulator}'; install it with: pip install"
            f" {PACKAGES[found.simulator]}"
        )
    if found.network.exists() and (found.layout is not None or found.seed is not None):
        parser.error(
            f"{found.network} exists and keeps its layout and seed: remove it, name another file"
            " with --network, or leave out --layout and --seed"
        )
    return found


def main(argv: Sequence[str] | None = None) -> None:
    chosen = arguments(argv)
    bsb.options.verbosity, bsb.options.quiet = 0, True
    if not chosen.network.exists():
        compile_network(chosen.network, chosen.layout, chosen.seed)
    if chosen.compile_only:
        return
    network = storage_at(chosen.network).load()
    spikes = simulate(network, chosen.simulator)
    report(network, chosen.simulator, spikes)
    if chosen.spikes is not None:
        write(chosen.spikes, spikes)
    if chosen.plot is not None:
        plot(chosen.plot, spikes)


if __name__ == "__main__":
    main()
