"""The estimators: scikit-learn's own checks, and the uses that a pipeline, a grid and a cross-validation make."""

import pickle
import re
import warnings

import numpy as np
import pytest

import recurrent
from support import succeed

pytest.importorskip("sklearn", minversion="1.6", reason="scikit-learn 1.6 is not installed")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

from recurrent.sklearn import RecurrentClassifier, RecurrentRegressor

BOTH = (RecurrentClassifier, RecurrentRegressor)
# the check needs 1e-7; test_weights_are_repetitions passes it in float64
DIFFERS = {"check_sample_weight_equivalence_on_dense_data": "sums of another order are rounded to float32"}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 8, 2))
UP = np.where(X[:, :, 0].sum(1) > 0, "up", "down")
SUMS = X.mean(1)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([kind() for kind in BOTH], expected_failed_checks=lambda estimator: DIFFERS)
def test_the_checks_of_sklearn(estimator, check):
    # those skipped need pandas, SCIPY_ARRAY_API or decision_function
    check(estimator)


@pytest.mark.parametrize("kind", BOTH)
def test_weights_are_repetitions(kind):
    check_sample_weight_equivalence_on_dense_data(kind.__name__, kind(dtype="float64"))


# ---- the forms of X and y


def ragged(count, rng):
    """Sequences of 3 to 9 steps of two numbers."""
    return [rng.normal(size=(rng.integers(3, 10), 2)) for _ in range(count)]


def test_three_axes_and_lists_are_equal():
    ours = RecurrentClassifier(epochs=3, random_state=0)
    array, listed = (clone(ours).fit(x, UP).predict_proba(x) for x in (X, list(X)))
    np.testing.assert_array_equal(array, listed)
    assert array.shape == (120, 2)


def test_rows_are_sequences():
    """Of single numbers, or of as many as ``features_per_step``."""
    net = RecurrentClassifier(epochs=2, random_state=0).fit(X.reshape(120, 16), UP).network_
    assert net.input_size == 1
    ours = RecurrentClassifier(epochs=2, features_per_step=2, random_state=0).fit(X.reshape(120, 16), UP)
    assert ours.network_.input_size == 2 and ours.n_features_in_ == 16
    of_array = RecurrentClassifier(epochs=2, random_state=0).fit(X, UP)
    np.testing.assert_array_equal(ours.predict_proba(X.reshape(120, 16)), of_array.predict_proba(X))
    assert of_array.n_features_in_ == 2


def test_sequences_of_other_lengths_are_read():
    ours = RecurrentClassifier(epochs=2, random_state=0).fit(X, UP)
    whole = ours.predict_proba(X[:, :5])
    parts = ours.predict_proba([*X[:60, :5], *X[60:, :5]])
    np.testing.assert_array_equal(whole, parts)
    listed = np.empty(2, object)
    listed[0], listed[1] = X[0], X[1, :5]
    np.testing.assert_allclose(ours.predict_proba(listed)[1], whole[1], rtol=1e-5)


def test_ragged_series_of_single_numbers():
    series = [RNG.normal(size=length) for length in RNG.integers(3, 9, 100)]
    labels = [len(s) > 5 for s in series]
    ours = RecurrentClassifier(epochs=60, random_state=0, learning_rate=0.01).fit(series, labels)
    assert ours.score(series, labels) > 0.9 and ours.classes_.tolist() == [False, True]


def test_learns_labels_of_any_type():
    for labels in (UP, UP.astype(object), (UP == "up").astype(int) * 7 - 3, UP == "up"):
        ours = RecurrentClassifier(epochs=30, random_state=0).fit(X, labels)
        assert ours.score(X, labels) > 0.9
        assert ours.predict(X).dtype == np.asarray(labels).dtype


def test_several_labels():
    y = (SUMS > 0).astype(int)
    ours = RecurrentClassifier(epochs=40, random_state=0).fit(X, y)
    assert ours.predict(X).shape == ours.predict_proba(X).shape == (120, 2)
    assert ours.score(X, y) > 0.8


def test_regression_of_one_and_of_several_numbers():
    one = RecurrentRegressor(epochs=40, random_state=0).fit(X, SUMS[:, 0])
    assert one.predict(X).shape == (120,) and one.score(X, SUMS[:, 0]) > 0.9
    both = RecurrentRegressor(epochs=40, random_state=0).fit(X, SUMS)
    assert both.predict(X).shape == (120, 2) and both.score(X, SUMS) > 0.9
    assert both.predict(X[:1]).shape == (1, 2)


@pytest.mark.parametrize("loss", ("mse", "mae", "huber"))
def test_losses(loss):
    ours = RecurrentRegressor(epochs=30, loss=loss, random_state=0).fit(X, SUMS[:, 0])
    assert ours.score(X, SUMS[:, 0]) > 0.8 and ours.network_.trainer.settings.loss.name == loss


def test_class_weights_are_by_label():
    rare = np.where(np.arange(120) % 10 == 0, "up", "down")
    counts = [
        (
            RecurrentClassifier(epochs=5, class_weight=weight, random_state=0).fit(X, rare).predict(X) == "up"
        ).sum()
        for weight in (None, "balanced", {"up": 1000})
    ]
    assert counts[0] == 0 and counts[2] > 100 and counts[0] < counts[1] < counts[2]


# ---- pipelines, grids, cross-validation


def test_a_pipeline_of_rows():
    rows = 100 * X.reshape(120, 16) + 50
    steps = make_pipeline(
        StandardScaler(), RecurrentClassifier(features_per_step=2, epochs=30, random_state=0)
    )
    assert steps.fit(rows, UP).score(rows, UP) > 0.9


def test_a_pipeline_of_sequences():
    steps = make_pipeline(
        FunctionTransformer(lambda x: x[:, ::2], check_inverse=False),
        RecurrentRegressor(epochs=20, random_state=0),
    )
    y = X[:, ::2].mean((1, 2))
    assert steps.fit(X, y).score(X, y) > 0.8
    wide = TransformedTargetRegressor(
        RecurrentRegressor(epochs=30, random_state=0), transformer=StandardScaler()
    )
    assert wide.fit(X, 1000 * SUMS[:, 0] + 5000).score(X, 1000 * SUMS[:, 0] + 5000) > 0.9


def test_a_grid():
    grid = {
        "cell": ["lstm", "gru", "rnn", "min_gru"],
        "hidden_sizes": [(4,), (8, 8)],
        "learning_rate": [0.01],
    }
    found = GridSearchCV(RecurrentClassifier(epochs=6, random_state=0), grid, cv=2, n_jobs=1).fit(X, UP)
    assert len(found.cv_results_["params"]) == 8 and found.best_score_ > 0.8
    assert found.best_estimator_.network_.cell in ("lstm", "gru", "rnn_tanh", "min_gru")


def test_a_cross_validation_of_ragged_sequences():
    rng = np.random.default_rng(3)
    sequences = ragged(150, rng)
    y = np.array([s[:, 0].mean() > 0 for s in sequences])
    assert cross_val_score(RecurrentClassifier(epochs=30, random_state=0), sequences, y, cv=3).mean() > 0.9
    parts = train_test_split(sequences, y, random_state=0)
    assert (
        RecurrentClassifier(epochs=30, random_state=0).fit(parts[0], parts[2]).score(parts[1], parts[3])
        > 0.85
    )


def test_a_cell_of_the_user():
    cell = recurrent.Cell.of(
        lambda x, h, p: (p.W @ x + p.U @ h).tanh(), lambda i, h: {"W": (h, i), "U": (h, h)}
    )
    ours = RecurrentClassifier(cell, (8,), epochs=30, learning_rate=0.01, random_state=0, bidirectional=True)
    assert clone(ours).fit(X, UP).score(X, UP) > 0.9


# ---- seeds, early stopping, copies


def test_a_seed_decides_all():
    first, again, other = (
        RecurrentRegressor(epochs=3, random_state=seed).fit(X, SUMS).predict(X) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    state = np.random.RandomState(0)
    one, two = (RecurrentRegressor(epochs=3, random_state=state).fit(X, SUMS).predict(X) for _ in range(2))
    assert (one != two).any()


def test_patience_stops_and_keeps_the_best():
    noise = RNG.normal(size=120)
    ours = RecurrentRegressor(
        epochs=400, validation_fraction=0.25, patience=3, learning_rate=0.03, random_state=0
    ).fit(X, noise)
    losses = [loss for _, loss in ours.history_.validation]
    assert 4 <= len(losses) < 400 and losses[-1] > min(losses)
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    whole = RecurrentRegressor(epochs=2, random_state=0).fit(X, noise)
    assert whole.history_.validation == []


def test_pickles_predict_the_same_bits():
    ours = RecurrentClassifier(epochs=3, random_state=0).fit(X, UP)
    copied = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(copied.predict_proba(X), ours.predict_proba(X))
    assert copied.classes_.tolist() == ["down", "up"]


def test_a_second_fit_forgets_the_first():
    ours = RecurrentClassifier(epochs=2, random_state=0).fit(X, UP)
    ours.fit(X.reshape(120, 16), np.arange(120) % 3)
    assert ours.n_features_in_ == 16 and ours.classes_.tolist() == [0, 1, 2]


# ---- errors


ERRORS = {
    "form": (
        lambda e: e.fit(X, UP).predict(X.reshape(120, 16)),
        "X has the wrong form; expected 3-D or a list of seq",
    ),
    "width": (
        lambda e: e.fit(X, UP).predict(X[:, :, :1]),
        "X has the wrong width; expected 2 features of a step, got 1",
    ),
    "widths": (
        lambda e: e.fit([np.zeros((3, 2)), np.zeros((3, 1))], ["a", "b"]),
        r"X has sequences of different widths; expected one number of features, got \[1, 2\]",
    ),
    "columns": (
        lambda e: e.set_params(features_per_step=3).fit(X.reshape(120, 16), UP),
        "X has the wrong width; expected a multiple of features_per_step 3, got 16 columns",
    ),
    "features_per_step": (
        lambda e: e.set_params(features_per_step=0).fit(X.reshape(120, 16), UP),
        "features_per_step is out of range; expected an int of at least 1, got 0",
    ),
    "lengths": (lambda e: e.fit(X, UP[:5]), "X and y have different lengths; expected one .* got 120 and 5"),
    "class_weight": (
        lambda e: e.set_params(class_weight={"left": 2}).fit(X, UP),
        r"class_weight has an unknown class; expected one of \['down', 'up'\], got 'left'",
    ),
    "several": (
        lambda e: e.set_params(class_weight="balanced").fit(X, SUMS > 0),
        "class_weight is unused by several labels; expected None",
    ),
    "matrix": (
        lambda e: e.fit(X, np.arange(240).reshape(120, 2) % 5),
        r"y has the wrong form; expected \(N,\) labels or \(N, labels\) of 0 and 1, got multiclass-multioutput",
    ),
    "validation_fraction": (
        lambda e: e.set_params(validation_fraction=1).fit(X, UP),
        "validation_fraction is out of range; expected at least 0 and below 1, got 1",
    ),
    "held": (
        lambda e: e.set_params(validation_fraction=0.9).fit(X[:1], UP[:1]),
        "validation_fraction leaves no sequence; expected at least 1 for training, got 1 sequences",
    ),
    "nan": (lambda e: e.fit(np.full((4, 3, 2), np.nan), list("abab")), "Input X contains NaN"),
    "weight": (lambda e: e.fit(X, UP, sample_weight=-np.ones(120)), "sample_weight is out of range"),
    "epochs": (lambda e: e.set_params(epochs=0).fit(X, UP), "epochs is out of range"),
    "batch_size": (lambda e: e.set_params(batch_size=0).fit(X, UP), "batch_size is out of range"),
    "cell": (lambda e: e.set_params(cell="gr").fit(X, UP), "cell"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_sentences(case):
    call, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        call(RecurrentClassifier(epochs=1, random_state=0))


def test_other_errors():
    with pytest.raises(ValueError, match="loss is unknown; expected mse, mae or huber, got 'hinge'"):
        RecurrentRegressor(loss="hinge").fit(X, SUMS)
    with pytest.raises(NotFittedError):
        RecurrentRegressor().predict(X)


def test_a_failed_fit_keeps_the_former_network():
    ours = RecurrentClassifier(epochs=2, random_state=0).fit(X, UP)
    before = ours.predict_proba(X)
    with pytest.raises(ValueError, match="learning_rate"):
        ours.set_params(learning_rate=-1.0).fit(X, UP)
    np.testing.assert_array_equal(ours.predict_proba(X), before)


def test_without_scikit_learn():
    succeed(
        "import sys, recurrent\n"
        "assert 'sklearn' not in sys.modules\n"
        "sys.modules['sklearn.base'] = None\n"
        "try:\n    import recurrent.sklearn\n"
        "except ImportError as error:\n    assert 'recurrent.sklearn needs scikit-learn 1.6' in str(error)\n"
        "else:\n    raise AssertionError\n"
    )


def test_parameters_are_documented():
    """And the regressor has those of the classifier."""
    assert set(RecurrentClassifier().get_params()) ^ set(RecurrentRegressor().get_params()) == {
        "class_weight",
        "loss",
    }
    for kind in BOTH:
        assert all(re.search(rf"\b{name}\b", kind.__doc__) for name in kind().get_params())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert repr(RecurrentClassifier(epochs=3)) == "RecurrentClassifier(epochs=3)"
