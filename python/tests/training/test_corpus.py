"""Training texts: reading and refusals."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import texts
from recurrent.training import corpus as _corpus
from recurrent.training.corpus import Corpus


def small(tokenizer="characters"):
    return recurrent.TextModel("gru", [4], tokenizer=tokenizer, rng=1)


def encoded(corpus, model):
    return corpus.encode(model.encode, model.vocabulary_size, model.vocabulary)


def learn(source, model=None, **settings):
    """Two steps, each of two streams of three."""
    model = model or small()
    settings = {"validation_split": 0, "progress": False, **settings}
    model.fit(source, steps=2, batch_size=2, seq_length=3, **settings)
    return model


# ---- read as it is


@pytest.mark.parametrize(
    "text",
    [
        "one\r\ntwo\r\n",
        "a\0b\0c\0d",
        "héllo é e\u0301",
        "😀 und 👩\u200d👩\u200d👧 🇩🇪",
        "\ufeffmark within\ufeff",
    ],
    ids=["CRLF", "NUL", "combining", "emoji", "BOM"],
)
def test_characters_are_code_points(text, tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(text.encode())
    found = learn(text)
    assert found.vocabulary == "".join(sorted(set(text)))
    assert found.decode(found.encode(text)) == text
    # a file's first mark says how it is encoded, and is no text
    expected = text.removeprefix("\ufeff")
    assert Corpus(path, "characters").data.decode() == expected
    assert learn(path).vocabulary == "".join(sorted(set(expected)))
    # a character that is in the file as half of another one's bytes is still whole
    assert Corpus(path, "characters").length == len(expected)


def test_bytes_are_bytes(tmp_path):
    data = b"\xef\xbb\xbf\xff\xfe\0\r\n\x80" * 3
    path = tmp_path / "t.bin"
    path.write_bytes(data)
    corpus, model = Corpus(path, "bytes"), learn(path, small("bytes"))
    assert corpus.data == data and corpus.length == len(data)
    assert encoded(corpus, model).tobytes() == data
    assert model.vocabulary is None


def test_parts_end_where_characters_do(monkeypatch):
    text = "aé😀日" * 50
    whole = Corpus(text, "characters")
    for part in (4, 5, 6, 7, 64):
        monkeypatch.setattr(_corpus, "_CHUNK", part)
        corpus, model = Corpus(text, "characters"), small().build(text)
        assert (
            (corpus.letters, corpus.length) == (whole.letters, whole.length) == (frozenset(text), len(text))
        )
        assert model.decode(encoded(corpus, model).astype(int)) == text
        with pytest.raises(ValueError, match=r"character 3 of the text is unknown; .*got '日'"):
            encoded(corpus, small().build("aé😀"))
        with pytest.raises(ValueError, match="not valid UTF-8; expected UTF-8, got 0xE9 at byte 401"):
            Corpus(text.encode()[:401] + b"\xe9" + text.encode()[401:], "characters")


def test_tokens_are_small():
    for count, kind in ((200, np.uint8), (256, np.uint8), (257, np.uint16), (70000, np.uint32)):
        text = "".join(chr(0x4E00 + k) if k < 0x5000 else chr(0x10000 + k) for k in range(count))
        tokens = encoded(Corpus(text, "characters"), small().build(text))
        assert tokens.dtype == kind and np.array_equal(np.sort(tokens), np.arange(count))


def test_a_str_is_text_and_a_path_is_a_file(working_directory):
    (working_directory / "poem").write_text("roses are red")
    assert Corpus(Path("poem"), "characters").data == b"roses are red"
    with pytest.raises(ValueError, match=r"text looks like the name of a file; expected Path\('poem'\)"):
        Corpus("poem", "characters")
    assert Corpus(b"poem", "characters").data == b"poem"
    assert Corpus("novel", "characters").data == b"novel"
    assert Corpus("x" * 5000, "characters").extents[0].path is None
    with pytest.raises(
        ValueError, match=r"the text is too short; .* got 5; .*; a str is text, and a Path is a file"
    ):
        learn("novel")


def test_a_vocabulary_is_no_name_of_a_file():
    assert learn("ab/" * 100).vocabulary == "/ab"


def test_unknown_characters():
    model = learn("hello help hello")
    with pytest.raises(ValueError, match=r"character 6 of the text is unknown; .*got 'w' \(U\+0077\)"):
        learn("hello world", model)
    assert learn("hello world hello", model, errors="ignore").step == 4
    assert learn("hello world hello", model, errors="replace", replacement="o").step == 6
    with pytest.raises(ValueError, match=r"the text is too short; .*got 5"):
        learn("hell www", model, errors="ignore")
    with pytest.raises(ValueError, match=r"character 2 of .*got U\+0007"):
        learn("he\a" * 9, model)


# ---- refused


def refuse(source, error, sentence, model=None):
    """Refused with a sentence, and the model is as it was."""
    model = model or small()
    with pytest.raises(error, match=sentence):
        learn(source, model)
    assert not model.is_built and model.history is None


@pytest.mark.parametrize("length", [0, 1, 6])
def test_too_short(length, tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("x" * length)
    sentence = (
        ".*t.txt' has no training data; expected at least 1 character, got none"
        if not length
        else f"t.txt' is too short; expected at least 7 characters for a batch of 2 x 3, got {length}; lower batch"
    )
    refuse(path, ValueError, sentence)
    refuse("x" * length, ValueError, sentence.replace(".*t.txt'", "the text").replace("t.txt'", "the text"))
    refuse(path, ValueError, sentence.replace("characters", "bytes"), small("bytes"))
    path.write_text("x" * 7)
    assert learn(path).step == 2


def test_only_a_mark_is_nothing(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbf")
    refuse(tmp_path / "t.txt", ValueError, "t.txt' has no training data")


@pytest.mark.parametrize(
    "data, at",
    [
        (b"abc\xe9def", 3),
        (b"\xff\xf0ab", 0),
        (b"ok \xc3", 3),
        (b"ok \xed\xa0\x80 no", 3),
        (b"ok \xc0\x80 no", 3),
        (b"ok \xf4\x90\x80\x80 no", 3),
        (b"\xf0\x9f\x98", 0),
        (b"a" * (1 << 20) + b"\x80", 1 << 20),
    ],
    ids=["Latin-1", "binary", "cut", "surrogate", "overlong", "too far", "cut emoji", "second part"],
)
def test_invalid_utf8_is_named(data, at, tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(data)
    got = f"0x{data[at]:02X} at byte {at}"
    sentence = f"is not valid UTF-8; expected UTF-8, got {got}; "
    remedy = "tokenizer='bytes' reads anything"
    refuse(path, ValueError, f"{sentence}encoding='cp1252' reads Windows-1252; {remedy}")
    refuse(data, ValueError, f"the text {sentence}{remedy}")


def test_a_lone_surrogate():
    refuse("abc\ud800def", ValueError, r"text has a lone surrogate at position 3; .*got U\+D800")


@pytest.mark.parametrize("source", [None, 5, {"a"}, np.zeros(3)])
def test_no_text(source):
    refuse(
        source,
        TypeError,
        f"text has the wrong type; expected a str, bytes or a Path, got {type(source).__name__}",
    )


def test_what_is_no_file(tmp_path):
    refuse(tmp_path / "none", FileNotFoundError, "cannot read '.*none': no such file or directory")
    refuse(tmp_path, FileNotFoundError, "cannot read '.*': no file \\*.txt is in the directory")
    refuse(tmp_path / "none" / "deeper", FileNotFoundError, "no such file")
    (tmp_path / "file").write_text("x" * 50)
    refuse(tmp_path / "file" / "deeper", NotADirectoryError, "not a directory")
    refuse(Path("a\0b"), ValueError, "cannot read 'a\\\\x00b': embedded null byte")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refuse(tmp_path / "loop", OSError, "cannot read '.*loop': too many levels")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    refuse(tmp_path / "dangling", FileNotFoundError, "no such file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refuse(tmp_path / "pipe", OSError, "cannot read '.*pipe': not a regular file")
    if Path("/dev/zero").exists():
        refuse(Path("/dev/zero"), OSError, "cannot read '/dev/zero': not a regular file")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no users here")
def test_permissions(tmp_path):
    path, user = tmp_path / "t.txt", os.geteuid()
    path.write_text("x" * 50)
    path.chmod(0)
    if user == 0:
        # root may read everything, so use another user
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        refuse(path, PermissionError, "cannot read '.*': permission denied")
    finally:
        os.seteuid(user)


def test_too_large(tmp_path, monkeypatch):
    path = tmp_path / "t.txt"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)
    sentence = r"cannot read '.*t.txt': expected at most 1,073,741,824 bytes, got 1,073,741,825"
    refuse(path, OSError, sentence)
    monkeypatch.setattr(_corpus, "MAX_BYTES", 99)
    monkeypatch.setattr(texts, "MAX_BYTES", 99)
    refuse("x" * 100, ValueError, "the text is too long; expected at most 99 bytes, got 100")
    path.write_text("x" * 99)
    assert learn(path).step == 2


def test_the_sentences_have_no_surprises():
    """No sentence shows an object's insides."""
    for source in (b"", b"\xff", "x"):
        with pytest.raises(ValueError) as caught:
            learn(source)
        assert not re.search(r"<|0x[0-9a-f]{6}|object at", str(caught.value)), caught.value


# ---- other encodings


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be", "UTF-8-sig", "shift_jis"])
def test_other_encodings(encoding, tmp_path):
    text = "the cat, \u65e5\u672c. " if encoding != "cp1252" else "le caf\xe9 \u20ac "
    path, other = tmp_path / "t.txt", tmp_path / "v.txt"
    path.write_bytes((text * 9).encode(encoding))
    other.write_bytes((text * 2).encode(encoding))
    found = learn(path, validation_data=other, encoding=encoding)
    assert found.vocabulary == "".join(sorted(set(text)))
    assert np.array_equal(found.flat.w, learn(text * 9, validation_data=text * 2).flat.w)
    # the run stores the encoding
    found.save(tmp_path / "m")
    again = recurrent.TextModel.load(tmp_path / "m")
    again.resume(steps=1, progress=False)
    assert again.step == 3


def test_an_encoding_without_effect_is_refused(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("the cat. " * 9)
    for source, tokenizer, words in (
        ("the cat. " * 9, "characters", "expected the Path of a text, got 'cp1252'"),
        (b"the cat. " * 9, "characters", "expected the Path of a text, got 'cp1252'"),
        (path, "bytes", "expected None, as tokens are bytes, got 'cp1252'"),
    ):
        with pytest.raises(ValueError, match=f"encoding is without effect; {words}"):
            learn(source, small(tokenizer), encoding="cp1252")
    for encoding in ("foo", "base64", "a\0b"):
        with pytest.raises(ValueError, match=r"encoding is unknown; expected an encoding of text, such as"):
            learn(path, encoding=encoding)
    with pytest.raises(TypeError, match=r"encoding has the wrong type; expected a str or None, got int"):
        learn(path, encoding=8)
