"""The package of a working backend, as a start for an author."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from importlib.resources import files
from pathlib import Path

from ..errors import InputError

_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "bsb_NAME/__init__.py": "init.py.txt",
    "bsb_NAME/store.py": "store.py.txt",
    "tests/test_engine.py": "test_engine.py.txt",
}
_LIBRARY = "bsb-hdf5"


def render(name: str) -> dict[str, str]:
    """
    The files of a package with an engine of this name, by path.

    :raises InputError: the name can't be used for an engine, or in the name of a module, or it is
        that of an engine or distribution that is installed.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InputError(
            f"{name!r} can't be the name of an engine: pass lower-case letters, digits and '_',"
            " a letter first",
            asked=name,
        )
    _check_free(name)
    title = name.title().replace("_", "")
    folder = files(__package__) / "template"

    def filled(text: str) -> str:
        return text.replace("NAME_CLASS", title).replace("NAME", name)

    return {
        filled(path): filled((folder / source).read_text(encoding="utf-8"))
        for path, source in _FILES.items()
    }


def _check_free(name: str) -> None:
    """
    Check that a new package replaces nothing that is installed, but an earlier one like it.

    :raises InputError: it would.
    """
    new = _normal(f"bsb-{name}")
    points = entry_points(group="bsb.storage.engines", name=name)
    owners = sorted({_normal(each.dist.name) for each in points if each.dist is not None})
    if owners == [new] and new != _LIBRARY:
        return
    if owners:
        taken = f"'{owners[0]}' has an engine of this name"
    elif name == "bsb":
        taken = "it is the name of the program"
    elif _is_installed(new):
        taken = f"its package '{new}' would replace the one that is installed"
    else:
        return
    raise InputError(
        f"{name!r} can't be the name of an engine: {taken}; pass another name", asked=name
    )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    """The name of a distribution in its normalized form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write_package(name: str, parent: str | Path = ".") -> Path:
    """
    Write a package with an engine into a new folder, ``bsb-NAME``.

    :raises InputError: the folder exists; errors as for :func:`render` likewise.
    """
    contents = render(name)
    folder = Path(parent) / f"bsb-{name}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise InputError(f"'{folder}' exists; remove it or pass another name") from error
    for path, text in contents.items():
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder
