"""Build the sdist and the wheel, and test both as they are installed, with ``src`` out of reach.

python tests/dist/installed.py [--keep FOLDER]

Each is installed into an environment of its own, and the tests of the sdist run against it in a
folder from which the source of the package was removed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHOLE = (
    *("CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile"),
    *("docs/conf.py", "docs/_static/network.png", "examples/demo.py", "src/py.typed"),
)
TESTS = ("tests/engines", "tests/spec/test_distribution.py", "tests/docs/test_readme.py")
EXTRAS = "zarr,parallel,dev"


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, and end with its status if it fails."""
    print("$", *command, flush=True)
    finished = subprocess.run([str(part) for part in command], cwd=cwd, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it; both pass the checks of the index."""
    with tempfile.TemporaryDirectory() as name:
        # Setuptools writes beside what it builds.
        source = shutil.copytree(ROOT, Path(name, "source"), ignore=_unneeded)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def _unneeded(folder: str, names: list[str]) -> list[str]:
    made = {"build", "__pycache__", "_build"}
    return [name for name in names if name.startswith(".") or name in made]


def unpacked(sdist: Path, folder: Path) -> Path:
    """The content of the sdist, which is whole, without the source of the package."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (content,) = folder.iterdir()
    missing = [name for name in WHOLE if not (content / name).is_file()]
    if missing:
        sys.exit(f"the sdist lacks {missing}")
    shutil.rmtree(content / "src")
    return content


def check(artifact: Path, content: Path, environment: Path) -> None:
    """Install an artifact into a new environment and run the tests against it."""
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(python, *install, "--constraint", ROOT / "constraints.txt", f"{artifact}[{EXTRAS}]")
    where = "import bsb_hdf5, sys; sys.exit(not bsb_hdf5.__file__.startswith(sys.prefix))"
    run(python, "-c", where, cwd=content)
    run(python, "-m", "pytest", "-q", "-m", "not mpi and not compat", *TESTS, cwd=content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="copy sdist and wheel into this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdist, wheel = build(folder / "dist")
        content = unpacked(sdist, folder / "content")
        for artifact in (wheel, sdist):
            check(artifact, content, folder / f"environment-{artifact.suffix[1:]}")
        if arguments.keep:
            shutil.copytree(folder / "dist", arguments.keep, dirs_exist_ok=True)
    print(f"{sdist.name} and {wheel.name} are sound")


if __name__ == "__main__":
    main()
