"""Sphinx configuration."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "bsb-hdf5"
copyright = "bsb-hdf5 contributors, GPL-3.0-or-later"
release = installed_version("bsb-hdf5")
version = release

extensions = [
    "api_coverage",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
# The pages of source code take a fifth of the time, and nothing can be wrong in them.
if not tags.has("without_source"):  # noqa: F821 Sphinx defines it.
    extensions.append("sphinx.ext.viewcode")
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

# Every reference resolves, except those to what other projects document and to the inside of this.
nitpicky = True
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(abc|attr|attrs|bsb|collections|contextlib|datetime|enum|hypothesis|json|logging)\..*",
    ),
    (r"py:.*", r"(np|numpy|os|pandas|pathlib|_?pytest|scipy|types|typing|unittest)\..*"),
    (r"py:.*", r"bsb_hdf5\.(adapters|core|transactions)\..*"),
    (r"py:.*", r"bsb_hdf5\.testing\.(contract|rules)_.*"),
    # Private bases, and variables of types.
    (r"py:(class|obj)", r"bsb_hdf5\.(\w+\.)*(_\w+|[A-Z])"),
    (r"py:(class|obj)", r"[A-Z]"),
    # What annotations and fields of docstrings call by its short name.
    (
        r"py:(class|obj)",
        r"(Any|Callable|Chunks|Configuration|Connections|Iterable|Iterator|Path|Scaffold|Self|Storage)",
    ),
    (r"py:exc", r"[A-Z]\w*(Error|Warning)"),
]
# An error of the core and its counterpart that is also BSB's have the same name.
suppress_warnings = ["ref.python"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"bsb-hdf5 {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "source_repository": "https://github.com/dbbs-lab/bsb-hdf5/",
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
