"""Echo-state networks: the published figures, and what a reservoir is for."""

import numpy as np
import pytest

import recurrent
from golden import figures


def test_published_figures():
    golden = figures("esn")
    options, inputs = golden["options"], {name: np.array(v) for name, v in golden["inputs"].items()}
    x, target = inputs["x"][:, None], inputs["target"][:, None]
    net = recurrent.EchoStateNetwork(x.shape[2], 10, 2, leak=options["leak"], dtype="float64", rng=1)
    for name, values in golden["parameters"].items():
        net.parameters[name].w = np.array(values).reshape(net.parameters[name].shape)
    state = {"h": [inputs["h0"][None]]}
    after = net.fit(x, target, ridge=options["ridge"], washout=options["washout"], state=state)
    outputs = golden["outputs"]
    close = {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(net.activations(x, state)["h0"][:, 0], outputs["states"], rtol=1e-12)
    np.testing.assert_allclose(net.parameters["Whd"].w, outputs["Whd"], **close)
    np.testing.assert_allclose(net.parameters["bd"].w[:, 0], outputs["bd"], **close)
    np.testing.assert_allclose(net.forward(x, state)[0][:, 0], outputs["prediction"], **close)
    np.testing.assert_array_equal(after.h[0][0], net.forward(x, state)[1].h[0][0])


def test_the_reservoir():
    net = recurrent.EchoStateNetwork(3, 60, 2, spectral_radius=0.8, density=0.2, dtype="float64", rng=1)
    W = net.parameters["Whh0"].w
    assert abs(np.abs(np.linalg.eigvals(W)).max() - 0.8) < 1e-12
    assert 0.12 < (W != 0).mean() < 0.28
    again = recurrent.EchoStateNetwork(3, 60, 2, spectral_radius=0.8, density=0.2, dtype="float64", rng=1)
    np.testing.assert_array_equal(net.flat.w, again.flat.w)
    # two initial states are forgotten
    x = np.random.default_rng(0).normal(size=(300, 1, 3))
    other = net.zero_state()
    other.h[0][...] = 1
    ends = [net.forward(x, state)[1].flat for state in (None, other)]
    np.testing.assert_allclose(*ends, atol=1e-9)


def test_a_chaotic_series():
    """The logistic map, one step ahead and in a loop of its own predictions."""
    series = [0.4]
    for _ in range(1200):
        series.append(3.9 * series[-1] * (1 - series[-1]))
    series = np.array(series)[:, None, None]
    net = recurrent.EchoStateNetwork(1, 100, 1, spectral_radius=0.5, input_scale=1, dtype="float64", rng=2)
    state = net.fit(series[:1000], series[1:1001], ridge=1e-8, washout=100)
    y, _ = net.forward(series[1000:-1], state)
    assert np.sqrt(np.mean((y - series[1001:]) ** 2)) < 1e-3 * series.std()
    # several sequences at once, in float32
    both = np.concatenate([series[:600], series[600:1200]], axis=1)
    net = recurrent.EchoStateNetwork(1, 100, 1, spectral_radius=0.5, input_scale=1, rng=2)
    net.fit(both[:-1], both[1:], ridge=1e-4, washout=50)
    y, _ = net.forward(both[:-1])
    assert np.sqrt(np.mean((y - both[1:])[50:] ** 2)) < 0.05 * series.std()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"units": 0}, ValueError, "units is out of range; expected 1 to 32768, got 0"),
        ({"leak": 0}, ValueError, "leak is out of range"),
        ({"spectral_radius": -1}, ValueError, "spectral_radius is out of range; expected 0 to 1e"),
        ({"spectral_radius": float("inf")}, ValueError, "spectral_radius is out of range"),
        ({"density": 0}, ValueError, "density is out of range; expected above 0 and at most 1, got 0.0"),
        ({"density": 1.5}, ValueError, "density is out of range; expected 0 to 1, got 1.5"),
        ({"input_scale": "1"}, TypeError, "input_scale has the wrong type"),
    ],
)
def test_settings_refused(settings, error, message):
    with pytest.raises(error, match=message):
        recurrent.EchoStateNetwork(**{"input_size": 2, "units": 5, "output_size": 1, **settings})


def test_fits_refused():
    net = recurrent.EchoStateNetwork(2, 5, 1, dtype="float64", rng=1)
    x, y, before = np.zeros((4, 1, 2)), np.zeros((4, 1, 1)), net.flat.w.copy()
    for arguments, settings, error, message in [
        ((x, y), {"washout": 4}, ValueError, "washout is out of range; expected 0 to 3, got 4"),
        ((x, y), {"washout": -1}, ValueError, "washout is out of range"),
        ((x, y), {"ridge": -1}, ValueError, "ridge is out of range"),
        ((x, y[:3]), {}, ValueError, r"targets has the wrong shape; expected \(4, 1, 1\)"),
        ((x[0], y), {}, ValueError, r"x has the wrong shape; expected \(T, B, input_size\), got \(1, 2\)"),
        ((x, y), {"ridge": 0}, np.linalg.LinAlgError, "ingular"),
        ((x, y + np.nan), {}, np.linalg.LinAlgError, "no finite solution"),
    ]:
        with pytest.raises(error, match=message):
            net.fit(*arguments, **settings)
        np.testing.assert_array_equal(net.flat.w, before)
