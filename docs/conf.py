"""Sphinx configuration."""

from importlib.metadata import version as installed_version

project = "bsb-hdf5"
release = installed_version("bsb-hdf5")
version = release

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
nitpicky = True
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "HDF5 storage engine for the Brain Scaffold Builder"}
