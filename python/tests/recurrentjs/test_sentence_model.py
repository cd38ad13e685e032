"""SentenceModel: vocabularies, odd texts, learning, prediction, and RecurrentJS's files, good and hostile."""

import json
import math
import os
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import recurrent
from recurrent import SentenceModel
from support import DTYPES, HARDEN, bits, names, objects

both = pytest.mark.parametrize("dtype", DTYPES)
CELLS = ["lstm", "gru", "rnn_relu", "rnn_tanh", "gru_reset_before"]


def small(sentences=("hello", "help"), **options):
    return SentenceModel(sentences, **{"hidden_sizes": [4], "letter_size": 3, "rng": 1, **options})


# ---- vocabulary


@pytest.mark.parametrize(
    "sentences, letters",
    [
        (["hello"], "helo"),
        (["b2a1"], "12ba"),
        (["ba", "cab", "d"], "bacd"),
        (["a b"], "a b"),
        (["9081"], "0189"),
        # a digit of another script is a letter like any other
        (["b٣1"], "1b٣"),
        (["Aa"], "Aa"),
    ],
)
def test_order(sentences, letters):
    """A JavaScript object's keys: digits first, ascending, then as they come."""
    sm = small(sentences)
    assert sm.letter_to_index == {letter: k + 1 for k, letter in enumerate(letters)}
    assert sm.index_to_letter == {k + 1: letter for k, letter in enumerate(letters)}
    assert sm.parameters["Wil"].shape == (len(letters) + 1, 3)


def test_sentences_given_as_text():
    sm = small("  first line \n\n\tsecond\r\n   \n")
    assert sm.sentences == ["first line", "second"]
    assert small(["  kept as it is "]).sentences == ["  kept as it is "]
    assert small(["a", "", "   ", "b"]).sentences == ["a", "b"]
    assert small(s for s in ("x", "y")).sentences == ["x", "y"]
    assert small(("x",)).sentences == ["x"]


@pytest.mark.parametrize(
    "text",
    [
        "😀 grin 👨‍👩‍👧", "e\u0301 é", "a\0b", "\ufeffx", "\u202eabc", "line\u2028separator", "ﬁ ﬃ", "한국어",
        "🇫🇷🇩🇪", "日本語", "\U0010ffff", "\x7f\x01", "\t", "a\tb",
    ],
)  # fmt: skip
def test_any_letter(tmp_path, text):
    if not text.strip():
        with pytest.raises(ValueError, match="no training data"):
            small([text])
        return
    sm = small([text], dtype="float64")
    assert list(sm.letter_to_index) == list(dict.fromkeys(text))
    for _ in range(3):
        tick = sm.tick(text)
    # one prediction a code point, and one for the end
    assert math.isclose(tick.perplexity, math.exp(tick.cost / (len(text) + 1)), rel_tol=1e-12)
    assert set(sm.predict(rng=1, max_chars=20)) <= set(text)
    sm.save_recurrentjs(tmp_path / "m.json")
    back = SentenceModel.load_recurrentjs(tmp_path / "m.json")
    assert back.letter_to_index == sm.letter_to_index
    assert back.cost(text) == sm.cost(text)


@pytest.mark.parametrize(
    "sentence, words",
    [
        ("helq", r"text\[3\] is outside the vocabulary; .*'q' \(U\+0071\)"),
        ("😀", r"text\[0\] is .*'😀' \(U\+1F600\)"),
        ("he\0", r"text\[2\] is .*got U\+0000"),
        ("h\u202e", r"text\[1\] is .*got U\+202E"),
        ("hel\u0301", r"text\[3\] is .*\(U\+0301\)"),
        ("\udc80", r"lone surrogate at position 0; .*got U\+DC80"),
        ("he\ud83dl", r"lone surrogate at position 2; .*got U\+D83D"),
        ("", "sentence has the wrong length; .*got 0"),
    ],
)
def test_unknown_letters(sentence, words):
    sm = small(["hello"])
    before = bits(sm.parameters)
    for use in (sm.tick, sm.cost):
        with pytest.raises(ValueError, match=words):
            use(sentence)
    assert bits(sm.parameters) == before and not sm.parameters.flat.dw.any()
    for bad, kind in ((None, "NoneType"), (b"hello", "bytes"), (5, "int"), (["hello"], "list")):
        with pytest.raises(TypeError, match=f"sentence has the wrong type; .*got {kind}"):
            sm.tick(bad)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (([],), ValueError, "no training data"),
        (("",), ValueError, "no training data"),
        ((["", " \t\n", "\u3000"],), ValueError, "no training data"),
        ((None,), TypeError, r"sentences has the wrong type; .*got NoneType"),
        ((5,), TypeError, r"sentences has the wrong type; .*got int"),
        (("book.txt",), ValueError, r"sentences looks like the name of a file; expected Path\('book.txt'\)"),
        ((b"a\xff",), ValueError, "sentences is not valid UTF-8; expected UTF-8, got 0xFF at byte 1"),
        ((Path("missing"),), FileNotFoundError, "cannot read 'missing'"),
        (({"a": 1},), TypeError, r"sentences has the wrong type; .*got dict"),
        ((["a", 5],), TypeError, r"sentences\[1\] has the wrong type; .*got int"),
        ((["a", b"b"],), TypeError, r"sentences\[1\] has the wrong type; .*got bytes"),
        (
            (["a", "b\ud800"],),
            ValueError,
            r"sentences\[1\] has a lone surrogate at position 1; .*got U\+D800",
        ),
        (
            (["a"], "cnn"),
            ValueError,
            "cell is unknown; expected one of 'lstm', 'gru', 'gru_reset_before', 'rnn_tanh', 'rnn_relu'",
        ),
        (
            (["a"], 5),
            ValueError,
            r"cell is unknown; expected one of .*got 5",
        ),
        ((["a"], "lstm", []), ValueError, "hidden_sizes is empty"),
        ((["a"], "lstm", [0]), ValueError, r"hidden_sizes\[0\] is .*got 0"),
        ((["a"], "lstm", [2], 0), ValueError, "letter_size is .*got 0"),
        ((["a"], "lstm", [2], -5), ValueError, "letter_size is .*got -5"),
        ((["a"], "lstm", [2], 2**40), ValueError, "2147483647"),
        ((["a"], "lstm", [2], 2.0), TypeError, r"letter_size has the wrong type; .*got float"),
        ((["a"], "lstm", [2], 2, "int32"), TypeError, r"dtype is unknown; .*got int32"),
        ((["a"], "lstm", [2], 2, "float32", "x"), TypeError, r"rng has the wrong type; .*got str"),
    ],
)
def test_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        SentenceModel(*arguments)


def test_a_text_of_lines(tmp_path):
    (tmp_path / "book.txt").write_bytes(b"\xef\xbb\xbfhello\n\n  help \r\n")
    for text in (tmp_path / "book.txt", "hello\nhelp", b"hello\nhelp"):
        assert SentenceModel(text, hidden_sizes=[2]).sentences == ["hello", "help"]
    # a sentence of a list is a sentence
    assert SentenceModel(["book.txt"], hidden_sizes=[2]).sentences == ["book.txt"]


def test_a_save_replaces_its_own_file_only(tmp_path):
    one, two, path = small(["ab"]), small(["cd"]), tmp_path / "m.json"
    one.save_recurrentjs(path)
    one.save_recurrentjs(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="path exists and was not written by this run"):
        two.save_recurrentjs(path)
    assert path.read_bytes() == before
    SentenceModel.load_recurrentjs(path).save_recurrentjs(path)
    with pytest.raises(FileExistsError):
        one.save_recurrentjs(path)
    two.save_recurrentjs(path, overwrite=True)
    assert path.read_bytes() != before


def test_positions_count_sentences_that_were_given():
    with pytest.raises(ValueError, match=r"sentences\[2\]"):
        small(["a", "  ", "\ud800"])


# ---- learning


@both
@pytest.mark.parametrize("cell", CELLS)
def test_one_letter(cell, dtype):
    sm = SentenceModel(["a"], cell, [5], 2, dtype, rng=0)
    for _ in range(600):
        tick = sm.tick("a")
    assert tick.cost < 0.02 and tick.perplexity < 1.02
    assert sm.predict(sample=False) == "a"
    assert sm.cost("aaaa").cost > tick.cost


@both
def test_memorizes(dtype):
    sentences = ["the cat", "a dog", "one 42"]
    sm = SentenceModel(sentences, hidden_sizes=[20], dtype=dtype, rng=3)
    for k in range(900):
        sm.tick(sentences[k % 3])
    assert np.median([sm.cost(s).perplexity for s in sentences]) < 1.3
    assert sm.predict(sample=False) in sentences
    cold = [sm.predict(temperature=0.3, rng=k) for k in range(20)]
    assert sum(s in sentences for s in cold) > 15


@both
def test_same_seed_same_bits(dtype):
    def train(rng):
        sm = small(dtype=dtype, rng=rng)
        ticks = [sm.tick(sm.sentences[k % 2]) for k in range(20)]
        return ticks, bits(sm.parameters), [sm.predict() for _ in range(3)]

    assert train(5) == train(recurrent.Random(5)) != train(6)


def test_what_a_tick_tells():
    sm = small(dtype="float64")
    cost = sm.cost("hello")
    tick = sm.tick("hello")
    assert (tick.cost, tick.perplexity) == (cost.cost, cost.perplexity)
    assert tick.gradient_norm > 0 and 0 <= tick.ratio_clipped <= 1
    assert sm.cost("hello").cost < cost.cost
    assert sm.tick("hello", clipval=1e-9).ratio_clipped > 0.5
    # a step of nothing
    before = bits(sm.parameters)
    sm.tick("hello", learning_rate=0, regc=0)
    assert bits(sm.parameters) == before


@pytest.mark.parametrize(
    "settings, words",
    [
        (
            {"learning_rate": -1},
            r"learning_rate is out of range; expected at least 0, got \-1\.0",
        ),
        ({"learning_rate": math.nan}, r"learning_rate is out of range; .*got nan"),
        ({"regc": -1}, "regc is .*-1"),
        ({"clipval": 0}, "clip is .*got 0"),
        ({"clipval": math.inf}, r"clipval is out of range; .*got inf"),
    ],
)
def test_bad_settings(settings, words):
    sm = small()
    before = bits(sm.parameters)
    with pytest.raises(ValueError, match=words):
        sm.tick("hello", **settings)
    assert bits(sm.parameters) == before and not sm.parameters.flat.dw.any()
    with pytest.raises(TypeError, match=r"learning_rate has the wrong type; .*got str"):
        sm.tick("hello", learning_rate="0.1")


def test_diverged_weights(tmp_path):
    sm = small()
    sm.tick("hello")
    sm.parameters["Whd"].w[0, 0] = math.nan
    before = bits(sm.parameters), bits(sm.step_cache)
    with pytest.raises(FloatingPointError, match=r"Whd is not finite; .*got nan at \[0, 0\]"):
        sm.tick("hello")
    assert (bits(sm.parameters), bits(sm.step_cache)) == before
    for sample in (True, False):
        with pytest.raises(FloatingPointError, match="diverged"):
            sm.predict(sample)
    path = tmp_path / "m.json"
    path.write_text("old")
    with pytest.raises(FloatingPointError, match=r"Whd is not finite; .*nan at \[0, 0\]"):
        sm.save_recurrentjs(path, overwrite=True)
    assert path.read_text() == "old" and names(tmp_path) == ["m.json"]
    sm.parameters["Whd"].w[0, 0] = 0
    sm.tick("hello")


def test_a_refused_prediction_draws_nothing():
    sm = small(["abc"])
    # only the scores after an 'a' are broken, so that the first letter is drawn
    sm.parameters["Wil"].w[sm.letter_to_index["a"]] = math.nan
    sm.parameters["bd"].w[sm.letter_to_index["a"]] = 50
    rng = recurrent.Random(1)
    before = rng.state
    with pytest.raises(FloatingPointError, match="diverged"):
        sm.predict(rng=rng)
    assert rng.state == before


def test_predict():
    sm = small()
    assert sm.predict(rng=3) == sm.predict(rng=3)
    assert sm.predict(sample=False) == sm.predict(sample=False, temperature=7, rng=5)
    assert len({sm.predict() for _ in range(10)}) > 1
    assert len(sm.predict(max_chars=1, rng=0)) <= 1
    assert max(len(sm.predict(max_chars=3, temperature=5, rng=k)) for k in range(20)) == 3
    # as cold as can be is the likeliest letter, in both types
    for model in (sm, small(dtype="float64")):
        model.tick("hello")
        for temperature in (0, 1e-6, 1e-40, 1e-300, 5e-324):
            assert model.predict(temperature=temperature, rng=1) == model.predict(sample=False)
        assert isinstance(model.predict(temperature=1e38, rng=1), str)
    for bad, error, words in (
        ({"temperature": -1}, ValueError, "temperature is .*got -1"),
        ({"temperature": math.nan}, ValueError, r"temperature is out of range; .*got nan"),
        ({"temperature": "1"}, TypeError, r"temperature has the wrong type; .*got str"),
        ({"max_chars": 0}, ValueError, r"max_chars is out of range; .*got 0"),
        ({"max_chars": 2**63}, ValueError, r"max_chars is out of range; .*got 9223372036854775808"),
        ({"max_chars": 2**21}, ValueError, r"max_chars is out of range; .*got 2097152"),
        ({"max_chars": 1.5}, TypeError, r"max_chars has the wrong type; .*got float"),
        ({"rng": "a"}, TypeError, r"rng has the wrong type; .*got str"),
    ):
        with pytest.raises(error, match=words):
            sm.predict(**bad)


def test_parameters_are_live():
    sm = small()
    cost = sm.cost("hello").cost
    sm.parameters["bd"].w[:] = 3
    sm.parameters["bd"].w[0] = -3
    assert sm.cost("hello").cost != cost
    assert sm.parameters is sm.parameters and next(iter(sm.parameters)) == "Wil"
    assert len(sm.step_cache) == 0
    sm.tick("hello")
    assert list(sm.step_cache) == list(sm.parameters)
    assert sm.step_cache["bd"].shape == sm.parameters["bd"].shape
    assert repr(sm).startswith("<SentenceModel: lstm [4], 5 letters of 3")


def test_the_parts_outlive_the_whole():
    sm = small()
    solver, parameters = sm.optimizer, sm.parameters
    sm.tick("hello")
    del sm
    parameters["bd"].dw[...] = 1
    solver.step(parameters, 0.01, 0, 5)
    assert solver.decay_rate == 0.999


# ---- files


@both
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("ticks", [0, 5])
def test_round_trip(tmp_path, dtype, cell, ticks):
    sm = SentenceModel(["hé 1", "x😀"], cell, [4, 3], 2, dtype, rng=1)
    for _ in range(ticks):
        sm.tick("hé 1")
    path = tmp_path / "model.json"
    sm.save_recurrentjs(path)
    back = SentenceModel.load_recurrentjs(str(path), dtype=dtype)
    assert bits(back.parameters) == bits(sm.parameters)
    assert bits(back.step_cache) == bits(sm.step_cache)
    assert (back.cell, back.hidden_sizes, back.letter_size) == (cell, (4, 3), 2)
    assert back.letter_to_index == sm.letter_to_index and back.sentences == []
    assert back.tick("x😀") == sm.tick("x😀")
    assert bits(back.parameters) == bits(sm.parameters)
    assert names(tmp_path) == ["model.json"]
    # twice the same bytes
    first = path.read_bytes()
    SentenceModel.load_recurrentjs(path, dtype=dtype).save_recurrentjs(path)
    assert path.read_bytes() == first
    # float64 holds every float32
    if dtype == "float32":
        wide = SentenceModel.load_recurrentjs(path)
        assert all((wide.parameters[n].w == back_m).all() for n, back_m in json_weights(first).items())


def json_weights(raw):
    return {n: np.reshape(m["w"], (m["n"], m["d"])) for n, m in json.loads(raw)["model"].items()}


def test_extreme_numbers_survive(tmp_path):
    sm = small(["ab"], dtype="float64")
    numbers = [
        5e-324,
        1.7976931348623157e308,
        -0.0,
        0.1,
        1e21,
        1e-7,
        2.0**53,
        -(2.0**63),
        1 / 3,
        4.35e-310,
        123456789.125,
    ]
    sm.parameters["Wil"].w.flat[: len(numbers)] = numbers[:9]
    sm.parameters["Whd"].w.flat[: len(numbers)] = numbers
    sm.save_recurrentjs(tmp_path / "m.json")
    back = SentenceModel.load_recurrentjs(tmp_path / "m.json")
    assert bits(back.parameters) == bits(sm.parameters)
    assert (
        json_weights((tmp_path / "m.json").read_bytes())["Whd"].tobytes()
        == np.ascontiguousarray(sm.parameters["Whd"].w).tobytes()
    )


@pytest.mark.parametrize("cell", CELLS)
def test_the_pages_shape(tmp_path, cell):
    sm = small(cell=cell)
    sm.tick("hello")
    sm.save_recurrentjs(tmp_path / "m.json")
    saved = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert list(saved) == [
        "hidden_sizes", "generator", "letter_size", "model", "solver", "letterToIndex", "indexToLetter", "vocab",
    ]  # fmt: skip
    assert (
        saved["hidden_sizes"] == [4]
        and saved["generator"] == {"rnn_relu": "rnn", "gru_reset_before": "gru_before"}.get(cell, cell)
        and saved["letter_size"] == 3
    )
    assert list(saved["solver"]) == ["decay_rate", "smooth_eps", "step_cache"]
    assert (saved["solver"]["decay_rate"], saved["solver"]["smooth_eps"]) == (0.999, 1e-8)
    for matrices, mats in ((saved["model"], sm.parameters), (saved["solver"]["step_cache"], sm.step_cache)):
        assert list(matrices) == list(sm.parameters)
        for name, matrix in matrices.items():
            assert list(matrix) == ["n", "d", "w"]
            np.testing.assert_array_equal(np.reshape(matrix["w"], (matrix["n"], matrix["d"])), mats[name].w)
    assert saved["letterToIndex"] == {"h": 1, "e": 2, "l": 3, "o": 4, "p": 5}
    assert saved["indexToLetter"] == {"1": "h", "2": "e", "3": "l", "4": "o", "5": "p"}
    assert saved["vocab"] == ["h", "e", "l", "o", "p"]


def test_the_goldens_shape(golden, tmp_path):
    saved = golden("saved_lstm_20x20")
    (tmp_path / "m.json").write_text(json.dumps(saved), encoding="utf-8")
    SentenceModel.load_recurrentjs(tmp_path / "m.json").save_recurrentjs(tmp_path / "n.json")
    assert json.loads((tmp_path / "n.json").read_text(encoding="utf-8")) == saved


# ---- paths


@pytest.mark.parametrize(
    "name, error",
    [("missing.json", FileNotFoundError), ("missing/m.json", FileNotFoundError), ("folder", IsADirectoryError),
     ("file/m.json", NotADirectoryError), ("x" * 300, OSError), ("loop", OSError)],
)  # fmt: skip
def test_paths_that_cannot_be_read(tmp_path, name, error):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(error) as caught:
        SentenceModel.load_recurrentjs(tmp_path / name)
    assert caught.value.errno and name in str(caught.value)
    if error is FileNotFoundError:
        with pytest.raises(error):
            small().save_recurrentjs(tmp_path / "missing" / "m.json")


def test_more_paths(tmp_path, monkeypatch):
    with pytest.raises(IsADirectoryError):
        small().save_recurrentjs(tmp_path)
    assert names(tmp_path) == []
    os.mkfifo(tmp_path / "pipe")
    for odd in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="expected a regular file"):
            SentenceModel.load_recurrentjs(odd)
    for bad, error in (
        (None, TypeError),
        (b"m.json", TypeError),
        (5, TypeError),
        ("", ValueError),
        ("a\0b", ValueError),
    ):
        for use in (SentenceModel.load_recurrentjs, small().save_recurrentjs):
            with pytest.raises(error, match="path"):
                use(bad)
    monkeypatch.chdir(tmp_path)
    small().save_recurrentjs("ünïcode 😀.json")
    SentenceModel.load_recurrentjs(Path("ünïcode 😀.json"))


def test_bytes_in_file_names(tmp_path):
    """A name that is not UTF-8 comes from the system as surrogates, and goes back as the same bytes."""
    path, model = tmp_path / os.fsdecode(b"a\xff"), small()
    model.save_recurrentjs(path)
    assert [os.fsencode(each.name) for each in tmp_path.iterdir()] == [b"a\xff"]
    assert SentenceModel.load_recurrentjs(path, dtype="float32").cost("help") == model.cost("help")
    with pytest.raises(FileNotFoundError, match=r"cannot open '.*b\\xff': no such file"):
        SentenceModel.load_recurrentjs(tmp_path / os.fsdecode(b"b\xff"))


def test_permissions(tmp_path):
    path, user = tmp_path / "m.json", os.geteuid()
    small().save_recurrentjs(path)
    path.chmod(0)
    tmp_path.chmod(0o500)
    if user == 0:
        # root may write everywhere, so use another user
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            SentenceModel.load_recurrentjs(path)
        with pytest.raises(PermissionError):
            small().save_recurrentjs(path)
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o700)


def test_a_full_disk(tmp_path):
    """What cannot be written whole leaves the old file, and nothing beside it."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "m.json"
    small().save_recurrentjs(path)
    old, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            small().save_recurrentjs(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno
    assert path.read_bytes() == old and names(tmp_path) == ["m.json"]


# ---- malformed files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m.json"
    sm = small(["ab"], cell="rnn_relu", hidden_sizes=[2], letter_size=1, dtype="float64")
    sm.tick("ab")
    sm.save_recurrentjs(path)
    return path.read_bytes()


def change(*path_and_value):
    *path, value = path_and_value

    def apply(document):
        for key in path[:-1]:
            document = document[key]
        if value is ...:
            del document[path[-1]]
        else:
            document[path[-1]] = value

    return apply


W = ("model", "Whd", "w")
HOSTILE = [
    (change(*W, 1, None), r"model\.Whd\.w\[1\] is not a number; .*got null"),
    (change(*W, {"0": 1}), r"model\.Whd\.w has the wrong length; expected 6, got 1 numbers"),
    (change(*W, []), r"model\.Whd\.w has the wrong length; expected 6, got 0 numbers"),
    (change(*W, [0] * 7), r"model\.Whd\.w has the wrong length; expected 6, got 7 numbers"),
    (change(*W, None), r"model\.Whd\.w has the wrong type; .*got null"),
    (change(*W, "abc"), r"model\.Whd\.w has the wrong type; .*got a string"),
    (change(*W, 5), r"model\.Whd\.w has the wrong type; .*got a number"),
    (change(*W, 2, "1"), r"model\.Whd\.w\[2\] has the wrong type; expected a number, got a string"),
    (change(*W, 2, [1]), r"model\.Whd\.w\[2\] has the wrong type; expected a number, got an array"),
    (change(*W, 2, True), r"model\.Whd\.w\[2\] has the wrong type; expected a number, got a boolean"),
    (change(*W, {str(i): 0 for i in range(1, 7)}), r'model\.Whd\.w has an invalid key; expected 0 to 5, got "6"'),
    (change(*W, {**{str(i): 0 for i in range(5)}, "05": 0}), r'model\.Whd\.w has an invalid key; .*got "05"'),
    (change(*W, {**{str(i): 0 for i in range(5)}, "+5": 0}), r'model\.Whd\.w has an invalid key; .*got "\+5"'),
    (change(*W, {**{str(i): 0 for i in range(5)}, "-1": 0}), r'model\.Whd\.w has an invalid key; .*got "\-1"'),
    (change(*W, {**{str(i): 0 for i in range(5)}, "5": None}), r"model\.Whd\.w\[5\] is not a number; .*got null"),
    (change(*W, ...), r"model\.Whd\.w is missing"),
    (change("model", "Whd", "n", 2), r"model\.Whd has the wrong shape; expected 3 x 2, got 2 x 2"),
    (change("model", "Whd", "n", 3.5), r"model\.Whd\.n is out of range; .*got 3\.5"),
    (change("model", "Whd", "n", -3), r"model\.Whd\.n is out of range; .*got \-3\.0"),
    (change("model", "Whd", "n", 0), r"model\.Whd\.n is out of range; .*got 0\.0"),
    (change("model", "Whd", "n", 1e308), r"model\.Whd\.n is out of range; .*got 1e\+308"),
    (change("model", "Whd", "n", 2**63), r"model\.Whd\.n is out of range; .*got 9\.223372036854776e\+18"),
    (change("model", "Whd", "n", "3"), r"model\.Whd\.n has the wrong type; expected a number, got a string"),
    (change("model", "Whd", "d", None), r"model\.Whd\.d is not a number; .*got null"),
    (change("model", "Whd", ...), r"model\.Whd is missing"),
    (change("model", "Whd", []), r"model\.Whd has the wrong type; expected an object, got an array"),
    (change("model", "extra", {"n": 1, "d": 1, "w": [1]}), r"model\.extra is unknown; .*got one more"),
    (change("model", ...), "model is missing"),
    (change("model", {}), r"model\.Wil is missing"),
    (change("model", None), r"model has the wrong type; expected an object, got null"),
    (change("generator", "cnn"), r"generator is unknown; .*got 'cnn'"),
    (change("generator", "lstm"), r"model\.Wix0 is missing"),
    (change("generator", 5), r"generator has the wrong type; expected a string, got a number"),
    (change("generator", ...), "generator is missing"),
    (change("hidden_sizes", []), "hidden_sizes is empty"),
    (change("hidden_sizes", [3]), r"model\.Wxh0 has the wrong shape; expected 3 x 1, got 2 x 1"),
    (change("hidden_sizes", [2, 2]), r"model\.Wxh1 is missing"),
    (change("hidden_sizes", [1] * 1001), "hidden_sizes is too long; expected at most 1000 layers, got 1001"),
    (change("hidden_sizes", [2**31]), r"hidden_sizes\[0\] is out of range; .*got 2147483648\.0"),
    (change("hidden_sizes", [1e9]), r"expected 1000000000 x 1"),
    (change("hidden_sizes", [2.5]), r"hidden_sizes\[0\] is out of range; .*got 2\.5"),
    (change("hidden_sizes", ["2"]), r"hidden_sizes\[0\] has the wrong type; expected a number, got a string"),
    (change("hidden_sizes", 2), r"hidden_sizes has the wrong type; expected an array, got a number"),
    (change("hidden_sizes", {"0": 2}), r"hidden_sizes has the wrong type; expected an array, got an object"),
    (change("letter_size", 0), r"letter_size is out of range; .*got 0\.0"),
    (change("letter_size", 2), r"model\.Wil has the wrong shape; expected 3 x 2, got 3 x 1"),
    (change("letter_size", None), r"letter_size is not a number; .*got null"),
    (change("solver", 5), r"^solver has the wrong type; expected an object, got a number"),
    (change("solver", "decay_rate", 1.5), r"solver: decay_rate is .*1\.5"),
    (change("solver", "decay_rate", ...), r"solver\.decay_rate is missing"),
    (change("solver", "smooth_eps", 0), r"smooth_eps is .*0"),
    (change("solver", "smooth_eps", "a"), r"solver: solver\.smooth_eps has the wrong type; .*got a string"),
    (change("solver", "step_cache", "bd", ...), r"step_cache\.bd is missing"),
    (change("solver", "step_cache", "bd", "w", 0, -1), r"step_cache\.bd has a negative element; .*got -1"),
    (change("solver", "step_cache", "bd", "w", 0, None), r"solver\.step_cache\.bd\.w\[0\] is not a number; .*got null"),
    (change("solver", "step_cache", "bd", "n", 4), r"solver\.step_cache\.bd has the wrong shape; .*got 4 x 1"),
    (change("letterToIndex", {}), "letterToIndex is empty"),
    (change("letterToIndex", {"a": 1, "b": 1}), r"letterToIndex\.b is out of range or a duplicate; .*got 1"),
    (change("letterToIndex", {"a": 1, "b": 3}), r"letterToIndex\.b is out of range or a duplicate; .*got 3"),
    (change("letterToIndex", {"a": 0, "b": 1}), r"letterToIndex\.a is out of range; .*got 0\.0"),
    (change("letterToIndex", {"a": 1, "bc": 2}), r'letterToIndex has an invalid key; .*got "bc"'),
    (change("letterToIndex", {"a": 1, "": 2}), r'letterToIndex has an invalid key; .*got ""'),
    (change("letterToIndex", {"a": 1}), r"indexToLetter has the wrong length; expected 1, got 2"),
    (change("letterToIndex", {"a": 1, "b": "2"}), r"letterToIndex\.b has the wrong type; .*got a string"),
    (change("letterToIndex", ["a", "b"]), r"letterToIndex has the wrong type; expected an object, got an array"),
    (change("letterToIndex", ...), "letterToIndex is missing"),
    (change("indexToLetter", {"1": "b", "2": "a"}), r"indexToLetter\.1 does not agree"),
    (change("indexToLetter", {"1": "a", "3": "b"}), r"indexToLetter\.3 does not agree"),
    (change("indexToLetter", {"1": "a"}), r"indexToLetter has the wrong length; expected 2, got 1"),
    (change("indexToLetter", {"1": 5, "2": "b"}), r"indexToLetter\.1 has the wrong type; .*got a number"),
    (change("vocab", ["b", "a"]), "vocab"),
    (change("vocab", ["a"]), "vocab"),
    (change("vocab", 5), "vocab"),
]  # fmt: skip


def load(tmp_path, raw):
    path = tmp_path / "m.json"
    path.write_bytes(raw)
    return SentenceModel.load_recurrentjs(path)


@pytest.mark.parametrize("apply, words", HOSTILE, ids=[words for _, words in HOSTILE])
def test_hostile_documents(tmp_path, saved, apply, words):
    document = json.loads(saved)
    apply(document)
    alive = objects()
    with pytest.raises(ValueError, match=words):
        load(tmp_path, json.dumps(document).encode())
    assert objects() == alive


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "expected a value, got end of text"),
        (b" \n", "expected a value, got end of text"),
        (b"\xef\xbb\xbf", "expected a value, got end of text"),
        (b"null", r"the document has the wrong type; expected an object, got null"),
        (b"[]", r"the document has the wrong type; expected an object, got an array"),
        (b"5", r"the document has the wrong type; expected an object, got a number"),
        (b"{}", "generator is missing"),
        (b"{", "key in quotes"),
        (b"{}x", "expected end of text, got '[x{]'"),
        (b"{}{}", "expected end of text, got '[x{]'"),
        (b"{'a': 1}", "key in quotes"),
        (b'{"a": 1,}', "key in quotes"),
        (b'{"a" 1}', "expected ':', got '1'"),
        (b"[1,]", "expected a value, got"),
        (b'{"a": 1, "a": 2}', r'not valid JSON at byte \d+; expected each key once, got "a" twice'),
        (b'{"a": 1, "\\u0061": 2}', r'not valid JSON at byte \d+; expected each key once, got "a" twice'),
        (b'{"x": {"a": 1, "a": 1}}', r'not valid JSON at byte \d+; expected each key once, got "a" twice'),
        (b"[" * 100_000, "nested at most 64 deep"),
        (b'{"a":' * 100_000, "nested at most 64 deep"),
        (b"[" * 64 + b"]" * 64, r"the document has the wrong type; expected an object, got an array"),
        (b'{"a": NaN}', "expected a value, got"),
        (b'{"a": Infinity}', "expected a value, got"),
        (b'{"a": -Infinity}', "expected a digit, got 'I'"),
        (b'{"a": 1e999}', "expected a number of 64 bits, got 1e999"),
        (b'{"a": -1e999}', "expected a number of 64 bits, got -1e999"),
        (b'{"a": 01}', "expected ',' or '}', got"),
        (b'{"a": +1}', "expected a value, got"),
        (b'{"a": .5}', "expected a value, got"),
        (b'{"a": 5.}', "expected a digit, got '}'"),
        (b'{"a": 1e}', "expected a digit, got '}'"),
        (b'{"a": 0x10}', "expected ',' or '}', got"),
        (b'{"a": tru}', "expected a value, got"),
        (b'{"a": "\xff"}', "expected a string of valid UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "expected a string of valid UTF-8"),
        (b'{"a": "\\ud83d"}', "expected a surrogate pair, got half of one"),
        (b'{"a": "\\ude00\\ud83d"}', "expected a surrogate pair, got half of one"),
        (b'{"a": "\\ud83d\\u0041"}', "expected a surrogate pair, got half of one"),
        (b'{"a": "\\x"}', "expected an escape of JSON"),
        (b'{"a": "\\u12"}', "hexadecimal"),
        (b'{"a": "\x00"}', "control character"),
        (b'{"a": "\n"}', "control character"),
        (b'{"a": "', "closing quote"),
        (b'{"a": "\\', "expected an escape, got end of text"),
        (b"{\x00}", "key in quotes"),
        (b"\xff\xfe{\x00}\x00", "byte 255"),
        (b"\x80\x04\x95", "byte 128"),
        (b"PK\x03\x04", "'P'"),
        (b"// comment\n{}", "'/'"),
        (b"1" * 100_000, "expected a number of 64 bits, got 1111"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
def test_hostile_bytes(tmp_path, raw, words):
    with pytest.raises(ValueError, match=words) as caught:
        load(tmp_path, raw)
    assert len(str(caught.value)) < 300


def test_every_truncation(tmp_path, saved):
    step = 1 if HARDEN else 7
    for length in range(0, len(saved) - 1, step):
        with pytest.raises(ValueError):
            load(tmp_path, saved[:length])


@pytest.mark.campaign("Damaged files of RecurrentJS that ended the process")
@hypothesis.given(st.data())
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    max_examples=20_000 if HARDEN else 300,
)
def test_any_change(tmp_path, saved, cases, data):
    """Bytes changed, cut or put in anywhere: it loads and works, or it is refused with a sentence."""
    cases(1)
    raw = bytearray(saved)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.integers(0, 3))] = data.draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from([b"null", b"1e308", b"{", b"[", b'"', b"-", b",", b"0", b"\\u"]),
            )
        )
    try:
        model = load(tmp_path, bytes(raw))
    except ValueError as error:
        assert len(str(error)) > 10
        return
    assert np.isfinite(model.parameters.flat.w).all()
    letters = "".join(model.letter_to_index)
    assert isinstance(model.cost(letters).cost, float)
    model.save_recurrentjs(tmp_path / "again.json", overwrite=True)


def test_other_forms_that_are_fine(tmp_path, saved):
    document = json.loads(saved)
    for raw in (
        b"\xef\xbb\xbf" + saved,
        b" \r\n\t" + saved + b"\n\n",
        json.dumps(document, indent=3).encode(),
        json.dumps(dict(reversed(document.items()))).encode(),
        json.dumps(
            {k: v for k, v in document.items() if k not in ("solver", "vocab", "indexToLetter")}
        ).encode(),
    ):
        model = load(tmp_path, raw)
        assert model.letter_to_index == {"a": 1, "b": 2}
        np.testing.assert_array_equal(model.parameters["Whd"].w.ravel(), document["model"]["Whd"]["w"])
    with pytest.raises(ValueError, match=r"^step, more are unknown; expected hidden_sizes, .*, got 2 more"):
        load(tmp_path, json.dumps({**document, "step": 5, "more": {"n": [None]}}).encode())
    # without a solver it starts afresh
    assert len(model.step_cache) == 0 and model.optimizer.decay_rate == 0.999
    # keys in any order, escaped letters
    document["model"]["Whd"]["w"] = {str(i): document["model"]["Whd"]["w"][i] for i in (3, 1, 5, 0, 2, 4)}
    raw = json.dumps(document).replace('"a"', '"\\u0061"').encode()
    np.testing.assert_array_equal(load(tmp_path, raw).parameters["Whd"].w, model.parameters["Whd"].w)


def test_numbers_too_large_for_float32(tmp_path, saved):
    document = json.loads(saved)
    document["model"]["bd"]["w"][0] = 1e300
    path = tmp_path / "m.json"
    path.write_text(json.dumps(document))
    assert SentenceModel.load_recurrentjs(path).parameters["bd"].w[0, 0] == 1e300
    with pytest.raises(ValueError, match=r"model\.bd.*float32"):
        SentenceModel.load_recurrentjs(path, dtype="float32")


def test_overflowing_sizes_are_values():
    with pytest.raises(ValueError, match="expected 64 bits"):
        recurrent.SentenceModel(["a"], hidden_sizes=[10**30])


def test_the_likeliest_letters_need_no_temperature():
    sm = recurrent.SentenceModel(["ab"], hidden_sizes=[3], rng=0)
    assert sm.predict(sample=False, temperature=0) == sm.predict(sample=False)


def test_lines_of_a_file_and_of_a_text():
    """A file yields lines with their ends; a text is split at line feeds alone, as in RecurrentJS."""
    assert recurrent.SentenceModel(["ab\r\n", "cd\n", "\n"], hidden_sizes=[4]).sentences == ["ab", "cd"]
    assert recurrent.SentenceModel("a\x0cb\u2028c\r\nd", hidden_sizes=[4]).sentences == ["a\x0cb\u2028c", "d"]
