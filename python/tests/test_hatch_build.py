"""The wheel: its contents, its tag, its use without Swift, and the sentence where it cannot be built."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import _c
from support import ROOT

pytest.importorskip("hatchling", reason="hatchling is not installed")

PYTHON = ROOT / "python"
LIBRARY = Path(_c.lib._name)
BUILD = "import sys, hatchling.build as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"


def build(kind, folder, checkout=ROOT, **environment):
    """Builds a wheel as pip does, with no Swift on the PATH unless the environment says so."""
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("RECURRENT_LIBRARY", "RECURRENT_LIBRARIES", "PATH")
    }
    return subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(folder)],
        cwd=checkout / "python",
        env={**inherited, "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )


def hook():
    """The module of the build hook."""
    spec = importlib.util.spec_from_file_location("hatch_build", PYTHON / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checkout(folder, swift=None):
    """A copy of what a wheel is made of, and a program ``swift`` of the given lines."""
    ignored = shutil.ignore_patterns("tests", "benchmarks", "__pycache__", "*.so", ".*_cache", ".hypothesis")
    shutil.copytree(PYTHON, folder / "python", ignore=ignored)
    (folder / "Package.swift").touch()
    shutil.copy(ROOT / "README.md", folder)
    program = folder / "bin" / "swift"
    program.parent.mkdir()
    if swift:
        program.write_text(f"#!/bin/sh\n{swift}\n")
        program.chmod(0o755)
    return {"checkout": folder, "PATH": f"{program.parent}:/usr/bin:/bin"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    done = build("build_wheel", folder, RECURRENT_LIBRARY=str(LIBRARY))
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def test_contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        information = f"recurrent_nets-{recurrent.__version__}.dist-info"
        libraries = [name for name in names if re.search(r"\.(so|dylib)$", name)]
        assert libraries == ["recurrent/librecurrent.so"]
        packed = hashlib.sha256(archive.read(libraries[0])).digest()
        assert packed == hashlib.sha256(LIBRARY.read_bytes()).digest()
        assert archive.read(f"{information}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert "Name: recurrent-nets\n" in archive.read(f"{information}/METADATA").decode()
        assert "Root-Is-Purelib: false" in archive.read(f"{information}/WHEEL").decode()
    assert {name.split("/")[0] for name in names} == {"recurrent", information}
    own = {p.relative_to(PYTHON / "src").as_posix() for p in (PYTHON / "src").rglob("*") if p.is_file()}
    kept = {name for name in own if "__pycache__" not in name and not name.endswith(".so")}
    assert kept == {name for name in names if name.startswith("recurrent/")} - set(libraries)


def test_description(wheel):
    """The page of an index shows the README, with links that lead to the repository, and addresses."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(n).decode() for n in archive.namelist() if n.endswith("/METADATA"))
    head, _, text = metadata.partition("\n\n")
    source = re.search(r"^Project-URL: Source, (\S+)$", head, re.M)[1]
    assert "Description-Content-Type: text/markdown" in head
    assert re.findall(r"^Project-URL: (\w+),", head, re.M) == ["Source", "Documentation", "Changelog"]
    assert text.startswith("# recurrent\n")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 10 and all(link.startswith(("#", "https://")) for link in links)
    files = [link.partition("/blob/main/")[2] for link in links if link.startswith(source)]
    assert files and all((ROOT / name.partition("#")[0]).exists() for name in files)


def test_source_distribution(tmp_path):
    """It holds what Swift builds the library from, and a wheel is built from it where Swift is."""
    done = build("build_sdist", tmp_path)
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / done.stdout.split()[-1]) as archive:
        archive.extractall(tmp_path, filter="data") if sys.version_info >= (3, 12) else archive.extractall(
            tmp_path
        )
    (root,) = (path for path in tmp_path.iterdir() if path.is_dir())
    tracked = subprocess.run(
        ["git", "ls-files", "Package.swift", "README.md", "Sources", "Tests", "python/src"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    if not tracked:
        pytest.skip("not a git checkout")
    packed = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert {name.removeprefix("python/") for name in tracked if (ROOT / name).is_file()} <= packed
    program = tmp_path / "bin" / "swift"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\nmkdir -p .build/release; printf library > .build/release/librecurrent_c.so\n"
    )
    program.chmod(0o755)
    code = [sys.executable, "-c", BUILD, "build_wheel", str(tmp_path)]
    environment = {
        k: v for k, v in os.environ.items() if k not in ("RECURRENT_LIBRARY", "RECURRENT_LIBRARIES")
    }
    environment["PATH"] = f"{program.parent}:/usr/bin:/bin"
    done = subprocess.run(code, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as archive:
        assert archive.read("recurrent/librecurrent.so") == b"library"
        assert "recurrent/text/model.py" in archive.namelist()


def test_levels(tmp_path):
    """A library for each level, in the folder that the loader looks in; other files of the folder are not packed."""
    for level in ("x86-64-v2", "x86-64-v3"):
        (tmp_path / "levels" / level).mkdir(parents=True)
        (tmp_path / "levels" / level / "librecurrent.so").write_bytes(b"\0GLIBC_2.17\0" + level.encode())
    (tmp_path / "levels" / "notes").touch()
    done = build("build_wheel", tmp_path, RECURRENT_LIBRARIES=str(tmp_path / "levels"))
    assert done.returncode == 0, done.stderr
    made = tmp_path / done.stdout.split()[-1]
    assert made.name.endswith(f"-manylinux_2_17_{os.uname().machine}.whl")
    with zipfile.ZipFile(made) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}
    assert found == {
        f"recurrent/glibc-hwcaps/{level}/librecurrent.so": b"\0GLIBC_2.17\0" + level.encode()
        for level in ("x86-64-v2", "x86-64-v3")
    }
    done = build("build_wheel", tmp_path, RECURRENT_LIBRARIES=str(tmp_path))
    words = f"RECURRENT_LIBRARIES has no library; expected x86-64-v3/librecurrent.so in it, got '{tmp_path}'"
    assert done.returncode == 1 and (done.stdout + done.stderr).strip() == words


def test_tag(wheel):
    platform = re.fullmatch(rf"recurrent_nets-{recurrent.__version__}-py3-none-(\w+)\.whl", wheel.name)[1]
    assert re.fullmatch(rf"manylinux_2_\d+_{os.uname().machine}", platform), platform
    platform_tag = hook().platform_tag
    assert platform_tag(LIBRARY.read_bytes()) == platform
    symbols = b"\0GLIBC_2.4\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBCXX_3.4.29\0"
    assert platform_tag(symbols) == f"manylinux_2_17_{os.uname().machine}"
    # of another C library
    assert platform_tag(b"") == f"linux_{os.uname().machine}"


def test_an_empty_environment_without_swift(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    # NumPy from here, and nothing else
    packages = tmp_path / "numpy"
    packages.mkdir()
    folder = Path(np.__file__).parent
    for path in (folder, folder.with_name("numpy.libs")):
        if path.exists():
            (packages / path.name).symlink_to(path)
    install = ["install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    code = (
        "import recurrent; from recurrent import _c; net = recurrent.LSTM(3, [4], rng=1);"
        "print(_c.lib._name, net.flat.w.tobytes().hex())"
    )
    environment = {"PATH": "/nowhere", "PYTHONPATH": str(packages)}
    done = subprocess.run(
        [python, "-W", "error", "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    path, weights = done.stdout.split()
    assert Path(path).is_relative_to(tmp_path / "venv")
    assert weights == recurrent.LSTM(3, [4], rng=1).flat.w.tobytes().hex()
    command = subprocess.run([python.with_name("recurrent"), "--help"], env=environment, capture_output=True)
    assert command.returncode == 0 and b"train" in command.stdout


def interpreters():
    """Other Pythons of this machine, by version: those of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {path.parents[1].name: path for path in root.glob("versions/3.*/bin/python")}
    supported = re.compile(r"3\.(9|1[0-3])\.\d+")
    return [pytest.param(path, id=name) for name, path in sorted(found.items()) if supported.fullmatch(name)]


# the oldest NumPy that a Python has wheels of, from the oldest that is supported
OLDEST_NUMPY = {9: "1.24.0", 10: "1.24.0", 11: "1.24.0", 12: "1.26.0", 13: "2.1.0"}


@pytest.mark.nightly
@pytest.mark.parametrize(
    "interpreter",
    interpreters() or [pytest.param(None, marks=pytest.mark.skip("pyenv has no Python 3.9 to 3.13"))],
)
@pytest.mark.parametrize("newest", [False, True], ids=["oldest", "newest"])
def test_pythons(wheel, tmp_path, interpreter, newest):
    """The wheel in an empty environment of each Python, with its oldest NumPy and the newest, without Swift."""
    subprocess.run([interpreter, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    version = OLDEST_NUMPY[int(interpreter.parents[1].name.split(".")[1])]
    numpy = "numpy" if newest else f"numpy=={version}"
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    if subprocess.run([*install, numpy], capture_output=True).returncode:
        pytest.skip(f"{numpy} cannot be installed: no network, or no wheel")
    subprocess.run([*install, "--no-index", wheel], check=True)
    code = """
import numpy, recurrent
model = recurrent.TextModel("lstm", [16], rng=1)
history = model.fit("a rose is a rose. " * 50, 3, batch_size=2, seq_length=20, progress=False)
print(numpy.__version__, history.train[-1][1].hex())"""
    done = subprocess.run(
        [python, "-W", "error", "-c", code],
        env={"PATH": "/nowhere"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    used, loss = done.stdout.split()
    assert newest or used == version
    model = recurrent.TextModel("lstm", [16], rng=1)
    history = model.fit("a rose is a rose. " * 50, 3, batch_size=2, seq_length=20, progress=False)
    assert loss == history.train[-1][1].hex()


@pytest.mark.parametrize(
    "change, sentence",
    [
        (
            lambda folder: None,
            r"Swift 6\.3 or newer is missing; expected 'swift' on the PATH \(https://www\.swift\.org/install\), "
            r"or RECURRENT_LIBRARY, the path of a built librecurrent\.so, got neither",
        ),
        (
            lambda folder: (folder / "Package.swift").unlink(),
            r"the Swift sources are missing; expected Package\.swift in /\S+, or RECURRENT_LIBRARY, the path of "
            r"a built librecurrent\.so, got neither",
        ),
    ],
)
def test_what_is_missing(tmp_path, change, sentence):
    place = checkout(tmp_path)
    change(tmp_path)
    done = build("build_wheel", tmp_path, **place)
    assert done.returncode == 1 and not list(tmp_path.glob("*.whl"))
    # one sentence, no traceback
    assert re.fullmatch(sentence, (done.stdout + done.stderr).strip())


def test_a_library_that_is_not_there(tmp_path):
    done = build("build_wheel", tmp_path, RECURRENT_LIBRARY="/nowhere/librecurrent.so")
    words = (
        "RECURRENT_LIBRARY is not a file; expected a built librecurrent.so, got '/nowhere/librecurrent.so'"
    )
    assert done.returncode == 1 and (done.stdout + done.stderr).strip() == words


def test_swift_builds_the_library(tmp_path):
    script = 'echo "building $*"; mkdir -p .build/release; printf library > .build/release/librecurrent_c.so'
    done = build("build_wheel", tmp_path, **checkout(tmp_path, script))
    assert done.returncode == 0 and "building build -c release --product recurrent_c" in done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as archive:
        assert archive.read("recurrent/librecurrent.so") == b"library"


def test_swift_fails(tmp_path):
    script = "mkdir -p .build/release; touch .build/release/librecurrent_c.so; exit 7"
    done = build("build_wheel", tmp_path, **checkout(tmp_path, script))
    words = "swift build failed; expected librecurrent_c.so, got exit status 7"
    assert done.returncode == 1 and (done.stdout + done.stderr).strip() == words


def test_an_editable_install_builds_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("RECURRENT_LIBRARY", raising=False)
    build_data = {}
    hook().LibraryHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel").initialize(
        "editable", build_data
    )
    assert build_data == {}
