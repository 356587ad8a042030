"""A progress bar on stderr."""

from __future__ import annotations

import sys

from tqdm import tqdm

# Seconds that pass before there is a bar.
_DELAY = 1.0


def progress_bar(total: int, title: str, shown: bool | None) -> tqdm:
    """
    A bar that counts connections.

    :param shown: whether to show it; None where stderr is a terminal.
    """
    hidden = not (sys.stderr.isatty() if shown is None else shown)
    return tqdm(
        total=total,
        desc=title,
        unit=" connections",
        unit_scale=True,
        disable=hidden,
        delay=_DELAY,
        leave=False,
    )
