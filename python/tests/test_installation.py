"""`make install`: the files, their names, and C programs that use them through pkg-config and CMake."""

import re
import shutil
import subprocess

import pytest

import recurrent
from installation import install, make, need, run
from recurrent._c import signatures
from support import FIXTURES, HEADER, ROOT

SHARED = f"librecurrent.so.{signatures.ABI_VERSION}.{recurrent.__version__.partition('.')[2]}"
SONAME = f"librecurrent.so.{signatures.ABI_VERSION}"
FILES = {
    "include/recurrent.h", "lib/librecurrent.so", f"lib/{SONAME}", f"lib/{SHARED}", "lib/librecurrent.a",
    "lib/pkgconfig/recurrent.pc", "lib/cmake/recurrent/recurrentConfig.cmake",
    "lib/cmake/recurrent/recurrentConfigVersion.cmake",
}  # fmt: skip
PROGRAM = ROOT / "examples" / "c" / "stream.c"
CHECKPOINT = FIXTURES / "text_model.safetensors"


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return install(tmp_path_factory.mktemp("prefix") / "a prefix")


def installed(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def runs(*command, prefix=None):
    """The program streams the text of the model that Python has trained."""
    text = (FIXTURES / "text_model.txt").read_text(encoding="utf-8").rstrip("\n")
    assert text in run(*command, CHECKPOINT, "the ", prefix=prefix)


def test_files(prefix):
    assert installed(prefix) == FILES
    assert (prefix / "lib" / "librecurrent.so").readlink().name == SONAME
    assert (prefix / "lib" / SONAME).readlink().name == SHARED
    assert (prefix / "include" / "recurrent.h").read_bytes() == HEADER.read_bytes()
    for name in FILES:
        assert (prefix / name).stat().st_mode & 0o777 == (0o755 if ".so" in name else 0o644), name
    if shutil.which("readelf"):
        dynamic = run("readelf", "-d", prefix / "lib" / SHARED)
        assert re.search(r"\(SONAME\).*\[(.*)\]", dynamic)[1] == SONAME


def test_the_soname_is_that_of_the_package():
    assert f'"-soname={SONAME}"' in (ROOT / "Package.swift").read_text(encoding="utf-8")


def test_the_static_library_exports_the_header_alone(prefix):
    need("nm")
    names = set(re.findall(r" [A-Z] (\S+)$", run("nm", "-g", prefix / "lib" / "librecurrent.a"), re.M))
    defined = set(
        re.findall(
            r" [ABCDGRSTVW] (\S+)$",
            run("nm", "-g", "--defined-only", prefix / "lib" / "librecurrent.a"),
            re.M,
        )
    )
    assert defined == {*signatures.SIGNATURES, "recurrent_cpu_flags"}
    # nothing of the Swift runtime is missing
    assert not [name for name in names if name.startswith("$s") or "swift" in name.replace("__start_swift5", "")
                .replace("__stop_swift5", "")]  # fmt: skip


def test_install_and_uninstall_with_destdir(tmp_path):
    arguments = (f"DESTDIR={tmp_path}", "PREFIX=/opt/recurrent")
    first = make("install", *arguments)
    root = tmp_path / "opt" / "recurrent"
    assert installed(root) == FILES
    assert "prefix=/opt/recurrent\n" in (root / "lib/pkgconfig/recurrent.pc").read_text()
    assert first.count("installing ") == len(FILES) and "replacing" not in first
    # files of others stay, and what is replaced is named
    (root / "include" / "other.h").touch()
    assert make("install", *arguments).count("replacing ") == len(FILES)
    assert make("uninstall", *arguments).count("removing ") == len(FILES)
    assert installed(root) == {"include/other.h"}
    assert make("uninstall", *arguments) == ""


def test_a_prefix_that_is_not_absolute():
    done = subprocess.run(
        [ROOT / "Sources" / "Packaging" / "install", "install", "usr", "2", "0.2.0"],
        capture_output=True,
        text=True,
    )
    expected = "PREFIX is not an absolute path; expected one such as /usr/local, got 'usr'\n"
    assert done.returncode == 1 and done.stderr == expected


@pytest.mark.parametrize("compiler", [["gcc", "-std=c11"], ["g++", "-std=c++17", "-x", "c++"]])
def test_pkg_config(prefix, tmp_path, compiler):
    need("pkg-config", compiler[0])
    assert run("pkg-config", "--modversion", "recurrent", prefix=prefix).strip() == recurrent.__version__
    flags = run("pkg-config", "--cflags", "--libs", "recurrent", prefix=prefix).strip()
    command = " ".join(
        [*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", str(PROGRAM), "-x none", flags, "-o"]
    )
    run("sh", "-c", f"{command} '{tmp_path}/program'")
    runs(tmp_path / "program", prefix=prefix)
    assert SONAME in run("readelf", "-d", tmp_path / "program") or not shutil.which("readelf")


@pytest.mark.parametrize("whole", [False, True], ids=["the library", "the program"])
def test_static(prefix, tmp_path, whole):
    """Linked with the static library alone, and with -static."""
    need("pkg-config", "gcc")
    flags = run("pkg-config", "--static", "--cflags", "--libs", "recurrent", prefix=prefix).strip()
    if not whole:
        flags = re.sub(r"-lrecurrent\b", "-l:librecurrent.a", flags)
    run("sh", "-c", f"gcc {'-static' if whole else ''} '{PROGRAM}' {flags} -o '{tmp_path}/program'")
    # no library is needed
    runs("env", "-u", "LD_LIBRARY_PATH", tmp_path / "program")


@pytest.mark.parametrize("target", ["recurrent::recurrent", "recurrent::static"])
@pytest.mark.parametrize("version", ["", recurrent.__version__, f"{recurrent.__version__} EXACT"])
def test_cmake(prefix, tmp_path, target, version):
    need("cmake", "gcc")
    if version and target.endswith("static"):
        pytest.skip("the version does not depend on the target")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(program C)\n"
        f"find_package(recurrent {version} CONFIG REQUIRED)\n"
        f'add_executable(program "{PROGRAM}")\ntarget_link_libraries(program PRIVATE {target})\n'
    )
    build = tmp_path / "build"
    run("cmake", "-S", tmp_path, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
    # CMake's run path names the folder of the library
    runs(build / "program")


@pytest.mark.parametrize("wanted, fits", [("0.1", False), ("0.3", False), ("1.0", False), ("0.2.99", False),
                                          ("0.2", True), ("0", True)])  # fmt: skip
def test_cmake_versions(prefix, tmp_path, wanted, fits):
    """Before 1.0 a minor version may change any interface."""
    need("cmake")
    assert recurrent.__version__.startswith("0.2.")
    script = tmp_path / "version.cmake"
    numbers = [*wanted.split("."), "0", "0"]
    script.write_text(
        f'set(PACKAGE_FIND_VERSION "{wanted}")\nset(PACKAGE_FIND_VERSION_COUNT {wanted.count(".") + 1})\n'
        f"set(PACKAGE_FIND_VERSION_MAJOR {numbers[0]})\nset(CMAKE_SIZEOF_VOID_P 8)\n"
        f'include("{prefix}/lib/cmake/recurrent/recurrentConfigVersion.cmake")\n'
        'message("found ${PACKAGE_VERSION} ${PACKAGE_VERSION_COMPATIBLE}")\n'
    )
    done = subprocess.run(["cmake", "-P", script], capture_output=True, text=True, check=True)
    assert f"found {recurrent.__version__} {'TRUE' if fits else 'FALSE'}" in done.stderr
