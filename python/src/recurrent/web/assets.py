"""The files of the page in ``static``."""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).with_name("static")
# in an order in which each module imports only from those before it
MODULES = ("format.js", "connection.js", "charts.js", "pictures.js", "controls.js", "main.js")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.M)
_EXPORT = re.compile(r"^export (?!default)", re.M)


def read(name: str) -> str:
    """Returns the text of a file."""
    return (STATIC / name).read_text(encoding="utf-8")


def bundle() -> str:
    """Returns the modules as one, without imports between them: anywidget takes a single module."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", read(name))) for name in MODULES)


def markup() -> str:
    """Returns the content of the page's ``main`` element."""
    return read("page.html").partition('<main class="recurrent-live">')[2].partition("</main>")[0]
