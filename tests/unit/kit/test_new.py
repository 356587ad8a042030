"""A new package installs, and its engine passes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bsb_hdf5.errors import InputError
from bsb_hdf5.kit.__main__ import main
from bsb_hdf5.kit.new import render, write_package

ROOT = Path(__file__).parents[3]


def installed(folder: Path, name: str) -> dict[str, str]:
    """An environment in which the package is found, as if pip had installed it."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    site = folder / "site"
    info = site / f"bsb_{name}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    (info / "top_level.txt").write_text(f"bsb_{name}\n")
    points = project["entry-points"]["bsb.storage.engines"]
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[bsb.storage.engines]", *lines, ""]))
    paths = [str(site), str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def checked(folder: Path, name: str, only: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The check of the engine of a package, with some of the tests."""
    return subprocess.run(
        [sys.executable, "-m", "bsb_hdf5.kit", "check", name, "--only", only, *options],
        env=installed(folder, name),
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )


# All tests of the template are those of the example, which is the same.
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_new_package_passes_the_check(tmp_path: Path) -> None:
    folder = write_package("fresh", tmp_path)
    finished = checked(folder, "fresh", "Networks or BsbConnectivity or document or runTest")
    said = finished.stdout
    assert 0 == finished.returncode, said + finished.stderr
    assert "'fresh' passes" in said
    for title in ("contract of the store", "random histories", "networks: ", "BSB's suite"):
        assert re.search(rf"  {title}.*: .*\d+ passed", said), said
    assert "not claimed: durable: What was stored survives the end" in said
    assert re.search(r"append 500 cells, 100 times: fresh [\d.]+, memory [\d.]+, hdf5", said)


def test_an_engine_that_breaks_a_promise_does_not_pass(tmp_path: Path) -> None:
    folder = write_package("broken", tmp_path)
    store = folder / "bsb_broken" / "store.py"
    text = store.read_text()
    assert 'self._run("COMMIT")' in text
    store.write_text(text.replace('self._run("COMMIT")', 'self._run("ROLLBACK")'))
    finished = checked(folder, "broken", "once_its_creation")
    assert 1 == finished.returncode
    assert "'broken' does not pass" in finished.stdout
    assert "BROKEN TestContract::test a store is there once its creation" in finished.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("__import__('time').sleep(600)", "it did not end within 1 seconds (--limit)"),
        ("__import__('os').kill(__import__('os').getpid(), 11)", "signal 11 (SIGSEGV)"),
    ],
    ids=["hangs", "crashes"],
)
def test_an_engine_that_hangs_or_crashes_gets_its_report(
    tmp_path: Path, act: str, error: str
) -> None:
    folder = write_package("ending", tmp_path)
    store = folder / "bsb_ending" / "store.py"
    store.write_text(store.read_text().replace('self._run("COMMIT")', act))
    only = "once_its_creation or leaves_no_file"
    finished = checked(folder, "ending", only, "--limit", "1")
    said = finished.stdout
    assert 1 == finished.returncode
    assert "  not run: 1 test\n" in said
    assert "BROKEN TestContract::test " in said
    assert error in said
    assert said.endswith("'ending' does not pass\n")
    assert "bsb_ending/store.py" in finished.stderr


def test_an_engine_that_is_not_installed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["check", "absent"])
    assert "no engine 'absent' is installed; BSB finds " in capsys.readouterr().out


def test_an_engine_that_the_kit_did_not_make_is_not_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 1 == main(["check", "fs"])
    assert "the engine 'fs' is not made with bsb_hdf5.kit" in capsys.readouterr().out


@pytest.mark.parametrize("limit", ["-1", "nan", "long"])
def test_a_limit_that_is_no_time_is_refused(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", "memory", "--limit", limit])
    assert f"argument --limit: invalid seconds value: '{limit}'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "Lmdb", "1a", "a-b", "a/b", "é"])
def test_a_name_that_no_module_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="can't be the name of an engine"):
        render(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hdf5", "'bsb-hdf5' has an engine of this name"),
        ("memory", "'bsb-hdf5' has an engine of this name"),
        ("zarr", "'bsb-hdf5' has an engine of this name"),
        ("fs", "'bsb-core' has an engine of this name"),
        ("core", "its package 'bsb-core' would replace the one that is installed"),
        ("bsb", "it is the name of the program"),
    ],
)
def test_a_name_that_is_taken_is_refused(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == main(["new", name, "--into", str(tmp_path)])
    assert f"'{name}' can't be the name of an engine: {reason}" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_the_package_of_an_installed_engine_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(write_package("my_own", tmp_path), "my_own")
    monkeypatch.syspath_prepend(tmp_path / "bsb-my_own" / "site")
    assert (write_package("my_own", tmp_path / "again") / "pyproject.toml").exists()


def test_a_folder_that_exists_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == main(["new", "mine", "--into", str(tmp_path)])
    assert "pip install -e" in capsys.readouterr().out
    store = tmp_path / "bsb-mine" / "bsb_mine" / "store.py"
    store.write_text("changed")
    assert 2 == main(["new", "mine", "--into", str(tmp_path)])
    assert "exists" in capsys.readouterr().err
    assert "changed" == store.read_text()


def test_the_example_is_the_template() -> None:
    example = (ROOT / "examples" / "backends" / "sqlite" / "store.py").read_text()
    first, _, rest = render("sqlite")["bsb_sqlite/store.py"].partition("\n")
    assert example.partition("\n")[2] == rest
    assert first.startswith('"""Networks in SQLite')


@pytest.mark.slow
def test_a_new_package_is_typed(tmp_path: Path) -> None:
    folder = write_package("typed", tmp_path)
    settings = ["--strict", "--config-file", str(ROOT / "pyproject.toml"), "--no-incremental"]
    finished = subprocess.run(
        [sys.executable, "-m", "mypy", *settings, str(folder / "bsb_typed")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == finished.returncode, finished.stdout
