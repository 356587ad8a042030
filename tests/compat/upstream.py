"""
The environment of bsb-hdf5 8.0.2, and others upon it: made once from the package index, then found.

Both engines have the same import name, so 8.0.2 lives in a virtual environment of its own and is
only ever run as another process. Environments are kept in the folder that
``BSB_HDF5_UPSTREAM_VENV`` names (``.upstream-venv`` in the repository if it names none), one for
each content of a list of requirements, such as ``upstream-requirements.txt``.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("upstream-requirements.txt")
REPOSITORY = Path(__file__).parents[2]
FOLDER_VARIABLE = "BSB_HDF5_UPSTREAM_VENV"
REQUIRED_VARIABLE = "BSB_HDF5_REQUIRE_UPSTREAM"
TIME_LIMIT = 900.0
"""Seconds for one step of making the environment: an index can be slow."""


class UpstreamUnavailableError(RuntimeError):
    """The environment of bsb-hdf5 8.0.2 is not there and cannot be made."""


def upstream_is_required() -> bool:
    """Whether a missing environment is a failure rather than a reason to skip."""
    return bool(os.environ.get("CI")) or os.environ.get(REQUIRED_VARIABLE) == "1"


def upstream_python() -> Path:
    """
    The interpreter of the environment of 8.0.2, which is made if it is not there.

    :raises UpstreamUnavailableError: with the reason and the end of what the tool said.
    """
    return environment_python(REQUIREMENTS)


def environment_python(requirements: Path, upon: Path | None = None) -> Path:
    """
    The interpreter of an environment, which is made if it is not there.

    :param requirements: complete list of its packages.
    :param upon: interpreter of another environment, whose packages it has besides.
    :raises UpstreamUnavailableError: with the reason and the end of what the tool said.
    """
    folder = Path(os.environ.get(FOLDER_VARIABLE) or REPOSITORY / ".upstream-venv").absolute()
    content = requirements.read_bytes() + (b"" if upon is None else str(upon).encode())
    environment = folder / hashlib.sha256(content).hexdigest()[:16]
    if not environment.exists():
        try:
            _make(environment, requirements, upon)
        except OSError as error:
            reason = f"cannot make {environment}: {error}"
            raise UpstreamUnavailableError(reason) from error
    return environment / "bin" / "python"


def _make(environment: Path, requirements: Path, upon: Path | None) -> None:
    """Make the environment beside its place and move it there whole; processes take turns."""
    environment.parent.mkdir(parents=True, exist_ok=True)
    with _alone(environment):
        if not environment.exists():
            _make_alone(environment, requirements, upon)


@contextmanager
def _alone(environment: Path) -> Iterator[None]:
    """Wait for other processes that make it."""
    with environment.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_alone(environment: Path, requirements: Path, upon: Path | None) -> None:
    with _scratch_folder(environment) as scratch:
        _run([_base_python() if upon is None else str(upon), "-m", "venv", str(scratch)])
        python = scratch / "bin" / "python"
        if upon is not None:
            (_site_packages(python) / "upon.pth").write_text(f"{_site_packages(upon)}\n")
        pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        # The list is complete, and compiling all of it would take longer than using it.
        _run([*pip, "install", "--no-deps", "--no-compile", "-r", str(requirements)])
        scratch.rename(environment)


def _site_packages(python: Path) -> Path:
    return Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))


@contextmanager
def _scratch_folder(environment: Path) -> Iterator[Path]:
    scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=environment.parent))
    scratch.chmod(0o755)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _base_python() -> str:
    """The Python that the requirements were frozen with, or else the one that runs."""
    return shutil.which("python3.11") or sys.executable


def _run(command: list[str]) -> str:
    """What a command prints."""
    try:
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"{' '.join(command)} took longer than {TIME_LIMIT:.0f} s"
        raise UpstreamUnavailableError(reason) from error
    if result.returncode:
        said = result.stdout.strip()[-1500:]
        raise UpstreamUnavailableError(
            f"{' '.join(command)} ended with status {result.returncode}:\n{said}"
        )
    return result.stdout.strip()
