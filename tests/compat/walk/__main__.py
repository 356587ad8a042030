"""
Print where this engine answers otherwise than bsb-hdf5 8.0.2, and remake the table of errors.

    python -m tests.compat.walk [--all]

Without ``--all`` only what the documentation does not list, and what it lists in vain. Where the
calls have changed, the outcomes of 8.0.2 are recorded again before.
"""

from __future__ import annotations

import sys

from tests.compat.upstream import upstream_python
from tests.compat.walk import pages, recording
from tests.compat.walk.engines import observe, theirs


def main() -> None:
    if not recording.is_current():
        recording.record(theirs(upstream_python()))
    observed = observe()
    pages.ERRORS_PAGE.write_text(
        pages.errors_page(observed.theirs, observed.classic), encoding="utf-8"
    )
    listed, to_fix = pages.listed(), pages.to_fix()
    shown = observed.differences
    if "--all" not in sys.argv:
        shown = pages.unlisted(shown, [*listed, *to_fix])
    for each in shown:
        print(each)
    for pattern in pages.unobserved(observed.differences, listed):
        print(f"listed on {pages.PAGE.name} but not observed: {pattern}")
    for pattern in pages.unobserved(observed.differences, to_fix):
        print(f"listed in {pages.TO_FIX.name} but not observed: {pattern}")
    left = len(observed.differences) - len(pages.unlisted(observed.differences, to_fix))
    print(f"{len(observed.differences)} differences, {left} of them to fix")


if __name__ == "__main__":
    main()
