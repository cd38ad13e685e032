"""Words, byte pairs and tokenizers of the caller: text, generation, files and refusals."""

from __future__ import annotations

import copy
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent.cli import main
from recurrent.text import coder as coders
from recurrent.text.coder import Coder

tokenizers = pytest.importorskip("tokenizers")

TEXT = (
    "The cat sat on the mat.\nThe dog, it's said, sat on a log; naïve 日本 😀!\n\n  So did the cat.\r\n" * 8
)
SETTINGS = {"batch_size": 2, "seq_length": 5, "progress": False, "validation_split": 0.2}
KINDS = ("words", "bpe")


def new(tokenizer="bpe", **settings):
    return recurrent.TextModel("gru", [6], tokenizer=tokenizer, rng=1, **settings)


def own():
    """A tokenizer of the caller, whose decoder joins tokens by their neighbors."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.decoder = tokenizers.decoders.Metaspace()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=60, special_tokens=["[UNK]", "[CLS]"], show_progress=False
    )
    made.train_from_iterator([TEXT], trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 1)]
    )
    made.enable_truncation(7)
    made.enable_padding(length=12)
    return made


# ---- text and tokens


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_its_tokens(kind):
    tm = new(kind).build(TEXT)
    for text in (TEXT, "", "the cat", "\n", "  ", " sat  on\r\n", TEXT[8:48]):
        tokens = tm.encode(text)
        assert tm.decode(tokens) == text and tm.decode(tokens, as_bytes=True) == text.encode()
    assert tm.vocabulary is None and tm.tokenizer == kind and len(tm.characters) == tm.vocabulary_size
    assert "".join(tm.characters[token] for token in tm.encode("the cat sat")) == "the cat sat"


def test_byte_pairs_know_every_text():
    tm = new("bpe", vocabulary_size=300).build(TEXT)
    assert tm.vocabulary_size == 300
    text = "".join(chr(code) for code in range(0, 0x11000, 7) if not 0xD800 <= code < 0xE000)
    assert tm.decode(tm.encode(text)) == text
    # a token may be half a character
    half = tm.encode("€")[:1]
    assert tm.decode(half, as_bytes=True) == b"\xe2" and tm.decode(half) == ""
    assert tm.characters[int(half[0])] == "\\xe2"


def test_words_have_one_token_each():
    tm = new("words").build("To be, or not to be:\n  that's it")
    words = [tm.decode([token]) for token in tm.encode("not to be,\n be")]
    assert words == ["not", " ", "to", " ", "be", ",", "\n", " ", "be"]
    tm = new("words", vocabulary_size=5).build("a a a a b b b c c d\n")
    assert tm.characters == ["<unk>", " ", "a", "b", "c"] and tm.vocabulary_size == 5
    for text, at in (("d a", 0), ("a b d", 4), ("a😀", 1), ("日d", 0)):
        word = text[at:].split()[0]
        with pytest.raises(
            ValueError,
            match=rf"text\[{at}\] is outside the vocabulary; expected a known word, or errors='replace' for <unk>, "
            f"got '{word}'",
        ):
            tm.encode(text)
    assert tm.encode("a d b", errors="ignore").tolist() == [2, 1, 1, 3]
    assert tm.encode("a d b", errors="replace").tolist() == [2, 1, 0, 1, 3]
    assert tm.encode("a d b", errors="replace", replacement="c").tolist() == [2, 1, 4, 1, 3]
    # the text of the unknown token is the token
    assert tm.decode(tm.encode("a<unk> b")) == "a<unk> b"
    for replacement in ("d", "a b", ""):
        with pytest.raises(
            ValueError, match="replacement is outside the vocabulary; expected the text of one token"
        ):
            tm.encode("a d", "replace", replacement)
    with pytest.raises(ValueError, match="replacement is without effect"):
        tm.encode("a", replacement="b")
    with pytest.raises(ValueError, match="errors is unknown"):
        tm.encode("a", "other")


def test_long_texts_are_encoded_in_parts(monkeypatch):
    for kind in KINDS:
        tm = new(kind).build(TEXT)
        whole = tm.encode(TEXT)
        for size in (1, 7, 40):
            monkeypatch.setattr(coders, "_CHUNK", size)
            assert (
                np.array_equal(tm.encode(TEXT), whole) and new(kind).build(TEXT)._coder.json == tm._coder.json
            )
        monkeypatch.undo()


def test_training_is_deterministic():
    for kind in KINDS:
        assert Coder.train(kind, TEXT, 300).json == Coder.train(kind, TEXT, 300).json


def test_tokens_out_of_range():
    tm = new().build(TEXT)
    for token in (-1, tm.vocabulary_size):
        with pytest.raises(IndexError, match=rf"tokens\[1\] is out of range; expected 0 to .*, got {token}"):
            tm.decode([0, token])
    with pytest.raises(ValueError, match="text is not valid UTF-8; expected UTF-8, got 0xFF at byte 2"):
        tm.encode(b"ab\xff")


# ---- the caller's own


def test_a_tokenizer_of_the_caller(tmp_path):
    made = own()
    path = tmp_path / "t.json"
    made.save(str(path))
    for tokenizer in (made, path):
        tm = new(tokenizer)
        assert tm.tokenizer == "custom" and not tm.is_built
        tm.fit(TEXT, 3, **SETTINGS, errors="replace")
        # neither special tokens around the text nor truncation nor padding
        tokens = tm.encode("The cat sat on the mat.")
        assert 1 not in tokens and len(tokens) == 9 and tm.decode(tokens) == "The cat sat on the mat."
        with pytest.raises(ValueError, match=r"text\[3\] is outside the vocabulary; .* for \[UNK\], got"):
            tm.encode("catQ")
    assert made.truncation and made.padding
    text = tm.sample(30, "The cat", rng=3)
    assert "".join(tm.stream(30, "The cat", rng=3)) == text


def test_streams_of_the_caller_are_its_text():
    coder = Coder.of(own())
    tokens = coder.encode("The cat sat on the mat. The dog").tolist()
    before, text = [], b""
    for token in tokens:
        before, new_text = coder.follow(before, [token])
        text += new_text
    assert text.decode() == "The cat sat on the mat. The dog"


@pytest.mark.parametrize(
    "data, got",
    [
        (b"", "EOF"),
        (b"hello", "expected"),
        (b"{}", "missing"),
        (b'{"model": 3}', ""),
        (b"\xff\xfe", "not UTF-8"),
    ],
    ids=["empty", "text", "object", "JSON", "binary"],
)
def test_a_file_that_is_no_tokenizer(data, got, tmp_path):
    path = tmp_path / "t.json"
    path.write_bytes(data)
    with pytest.raises(
        ValueError,
        match=rf"tokenizer '.*t\.json' is no tokenizer; expected the JSON of the tokenizers .*{got}",
    ):
        new(path)


def test_what_is_no_tokenizer(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot read '.*none\.json': no such file"):
        new(tmp_path / "none.json")
    for value in (5, None, ["words"], object(), tokenizers.models.BPE()):
        with pytest.raises(
            TypeError, match=r"tokenizer has the wrong type; expected 'characters', 'bytes', 'words'"
        ):
            new(value)
    with pytest.raises(ValueError, match=r"tokenizer is unknown; expected .*words.*, got 'word'"):
        new("word")
    with pytest.raises(ValueError, match="tokenizer has no tokens"):
        new(tokenizers.Tokenizer(tokenizers.models.BPE()))
    for tokenizer, size, sentence in (
        ("characters", 9, "without effect; expected None, as tokenizer is 'characters', got 9"),
        ("bytes", 300, "without effect"),
        (own(), 300, "without effect; expected None, as tokenizer is 'custom'"),
        ("words", 1, "out of range; expected at least 2, got 1"),
        ("bpe", 255, "out of range; expected at least 256, got 255"),
    ):
        with pytest.raises(ValueError, match=f"vocabulary_size is {sentence}"):
            new(tokenizer, vocabulary_size=size)
    with pytest.raises(TypeError, match="vocabulary_size has the wrong type"):
        new("bpe", vocabulary_size="9")


# ---- training, generation and evaluation


@pytest.mark.parametrize("kind", [*KINDS, "custom"])
def test_training_goes_on_to_the_same_bits(kind, tmp_path):
    def model():
        return new(own() if kind == "custom" else kind)

    settings = {**SETTINGS, "learning_rate": 0.01, **({"errors": "replace"} if kind == "custom" else {})}
    whole, tm = model(), model()
    history = whole.fit(TEXT, 12, **settings)
    tm.fit(TEXT, 5, checkpoint=tmp_path / "m", **settings)
    again = recurrent.load(tmp_path / "m")
    assert (again.tokenizer, again.vocabulary_size) == (kind, whole.vocabulary_size)
    again.resume(TEXT, 7, progress=False)
    assert np.array_equal(again.flat.w, whole.flat.w) and again.history.train == history.train
    assert again.sample(20, "The", rng=4) == whole.sample(20, "The", rng=4)
    assert again.evaluate(TEXT, errors="replace") == whole.evaluate(TEXT, errors="replace")
    for copied in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):
        assert np.array_equal(copied.encode("The cat"), whole.encode("The cat"))
        assert copied.sample(9, rng=1) == whole.sample(9, rng=1)
    unbuilt = copy.deepcopy(model())
    unbuilt.fit(TEXT, 12, **settings)
    assert np.array_equal(unbuilt.flat.w, whole.flat.w)


def test_rare_words_of_the_own_text_are_unknown_words():
    tm = new("words", vocabulary_size=8)
    tm.fit(TEXT, 3, **SETTINGS)
    assert tm.trainer.settings.errors == "replace" and tm.vocabulary_size == 8
    # of another text they are an error, unless the caller says so
    with pytest.raises(ValueError, match="is outside the vocabulary; expected a known word"):
        tm.fit(TEXT, 3, **SETTINGS)
    tm.fit(TEXT, 3, errors="replace", **SETTINGS)
    assert tm.step == 6


def test_a_text_that_is_too_short_builds_nothing():
    for tokenizer in (*KINDS, own()):
        tm = new(tokenizer)
        with pytest.raises(
            ValueError, match="the text is too short; expected at least 11 tokens for a batch of 2 x 5"
        ):
            tm.fit("cat", 3, **SETTINGS)
        assert not tm.is_built and tm.history is None
        tm.fit(TEXT, epochs=1, errors="replace", **SETTINGS)
        assert tm.step == tm.trainer.epoch_steps


@pytest.mark.parametrize("kind", KINDS)
def test_generation(kind):
    tm = new(kind)
    tm.fit(TEXT, 60, optimizer=recurrent.Adam(learning_rate=0.05), **SETTINGS)
    text = tm.sample(40, "The cat", rng=2)
    assert text and "".join(tm.stream(40, "The cat", rng=2)) == text
    data = tm.sample(40, "The cat", rng=2, as_bytes=True)
    assert b"".join(tm.stream(40, b"The cat", rng=2, as_bytes=True)) == data
    assert data.decode("utf-8", "ignore") in (text, text.replace("\ufffd", ""))
    assert tm.sample(40, "The cat", temperature=0) == tm.sample(40, "The cat", temperature=0)
    assert tm.sample(0) == ""
    # a stop string may begin and end within tokens
    assert len(text) > 8
    stop = text[3:6]
    expected = text[: text.index(stop)]
    assert tm.sample(40, "The cat", stop=stop, rng=2) == expected
    assert "".join(tm.stream(40, "The cat", stop=[stop, "never"], rng=2)) == expected
    # the tokens that a whole call and a stream draw are the same
    first, second = recurrent.Random(5), recurrent.Random(5)
    tm.sample(10, rng=first, stop=stop), list(tm.stream(10, rng=second, stop=stop))
    assert first.state == second.state
    for stop, error in (("", ValueError), (5, TypeError)):
        with pytest.raises(error, match="stop"):
            tm.sample(3, stop=stop)
    with pytest.raises(ValueError, match="prompt is not valid UTF-8"):
        tm.sample(3, b"\xff")


def test_whole_characters_are_streamed():
    tm = new("bpe", vocabulary_size=256)
    tm.fit("日本語😀" * 60, 60, optimizer=recurrent.Adam(learning_rate=0.05), **SETTINGS)
    pieces = list(tm.stream(60, "日", rng=1))
    assert all(len(piece) == 1 for piece in pieces) and "".join(pieces) == tm.sample(60, "日", rng=1)


def test_figures_of_different_tokens_compare():
    tm = new("bytes")
    tm.build("")
    tokens, characters, size = tm.encode(TEXT), len(TEXT), len(TEXT.encode())
    nats = tm.evaluate(TEXT)
    assert tm.evaluate(TEXT, per="byte") == pytest.approx(nats * (size - 1) / (size - 1))
    assert tm.evaluate(TEXT, per="character") == pytest.approx(nats * (size - 1) / (characters - 1))
    words = new("words").build(TEXT)
    tokens, nats = words.encode(TEXT), words.evaluate(TEXT)
    rest = words.decode(tokens[1:])
    assert words.evaluate(TEXT, per="character") == pytest.approx(nats * (len(tokens) - 1) / len(rest))
    assert words.evaluate(TEXT, per="byte") == pytest.approx(nats * (len(tokens) - 1) / len(rest.encode()))
    assert math.isclose(nats, math.log(words.vocabulary_size), rel_tol=0.05)
    with pytest.raises(
        ValueError, match="per is unknown; expected one of 'token', 'character', 'byte', got 'word'"
    ):
        words.evaluate(TEXT, per="word")


def test_introspection():
    tm = new("words").build(TEXT)
    assert tm.next_characters("The cat", 2)[-1][0][0] in tm.characters
    assert "span" in tm.html("The cat sat", "h0", 0)
    assert "<TextModel: gru [6], words" in repr(tm)


# ---- files


def test_the_json_is_in_the_file(tmp_path):
    tm = new("bpe", vocabulary_size=300).build(TEXT)
    tm.save(tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    assert header["tokenizer"] == tm._coder.json
    model = json.loads(header["model"])
    assert (model["tokenizer"], model["vocabulary_size"]) == ("bpe", 300)
    assert tokenizers.Tokenizer.from_str(header["tokenizer"]).get_vocab_size() == 300


def test_a_json_that_does_not_fit_is_a_sentence():
    tm = new("bpe", vocabulary_size=300).build(TEXT)
    other = Coder.train("words", TEXT, None)
    for json_, sentence in (
        (
            other.json,
            f"the tokenizer of the model has the wrong number of tokens; expected 300, got {other.size}",
        ),
        ("{}", "tokenizer the model is no tokenizer; expected the JSON"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Coder.of_json("bpe", json_, 300)
    assert Coder.of_json("bpe", tm._coder.json, 300).json == tm._coder.json


PROGRAM = """
import sys
sys.modules["tokenizers"] = None
import numpy, recurrent
tm = recurrent.load(sys.argv[1])
print(tm, tm.vocabulary_size, tm.parameters["bd"].shape, len(tm.network.generate(4, [1], rng=1)))
for call in (lambda: tm.encode("a"), lambda: tm.sample(3), lambda: tm.characters, lambda: recurrent.TextModel(
    tokenizer="words").build("a"), lambda: tm.resume(steps=1)):
    try:
        call()
    except ImportError as error:
        print(error)
"""


def test_the_package_may_be_missing(tmp_path):
    tm = new()
    tm.fit(TEXT, 2, **SETTINGS)
    tm.save(tmp_path / "m")
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "m")], capture_output=True, text=True, check=False
    )
    lines = found.stdout.splitlines()
    assert lines[0].startswith("<TextModel: gru [6], bpe, float32,"), found.stderr
    need = "the text of a model of bpe requires the tokenizers package: pip install tokenizers"
    assert lines[1:4] == [need] * 3
    assert lines[4] == "tokenizer='words' requires the tokenizers package: pip install tokenizers"


# ---- the command

SMALL = ["--hidden-sizes", "6", "--batch-size", "2", "--seq-length", "5", "--steps", "4", "--checkpoint", "m"]


@pytest.mark.parametrize("kind", ["words", "bpe", "own.json"])
def test_the_command(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TEXT)
    own().save("own.json")
    size = [] if kind == "own.json" else ["--vocabulary-size", "300"]
    assert main(["train", "t.txt", "--tokenizer", kind, *size, *SMALL]) == 0
    printed = capsys.readouterr().out
    assert " tokens, " in printed and "nats per token" in printed
    assert main(["resume", "m", "--steps", "2", "--quiet"]) == 0
    assert main(["sample", "m", "--length", "9", "--seed", "1", "--prompt", "The cat"]) == 0
    assert capsys.readouterr().out.startswith("The cat")
    assert main(["evaluate", "m", "t.txt", "--json", "--errors", "replace"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unit"] == "token" and found["bits_per_byte"] < found["bits"]
    assert main(["info", "m"]) == 0
    assert " tokens of " in capsys.readouterr().out


def test_refusals_of_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TEXT)
    Path("bad.json").write_text("{}")
    for words, status, sentence in (
        (["--tokenizer", "letters"], 2, "expected characters, bytes, words, bpe or FILE.json, got 'letters'"),
        (["--tokenizer", "bad.json"], 1, "tokenizer 'bad.json' is no tokenizer"),
        (["--tokenizer", "none.json"], 1, "cannot read 'none.json'"),
        (["--vocabulary-size", "9"], 1, "--vocabulary-size is without effect"),
        (["--tokenizer", "bpe", "--vocabulary-size", "9"], 1, "--vocabulary-size is out of range"),
    ):
        try:
            found = main(["train", "t.txt", *words, *SMALL])
        except SystemExit as error:
            found = error.code
        assert (found, sentence in capsys.readouterr().err) == (status, True), words
        assert not Path("m").exists()
