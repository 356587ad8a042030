"""Whether a page of the built documentation is wider than a screen, in a headless browser.

python tests/site/measure.py [--screenshots FOLDER]

Serves docs/_build/html, loads each page in frames of 390 and 1,280 pixels, and compares the width
of what scrolls with that of the frame. Needs Chromium: `apt-get install chromium`. Nothing else is
needed, as the frames lie in a page that measures them and is printed once it has.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
WIDTHS = (390, 1280)
SHOWN = ("index.html", "tutorial.html", "performance.html")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_HARNESS = """<!doctype html><body><pre id="result">unfinished</pre><script>
const wide = [], frames = %s.map(([page, width]) => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.style = `width:${width}px;height:800px;border:0`;
  frame.onload = () => {
    const inside = frame.contentDocument.documentElement;
    wide.push([page, width, inside.scrollWidth, frame.contentWindow.innerWidth]);
    frame.remove();
    done();
  };
  frame.src = page;
  document.body.append(frame);
}));
const result = document.getElementById("result");
Promise.all(frames).then(() => result.textContent = JSON.stringify(wide));
</script>"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site, and the page that measures it."""

    harness = b""

    def do_GET(self) -> None:
        if self.path != "/measure":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.harness)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(harness: bytes, site: Path = SITE) -> Iterator[str]:
    """The address of the site, while the block lasts."""
    handler = type("_Handler", (_Quiet,), {"harness": harness})
    bound = functools.partial(handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def browse(*arguments: str) -> str:
    """What a headless browser prints."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        sys.exit("there is no Chromium to measure the site with: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
        command = [browser, *quiet, f"--user-data-dir={profile}", *arguments]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return finished.stdout


def measured(site: Path = SITE) -> list[tuple[str, int, int, int]]:
    """Page, width of the frame, and what it shows: widths of what scrolls and of the window."""
    pages = [str(path.relative_to(site)) for path in site.rglob("*.html")]
    wanted = [(page, width) for page in sorted(pages) for width in WIDTHS]
    with served((_HARNESS % json.dumps(wanted)).encode(), site) as address:
        dom = browse("--virtual-time-budget=240000", "--dump-dom", f"{address}/measure")
    match = re.search(r'id="result">(\[.*\])</pre>', dom)
    if match is None:
        sys.exit("the pages could not be measured")
    result = [tuple(each) for each in json.loads(match[1])]
    assert len(wanted) == len(result)
    return result


def photograph(folder: Path) -> None:
    """Pictures of the pages that are looked at before a release."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(b"") as address:
        for page in SHOWN:
            for width in WIDTHS:
                picture = folder / f"{Path(page).stem}-{width}.png"
                browse(
                    f"--window-size={width},1400", f"--screenshot={picture}", f"{address}/{page}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshots", type=Path, help="also write pictures into this folder")
    arguments = parser.parse_args()
    result = measured()
    wide = [each for each in result if each[2] > each[3] or each[1] != each[3]]
    for page, width, scrolled, window in sorted(wide):
        print(f"{page} is {scrolled} pixels wide in a frame of {width} ({window})")
    if arguments.screenshots:
        photograph(arguments.screenshots)
    if wide:
        sys.exit(1)
    print(f"{len(result) // len(WIDTHS)} pages fit into {WIDTHS} pixels")


if __name__ == "__main__":
    main()
