"""The data of ``fit``: every form of them; padding counts for nothing; refusals change nothing."""

import numpy as np
import pytest

import recurrent
from learning import (
    CLASSES,
    LABELS,
    LENGTHS,
    NUMBERS,
    SIZE,
    TOKENS,
    N,
    T,
    X,
    bits,
    fit,
    network,
    ragged,
    state,
)
from recurrent.graph import Graph
from recurrent.training.array_step import measure, output_gradient
from recurrent.training.dataset import Dataset
from recurrent.training.losses import as_loss
from recurrent.training.metrics import Metrics

ALL = np.arange(N)


def dataset(net, x, y, loss, lengths=None, **settings):
    return Dataset(x, y, lengths, as_loss(loss), net._sizes, net.batch_first, **settings)


def derived(net, x, y, loss, lengths=None, chosen=ALL, **settings):
    """The mean loss over some sequences, the sum of the weights, and the gradient of all weights."""
    data = dataset(net, x, y, loss, lengths, **settings)
    batch = data.batch(chosen)
    net.flat.zero_gradient()
    out, _ = net._run(batch.x, None, batch.lengths, training=True)
    value, dy, _ = output_gradient(out, batch, as_loss(loss), Graph())
    net._backward(dy)
    return value, net.flat.dw.copy()


def targets(loss):
    """Right targets of every step, and the outputs of the network."""
    if loss == "cross_entropy":
        return LABELS, CLASSES
    if loss == "binary_cross_entropy":
        return (NUMBERS > 0).astype(float), CLASSES
    return (NUMBERS[..., :2], 4) if loss == "gaussian_nll" else (
        (NUMBERS[..., :2], 6) if loss == "quantile" else (NUMBERS, CLASSES)
    )  # fmt: skip


LOSSES = ("cross_entropy", "mse", "mae", "huber", "binary_cross_entropy", "gaussian_nll", "quantile")


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("per_sequence", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_padding_counts_for_nothing(loss, per_sequence, is_weighted):
    """Sequences of several lengths give the loss and the gradient of each alone, to 1e-12."""
    y, outputs = targets(loss)
    net = network(outputs=outputs)
    y = y[0] if per_sequence else y
    weights = np.random.default_rng(1).uniform(0.5, 2, N)
    total, expected, scale = 0.0, 0.0, 0.0
    for b, steps in enumerate(LENGTHS):
        own = y[b : b + 1] if per_sequence else y[:steps, b : b + 1]
        value, gradient = derived(net, X[:steps, b : b + 1], own, loss, chosen=np.array([0]))
        size = (weights[b] if is_weighted else 1) * (1 if per_sequence else steps)
        total, expected, scale = total + size * value, expected + size * gradient, scale + size
    settings = {"sample_weight": weights} if is_weighted else {}
    padded, noisy = X.copy(), np.array(y, y.dtype)
    beyond = np.arange(T)[:, None] >= LENGTHS
    padded[beyond] = np.nan
    if not per_sequence:
        noisy[beyond] = 99 if loss == "cross_entropy" else np.inf
    first = y if per_sequence else ragged(y)
    for form in (
        derived(net, ragged(X), first, loss, **settings),
        derived(net, padded, noisy, loss, LENGTHS, **settings),
        derived(net, ragged(X), first.tolist() if per_sequence else first, loss, **settings),
    ):
        assert abs(form[0] - total / scale) < 1e-12
        assert np.abs(form[1] - expected / scale).max() < 1e-12


def trained(x, y, net=None, **settings):
    net = net or network()
    fit(net, x, y, **settings)
    return net.flat.w.tobytes()


@pytest.mark.parametrize(
    "y", [LABELS, NUMBERS, LABELS[0], NUMBERS[0]], ids=["classes", "numbers", "class", "number"]
)
def test_forms_that_mean_the_same(y):
    """Lists, tuples, other dtypes, layouts and batch_first give the same weights."""
    expected = trained(X, y)
    by_step = y.ndim > 1 and y.shape[:2] == (T, N)
    parts = list(y.swapaxes(0, 1)) if by_step else list(y)
    sequences = list(X.swapaxes(0, 1))
    assert trained(sequences, parts) == trained(tuple(sequences), tuple(parts)) == expected
    assert trained([part.tolist() for part in sequences], [part.tolist() for part in parts]) == expected
    assert trained(sequences, y) == trained(X, parts) == expected
    assert trained(np.asfortranarray(X), np.asfortranarray(y)) == expected
    assert trained(X.astype(">f8"), y.astype(y.dtype.newbyteorder(">"))) == expected
    swapped = y.swapaxes(0, 1) if by_step else y
    assert trained(X.swapaxes(0, 1), swapped, network(batch_first=True)) == expected
    assert trained(sequences, parts, network(batch_first=True)) == expected
    whole = np.frombuffer(expected)
    for settings in ({"lengths": np.full(N, T)}, {"sample_weight": np.full(N, 3.0)}):
        assert np.abs(np.frombuffer(trained(X, y, **settings)) - whole).max() < 1e-9
    if y.dtype.kind == "i":
        for kind in (np.int8, np.uint8, np.uint64, np.int32):
            assert trained(X, y.astype(kind)) == expected


def test_tokens():
    expected = trained(TOKENS, LABELS)
    one_hot = np.eye(SIZE)[TOKENS]
    net = network()
    fit(net, one_hot, LABELS)
    assert np.abs(np.frombuffer(expected) - net.flat.w[:, 0]).max() < 1e-12
    assert trained(list(TOKENS.T), list(LABELS.T)) == expected
    assert trained([row.tolist() for row in TOKENS.T], [row.tolist() for row in LABELS.T]) == expected
    assert trained(TOKENS.T, LABELS.T, network(batch_first=True)) == expected
    embedded = [network(embedding=2) for _ in range(2)]
    assert trained(TOKENS, LABELS, embedded[0]) == trained(list(TOKENS.T), LABELS, embedded[1])


def test_one_number_without_an_axis():
    y = NUMBERS[..., :1]
    nets = lambda: network(outputs=1)  # noqa: E731
    expected = trained(X, y, nets())
    assert trained(X, y[..., 0], nets()) == trained(X, list(y[..., 0].T), nets()) == expected
    single = trained(X, y[0], nets())
    assert trained(X, y[0, :, 0], nets()) == trained(X, y[0, :, 0].tolist(), nets()) == single != expected
    assert trained(X, y[0].tolist(), nets()) == single


def test_missing_targets():
    """-1 and NaN are as weights of 0."""
    gone = np.random.default_rng(4).random((T, N)) < 0.4
    classes, numbers = LABELS.copy(), NUMBERS.copy()
    classes[gone] = -1
    numbers[gone] = np.nan
    for y, full in ((classes, LABELS), (numbers, NUMBERS)):
        net = network()
        loss = "cross_entropy" if full is LABELS else "mse"
        one, other = (
            derived(net, X, y, loss),
            derived(net, X, full, loss, sample_weight=(~gone).astype(float)),
        )
        assert abs(one[0] - other[0]) < 1e-14 and np.abs(one[1] - other[1]).max() < 1e-14
    # some of the numbers of a target
    numbers = NUMBERS.copy()
    numbers[2, 3, 1] = np.nan
    y, _ = network().forward(X)
    found = dataset(network(), X, numbers, "mse")
    value = measure(network(), found, ALL, as_loss("mse"), Metrics((), as_loss("mse"), CLASSES)).loss
    assert abs(value - np.nanmean((y - numbers) ** 2)) < 1e-14


def test_weights():
    net, weights = network(), np.random.default_rng(5).uniform(0, 2, (T, N))
    y, _ = net.forward(X)
    p = np.exp(y) / np.exp(y).sum(-1, keepdims=True)
    losses = -np.log(np.take_along_axis(p, LABELS[..., None], -1)[..., 0])
    each = np.array([0.5, 2, 1, 0])
    counts = np.bincount(LABELS.ravel(), minlength=CLASSES)
    for settings, expected in (
        ({"sample_weight": weights}, weights),
        ({"sample_weight": weights[0]}, np.broadcast_to(weights[0], (T, N))),
        ({"sample_weight": list(weights[0])}, np.broadcast_to(weights[0], (T, N))),
        ({"class_weight": each}, each[LABELS]),
        ({"class_weight": {0: 0.5, 1: 2, 3: 0}}, each[LABELS]),
        ({"class_weight": "balanced"}, (1 / counts)[LABELS]),
        ({"class_weight": each, "sample_weight": weights}, each[LABELS] * weights),
    ):
        value, _ = derived(net, X, LABELS, "cross_entropy", **settings)
        assert abs(value - (expected * losses).sum() / expected.sum()) < 1e-13, settings
    # of sequences of several lengths, as a list and as an array
    valid = np.arange(T)[:, None] < LENGTHS
    expected = (weights * losses)[valid].sum() / weights[valid].sum()
    for given in (ragged(weights), weights):
        assert (
            abs(derived(net, ragged(X), ragged(LABELS), "cross_entropy", sample_weight=given)[0] - expected)
            < 1e-13
        )
        # a batch that is shorter than the longest sequence
        derived(net, ragged(X), ragged(LABELS), "cross_entropy", sample_weight=given, chosen=np.array([3, 4]))
    assert abs(derived(net, X, LABELS, "cross_entropy", LENGTHS, sample_weight=weights)[0] - expected) < 1e-13
    # balanced counts no padding
    noisy = np.where(valid, LABELS, 0)
    one = derived(net, X, noisy, "cross_entropy", LENGTHS, class_weight="balanced")
    other = derived(net, ragged(X), ragged(LABELS), "cross_entropy", class_weight="balanced")
    assert abs(one[0] - other[0]) < 1e-13


def test_objects_of_pandas():
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame(part) for part in X.swapaxes(0, 1)]
    assert trained(frames, [pandas.Series(part) for part in LABELS.T]) == trained(X, LABELS)
    assert trained(frames, pandas.Series(LABELS[0])) == trained(X, LABELS[0])


def test_numbers_of_another_dtype():
    single = network(dtype="float32")
    fit(single, X, NUMBERS)
    again = network(dtype="float32")
    fit(again, X.astype(np.float32), NUMBERS.astype(np.float32))
    assert single.flat.w.tobytes() == again.flat.w.tobytes()
    with pytest.raises(ValueError, match=r"^x is out of range; expected values of float32, got 1e\+300"):
        fit(single, np.where(np.arange(SIZE) == 1, 1e300, X), NUMBERS)
    # whatever is beyond the lengths
    huge = X.copy()
    huge[3:, 0] = 1e300
    numbers = NUMBERS.copy()
    numbers[3:, 0] = 1e300
    with np.errstate(all="raise"):
        fit(single, huge, numbers, lengths=np.array([3, *LENGTHS[1:]]))


def part_missing(part):
    y = LABELS.copy()
    y[:, part] = -1
    return y


def with_value(array, value):
    other = array.astype(np.result_type(array, type(value)))
    other[1, 2] = value
    return other


SMALL = X.swapaxes(0, 1)
REFUSED = [
    ({"x": X[0]}, ValueError, r"x has the wrong shape; expected numbers \(T, N, 3\) or tokens \(T, N\), got \(7, 3\)"),
    ({"x": X[..., :2]}, ValueError, "x has the wrong shape; expected"),
    ({"x": X[:0]}, ValueError, r"x is empty; expected at least one step of one sequence, got \(0, 7, 3\)"),
    ({"x": X[:, :0]}, ValueError, r"x is empty; expected at least one step of one sequence, got \(6, 0, 3\)"),
    ({"x": []}, ValueError, "x is empty; expected at least one sequence, got none"),
    ({"x": [SMALL[0], SMALL[1][:0]]}, ValueError, r"x\[1\] is empty; expected at least one step, got none"),
    ({"x": [SMALL[0], SMALL[1][:, :2]]}, ValueError, r"x\[1\] has the wrong shape; expected a sequence \(T, 3\), got"),
    ({"x": [[0, 1, 2], [0.5, 1, 2]]}, ValueError, r"x\[0\] has the wrong shape; expected a sequence \(T, 3\), got"),
    ({"x": X > 0}, TypeError, "x has the wrong type; expected real numbers, got elements of type bool"),
    ({"x": "text"}, TypeError, "x has the wrong type; expected real numbers, got elements of type"),
    ({"x": None}, TypeError, "x has the wrong type"),
    ({"x": with_value(TOKENS, 3)}, IndexError, "x has a token out of range; expected 0 to 2, got 3"),
    ({"x": with_value(TOKENS, -1)}, IndexError, "x has a token out of range; expected 0 to 2, got -1"),
    ({"x": with_value(X, np.nan)}, ValueError, "x is not finite; expected finite numbers at all valid steps, got nan"),
    ({"x": list(with_value(X, np.inf).swapaxes(0, 1))}, ValueError, r"x\[2\] is not finite; expected finite numbers"),
    ({"y": LABELS[:, :6]}, ValueError, r"y has the wrong shape; expected \(7,\) or \(6, 7\), got \(6, 6\)"),
    ({"y": LABELS[:5]}, ValueError, r"y has the wrong shape; expected \(7,\) or \(6, 7\), got \(5, 7\)"),
    ({"y": LABELS.astype(float)}, ValueError, r"y has the wrong shape; expected .*, got \(6, 7\); classes are ints"),
    ({"y": [*LABELS.T[:6].astype(float)]}, ValueError, "y has the wrong length; expected 7, one for each sequence"),
    ({"y": list(LABELS.T.astype(float))}, ValueError, r"y\[0\] has the wrong shape; .*; classes are ints"),
    ({"y": [*LABELS.T[:6], LABELS[:3, 0]]}, ValueError, r"y\[6\] has the wrong shape; expected \(6,\), got \(3,\)"),
    ({"y": [*LABELS.T[:6], [0.0] * 6]}, TypeError, r"y\[6\] has the wrong type; expected ints, the classes of"),
    ({"y": LABELS > 1}, TypeError, "y has the wrong type; expected real numbers, got elements of type bool"),
    ({"y": [["a"] * T] * N}, TypeError, "y has the wrong type; expected real numbers, got elements of type <U1"),
    ({"y": []}, ValueError, "y has the wrong length; expected 7, one for each sequence, got 0"),
    ({"y": None}, TypeError, "y has the wrong type"),
    ({"y": with_value(LABELS, 4)}, IndexError, "y has a class out of range; expected 0 to 3, or -1 for none, got 4"),
    ({"y": with_value(LABELS, -2)}, IndexError, "y has a class out of range; expected 0 to 3, or -1 for none, got -2"),
    ({"y": np.full((T, N), -1)}, ValueError, "y is empty; expected at least one target, got none"),
    ({"y": np.full((T, N, 4), np.nan)}, ValueError, "y is empty; expected at least one target, got none"),
    ({"y": with_value(NUMBERS, np.inf)}, ValueError, "y is not finite; expected finite numbers, or NaN for none, got"),
    ({"y": NUMBERS, "loss": "cross_entropy"}, TypeError, "y has the wrong type; expected ints, the classes of"),
    ({"y": NUMBERS, "loss": "binary_cross_entropy"}, ValueError, "y is out of range; expected 0 to 1, got"),
    ({"y": part_missing(slice(5, None)), "validation_split": 0.25}, ValueError, "y has no target in a part; expected"),
    ({"y": part_missing(slice(0, 5)), "validation_split": 0.25}, ValueError, "y has no target in a part; expected at"),
    ({"y": with_value(NUMBERS, np.nan)[..., :1] + 0 * NUMBERS, "lengths": [0] * N}, ValueError, "y is empty"),
    ({"lengths": [6] * 6}, ValueError, r"lengths has the wrong shape; expected \(7,\), got \(6,\)"),
    ({"lengths": [7] * 7}, ValueError, "lengths is out of range; expected 0 to 6, got 7"),
    ({"lengths": [-1] * 7}, ValueError, "lengths is out of range; expected 0 to 6, got -1"),
    ({"lengths": [1.5] * 7}, TypeError, "lengths has the wrong type; expected ints"),
    ({"lengths": LENGTHS, "x": list(SMALL)}, ValueError, "lengths is unexpected; expected None, as x is a list of"),
    ({"sample_weight": np.ones(6)}, ValueError, r"sample_weight has the wrong shape; expected \(7,\) or \(6, 7\), got"),
    ({"sample_weight": np.ones((T, N)), "y": LABELS[0]}, ValueError, r"sample_weight has the wrong shape; expected"),
    ({"sample_weight": -np.ones(7)}, ValueError, "sample_weight is out of range; expected numbers of float32"),
    ({"sample_weight": np.full(7, np.nan)}, ValueError, "sample_weight is out of range"),
    ({"sample_weight": np.full(7, 1e308)}, ValueError, "sample_weight is out of range"),
    ({"sample_weight": np.zeros(7)}, ValueError, "sample_weight sums to 0"),
    ({"sample_weight": [1, 0, 0, 0, 0, 0, 0], "y": part_missing(0)}, ValueError, "sample_weight is 0 at all targets"),
    ({"class_weight": "even"}, ValueError, "class_weight is unknown; expected weights or \"balanced\", got 'even'"),
    ({"class_weight": {4: 1.0}}, ValueError, "class_weight has an unknown class; expected 0 to 3, got 4"),
    ({"class_weight": {0: "a"}}, TypeError, r"class_weight\[0\] has the wrong type"),
    ({"class_weight": {0: -1}}, ValueError, "class_weight is out of range"),
    ({"class_weight": [1, 2]}, ValueError, r"class_weight has the wrong shape; expected \(4,\), got \(2,\)"),
    ({"class_weight": "balanced", "y": NUMBERS}, ValueError, "class_weight is unused by mse; expected cross_entropy"),
    ({"sample_weight": np.ones(7), "loss": lambda y, t: y.sum()}, ValueError, "sample_weight is unused by a function"),
    ({"validation_data": 3}, ValueError, r"validation_data has the wrong form; expected \(x, y\) or \(x, y"),
    ({"validation_data": (X,)}, ValueError, r"validation_data has the wrong form; .*, got 1 of them"),
    ({"validation_data": (X[..., :1], LABELS)}, ValueError, r"validation_data\[0\] has the wrong shape"),
    ({"validation_data": (X, LABELS[:2])}, ValueError, r"validation_data\[1\] has the wrong shape"),
    ({"validation_data": (X, LABELS, [9] * 7)}, ValueError, r"validation_data\[2\] is out of range; expected 0 to 6"),
    ({"epochs": None}, ValueError, "epochs or steps is needed; expected one of both, got neither"),
    ({"steps": 3, "epochs": 3}, ValueError, "steps is unexpected; expected either epochs or steps, got both"),
    ({"steps": 0, "epochs": None}, ValueError, "steps is out of range; expected at least 1, got 0"),
    ({"epochs": True}, TypeError, "epochs has the wrong type; expected an int, got bool"),
    ({"epochs": 2**60}, ValueError, "epochs is out of range"),
    ({"batch_size": 8}, ValueError, "batch_size is larger than the data; expected at most 7, got 8"),
    ({"batch_size": 0}, ValueError, "batch_size is out of range; expected at least 1, got 0"),
    ({"validation_split": 1}, ValueError, "validation_split is out of range; expected at least 0 and below 1, got 1.0"),
    ({"x": X[:, :1], "y": LABELS[:, :1], "validation_split": 0.5}, ValueError, "x has too few sequences; expected at"),
    ({"patience": 2}, ValueError, "patience needs a validation loss; expected validation_split above 0 or"),
    ({"restore_best": True}, ValueError, "restore_best needs a validation loss"),
    ({"schedule": recurrent.schedules.Plateau(0.1)}, ValueError, "schedule needs a validation loss"),
    ({"metrics": ["r2"]}, ValueError, "metrics has an unknown name; expected one of accuracy, class_accuracy"),
    ({"metrics": [np.mean, np.mean]}, ValueError, "metrics has a name twice; expected a name of its own for each"),
    ({"metrics": ["accuracy", "accuracy"]}, ValueError, "metrics has a name twice"),
    ({"metrics": ["mse"], "loss": lambda y, t: y.sum()}, ValueError, "metrics does not fit the targets; expected"),
    ({"metrics": 3}, TypeError, "metrics has the wrong type; expected a list of names and functions, got int"),
    ({"loss": 3}, TypeError, "loss has the wrong type"),
    ({"optimizer": "adam"}, TypeError, "optimizer has the wrong type"),
    ({"rng": "a"}, TypeError, "rng has the wrong type"),
    ({"shuffle": 1}, TypeError, "shuffle has the wrong type; expected a bool, got int"),
    ({"clip": 0}, ValueError, "clip is out of range; expected above 0, or None, got 0"),
    ({"learning_rate": -1}, ValueError, "learning_rate is out of range"),
    ({"callbacks": [3]}, TypeError, "callbacks has the wrong type; expected functions, got int"),
    ({"progress": 1}, TypeError, "progress has the wrong type"),
    ({"checkpoint": "/nonexistent/file"}, OSError, "checkpoint '/nonexistent/file' cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize("changed, error, words", REFUSED, ids=lambda value: None)
def test_refused(changed, error, words):
    """One sentence that names the argument; weights, generator, optimizer and the run before stay."""
    net, random = network(), recurrent.Random(5)
    fit(net, steps=2)
    before, drawn = state(net), random.state
    settings = {
        "x": X,
        "y": LABELS,
        "epochs": 1,
        "batch_size": 1,
        "rng": random,
        "progress": False,
        **changed,
    }
    with pytest.raises(error, match=("" if error is OSError else "^") + words) as caught:
        net.fit(**settings)
    if error is not OSError and "cannot be written" not in words:
        assert "; expected " in str(caught.value) and ", got " in str(caught.value)
    assert state(net) == before and random.state == drawn


def test_embeddings():
    for x, words in (
        (X, r"^x has the wrong shape; expected tokens \(T, N\), got \(6, 7, 3\)"),
        (list(X.swapaxes(0, 1)), r"^x\[0\] has the wrong shape; expected tokens \(T,\), got \(6, 3\)"),
        (TOKENS.astype(float), "^x has the wrong type; expected ints, the tokens, got float64"),
        (
            [TOKENS[:, 0], TOKENS[:, 1] + 0.5],
            r"^x\[1\] has the wrong type; expected ints, the tokens, got float64",
        ),
    ):
        net = network(embedding=2)
        before = state(net)
        with pytest.raises((ValueError, TypeError), match=words):
            fit(net, x, LABELS, batch_size=1)
        assert state(net) == before
    with pytest.raises(
        ValueError, match=r"^x\[0\] has the wrong shape; expected a sequence \(T, 3\), got \(6,\)"
    ):
        fit(network(), [TOKENS[:, 0], TOKENS[:, 1] + 0.5], LABELS[:, :2], batch_size=1)


def test_functions_get_whole_targets():
    """A function has no weights: a target of which a number is missing is refused."""
    y = NUMBERS.copy()
    y[0, 0, 1] = np.nan
    seen = []

    def loss(scores, aims):
        seen.append(aims.d)
        return (scores - aims).square().mean()

    with pytest.raises(
        ValueError, match=r"^y has a target that is missing in part; expected all of its numbers"
    ):
        fit(network(), y=y, loss=loss)
    y[0, 0] = np.nan
    fit(network(), y=y, loss=loss, batch_size=7, steps=1)
    assert seen == [T * N - 1]


def test_a_batch_without_a_target():
    """Changes nothing, and the run continues."""
    y = LABELS.copy()
    y[:, 0] = -1
    net = network()
    history = fit(net, y=y, batch_size=1, epochs=1, shuffle=False)
    assert history.train[0][1] == 0 and all(loss > 0 for _, loss in history.train[1:])
    lengths = np.array([0, *LENGTHS[1:]])
    assert fit(network(), batch_size=1, epochs=1, shuffle=False, lengths=lengths).train[0][1] == 0
    assert bits(net)[1] == N


def test_parts_of_a_split():
    """Of 10 sequences and 0.9 one remains; a batch is at most what remains."""
    x, y = np.zeros((2, 10, SIZE)), np.zeros((2, 10), int)
    for split, count in ((0.9, 1), (0.1, 9), (0.25, 7), (0.0, 10)):
        net = network()
        net.fit(x, y, epochs=1, validation_split=split, progress=False)
        assert len(net.trainer.chosen(0)) == net.trainer.settings.batch_size == count
