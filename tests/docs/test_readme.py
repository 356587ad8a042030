"""The README is short, and what it says is so."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import bsb_hdf5
from tests.docs.pages import ROOT, fences, perform

README = ROOT / "README.md"
SITE = "https://bsb-hdf5.readthedocs.io/en/latest/"
REPOSITORY = "https://github.com/dbbs-lab/bsb-hdf5/blob/main/"
RAW = "https://raw.githubusercontent.com/dbbs-lab/bsb-hdf5/main/"
MOST_BYTES = 150_000


def links() -> list[str]:
    text = README.read_text(encoding="utf-8")
    return re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"^\[\w+\]: (\S+)$", text, re.M)


def test_its_network_compiles_and_opens(tmp_path: Path) -> None:
    commands = perform(README, tmp_path)
    assert "bsb compile network.yaml" in commands
    assert 3 == len(commands)
    assert (tmp_path / "network.hdf5").is_file()


def test_it_is_short() -> None:
    assert 100 > len(README.read_text(encoding="utf-8").splitlines())


def test_make_test_is_the_second_thing_to_try() -> None:
    (lines,) = (content.split("\n") for _, content in fences(README) if "make demo" in content)
    assert ["make demo", "make test"] == [line for line in lines if line.startswith("make")]


def test_the_version_is_reported() -> None:
    assert version("bsb-hdf5") == bsb_hdf5.__version__


def test_its_links_work_wherever_it_is_shown() -> None:
    assert [] == [link for link in links() if not link.startswith("https://")]


def test_its_links_lead_to_pages_and_files_that_exist() -> None:
    pages = [link.removeprefix(SITE) for link in links() if link.startswith(SITE)]
    files = [link.removeprefix(REPOSITORY) for link in links() if link.startswith(REPOSITORY)]
    assert pages
    assert files
    sources = [ROOT / "docs" / (page or "index.html").replace(".html", ".md") for page in pages]
    assert [] == [path for path in (*sources, *map(ROOT.joinpath, files)) if not path.is_file()]


def test_its_picture_is_there_and_small() -> None:
    pictures = [ROOT / link.removeprefix(RAW) for link in links() if link.startswith(RAW)]
    assert 1 == len(pictures)
    assert all(0 < each.stat().st_size < MOST_BYTES for each in pictures)


def test_the_citation_names_this_version_and_the_article_of_the_readme() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {version('bsb-hdf5')}\n" in citation
    (article,) = re.findall(r"^  doi: (\S+)$", citation, re.MULTILINE)
    assert f"https://doi.org/{article}" in links()


def test_its_numbers_stand_on_the_page_that_measured_them() -> None:
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for row in (
        "| compile | 66361.5 ms | 76.6 x (25: met) | 12.3 x (7: met) |",
        "| compile: bytes | 181.9 MB | 131.9 x (30: met) | 10.7 x (10: met) |",
        "| load all positions | 51.1 ms | 91.4 x (20: met) | 7.7 x |",
        "| iterate both directions | 2090.0 ms | 115.0 x (30: met) | 27.7 x |",
    ):
        assert row in measured
