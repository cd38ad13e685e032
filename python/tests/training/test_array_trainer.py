"""Runs of ``Network.fit``: both paths of a step, batches, validation, files, and resuming to the same bits."""

import copy
import json
import os
import pickle
import signal

import numpy as np
import pytest

import recurrent
from learning import CLASSES, LABELS, LENGTHS, NUMBERS, N, T, X, bits, fit, network, ragged, resume, state
from recurrent import schedules
from recurrent.training import array_step
from recurrent.training.array_trainer import ArrayTrainer
from recurrent.training.history import History


def squared(scores, targets):
    return (scores - targets).square().mean()


def general(monkeypatch):
    """Steps without the library's single call."""
    monkeypatch.setattr(array_step, "is_one_call", lambda batch, loss: False)


@pytest.mark.parametrize("dropout", [0, 0.5])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("y", [LABELS, NUMBERS], ids=["cross_entropy", "mse"])
def test_both_paths_of_a_step(y, lengths, dropout, monkeypatch):
    def trained():
        net = recurrent.LSTM(3, [5, 5], CLASSES, dtype="float64", rng=1, dropout=dropout)
        history = fit(net, y=y, epochs=3, lengths=lengths, optimizer=recurrent.Adam(0.01), clip=0.5)
        return net.flat.w.copy(), history

    one, history = trained()
    general(monkeypatch)
    other, again = trained()
    assert np.abs(one - other).max() < 1e-11 and (one != 0).any()
    for a, b in zip(history.train + history.gradient_norms, again.train + again.gradient_norms):
        assert a[0] == b[0] and abs(a[1] - b[1]) < 1e-11


def test_shuffling_is_a_pure_function_of_seed_and_epoch():
    def orders(seed, shuffle=True):
        net = network()
        fit(net, rng=seed, shuffle=shuffle, epochs=3)
        return [[net.trainer.chosen(3 * epoch + k).tolist() for k in range(3)] for epoch in range(3)]

    one = orders(1)
    assert one == orders(1) != orders(2)
    assert all(sorted(np.concatenate(epoch)) == list(range(N)) for epoch in one)
    assert len({str(epoch) for epoch in one}) == 3 and [len(batch) for batch in one[0]] == [3, 3, 1]
    assert orders(1, shuffle=False) == [[[0, 1, 2], [3, 4, 5], [6]]] * 3
    # a generator draws one seed, of 63 bits
    for seed in range(8):
        assert (
            0
            <= (fit(net := network(), rng=recurrent.Random(seed), steps=1) and net.trainer.settings.seed)
            < 2**63
        )
    fit(network(), rng=None, steps=1)
    fit(network(), rng=2**64 - 1, steps=1)
    assert orders(np.random.default_rng(4)) == orders(np.random.default_rng(4))


def test_epochs_and_steps():
    one, other = network(), network()
    assert fit(one, epochs=2).train == fit(other, steps=6).train and one.step == 6
    assert bits(one) == bits(other)
    fit(one, steps=1)
    assert one.step == 7 and one.trainer.first_step == 6
    assert one.history.train[0][0] == 7 and one.trainer.step == 7
    assert network().step == 0 and network().history is None and network().trainer is None


def test_the_optimizer():
    net = network()
    fit(net, steps=1)
    assert isinstance(net.optimizer, recurrent.Adam) and net.optimizer.learning_rate == 1e-2
    known = net.optimizer
    fit(net, steps=1, learning_rate=0.5)
    assert net.optimizer is known and net.history.learning_rates == [(2, 0.5)]
    fit(net, steps=1, optimizer=recurrent.SGD(0.1), schedule=schedules.Exponential(0.1, 0.5))
    assert isinstance(net.optimizer, recurrent.SGD) and net.history.learning_rates == [(3, 0.1)]
    fit(net, steps=2, schedule=schedules.Exponential(0.1, 0.5))
    assert net.history.learning_rates == [(4, 0.1), (5, 0.05)]


def test_validation():
    net = network()
    seen = []
    history = fit(
        net,
        epochs=3,
        validation_split=0.3,
        metrics=["accuracy"],
        callbacks=[lambda r: seen.append(r.validation)],
    )
    # 4 sequences for training, 2 steps an epoch
    assert (
        [step for step, _ in history.validation]
        == [2, 4, 6]
        == [step for step, _ in history.metrics["accuracy"]]
    )
    assert [value is None for value in seen] == [True, False] * 3
    found = net.evaluate(X[:, 4:], LABELS[:, 4:])
    assert found == {"loss": history.validation[-1][1], "accuracy": history.metrics["accuracy"][-1][1]}
    other = network()
    again = fit(
        other,
        X[:, :4],
        LABELS[:, :4],
        epochs=3,
        metrics=["accuracy"],
        validation_data=(X[:, 4:], LABELS[:, 4:]),
    )
    assert bits(other) == bits(net) and again == history
    history = fit(network(), steps=5, validation_split=0.3, evaluate_every=2)
    assert [step for step, _ in history.validation] == [2, 4, 5]
    lengths = fit(network(), steps=2, validation_data=(X, LABELS, LENGTHS))
    lists = fit(network(), steps=2, validation_data=(ragged(X), ragged(LABELS)))
    assert abs(lengths.validation[0][1] - lists.validation[0][1]) < 1e-13
    assert all(sorted(net.trainer.chosen(k)) < [4] for k in range(2))


def worse(net):
    """A run whose validation loss grows after its first epochs."""
    y = LABELS.copy()
    y[:, 4:] = (y[:, 4:] + 1) % CLASSES
    settings = {"validation_split": 0.3, "optimizer": recurrent.Adam(0.1)}
    return lambda **more: fit(net, y=y, **{**settings, **more})


def test_patience_and_restore_best():
    net = network()
    history = worse(net)(epochs=60, patience=3)
    step, best = history.best
    assert history.stop_reason == "patience" and history.validation[-1] == (
        step + 6,
        history.validation[-1][1],
    )
    weights = {}
    restored = network()
    worse(restored)(
        epochs=60, patience=3, restore_best=True,
        callbacks=[lambda r: weights.update({r.step: r.model.flat.w.tobytes()})],
    )  # fmt: skip
    assert restored.history == history and restored.flat.w.tobytes() == weights[step] != net.flat.w.tobytes()
    y = LABELS.copy()
    y[:, 4:] = (y[:, 4:] + 1) % CLASSES
    assert restored.evaluate(X[:, 4:], y[:, 4:])["loss"] == best
    for again in (restored, copy.deepcopy(restored)):
        before = state(again)
        with pytest.raises(
            RuntimeError, match=r"^the weights are those of the lowest validation loss; expected those"
        ):
            again.resume(X, y, 3, progress=False)
        assert state(again) == before
    # fit continues from them
    fit(restored, steps=1)
    assert restored.step == net.step + 1


def test_a_plateau():
    history = worse(network())(
        epochs=20, optimizer=None, schedule=schedules.Plateau(0.1, factor=0.5, patience=0)
    )
    rates = [rate for _, rate in history.learning_rates]
    assert rates[0] == 0.1 and min(rates) < 0.05


def test_callbacks():
    net, seen = network(), []
    history = fit(net, epochs=4, callbacks=[lambda r: seen.append(r), lambda r: r.step == 5])
    assert history.stop_reason == "callback" and [r.step for r in seen] == [1, 2, 3, 4, 5]
    assert seen[2].epoch == 1 and seen[0].model is net and seen[0].history is history
    resume(net)
    whole = network()
    fit(whole, epochs=4)
    assert bits(net)[0] == bits(whole)[0]

    def fail(report):
        raise ZeroDivisionError("a callback's own")

    with pytest.raises(ZeroDivisionError, match="own"):
        fit(net, epochs=1, callbacks=[fail])


def test_files(tmp_path):
    path, net = tmp_path / "n.safetensors", network()
    y = LABELS.copy()
    history = fit(
        net,
        y=y,
        epochs=4,
        checkpoint=path,
        validation_split=0.3,
        checkpoint_every=1,
        optimizer=recurrent.Adam(0.1),
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["n.best.safetensors", "n.safetensors"]
    loaded, best = recurrent.load(path), recurrent.load(tmp_path / "n.best.safetensors")
    assert bits(loaded) == bits(net) and loaded.history == history
    assert best.step == history.best[0]
    assert abs(best.evaluate(X[:, 4:], y[:, 4:])["loss"] - history.best[1]) == 0
    with pytest.raises(FileExistsError):
        fit(network(), epochs=1, checkpoint=path)
    fit(network(), epochs=1, checkpoint=path, overwrite=True)
    # settings of the run, without the run
    net.save(tmp_path / "w", weights_only=True)
    assert recurrent.load(tmp_path / "w").trainer is None


# ---- resuming


MODES = {
    "one call": ({}, LABELS, {}),
    "dropout": (
        {"hidden_sizes": [5, 5], "dropout": 0.4},
        LABELS,
        {"validation_split": 0.3, "metrics": ["accuracy"]},
    ),
    "function": ({}, NUMBERS, {"loss": squared}),
    "weights": ({}, LABELS[0], {"class_weight": "balanced", "sample_weight": np.arange(1.0, N + 1)}),
    "best": ({}, LABELS, {"validation_split": 0.3, "restore_best": True, "evaluate_every": 3}),
}
STEPS = 12


def made(mode):
    settings, y, more = MODES[mode]
    net = recurrent.LSTM(
        3,
        settings.get("hidden_sizes", [5]),
        CLASSES,
        dtype="float64",
        rng=1,
        dropout=settings.get("dropout", 0),
    )
    return net, y, more


def again_of(mode, from_file):
    more = MODES[mode][2]
    names = ("class_weight", "sample_weight", *(("loss",) if from_file else ()))
    return {name: more[name] for name in names if name in more}


@pytest.fixture(scope="module")
def wholes():
    found = {}
    for mode in MODES:
        net, y, more = made(mode)
        fit(net, y=y, steps=STEPS, **more)
        found[mode] = bits(net)
    return found


def interrupt(kind):
    if kind == "signal":
        os.kill(os.getpid(), signal.SIGINT)
    else:
        raise KeyboardInterrupt


# a signal within the step of a network is at any place of it
@pytest.mark.skipif(os.name == "nt", reason="Windows delivers no SIGINT to its own process")
@pytest.mark.parametrize("mode", MODES)
def test_interrupts_at_random_places(mode, wholes, tmp_path):
    """Ten of each kind of run, in callbacks, in the loss and before calls of the library."""
    random = np.random.default_rng(len(mode))
    for attempt in range(10):
        path, kind = tmp_path / f"{attempt}.safetensors", random.choice(["raised", "signal"])
        net, y, more = made(mode)
        at, place, calls = int(random.integers(1, STEPS)), int(random.integers(0, 3)), [0]

        def stop(*_, at=at, calls=calls, kind=kind):
            calls[0] += 1
            if calls[0] == at:
                interrupt(kind)

        if place == 1 and "loss" in more:
            # in the middle of a step: a signal, as an exception of the function is the function's own
            def loss(scores, targets, at=at, calls=calls):
                calls[0] += 1
                if calls[0] == at:
                    interrupt("signal")
                return squared(scores, targets)

            more, callbacks = {**more, "loss": loss}, []
        elif place == 2:
            original = net._run

            def run(*arguments, original=original, stop=stop, **settings):
                stop()
                return original(*arguments, **settings)

            net._run, callbacks = run, [stop]
        else:
            callbacks = [stop]
        fit(net, y=y, steps=STEPS, checkpoint=path, callbacks=callbacks, **more)
        vars(net).pop("_run", None)
        assert net.history.stop_reason == "interrupted" and net.step < STEPS
        loaded = recurrent.load(path)
        assert bits(loaded) == bits(net)
        for one, from_file in ((net, False), (loaded, True)):
            if mode == "best" and from_file:
                # its best weights are in the file beside it, which the resumed run in memory replaces
                continue
            resume(
                one,
                X,
                y,
                **again_of(mode, from_file),
                **({"checkpoint": tmp_path / f"{attempt}.other", "overwrite": True} if from_file else {}),
            )
            assert bits(one) == wholes[mode], (attempt, kind, place, at, from_file)


def test_restore_best_from_a_file(wholes, tmp_path):
    net, y, more = made("best")
    path = tmp_path / "n.safetensors"
    fit(
        net,
        y=y,
        steps=STEPS,
        checkpoint=path,
        callbacks=[lambda r: r.step == 7 and interrupt("raised")],
        **more,
    )
    assert net.history.stop_reason == "interrupted" and not net.trainer.is_restored
    best = tmp_path / "n.best.safetensors"
    content = best.read_bytes()
    other = recurrent.LSTM(3, [5], CLASSES, dtype="float64", rng=5)
    other.save(best, overwrite=True)
    loaded = recurrent.load(path)
    before = state(loaded)
    with pytest.raises(
        ValueError, match=r"^the best model is another; expected that of step \d of this run, got that"
    ):
        resume(loaded, overwrite=True)
    with pytest.raises(FileExistsError, match="best model exists and was not written by this run"):
        resume(loaded)
    best.unlink()
    with pytest.raises(
        ValueError, match=r"^the best model is missing; expected the checkpoint's file .*, got no file"
    ):
        resume(loaded)
    with pytest.raises(ValueError, match=r"^the best model is missing; .*, got a run without a checkpoint$"):
        resume(pickle.loads(pickle.dumps(net)))
    assert state(loaded) == before
    best.write_bytes(content)
    resume(loaded)
    assert bits(loaded) == wholes["best"]


def test_copies_resume_to_the_same_bits(wholes):
    net, y, more = made("dropout")
    fit(net, y=y, steps=STEPS, callbacks=[lambda report: report.step == 5], **more)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net):
        resume(twin, X, y, STEPS - 5)
        assert bits(twin)[0] == wholes["dropout"][0]


def test_other_data_are_refused(tmp_path):
    net = network()
    settings = {"sample_weight": np.ones(N), "validation_data": (X, LABELS)}
    fit(net, steps=4, callbacks=[lambda r: r.step == 2], **settings)
    net.save(tmp_path / "n")
    moved, noisy = LABELS.copy(), X.copy()
    moved[0, 0] = (moved[0, 0] + 1) % CLASSES
    noisy[0, 0, 0] += 1e-9
    digest = r"{} from those of the run; expected the same arrays, of the SHA-256 \w{{12}}…, got \w{{12}}…$"
    data = digest.format("x, y, lengths, sample_weight or class_weight differ")
    for one in (net, recurrent.load(tmp_path / "n")):
        before = state(one)
        for x, y, changed, words in (
            (X, moved, {}, data),
            (noisy, LABELS, {}, data),
            (X, LABELS, {"sample_weight": np.arange(1.0, N + 1)}, data),
            (X, LABELS, {"sample_weight": None}, data),
            (X, LABELS, {"lengths": np.full(N, T)}, data),
            (X, LABELS, {"validation_data": (X, moved)}, digest.format("validation_data differs")),
            (
                X,
                LABELS,
                {"validation_data": None},
                "validation_data is missing; expected that of the run, got None",
            ),
            (
                X,
                LABELS,
                {"loss": "cross_entropy"},
                "loss is unexpected; expected None, as the run has its own",
            ),
            (X, LABELS, {"loss": squared}, "loss is unexpected; expected None, as the run has its own"),
            (
                X,
                LABELS,
                {"metrics": ["accuracy"]},
                "metrics differ from those of the run; expected none, got accuracy",
            ),
            (X, LABELS, {"steps": 0}, "steps is out of range; expected at least 1, got 0"),
        ):
            with pytest.raises(ValueError, match=f"^{words}"):
                resume(one, x, y, **{**settings, **changed})
            assert state(one) == before and one.history.stop_reason == "callback"
        resume(one, **settings)
    assert bits(net)[0] == bits(one)[0]
    with pytest.raises(
        ValueError, match=r"^steps is missing; expected the number of further steps, as all 4 are done"
    ):
        resume(net, **settings)
    with pytest.raises(RuntimeError, match=r"^the network has no training run; expected fit first"):
        resume(network())
    plain = network()
    fit(plain, steps=2)
    with pytest.raises(
        ValueError, match=r"^validation_data is unexpected; expected None, as the run has none, got data"
    ):
        resume(plain, steps=1, validation_data=(X, LABELS))


def test_functions_again(tmp_path):
    """A run of this process has its functions; that of a file needs them."""

    def middle(predictions, targets):
        return float(np.abs(predictions - targets).mean())

    net, settings = network(), {"y": NUMBERS, "validation_split": 0.3}
    fit(net, steps=3, loss=squared, metrics=["r2", middle], **settings)
    net.save(tmp_path / "n")
    loaded = recurrent.load(tmp_path / "n")
    resume(net, X, NUMBERS, 2)
    before = state(loaded)
    with pytest.raises(
        ValueError, match=r"^loss is missing; expected the function of the run again, as a file has none$"
    ):
        resume(loaded, X, NUMBERS, 2)
    with pytest.raises(
        ValueError, match=r"^metrics differ from those of the run; expected r2, middle, got r2"
    ):
        resume(loaded, X, NUMBERS, 2, loss=squared)
    assert state(loaded) == before
    resume(loaded, X, NUMBERS, 2, loss=squared, metrics=["r2", middle])
    assert bits(loaded) == bits(net) and set(net.history.metrics) == {"r2", "middle"}
    # before it is resumed
    loaded = recurrent.load(tmp_path / "n")
    assert set(loaded.evaluate(X, NUMBERS, loss="mse", metrics=["mae"])) == {"loss", "mae"}
    with pytest.raises(ValueError, match=r"^loss is missing; expected the function of the run again"):
        loaded.evaluate(X, NUMBERS)
    assert loaded.predict(X).shape == (T, N, CLASSES)


def test_a_loaded_run_evaluates(tmp_path):
    net = network()
    fit(net, steps=3, metrics=["accuracy", "perplexity"])
    net.save(tmp_path / "n")
    loaded = recurrent.load(tmp_path / "n")
    assert loaded.evaluate(X, LABELS) == net.evaluate(X, LABELS)
    assert list(loaded.evaluate(X, LABELS)) == ["loss", "accuracy", "perplexity"]


@pytest.mark.parametrize("kind", ["one call", "function", "validation"])
def test_divergence_is_named(kind):
    net = recurrent.RNN(3, [5], CLASSES, nonlinearity="relu", dtype="float32", rng=1)
    huge = {"optimizer": recurrent.SGD(1e30), "clip": None, "steps": 50, "batch_size": 7}
    if kind == "validation":
        huge = {"steps": 1, "validation_data": (X, np.full((T, N, CLASSES), 3e38, np.float32))}
    before = net.optimizer
    with pytest.raises(
        FloatingPointError, match=r"^training diverged in step \d+: .*lower learning rate"
    ) as error:
        fit(net, y=NUMBERS, **({"loss": squared} if kind == "function" else {}), **huge)
    assert before is None and np.isfinite(net.flat.w).all(), error.value
    assert net.history.stop_reason is None


# ---- records


def test_metrics_survive_a_save(tmp_path):
    """A measure that is not finite is left out, as a file holds finite numbers."""
    net, y = network(), np.ones((T, N, CLASSES))

    def nothing(predictions, targets):
        return float("nan")

    history = fit(net, y=y, epochs=2, validation_split=0.3, metrics=["r2", "mae", nothing])
    assert list(history.metrics) == ["mae"]
    net.save(tmp_path / "n")
    loaded = recurrent.load(tmp_path / "n")
    assert loaded.history == history and loaded.history.metrics == history.metrics
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history


def test_runs_of_earlier_versions():
    """They have no metrics, no restore_best, and no word of restored weights."""
    net = network()
    fit(net, steps=3, validation_split=0.3)
    data = json.loads(json.dumps(net.trainer.to_dict()))
    del data["history"]["metrics"], data["settings"]["restore_best"]
    again = ArrayTrainer.from_dict(data, None)
    assert again.history == net.history and not again.settings.restore_best and not again.is_restored
    assert again.to_dict() == net.trainer.to_dict()


@pytest.mark.parametrize(
    "path, value",
    [
        (("settings", "loss"), {"name": "no such loss"}),
        (("settings", "loss"), 3),
        (("settings", "loss"), {"name": "huber", "delta": -1}),
        (("settings", "loss"), {"name": "mse", "delta": 1}),
        (("settings", "metrics"), 3),
        (("settings", "seed"), -1),
        (("settings", "seed"), "a"),
        (("settings", "shuffle"), 1),
        (("settings", "per_sequence"), None),
        (("settings", "extra"), 1),
        (("history", "metrics"), [1]),
        (("history", "metrics"), {"mae": [[1, "a"]]}),
        (("history", "metrics"), {"mae": [[2, 1.0], [1, 1.0]]}),
        (("restored",), 1),
        (("texts",), {"text": None}),
        (("texts", "data"), {"sha256": "x", "path": None}),
    ],
)
def test_damaged_runs(path, value, tmp_path):
    net = network()
    fit(net, steps=3)
    data = json.loads(json.dumps(net.trainer.to_dict()))
    part = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(
        ValueError, match=r"^the training run in the file is invalid; expected what fit writes, got this: "
    ):
        ArrayTrainer.from_dict(data, None)
    with pytest.raises(ValueError, match=r"^the training run in the file is"):
        ArrayTrainer.from_json("{", None)


def test_a_text_model_restores_the_best(tmp_path):
    """The weights of the lowest loss, in memory and in the checkpoint; the same run without it has others."""
    found = {}
    for restore in (False, True):
        tm, weights = recurrent.TextModel("gru", [6], rng=1), {}
        history = tm.fit(
            "abcabcabd" * 30 + "dcba" * 20, 30, batch_size=2, seq_length=5, evaluate_every=3, progress=False,
            validation_split=0.2, restore_best=restore, learning_rate=0.05,
            checkpoint=tmp_path / f"{restore}.safetensors",
            callbacks=[lambda r, weights=weights: weights.update({r.step: r.model.flat.w.tobytes()})],
        )  # fmt: skip
        found[restore] = tm.flat.w.tobytes()
        assert (
            recurrent.TextModel.load(tmp_path / f"{restore}.safetensors").flat.w.tobytes() == found[restore]
        )
    assert history.best[0] < 30 and found[True] == weights[history.best[0]] and found[False] == weights[30]
    with pytest.raises(RuntimeError, match=r"^the weights are those of the lowest validation loss"):
        tm.resume("abcabcabd" * 30 + "dcba" * 20, 3, progress=False)
