"""A save that fails or is killed at any of its calls of the system leaves the old file or the new one."""

import os
import shutil
import subprocess

import pytest

from support import PYTHON_FIXTURES, SANITIZED, succeed

pytestmark = [
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.skipif(SANITIZED, reason="replaces functions that the sanitizer replaces"),
]

SAVERS = """
import collections, ctypes, os, sys
from pathlib import Path
import recurrent
from recurrent.outputs import Outputs

faults, folder = ctypes.CDLL(None), Path(sys.argv[1])

def text_model(step):
    model = recurrent.TextModel("lstm", [8], rng=step).build("abc")
    return lambda path, replace: model.save(path, overwrite=replace)

def sentence_model(step):
    model = recurrent.SentenceModel(["hello", "help"], hidden_sizes=[8], rng=step)
    return lambda path, replace: model.save_recurrentjs(path, overwrite=replace)

def drawing(step):
    return lambda path, replace: Outputs().write(path, bytes([step]) * 20_000, replace)

KINDS = (text_model, sentence_model, drawing)
"""

FAIL = """
codes = [int(code) for code in sys.argv[2:]]

def bytes_of(path):
    return path.read_bytes() if path.exists() else None

def child(save, path, replaces, call, code):
    faults.recurrent_arm(call, code)
    try:
        save(path, replaces)
        end = 0
    except OSError as error:
        end = 1 if error.errno == code else 2
    except BaseException:
        end = 3
    faults.recurrent_disarm()
    os._exit(end if faults.recurrent_seen() >= call else 4)

ends = collections.Counter()
for kind in KINDS:
    kind(1)(folder / "old", True)
    kind(2)(folder / "new", True)
    old, new = (bytes_of(folder / name) for name in ("old", "new"))
    for replaces in (True, False):
        before, path = (old, folder / "kept") if replaces else (None, folder / "made")
        for code in codes:
            call = 0
            while True:
                call += 1
                if before:
                    path.write_bytes(before)
                    path.chmod(0o640)
                else:
                    path.unlink(missing_ok=True)
                sys.stdout.flush()
                process = os.fork()
                if process == 0:
                    child(kind(2), path, replaces, call, code)
                end = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                if end == 4:
                    break
                said = f"{kind.__name__}, overwrite {replaces}, call {call}, errno {code}: status {end}"
                after = bytes_of(path)
                # killed, saved in spite of it, or refused for this reason
                assert end in (-9, 0, 1), said
                assert after in (before, new), f"{said}, a damaged file"
                assert end != 0 or after == new, f"{said}, not saved"
                assert end != 1 or after == before or call > 5, f"{said}, replaced"
                assert not before or path.stat().st_mode & 0o777 == 0o640 or end == -9, f"{said}, the mode"
                left = [name for name in folder.iterdir() if name.name.startswith(".recurrent-")]
                # only where the removal fails, after a save
                assert end == -9 or not left or (end == 0 and code > 0), f"{said} leaves {left}"
                for name in left:
                    name.unlink()
                kind(2)(path, True)
                assert bytes_of(path) == new
                ends[{-9: "killed", 0: "saved", 1: "refused"}[end]] += 1
            assert call > 5, (kind, call)
print(ends.total(), dict(ends))
"""

KILL, SHORT = 0, -1


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = PYTHON_FIXTURES / "faults.c"
    subprocess.run(
        ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", library, source],
        check=True,
    )
    return str(library)


def save(faults, folder, *codes):
    return int(succeed(SAVERS + FAIL, str(folder), *map(str, codes), LD_PRELOAD=faults).split()[0])


@pytest.mark.campaign("Kills at each system call of a save")
def test_kills(faults, memory_folder, cases):
    cases(save(faults, memory_folder, KILL))


@pytest.mark.campaign("Errors at each system call of a save")
def test_errors(faults, memory_folder, cases):
    import errno

    codes = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EINTR)
    cases(save(faults, memory_folder, *codes, SHORT))


ORDER = """
faults.recurrent_call.restype = ctypes.c_char_p
for kind in KINDS:
    for replaces in (True, False):
        path, save = folder / f"{kind.__name__} {replaces}", kind(1)
        faults.recurrent_arm(0, 0)
        save(path, replaces)
        faults.recurrent_disarm()
        calls = [faults.recurrent_call(call).decode() for call in range(faults.recurrent_seen())]
        named = calls.index("rename" if replaces else "link")
        assert "fsync" in calls[calls.index("write") : named], (kind, calls)
        assert "write" not in calls[calls.index("fsync") :], (kind, calls)
        assert "fsync" in calls[named:], (kind, calls)
print("ok")
"""


def test_the_order_of_the_calls(faults, memory_folder):
    """The data are on the disk before the file has its name, and the name before the save returns."""
    assert succeed(SAVERS + ORDER, str(memory_folder), LD_PRELOAD=faults) == "ok\n"
