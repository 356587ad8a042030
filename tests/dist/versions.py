"""
Run the tests with each Python of this machine, and with the oldest and newest dependencies.

python tests/dist/versions.py [--tests PATH ...] [--only TITLE]

Each Python that the package allows gets an environment with the newest dependencies; the oldest of
them also one with the oldest that ``pyproject.toml`` allows. Prints a line for each, and ends with
1 if the tests failed in any.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
PYTHONS = tuple(f"python3.{minor}" for minor in range(11, 16))
TESTS = ("tests/engines", "tests/face", "tests/contract", "tests/remote", "tests/unit")
# What the tests that run here need beside the package; MPI and the docs are left out.
WITH = (
    *("cloud", "parquet", "plot", "testing", "zarr"),
    *("bsb-json~=8.0", "bsb-test~=8.0", "bsb-yaml~=8.0", "opentelemetry-sdk~=1.25"),
)
ALSO = (
    "libsonata",
    "moto[server]>=5.1",
    "pandas",
    "portalocker>=3.1",
    "pytest-timeout",
    "pytest-xdist>=3.6",
)
# The oldest matplotlib calls what later ones warn of.
BESIDE_OLDEST = ("pyparsing<3.3",)
# The oldest pytest gives the names of removed folders again, which networks in memory still have;
# the oldest hypothesis finds no references in frozen objects.
WITH_OLDEST = (
    *("-o", "tmp_path_retention_policy=all"),
    *("-W", "ignore:It looks like `register_random` was passed an object"),
)
QUICK = "not mpi and not compat and not slow"


@attrs.frozen
class Environment:
    """
    A Python and its dependencies.

    :param oldest: whether the dependencies are the oldest allowed.
    """

    python: str
    oldest: bool

    @property
    def title(self) -> str:
        return f"{Path(self.python).name}, {'oldest' if self.oldest else 'newest'} dependencies"


def environments() -> Iterator[Environment]:
    """Those that this machine can make, the oldest first."""
    found = [path for name in PYTHONS if (path := shutil.which(name)) and is_working(path)]
    if found:
        yield Environment(found[0], oldest=True)
    for path in found:
        yield Environment(path, oldest=False)


def is_working(python: str) -> bool:
    """Whether it starts: a version manager's names may stand for nothing."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def oldest(requirements: list[str]) -> list[str]:
    """The same requirements, with the oldest version that each allows."""
    found = (re.match(r"([\w.-]+)(\[[\w,-]+\])?(>=|~=)([\w.]+)", each) for each in requirements)
    return [f"{match[1]}=={match[4]}.*" for match in found if match]


def check(environment: Environment, folder: Path, tests: list[str]) -> bool:
    """Install the package into an environment of its own and run the tests there."""
    subprocess.run([environment.python, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, others = [each for each in WITH if "~" not in each], [e for e in WITH if "~" in e]
    # Setuptools writes beside what it builds.
    source = shutil.copytree(ROOT, folder / "source", ignore=_unneeded)
    requirements = [f"{source}[{','.join(extras)}]", *others, *ALSO]
    if environment.oldest:
        optional = project["optional-dependencies"]
        needed = [*project["dependencies"], *(each for name in extras for each in optional[name])]
        limits = folder / "oldest.txt"
        limits.write_text("\n".join([*oldest(needed), *BESIDE_OLDEST]) + "\n", encoding="utf-8")
        options += ["--constraint", str(limits)]
    installed = subprocess.run([python, *options, *requirements], check=False)
    if installed.returncode:
        return False
    command = [str(python), "-m", "pytest", "-q", "-m", QUICK, "-p", "no:cacheprovider"]
    command += [*(WITH_OLDEST if environment.oldest else ()), *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def _unneeded(folder: str, names: list[str]) -> list[str]:
    made = {"build", "__pycache__", "_build"}
    return [name for name in names if name.startswith(".") or name in made]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", nargs="*", default=list(TESTS), help="paths of tests")
    parser.add_argument("--only", default="", help="part of the title of an environment")
    arguments = parser.parse_args()
    outcomes = {}
    for environment in environments():
        if arguments.only not in environment.title:
            continue
        print(f"{environment.title} ...", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            outcomes[environment.title] = check(environment, Path(folder), arguments.tests)
    for title, passed in outcomes.items():
        print(f"{title}: {'passed' if passed else 'FAILED'}")
    if not outcomes:
        sys.exit("no environment was tried")
    sys.exit(0 if all(outcomes.values()) else 1)


if __name__ == "__main__":
    main()
