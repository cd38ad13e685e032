"""The directive ``command-help``: what ``recurrent COMMAND --help`` prints, from the same tables."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from recurrent.cli import arguments, demo
from recurrent.cli.arguments import Flag


def escaped(text: str) -> str:
    """Returns plain text with its markup escaped."""
    for sign in ("\\", "*", "`", "|", "_"):
        text = text.replace(sign, "\\" + sign)
    return text


def option(flag: Flag) -> list[str]:
    """Returns the entry of a flag or an argument."""
    names, settings = flag
    metavar = settings.get("metavar")
    if names[0].startswith("-"):
        signatures = [f"{name} {metavar}" if metavar else name for name in names]
    else:
        signatures = [str(metavar)]
    return [f".. option:: {', '.join(signatures)}", "", f"   {escaped(settings['help'])}", ""]


def examples(job: str) -> list[str]:
    """Returns the text that follows the flags: examples in a block, then paragraphs."""
    if job == "demo":
        return []
    _, _, text = arguments._EXAMPLES[job].partition("examples:\n")
    code, _, rest = text.partition("\n\n")
    block = ["   " + line.removeprefix("  ") for line in code.splitlines()]
    return [".. code-block:: sh", "", *block, "", *(escaped(line) for line in rest.splitlines())]


def command(job: str) -> list[str]:
    """Returns a command's help as the lines of a document; of "" that of all commands."""
    if not job:
        return [escaped(arguments._DESCRIPTION), "", *examples(job)]
    table = {"": demo._FLAGS} if job == "demo" else {**arguments._TABLES[job], "output": arguments._OUTPUT}
    text = arguments._HELP[job]
    lines = [
        f".. program:: recurrent {job}",
        "",
        ".. code-block:: none",
        "",
        f"   recurrent {arguments._USAGE[job]}",
    ]
    lines += ["", escaped(text[0].upper() + text[1:] + "."), ""]
    for title, flags in table.items():
        lines += [f".. rubric:: {title.capitalize()}", ""] if title else []
        for flag in flags:
            lines += option(flag)
    return [*lines, ".. rubric:: Examples", "", *examples(job)] if examples(job) else lines


class CommandHelp(SphinxDirective):
    """The directive: its argument is a command."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Returns the help as nodes."""
        job = self.arguments[0] if self.arguments else ""
        if job and job not in arguments._HELP:
            raise self.error(
                f"command-help has an unknown command; expected {list(arguments._HELP)}, got {job}"
            )
        node = nodes.container()
        self.state.nested_parse(StringList(command(job), "command-help"), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
