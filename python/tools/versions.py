"""Compares the numbers of the version and of the ABI wherever they are written.

    python tools/versions.py [--release]

``--release`` requires besides that CHANGELOG.md has a section of the version with a date, and that no other commit has
the version's tag. The exit status is 1 if a number differs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = r"(\d+\.\d+\.\d+)"
# the file whose number is the right one comes first
VERSIONS = {
    "Sources/RecurrentABI/VersionABI.swift": rf'^private let version: StaticString = "{VERSION}"$',
    "python/src/recurrent/_version.py": rf'^__version__ = "{VERSION}"$',
    "Sources/CRecurrent/include/recurrent.h": rf'Returns the library\'s version, "{VERSION}"',
    "CHANGELOG.md": rf"\A# Changelog\n(?:[^#].*\n|\n)*## {VERSION} \(",
    "README.md": rf'from: "{VERSION}"',
    "Sources/Recurrent/Recurrent.docc/Recurrent.md": rf'from: "{VERSION}"',
    "Sources/Recurrent/Recurrent.docc/Tutorials/Resources/package.swift": rf'from: "{VERSION}"',
}
ABI_VERSIONS = {
    "Sources/CRecurrent/include/recurrent.h": r"^#define RECURRENT_ABI_VERSION (\d+)$",
    "Package.swift": r'"-soname=librecurrent\.so\.(\d+)"',
    "python/src/recurrent/_c/signatures.py": r"^ABI_VERSION = (\d+)$",
    "python/tests/api/c.txt": r"^RECURRENT_ABI_VERSION = (\d+)$",
}


def main() -> int:
    """Compare the numbers."""
    found = differences(ROOT)
    if "--release" in sys.argv[1:]:
        found += unreleased(ROOT)
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


def version(root: Path) -> str:
    """Return the version of a checkout."""
    return number(root, *next(iter(VERSIONS.items()))) or "none"


def number(root: Path, name: str, pattern: str) -> str | None:
    """Return the number that a file has; None without one."""
    found = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.M)
    return found[1] if found else None


def differences(root: Path) -> list[str]:
    """Return a sentence for each file whose number is another."""
    found = []
    for what, places in (("version", VERSIONS), ("ABI version", ABI_VERSIONS)):
        first, *others = places.items()
        right = number(root, *first)
        for name, pattern in others:
            if (got := number(root, name, pattern)) != right:
                found.append(
                    f"{name} has another {what}; expected {right}, as {first[0]}, got {got or 'none'}"
                )
    return found


def unreleased(root: Path) -> list[str]:
    """Return what a release of this commit lacks."""
    wanted = version(root)
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(rf"^## {re.escape(wanted)} \((.*)\)$", changes, re.M)
    found = []
    if not heading or not re.fullmatch(r"\d{4}-\d\d-\d\d", heading[1]):
        got = heading[1] if heading else "no heading"
        found.append(f"CHANGELOG.md has no date for {wanted}; expected '## {wanted} (YYYY-MM-DD)', got {got}")
    commits = [_commit(root, name) for name in (f"refs/tags/{wanted}^{{commit}}", "HEAD")]
    if commits[0] and commits[0] != commits[1]:
        found.append(
            f"the tag {wanted} belongs to another commit; expected HEAD or no tag, got {commits[0][:9]}"
        )
    return found


def _commit(root: Path, name: str) -> str:
    """Return the commit of a name; empty without one."""
    command = ["git", "rev-parse", "--quiet", "--verify", name]
    return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
