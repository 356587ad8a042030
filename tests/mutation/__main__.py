"""
Change the engine in some places, one at a time, and see whether a test fails.

``python -m tests.mutation --count 50 --seed 1`` prints each change that no test noticed, as a diff,
and how many there were by room. ``--only core/labels``, or ``--only face cli``, restricts the
places, with a sample of each, and ``--limit`` the seconds that tests take for a change. Which tests
reach which change is found first, and kept in ``build/mutants`` for the same source, tests and
changes.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.mutation.mutations import Mutation, mutations_of
from tests.mutation.trials import Outcome, Trials

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
# Quick tests of what is done in one process.
TESTS = (
    "tests/unit",
    "tests/face",
    "tests/contract/test_stores.py",
    "tests/engines",
    "tests/formats",
    "tests/spec/sentences",
    "tests/faults",
    "tests/backends",
    "tests/remote",
    "tests/parallel/test_staged_calls.py",
    "tests/parallel/test_contention.py",
)
MARKED = "not mpi and not compat and not slow and not long"
# Shipped tests, and programs of their own.
LEFT_OUT = ("testing", "kit")
ORIGINAL = "BSB_HDF5_MUTANTS_OF"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=[1], nargs="+")
    parser.add_argument(
        "--only",
        default=[""],
        nargs="+",
        help="parts of paths of modules, or rooms: a sample of each",
    )
    parser.add_argument("--limit", type=float, default=60, help="seconds of tests for a change")
    parser.add_argument("--tests", default=TESTS, nargs="+", help="folders and files of tests")
    options = parser.parse_args()
    if ORIGINAL in os.environ:
        samples = {
            f"seed {seed} {only}".strip(): sample(options.count, seed, only)
            for seed in options.seed
            for only in options.only
        }
        sys.exit(try_all(samples, Path(os.environ[ORIGINAL]), options))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = copy_of_the_project(Path(folder))
        environment = {
            **os.environ,
            ORIGINAL: str(ROOT),
            "PYTHONPATH": str(copy / "installed"),
            "TMPDIR": folder,
        }
        command = [sys.executable, "-m", "tests.mutation", *sys.argv[1:]]
        sys.exit(subprocess.run(command, cwd=copy, env=environment, check=False).returncode)


def try_all(samples: dict[str, list[Mutation]], original: Path, options: argparse.Namespace) -> int:
    """Try some samples, and print the outcomes and a table of each."""
    every = list(dict.fromkeys(each for chosen in samples.values() for each in chosen))
    outcomes: dict[Mutation, Outcome] = {}

    def tell(mutation: Mutation, outcome: Outcome) -> None:
        again = " again" if mutation in outcomes else ""
        outcomes[mutation] = outcome
        print(
            f"{every.index(mutation) + 1}/{len(every)}{again} {told(mutation, outcome)}", flush=True
        )

    remembered = original / "build" / "mutants" / f"{digest(every, options.tests)}.jsonl"
    remembered.parent.mkdir(parents=True, exist_ok=True)
    package = ROOT / "installed" / "bsb_hdf5"
    quiet = ["-q", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=0", "-o", "timeout=0"]
    status = pytest.main(
        [*quiet, "-o", "tmp_path_retention_policy=none", "-m", MARKED, *options.tests],
        plugins=[Trials(every, package, remembered, options.limit, tell)],
    )
    for title, chosen in samples.items():
        print(f"\n{title}\n{table({each: outcomes[each] for each in chosen})}")
    return int(status)


def told(mutation: Mutation, outcome: Outcome) -> str:
    """One line, and the diff of what no test noticed."""
    where = f"{mutation.path.relative_to(ROOT)}:{mutation.line}"
    tests = f"{outcome.ran} of {outcome.reached} tests, {outcome.seconds:.1f} s"
    if outcome.noticed_by:
        return f"{where} noticed: {outcome.noticed_by} ({tests})"
    return f"{where} SURVIVED ({tests})\n{diff_of(mutation)}"


def table(outcomes: dict[Mutation, Outcome]) -> str:
    """How many changes were made, and survived, by room."""
    made = Counter(room_of(each.path) for each in outcomes)
    survived = Counter(
        room_of(each.path) for each, outcome in outcomes.items() if not outcome.noticed_by
    )
    rows = [f"{'room':<14}{'changes':>8}{'survived':>10}"]
    rows += [f"{room:<14}{made[room]:>8}{survived[room]:>10}" for room in sorted(made)]
    return "\n".join(rows)


def digest(mutations: list[Mutation], tests: list[str]) -> str:
    """What the tests that reach mutations depend on, but for their own files."""
    found = hashlib.sha256(repr(tests).encode())
    for folder in ("src", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.parent != Path(__file__).parent and not is_test(path):
                found.update(path.read_bytes())
    for each in mutations:
        found.update(f"{each.path.relative_to(ROOT)} {each.start} {each.text}".encode())
    return found.hexdigest()[:16]


def is_test(path: Path) -> bool:
    """Whether a file holds tests, and nothing that other files use."""
    return path.name.startswith("test_") and path.is_relative_to(ROOT / "tests")


def sample(count: int, seed: int, only: str) -> list[Mutation]:
    """Some of all changes, in random order; the same for the same seed and source."""
    every = [
        each for each in every_mutation() if only in str(each.path) or only == room_of(each.path)
    ]
    return random.Random(seed).sample(every, min(count, len(every)))


@cache
def every_mutation() -> tuple[Mutation, ...]:
    """What can be changed in the source."""
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if room_of(path) not in LEFT_OUT]
    return tuple(mutation for path in modules for mutation in mutations_of(path))


def room_of(path: Path) -> str:
    """The folder below ``src`` that a module is in; the modules of ``src`` itself are the face."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else "face"


def copy_of_the_project(folder: Path) -> Path:
    """A copy of source and tests in which the package is found before the one installed."""
    copy = folder / "project"
    leave = shutil.ignore_patterns(".*", "_build", "build", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=leave, symlinks=True)
    (copy / "installed").mkdir()
    (copy / "installed" / "bsb_hdf5").symlink_to(copy / "src")
    return copy


def diff_of(mutation: Mutation) -> str:
    name = str(mutation.path.relative_to(ROOT))
    source = mutation.path.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        source.splitlines(), mutation.apply(source).splitlines(), name, name, n=2, lineterm=""
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
