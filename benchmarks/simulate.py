"""Set up an Arbor simulation with this engine in its layouts, on zarr, and with bsb-hdf5 8.0.2.

``python benchmarks/simulate.py --upstream PYTHON`` runs ``simulate_once.py`` turn by turn, each
variant in a process of its own, and prints how many times faster this engine is: medians over the
rounds of the ratios within a round, in time of the processor. Both environments need ``bsb-arbor``
beside the engine; without it in either of them, ``--calls`` makes the calls of the storage alone.
The networks that the variants set up have to be the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from bytecode import compile_packages
from table import Figures, run, verdict

# Times faster than 8.0.2 that each variant has to be.
TARGETS = {"columnar": 10, "classic": 4, "zarr": None}


def set_up(python: Path, variant: str, options: list[str]) -> Figures:
    engine = ["--engine", "zarr" if variant == "zarr" else "hdf5", *options]
    layout = variant if variant in ("columnar", "classic") else ""
    return run(python, "simulate_once.py", *engine, layout=layout)


def one_round(ours: Path, theirs: Path, options: list[str]) -> dict[str, float]:
    """Seconds by variant."""
    measured = {"8.0.2": set_up(theirs, "8.0.2", options)}
    for variant in TARGETS:
        measured[variant] = set_up(ours, variant, options)
        if measured[variant]["digest"] != measured["8.0.2"]["digest"]:
            raise SystemExit(f"{variant} sets up another network than 8.0.2")
    return {variant: figures["seconds"] for variant, figures in measured.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", type=Path, required=True, help="python with 8.0.2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", action="store_true", help="only the calls of the storage")
    arguments = parser.parse_args()
    compile_packages(Path(sys.executable), arguments.upstream)
    options = ["--calls"] if arguments.calls else []
    rounds = []
    for number in range(arguments.rounds):
        rounds.append(one_round(Path(sys.executable), arguments.upstream, options))
        print(f"round {number + 1} of {arguments.rounds}: {rounds[-1]}", file=sys.stderr)
    print("| work | 8.0.2 | columnar | classic | zarr |")
    print("|---|---|---|---|---|")
    cells = [f"{median(each['8.0.2'] for each in rounds):.1f} s"]
    for variant, target in TARGETS.items():
        ratio = median(each["8.0.2"] / each[variant] for each in rounds)
        cells.append(verdict(ratio, target))
    name = "set up a simulation, calls alone" if arguments.calls else "set up a simulation"
    print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
