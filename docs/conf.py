"""The settings of the documentation: `make docs` builds it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS / "extensions"), str(ROOT / "python" / "src")]
os.environ.setdefault("RECURRENT_LIBRARY", str(ROOT / ".build" / "lib" / "librecurrent.so"))

import recurrent  # noqa: E402 (after its path is known)

# a copy, as links between notebooks are resolved below this folder alone
NOTEBOOKS = DOCS / "tutorials" / "notebooks"
shutil.rmtree(NOTEBOOKS, ignore_errors=True)
for notebook in (ROOT / "examples" / "notebooks").glob("*.ipynb"):
    NOTEBOOKS.mkdir(exist_ok=True)
    shutil.copy2(notebook, NOTEBOOKS)

project = "recurrent"
author = copyright = "the authors of recurrent"
version = release = recurrent.__version__
html_title = f"recurrent {release}"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_copybutton",
    "c_header",
    "command_help",
    "mathml",
]
exclude_patterns = ["extensions", "static", "**/.ipynb_checkpoints"]

# ---- Markdown and notebooks: the tests run notebooks, the pages show what is stored in them

myst_enable_extensions = ["dollarmath", "substitution"]
myst_heading_anchors = 4
smartquotes = False
nb_execution_mode = "off"
nb_merge_streams = True
# `make docs` copies the archive where it was built
_LINK = '<a href="../swift/documentation/recurrent/">Recurrent in DocC</a>'
_HAS_DOCC = (ROOT / ".build" / "docc" / "Recurrent.doccarchive").exists()
myst_substitutions = {"docc": _LINK if _HAS_DOCC else "It was not built with these pages."}

# ---- the Python reference

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

html_math_renderer = "mathml"
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


def without_absent_pages(app: Any, page: str, source: list[str]) -> None:
    """Removes the patterns of a list of pages that match none."""
    folder = (DOCS / page).parent
    source[0] = re.sub(
        r"^([\w./]+\*)\n", lambda match: match[0] if any(folder.glob(match[1])) else "", source[0], flags=re.M
    )


def setup(app: Any) -> None:
    """Adds the functions of this file."""
    app.connect("source-read", without_absent_pages)
