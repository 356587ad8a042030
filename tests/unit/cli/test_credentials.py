"""No command prints the credentials of a URL."""

from __future__ import annotations

from pathlib import Path

import pytest
from bsb.cli import handle_command

from bsb_hdf5.cli.running import main
from tests.unit.cli.conftest import Run

URLS = (
    "s3://me:secret@lab/net.zarr",
    "s3://me:se/secret@lab/net.zarr",
    "https://me:secret@lab/net.zarr",
    "file://me:secret@lab/net.zarr",
)
COMMANDS = (
    ("info", "URL"),
    ("verify", "URL"),
    ("repair", "URL"),
    ("repack", "URL"),
    ("versions", "URL"),
    ("stats", "URL"),
    ("plot", "URL", "-o", "a.html"),
    ("plot", "NET", "-o", "URL.html"),
    ("diff", "URL", "NET"),
    ("diff", "NET", "URL"),
    ("copy", "URL", "made"),
    ("copy", "NET", "URL"),
    ("convert", "URL", "made"),
    ("convert", "NET", "URL"),
    ("convert", "NET", "URL", "--engine", "hdf5"),
    ("merge", "URL", "NET", "-o", "made"),
    ("merge", "NET", "-o", "URL"),
    ("merge", "NET", "-o", "URL", "--engine", "hdf5"),
    ("export", "URL", "made"),
    ("export", "NET", "URL", "--overwrite"),
    ("import", "URL", "made"),
    ("import", "made", "URL"),
    ("import", "made", "URL", "--engine", "hdf5"),
)


@pytest.mark.parametrize("layout", ["columnar"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_credentials_in_a_url_are_not_printed(
    run: Run, root: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    before = sorted(root.parent.iterdir())
    for url in URLS:
        words = [each.replace("URL", url).replace("NET", root.name) for each in command]
        outcome = run(*words, "--json", "--traceback")
        assert 2 == outcome.code, outcome.out
        assert "secret" not in outcome.out + outcome.err
    assert before == sorted(root.parent.iterdir())


def test_a_url_in_the_wrong_place_is_not_printed_with_its_credentials(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = ["stats", "net.hdf5", "--by", URLS[0]]
    for parse in (
        lambda: main(["info", "net.hdf5", URLS[0]]),
        lambda: main(wrong),
        lambda: handle_command(["storage", *wrong], exit=True),
    ):
        with pytest.raises(SystemExit):
            parse()
        said = capsys.readouterr().err
        assert "s3://lab/net.zarr" in said
        assert "secret" not in said
