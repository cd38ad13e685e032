"""The contract: recurrent.h, the library's symbols and the ctypes table agree; loading it leaves the host alone."""

import ctypes
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import recurrent
from contract import STRUCTURES, declarations, fitting, header, integers
from recurrent import _c
from recurrent._c import binding, levels, library, signatures
from support import HEADER, python, succeed

LIBRARY = Path(_c.lib._name)


def test_header_symbols_and_table_have_the_same_names():
    declared = set(declarations())
    assert len(declared) > 80
    assert declared == set(signatures.SIGNATURES)
    if not shutil.which("nm"):
        pytest.skip("nm is not installed")
    lines = subprocess.run(
        ["nm", "-D", "--defined-only", "--extern-only", LIBRARY], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    symbols = [line.split() for line in lines]
    # the version node itself is listed as an absolute symbol
    exported = {s[-1].split("@")[0] for s in symbols if s[-2] != "A"}
    assert exported == declared | set(re.findall(r"extern const char (\w+)\[\];", header()))


@pytest.mark.parametrize("name", sorted(signatures.SIGNATURES))
def test_types(name):
    known = integers()
    result, parameters = declarations()[name]
    declared_result, *declared = signatures.SIGNATURES[name]
    assert declared_result in fitting(result, known)
    assert len(parameters) == len(declared)
    for at, ((c_type, _), python_type) in enumerate(zip(parameters, declared)):
        assert python_type in fitting(c_type, known), f"argument {at}: {c_type} is not {python_type.__name__}"
        if c_type == "char*":
            assert python_type is ctypes.c_void_p, f"argument {at}: c_char_p is for text that is only read"
    function = getattr(_c.lib, name)
    assert list(function.argtypes) == declared
    assert function.restype is declared_result
    # an unchecked status would lose an error; a finalizer has none, and runs no Python that an interrupt could end
    is_checked = result == "recurrent_status" and not name.endswith("_free")
    assert (function.errcheck == binding._raise) is is_checked


def test_signatures_are_written_from_the_header():
    tool = Path(__file__).parents[2] / "tools" / "make_signatures.py"
    subprocess.run([sys.executable, tool, "--check"], check=True)


def test_contents():
    """The header's table of contents lists every section and every function once, in order."""
    text = HEADER.read_text(encoding="utf-8")
    table = re.search(r"^ \* Contents: .*?\n(.*?)^ \* A program,", text, re.S | re.M)[1]
    titles = re.findall(r"^ \*   (?! )(.+)$", table, re.M)
    assert titles == re.findall(r"^/\* -{60,} (.+?)(?: \*/)?$", text, re.M)
    # without the titles of sections and of their parts
    listed = re.findall(
        r"\b[a-z]\w+(?=,|$)", re.sub(r"^ \*   (?! ).*$|[A-Z][^:\n]*: ", "", table, flags=re.M), re.M
    )
    declared = re.findall(r"^[\w ]+ \*?recurrent_(\w+)(?:\(|\[\];)", header(), re.M)
    types = [name.removeprefix("recurrent_") for name in re.findall(r"\brecurrent_\w+(?=;)", header())]
    assert [name for name in listed if name not in types or name in declared] == declared
    assert len(declared) > 150


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures(name):
    known = integers()
    body = re.search(rf"typedef struct {name} \{{(.*?)\}} {name};", header(), re.S)[1]
    fields = []
    for line in body.split(";"):
        if line.strip():
            c_type, names = re.fullmatch(r"(.*?[ *])(\w+(?:, \w+)*)", line.strip()).groups()
            fields += [(field, fitting(c_type, known)[0]) for field in names.split(", ")]
    assert list(STRUCTURES[name]._fields_) == fields


def test_constants():
    text = header()
    codes = {name: int(code) for name, code in re.findall(r"(RECURRENT_\w+) = (-?\d+)", text)}
    first, last = list(codes).index("RECURRENT_OK"), list(codes).index("RECURRENT_INTERRUPTED")
    statuses = [codes[name] for name in list(codes)[first + 1 : last + 1]]
    assert statuses == list(range(1, 16))
    assert {*binding._EXCEPTIONS, codes["RECURRENT_IO"]} == set(statuses)
    assert (codes["RECURRENT_FLOAT32"], codes["RECURRENT_FLOAT64"]) == (0, 1)
    assert {name: getattr(signatures, name.removeprefix("RECURRENT_")) for name in codes} == codes
    assert {
        None: codes["RECURRENT_ALL"],
        0: codes["RECURRENT_ROWS"],
        1: codes["RECURRENT_COLUMNS"],
    } == recurrent.reductions._AXES
    assert {"mean": codes["RECURRENT_MEAN"], "sum": codes["RECURRENT_SUM"]} == recurrent.graph._REDUCTIONS


def test_versions():
    version = int(re.search(r"#define RECURRENT_ABI_VERSION (\d+)", HEADER.read_text(encoding="utf-8"))[1])
    assert version == _c.lib.recurrent_abi_version() == signatures.ABI_VERSION
    assert _c.lib.recurrent_version().decode() == recurrent.__version__


def test_needs_little():
    if not shutil.which("readelf"):
        pytest.skip("readelf is not installed")
    text = subprocess.run(["readelf", "-d", LIBRARY], capture_output=True, text=True, check=True).stdout
    needed = {name.split(".so")[0] for name in re.findall(r"NEEDED.*\[(.*)\]", text)}
    assert needed <= {"libc", "libm", "libstdc++", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64"}
    assert "RPATH" not in text or "$ORIGIN" in text


# ---- loading

HOST = r"""
import ctypes, locale, os, signal, struct, sys
import numpy

def state():
    libc = ctypes.CDLL(None)
    # the handlers as the kernel has them: Python's signal module sees only its own
    handlers = []
    for number in range(1, 65):
        action = ctypes.create_string_buffer(256)
        # the handler's address; glibc leaves part of the rest as it was
        handlers.append((libc.sigaction(number, None, action), action.raw[:8]))
    environment = ctypes.create_string_buffer(64)
    ctypes.CDLL("libm.so.6").fegetenv(environment)
    # of the x87's state only the control word, and MXCSR without its sticky flags
    modes = environment.raw[:2], struct.unpack_from("<I", environment.raw, 28)[0] & ~0x3F
    mask = os.umask(0)
    os.umask(mask)
    return handlers, modes, locale.setlocale(locale.LC_ALL), os.getcwd(), mask, dict(os.environ)

before = state()
import recurrent
def check(when):
    for what, old, new in zip(("handlers", "modes", "locale", "cwd", "umask", "environment"), before, state()):
        assert old == new, f"{when} changed {what}"

check("import")
m = recurrent.Mat.from_array(numpy.ones((3, 3)))
loss = (m @ m).tanh().sum()
loss.backward()
sm = recurrent.SentenceModel(["ab"], rng=0)
sm.tick("ab")
sm.predict()
sm.save_recurrentjs(sys.argv[1])
recurrent.SentenceModel.load_recurrentjs(sys.argv[1])
check("use")
"""


def test_host_is_untouched(tmp_path):
    if os.uname().machine != "x86_64":
        pytest.skip("reads x86-64's floating-point environment")
    succeed(HOST, str(tmp_path / "model.json"))


def test_import_is_light():
    modules = succeed(
        "import sys, numpy.random; before = set(sys.modules); import recurrent; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    ).split()
    heavy = {
        "tqdm",
        "plotext",
        "matplotlib",
        "asyncio",
        "multiprocessing",
        "pandas",
        "scipy",
        "unittest",
        "http",
    }
    assert not heavy & set(modules), modules
    # what NumPy has not brought already
    assert len(modules) <= 20, modules
    assert "demo" not in succeed(
        "import sys, recurrent; print(*[m for m in sys.modules if 'recurrent' in m])"
    )


def test_missing_library(tmp_path):
    package = tmp_path / "lone" / "recurrent"
    shutil.copytree(
        Path(recurrent.__file__).parent, package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    wanted = tmp_path / "nowhere" / "librecurrent.so"
    done = python(
        "import sys; sys.path.insert(0, sys.argv[1]); import recurrent",
        str(package.parent),
        RECURRENT_LIBRARY=str(wanted),
    )
    assert done.returncode == 1
    last = done.stderr[done.stderr.index("ImportError") :]
    sentence = f"RECURRENT_LIBRARY is not a file; expected the path of a librecurrent.so, got '{wanted}'"
    assert last.strip().endswith(sentence)
    code = "import os, sys; sys.path.insert(0, sys.argv[1]); del os.environ['RECURRENT_LIBRARY']; import recurrent"
    last = python(code, str(package.parent), RECURRENT_LIBRARY="").stderr
    assert "make setup" in last and "RECURRENT_LIBRARY" in last and str(package / "librecurrent.so") in last


@pytest.mark.parametrize(
    "change, words",
    [
        # installed beside it, before or after
        (lambda folder: (folder / "event_parser.py").touch(), "got files of recurrent, the date parser"),
        (
            lambda folder: (folder / "__init__.py").write_text("RecurringEvent = object\n"),
            "got files of recurrent, the date parser",
        ),
        # uninstalled again
        (lambda folder: (folder / "__init__.py").unlink(), "got no __init__.py, which"),
    ],
)
def test_the_date_parser_of_this_name(tmp_path, change, words):
    package = tmp_path / "recurrent"
    shutil.copytree(Path(recurrent.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    # without the package of the checkout, which a folder without __init__.py does not hide
    code = (
        "import sys; from pathlib import Path;"
        "others = [p for p in sys.path if not Path(p, 'recurrent', '__init__.py').exists()];"
        "sys.path[:] = [sys.argv[1], *others]; import recurrent.cli; print(recurrent.__path__[0])"
    )
    alone = python(code, str(tmp_path), RECURRENT_LIBRARY=str(LIBRARY))
    assert alone.stdout.strip() == str(package), alone.stderr
    change(package)
    done = python(code, str(tmp_path), RECURRENT_LIBRARY=str(LIBRARY))
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith(
        f"ImportError: the package {package} is not whole; expected"
    )
    assert words in last and "`pip uninstall recurrent recurrent-nets`" in last


def compile_library(path: Path, code: str) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler is installed")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", path, "-x", "c", "-"], input=code, text=True, check=True
    )
    return path


def test_another_abi_version(tmp_path):
    fake = compile_library(tmp_path / "librecurrent.so", "int recurrent_abi_version(void) { return 999; }")
    done = python("import recurrent", RECURRENT_LIBRARY=str(fake))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    assert "999" in last and str(signatures.ABI_VERSION) in last and str(fake) in last


@pytest.mark.parametrize("kind", ["another library", "text"])
def test_not_the_library(tmp_path, kind):
    path = tmp_path / "librecurrent.so"
    if kind == "text":
        path.write_text("not a library")
    else:
        compile_library(path, "int nothing(void) { return 0; }")
    done = python("import recurrent", RECURRENT_LIBRARY=str(path))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError") and str(path) in last, last


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="the flags of the CPU are read on Linux only")
def test_a_library_for_another_cpu(tmp_path):
    # aborts if a function runs before the check
    code = 'const char recurrent_cpu_flags[] = " sse9"; int recurrent_abi_version(void) { __builtin_trap(); }'
    fake = compile_library(tmp_path / "librecurrent.so", code)
    done = python("import recurrent", RECURRENT_LIBRARY=str(fake))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: this CPU lacks sse9, which") and str(fake) in last, last


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the names are those of x86-64")
def test_the_library_names_its_cpu():
    flags = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(_c.lib, "recurrent_cpu_flags"))).decode()
    level = os.environ.get("RECURRENT_MARCH", "x86-64-v3")
    assert ({"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe", "abm"} <= set(flags.split())) == (
        level >= "x86-64-v3"
    )


def test_a_library_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "candidates", lambda _: [(tmp_path / "none.so", ""), (tmp_path, "")])
    with pytest.raises(ImportError, match=r"(?s)was not found; build it with `make setup`.*none\.so"):
        library.load()


def test_a_library_of_the_folder(monkeypatch, tmp_path):
    """A name without a slash is a file of the current folder, which the system's loader would not look in."""
    shutil.copy(LIBRARY, tmp_path / "mine.so")
    done = python("import os; os.chdir(os.environ['FOLDER']); import recurrent; print(recurrent._c.loaded.path)",
                  RECURRENT_LIBRARY="mine.so", FOLDER=str(tmp_path))  # fmt: skip
    assert done.stdout.strip() == str(tmp_path / "mine.so"), done.stderr


def test_a_library_that_does_not_fit(monkeypatch, tmp_path):
    (tmp_path / "text.so").write_text("no library")
    monkeypatch.setattr(library, "candidates", lambda _: [(tmp_path / "text.so", "")])
    with pytest.raises(ImportError, match=r"is not a librecurrent\.so that this system can load"):
        library.load()
    monkeypatch.undo()
    monkeypatch.setattr(library, "ABI_VERSION", 99)
    with pytest.raises(ImportError, match="this package needs 99; they are from different releases"):
        library.load()
    monkeypatch.setattr(library, "_missing_cpu_flags", lambda *_: ["avx2", "fma"])
    with pytest.raises(ImportError, match="this CPU lacks avx2, fma"):
        library.load()


def test_the_flags_of_the_cpu(monkeypatch):
    """Where the system or the library does not tell them, none is missing."""
    known = levels.cpu_flags()
    assert library._missing_cpu_flags(_c.lib, known) == []
    missing = library._missing_cpu_flags(_c.lib, frozenset())
    assert "avx2" in missing or platform.machine() != "x86_64"
    assert library._missing_cpu_flags(_c.lib, None) == []
    assert library._missing_cpu_flags(ctypes.CDLL(None), frozenset()) == []
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "model : a CPU\n")
    assert levels.cpu_flags() is None

    def none(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", none)
    assert levels.cpu_flags() is None


# ---- instruction-set levels

V2, V3, V4 = "x86-64-v2", "x86-64-v3", "x86-64-v4"
_V2_FLAGS = "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
_V3_FLAGS = f"{_V2_FLAGS} abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"


@pytest.mark.parametrize(
    "flags, expected",
    [
        (None, []),
        ("fpu", []),
        (_V2_FLAGS, [V2]),
        (_V3_FLAGS, [V3, V2]),
        (f"{_V3_FLAGS} avx512bw avx512cd avx512dq avx512f avx512vl", [V4, V3, V2]),
        # the emulated CPU that has AVX-512 without FMA has the level below alone
        (_V3_FLAGS.replace("fma ", "") + " avx512bw avx512cd avx512dq avx512f avx512vl", [V2]),
    ],
)
def test_levels(flags, expected):
    assert levels.levels_of(None if flags is None else frozenset(flags.split())) == expected


def package_with(folder, *installed):
    """A copy of the package with a library in the folder of each level; "" is that of the package itself."""
    package = folder / "recurrent"
    shutil.copytree(
        Path(recurrent.__file__).parent, package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    for level in installed:
        place = package / "glibc-hwcaps" / level if level else package
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(LIBRARY, place / "librecurrent.so")
    return package


def loaded_of(package, flags):
    """The path and the reason of the library that a CPU of these flags loads, or the last line of the error."""
    code = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); read = Path.read_text;"
        "os.environ.pop('RECURRENT_LIBRARY', None);"
        "of_this_cpu = lambda p, *a, **k: f'flags : {sys.argv[2]}' if p.name == 'cpuinfo' else read(p, *a, **k);"
        "Path.read_text = of_this_cpu; import recurrent; found = recurrent.show_config('dicts')['library'];"
        "print(found['path'], found['reason'], sep='\\n')"
    )
    done = python(code, str(package.parent), flags)
    return done.stdout.split("\n")[:2] if done.returncode == 0 else done.stderr.splitlines()[-1]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the levels are those of x86-64")
def test_the_highest_level_of_the_cpu_is_loaded(tmp_path):
    flags = " ".join(levels.cpu_flags())
    mine = levels.levels_of(levels.cpu_flags())
    package = package_with(tmp_path, V2, V3)
    best = max(level for level in (V2, V3) if level in mine)
    path, reason = loaded_of(package, flags)
    assert path == str(package / "glibc-hwcaps" / best / "librecurrent.so")
    assert reason == f"{best} is the highest level of this CPU that is installed"
    # a lower CPU takes a lower one: this library needs more than that, and says so
    error = loaded_of(package, _V2_FLAGS)
    assert f"{V2}/librecurrent.so is built for" in error and error.startswith("ImportError: this CPU lacks ")
    # below all
    error = loaded_of(package, "fpu")
    assert error == (
        "ImportError: this CPU has none of the levels that this package is built for; expected x86-64-v2, x86-64-v3, "
        "got another CPU; build for it with `RECURRENT_MARCH=x86-64 make setup` and set RECURRENT_LIBRARY to the result"
    )
    # the library of a checkout, or of a build for one CPU
    shutil.rmtree(package / "glibc-hwcaps")
    shutil.copy(LIBRARY, package)
    assert loaded_of(package, flags) == [
        str(package / "librecurrent.so"),
        "it is the only one of this package",
    ]


def test_show_config(capsys):
    config = recurrent.show_config("dicts")
    assert config["library"]["path"] == str(_c.loaded.path) and config["versions"]["numpy"] == np.__version__
    assert config["library"]["threads"] == recurrent.get_num_threads()
    assert recurrent.show_config() is None
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(config))
    with pytest.raises(ValueError, match="mode is unknown; expected one of 'stdout', 'dicts', got 'yaml'"):
        recurrent.show_config("yaml")


def test_files_of_the_date_parser(tmp_path):
    (tmp_path / "event_parser.py").touch()
    with pytest.raises(
        ImportError, match="is not whole; expected recurrent-nets alone, got files of recurrent"
    ):
        library._check_package(tmp_path)


def test_an_interpreter_without_the_functions_of_cpython(monkeypatch):
    """A handler of a signal runs after a long call."""
    monkeypatch.setattr(ctypes, "pythonapi", object())
    monkeypatch.setattr(
        binding.lib, "recurrent_python_set_interrupt_check", lambda *_: pytest.fail("it was set")
    )
    binding._handle_signals()
