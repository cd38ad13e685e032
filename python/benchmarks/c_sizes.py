"""Sizes of networks in C, and what int8 costs: the tables of docs/exchange.md.

``python benchmarks/c_sizes.py``: with arm-none-eabi-gcc for a Cortex-M4 with hardware floats, else with cc for this
machine.
"""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import recurrent

ARM = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
NETWORKS: dict[str, Any] = {
    "GRU(3, [8], 2)": lambda: recurrent.GRU(3, [8], 2, rng=1),
    "GRU(3, [32], 4)": lambda: recurrent.GRU(3, [32], 4, rng=1),
    "LSTM(6, [32, 32], 4)": lambda: recurrent.LSTM(6, [32, 32], 4, rng=1),
    "LSTM(6, [64], 4)": lambda: recurrent.LSTM(6, [64], 4, rng=1),
    'Network("min_gru", 6, [64], 4)': lambda: recurrent.Network("min_gru", 6, [64], 4, rng=1),
    "GRU(28, [64], 28, embedding=16)": lambda: recurrent.GRU(28, [64], 28, 16, rng=1),
}


def sizes(net: recurrent.Network, folder: Path, quantize: Any) -> tuple[int, int, int]:
    """Returns the bytes of code, of constants and of a state."""
    arm = shutil.which(ARM[0])
    net.to_c(folder / "net.c", quantize=quantize, overwrite=True)
    compiler, size = (ARM, "arm-none-eabi-size") if arm else (["cc"], "size")
    subprocess.run([*compiler, "-std=c99", "-Os", "-c", "net.c"], cwd=folder, check=True)
    listing = subprocess.run(
        [size, "-A", "net.o"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    sections = {name: int(count) for name, count in re.findall(r"^(\.\S+)\s+(\d+)", listing, re.M)}
    code = sum(count for name, count in sections.items() if name.startswith(".text"))
    constants = sum(count for name, count in sections.items() if name.startswith(".rodata"))
    state = int(re.search(r"A state: (\d+) bytes", (folder / "net.h").read_text())[1])  # type: ignore[index]
    return code, constants, state


def perplexity(model: recurrent.TextModel, tokens: Any, folder: Path, quantize: Any) -> float:
    """Returns the perplexity of the C source on tokens, from a state that begins."""
    model.to_c(folder / "model.c", quantize=quantize, overwrite=True)
    library = folder / f"{model.cell}_{quantize}.so"
    subprocess.run(
        ["cc", "-std=c99", "-O2", "-shared", "-fPIC", "model.c", "-o", library, "-lm"], cwd=folder, check=True
    )
    c = ctypes.CDLL(str(library))
    state = ctypes.create_string_buffer(1 << 16)
    y = np.empty(model.vocabulary_size, np.float32)
    c.model_reset(state)
    nats = 0.0
    for token, after in zip(tokens[:-1], tokens[1:]):
        c.model_step(state, int(token), ctypes.c_void_p(y.ctypes.data))
        nats -= math.log(recurrent.probabilities(y)[after])
    return math.exp(nats / (len(tokens) - 1))


def main() -> None:
    """Prints both tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(
            "| network | parameters | code | constants | constants, int8 | state |\n|---|---|---|---|---|---|"
        )
        for label, make in NETWORKS.items():
            net = make()
            code, constants, state = sizes(net, folder, None)
            small = sizes(net, folder, "int8")[1]
            print(f"| `{label}` | {net.flat.n:,} | {code:,} | {constants:,} | {small:,} | {state:,} |")
        text = resources.files("recurrent").joinpath("data/sentences.txt").read_text("utf-8")
        print(
            "\n| model | weights in float32 | in int8 | perplexity in float32 | in int8 |\n|---|---|---|---|---|"
        )
        for cell in ("gru", "lstm", "rnn_tanh"):
            model = recurrent.TextModel(cell, [64], embedding=16, rng=1)
            model.fit(text, 600, batch_size=8, seq_length=40, validation_split=0.2, progress=False)
            tokens = model.encode(text[int(len(text) * 0.8) :])
            plain, small = (perplexity(model, tokens, folder, quantize) for quantize in (None, "int8"))
            print(
                f"| `TextModel({cell!r}, [64], embedding=16)` | {4 * model.flat.n:,} | "
                f"{sizes(model.network, folder, 'int8')[1]:,} | {plain:.4f} | {small:.4f} |"
            )


if __name__ == "__main__":
    main()
