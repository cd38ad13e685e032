"""The pages of docs: their code runs and prints what it says, the reference is complete, and Sphinx has no warning."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from document_code import blocks, run
from support import HEADER, ROOT, SANITIZED
from test_docs import NAMES

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md"))
WITH_CODE = [
    page for page in PAGES if any(block.language in ("python", "c") for block in blocks(DOCS / page))
]


@pytest.mark.parametrize("page", WITH_CODE)
def test_the_code_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(DOCS / page, tmp_path)


def test_pages_have_code():
    """At least as many as there are today."""
    assert len(WITH_CODE) >= 12


# ---- the reference


def documented(folder):
    """The names that the directives of a folder's pages describe."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference" / folder).glob("*.md"))
    return text, set(
        re.findall(r"^\.\. auto(?:class|function|data|exception):: recurrent\.(\S+)", text, re.M)
    )


def test_every_public_name_has_an_entry():
    _, found = documented("python")
    # schedules are documented by the module that defines them; RecurrentJS has Mat, Graph and softmax as well
    found = {name.replace("optim.schedules.", "schedules.") for name in found}
    found |= {f"recurrentjs.{name}" for name in ("Mat", "Graph", "SentenceModel", "softmax")}
    public = {name for name in NAMES if not re.search(r"(^|\.)[A-Z]\w*\.", name)}
    assert len(public) > 60
    assert public - found == set()


def test_every_name_of_an_argument_has_an_entry():
    import recurrent

    _, found = documented("python")
    assert {f"names.{name}" for name in recurrent.names.__all__} <= found
    assert {"CellName", "OptimizerName", "live"} <= found


def test_every_loss_has_an_entry():
    import recurrent

    assert {f"losses.{name}" for name in recurrent.losses.__all__} <= documented("python")[1]


def sections_of_the_header():
    return re.findall(r"^/\* -{10,} (.*?)(?: \*/)?$", HEADER.read_text(encoding="utf-8"), re.M)


def test_every_section_of_the_header_is_on_a_page():
    text, _ = documented("c")
    assert sorted(re.findall(r"^\.\. c-header:: (.*)$", text, re.M)) == sorted(sections_of_the_header())


def extension(name):
    """A module of docs/extensions."""
    path = DOCS / "extensions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_function_of_the_header_has_an_entry():
    pytest.importorskip("sphinx", reason="Sphinx is not installed: `make docs` installs it")
    header = extension("c_header")
    text = HEADER.read_text(encoding="utf-8")
    pages = "\n".join(line for title in header.sections(text) for line in header.section(text, title))
    declared = set(re.findall(r"^[^/*\n]*\b(recurrent_\w+)\(", text, re.M))
    entries = set(re.findall(r"^(?:\.\. c:function::)? +[\w *]*?\b(recurrent_\w+)\(", pages, re.M))
    assert len(declared) > 100
    assert declared - entries == set()


def test_every_command_is_on_the_page():
    from recurrent.cli import arguments

    text = (DOCS / "reference" / "command.md").read_text(encoding="utf-8")
    assert re.findall(r"^\.\. command-help:: (\w+)$", text, re.M) == list(arguments._HELP)


# ---- the build


@pytest.mark.slow
def test_sphinx_has_no_warning(tmp_path):
    if SANITIZED:
        pytest.skip("Sphinx is no part of the library")
    for module in ("sphinx", "myst_nb", "furo", "numpydoc", "sklearn"):
        pytest.importorskip(module, reason="Sphinx is not installed: `make docs` installs it")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "dummy",
        str(DOCS),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
