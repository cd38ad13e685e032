"""The table of contents at the top of recurrent.h: its sections with their functions, in order.

make_signatures.py writes it, and compares it with ``--check``.
"""

from __future__ import annotations

import re
import textwrap

TITLE = " * Contents: sections, and their functions without the prefix recurrent_\n"
WIDTH = 115


def with_contents(header: str) -> str:
    """Return a header whose table of contents lists what the header declares."""
    start = header.index(TITLE) + len(TITLE)
    end = header.index(" *\n * A program,", start)
    return header[:start] + contents(header) + header[end:]


def contents(header: str) -> str:
    """Return the lines of the table."""
    lines = [""]
    for title, body in sections(header, r"/\* -{60,} (.+?)(?: \*/)?$")[1:]:
        lines.append(f"  {title}")
        for part, declarations in sections(body, r"/\* ---- (.+?)[.:].*$"):
            names = functions(declarations)
            if title == "Types":
                names = re.findall(r"^(?:typedef \w+|\}) recurrent_(\w+);", declarations, re.M)
            label = f"{part}: " if part else ""
            if names:
                later = "        " if label else "      "
                lines += textwrap.wrap(
                    label + ", ".join(names), WIDTH, initial_indent="      ", subsequent_indent=later
                )
    return "".join(f" *{line and ' ' + line}\n" for line in lines)


def functions(declarations: str) -> list[str]:
    """Return the functions and variables that a part of the header declares, without their prefix."""
    # a part may begin within a comment
    declarations = re.sub(r"\A(?:(?!/\*).)*?\*/|/\*.*?\*/", "", declarations, flags=re.S)
    function, variable = r"^[\w ]+ \*?recurrent_(\w+)\(", r"^extern .*?\brecurrent_(\w+)\W*;"
    found = [match for form in (function, variable) for match in re.finditer(form, declarations, re.M)]
    return [match[1] for match in sorted(found, key=lambda match: match.start())]


def sections(text: str, mark: str) -> list[tuple[str, str]]:
    """Return the titles that a mark introduces, each with the text up to the next; first the text without a title."""
    parts = ["", *re.split(f"^{mark}", text, flags=re.M)]
    return [(title.strip(), body) for title, body in zip(parts[::2], parts[1::2])]
