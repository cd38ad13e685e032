"""The public declarations of the Swift library, read from its sources, which swift-format has laid out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3] / "Sources" / "Recurrent"
_TYPE = re.compile(r"(?:class|struct|enum|protocol|extension|actor)\b.*?\b([A-Z][\w.]*)")


def lines() -> list[str]:
    """Return a line for each public declaration, the name of its type first."""
    found = set()
    for path in sorted(SOURCES.rglob("*.swift")):
        for owner, declaration in declarations(path.read_text(encoding="utf-8")):
            found.add(f"{owner or 'Recurrent'} {' '.join(declaration.split())}")
    return sorted(found)


def declarations(text: str) -> Iterator[tuple[str, str]]:
    """Return each public declaration of a file with the type that it belongs to, up to its body or its end."""
    code = re.sub(r"//.*| << | >> ", "", text)
    owners: list[tuple[int, str, str]] = []
    for match in re.finditer(r"^( *)((?:@\w+(?:\([^)]*\))?\s+)*)(?=[a-z@])(.*)", code, re.M):
        indent, line = len(match[1]), match[3]
        while owners and owners[-1][0] >= indent:
            owners.pop()
        owner = ".".join(name for _, name, _ in owners)
        kind = owners[-1][2] if owners else ""
        inside = bool(owners) and indent == owners[-1][0] + 2
        # requirements of a public protocol and cases of a public enum are public as well
        implied = (
            kind == "public protocol"
            and re.match(r"(mutating |static )*(func|var|init|subscript|associated)", line)
        ) or (kind == "public enum" and re.match(r"(indirect )?case ", line))
        if re.match(r"public\b", line) or (inside and implied):
            yield owner, _whole(code, match.start(3))
        words = line.split("{")[0]
        if (
            "{" in line
            and (named := _TYPE.search(words))
            and not re.search(r"\b(func|var|init|let|case)\b", words)
        ):
            kinds = re.search(r"\b(class|struct|enum|protocol|extension|actor)\b", words)
            assert kinds
            access = "public " if words.startswith("public") else ""
            owners.append((indent, named[1], access + kinds[1]))


def _whole(code: str, start: int) -> str:
    """Return a declaration from its start to its body or its end."""
    depth, end = 0, start
    while end < len(code):
        sign = code[end]
        depth += (sign in "(<[") - (sign in ")]") - (sign == ">" and code[end - 1] != "-")
        if depth <= 0 and sign in "{\n" and not re.match(r"\n\s*(where|throws|->)", code[end:]):
            break
        end += 1
    return code[start:end]
