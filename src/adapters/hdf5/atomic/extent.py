"""An open file, and how much of it belongs to the network."""

from __future__ import annotations

import os

import attrs


@attrs.define(eq=False)
class Extent:
    """
    An open file with the two sizes that a commit leads from and to.

    :param descriptor: descriptor of the file; stays open when the file is done with.
    :param base_size: size of the file when the session began, or after its last commit.
    :param size: size of the file after the next commit.
    """

    descriptor: int
    base_size: int
    size: int

    @classmethod
    def of(cls, descriptor: int) -> Extent:
        """The extent of a file in which nothing was changed yet."""
        size = os.fstat(descriptor).st_size
        return cls(descriptor, size, size)
