"""Executes notebooks and stores their outputs: python python/tools/notebooks.py [--to FOLDER] [NOTEBOOK ...].

Each notebook runs from top to bottom in a new kernel and an empty folder. The metadata that kernels and front ends add
are removed. Without names: all notebooks of examples/notebooks. ``--to`` writes to a folder, and changes none of them.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
# of a cell, in seconds
TIMEOUT = 300
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# colors of a stored picture: a plot with 128 differs from one with all in no visible way, and has a third of the bytes
COLORS = 128


def executed(path: Path) -> Any:
    """Returns a notebook with the outputs of a run.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises, with its source and its traceback.
    """
    import matplotlib.font_manager  # noqa: F401 (writes a cache, and says so, where there is none)
    import nbclient
    import nbformat
    from traitlets.config import Config

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="nb") as folder:
        runtime, work = Path(folder, "r"), Path(folder, "w")
        runtime.mkdir(mode=0o700)
        work.mkdir()
        # settings of the user would change outputs; inline is the kernel's own backend
        os.environ.update(JUPYTER_RUNTIME_DIR=str(runtime), IPYTHONDIR=str(Path(folder, "i")))
        os.environ.pop("MPLBACKEND", None)
        client = nbclient.NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(work)}},
            # sockets of this user, not ports of the machine
            config=Config({"KernelManager": {"transport": "ipc", "ip": str(runtime / "k")}}),
        )
        client.execute()
    return cleaned(notebook)


def cleaned(notebook: Any) -> Any:
    """Returns a notebook without what differs from run to run."""
    notebook.metadata = METADATA
    count = 0
    for cell in notebook.cells:
        cell.metadata = {name: value for name, value in cell.metadata.items() if name == "tags"}
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            output.pop("transient", None)
            if "metadata" in output:
                output.metadata = {}
            if "execution_count" in output:
                output.execution_count = count
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _smaller(output.data["image/png"])
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Returns outputs with adjacent parts of a stream in one: a kernel sends them as they come."""
    found: list[Any] = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            found.append(output)
    return found


def _smaller(encoded: str) -> str:
    """Returns a picture with a palette."""
    from PIL import Image

    picture, target = Image.open(io.BytesIO(base64.b64decode(encoded))), io.BytesIO()
    if picture.mode != "P":
        picture = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    picture.save(target, "png", optimize=True)
    return base64.b64encode(target.getvalue()).decode()


def main() -> None:
    """Executes the notebooks of the command line."""
    import nbformat

    parser = argparse.ArgumentParser(description="Executes notebooks and stores their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all of examples/notebooks where absent")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write them there")
    given = parser.parse_args()
    for path in given.notebooks or sorted(FOLDER.glob("*.ipynb")):
        target = path if given.to is None else given.to / path.name
        nbformat.write(executed(path), target)
        print(f"{path.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
