"""Truncated backpropagation through time of ``Network.fit``: parts of sequences, and the state between them."""

import copy
import json

import numpy as np
import pytest

import golden
import recurrent
from learning import CLASSES, SIZE, bits, state
from recurrent.training import array_step
from recurrent.training.array_trainer import ArrayTrainer
from recurrent.training.carried_state import state_of_dict, state_to_dict
from recurrent.training.windows import Window, Windows
from support import succeed

N, T = 7, 13
LENGTHS = np.array([13, 3, 8, 1, 9, 13, 5])
RATE, CLIP = 0.05, 1.0
_numbers = np.random.default_rng(5)
X = _numbers.standard_normal((T, N, SIZE))
LABELS = _numbers.integers(0, CLASSES, (T, N))
NUMBERS = _numbers.standard_normal((T, N, CLASSES))
# the parts of 4 steps: sequences with a target in none of them, in the first, in the last, in some
HOLES = np.full((T, N), -1)
HOLES[0, 1], HOLES[12, 2], HOLES[[5, 12], 3], HOLES[2, 4] = 1, 2, 3, 0
OWN = recurrent.Cell.of(
    lambda x, h, s, p: ((p.W @ x + p.U @ h + s).tanh(), 0.5 * s + p.V @ h),
    lambda inputs, H: {"W": (H, inputs), "U": (H, H), "V": (H, H)},
    name="own",
    states=("h", "s"),
)
CELLS = {
    "lstm": ("lstm", {}),
    "gru": ("gru", {"learned_initial_state": True, "residual": True}),
    "dropout": ("lstm", {"dropout": 0.4}),
    "zoneout": (recurrent.LSTMCell(zoneout=0.3), {"dropout": 0.2}),
    "projection": (recurrent.LSTMCell(projection=2), {}),
    "variational": ("gru", {"dropout": 0.3, "variational": True}),
    "own": (OWN, {}),
}


def network(cell="lstm", outputs=CLASSES, **settings):
    return recurrent.Network(cell, SIZE, [5, 5], outputs, **{"dtype": "float64", "rng": 1, **settings})


def fit(net, x=X, y=LABELS, **settings):
    given = {"batch_size": 3, "optimizer": recurrent.Adam(RATE), "clip": CLIP, "rng": 4, "progress": False}
    if "steps" not in settings:
        settings.setdefault("epochs", 3)
    return net.fit(x, y, **{**given, **settings})


def batches(epochs, count=N, size=3):
    """The sequences of each batch, written out."""
    for epoch in range(epochs):
        order = np.random.Generator(np.random.Philox(key=[4, epoch])).permutation(count)
        yield from (order[b : b + size] for b in range(0, count, size))


def losses(history):
    return [loss for _, loss in history.train]


# ---- the steps


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
@pytest.mark.parametrize("y", [LABELS, NUMBERS], ids=["cross_entropy", "mse"])
@pytest.mark.parametrize("name", CELLS)
def test_a_loop_of_train_steps(name, y, lengths):
    """To the bit: the state is carried from part to part, and a batch begins without one."""
    if lengths is not None and y is NUMBERS:
        y = np.where(np.arange(T)[:, None, None] < lengths[:, None], y, np.nan)
    cell, settings = CELLS[name]
    net, other, own = network(cell, **settings), network(cell, **settings), recurrent.Adam(RATE)
    history = fit(net, y=y, seq_length=4, lengths=lengths)
    found = []
    for chosen in batches(3):
        before = None
        longest = T if lengths is None else lengths[chosen].max()
        for t in range(0, longest, 4):
            left = None if lengths is None else np.clip(lengths[chosen] - t, 0, len(X[t : t + 4]))
            x, aims = X[t : t + 4, chosen], y[t : t + 4, chosen]
            if lengths is not None and y.ndim == 3:
                done = weighted(other, x, aims, own, before, left)
            else:
                done = other.train_step(x, aims, own, RATE, CLIP, before, left)
            before = done.state
            found.append(done.loss)
    assert losses(history) == found and len(found) == net.step
    assert (
        net.flat.w.tobytes() == other.flat.w.tobytes()
        and (net.flat.w != network(cell, **settings).flat.w).any()
    )


def weighted(net, x, y, own, before, lengths):
    """A step of the mean squared error over the numbers that are not NaN."""
    out, after = net.forward(x, before, lengths, training=True)
    graph = recurrent.Graph()
    where = ~np.isnan(y).any(2)
    aims = y[where]
    scores = recurrent.Mat.from_array(out[where].T, "float64")
    weights = recurrent.Mat.from_array(np.full(aims.shape, 1 / aims.size).T, "float64")
    with graph:
        loss = graph.dot((scores - recurrent.Mat.from_array(aims.T, "float64")).square(), weights)
    value = float(loss.w[0, 0])
    loss.backward()
    dy = np.zeros_like(out)
    dy[where] = scores.dw.T
    net.flat.zero_gradient()
    net.backward(dy)
    return own.step(net.parameters, RATE, clip=CLIP)._replace(loss=value, state=after)


def windows(net, x, y, lengths, k1, k2, own):
    """BPTT(k2; k1) of one batch, written out: the state is that before the next window; returns the losses."""
    y = y if lengths is None else np.where(np.arange(len(y))[:, None] < lengths, y, -1)
    starts = [t for t in range(0, len(x), k1) if (y[t : t + k1] >= 0).any()]
    firsts = [max(0, t - (k2 - k1)) for t in starts]
    found, at, before = [], 0, None

    def advanced(before, at, to):
        left = None if lengths is None else np.clip(lengths - at, 0, to - at)
        return net.forward(x[at:to], before, left)[1] if to > at else before

    for k, (t, first) in enumerate(zip(starts, firsts)):
        end = min(t + k1, len(x))
        before = advanced(before, at, first)
        at = min(firsts[k + 1], end) if k + 1 < len(starts) else first
        after = advanced(before, first, at)
        left = None if lengths is None else np.clip(lengths - first, 0, end - first)
        out, _ = net.forward(x[first:end], before, left)
        before = after
        p = np.exp(out - out.max(2, keepdims=True))
        p /= p.sum(2, keepdims=True)
        s, b = np.nonzero((y[first:end] >= 0) & (np.arange(first, end)[:, None] >= t))
        aims = y[first:end][s, b]
        found.append(-np.log(p[s, b, aims]).mean())
        dy = np.zeros_like(p)
        dy[s, b] = p[s, b]
        dy[s, b, aims] -= 1
        net.flat.zero_gradient()
        net.backward(dy / len(s))
        own.step(net.parameters, RATE, clip=CLIP)
    return found


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
@pytest.mark.parametrize("name", ["lstm", "gru", "projection", "own"])
@pytest.mark.parametrize("k1, k2", [(4, 4), (4, 6), (4, 8), (4, 11), (1, 3), (3, 200), (13, 20)])
def test_longer_gradients(name, lengths, k1, k2):
    cell, settings = CELLS[name]
    net, other, own = network(cell, **settings), network(cell, **settings), recurrent.Adam(RATE)
    history = fit(net, seq_length=k1, bptt_length=k2, lengths=lengths)
    found = []
    for chosen in batches(3):
        part = None if lengths is None else lengths[chosen]
        longest = T if lengths is None else part.max()
        found += windows(other, X[:longest, chosen], LABELS[:longest, chosen], part, k1, k2, own)
    np.testing.assert_allclose(losses(history), found, rtol=1e-9)
    np.testing.assert_allclose(net.flat.w, other.flat.w, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("k", [1, 5, 8])
@pytest.mark.parametrize("name", CELLS)
def test_the_state_within_a_pass(name, k):
    """That of a pass of fewer steps; of masks, which a shorter pass does not draw alike, of all steps."""
    cell, settings = CELLS[name]
    net, lengths = network(cell, **settings), np.array([8, 3, 1, 0])
    draws = name in ("dropout", "zoneout", "variational")
    for given in (None, net.forward(X[:2, :4])[1]):
        for left in (None, lengths):
            begin = net._random.state
            y, found = net._run(X[:8, :4], given, left, training=True, state_after=k)
            net._random.state = begin
            short, few = (8, left) if draws else (k, None if left is None else np.minimum(left, k))
            y_, expected = net._run(X[:short, :4], given, few, training=True)
            assert found.names == expected.names and y[:k].shape == y_[:k].shape
            np.testing.assert_allclose(
                y[:k],
                y_[:k] * (1 if left is None else np.arange(k)[:, None, None] < left[:, None]),
                rtol=1e-12,
            )
            if draws and k < 8:
                # with the masks, and not those of inference
                assert (
                    found.flat
                    != net._run(X[:k, :4], given, few if few is None else np.minimum(few, k))[1].flat
                ).any()
            else:
                np.testing.assert_allclose(found.flat, expected.flat, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("k1, k2", [(T, None), (T, T), (40, 60)])
@pytest.mark.parametrize("form", ["array", "lengths", "list", "weights", "mae"])
def test_one_part_is_a_whole_sequence(form, k1, k2, dropout):
    """To the bit."""
    data, settings = (X, LABELS), {}
    if form == "lengths":
        settings["lengths"] = LENGTHS
    if form == "list":
        data = [[array[:n, b] for b, n in enumerate(LENGTHS)] for array in data]
    if form == "weights":
        settings = {"sample_weight": np.arange(1, N + 1), "class_weight": "balanced"}
    if form == "mae":
        data, settings["loss"] = (X, NUMBERS), "mae"
    one, other = network(dropout=dropout), network(dropout=dropout)
    history = fit(one, *data, **settings)
    assert history == fit(other, *data, seq_length=k1, bptt_length=k2, **settings)
    assert one.flat.w.tobytes() == other.flat.w.tobytes() and one._random.state == other._random.state


def test_bptt_length_is_seq_length_where_absent():
    one, other = network(dropout=0.3), network(dropout=0.3)
    fit(one, seq_length=4)
    fit(other, seq_length=4, bptt_length=4)
    assert bits(one) == bits(other)
    fit(longer := network(dropout=0.3), seq_length=4, bptt_length=5)
    assert bits(longer) != bits(one)


@pytest.mark.parametrize("k1, k2", [(3, 3), (2, 4), (1, 3), (6, 6)])
def test_published_figures(k1, k2, monkeypatch):
    """The sums of gradients over windows, of weights that stay."""
    figures = golden.figures("lstm_tbptt")
    x, dy = np.array(figures["inputs"]["x"]), np.array(figures["upstream"]["y"])
    sums = {}
    backward = recurrent.LSTM._backward

    def adding(net, *arguments):
        found = backward(net, *arguments)
        for name, mat in net.parameters.items():
            sums[name] = sums.get(name, 0) + mat.dw.copy()
        return found

    monkeypatch.setattr(recurrent.LSTM, "_backward", adding)
    for b in range(x.shape[1]):
        net = recurrent.LSTM(x.shape[2], [6], dtype="float64", rng=1, learned_initial_state=True)
        for name, values in figures["parameters"].items():
            net.parameters[name].w = np.array(values).reshape(net.parameters[name].shape)
        net.parameters["hs0"].w = np.array(figures["inputs"]["h0"])[b][:, None]
        net.parameters["cs0"].w = np.array(figures["inputs"]["c0"])[b][:, None]
        net.fit(
            x[:, [b]], dy[:, [b]], 1, loss=lambda y, aims: (y * aims).sum(), optimizer=recurrent.SGD(0.0),
            clip=None, seq_length=k1, bptt_length=k2, progress=False,
        )  # fmt: skip
        assert net.step == len(x) // k1
    known = [name for name in figures[f"gradients_k1_{k1}_k2_{k2}"] if name in figures["parameters"]]
    assert len(known) == 12
    for name in known:
        expected = np.reshape(figures[f"gradients_k1_{k1}_k2_{k2}"][name], sums[name].shape)
        np.testing.assert_allclose(sums[name], expected, rtol=1e-11, atol=1e-13)


# ---- parts without targets, ragged sequences


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_parts_without_a_target_advance_the_state(dropout):
    net, other, own = network(dropout=dropout), network(dropout=dropout), recurrent.Adam(RATE)
    history = fit(net, y=HOLES, seq_length=4, shuffle=False, epochs=2)
    found = []
    for chosen in ([0, 1, 2], [3, 4, 5], [6]) * 2:
        before = None
        targeted = [t for t in range(0, T, 4) if (HOLES[t : t + 4, chosen] >= 0).any()]
        for t in range(0, T, 4):
            x, y = X[t : t + 4, chosen], HOLES[t : t + 4, chosen]
            if t in targeted:
                done = other.train_step(x, y, own, RATE, CLIP, before)
                before = done.state
                found.append(done.loss)
            elif targeted and t < targeted[-1]:
                _, before = other.forward(x, before, training=True)
    # parts 0 and 3 of the first batch, 0, 1 and 3 of the second one
    assert losses(history) == found and net.step == len(found) == 2 * (2 + 3)
    assert net.flat.w.tobytes() == other.flat.w.tobytes()
    assert net._random.state == other._random.state


@pytest.mark.parametrize("k1, k2", [(4, 4), (4, 5), (4, 9), (4, 30), (2, 3), (1, 6)])
def test_longer_gradients_over_parts_without_a_target(k1, k2):
    net, other, own = network(), network(), recurrent.Adam(RATE)
    history = fit(net, y=HOLES, seq_length=k1, bptt_length=k2)
    found = []
    for chosen in batches(3):
        found += windows(other, X[:, chosen], HOLES[:, chosen], None, k1, k2, own)
    np.testing.assert_allclose(losses(history), found, rtol=1e-9)
    np.testing.assert_allclose(net.flat.w, other.flat.w, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("k2", [4, 9])
@pytest.mark.parametrize("y", [LABELS, NUMBERS], ids=["cross_entropy", "mse"])
def test_lists_are_arrays_with_lengths(y, k2):
    nets = [network() for _ in range(3)]
    settings = {"seq_length": 4, "bptt_length": k2, "sample_weight": np.linspace(0.5, 2, N)}
    lists = [[array[:n, b] for b, n in enumerate(LENGTHS)] for array in (X, y)]
    filled = [array.copy() for array in (X, y.astype(float) if y is NUMBERS else y)]
    for array in filled[: 2 if y is NUMBERS else 1]:
        array[np.arange(T)[:, None] >= LENGTHS] = np.nan
    found = [
        fit(nets[0], X, y, lengths=LENGTHS, **settings),
        fit(nets[1], *filled, lengths=LENGTHS, **settings),
        fit(nets[2], *lists, **settings),
    ]
    assert found[0] == found[1]
    np.testing.assert_allclose(losses(found[0]), losses(found[2]), rtol=1e-9)
    np.testing.assert_allclose(nets[0].flat.w, nets[2].flat.w, rtol=1e-8, atol=1e-10)


def test_weights_of_zero_are_no_targets():
    weights = (HOLES >= 0).astype(float)
    one, other = network(), network()
    first = fit(one, y=HOLES, seq_length=4, bptt_length=6)
    second = fit(other, y=np.maximum(HOLES, 0), sample_weight=weights, seq_length=4, bptt_length=6)
    assert [step for step, _ in first.train] == [step for step, _ in second.train]
    np.testing.assert_allclose(losses(first), losses(second), rtol=1e-12)
    np.testing.assert_allclose(one.flat.w, other.flat.w, rtol=1e-10, atol=1e-12)


def test_batch_first_and_tokens():
    one, other = network(), network(batch_first=True)
    fit(one, seq_length=4, bptt_length=6)
    fit(other, X.swapaxes(0, 1), LABELS.swapaxes(0, 1), seq_length=4, bptt_length=6)
    assert one.flat.w.tobytes() == other.flat.w.tobytes()
    tokens = LABELS % SIZE
    numbers, coded = network(), network()
    fit(numbers, np.eye(SIZE)[tokens], seq_length=4)
    fit(coded, tokens, seq_length=4)
    np.testing.assert_allclose(numbers.flat.w, coded.flat.w, rtol=1e-9, atol=1e-12)


# ---- the number of steps


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("y, lengths", [(LABELS, None), (LABELS, LENGTHS), (HOLES, None), (HOLES, LENGTHS)])
def test_steps_are_known_before_the_first(y, lengths, shuffle):
    seen, epochs = [], 5
    aims = y if lengths is None else np.where(np.arange(T)[:, None] < lengths, y, -1)
    orders = batches(epochs) if shuffle else [[0, 1, 2], [3, 4, 5], [6]] * epochs
    steps = [sum((aims[t : t + 4, chosen] >= 0).any() for t in range(0, T, 4)) for chosen in orders]
    net = network()
    history = fit(
        net, y=y, lengths=lengths, seq_length=4, shuffle=shuffle, epochs=epochs,
        callbacks=[lambda r: seen.append((r.step, r.epoch))],
    )  # fmt: skip
    assert net.step == net.trainer.target_step == sum(steps) == len(history.train)
    assert net.trainer.epoch_steps == sum(steps[:3])
    # a report is that of the epochs in parts
    ends = np.cumsum([sum(steps[k : k + 3]) for k in range(0, len(steps), 3)])
    passes = dict(seen)
    assert [passes[end] for end in ends] == [1, 2, 3, 4, 5]
    assert [step for step, _ in seen] == list(range(1, len(seen) + 1)) and sorted(passes.values()) == list(
        passes.values()
    )


def test_the_schedule_and_the_validation_know_the_steps():
    net = network()
    history = fit(net, optimizer=None, seq_length=4, epochs=4, validation_split=0.3)
    # of 4 sequences two batches of 4 parts
    assert net.step == 32 and [step for step, _ in history.validation] == [8, 16, 24, 32]
    rates = [rate for _, rate in history.learning_rates]
    assert rates[0] == 1e-2 and len(set(rates)) == 32 and abs(rates[-1] - 5e-4) < 5e-4
    # validation reads whole sequences
    assert net.evaluate(X[:, 4:], LABELS[:, 4:])["loss"] == history.validation[-1][1]
    assert net.trainer._size(net) == (12, "time steps")


def test_many_epochs():
    """Where their orders decide the steps they are counted, and others may be any number."""
    stop = {"callbacks": [lambda report: True], "seq_length": 4}
    for settings in ({}, {"lengths": LENGTHS, "shuffle": False}, {"lengths": LENGTHS, "batch_size": 7}):
        fit(net := network(), epochs=10**9, **stop, **settings)
        assert net.step == 1 and net.trainer.target_step == 10**9 * net.trainer.epoch_steps
    net = network()
    before = state(net)
    with pytest.raises(
        ValueError, match=r"epochs is out of range; expected at most 100,000, .*, got 100,001; steps"
    ):
        fit(net, epochs=100_001, lengths=LENGTHS, **stop)
    assert state(net) == before
    fit(net, epochs=20_000, lengths=LENGTHS, **stop)
    fit(net, steps=10**12, lengths=LENGTHS, **stop)


def test_windows():
    assert Windows(4, None).of([0, 4, 8], 0) == Window(0, 0, 0, 4, 4)
    assert Windows(4, 4).of([0, 4, 8], 2) == Window(8, 8, 8, 12, 0)
    assert [Windows(4, 10).of([0, 4, 8, 12], k) for k in range(4)] == [
        Window(0, 0, 0, 4, 0), Window(0, 0, 4, 8, 2), Window(2, 2, 8, 12, 6), Window(6, 6, 12, 16, 0),
    ]  # fmt: skip
    # a gap: the state is that after the part, and advances to the next window
    assert [Windows(4, 6).of([4, 24, 28], k) for k in range(3)] == [
        Window(0, 2, 4, 8, 8), Window(8, 22, 24, 28, 26), Window(26, 26, 28, 32, 0),
    ]  # fmt: skip


# ---- files


RUNS = {
    "parts": {"seq_length": 3},
    "windows": {"seq_length": 3, "bptt_length": 7},
    "ragged": {"seq_length": 2, "bptt_length": 3, "lengths": LENGTHS},
    "holes": {"seq_length": 4, "y": HOLES, "bptt_length": 5},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RUNS)
def test_resume_to_the_same_bits(name, dtype, tmp_path):
    """At 20 random places, from a file, a copy and the object; most are in the middle of sequences."""
    settings = dict(RUNS[name])
    y, steps = settings.pop("y", LABELS), 60
    data = {"lengths": settings.get("lengths")}
    whole = network(dropout=0.3, dtype=dtype)
    fit(whole, y=y, steps=steps, **settings)
    carried = 0
    places = np.random.default_rng(len(name)).choice(np.arange(1, steps), 20, replace=False)
    for k, place in enumerate(places.tolist()):
        part = network(dropout=0.3, dtype=dtype)
        fit(part, y=y, steps=steps, callbacks=[lambda r, at=place: r.step == at], **settings)
        carried += "state" in part.trainer.to_dict()
        if k % 3 == 0:
            part.save(tmp_path / f"{place}")
            part = recurrent.load(tmp_path / f"{place}")
        elif k % 3 == 1:
            part = copy.deepcopy(part)
        part.resume(X, y, steps - place, progress=False, **data)
        assert part.flat.w.tobytes() == whole.flat.w.tobytes()
        assert losses(part.history) == losses(whole.history)
        # further steps go on within the same sequences
    whole.resume(X, y, 5, progress=False, **data)
    part.resume(X, y, 5, progress=False, **data)
    assert part.flat.w.tobytes() == whole.flat.w.tobytes()
    assert carried >= 5


def test_checkpoints_of_a_run(tmp_path):
    whole, part = network(), network()
    fit(whole, seq_length=4, steps=30)
    with pytest.raises(KeyError):
        fit(
            part, seq_length=4, steps=30, checkpoint=tmp_path / "net", checkpoint_every=7,
            callbacks=[lambda r: {}["stop"] if r.step == 9 else None],
        )  # fmt: skip
    loaded = recurrent.load(tmp_path / "net")
    assert loaded.step == 9
    loaded.resume(X, LABELS, progress=False)
    assert loaded.flat.w.tobytes() == whole.flat.w.tobytes()


def test_states_in_files():
    net = network()
    fit(net, seq_length=4, steps=2)
    saved = json.loads(json.dumps(net.trainer.to_dict()))
    again = ArrayTrainer.from_dict(saved, None)
    assert json.loads(json.dumps(again.to_dict())) == saved
    assert again._state.flat.tobytes() == net.trainer._state.flat.tobytes()
    good = saved["state"]
    for bad in (
        None, 3, [], {}, {**good, "more": 1}, {**good, "dtype": "int8"}, {**good, "dtype": None}, {**good, "values": 1},
        {**good, "values": "*"}, {**good, "values": good["values"][4:]}, {**good, "values": ""},
        {**good, "widths": {}}, {**good, "widths": 3}, {**good, "widths": {"h": [0]}}, {**good, "widths": {"h": None}},
        {**good, "widths": {"h": [2**70]}},
        {**good, "values": state_to_dict(recurrent.State(np.full(60, np.nan), {"h": [5]}))["values"]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="the training run in the file is invalid"):
            ArrayTrainer.from_dict({**saved, "state": bad}, None)
    # one of other layers, of another dtype, of other sequences, or none
    others = [
        recurrent.State(np.zeros(60), {"h": [5, 5], "d": [5, 5]}),
        recurrent.State(np.zeros(60), {"h": [20]}),
        recurrent.State(np.zeros(60, "float32"), {"h": [5, 5], "c": [5, 5]}),
        recurrent.State(np.zeros(40), {"h": [5, 5], "c": [5, 5]}),
        None,
    ]
    for other in others:
        changed = dict(saved)
        if other is None:
            del changed["state"]
        else:
            changed["state"] = state_to_dict(other)
        net._trainer = ArrayTrainer.from_dict(changed, None)
        before = state(net)
        with pytest.raises(
            ValueError, match="the state of the training run is another; expected that of 3 sequences"
        ):
            net.resume(X, LABELS, 3, progress=False)
        assert state(net) == before
    # a version without parts
    fit(plain := network(), steps=2)
    saved = plain.trainer.to_dict()
    for name in ("seq_length", "bptt_length"):
        assert saved["settings"].pop(name) is None
    assert "state" not in saved
    loaded = ArrayTrainer.from_dict(saved, None)
    assert loaded.settings.seq_length is None and loaded.settings.bptt_length is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_state_keeps_its_bits(dtype):
    values = np.array([0.1, -0.0, 5e-324, 1e-45, 1 / 3, 3e38], dtype)
    one = recurrent.State(values, {"h": [1, 2]})
    again = state_of_dict(json.loads(json.dumps(state_to_dict(one))))
    assert again.flat.tobytes() == values.tobytes() and again.flat.dtype == values.dtype
    assert [layer.shape for layer in again.h] == [(2, 1), (2, 2)]


# ---- failures and refusals


@pytest.mark.parametrize("k2", [3, 7])
@pytest.mark.parametrize("at", ["_run", "_train", "_backward", "step"])
def test_a_step_that_fails_changes_nothing(at, k2, monkeypatch):
    """In the steps that advance the state, in the pass, and in the update."""
    y = LABELS.copy()
    y[3:9] = -1
    settings = {"seq_length": 3, "bptt_length": k2, "y": y, "loss": "cross_entropy"}
    whole, net = network(dropout=0.3), network(dropout=0.3)
    fit(whole, steps=20, **settings)
    if at in ("_backward", "step"):
        monkeypatch.setattr(array_step, "is_one_call", lambda batch, loss: False)
        fit(whole := network(dropout=0.3), steps=20, **settings)
    fit(net, steps=20, callbacks=[lambda r: r.step == 4], **settings)
    kind, calls = (recurrent.Adam, "step") if at == "step" else (type(net), at)
    function, count = getattr(kind, calls), 0

    def failing(*arguments, **more):
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return function(*arguments, **more)

    monkeypatch.setattr(kind, calls, failing)
    net.resume(X, y, progress=False)
    monkeypatch.undo()
    if at in ("_backward", "step"):
        monkeypatch.setattr(array_step, "is_one_call", lambda batch, loss: False)
    if net.step < 20:
        assert net.history.stop_reason == "interrupted"
        net.resume(X, y, progress=False)
    assert (count >= 2 or (at == "_train" and k2 == 7)) and net.flat.w.tobytes() == whole.flat.w.tobytes()


ATTENTION = recurrent.Cell.of(
    lambda x, h, p: (p.W @ x + p.U @ h.attend(h, h)).tanh(),
    lambda inputs, H: {"W": (H, inputs), "U": (H, H)},
    name="attending",
)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"seq_length": 0}, "seq_length is out of range; expected at least 1, got 0"),
        ({"seq_length": -3}, "seq_length is out of range; expected at least 1, got -3"),
        ({"seq_length": 2**60}, "seq_length is out of range; expected at most"),
        ({"seq_length": 1.5}, "seq_length has the wrong type"),
        ({"seq_length": "4"}, "seq_length has the wrong type"),
        ({"seq_length": True}, "seq_length has the wrong type"),
        ({"seq_length": 4, "bptt_length": 0}, "bptt_length is out of range; expected at least 1, got 0"),
        ({"seq_length": 4, "bptt_length": 5.0}, "bptt_length has the wrong type"),
        (
            {"seq_length": 4, "bptt_length": 3},
            "bptt_length is out of range; expected at least 4, the seq_length, got 3",
        ),
        ({"bptt_length": 4}, "bptt_length is unexpected; expected None without seq_length, got 4"),
        (
            {"seq_length": 4, "y": LABELS[0]},
            "y has one target for each sequence; expected targets of every step, -1 or NaN for none, as",
        ),
        ({"seq_length": 4, "y": NUMBERS[0]}, "y has one target for each sequence"),
    ],
)
def test_refused(settings, words):
    net, generator = network(), recurrent.Random(3)
    before, drawn = state(net), generator.state
    settings = {"y": LABELS, **settings}
    with pytest.raises((TypeError, ValueError), match=words):
        fit(net, rng=generator, **settings)
    assert state(net) == before and generator.state == drawn


def test_networks_whose_state_does_not_hold_the_past():
    for net, got in (
        (network(bidirectional=True), "two directions"),
        (recurrent.Network(ATTENTION, SIZE, [4], CLASSES, rng=1), "attention"),
    ):
        before = state(net)
        with pytest.raises(ValueError, match=f"seq_length needs a state that holds the past; .*, got {got}"):
            fit(net, seq_length=4)
        assert state(net) == before
        fit(net, steps=1)


def test_other_data_are_refused_in_the_middle():
    net = network()
    fit(net, seq_length=4, steps=2)
    before = state(net)
    with pytest.raises(ValueError, match="x, y, lengths, sample_weight or class_weight differ"):
        net.resume(X, HOLES, 3, progress=False)
    assert state(net) == before


# ---- long series


SHORT_AND_LONG = """
import sys, numpy as np, recurrent
from support import resident
for T in (2_000, 2_000, int(sys.argv[1])):
    x = np.zeros((T, 1, 1), "float32")
    net = recurrent.LSTM(1, [64], 1, rng=1)
    net.fit(x, x, steps=3, seq_length=100, bptt_length=200, progress=False)
    base = resident() if T == 2_000 else base
    net.fit(x, x, epochs=1, seq_length=100, bptt_length=200, progress=False, record_every=100)
print(resident() - base)
"""


def test_memory_does_not_grow_with_the_steps():
    """Of 60,000 steps of 64 units a whole pass takes 200 MB."""
    assert int(succeed(SHORT_AND_LONG, "60000")) < 8e6


def test_a_long_series_learns():
    """A mean over about 50 steps, from parts of 20: without the carried state the loss of a part stays above 0.3."""
    x = np.random.default_rng(0).standard_normal((20_000, 1, 1))
    y = np.zeros_like(x)
    for t in range(1, len(x)):
        y[t] = 0.98 * y[t - 1] + 0.2 * x[t]
    net, schedule = recurrent.GRU(1, [16], 1, rng=1), recurrent.schedules.Cosine(3e-3, 4000)
    history = net.fit(x, y, epochs=4, seq_length=20, bptt_length=40, schedule=schedule, progress=False)
    assert net.step == 4000 and y.var() > 1
    assert np.mean(losses(history)[-200:]) < 0.1
    assert net.evaluate(x, y)["loss"] < 0.1
