"""
Change the engine in some places, one at a time, and see whether a test fails.

``python -m tests.mutation --count 50 --seed 1`` prints each change that no test noticed, as a diff,
and how many there were by room. The tests of a module are those that mirror it and those of
:data:`WIDER`, which a change has to survive too. ``--only core/labels`` restricts the places.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.mutation.mutations import Mutation, mutations_of

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
FACE = ("tests/face", "tests/engines/test_memory.py", "tests/unit/testing/test_network_machine.py")
CONTRACT = ("tests/contract/test_stores.py", "tests/unit/adapters")
WIDER: dict[str, tuple[str, ...]] = {
    "core": ("tests/unit/core", "tests/unit/maintenance", "tests/unit/exchange", *FACE),
    "transactions": ("tests/unit/transactions", *FACE),
    "adapters": (*CONTRACT, "tests/faults/test_commit_errors.py", "tests/face"),
    "maintenance": ("tests/unit/maintenance", "tests/face/test_integrity.py", "tests/face"),
    "exchange": ("tests/unit/exchange", "tests/face/test_transfer.py", "tests/face"),
}
# Shipped tests, and programs of their own.
LEFT_OUT = ("testing", "kit")
SECONDS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of the path of a module")
    options = parser.parse_args()
    chosen = sample(options.count, options.seed, options.only)
    made: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_the_project(Path(folder))
        for number, mutation in enumerate(chosen, 1):
            room = room_of(mutation.path)
            made[room] += 1
            noticed = is_noticed(mutation, copy)
            survived[room] += not noticed
            where = f"{mutation.path.relative_to(ROOT)}:{mutation.line}"
            outcome = "noticed" if noticed else "SURVIVED"
            print(f"{number}/{len(chosen)} {where} {outcome}", flush=True)
            if not noticed:
                print(diff_of(mutation, copy), flush=True)
    print(f"{'room':<14}{'changes':>8}{'survived':>10}")
    for room in sorted(made):
        print(f"{room:<14}{made[room]:>8}{survived[room]:>10}")


def sample(count: int, seed: int, only: str) -> list[Mutation]:
    """Some of all changes, in random order; the same for the same seed and source."""
    modules = [
        path
        for path in sorted(SOURCE.rglob("*.py"))
        if only in str(path) and room_of(path) not in LEFT_OUT
    ]
    every = [mutation for path in modules for mutation in mutations_of(path)]
    return random.Random(seed).sample(every, min(count, len(every)))


def room_of(path: Path) -> str:
    """The folder below ``src`` that a module is in; the modules of ``src`` itself are the face."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else "face"


def stages_of(path: Path) -> Iterator[tuple[str, ...]]:
    """First the test that mirrors a module, which mostly notices, then those of its room."""
    module = path.relative_to(SOURCE)
    mirror = Path("tests/unit") / module.parent / f"test_{module.name}"
    if (ROOT / mirror).exists():
        yield (str(mirror),)
    folder = Path("tests/unit") / module.parent
    if len(module.parts) > 1 and (ROOT / folder).is_dir():
        yield (str(folder),)
    yield WIDER.get(room_of(path), FACE)


def copy_of_the_project(folder: Path) -> Path:
    """A copy of source and tests in which the package is found before the one installed."""
    copy = folder / "project"
    leave = shutil.ignore_patterns(".*", "_build", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=leave, symlinks=True)
    (copy / "installed").mkdir()
    (copy / "installed" / "bsb_hdf5").symlink_to(copy / "src")
    return copy


def is_noticed(mutation: Mutation, copy: Path) -> bool:
    """Whether a test fails, or takes too long."""
    path = copy / mutation.path.relative_to(ROOT)
    source = path.read_text(encoding="utf-8")
    path.write_text(mutation.apply(source), encoding="utf-8")
    try:
        return any(fails(tests, copy) for tests in stages_of(mutation.path))
    finally:
        path.write_text(source, encoding="utf-8")


def fails(tests: tuple[str, ...], copy: Path) -> bool:
    options = (
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-o",
        "timeout=60",
        "-m",
        "not mpi and not compat and not slow",
    )
    command = [sys.executable, "-B", "-m", "pytest", *options, *dict.fromkeys(tests)]
    environment = {**os.environ, "PYTHONPATH": str(copy / "installed")}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def diff_of(mutation: Mutation, copy: Path) -> str:
    name = str(mutation.path.relative_to(ROOT))
    source = (copy / name).read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        source.splitlines(), mutation.apply(source).splitlines(), name, name, n=2, lineterm=""
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
