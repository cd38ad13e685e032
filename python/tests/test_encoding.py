"""Encodings: UTF-8, encodings by name, and texts recognized as another one."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from recurrent.encoding import to_utf8

TEXT = "Il faut voir. The cat sat on the mat; der Hund lief über die Straße.\n" * 40
ALPHABETS = {
    "English": "the cat sat on the mat.\n",
    "Polish": "zażółć gęślą jaźń, chrząszcz\n",
    "Russian": "в чащах юга жил бы цитрус\n",
    "Greek": "ξεσκεπάζω την ψυχοφθόρα βδελυγμία\n",
    "Hebrew": "דג סקרן שט בים מאוכזב\n",
    "Hindi": "यह एक वाक्य है, और यह दूसरा\n",
    "Japanese": "いろはにほへと ちりぬるを 色は匂へど\n",
    "Chinese": "天地玄黃,宇宙洪荒。日月盈昃\n",
    "quotation": "“the cat” — ‘the dog’…\n",
}


def zipped(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("t.txt", data)
    return file.getvalue()


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-16", "utf-32"])
def test_utf16_is_named(alphabet, name):
    """Most of these are valid UTF-8: a model would learn their NULs."""
    data = (ALPHABETS[alphabet] * 20).encode(name)
    if name == "utf-16":
        assert data[:2] == b"\xff\xfe"
    with pytest.raises(ValueError) as caught:
        to_utf8(data, "'t.txt'")
    kind = name[:6].upper()
    assert str(caught.value).startswith(f"'t.txt' is {kind}; expected UTF-8, got ")
    assert str(caught.value).endswith(f": Path.read_text(encoding={name!r}) reads it")
    assert to_utf8(data, "'t.txt'", name).decode() == ALPHABETS[alphabet] * 20


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_utf8_is_utf8(alphabet):
    data = (ALPHABETS[alphabet] * 20).encode()
    assert to_utf8(data, "'t.txt'") == data


@pytest.mark.parametrize(
    "data", [b"a\0" + b"bc" * 500, b"ab\0\0" * 300, b"a\nb\n" * 300, b"\n" * 300, b"", b"\0", b"\0" * 300]
)
def test_control_characters_are_text(data):
    assert to_utf8(data, "'t.txt'") == data


@pytest.mark.parametrize(
    ("compress", "kind", "command"),
    [
        (gzip.compress, "gzip", "gunzip"),
        (bz2.compress, "bzip2", "bunzip2"),
        (lzma.compress, "xz", "unxz"),
        (zipped, "zip", "unzip"),
        (lambda data: b"\x28\xb5\x2f\xfd" + data, "zstd", "unzstd"),
    ],
)
def test_compressed_files_are_named(compress, kind, command):
    with pytest.raises(
        ValueError, match=f"^'t' is compressed; expected UTF-8, got {kind}: `{command}` decomp"
    ):
        to_utf8(compress(TEXT.encode()), "'t'")
    assert to_utf8(b"BZh, said the bee", "'t'")


@pytest.mark.parametrize(
    ("data", "encoding", "got"),
    [
        (b"ab\x81", "cp1252", "0x81 at byte 2"),
        (b"ab\xe9", "ascii", "0xE9 at byte 2"),
        (b"a\0b\0c", "utf-16-le", "0x63 at byte 4"),
    ],
)
def test_invalid_texts_are_named(data, encoding, got):
    with pytest.raises(ValueError, match=f"^'t' is not valid {encoding}; expected {encoding}, got {got}$"):
        to_utf8(data, "'t'", encoding)
    with pytest.raises(ValueError, match=r"lone surrogate at position 1; .*got U\+D800"):
        to_utf8(b"a\\ud800", "'t'", "unicode-escape")
