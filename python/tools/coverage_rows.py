"""Sums the coverage of llvm-cov and of coverage.py, and lists the lines that no test reaches.

    python tools/coverage_rows.py SWIFT PYTHON SUMS MISSED

SWIFT is the JSON of `llvm-cov export`, PYTHON that of `coverage json`. SUMS and MISSED receive one JSON object a line,
for tools/reliability.py. Exits with 1 below 95 % of the regions of the Swift sources, or if a line of the C interface
or of the package is not reached.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"Sources/Kernels": "kernels", "Sources/Recurrent/": "core", "Sources/RecurrentABI": "C interface"}
LEAST = 0.95


def missed(file: dict[str, Any]) -> list[int]:
    """The lines of a Swift file that have a region with the count 0 and none that was reached."""
    counts: dict[int, int] = {}
    for line, _, count, has_count, _, is_gap in file["segments"]:
        if has_count and not is_gap:
            counts[line] = max(counts.get(line, 0), count)
    return sorted(line for line, count in counts.items() if count == 0)


def main() -> None:
    """Writes the sums, and the lines of each file."""
    swift, python, out, missing = map(Path, sys.argv[1:])
    lost: dict[str, list[int]] = {}
    sums: dict[str, list[int]] = {}
    is_low = False
    for file in json.loads(swift.read_text(encoding="utf-8"))["data"][0]["files"]:
        name = Path(file["filename"]).relative_to(ROOT).as_posix()
        part = next((part for folder, part in PARTS.items() if name.startswith(folder)), None)
        if part is None:
            continue
        row = sums.setdefault(part, [0, 0, 0, 0])
        for at, kind in enumerate(("regions", "lines")):
            row[2 * at] += file["summary"][kind]["count"]
            row[2 * at + 1] += file["summary"][kind]["covered"]
        lost[name] = missed(file)
    files = json.loads(python.read_text(encoding="utf-8"))["files"]
    package = sums.setdefault("package", [0, 0, 0, 0])
    for name, file in files.items():
        # tests load copies of the package too
        if not name.startswith("src/"):
            continue
        package[2] += file["summary"]["num_statements"]
        package[3] += file["summary"]["covered_lines"]
        lost[f"python/{name}"] = file["missing_lines"]
    with out.open("w", encoding="utf-8") as stream:
        for part, (regions, reached, lines, run) in sums.items():
            if not lines:
                continue
            share = f"{100 * reached / regions:.2f} %" if regions else ""
            row = {
                "part": part,
                "regions": share,
                "lines": f"{100 * run / lines:.2f} %",
                "lines not reached": lines - run,
            }
            stream.write(json.dumps(row) + "\n")
            is_low |= bool(regions) and reached < LEAST * regions
            is_low |= part in ("C interface", "package") and run < lines
    with missing.open("w", encoding="utf-8") as stream:
        for name, numbers in lost.items():
            if numbers:
                stream.write(json.dumps({"file": name, "lines": ", ".join(map(str, numbers))}) + "\n")
    sys.exit(is_low)


if __name__ == "__main__":
    main()
