"""Writes tests/api: the public interface of Python, the command, C, Swift and files, a line for each name.

    python tools/make_interface.py [--check] [LIST ...]

The lists are what this version promises (docs/project/versioning.md). A new line is written. A line that changes or
disappears is written if the change is announced, else refused with a sentence: of C by another RECURRENT_ABI_VERSION,
of files by another format version, of the others by CHANGELOG.md, which names them under "Changed" once more than in
the commit of the list. A parameter of Python that is added with a default is no change. ``--check`` compares the lists
and writes nothing. The exit status is 1 if a line is refused or, with ``--check``, a list differs.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[1]
CHANGELOG = PYTHON.parent / "CHANGELOG.md"
API = PYTHON / "tests" / "api"
LISTS = {
    "python": "python_names",
    "command": "command",
    "c": "c_header",
    "swift": "swift_source",
    "files": "file_layout",
}
RERUN = "run python python/tools/make_interface.py"
DIGEST = re.compile(r"files-(\S+)/\S+ sha256 ")


def main() -> int:
    """Write the lists, or compare them."""
    words = sys.argv[1:]
    unknown = [word for word in words if word != "--check" and word not in LISTS]
    if unknown:
        print(f"LIST is unknown; expected {', '.join(LISTS)}, got {unknown[0]}")
        return 2
    failed = False
    for name in [word for word in words if word in LISTS] or LISTS:
        path, new = API / f"{name}.txt", current(name)
        old = committed(name)
        messages = problems(name, old, new, CHANGELOG.read_text(encoding="utf-8"), changelog_of(name))
        if "--check" not in words and not messages:
            API.mkdir(exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in new), encoding="utf-8")
        elif "--check" in words and not messages and old != new:
            messages = [difference(name, old, new)]
        failed = failed or bool(messages)
        print(*messages, sep="\n", end="\n" if messages else "")
    return int(failed)


def current(name: str) -> list[str]:
    """Return the lines of the interface as it is; those of a package that is not installed are the committed ones."""
    module = importlib.import_module(f"interface.{LISTS[name]}")
    lines = module.lines()
    if name == "python" and not module.HAS_SKLEARN:
        lines += [line for line in committed(name) if line.startswith("recurrent.sklearn.")]
    return sorted(set(lines))


def committed(name: str) -> list[str]:
    """Return the lines of a list; none before it is written."""
    path = API / f"{name}.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def changelog_of(name: str) -> str:
    """Return the changelog of the commit that last changed a list; empty without one."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=PYTHON, capture_output=True, text=True, encoding="utf-8"
        )
        return done.stdout if done.returncode == 0 else ""

    commit = git("log", "-1", "--format=%H", "--", f"tests/api/{name}.txt").strip()
    return git("show", f"{commit}:CHANGELOG.md") if commit else ""


def key(line: str) -> str:
    """Return the name that a line describes."""
    return line.partition(" ")[0]


def gone(old: list[str], new: list[str]) -> dict[str, str | None]:
    """Return each line that is no longer as it was, with the new line of the same name, if there is one."""
    present, added = set(new), {key(line): line for line in new if line not in set(old)}
    return {line: added.get(key(line)) for line in old if line not in present}


def difference(name: str, old: list[str], new: list[str]) -> str:
    """Return the sentence about a list that the tool would write."""
    more = [line for line in new if line not in set(old)]
    example = key(more[0] if more else next(iter(gone(old, new))))
    return (
        f"python/tests/api/{name}.txt differs from the interface; expected the same lines, got {len(more)} new and "
        f"{len(gone(old, new))} gone, such as {example}: {RERUN} and commit the list"
    )


def problems(name: str, old: list[str], new: list[str], changelog: str, before: str = "") -> list[str]:
    """Return a sentence for each line that has changed or disappeared without announcement.

    ``changelog`` is that of now, ``before`` that of the commit of the list.
    """
    found = []
    for line, after in gone(old, new).items():
        remedy = refusal(name, line, old, new, changelog, before)
        if remedy and not (name == "python" and after and is_extended(line, after)):
            change = f"is now '{after}'" if after else "is gone"
            found.append(f"python/tests/api/{name}.txt: '{line}' {change}; {remedy}, then {RERUN}")
    return found


def is_extended(line: str, after: str) -> bool:
    """Return whether a signature of Python has more parameters alone, each with a default, after those by position."""
    pattern = re.compile(r"([^(]*)\((.*)\)([^()]*)")
    first, second = pattern.fullmatch(line), pattern.fullmatch(after)
    if not first or not second or first[1] != second[1] or first[3] != second[3]:
        return False
    (positional, keywords), (positional_after, keywords_after) = (
        parameters(each[2]) for each in (first, second)
    )
    more = positional_after[len(positional) :] + [each for each in keywords_after if each not in keywords]
    return (
        positional_after[: len(positional)] == positional
        and set(keywords) <= set(keywords_after)
        and all(" = " in each for each in more)
    )


def parameters(text: str) -> tuple[list[str], list[str]]:
    """Return the parameters by position and those by name alone."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[({") - (sign in "])}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    names = [part.strip() for part in parts if part.strip()]
    at = next(
        (at for at, each in enumerate(names) if each.startswith("*") and not each.startswith("**")),
        len(names),
    )
    return names[:at], names[at:]


def refusal(name: str, line: str, old: list[str], new: list[str], changelog: str, before: str) -> str | None:
    """Return what the change of a line needs; None if it has that."""
    version, is_released, _ = section(changelog)
    if name == "c":
        return numbered(line, old, new, "RECURRENT_ABI_VERSION = ") and (
            "programs that are linked to the library depend on it; restore it, or increment RECURRENT_ABI_VERSION in "
            'recurrent.h and Package.swift and name it in CHANGELOG.md under "Changed"'
        )
    if digest := DIGEST.match(line):
        if digest[1] == version and not is_released:
            return None
        return f"the files of {digest[1]} are released and stay as they are; restore the file"
    if line.startswith("recurrentjs."):
        return "RecurrentJS reads it; restore it"
    if name == "files":
        return numbered(line, old, new, f"{key(line).partition('.')[0]}.format_version = ") and (
            "files that exist have it; restore it, or increment formatVersion in Checkpoint.swift, keep the reader of "
            'the version before, and name it in CHANGELOG.md under "Changed"'
        )
    word = re.split(r"[. ]", key(line))[-1] if name != "swift" else swift_name(line)
    word = key(line).partition(".")[2] if name == "command" and "." in key(line) else word
    if mentions(word, changelog, version) > mentions(word, before, version):
        return None
    return (
        f"programs may depend on it; restore it, or add a line that names `{word}` to CHANGELOG.md, in the section of "
        f'{version} under "Changed", with what replaces it'
    )


def mentions(word: str, changelog: str, version: str) -> int:
    """Return how often a word is code in the changes of a version that programs have to follow."""
    if not changelog or section(changelog)[0] != version:
        return 0
    parts = re.findall(
        r"^### (?:Changed|Removed|Deprecated)\n(.*?)(?=^### |\Z)", section(changelog)[2], re.M | re.S
    )
    code = " ".join(span for part in parts for span in re.findall(r"`([^`]+)`", part))
    return len(re.findall(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code))


def numbered(line: str, old: list[str], new: list[str], prefix: str) -> bool:
    """Return whether a number that announces changes is the same in both lists."""
    before, after = ({each for each in lines if each.startswith(prefix)} for lines in (old, new))
    return before == after and not line.startswith(prefix)


def swift_name(line: str) -> str:
    """Return the name that a Swift declaration declares, or that of its type for an initializer."""
    found = re.search(
        r"\b(?:func|var|let|case|class|struct|enum|protocol|typealias|associatedtype) `?(\w+)", line
    )
    return found[1] if found else key(line).rpartition(".")[2]


def section(changelog: str) -> tuple[str, bool, str]:
    """Return the version of the first section of the changelog, whether it is released, and the section's text."""
    found = re.search(r"^## (\S+) \((.*?)\)\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    assert found, "CHANGELOG.md has no section"
    return found[1], found[2] != "unreleased", found[3]


if __name__ == "__main__":
    sys.exit(main())
