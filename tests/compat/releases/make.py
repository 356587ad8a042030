"""
Remake the committed files of earlier releases of bsb-hdf5, and what each reads from its own.

    python -m tests.compat.releases.make [RELEASE ...]

Each release is installed from the package index into an environment of its own, which is removed
again. Ids, times and versions of dependencies differ from one making to the next.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.compat.make_files import write_compressed

HERE = Path(__file__).parent
RELEASES = ("4.1.1", "5.0.4", "6.0.7", "7.6.1", "8.0.2")
TIME_LIMIT = 900.0
PREFIX = "release-"


def environment_of(release: str, folder: Path) -> Path:
    """The interpreter of a new environment with that release."""
    base = shutil.which("python3.11") or sys.executable
    run(folder, base, "-m", "venv", "environment")
    python = folder / "environment" / "bin" / "python"
    run(folder, python, "-m", "pip", "install", "--no-compile", f"bsb-hdf5=={release}")
    return python


def run(folder: Path, *command: object) -> None:
    subprocess.run([str(part) for part in command], cwd=folder, check=True, timeout=TIME_LIMIT)


def make(release: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment_of(release, folder)
        script = HERE / "network.py"
        run(folder, python, "-W", "ignore", script, "make", "network.hdf5")
        content = (folder / "network.hdf5").read_bytes()
        run(folder, python, "-W", "ignore", script, "read", "network.hdf5", "network.json")
        write_compressed(f"{PREFIX}{release}.hdf5.gz", content)
        write_compressed(f"{PREFIX}{release}.json.gz", (folder / "network.json").read_bytes())


if __name__ == "__main__":
    for each in sys.argv[1:] or RELEASES:
        make(each)
