"""TextModel: vocabularies, training with carried state, evaluation and generation."""

import codecs
import ctypes
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import TextModel, _c
from support import DTYPES, FIXTURES, close, python
from text_models import TEXT, chunk, lesson, train

CELLS = {
    "lstm": lambda *a, **k: recurrent.LSTM(*a, **k),
    "gru": lambda *a, **k: recurrent.GRU(*a, **k),
    "gru_reset_before": lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k),
    "rnn_tanh": lambda *a, **k: recurrent.RNN(*a, **k),
    "rnn_relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}


# ---- parts and settings


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("embedding", "tied"), [(None, False), (3, False), (None, True)])
def test_it_is_the_network_of_its_cell(cell, dtype, embedding, tied):
    tm = TextModel(cell, [6, 5], embedding, dtype=dtype, rng=7, tied=tied).build(TEXT)
    letters = len(set(TEXT))
    net = CELLS[cell](
        letters, [6, 5], letters, embedding, dtype=dtype, rng=7, **({"tied": True} if tied else {})
    )
    if cell == "lstm":
        for k in range(2):
            net.parameters[f"bf{k}"].w[:] = 1
    assert tm.flat.w.tobytes() == net.flat.w.tobytes()
    assert list(tm.parameters) == list(net.parameters)
    assert type(tm.network) is type(net) and repr(tm.network) == repr(net)
    assert (tm.cell, tm.dtype, tm.tied) == (cell, dtype, tied)
    assert tm.network.tied is tied
    assert tm.embedding == (5 if tied else embedding) == net.embedding
    # and trains as one
    tm.optimizer, solver = recurrent.Adam(learning_rate=0.01), recurrent.Adam(learning_rate=0.01)
    state = None
    for _ in range(5):
        x, y = chunk(tm)
        theirs = net.train_step(x, y, solver, 0.01, state=state)
        ours = tm.train_step(x, y)
        state = theirs.state
        assert (ours.loss, ours.gradient_norm) == (theirs.loss, theirs.gradient_norm)
    assert tm.flat.w.tobytes() == net.flat.w.tobytes()
    assert tm.step == 5 and tm.batch_size == 2


def test_before_it_is_built():
    tm = TextModel(rng=1)
    assert not tm.is_built and "not built" in repr(tm)
    for use in (
        lambda: tm.vocabulary,
        lambda: tm.network,
        lambda: tm.sample(3),
        lambda: tm.evaluate("ab"),
        lambda: tm.encode("ab"),
        lambda: tm.save("/nowhere"),
        lambda: tm.optimizer,
        lambda: tm.step,
    ):
        with pytest.raises(RuntimeError, match="the model has no vocabulary"):
            use()
    assert tm.build("ba") is tm and tm.is_built and tm.vocabulary == "ab"
    with pytest.raises(RuntimeError, match="already"):
        tm.build("ba")


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"cell": "mamba"}, ValueError, r"cell is unknown; .*got 'mamba'"),
        ({"tokenizer": "letters"}, ValueError, r"tokenizer is unknown; .*got 'letters'"),
        ({"hidden_sizes": []}, ValueError, "hidden_sizes is empty"),
        ({"hidden_sizes": [0]}, ValueError, r"hidden_sizes is out of range; .*got 0"),
        ({"hidden_sizes": 3}, TypeError, "hidden_sizes"),
        ({"embedding": 0}, ValueError, r"embedding is out of range; .*got 0"),
        ({"embedding": 2.0}, TypeError, r"embedding has the wrong type; .*got float"),
        ({"embedding": 3, "tied": True}, ValueError, "expected 128"),
        ({"dropout": 1}, ValueError, r"dropout is out of range; .*got 1"),
        ({"dropout": float("nan")}, ValueError, r"dropout is out of range; .*got nan"),
        ({"dropout": "0"}, TypeError, r"dropout has the wrong type; .*got str"),
        ({"dtype": "float16"}, TypeError, "float16"),
        ({"rng": "1"}, TypeError, r"rng has the wrong type; .*got str"),
    ],
)
def test_bad_settings(settings, error, words):
    with pytest.raises(error, match=words):
        TextModel(**settings)


def test_a_solver():
    tm = TextModel(hidden_sizes=[3], rng=1).build("abc")
    assert tm.optimizer is None
    with pytest.raises(RuntimeError, match="optimizer is not set"):
        tm.train_step([[0]], [[1]])
    with pytest.raises(TypeError, match=r"optimizer has the wrong type; .*got dict"):
        tm.optimizer = {}
    tm.optimizer = solver = recurrent.SGD(learning_rate=0.5, momentum=0.9)
    assert tm.optimizer is solver
    tm.train_step([[0]], [[1]])
    # the solver's own rate is taken where none is given
    twin = TextModel(hidden_sizes=[3], rng=1).build("abc")
    twin.optimizer = recurrent.SGD(learning_rate=7, momentum=0.9)
    twin.train_step([[0]], [[1]], 0.5)
    assert twin.flat.w.tobytes() == tm.flat.w.tobytes()


def test_notes():
    tm = TextModel(hidden_sizes=[3], rng=1).build("abc")
    assert tm.metadata == ""
    for notes in ("é\0\n\"'", "", "x" * 100_000):
        tm.metadata = notes
        assert tm.metadata == notes
    with pytest.raises(TypeError):
        tm.metadata = b"bytes"


# ---- alphabets


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nb\rc\n",
        "\ufeffa\0b",
        "é e\u0301 👩\u200d👩\u200d👧 \U0010ffff",
        "".join(map(chr, range(1, 0x3000))),
    ],
)
def test_nothing_is_merged_or_left_out(text):
    tm = TextModel(hidden_sizes=[2], rng=1).build(text)
    assert tm.vocabulary == "".join(sorted(set(text)))
    tokens = tm.encode(text)
    assert tokens.tolist() == [tm.vocabulary.index(letter) for letter in text]
    assert tm.decode(tokens) == text
    assert tm.encode(text.encode()).tolist() == tokens.tolist()
    data = text.encode()
    bytes_model = TextModel(hidden_sizes=[2], tokenizer="bytes", rng=1).build("")
    assert bytes_model.encode(text).tolist() == list(data)
    assert bytes_model.decode(list(data)) == text
    assert bytes_model.vocabulary is None


def test_unknown_characters():
    tm = TextModel(hidden_sizes=[2], rng=1).build("abc")
    with pytest.raises(ValueError, match=r"text\[2\] is outside the vocabulary; .*'x' \(U\+0078\)"):
        tm.encode("abx")
    assert tm.encode("axbx", errors="ignore").tolist() == [0, 1]
    assert tm.encode("axb", errors="replace", replacement="c").tolist() == [0, 2, 1]
    with pytest.raises(ValueError, match=r"replacement is outside the vocabulary; .*'z'"):
        tm.encode("ab", errors="replace", replacement="z")
    with pytest.raises(ValueError, match=r"errors is unknown; .*got 'skip'"):
        tm.encode("ab", errors="skip")
    assert tm.encode("").tolist() == [] and tm.decode([]) == ""
    assert tm.sample(3, prompt="aX", errors="ignore", rng=1) == tm.sample(3, prompt="a", rng=1)
    with pytest.raises(ValueError, match="'X'"):
        tm.sample(3, prompt="aX")


def test_text_that_is_no_text():
    tm = TextModel(hidden_sizes=[2], rng=1)
    with pytest.raises(ValueError, match="empty"):
        tm.build("")
    with pytest.raises(ValueError, match=r"UTF-8; .*byte 2"):
        tm.build(b"ab\xff")
    with pytest.raises(ValueError, match=r"surrogate at position 1; .*got U\+D800"):
        tm.build("a\ud800")
    with pytest.raises(TypeError, match=r"text has the wrong type; .*got set"):
        tm.build({"a"})
    # it can still be built
    assert tm.build("a").vocabulary == "a"
    with pytest.raises(IndexError, match=r"tokens\[1\] is .*got 1"):
        tm.decode([0, 1])
    with pytest.raises(TypeError, match="float"):
        tm.decode([0.5])


# ---- training


def test_bad_steps():
    tm = lesson()
    good = np.zeros((3, 2), np.int64)
    before = tm.flat.w.tobytes()
    for x, y, error, words in (
        (good[0], good[0], ValueError, r"\(T, B\)"),
        (good, good[:2], ValueError, r"\(2, 2\)"),
        (good.astype(float), good, TypeError, "float64"),
        (good + 99, good, IndexError, "99"),
        (good, good - 2, IndexError, "-2"),
        (good, good - 1, ValueError, "targets is empty"),
        (good[:0], good[:0], ValueError, "T and B .*got 0 and 2"),
    ):
        with pytest.raises(error, match=words):
            tm.train_step(x, y)
    for bad in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="learning_rate is"):
            tm.train_step(good, good, bad)
        with pytest.raises(ValueError, match="weight_decay is"):
            tm.train_step(good, good, weight_decay=bad)
    for bad in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="clip"):
            tm.train_step(good, good, clip=bad)
    assert tm.flat.w.tobytes() == before and tm.step == 0
    tm.train_step(good, good, clip=None)
    with pytest.raises(ValueError, match=r"B differs from the carried state; expected 2.*got 3"):
        tm.train_step(np.zeros((2, 3), int), np.zeros((2, 3), int))
    tm.reset_state()
    assert tm.batch_size == 0
    tm.train_step(np.zeros((2, 3), int), np.zeros((2, 3), int))
    assert tm.batch_size == 3


def test_a_step_that_diverges_changes_nothing():
    tm, twin = lesson(steps=3), lesson(steps=3)
    kept = tm.flat.w.copy()
    tm.parameters["bd"].w[:] = np.nan
    with pytest.raises(FloatingPointError, match=r"bd is not finite; .*got nan at \[0, 0\]"):
        train(tm, 1)
    with pytest.raises(FloatingPointError):
        tm.evaluate(TEXT)
    with pytest.raises(FloatingPointError):
        tm.sample(3)
    tm.flat.w[:] = kept
    assert train(tm, 3) == train(twin, 3)


# ---- evaluation


def by_hand(tm, tokens):
    """-Σ ln p over a text, from a forward pass of NumPy's own softmax."""
    scores, _ = tm.network.forward(tokens[:-1, None])
    scores = scores[:, 0].astype(np.float64)
    scores -= scores.max(1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return -logs[np.arange(len(logs)), tokens[1:]].sum()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_evaluate(cell, dtype):
    tm = lesson(cell, 30, dtype=dtype)
    tokens = tm.encode(TEXT)
    count = len(tokens) - 1
    for batch_size in (1, 2, 7, count, count + 9):
        length = -(-count // min(batch_size, count))
        parts = [tokens[at : at + length + 1] for at in range(0, count, length)]
        expected = sum(by_hand(tm, part) for part in parts) / count
        close(tm.evaluate(TEXT, batch_size), expected, 1e-6 if dtype == "float32" else 1e-12)
        # the C function, in one call
        nats, step = ctypes.c_double(), ctypes.c_int64()
        state = tm.network.zero_state(min(batch_size, count)).flat
        _c.lib.recurrent_text_model_evaluate(
            tm._handle.value,
            tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
            None,
            len(tokens),
            batch_size,
            length,
            state.ctypes.data,
            ctypes.byref(step),
            ctypes.byref(nats),
        )
        assert step.value == length
        assert tm.evaluate(tokens, batch_size) == nats.value / count
    # nothing has been learned or carried
    assert tm.evaluate(TEXT) == tm.evaluate(TEXT) and tm.step == 30


def test_evaluate_in_parts():
    tm = lesson(steps=10)
    long = TEXT * 30
    tokens = tm.encode(long)
    for batch_size in (1, 3):
        length = -(-(len(tokens) - 1) // batch_size)
        parts = [tokens[at : at + length + 1] for at in range(0, len(tokens) - 1, length)]
        close(
            tm.evaluate(long, batch_size), sum(by_hand(tm, part) for part in parts) / (len(tokens) - 1), 1e-12
        )


def test_bad_evaluations():
    tm = lesson()
    for text, batch_size, error, words in (
        ("a", 1, ValueError, "expected at least 2 tokens, got 1"),
        ("", 1, ValueError, "expected at least 2 tokens, got 0"),
        ("ab", 0, ValueError, r"batch_size is out of range; .*got 0"),
        ("ab", 1.0, TypeError, r"batch_size has the wrong type; .*got float"),
        ("aX", 1, ValueError, "'X'"),
        ([0, -1], 1, IndexError, r"tokens\[1\] is .*got -1"),
        ([99, 0], 1, IndexError, r"tokens\[0\] is .*got 99"),
    ):
        with pytest.raises(error, match=words):
            tm.evaluate(text, batch_size)


# ---- writing


def from_c(tm, n, prompt="", seed=1, stops=(), **settings):
    """The text of recurrent_generator_next_text, in one call; bytes where tokens are bytes."""
    words = json.dumps({"max_tokens": n, "stop": list(stops), **settings}).encode()
    random = recurrent.Random(seed) if seed is not None else None
    data = prompt.encode()
    generator = _c.new(
        _c.lib.recurrent_generator_create_text, _c.lib.recurrent_generator_free,
        tm._handle, words, len(words), data, len(data), random._handle if random else 0,
    )  # fmt: skip
    buffer, length, ended = ctypes.create_string_buffer(4 * (n + 128)), ctypes.c_int64(), ctypes.c_int32()
    _c.lib.recurrent_generator_next_text(
        generator, n + 1, buffer, len(buffer), ctypes.byref(length), ctypes.byref(ended)
    )
    assert ended.value == 1
    data = buffer.raw[: length.value]
    return data if tm.tokenizer == "bytes" else data.decode()


@pytest.fixture(scope="module")
def trained():
    return lesson(steps=300, dropout=0.0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.5},
        {"top_k": 3},
        {"top_p": 0.7, "min_p": 0.01},
        {"repetition_penalty": 1.3, "repetition_window": 5},
        {"repetition_penalty": 1.3},
    ],
)
def test_c_and_python_write_the_same(trained, settings):
    for prompt, n in itertools.product(("", "the fox", "q"), (0, 1, 700)):
        text = trained.sample(n, prompt, rng=3, **settings)
        assert len(text) == n
        assert text == from_c(trained, n, prompt, 3, **settings)
        assert text == "".join(trained.stream(n, prompt, rng=3, **settings))
    assert trained.sample(60, rng=3, **settings) == trained.sample(60, "\n", rng=3, **settings)


def test_the_likeliest(trained):
    text = trained.sample(50, "the", temperature=0)
    assert text == trained.sample(50, "the", temperature=0) == from_c(trained, 50, "the", None)
    scores, state = trained.network.forward(trained.encode("the")[:, None])
    for letter in text:
        token = int(scores[-1, 0].argmax())
        assert trained.vocabulary[token] == letter
        scores, state = trained.network.forward([[token]], state)


@pytest.mark.parametrize("dtype", DTYPES)
def test_stops(trained, dtype):
    whole = trained.sample(80, rng=2)
    for length, at in itertools.product((1, 2, 3), (0, 1, 30, 77)):
        stop = whole[at : at + length]
        ends = [stop + "\n\n\n", "\u2603", stop]
        expected = whole[: whole.index(stop)]
        assert trained.sample(80, stop=ends, rng=2) == expected == from_c(trained, 80, seed=2, stops=ends)
        assert "".join(trained.stream(80, stop=ends, rng=2)) == expected
    assert trained.sample(80, stop=whole + "\n", rng=2) == whole
    assert trained.sample(80, stop=(), rng=2) == whole
    # what may become a stop is held back, and no longer
    pieces = trained.stream(stop=whole[5:8], rng=2)
    assert [next(pieces) for _ in range(5)] == list(whole[:5]) and list(pieces) == []
    with pytest.raises(ValueError, match=r"stop\[1\] is empty"):
        trained.sample(3, stop=["a", ""])
    with pytest.raises(TypeError, match=r"stop has the wrong type; .*got int"):
        trained.sample(3, stop=[1])


def test_streams_have_no_end(trained):
    assert "".join(itertools.islice(trained.stream(rng=4), 1000)) == trained.sample(1000, rng=4)


def test_rng(trained):
    random = recurrent.Random(5)
    first, second = trained.sample(40, rng=random), trained.sample(40, rng=random)
    assert first == trained.sample(40, rng=5) != second
    assert trained.sample(40) != trained.sample(40)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"temperature": -1}, ValueError, "temperature is .*got -1"),
        ({"temperature": float("nan")}, ValueError, r"temperature is out of range; .*got nan"),
        ({"temperature": float("inf")}, ValueError, r"temperature is out of range; .*got inf"),
        ({"temperature": "1"}, TypeError, r"temperature has the wrong type; .*got str"),
        ({"top_k": 0}, ValueError, "top_k is .*got 0"),
        ({"top_k": 1.5}, TypeError, r"top_k has the wrong type; .*got float"),
        ({"top_p": 0}, ValueError, "top_p is .*got 0"),
        ({"top_p": 1.1}, ValueError, "top_p is .*got 1.1"),
        ({"top_p": float("nan")}, ValueError, r"top_p is out of range; .*got nan"),
        ({"min_p": -0.1}, ValueError, "min_p is .*got -0.1"),
        ({"repetition_penalty": 0}, ValueError, "repetition_penalty is .*got 0"),
        ({"repetition_window": -1}, ValueError, "repetition_window is .*got -1"),
        ({"n": -1}, ValueError, "n is .*-1"),
        ({"n": 2.5}, TypeError, r"n has the wrong type; .*got float"),
        ({"prompt": "\u2603"}, ValueError, "'☃'"),
        ({"prompt": 5}, TypeError, r"prompt has the wrong type; .*got int"),
        ({"rng": "x"}, TypeError, r"rng has the wrong type; .*got str"),
    ],
)
def test_bad_samples(trained, settings, error, words):
    settings = {"n": 5, **settings}
    for write in (trained.sample, trained.stream):
        # said at the call, and not at the first character
        with pytest.raises(error, match=words):
            write(**settings)


def test_bytes_are_never_shown_in_half():
    tm = TextModel(hidden_sizes=[3], tokenizer="bytes", rng=1).build("")
    for seed in range(20):
        text = tm.sample(200, temperature=3, rng=seed)
        assert text == "".join(tm.stream(200, temperature=3, rng=seed))
        data = from_c(tm, 200, seed=seed, temperature=3)
        assert data.decode("utf-8", "replace").startswith(text) and len(data) == 200
    # a model of one sentence of several bytes a character
    tm = TextModel(hidden_sizes=[24], tokenizer="bytes", rng=1).build("")
    tm.optimizer = recurrent.Adam(learning_rate=0.02)
    tokens = tm.encode("€é😀\n" * 8)
    for _ in range(150):
        tm.reset_state()
        tm.train_step(tokens[:-1, None], tokens[1:, None])
    for n in range(12):
        text = tm.sample(n, prompt="€é😀\n", temperature=0)
        assert "€é😀\n€é😀\n".startswith(text) and 0 <= n - len(text.encode()) < 4, (n, text)
        assert text == "".join(tm.stream(n, prompt="€é😀\n", temperature=0))


def test_bytes_are_lost_nowhere():
    """A text that is not UTF-8: what a model of bytes writes is the bytes themselves."""
    tm = TextModel(hidden_sizes=[24], tokenizer="bytes", rng=1).build("")
    tm.optimizer = recurrent.Adam(learning_rate=0.02)
    line = "le café, déjà vu.\n".encode("cp1252")
    tokens = tm.encode(line * 8)
    for _ in range(200):
        tm.reset_state()
        tm.train_step(tokens[:-1, None], tokens[1:, None])
    for n in (0, 1, 7, 40):
        data = tm.sample(n, prompt=line, temperature=0, as_bytes=True)
        assert data == (line * 3)[:n] and data == bytes(
            tm.network.generate(n, list(line), temperature=0).tolist()
        )
        parts = list(tm.stream(n, prompt=line, temperature=0, as_bytes=True))
        assert parts == [bytes([byte]) for byte in data]
        shown = codecs.getincrementaldecoder("utf-8")("replace").decode(data)
        assert tm.sample(n, prompt=line, temperature=0) == shown
    assert tm.sample(40, prompt=line, temperature=0, stop="vu", as_bytes=True) == line[:-4]
    assert tm.decode(tokens, as_bytes=True) == line * 8
    assert tm.decode(tokens[:7]) == "le caf" and tm.decode(tokens[:7], as_bytes=True) == line[:7]


@pytest.mark.parametrize("seed", range(10))
def test_bytes_of_any_kind(seed):
    """Whole characters where bytes are UTF-8, each other byte by itself; nothing is lost at the end."""
    tm = TextModel(hidden_sizes=[3], tokenizer="bytes", rng=1).build("")
    settings = {"temperature": 3, "rng": seed}
    data = tm.sample(300, as_bytes=True, **settings)
    assert data == bytes(tm.network.generate(300, [10], **settings).tolist()) and len(data) == 300
    parts = list(tm.stream(300, as_bytes=True, **settings))
    assert b"".join(parts) == data
    assert parts == [
        letter.encode("utf-8", "surrogateescape") for letter in data.decode("utf-8", "surrogateescape")
    ]


def test_characters_as_bytes():
    tm = lesson(text="aé€😀\n" * 9)
    text = tm.sample(50, rng=1)
    assert tm.sample(50, rng=1, as_bytes=True) == text.encode()
    assert list(tm.stream(50, rng=1, as_bytes=True)) == [letter.encode() for letter in text]
    assert tm.decode(tm.encode("é😀"), as_bytes=True) == "é😀".encode()
    for write in (tm.sample, tm.stream):
        with pytest.raises(TypeError, match=r"as_bytes has the wrong type; expected a bool, got int"):
            write(5, as_bytes=1)
    with pytest.raises(TypeError, match=r"as_bytes has the wrong type; expected a bool, got str"):
        tm.decode([0], as_bytes="yes")


# ---- the object


def test_representation():
    assert repr(lesson(steps=2)) == "<TextModel: lstm [6, 5], characters, float64, 30 tokens, step 2>"


def test_parts_outlive_the_model():
    w = lesson().flat.w
    network = lesson().network
    parameters = lesson().parameters
    assert np.isfinite(w).all() and len(network.generate(3, [1], rng=1)) == 3
    assert parameters["bd"].w.shape == (30, 1)


def test_an_interrupt_is_seen_while_it_writes(tmp_path: Path):
    """A long text ends soon after Ctrl-C."""
    done = python(
        "import recurrent, signal, time, threading, os\n"
        "tm = recurrent.TextModel(hidden_sizes=[32], rng=1).build('abc')\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "for use in (lambda: tm.sample(100_000_000), lambda: tm.evaluate('abc' * 10_000_000)):\n"
        "    try:\n"
        "        use()\n"
        "    except KeyboardInterrupt:\n"
        "        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "        print('seen', flush=True)\n"
        "os._exit(0)\n"
    )
    assert done.stdout.split() == ["seen", "seen"], done.stderr


def test_a_model_of_another_language():
    """Both files are made_text_model.py's; C and Swift are held to them too."""
    tm = TextModel.load(FIXTURES / "text_model.safetensors")
    text = "the " + tm.sample(120, prompt="the ", temperature=0.8, rng=7)
    assert text + "\n" == (FIXTURES / "text_model.txt").read_text(encoding="utf-8")


def test_evaluate_takes_bytes_of_any_kind():
    tm = recurrent.TextModel("rnn_tanh", [3], rng=1).build("the end")
    assert tm.evaluate(bytearray(b"the end")) == tm.evaluate("the end") == tm.evaluate(b"the end")


@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "sru"])
def test_samples_are_the_texts_of_their_seeds(tokenizer, cell):
    """Every option of the sampler, and stop strings: the texts of many seeds, each as alone."""
    tm = recurrent.TextModel(cell, [17, 9], rng=1, tokenizer=tokenizer).build(
        "the café 😀 sat on the mat€.\n" * 9
    )
    tm.flat.w = np.random.default_rng(2).uniform(-0.7, 0.7, (tm.flat.n, 1))
    for settings in (
        {},
        {"temperature": 0.8, "top_k": 5},
        {"top_p": 0.9, "min_p": 0.01},
        {"repetition_penalty": 1.4, "repetition_window": 9},
        {"stop": ["at", "é 😀"]},
        {"temperature": 0},
        {"prompt": "the?", "errors": "ignore"},
        {"as_bytes": True},
    ):
        texts = tm.sample(40, rng=5, samples=20, **settings)
        seeds = [int(word) for word in recurrent.Random(5).words(20)]
        assert texts == [tm.sample(40, rng=seed, **settings) for seed in seeds], settings


def test_samples_that_end_leave_the_others():
    tm = recurrent.TextModel("lstm", [12], rng=1).build("abcd")
    texts = tm.sample(700, rng=1, samples=30, stop=["aba", "dd" * 100])
    seeds = [int(word) for word in recurrent.Random(1).words(30)]
    assert texts == [tm.sample(700, rng=seed, stop=["aba", "dd" * 100]) for seed in seeds]
    assert len({len(text) for text in texts}) > 5


@pytest.mark.parametrize("samples", [0, -3, 5000])
def test_numbers_of_samples(samples):
    tm = recurrent.TextModel("lstm", [12], rng=1).build("abcd")
    with pytest.raises(ValueError, match=r"samples is out of range; expected .*, got "):
        tm.sample(7, samples=samples)
    assert tm.sample(5, rng=1, samples=1)[0] == tm.sample(5, rng=int(recurrent.Random(1).words(1)[0]))
