"""The settings of the documentation: `make docs` builds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS / "extensions"), str(ROOT / "python" / "src")]
os.environ.setdefault("RECURRENT_LIBRARY", str(ROOT / ".build" / "lib" / "librecurrent.so"))

import recurrent  # noqa: E402 (after its path is known)

project = "recurrent"
author = "the authors of recurrent"
version = release = recurrent.__version__
html_title = f"recurrent {release}"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "c_header",
    "command_help",
]
exclude_patterns = ["extensions", "static", "**/.ipynb_checkpoints"]
# pages of other parts may be absent
suppress_warnings = ["toc.empty_glob"]

# ---- Markdown and notebooks: the tests run notebooks, the pages show what is stored in them

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"
# Unicode in place of a terminal's escapes
nb_merge_streams = True

# ---- the Python reference

autosummary_generate = False
autodoc_member_order = "groupwise"
# members of bases outside the package are described by their own documentation
_BASES = "dict,object,tuple,str,Mapping,Exception,Protocol,BaseEstimator,ClassifierMixin,RegressorMixin"
autodoc_default_options = {"members": True, "inherited-members": _BASES}
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
add_module_names = False

# ---- references: every name that a page refers to exists

nitpicky = True
# types of the C library, and of NumPy
nitpick_ignore_regex = [("c:identifier", r"u?int(32|64)_t"), ("py:class", r"(np|numpy)\..*")]

# ---- the pages

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
copybutton_exclude = ".linenos, .gp, .go"

# ---- links: `make docs-links`

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False
