"""Questions to a network: processor time by that of one pass over its connections, and memory.

``python benchmarks/queries.py`` makes a columnar file of 10 million connections with branches and
points, in blocks of 100,000 (``--connections 100000000 --block 1000000`` for those of the target),
and asks each question in a process of its own: what it takes by what one pass of
``flat_iter_connections`` takes, and its peak of memory less what the process took before and less
the bytes of the answer. The median of ``--rounds``, in turn.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from scale import CELLS, MEBIBYTE, Network, memory

from bsb_hdf5 import queries

PASS = "one pass"
# Times one pass, and mebibytes beyond the answer.
TARGETS = {"in_degree": (1.5, 200), "matrix by type": (1.5, 200), "matrix by label": (1.5, 200)}


def one_pass(cs: Any) -> int:
    for _, _, _, (local, _) in cs.flat_iter_connections("inc"):
        len(local)
    return 0


QUESTIONS: dict[str, Any] = {
    PASS: one_pass,
    "in_degree": lambda cs: queries.in_degree(cs).nbytes,
    "out_degree": lambda cs: queries.out_degree(cs).nbytes,
    "in_degree by pairs": lambda cs: queries.in_degree(cs, by="pairs").nbytes,
    "matrix by type": lambda cs: queries.matrix(cs).values.nbytes,
    "matrix by label": lambda cs: queries.matrix(cs, by="label").values.nbytes,
    "matrix by chunk": lambda cs: queries.matrix(cs, by="chunk").values.nbytes,
    "synapses_per_pair": lambda cs: queries.synapses_per_pair(cs).n and 0,
    "distances": lambda cs: queries.distances(cs).counts.nbytes,
}


def make(root: str, connections: int, block: int) -> None:
    """Cells, of which a quarter has a label, and connections."""
    network = Network("hdf5", root)
    blocks = connections // block
    network.place(blocks)
    cells = CELLS * math.ceil(math.sqrt(blocks))
    network._cells.label(["core"], range(cells // 4))
    network.write(blocks, block, at_once=False)


def ask(root: str, question: str) -> dict[str, float]:
    """One question, in this process."""
    cs = Network("hdf5", root)._set
    # What a first read imports and opens counts to neither.
    len(cs)
    before = memory("VmRSS")
    start = time.process_time()
    answer = QUESTIONS[question](cs)
    seconds = time.process_time() - start
    return {"seconds": seconds, "beyond": memory("VmHWM") - before - answer}


def in_process(root: str, question: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--root", root, "--ask", question]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


def report(found: dict[str, list[dict[str, float]]]) -> None:
    base = median(each["seconds"] for each in found[PASS])
    print(f"one pass: {base:.2f} s of processor time\n")
    print("| question | times one pass | MiB beyond the answer |")
    print("|---|---|---|")
    for question, measured in found.items():
        times = median(each["seconds"] for each in measured) / base
        beyond = median(each["beyond"] for each in measured) / MEBIBYTE
        most = TARGETS.get(question)
        figures = [f"{times:.2f}", f"{beyond:.0f}"]
        if most is not None:
            pairs = zip(figures, (times, beyond), most, strict=True)
            figures = [f"{a} ({c}: {'met' if b <= c else 'missed'})" for a, b, c in pairs]
        print(f"| {question} | {' | '.join(figures)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000_000)
    parser.add_argument("--block", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", nargs="*", choices=list(QUESTIONS), default=list(QUESTIONS))
    parser.add_argument("--root", help=argparse.SUPPRESS)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        print(json.dumps(ask(arguments.root, arguments.ask)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = str(Path(folder) / "network.hdf5")
        make(root, arguments.connections, arguments.block)
        asked = dict.fromkeys([PASS, *arguments.questions])
        found: dict[str, list[dict[str, float]]] = {question: [] for question in asked}
        for _ in range(arguments.rounds):
            for question in asked:
                found[question].append(in_process(root, question))
    report(found)


if __name__ == "__main__":
    main()
