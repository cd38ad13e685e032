"""Predictions, continuations, colored text and gates."""

import math

import numpy as np
import pytest

from recurrent.parameters import CELLS
from recurrent.web.actions import perform
from recurrent.web.introspection import colors, predictions, saturation
from sessions import BOOK, frame_part, open_session, wait_for


@pytest.mark.parametrize("cell", CELLS)
def test_agrees_with_the_model(cell):
    """Predictions, colors and gates agree with the costs and samples of the sentence model."""
    with open_session(cell=cell, hidden_sizes=[8, 6]) as session:
        subscriber = session.subscribe()
        wait_for(lambda: session.trainer.step > 300)
        perform(session, "pause", {})
        model = session.trainer.model
        assert perform(session, "continue", {"prompt": "", "temperature": 0})[0]["text"] == model.predict(
            False, max_chars=200
        )
        after = {
            prompt: dict(session.call(lambda prompt=prompt: predictions(session.trainer, prompt, 100)))
            for prompt in ("hell", "hello")
        }
        assert (
            list(after["hell"].items())[:10]
            == perform(session, "predict", {"prompt": "hell"})[0]["predictions"]
        )
        cost = model.cost("hello").cost - model.cost("hell").cost
        expected = -math.log(after["hell"]["o"]) - math.log(after["hello"][""]) + math.log(after["hell"][""])
        assert math.isclose(expected, cost, rel_tol=1e-4, abs_tol=1e-5)  # float32, near 0
        result = perform(session, "color", {"text": "hello", "activation": "h0", "unit": 3})[0]
        assert [letter for letter, _ in result["characters"]] == list("hello") and result["activations"][
            "h0"
        ] == 8
        activations = session.trainer.network.activations(
            np.array([[t] for t in session.trainer.encode("hello")])
        )
        np.testing.assert_allclose(result["values"], activations["h0"][1:, 0, 3], atol=1e-3)
        gates = frame_part(session, "samples")["saturation"]
        assert len(gates) == {"lstm": 6, "gru": 4, "gru_reset_before": 4}.get(
            cell, 2 if "rnn_" in cell else 0
        )
        if cell in ("lstm", "gru", "gru_reset_before"):
            fraction = (
                session.trainer.network.activations(
                    np.array([[t] for t in session.trainer.encode("hello there")])
                )["i0" if cell == "lstm" else "r0"]
                < 0.1
            ).mean()
            assert math.isclose(gates[0]["low"], fraction, abs_tol=1e-3)
        svg = perform(session, "picture", {})[0]["svg"]
        assert svg.startswith("<svg") and "Wil" in svg and "Whd" in svg
        subscriber.close()


def test_texts_without_a_token():
    with open_session(BOOK, kind="text") as session:
        trainer = session.trainer
        assert trainer.end is None and not trainer.is_memorized("the")
        with pytest.raises(ValueError, match="text to color is empty; expected at least one character"):
            session.call(lambda: colors(trainer, "", "h0", 0))
        assert session.call(lambda: saturation(trainer, "")) == []
