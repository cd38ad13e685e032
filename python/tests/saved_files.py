"""Files of versions of the library, in ``fixtures/files-VERSION``: what a file gives when it is loaded."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import recurrent
from support import PYTHON_FIXTURES

TEXT = "the cat sat on the mat\na cat, a mat\n" * 6
FOLDERS = sorted(PYTHON_FIXTURES.glob("files-*"))


def files(folder: Path) -> list[Path]:
    """The files of a version, but for ``expected.json``."""
    return sorted(path for path in folder.iterdir() if path.name != "expected.json")


def load(path: Path) -> Any:
    """The model of a file, of any kind."""
    return recurrent.SentenceModel.load_recurrentjs(path) if path.suffix == ".json" else recurrent.load(path)


def inputs(net: recurrent.Network, T: int = 5, B: int = 2) -> Any:
    """Inputs of a network, the same at every call: tokens, or numbers."""
    if net.embedding is not None:
        return np.arange(T * B).reshape(T, B) % net.input_size
    return np.sin(np.arange(T * B * net.input_size) / 3).reshape(T, B, net.input_size)


def pairs() -> tuple[Any, Any]:
    """Sequences and targets of ``fit``, batch first."""
    x = np.sin(np.arange(8 * 7) / 5).reshape(8, 7, 1)
    return x[:, :-1], x[:, 1:]


def observe(path: Path) -> dict[str, Any]:
    """Numbers and texts of a model that is loaded: before training goes on, and after."""
    with tempfile.TemporaryDirectory() as folder:
        # a resumed run saves to its file
        return _observe(Path(shutil.copy(path, folder)))


def _observe(path: Path) -> dict[str, Any]:
    model = load(path)
    if isinstance(model, recurrent.SentenceModel):
        cost = model.cost("the cat")
        return {"cost": list(cost), "text": model.predict(sample=False), "tick": list(model.tick("the mat"))}
    found: dict[str, Any] = {"weights": numbers(model.flat.w[:8])}
    if isinstance(model, recurrent.TextModel):
        found |= {"metadata": model.metadata, "step": model.step, "nats": model.evaluate(TEXT)}
        found["text"] = model.sample(20, prompt="the", temperature=0)
        if model.history is not None:
            model.resume(TEXT, progress=False)
            found["history"] = [list(record) for record in model.history.train]
        elif model.optimizer is not None:
            tokens = np.array(model.encode(TEXT)[:11])
            found["loss"] = model.train_step(tokens[:-1, None], tokens[1:, None]).loss
        return found
    if model.history is not None:
        model.resume(*pairs(), progress=False)
        return found | {"history": [list(record) for record in model.history.train]}
    y, state = model.forward(inputs(model))
    found |= {"metadata": dict(model.metadata), "y": numbers(y), "state": numbers(state.flat)}
    if model.optimizer is not None:
        targets = np.cos(np.arange(y.size)).reshape(y.shape) if model.embedding is None else inputs(model)
        found["loss"] = [model.train_step(inputs(model), targets, model.optimizer).loss for _ in range(3)]
    return found


def numbers(array: Any) -> list[float]:
    """Numbers that JSON keeps to the bit."""
    return np.asarray(array, np.float64).ravel(order="C").tolist()


def expected(folder: Path) -> dict[str, Any]:
    """What the files of a version gave when they were written."""
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def header(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """The metadata and the tensors of a safetensors file."""
    data = path.read_bytes()
    found = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return found.pop("__metadata__"), found
