"""The settings of the page: what a browser may send, and the bounds on memory."""

import math
import re

import pytest

import recurrent
from recurrent.parameters import CELLS
from recurrent.web.settings import Settings


@pytest.mark.parametrize(
    "values, words",
    [
        ([], "settings has the wrong type; expected an object, got list"),
        ({"depth": 2}, "setting is unknown; expected one of kind, cell, "),
        (
            {"cell": "cnn"},
            f"cell is invalid; expected one of {', '.join(CELLS)}, got 'cnn'",
        ),
        ({"cell": ["lstm"]}, "cell is invalid; expected"),
        ({"kind": None}, "kind is invalid; expected one of sentences, text, got None"),
        (
            {"hidden_sizes": ""},
            "hidden sizes is invalid; expected 1 to 8 integers between commas, such as 40,40,",
        ),
        ({"hidden_sizes": "40,x"}, "hidden sizes is invalid; expected an integer from 1 to 2,048, got 'x'"),
        ({"hidden_sizes": [0]}, "hidden sizes is invalid; expected an integer"),
        ({"hidden_sizes": [1] * 9}, "hidden sizes is invalid; expected 1 to 8"),
        ({"hidden_sizes": {}}, "hidden sizes is invalid; expected 1 to 8"),
        ({"hidden_sizes": [True]}, "hidden sizes is invalid; expected an integer"),
        ({"embedding": 2.5}, "embedding is invalid; expected an integer from 0 to 512, got 2.5"),
        (
            {"learning_rate": "fast"},
            "learning rate is invalid; expected a number from 0 to 10, got 'fast'",
        ),
        ({"learning_rate": -1}, "learning rate is invalid; expected"),
        ({"learning_rate": math.nan}, "learning rate is invalid; expected"),
        ({"learning_rate": math.inf}, "learning rate is invalid; expected"),
        ({"learning_rate": 10**400}, "learning rate is invalid; expected"),
        ({"clip": 0}, "clip is invalid; expected a number above 0 and at most 1e+09, got 0"),
        (
            {"weight_decay": "1e-400x" * 50},
            "weight decay is invalid; expected a number from 0 to 1, got '1e-400x",
        ),
        ({"batch_size": 0}, "batch size is invalid; expected an integer from 1 to 1,024"),
        ({"seq_length": "1e9"}, "sequence length is invalid; expected an integer"),
        ({"seed": -1}, "seed is invalid; expected an integer"),
    ],
)
def test_invalid_settings(values, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        Settings().changed(values)
    assert len(str(caught.value)) < 200


def test_settings():
    changed = Settings().changed(
        {"hidden_sizes": " 20, 30 ", "learning_rate": "0.02", "seed": 3.0, "cell": "gru"}
    )
    assert (changed.hidden_sizes, changed.learning_rate, changed.seed, changed.cell) == (
        [20, 30],
        0.02,
        3,
        "gru",
    )
    assert Settings().hidden_sizes == [40, 40]


def test_memory_is_bounded():
    with pytest.raises(
        ValueError, match=r"expected at most 16,000,000 weights, got 18,\d+,\d+: lower the hid"
    ):
        Settings(hidden_sizes=[1450, 1024]).check(40)
    Settings(hidden_sizes=[1024, 1024]).check(40)
    with pytest.raises(ValueError, match="lower the batch size or the sequence length"):
        Settings(kind="text", hidden_sizes=[512, 512], batch_size=100, seq_length=100).check(40)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("embedding", [0, 7, 9])
def test_weights_are_counted(cell, embedding):
    """The count is that of the model, also where a layer is as wide as its input."""
    made = recurrent.TextModel(cell, [9, 5], embedding or None, rng=1).build("abcd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recurrent.web.settings.MAX_WEIGHTS", 0)
        with pytest.raises(ValueError) as caught:
            Settings(kind="text", cell=cell, hidden_sizes=[9, 5], embedding=embedding).check(4)
    counted = int(re.search("got ([0-9,]+):", str(caught.value))[1].replace(",", ""))
    assert made.flat.n == counted
