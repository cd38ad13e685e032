"""The notebooks of examples/notebooks: each runs from top to bottom, and what it stores is what a run gives."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import ROOT, read
from test_prose import BANNED

FOLDER = ROOT / "examples" / "notebooks"
TOOL = ROOT / "python" / "tools" / "notebooks.py"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NEEDED = ("nbclient", "ipykernel", "matplotlib", "scipy")
MAX_BYTES = 300_000
# a home, a folder of the system or of temporary files; not the path of an address
ABSOLUTE = re.compile(
    r"(?<![\w.:/<])/(?:home|root|Users|tmp|usr|opt|var|work|mnt|private)/\w|\b[A-Z]:\\\\?\w"
)
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def run(path: Path, folder: Path) -> Any:
    """Returns the notebook after a run; stored outputs are not read."""
    for name in NEEDED:
        pytest.importorskip(name, reason=f"the notebooks need {name}, which is not installed")
    done = subprocess.run(
        [sys.executable, TOOL, "--to", folder, path], cwd=folder, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{path.name}\n{done.stderr}"
    return read(folder / path.name)


def code(notebook: Any) -> list[Any]:
    """The cells of code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: Any) -> str:
    return "".join(cell["source"])


def output(found: Any, varies: bool) -> tuple[Any, ...]:
    """What an output is compared by: texts, tables and drawings; the kinds alone where they vary. Never by pixels."""
    kinds = sorted(found.get("data", {}))
    texts = [] if varies else [found.get("text"), *(found["data"][k] for k in kinds if k != "image/png")]
    return found["output_type"], found.get("name"), kinds, texts


def outputs(notebook: Any) -> list[Any]:
    """What each cell is compared by. A library for another level of instructions rounds differently."""
    other = os.environ.get("RECURRENT_MARCH", "x86-64-v3") != "x86-64-v3"
    return [
        (
            source(cell),
            [output(o, other or "varies" in cell["metadata"].get("tags", ())) for o in cell["outputs"]],
        )
        for cell in code(notebook)
    ]


def strings(value: Any) -> list[str]:
    """Every string of a notebook but of its pictures."""
    if isinstance(value, dict):
        return [text for key, each in value.items() if key != "image/png" for text in strings(each)]
    if isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return ["".join(value)]
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


def faults(notebook: Any) -> list[str]:
    """What a stored notebook must not have."""
    found = [f"absolute path: {match[0]}" for text in strings(notebook) if (match := ABSOLUTE.search(text))]
    counts = [cell["execution_count"] for cell in code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"cells were executed in another order: {counts}")
    for k, cell in enumerate(notebook["cells"]):
        if set(cell["metadata"]) - {"tags"}:
            found.append(f"cell {k} has metadata {sorted(cell['metadata'])}")
        for one in cell.get("outputs", ()):
            if one["output_type"] == "error" or one.get("name") == "stderr":
                found.append(f"cell {k} has an error or a warning: {strings(one)}")
            if one.get("metadata"):
                found.append(f"an output of cell {k} has metadata")
    if set(notebook["metadata"]) != {"kernelspec", "language_info"}:
        found.append(f"metadata {sorted(notebook['metadata'])}")
    if list(notebook["metadata"].get("language_info", ())) != ["name"]:
        found.append("the version of Python is stored")
    return found


@each
def test_runs_to_its_outputs(path, tmp_path):
    found = run(path, tmp_path)
    assert not faults(found)
    assert outputs(found) == outputs(read(path))


@each
def test_is_stored_clean_and_small(path):
    assert not faults(read(path))
    assert path.stat().st_size < MAX_BYTES


@each
def test_is_a_tutorial(path):
    notebook = read(path)
    cells = notebook["cells"]
    texts = [source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    assert 10 <= len(cells) <= 20
    assert texts[0].startswith(f"# {path.stem[0]}. ")
    assert "**You learn**" in texts[0] and "**You need**" in texts[0]
    assert "## What to try next" in texts[-1] and cells[-1]["cell_type"] == "markdown"
    assert sum("image/png" in o.get("data", {}) for cell in code(notebook) for o in cell["outputs"]) >= 1
    for link in re.findall(r"\]\(([^)]+\.ipynb)\)", "\n".join(texts)):
        assert (FOLDER / link).is_file(), link


@each
def test_prose(path):
    for cell in read(path)["cells"]:
        assert not BANNED.search(" ".join(source(cell).split())), source(cell)


def test_the_list_has_all():
    listed = re.findall(r"\]\((\w+\.ipynb)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in NOTEBOOKS] and len(NOTEBOOKS) >= 7


# ---- the checks find what they are for


def changed(**changes: Any) -> Any:
    """A notebook without faults, of one cell, with changes to the cell or its output."""
    result = {
        "output_type": "stream",
        "name": "stdout",
        "text": ["3\n"],
        **{k: v for k, v in changes.items() if k in ("name", "text", "output_type")},
    }
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "a",
        "metadata": {},
        "outputs": [result],
        "source": ["print(1 + 2)"],
        **{k: v for k, v in changes.items() if k in ("execution_count", "metadata", "source")},
    }
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", **changes.get("language_info", {})},
    }
    return {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"text": ["see /home/ann/x.txt\n"]}, "absolute path"),
        ({"source": ["open('/tmp/x')"]}, "absolute path"),
        ({"name": "stderr"}, "an error or a warning"),
        ({"execution_count": 7}, "another order"),
        ({"metadata": {"execution": {}}}, "metadata"),
        ({"language_info": {"version": "3.11.2"}}, "version of Python"),
    ],
)
def test_faults_are_found(changes, words):
    assert not faults(changed())
    assert any(words in fault for fault in faults(changed(**changes)))


@pytest.mark.parametrize("source", ["1 / 0", "raise ValueError('planted')"])
def test_a_cell_that_raises_is_found(source, tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "planted.ipynb"
    path.write_text(json.dumps(changed(source=[source])), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"ZeroDivisionError|planted"):
        run(path, tmp_path)


def test_an_output_that_differs_is_found(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "planted.ipynb"
    path.write_text(json.dumps(changed(text=["4\n"])), encoding="utf-8")
    found = run(path, tmp_path)
    assert outputs(found) == outputs(changed()) != outputs(read(path))
    tagged = {"metadata": {"tags": ["varies"]}}
    assert outputs(changed(text=["4\n"], **tagged)) == outputs(changed(**tagged))


def test_a_figure_is_displayed(tmp_path):
    """A notebook that does not import pyplot displays figures of the package."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "figure.ipynb"
    lines = ["from recurrent.introspection import plots\n", "plots.predictions([1, 2, 3], [1, 2, 4])"]
    path.write_text(json.dumps(changed(source=lines)), encoding="utf-8")
    (cell,) = code(run(path, tmp_path))
    (found,) = cell["outputs"]
    assert found["output_type"] == "execute_result" and "image/png" in found["data"]
