"""Single operations beside PyTorch's values and gradients in float64: ties, zeros, infinities, broadcasting."""

import json

import numpy as np
import pytest

from recurrent import Graph, Mat
from support import PYTHON_FIXTURES

CASES = json.loads((PYTHON_FIXTURES / "torch_operations.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "index", range(len(CASES)), ids=lambda i: f"{i} {CASES[i]['name']} {CASES[i]['extra']}"
)
def test_values_and_gradients(index):
    case = CASES[index]
    G, mats = Graph(), [Mat.from_array(m, "float64") for m in case["mats"]]
    given = [mats] if case["name"] == "stack" else mats
    y = getattr(G, case["name"])(*given, *case["extra"])
    np.testing.assert_allclose(y.w, case["y"], 1e-13, 1e-15)
    y.dw = case["dy"]
    G.backward()
    for m, gradient in zip(mats, case["gradients"]):
        np.testing.assert_allclose(m.dw, gradient, 1e-13, 1e-15)


def test_every_new_rule_has_a_case():
    assert {case["name"] for case in CASES} >= {
        "sin", "cos", "pow", "maximum", "minimum", "clip", "where", "max", "min", "norm", "logsumexp", "cumsum",
        "reshape", "index_select", "stack", "bmm",
    }  # fmt: skip
