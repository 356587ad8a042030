"""How long tests of an engine wait for what may never end, in seconds; None for no limit."""

from __future__ import annotations

import attrs

EXAMPLES_VARIABLE = "BSB_HDF5_TESTING_EXAMPLES"
"""The environment variable that asks for more examples, which may take any time."""
LIMIT = 300.0
"""Seconds for a test, unless the run says otherwise: many times what the longest one takes."""
# So that a process or thread that does not answer fails its test before the test is over.
_PART = 5


@attrs.define
class Waits:
    """
    The limits of this process.

    :param test: for a test.
    """

    test: float | None = LIMIT

    @property
    def other(self) -> float | None:
        """For another thread or process within a test."""
        return None if self.test is None else self.test / _PART

    def set(self, seconds: float) -> None:
        """Change the limits; 0 is for none."""
        self.test = seconds if seconds > 0 else None


WAITS = Waits()
