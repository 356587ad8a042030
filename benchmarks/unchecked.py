"""``workloads.py`` with an engine that keeps no checksums of rows: what is left is what they cost.

``python unchecked.py WORKDIR [NAME ...]``, with the options of ``workloads.py``.
"""

from __future__ import annotations

from unittest.mock import patch

import workloads

from bsb_hdf5.adapters.hdf5.groups import Hdf5GroupWriter


def main() -> None:
    with patch.object(Hdf5GroupWriter, "unchecked_rows", False):
        workloads.main()


if __name__ == "__main__":
    main()
