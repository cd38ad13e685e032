"""The declarations of recurrent.h: functions, structures, constants and types, and the settings in its comments."""

from __future__ import annotations

import re

from make_signatures import HEADER, declarations, without_comments


def abi_version() -> int:
    """Return RECURRENT_ABI_VERSION of the header."""
    found = re.search(r"#define RECURRENT_ABI_VERSION (\d+)", HEADER.read_text(encoding="utf-8"))
    assert found
    return int(found[1])


def lines() -> list[str]:
    """Return a line for each declaration, its name first."""
    text = HEADER.read_text(encoding="utf-8")
    code = re.sub(r"\s+", " ", without_comments(re.sub(r'^#.*|extern "C" \{$', "", text, flags=re.M)))
    found = [f"RECURRENT_ABI_VERSION = {abi_version()}"]
    for kind, body in re.findall(r"typedef int32_t (\w+); enum \{(.*?)\}", code):
        found += [f"{name} = {value} of {kind}" for name, value in re.findall(r"(\w+) = (-?\d+)", body)]
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\}", code):
        found.append(f"{name} struct {{{body}}}")
    for result, name, parameters in re.findall(r"typedef (\w+) \(\*(\w+)\)\((.*?)\);", code):
        found.append(f"{name} {result} (*)({parameters})")
    found += [f"{name} typedef {kind}" for kind, name in re.findall(r"typedef (\w+) (\w+);", code)]
    found += [f"{name} {kind}[]" for kind, name in re.findall(r"extern ([\w ]+) (\w+)\[\];", code)]
    for result, pointer, name, parameters in declarations(without_comments(text)):
        listed = ", ".join(" ".join(parameter.split()) for parameter in parameters)
        found.append(f"{name} ({listed}) -> {'const ' if pointer else ''}{result}{' *' if pointer else ''}")
    return found + _settings(text)


def _settings(text: str) -> list[str]:
    """Return a line for each key of the JSON that a function takes, with its default.

    The name is the function's that the comment stands before, or that of the section.
    """
    found = []
    for comment in re.finditer(r"/\*(.*?)\*/", text, re.S):
        function = re.match(r"\n[\w ]+\*?(recurrent_\w+)\(", text[comment.end() :])
        section = re.match(r" -{10,} (\w+)", comment[1])
        for block in re.findall(r"^ {5}\{(\".*?)\}(?=\n)", comment[1], re.M | re.S):
            name = function[1] if function else section[1].lower() if section else "settings"
            pairs = _pairs(" ".join(block.split()))
            if pairs[0][0] == "name":
                name += f"[{pairs.pop(0)[1]}]"
            found += [f"{name}.{key} = {value}" for key, value in pairs]
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the keys and values of a JSON object without its braces; values stay text."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [(key.strip().strip('"'), value.strip()) for key, _, value in (p.partition(":") for p in parts)]
