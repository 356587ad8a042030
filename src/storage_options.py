"""
Defaults of the ``hdf5`` engine, as options of BSB: entry points of the group ``bsb.options``.

BSB imports this module at every start, so it imports nothing that is slow to import.
"""

from __future__ import annotations

import os
from typing import TypeAlias

from bsb import options
from bsb.option import BsbOption


class LayoutOption(  # type: ignore[call-arg]
    BsbOption,  # type: ignore[misc]
    name="hdf5_layout",
    cli=("hdf5-layout",),
    project=("hdf5.layout",),
    env=("BSB_HDF5_LAYOUT",),
    script=("hdf5_layout",),
    description="layout of new HDF5 files: classic (the default) or columnar",
):
    """Layout of new files whose configuration does not name one."""


class DurabilityOption(  # type: ignore[call-arg]
    BsbOption,  # type: ignore[misc]
    name="hdf5_durability",
    cli=("hdf5-durability",),
    project=("hdf5.durability",),
    env=("BSB_HDF5_DURABILITY",),
    script=("hdf5_durability",),
    description="what changes to HDF5 files survive: process (the default: a killed process) or"
    " power (also a power cut)",
):
    """What stored changes survive, if the configuration does not say."""


Option: TypeAlias = type[LayoutOption] | type[DurabilityOption]


def value_of(option: Option) -> str | None:
    """
    The value of an option: from ``bsb.options``, the command line, the project or the environment.

    :returns: None if it is set nowhere.
    """
    # Where the package is used without its entry points, BSB does not know the option.
    if option.name not in options.get_option_descriptors():
        option.register()
    try:
        value = options.get_option(option.name)
    except OSError:
        # BSB looks for a project in folders that this user may not be allowed to enter.
        value = os.environ.get(f"BSB_{option.name.upper()}")
    return None if value is None else str(value)
