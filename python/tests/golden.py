"""Published figures of cells, in ``fixtures/cells``: outputs, states and gradients of a small network."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import recurrent
from support import TESTS

CLOSE = {"rtol": 1e-12, "atol": 1e-13}


def figures(name: str) -> dict[str, Any]:
    """The content of a file."""
    return json.loads((TESTS / "fixtures" / "cells" / f"{name}.json").read_text(encoding="utf-8"))


def set_weights(net: recurrent.Network, golden: dict[str, Any]) -> None:
    """Gives a network the weights of a file, which has no others."""
    assert set(net.parameters) == set(golden["parameters"])
    for name, values in golden["parameters"].items():
        net.parameters[name].w = np.array(values).reshape(net.parameters[name].shape)


def states(net: recurrent.Network, named: dict[str, Any]) -> dict[str, list[np.ndarray]]:
    """Named states as the network takes them, {"h": a list of arrays for each layer}; zeros for those without."""
    zeros = np.zeros((len(named["x"][0]) if "x" in named else len(named["y"][0]), net.hidden_sizes[0]))
    suffixes = net._sizes.suffixes()
    return {s: [np.array(named.get(f"{s}{k}", zeros)) for k in suffixes] for s in net.zero_state().names}


def check(net: recurrent.Network, golden: dict[str, Any], **options: Any) -> None:
    """Requires that a pass in both directions has the figures of a file within 1e-12."""
    set_weights(net, golden)
    upstream, gradients = golden["upstream"], golden["gradients"]
    y, after = net.forward(np.array(golden["inputs"]["x"]), states(net, golden["inputs"]), **options)
    dx, dstate = net.backward(np.array(upstream["y"]), states(net, upstream))
    np.testing.assert_allclose(y, golden["outputs"]["y"], **CLOSE)
    np.testing.assert_allclose(dx, gradients["x"], **CLOSE)
    for s in after.names:
        for k, suffix in enumerate(net._sizes.suffixes()):
            if f"{s}{suffix}" not in golden["inputs"]:
                # an output that no step reads
                np.testing.assert_array_equal(after[s][k], y[-1])
                np.testing.assert_array_equal(dstate[s][k], 0)
                continue
            np.testing.assert_allclose(after[s][k], golden["outputs"][f"{s}{suffix}"], **CLOSE)
            np.testing.assert_allclose(dstate[s][k], gradients[f"{s}{suffix}"], **CLOSE)
    for name, mat in net.parameters.items():
        expected = np.array(gradients[name]).reshape(mat.shape)
        np.testing.assert_allclose(mat.dw, expected, err_msg=name, **CLOSE)
