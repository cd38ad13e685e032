"""Outputs: the files that a save may replace."""

import os
import re
import stat
from pathlib import Path

import pytest

import recurrent
from recurrent import outputs as _outputs
from recurrent.introspection.graph_svg import Drawing
from recurrent.introspection.text_html import HTML
from recurrent.outputs import Identity, Outputs, protect_text
from support import names

FOREIGN = r"path exists and was not written by this run; expected a new file, or overwrite=True, got '"
TEXT = r"path is a text of this run; expected another file, got '"


def refuse(outputs, path, sentence, **settings):
    """Refused, and the file is as it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(OSError, match=sentence):
        outputs.write(path, b"new", **settings)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_file_of_another_run(tmp_path):
    path, outputs = tmp_path / "a", Outputs()
    outputs.write(path, b"one")
    outputs.write(path, b"two")
    assert path.read_bytes() == b"two"
    refuse(Outputs(), path, FOREIGN)
    path.write_bytes(b"theirs")
    refuse(outputs, path, FOREIGN)
    outputs.write(path, b"mine", overwrite=True)
    outputs.write(path, b"mine again")
    (tmp_path / "empty").touch()
    refuse(outputs, tmp_path / "empty", FOREIGN)


def test_a_file_that_was_put_in_place_of_ones_own(tmp_path):
    """By a rename, as another run saves; or a copy of the same size."""
    path, outputs = tmp_path / "a", Outputs()
    outputs.write(path, b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "b").replace(path)
    refuse(outputs, path, FOREIGN)


def test_every_path_to_a_file(tmp_path, monkeypatch):
    path, outputs = tmp_path / "a", Outputs()
    path.write_bytes(b"theirs")
    (tmp_path / "link").symlink_to(path)
    os.link(path, tmp_path / "hard")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    ways = [path, tmp_path / "link", tmp_path / "hard", Path("../a"), Path("../link")]
    for way in ways:
        refuse(outputs, way, FOREIGN)
    protect_text(path.stat())
    for way in ways:
        refuse(outputs, way, TEXT)
        refuse(outputs, way, TEXT, overwrite=True)
    # a text that has changed or moved is still that text
    path.write_bytes(b"theirs, longer")
    path.rename(tmp_path / "moved")
    refuse(outputs, tmp_path / "moved", TEXT, overwrite=True)


def test_a_text_that_this_run_wrote_and_then_read(tmp_path):
    path, outputs = tmp_path / "a", Outputs()
    outputs.write(path, b"one")
    protect_text(path.stat())
    refuse(outputs, path, TEXT)


def test_a_deleted_text(tmp_path):
    """Its inode may be given to a file that is written later."""
    path, outputs = tmp_path / "a", Outputs()
    outputs.write(path, b"written")
    status = path.stat()
    _outputs._texts[status.st_dev, status.st_ino] = Identity.of(status)._replace(size=4)
    outputs.write(path, b"again")
    refuse(Outputs(), path, TEXT, overwrite=True)


def test_what_is_no_file(tmp_path):
    outputs = Outputs()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    refuse(outputs, tmp_path / "link", FOREIGN)
    refuse(outputs, tmp_path, "Is a directory")
    refuse(outputs, tmp_path / "none" / "a", "No such file")
    with pytest.raises(ValueError, match="null byte"):
        outputs.write("a\0b", b"")
    with pytest.raises(TypeError, match=r"overwrite has the wrong type; expected a bool, got int"):
        outputs.check(tmp_path / "a", overwrite=1)
    with pytest.raises(TypeError, match=r"path has the wrong type; expected a str or a Path, got int"):
        outputs.check(5)
    assert names(tmp_path) == ["link"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_pipes_and_devices(tmp_path):
    """A model would replace them by a rename; a drawing is written into them."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for overwrite in (False, True):
        with pytest.raises(OSError, match=r"path is not a regular file; expected a file, got '.*pipe'"):
            recurrent.TextModel(hidden_sizes=[2], rng=1).build("ab").save(pipe, overwrite=overwrite)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    if Path("/dev/null").exists():
        Drawing("<svg/>").save("/dev/null")


@pytest.mark.parametrize("kind", [Drawing, HTML])
def test_drawings(kind, tmp_path):
    path = tmp_path / "a"
    kind("é").save(path)
    kind("ü").save(path)
    assert path.read_bytes() == "ü".encode()
    path.write_bytes(b"theirs")
    with pytest.raises(FileExistsError, match=FOREIGN):
        kind("é").save(path)
    kind("é").save(path, overwrite=True)
    text = tmp_path / "t.txt"
    text.write_text("hello help " * 9)
    tm = recurrent.TextModel(hidden_sizes=[2], rng=1).build(text)
    with pytest.raises(FileExistsError, match=TEXT):
        kind("é").save(text, overwrite=True)
    with pytest.raises(FileExistsError, match=TEXT):
        tm.save(text, overwrite=True)
    assert text.read_text() == "hello help " * 9


def test_models(tmp_path):
    one, two = (recurrent.TextModel(hidden_sizes=[2], rng=seed).build("ab") for seed in (1, 2))
    path = tmp_path / "m.safetensors"
    one.save(path)
    one.save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=FOREIGN):
        two.save(path)
    assert path.read_bytes() == before
    recurrent.TextModel.load(path).save(path)
    two.save(path, overwrite=True)
    assert path.read_bytes() != before


def test_everything_that_writes_is_guarded():
    """Every place of the package that writes a file goes through ``Outputs``, or writes to a temporary folder."""
    package, found = Path(recurrent.__file__).parent, set()
    writes = re.compile(r"(write_text|write_bytes|savefig|_model_save|tofile|np\.save|open)\(")
    for path in package.rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            call = writes.search(line.partition("#")[0])
            is_reading = call and call[1] == "open" and not re.search(r"[(,] *[\"'][wxa]", line)
            if call and not is_reading and "``" not in line:
                found.add((path.relative_to(package).as_posix(), call[1]))
    assert found == {
        ("outputs.py", "write_bytes"),
        # into memory
        ("demo/report.py", "savefig"),
        # after a check
        ("text/model.py", "_model_save"),
        ("recurrentjs/sentence_model.py", "_model_save"),
        # in a temporary folder
        ("web/actions.py", "write_bytes"),
    }
