"""Where tests write: thousands of commits would wait for a disk."""

import os
import shutil
import tempfile

IN_MEMORY = "/dev/shm"
ROOM = 4 << 30
"""Bytes that have to be free there."""


def fast_folder() -> str:
    """A folder in memory, if there is one with room; else the usual one for temporary files."""
    if "TMPDIR" in os.environ or not os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return tempfile.gettempdir()
    return IN_MEMORY if shutil.disk_usage(IN_MEMORY).free > ROOM else tempfile.gettempdir()
