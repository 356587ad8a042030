"""The rows of docs/performance.md that write or read, on this code and on that of another commit.

``python benchmarks/against.py PYTHON``, where PYTHON has the package of the other commit, runs the
workloads of ``workloads.py`` and the compile of ``compile_once.py`` in each layout: in each round
first with the other code, then with this, then with the other again. A row shows the median over
the rounds of the time of this code by the mean of the other's two, and, as its noise, the median of
how far the other's two are apart. It is slower if its time exceeds 1 by more than its noise. With
``--unchecked`` this code keeps no checksums of rows, which a commit without them can't either.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from statistics import median

from bytecode import compile_packages
from table import TARGETS, Figures, compile_once, run

LAYOUTS = ("columnar", "classic")


def measure(python: Path, script: str, layout: str, *, compiles: bool) -> Figures:
    compiled = compile_once(python, layout) if compiles else {}
    return {**compiled, **run(python, script, layout=layout)}


def compare(rounds: list[tuple[Figures, Figures, Figures]], name: str) -> str:
    """The cell of a row: ratio, noise, and whether this code is slower."""
    ratio = median(2 * own[name] / (before[name] + after[name]) for before, own, after in rounds)
    noise = median(
        abs(before[name] - after[name]) / min(before[name], after[name])
        for before, _, after in rounds
    )
    return f"{ratio:.2f} ({noise:.2f}{', **slower**' if ratio > 1 + noise else ''})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("python", type=Path, help="python with the package of the other commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layout", choices=LAYOUTS, action="append", help="only this one")
    parser.add_argument("--no-compile", action="store_true", help="leave out the compile")
    parser.add_argument(
        "--unchecked", action="store_true", help="this code without checksums of rows, no compile"
    )
    arguments = parser.parse_args()
    compiles = not (arguments.no_compile or arguments.unchecked)
    compile_packages(arguments.python, Path(sys.executable))
    layouts = arguments.layout or LAYOUTS
    rounds: dict[str, list[tuple[Figures, Figures, Figures]]] = {each: [] for each in layouts}
    for number in range(arguments.rounds):
        for layout, found in rounds.items():
            take = partial(measure, layout=layout, compiles=compiles)
            other = partial(take, arguments.python, "workloads.py")
            script = "unchecked.py" if arguments.unchecked else "workloads.py"
            found.append((other(), take(Path(sys.executable), script), other()))
        print(f"round {number + 1} of {arguments.rounds} done", file=sys.stderr, flush=True)
    print(f"| work | {' | '.join(layouts)} |")
    print(f"|---{'|---' * len(layouts)}|")
    for name in TARGETS:
        if name in rounds[layouts[0]][0][0]:
            print(f"| {name} | {' | '.join(compare(each, name) for each in rounds.values())} |")


if __name__ == "__main__":
    main()
