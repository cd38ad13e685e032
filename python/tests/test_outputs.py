"""Outputs: the files that a save may replace."""

import errno
import os
import re
import signal
import socket
import stat
from pathlib import Path

import pytest

import recurrent
from recurrent import outputs as _outputs
from recurrent.introspection.graph_svg import Drawing
from recurrent.introspection.text_html import HTML
from recurrent.outputs import Identity, Outputs, protect_text
from support import names, python, succeed

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
    outputs.check(path)
    with pytest.raises(FileExistsError, match=TEXT):
        Outputs().check(path, overwrite=True)


def test_what_is_no_file(tmp_path):
    outputs = Outputs()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    refuse(outputs, tmp_path / "link", FOREIGN)
    refuse(outputs, tmp_path, f"cannot write '{tmp_path}': is a directory")
    refuse(outputs, tmp_path / "none" / "a", f"cannot write '{tmp_path}/none/a': no such file or directory")
    with pytest.raises(ValueError, match=r"N[Uu][Ll]"):
        outputs.write("a\0b", b"")
    with pytest.raises(TypeError, match=r"overwrite has the wrong type; expected a bool, got int"):
        outputs.check(tmp_path / "a", overwrite=1)
    with pytest.raises(TypeError, match=r"path has the wrong type; expected a str or a Path, got int"):
        outputs.check(5)
    assert names(tmp_path) == ["link"]


def saves():
    """Each routine that writes a file: of the core, of its JSON, of the package."""
    tm = recurrent.TextModel(hidden_sizes=[2], rng=1).build("ab")
    sm = recurrent.SentenceModel(["ab"], hidden_sizes=[2], rng=1)
    return [tm.save, sm.save_recurrentjs, Drawing("<svg/>").save]


SAVES = pytest.mark.parametrize("kind", range(3), ids=["safetensors", "json", "svg"])


@SAVES
def test_pipes_devices_and_sockets(kind, tmp_path):
    pipe, end = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(end))
        for place in (pipe, tmp_path / "link", end, Path("/dev/null")):
            before = place.stat()
            for overwrite in (False, True):
                with pytest.raises(OSError, match=r"path is not a regular file; expected a file, got '.*'"):
                    saves()[kind](place, overwrite=overwrite)
            assert place.stat().st_ino == before.st_ino
    assert names(tmp_path) == ["link", "pipe", "socket"]


@SAVES
def test_the_target_of_a_symlink_is_written(kind, tmp_path):
    save, target = saves()[kind], tmp_path / "folder" / "target"
    target.parent.mkdir()
    (tmp_path / "link").symlink_to("second")
    (tmp_path / "second").symlink_to("folder/target")
    # it leads nowhere yet
    save(tmp_path / "link", overwrite=True)
    first = target.read_bytes()
    target.write_bytes(b"another program's")
    with pytest.raises(FileExistsError, match=FOREIGN):
        save(tmp_path / "link")
    save(tmp_path / "link", overwrite=True)
    save(tmp_path / "second")
    assert target.read_bytes() == first
    assert (tmp_path / "link").is_symlink() and (tmp_path / "second").is_symlink()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match=r"cannot write '.*loop': too many levels of symbolic links"):
        save(tmp_path / "loop", overwrite=True)
    assert names(tmp_path) == ["folder", "link", "loop", "second"] and names(target.parent) == ["target"]


@SAVES
def test_mode_and_owner_are_kept(kind, tmp_path):
    save, path = saves()[kind], tmp_path / "m"
    save(path)
    for mode in (0o600, 0o640, 0o604):
        path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, 1234, 4321)
        save(path, overwrite=True)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert os.geteuid() != 0 or (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)
    before = os.umask(0o027)
    try:
        save(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@SAVES
def test_the_longest_name(kind, tmp_path):
    name = "é" * 127 + "n"
    for _ in range(2):
        saves()[kind](tmp_path / name, overwrite=True)
    with pytest.raises(OSError, match=r"cannot write '.*': file name too long"):
        saves()[kind](tmp_path / f"{name}n")
    assert names(tmp_path) == [name]


KILLED = """
import resource, signal, sys
sys.path.insert(0, "")
from test_outputs import saves
save = saves()[int(sys.argv[1])]
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (2, 2))
save(sys.argv[2], overwrite=True)
"""


@SAVES
def test_temporary_names_cannot_be_planted(kind, tmp_path):
    """Killed in the middle of a write: the names are random, and a private file's temporary is private."""
    path = tmp_path / "m"
    path.write_bytes(b"old")
    path.chmod(0o604)
    left = []
    for _ in range(2):
        assert python(KILLED, str(kind), str(path)).returncode == -signal.SIGXFSZ
        (name,) = (name for name in names(tmp_path) if name != "m" and name not in left)
        left.append(name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    numbers = [re.fullmatch(r"\.recurrent-[0-9]+-([0-9a-f]{16})", name) for name in left]
    assert all(numbers) and numbers[0][1] != numbers[1][1]
    assert path.read_bytes() == b"old"
    # the core removes them a minute later
    for name in left:
        os.utime(tmp_path / name, (0, 0))
    saves()[0](path, overwrite=True)
    assert names(tmp_path) == ["m"]


@SAVES
def test_a_file_that_appears_meanwhile(kind, tmp_path, monkeypatch):
    """Another program creates the file between the check and the save."""
    path, check = tmp_path / "m", Outputs.check

    def checked(self, *arguments, **settings):
        replaces = check(self, *arguments, **settings)
        path.write_bytes(b"theirs")
        return replaces

    monkeypatch.setattr(Outputs, "check", checked)
    save = saves()[kind]
    with pytest.raises(FileExistsError):
        save(path)
    assert path.read_bytes() == b"theirs" and names(tmp_path) == ["m"]
    monkeypatch.undo()
    # it has not become a file of this run
    with pytest.raises(FileExistsError, match=FOREIGN):
        save(path)


def test_a_full_disk(tmp_path):
    """The old drawing stays, and the system's words say why."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    words = succeed(
        "import resource, sys\n"
        "from recurrent.introspection.graph_svg import Drawing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    Drawing('<svg/>' * 9999).save(sys.argv[1], overwrite=True)\n"
        "except OSError as error:\n"
        "    print(error)\n",
        str(path),
    )
    assert words == f"[Errno 27] cannot write '{path}': file too large\n"
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a"]


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
        ("outputs.py", "open"),
        # into memory
        ("demo/report.py", "savefig"),
        ("introspection/plots.py", "savefig"),
        # after a check
        ("text/model.py", "_model_save"),
        ("recurrentjs/sentence_model.py", "_model_save"),
        # in a temporary folder
        ("web/actions.py", "write_bytes"),
    }


def test_an_interrupt_after_a_save(tmp_path):
    """The file that was saved before it is the run's own; what fails has written none."""
    outputs, path = Outputs(), tmp_path / "a"
    with pytest.raises(KeyboardInterrupt), outputs.writing(path, False):
        path.write_bytes(b"1")
        raise KeyboardInterrupt
    assert outputs.is_own(path)
    path.unlink()
    with pytest.raises(KeyError), outputs.writing(path, False):
        path.write_bytes(b"12")
        raise KeyError
    assert not outputs.is_own(path)


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    """An empty file reserves the name; a failure leaves none."""

    def refuse(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    Outputs().write(tmp_path / "a", b"1")
    assert (tmp_path / "a").read_bytes() == b"1"
    with pytest.raises(FileExistsError):
        Outputs().write(tmp_path / "a", b"2")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError, match=r"cannot write '.*b': operation not permitted"):
        Outputs().write(tmp_path / "b", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
