"""The directive ``c-header``: a section of recurrent.h, its declarations with their comments.

The header is the only source of the C reference. A section begins with a comment of dashes and a title; a comment
belongs to the declarations that follow it without an empty line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADER = Path(__file__).resolve().parents[2] / "Sources" / "CRecurrent" / "include" / "recurrent.h"
_RULE = re.compile(r"^/\* -{10,} ", re.M)
_SUBSECTION = re.compile(r"/\* ---- (.*?)\.?(?: (.*))? ?\*/", re.S)
# a comment; a declaration, whose braces may hold comments; an empty line
_ITEM = re.compile(r"(/\*.*?\*/)|(#define [^\n]*|[^\s;{#/][^;{]*(?:\{[^}]*\}[^;]*)?;)|(\n[ \t]*\n)", re.S)
_ARGUMENT = re.compile(r"( *)([A-Za-z_][\w, ]*?) {2,}(\S.*)")
_ENUMERATOR = re.compile(r"(RECURRENT_\w+) = (-?\d+),?[ \t]*(?:/\*(.*?)\*/)?", re.S)
_MEMBER = re.compile(r"([^;{}]*?[ *])(\w+(?:, \w+)*);[ \t]*(?:/\*(.*?)\*/)?", re.S)


# ---- the parts of the header


class Group(NamedTuple):
    """A comment and the declarations below it; either may be absent."""

    comment: str
    declarations: tuple[str, ...]


def sections(text: str) -> dict[str, str]:
    """Returns the sections by title; what the comment of a title says besides it comes first, as a comment."""
    found = {}
    for part in _RULE.split(text.partition("\n#ifdef __cplusplus\n}")[0])[1:]:
        title, end, body = re.match(r"([^\n]*?)( \*/)?\n(.*)", part, re.S).groups()  # type: ignore[union-attr]
        found[title.strip()] = body if end else f"/*{body}"
    return found


def groups(body: str) -> list[Group]:
    """Returns the groups of a section, in order."""
    found: list[Group] = []
    is_open = False
    for comment, declaration, _ in _ITEM.findall(body):
        if comment:
            found.append(Group(comment, ()))
        elif declaration and is_open:
            found[-1] = found[-1]._replace(declarations=(*found[-1].declarations, declaration))
        elif declaration:
            found.append(Group("", (declaration,)))
        is_open = bool(comment or declaration)
    return found


def names(text: str) -> dict[str, str]:
    """Returns every name that the header declares, with its role in Sphinx."""
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return {
        **dict.fromkeys(re.findall(r"\b(recurrent_\w+)\(", code), "c:func"),
        **dict.fromkeys(
            re.findall(r"^typedef [\w ]+[ (*]+(recurrent_\w+)\)?(?:\(.*\))?;", code, re.M), "c:type"
        ),
        **dict.fromkeys(re.findall(r"^\} (recurrent_\w+);", code, re.M), "c:struct"),
        **dict.fromkeys(re.findall(r"\b(RECURRENT_\w+) = ", code), "c:enumerator"),
        **dict.fromkeys(re.findall(r"^#define (RECURRENT_\w+) \S", code, re.M), "c:macro"),
        **dict.fromkeys(re.findall(r"^extern const char (\w+)", code, re.M), "c:var"),
    }


# ---- as reStructuredText


class Writer:
    """Writes groups as reStructuredText, with links to the names that the header declares."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self.lines: list[str] = []

    def add(self, line: str = "", depth: int = 0) -> None:
        """Adds a line."""
        self.lines.append(3 * depth * " " + line if line else "")

    def group(self, group: Group) -> None:
        """Adds a group: functions share one entry; of other declarations the comment describes the first."""
        if subsection := _SUBSECTION.fullmatch(group.comment):
            self.add(f".. rubric:: {self._text(subsection[1])}")
            self.add()
            self.add(self._text(subsection[2] or ""))
            self.add()
            group = group._replace(comment="")
        functions = [each for each in group.declarations if re.match(r"(?!typedef)[^{]*\(", each)]
        others = [each for each in group.declarations if each not in functions]
        if not functions and not others:
            self._comment(group.comment, 0)
        if functions:
            signatures = [" ".join(each.split()).rstrip(";") for each in functions]
            self.add(f".. c:function:: {signatures[0]}")
            for signature in signatures[1:]:
                self.add(signature.rjust(len(signature) + 13), 1)
            self.add()
            self._comment(group.comment, 1)
        for k, each in enumerate(others):
            self._declaration(each, "" if functions or k else group.comment)

    def _declaration(self, code: str, comment: str) -> None:
        if code.startswith("enum"):
            self._comment(comment, 0)
            for name, number, note in _ENUMERATOR.findall(code):
                self._entry("enumerator", f"{name} = {number}", note)
        elif structure := re.match(r"typedef struct (\w+) \{(.*)\}", code, re.S):
            self._entry("struct", structure[1], comment)
            for kind, members, note in _MEMBER.findall(structure[2]):
                for member in members.split(", "):
                    self._entry("member", f"{' '.join(kind.split())} {member}", note, 1)
        elif code.startswith("#define"):
            self._entry("macro", code.split()[1], comment)
        elif code.startswith("typedef"):
            self._entry("type", code.removeprefix("typedef ").rstrip(";"), comment)
        else:
            self._entry("var", code.removeprefix("extern ").rstrip(";"), comment)

    def _entry(self, kind: str, signature: str, comment: str, depth: int = 0) -> None:
        self.add(f".. c:{kind}:: {signature}", depth)
        self.add()
        self._comment(comment, depth + 1)

    def _comment(self, comment: str, depth: int) -> None:
        """Adds a comment: paragraphs, settings in JSON, and descriptions of arguments."""
        text = comment.strip().removeprefix("/*").removesuffix("*/")
        lines = [re.sub(r"^   ?", "", line).rstrip() for line in text.strip("\n").splitlines()]
        was = ""
        while lines:
            line = lines.pop(0)
            if line.lstrip().startswith("{"):
                block = [line]
                while block[-1].count("}") == 0 and lines:
                    block.append(lines.pop(0))
                margin = len(line) - len(line.lstrip())
                self._switch(was, "settings")
                if was != "settings":
                    self.add(".. code-block:: none", depth)
                    self.add()
                for each in block:
                    self.add(each[margin:], depth + 1)
                was = "settings"
            elif argument := _ARGUMENT.fullmatch(line):
                description = [argument[3]]
                while lines and re.match(argument[1] + "  ", lines[0]):
                    description.append(lines.pop(0).strip())
                self._switch(was, "argument")
                self.add(f"``{argument[2]}``", depth)
                self.add(self._text(" ".join(description)), depth + 1)
                was = "argument"
            else:
                self._switch(was, "text")
                self.add(self._text(line.strip()), depth)
                was = "text"
        self.add()

    def _switch(self, was: str, now: str) -> None:
        if was != now:
            self.add()

    def _text(self, text: str) -> str:
        """Returns a text with its markup escaped, its code as literals, and links."""
        parts = re.split(r"`([^`]+)`", " ".join(text.split()))
        for k, part in enumerate(parts):
            if k % 2 == 0:
                part = re.sub(r"([\\*|])", r"\\\1", part)
                # a space that vanishes ends a link where a letter or a bracket follows
                parts[k] = re.sub(r"(?<!\w)\w*_\w*(?:\(\))?", self._word, part)
            else:
                parts[k] = f"``{part}``"
        return "".join(parts)

    def _word(self, match: re.Match[str]) -> str:
        name = match[0].removesuffix("()")
        if name in self._known:
            return rf"\ :{self._known[name]}:`{name}`\ "
        return match[0].replace("_", r"\_")


def section(text: str, title: str) -> list[str]:
    """Returns a section of the header as the lines of a document."""
    writer = Writer(names(text))
    for each in groups(sections(text)[title]):
        writer.group(each)
    return writer.lines


class CHeader(SphinxDirective):
    """The directive: its argument is the title of a section."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Returns the section as nodes."""
        self.env.note_dependency(str(HEADER))
        text = HEADER.read_text(encoding="utf-8")
        title = " ".join(self.arguments[0].split())
        if title not in sections(text):
            raise self.error(
                f"c-header has an unknown title; expected one of {list(sections(text))}, got {title}"
            )
        node = nodes.container()
        self.state.nested_parse(StringList(section(text, title), str(HEADER)), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directive."""
    app.add_directive("c-header", CHeader)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
