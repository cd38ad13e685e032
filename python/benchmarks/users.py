"""The programs of examples/sequences beside the same ones for PyTorch and Keras: lines, seconds of training, figures.

    KERAS_BACKEND=jax taskset -c 1 python benchmarks/users.py [--seeds 1 2 3] [--rate 0.003] [TASK ...]

Each program has the same data, layers, batches and epochs; learning rate and initial weights are the defaults of its
library, and ``--rate`` sets the learning rate of the peers. Seconds are the CPU time of a whole program, prediction
included, for Keras also the compilation, which each new model needs. The libraries take turns with each seed, and the
table has medians over the seeds. A first run of each library is not counted.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import inspect
import os
import statistics
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

if "RECURRENT_NUM_THREADS" not in os.environ:
    os.environ.update(dict.fromkeys(("RECURRENT_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
if "KERAS_BACKEND" not in os.environ:
    os.environ["KERAS_BACKEND"] = "jax"

import numpy as np
import torch
from peers import missing
from tables import table
from torch import nn

EXAMPLES = Path(__file__).parents[2] / "examples" / "sequences"
# a figure that is an error, and not a share that is right
ERRORS = ("mackey_glass", "sunspots")
TASKS = (*ERRORS, "digits", "names", "tagging", "attention")
RATE = 1e-3
BATCH = 32
Array = Any


def example(name: str) -> ModuleType:
    known = f"sequences_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, EXAMPLES / f"{name}.py")
        assert spec and spec.loader
        sys.modules[known] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[known])
    return sys.modules[known]


# ---- PyTorch


def torch_mackey_glass(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    layer, decoder = nn.GRU(1, 32, batch_first=True), nn.Linear(32, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *decoder.parameters()], RATE)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(decoder(layer(x[chosen])[0]), y[chosen])
            loss.backward()
            optimizer.step()
    found, value, state = [], torch.from_numpy(x_test), None
    with torch.no_grad():
        for _ in range(20):
            h, state = layer(value, state)
            value = decoder(h[:, -1:])
            found.append(value)
    return torch.cat(found, 1).numpy()


def torch_sunspots(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    layer, decoder = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *decoder.parameters()], RATE)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(decoder(layer(x[chosen])[0]), y[chosen])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return decoder(layer(torch.from_numpy(x_test))[0])[:, -35:].numpy()


def torch_digits(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    layer, decoder = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 10)
    optimizer = torch.optim.Adam([*layer.parameters(), *decoder.parameters()], RATE)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(decoder(layer(x[chosen])[0][:, -1]), y[chosen])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return decoder(layer(torch.from_numpy(x_test))[0][:, -1]).argmax(1).numpy()


def torch_names(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    table, layer, decoder = nn.Embedding(16, 16), nn.GRU(16, 32), nn.Linear(32, 3)
    optimizer = torch.optim.Adam([*table.parameters(), *layer.parameters(), *decoder.parameters()], RATE)
    x, x_test, y = (
        [torch.from_numpy(s) for s in x],
        [torch.from_numpy(s) for s in x_test],
        torch.from_numpy(y),
    )

    def scores(names: Array) -> Array:
        packed = nn.utils.rnn.pack_sequence([table(s) for s in names], enforce_sorted=False)
        return decoder(layer(packed)[1][-1])

    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores([x[k] for k in chosen]), y[chosen]).backward()
            optimizer.step()
    with torch.no_grad():
        return scores(x_test).argmax(1).numpy()


def torch_tagging(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    layer, decoder = nn.GRU(8, 32, batch_first=True, bidirectional=True), nn.Linear(64, 9)
    optimizer = torch.optim.Adam([*layer.parameters(), *decoder.parameters()], RATE)
    x, x_test = (nn.functional.one_hot(torch.from_numpy(s), 8).float() for s in (x, x_test))
    y = torch.from_numpy(y)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                decoder(layer(x[chosen])[0]).flatten(0, 1), y[chosen].flatten()
            )
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return decoder(layer(x_test)[0]).argmax(2).numpy()


def torch_attention(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    inputs, state = nn.Linear(12, 4 * 16, bias=False), nn.Linear(16, 2 * 16, bias=False)
    context, decoder = nn.Linear(16, 16, bias=False), nn.Linear(16, 4)
    parts = nn.ModuleList([inputs, state, context, decoder])
    optimizer = torch.optim.Adam(parts.parameters(), RATE)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def scores(x: Array) -> Array:
        z, q, k, v = inputs(x).chunk(4, -1)
        h, found = x.new_zeros(len(x), 16), []
        for t in range(x.shape[1]):
            past, query = state(h).chunk(2, -1)
            weights = torch.softmax(torch.einsum("bth,bh->bt", k[:, :t], q[:, t] + query), 1)
            h = torch.tanh(z[:, t] + past + context(torch.einsum("bt,bth->bh", weights, v[:, :t])))
            found.append(h)
        return decoder(torch.stack(found, 1))

    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                scores(x[chosen]).flatten(0, 1), y[chosen].flatten(), ignore_index=-1
            )
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return scores(torch.from_numpy(x_test)).argmax(2).numpy()


# ---- Keras


def keras_mackey_glass(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.GRU(32, return_sequences=True), keras.layers.Dense(1)]
    net = keras.Sequential([keras.Input((None, 1)), *layers])
    net.compile(keras.optimizers.Adam(RATE), "mse")
    net.fit(x, y, BATCH, epochs, verbose=0)
    found = x_test
    for _ in range(20):
        # one shape, compiled once: the last 100 values
        found = np.concatenate([found, net.predict(found[:, -100:], verbose=0)[:, -1:]], 1)
    return found[:, -20:]


def keras_sunspots(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.GRU(16, return_sequences=True), keras.layers.Dense(1)]
    net = keras.Sequential([keras.Input((None, 1)), *layers])
    net.compile(keras.optimizers.Adam(RATE), "mse")
    net.fit(x, y, BATCH, epochs, verbose=0)
    return net.predict(x_test, verbose=0)[:, -35:]


def keras_digits(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    import keras

    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.Input((8, 8)), keras.layers.GRU(32), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(RATE), loss)
    net.fit(x, y, BATCH, epochs, verbose=0)
    return net.predict(x_test, verbose=0).argmax(1)


def keras_names(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    import keras

    keras.utils.set_random_seed(seed)
    x, x_test = (
        keras.utils.pad_sequences([s + 1 for s in names], 15, padding="post") for names in (x, x_test)
    )
    table = keras.layers.Embedding(17, 16, mask_zero=True)
    net = keras.Sequential([keras.Input((15,)), table, keras.layers.GRU(32), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(RATE), loss)
    net.fit(x, y, BATCH, epochs, verbose=0)
    return net.predict(x_test, verbose=0).argmax(1)


def keras_tagging(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    import keras

    keras.utils.set_random_seed(seed)
    x, x_test = (keras.utils.to_categorical(s, 8) for s in (x, x_test))
    layer = keras.layers.Bidirectional(keras.layers.GRU(32, return_sequences=True))
    net = keras.Sequential([keras.Input((60, 8)), layer, keras.layers.Dense(9)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(RATE), loss)
    net.fit(x, y, BATCH, epochs, verbose=0)
    return net.predict(x_test, verbose=0).argmax(2)


def keras_attention(x: Array, y: Array, x_test: Array, seed: int, epochs: int) -> Array:
    import keras

    class Attention(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.inputs = self.add_weight(shape=(12, 4 * 16))
            self.state = self.add_weight(shape=(16, 2 * 16))
            self.context = self.add_weight(shape=(16, 16))

        def call(self, x: Array) -> Array:
            z, q, k, v = keras.ops.split(x @ self.inputs, 4, -1)
            h, found = keras.ops.zeros_like(z[:, 0]), []
            for t in range(16):
                past, query = keras.ops.split(h @ self.state, 2, -1)
                weights = keras.ops.softmax(keras.ops.einsum("bth,bh->bt", k[:, :t], q[:, t] + query), 1)
                context = keras.ops.einsum("bt,bth->bh", weights, v[:, :t]) if t else 0 * h
                h = keras.ops.tanh(z[:, t] + past + context @ self.context)
                found.append(h)
            return keras.ops.stack(found, 1)

    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.Input((16, 12)), Attention(), keras.layers.Dense(4)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    net.compile(keras.optimizers.Adam(RATE), loss)
    net.fit(x, y, BATCH, epochs, verbose=0)
    return net.predict(x_test, verbose=0).argmax(2)


# ---- the table


def lines(function: Callable[..., Any]) -> int:
    """The lines of the body of a function, without its docstring, imports, comments and empty lines."""
    source = textwrap.dedent(inspect.getsource(function))
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.FunctionDef)
    body = [
        part
        for part in node.body
        if not isinstance(part, ast.Import)
        and not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
    ]
    rows = source.splitlines()[body[0].lineno - 1 :]
    return sum(bool(row.strip()) and not row.strip().startswith("#") for row in rows)


def programs(name: str) -> dict[str, Callable[..., Any]]:
    """The program of each library that is installed."""
    found = {"recurrent": example(name).predictions, "PyTorch": globals()[f"torch_{name}"]}
    if missing("keras") is None:
        found["Keras"] = globals()[f"keras_{name}"]
    return found


def own_lines(name: str) -> int:
    """The lines of the program of this library; of a cell of the user's own also its lines."""
    module = example(name)
    cells = [
        kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__
    ]
    count = lines(module.predictions)
    for cell in cells:
        rows = textwrap.dedent(inspect.getsource(cell)).splitlines()
        count += sum(bool(row.strip()) and not row.strip().startswith(("#", '"""')) for row in rows)
    return count


def measured(name: str, seeds: list[int]) -> dict[str, dict[str, list[float]]]:
    """The seconds and the figures of each library, one for each seed."""
    module, found = example(name), {}
    (x, y), (x_test, y_test) = module.data()
    each = programs(name)
    for library, program in each.items():
        program(x, y, x_test, 0, 1)
        found[library] = {"seconds": [], "figures": []}
    for seed in seeds:
        for library, program in each.items():
            start = time.process_time()
            said = program(x, y, x_test, seed, module.EPOCHS)
            found[library]["seconds"].append(time.process_time() - start)
            found[library]["figures"].append(module.figure(said, y_test))
            print(
                f"{name}, {library}, seed {seed}: {found[library]['seconds'][-1]:.2f} s, "
                f"{found[library]['figures'][-1]:.4f}",
                file=sys.stderr,
                flush=True,
            )
    return found


def row(name: str, library: str, found: dict[str, list[float]], seconds: float) -> list[str]:
    count = own_lines(name) if library == "recurrent" else lines(programs(name)[library])
    figures = [f"{value:.3f}" if name in ERRORS else f"{value:.1%}" for value in sorted(found["figures"])]
    middle = statistics.median(found["seconds"])
    return [
        name.replace("_", "-"),
        library,
        str(count),
        f"{middle:.2f}",
        f"{middle / seconds:.1f}",
        ", ".join(figures),
    ]


def main() -> None:
    global RATE
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", default=TASKS, metavar="TASK")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--rate", type=float, default=RATE)
    arguments = parser.parse_args()
    RATE = arguments.rate
    torch.set_num_threads(1)
    rows = []
    for name in arguments.tasks:
        found = measured(name, arguments.seeds)
        ours = statistics.median(found["recurrent"]["seconds"])
        rows += [row(name, library, each, ours) for library, each in found.items()]
    print(table(["task", "library", "lines", "seconds", "times ours", "figures of the seeds"], rows))


if __name__ == "__main__":
    main()
