"""The sdist and the wheel pass the checks of the package index, are whole, and work installed.

``make dist`` runs more tests against them, in environments of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.dist.installed import build, unpacked
from tests.spec.source import package_folder

PROGRAM = """
import sys, bsb, bsb_hdf5
assert bsb_hdf5.__file__.startswith(sys.argv[1]), bsb_hdf5.__file__
bsb.Storage("hdf5", "installed.hdf5").create()
print(bsb_hdf5.verify("installed.hdf5"))
"""


# One test, as two processes that build at once would be in each other's way.
@pytest.mark.slow
def test_the_artifacts_are_whole_and_work(tmp_path: Path) -> None:
    sdist, wheel = build(tmp_path / "dist")
    content = unpacked(sdist, tmp_path / "content")
    assert (content / "tests" / "compat" / "files").is_dir()
    assert not list(content.rglob("__pycache__"))
    assert not (content / "docs" / "_build").exists()
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    folder = package_folder()
    modules = {f"bsb_hdf5/{path.relative_to(folder)}" for path in folder.rglob("*.py")}
    assert set() == modules - names
    assert not [name for name in names if name.startswith(("tests", "docs"))]
    assert "nothing is wrong" == run_against(tmp_path / "installed", tmp_path)


def run_against(installed: Path, folder: Path) -> str:
    """What a program prints for which the package lies there."""
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(installed)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == finished.returncode, finished.stderr
    return finished.stdout.strip()
