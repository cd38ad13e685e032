"""The held-out loss of a text by the default of ``TextModel.fit``, beside PyTorch with char-rnn's settings.

    taskset -c 1 python benchmarks/defaults.py TEXT [--steps 500 700 2000 5000 10000] [--seeds 1 2 3] [--only recurrent]

Both train an LSTM of 2 x 128 units on one-hot characters, 50 sequences of 50 in a step, on the first nine tenths of the
text, and are evaluated on the rest with the state carried. The schedule of ``fit`` depends on the number of steps, so
each number is a run of its own; that of char-rnn does not, so that one run of PyTorch has all numbers. A line is
printed for each run, the tables at the end.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

if "RECURRENT_NUM_THREADS" not in os.environ:
    os.environ.update(dict.fromkeys(("RECURRENT_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
from tables import table

import recurrent

HIDDEN, LAYERS, BATCH, LENGTH = 128, 2, 50, 50
Losses = dict[int, float]


def of_recurrent(text: str, steps: list[int], seed: int) -> Losses:
    """Trains with the defaults of ``fit``, once for each number of steps."""
    losses = {}
    for count in steps:
        model = recurrent.TextModel("lstm", [HIDDEN] * LAYERS, rng=seed)
        history = model.fit(text, count, evaluate_every=count, progress=False)
        losses[count] = history.validation[-1][1]
    return losses


def of_torch(text: str, steps: list[int], seed: int) -> Losses:
    """Trains with the settings of char-rnn: weights on ±0.08, forget biases 1, RMSProp, a bound of 5 on gradients."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    letters = sorted(set(text))
    tokens = torch.tensor([letters.index(c) for c in text])
    cut = int(len(tokens) * 0.9)
    training, held_out = tokens[:cut], tokens[cut:]
    lstm, decoder = nn.LSTM(len(letters), HIDDEN, LAYERS), nn.Linear(HIDDEN, len(letters))
    parameters = [*lstm.parameters(), *decoder.parameters()]
    for parameter in parameters:
        nn.init.uniform_(parameter, -0.08, 0.08)
    for layer in range(LAYERS):
        getattr(lstm, f"bias_ih_l{layer}").data[HIDDEN : 2 * HIDDEN] = 1.0
        getattr(lstm, f"bias_hh_l{layer}").data[HIDDEN : 2 * HIDDEN] = 0.0
    optimizer = torch.optim.RMSprop(parameters, lr=2e-3, alpha=0.95)
    one_hot = torch.eye(len(letters))
    # the streams are contiguous parts of the text
    length = (len(training) - 1) // BATCH
    inputs, targets = (training[k : k + BATCH * length].view(BATCH, length).T for k in (0, 1))
    epoch, state, losses = length // LENGTH, None, {}
    for step in range(max(steps)):
        at = step % epoch * LENGTH
        if at == 0:
            state = None
        if step >= 10 * epoch and at == 0:
            optimizer.param_groups[0]["lr"] *= 0.97
        output, state = lstm(one_hot[inputs[at : at + LENGTH]], state)
        state = tuple(part.detach() for part in state)
        loss = nn.functional.cross_entropy(decoder(output).flatten(0, 1), targets[at : at + LENGTH].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(parameters, 5.0)
        optimizer.step()
        if step + 1 in steps:
            losses[step + 1] = _evaluate(lstm, decoder, one_hot, held_out)
    return losses


def _evaluate(lstm: Any, decoder: Any, one_hot: Any, tokens: Any) -> float:
    import torch

    total, state = 0.0, None
    with torch.no_grad():
        for at in range(0, len(tokens) - 1, 1000):
            target = tokens[at + 1 : at + 1001]
            output, state = lstm(one_hot[tokens[at : at + len(target)]][:, None], state)
            loss = torch.nn.functional.cross_entropy(decoder(output[:, 0]), target, reduction="sum")
            total += float(loss)
    return total / (len(tokens) - 1)


def main() -> None:
    """Print the losses."""
    libraries = {"recurrent": of_recurrent, "PyTorch": of_torch}
    parser = argparse.ArgumentParser(description="The held-out loss of a text by defaults.")
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[500, 700, 2000, 5000, 10000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", choices=libraries)
    options = parser.parse_args()
    text = options.text.read_text(encoding="utf-8")
    found: dict[str, list[Losses]] = {}
    for seed in options.seeds:
        for name, train in libraries.items():
            if options.only in (None, name):
                begin = time.process_time()
                losses = train(text, options.steps, seed)
                seconds = time.process_time() - begin
                found.setdefault(name, []).append(losses)
                print(
                    name,
                    seed,
                    *(f"{count}: {loss:.4f}" for count, loss in losses.items()),
                    f"{seconds:.0f} s",
                    flush=True,
                )
    for name, runs in found.items():
        rows = [[f"{count:,}", *(f"{run[count]:.3f}" for run in runs), f"{np.mean([run[count] for run in runs]):.3f}"]
                for count in options.steps]  # fmt: skip
        print(f"\n{name}")
        print(table(["steps", *(f"seed {seed}" for seed in options.seeds), "mean"], rows))


if __name__ == "__main__":
    main()
