"""Writes a section of docs/reliability.md: the counts of a job that has just run.

    python tools/reliability.py SECTION COMMAND FILE

FILE has one JSON object a line. Its keys are the columns of the table; lines with equal texts are one row, the sum of
their numbers. Exits with 1 if a column `failures` is not 0 in a row.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"


def machine() -> str:
    """The processor, its cores, and the system."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = found[1] if found else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores of {name}, {platform.system()} {platform.machine()}"


def rows(path: Path) -> list[dict[str, str | int | float]]:
    """The lines of a file, those with equal texts added; in the order of the texts."""
    sums: dict[tuple[tuple[str, str], ...], dict[str, int | float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        texts = tuple((key, value) for key, value in values.items() if isinstance(value, str))
        row = sums.setdefault(texts, {})
        for key, value in values.items():
            if not isinstance(value, str):
                row[key] = row.get(key, 0) + value
    return [{**dict(texts), **numbers} for texts, numbers in sorted(sums.items())]


def table(found: list[dict[str, str | int | float]]) -> str:
    """Rows in Markdown."""
    columns = list(found[0])
    numbers = [column for column in columns if not isinstance(found[0][column], str)]
    head = f"| {' | '.join(columns)} |\n|{'|'.join('---:' if c in numbers else '---' for c in columns)}|\n"
    cells = ([f"{row[c]:,}" if c in numbers else str(row[c]) for c in columns] for row in found)
    return head + "".join(f"| {' | '.join(each)} |\n" for each in cells)


def replaced(document: str, section: str, body: str) -> str:
    """The document with another body between the marks of a section."""
    marks = f"<!-- {section} -->\n", f"<!-- end of {section} -->"
    before, _, rest = document.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not end:
        raise SystemExit(f"docs/reliability.md has no section {section}")
    return f"{before}{marks[0]}{body}{marks[1]}{after}"


def main() -> None:
    """Writes the section."""
    section, command, path = sys.argv[1:]
    found = rows(Path(path))
    said = f"`{command}`, {datetime.date.today()}, {machine()}:\n\n{table(found)}"
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replaced(document, section, said), encoding="utf-8")
    print(table(found), end="")
    sys.exit(any(row.get("failures") for row in found))


if __name__ == "__main__":
    main()
