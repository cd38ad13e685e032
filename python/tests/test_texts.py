"""Texts and names of files as arguments."""

import string
from pathlib import Path

import pytest

import recurrent
from recurrent.texts import as_text_or_file, is_file_name
from recurrent.web import live

NAMES = """\
book.txt
val.txt
valid.txt
BOOK.TXT
War and Peace.txt
my data (2).csv
corpus.dat
wiki.train.raw
shakespeare.en
input.tar.gz
main.c
.hidden.txt
model.safetensors
data/input
data/input.txt
./input
../input
../../texts/a
~/texts/a
/data/corpus
/tmp/übung
texts/日本語
C:/texts/a.txt
https://example.com/book.txt
nope/none
""".splitlines()
TEXTS = """\
hello world
hello help hello
e.g. this
e.g
U.S.A
a.b
3.14
1/2
12/31/2020
8/2+1=5
he said and/or she said
a or b / c
The end.
Is it so? Yes.
see www.example.com for more
the file is called book.txt.
/
a
.
..
...
:/
<b>bold</b>
x = a/b;
{"a":"b/c"}
SELECT*FROM/a
abcabcabc
novel
日本語
""".splitlines()


@pytest.mark.parametrize("name", [*NAMES, "/" + "a/" * 200, "a" * 200 + ".txt"])
def test_names_of_files(name, working_directory):
    assert is_file_name(name)
    with pytest.raises(ValueError) as caught:
        as_text_or_file(name, "validation_data")
    assert str(caught.value) == (
        f"validation_data looks like the name of a file; expected Path({name!r}) for the file, or "
        f"{name!r}.encode() for these characters, got a str"
    )
    # with a line end it is a text, and so are bytes
    assert as_text_or_file(name + "\n", "text") == f"{name}\n".encode()
    assert as_text_or_file(name.encode(), "text") == name.encode()


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS,
        "",
        "a\0b",
        "one\rbook.txt",
        "one\nbook.txt",
        "word " * 60 + "book.txt",
        "a/b" * 100,
        string.digits + "+-*/.",
        string.printable,
        "".join(sorted("to be or not to be, that is / the question")),
    ],
)
def test_texts(text, working_directory):
    assert not is_file_name(text)
    assert as_text_or_file(text, "text") == text.encode()


def test_a_file_that_exists(working_directory):
    for name in ("poem", "a poem", "x"):
        Path(name).write_text("roses")
    Path("folder").mkdir()
    assert is_file_name("poem") and is_file_name("a poem")
    # one character, as where a text is encoded character by character; a folder is no text
    assert not is_file_name("x") and not is_file_name("folder") and not is_file_name("poems")
    assert as_text_or_file(Path("poem"), "text") == b"roses"


def test_the_mark_of_a_file(tmp_path):
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfab")
    assert as_text_or_file(tmp_path / "t", "text") == b"ab"
    assert as_text_or_file(tmp_path / "t", "text", "bytes") == b"\xef\xbb\xbfab"


def test_every_argument_that_takes_a_text(tmp_path):
    """A Path is a file, a str is text, and the name of a file is refused."""
    content = "hello help, a text of a few words. " * 20
    path, kw = tmp_path / "t.txt", {"batch_size": 2, "seq_length": 4, "progress": False}
    path.write_text(content, encoding="utf-8")
    tm = recurrent.TextModel("gru", [3], rng=1).build(path)
    assert tm.vocabulary == "".join(sorted(set(content)))
    tm.fit(path, 2, validation_data=path, **kw)
    uses = {
        "build": lambda text: recurrent.TextModel(hidden_sizes=[2]).build(text),
        "encode": tm.encode,
        "evaluate": tm.evaluate,
        "activations": tm.activations,
        "next_characters": tm.next_characters,
        "gradient_norms": tm.gradient_norms,
        "html": lambda text: tm.html(text, "h0", 0),
        "fit": lambda text: tm.fit(text, 2, **kw),
        "validation_data": lambda text: tm.fit(content, 2, validation_data=text, **kw),
        "resume": lambda text: tm.resume(text, 1, validation_data=content, progress=False),
        "resume's validation_data": lambda text: tm.resume(content, 1, validation_data=text, progress=False),
        "sentences": lambda text: recurrent.SentenceModel(text, hidden_sizes=[2]),
    }
    for name, use in uses.items():
        before = tm.flat.w.copy(), tm.step
        for given in ("t.txt", "texts/t", str(path)):
            with pytest.raises(ValueError, match=r"looks like the name of a file; expected Path\("):
                use(given)
        with pytest.raises(FileNotFoundError, match="cannot read"):
            use(tmp_path / "none.txt")
        assert (tm.flat.w == before[0]).all() and tm.step == before[1], name
        for given in (path, content, content.encode()):
            use(given)
    assert tm.evaluate(path) == tm.evaluate(content) == tm.evaluate(tm.encode(content))


def test_the_page():
    pytest.importorskip("anywidget")
    with pytest.raises(ValueError, match=r"text looks like the name of a file; expected Path\('book.txt'\)"):
        live("book.txt")


def test_other_kinds_of_files_are_named(tmp_path):
    """By every function that reads a file: its NULs would be learned."""
    path = tmp_path / "t.txt"
    path.write_bytes(("the cat sat.\n" * 9).encode("utf-16-le"))
    model = recurrent.TextModel(hidden_sizes=[3], rng=1).build("the cat sat.\n\0")
    words = r"t.txt' is UTF-16; expected UTF-8, got NUL .*: Path.read_text\(encoding='utf-16-le'\) reads it"
    for use in (model.encode, model.evaluate, recurrent.TextModel().build, recurrent.SentenceModel):
        with pytest.raises(ValueError, match=words):
            use(path)
    assert as_text_or_file(path, "text", "bytes") == path.read_bytes()
    assert as_text_or_file(path, "text", encoding="utf-16-le") == b"the cat sat.\n" * 9


# ---- the encoding of a file, in every function that takes one


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_every_function_reads_a_file_in_its_encoding(encoding, tmp_path):
    text = "caf\xe9 cr\xe8me\n" * 5
    path = tmp_path / "t.txt"
    path.write_bytes(text.encode(encoding))
    tm = recurrent.TextModel(hidden_sizes=[3], rng=1).build(path, encoding=encoding)
    assert tm.vocabulary == "".join(sorted(set(text)))
    assert tm.encode(path, encoding=encoding).tolist() == tm.encode(text).tolist()
    assert tm.evaluate(path, encoding=encoding) == tm.evaluate(text)
    for name, arguments in (
        ("activations", ()),
        ("next_characters", (2,)),
        ("gradient_norms", ()),
        ("html", ("h0", 0)),
    ):
        found = getattr(tm, name)(path, *arguments, encoding=encoding)
        expected = getattr(tm, name)(text, *arguments)
        assert str(found) == str(expected), name
    sm = recurrent.SentenceModel(path, hidden_sizes=[2], rng=1, encoding=encoding)
    assert sm.sentences == ["caf\xe9 cr\xe8me"] * 5


def test_an_encoding_without_effect(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("abc")
    tm = recurrent.TextModel(hidden_sizes=[3], rng=1).build("abc")
    octets = recurrent.TextModel(hidden_sizes=[3], tokenizer="bytes", rng=1).build("")
    new = recurrent.TextModel(hidden_sizes=[3], rng=1)
    words = "encoding is without effect; expected the Path of a text, got 'cp1252'"
    for use in (
        tm.encode,
        tm.evaluate,
        tm.activations,
        tm.gradient_norms,
        new.build,
        recurrent.SentenceModel,
    ):
        for source in ("abc\n", b"abc"):
            with pytest.raises(ValueError, match=words):
                use(source, encoding="cp1252")
    for use in (tm.evaluate, lambda source, encoding: recurrent.SentenceModel(["ab"], encoding=encoding)):
        with pytest.raises(ValueError, match=words):
            use([0, 1, 2], encoding="cp1252")
    with pytest.raises(ValueError, match="encoding is without effect; expected None, as tokens are bytes"):
        octets.encode(path, encoding="cp1252")
    with pytest.raises(ValueError, match="encoding is unknown; expected an encoding of text"):
        tm.encode(path, encoding="nonsense")
    with pytest.raises(TypeError, match="encoding has the wrong type; expected a str or None, got int"):
        tm.encode(path, encoding=5)
    assert not new.is_built
