"""The program of examples in each language: it trains, streams the text that Python does, and reads an error."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import recurrent
from installation import install, need, run
from support import FIXTURES, ROOT

EXAMPLES = ROOT / "examples"
CHECKPOINT = FIXTURES / "text_model.safetensors"
PROMPT = "the "


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    return install(tmp_path_factory.mktemp("prefix"))


@pytest.fixture(scope="module")
def expected():
    """What every program prints, computed in Python."""
    text = "hello help"
    model = recurrent.TextModel("lstm", [20], rng=7).build(text)
    model.optimizer = recurrent.Adam()
    tokens = np.asarray(model.encode(text))[:, None]
    for _ in range(100):
        model.reset_state()
        loss = model.train_step(tokens[:-1], tokens[1:], 0.01, clip=5).loss
    trained = recurrent.load(CHECKPOINT)
    stream = "".join(trained.stream(120, PROMPT, temperature=0.8, rng=7))
    assert PROMPT + stream + "\n" == (FIXTURES / "text_model.txt").read_text(encoding="utf-8")
    with pytest.raises(ValueError) as error:
        model.encode("hexagon")
    return f"loss {loss:.6f}\n{PROMPT}{stream}\nstatus 6: {error.value}\n"


def flags(prefix):
    need("pkg-config")
    return run("pkg-config", "--cflags", "--libs", "recurrent", prefix=prefix).split()


def java():
    """Java 22 or newer: JAVA_HOME's, the PATH's, or a folder's where systems put others."""
    homes = [
        os.environ.get("JAVA_HOME", "/nowhere"),
        *sorted(map(str, Path("/usr/lib/jvm").glob("*")), reverse=True),
    ]
    programs = [Path(home) / "bin" / "java" for home in homes] + [Path(shutil.which("java") or "/nowhere")]
    for program in programs:
        if program.is_file() and program.with_name("javac").is_file():
            done = subprocess.run([program, "-version"], capture_output=True, text=True)
            found = re.search(r'version "(\d+)', done.stderr)
            if found and int(found[1]) >= 22:
                return program
    return pytest.skip("Java 22 or newer, whose java.lang.foreign the example uses, is not installed")


def c(prefix, folder):
    need("gcc")
    run(
        "gcc",
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        EXAMPLES / "c/stream.c",
        *flags(prefix),
        "-o",
        folder / "stream",
    )
    return [folder / "stream"]


def cpp(prefix, folder):
    need("g++")
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run("g++", *strict, EXAMPLES / "cpp/stream.cpp", *flags(prefix), "-o", folder / "stream")
    return [folder / "stream"]


def rust(prefix, folder):
    need("rustc")
    paths = ["-L", prefix / "lib", "-D", "warnings", "-A", "non_snake_case"]
    run("rustc", "--edition", "2021", "-O", *paths, EXAMPLES / "rust/stream.rs", "-o", folder / "stream")
    return [folder / "stream"]


def java_program(prefix, folder):
    program = java()
    run(
        program.with_name("javac"),
        "-Xlint:all,-restricted",
        "-Werror",
        "-d",
        folder,
        EXAMPLES / "java/Stream.java",
    )
    return [program, "--enable-native-access=ALL-UNNAMED", "-cp", folder, "Stream"]


def node(prefix, folder):
    need("node", "gcc")
    headers = run("node", "-p", "path.resolve(process.execPath, '../../include/node')").strip()
    if not (Path(headers) / "node_api.h").is_file():
        pytest.skip("the headers of Node.js are not installed")
    strict = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{headers}"]
    run("gcc", *strict, EXAMPLES / "node/recurrent.c", *flags(prefix), "-o", folder / "recurrent.node")
    shutil.copy(EXAMPLES / "node/stream.js", folder)
    return ["node", folder / "stream.js"]


def luajit(prefix, folder):
    need("luajit")
    return ["luajit", EXAMPLES / "luajit/stream.lua"]


def go(prefix, folder):
    need("go", "gcc", "pkg-config")
    run(
        "go", "build", "-o", folder / "stream", ".", cwd=EXAMPLES / "go", prefix=prefix,
        GOCACHE=str(folder / "cache"), GOFLAGS="-mod=mod -buildvcs=false", GOPROXY="off",
    )  # fmt: skip
    return [folder / "stream"]


LANGUAGES = {
    "c": c, "cpp": cpp, "rust": rust, "java": java_program, "node": node, "luajit": luajit, "go": go,
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_language(language, prefix, expected, tmp_path):
    command = LANGUAGES[language](prefix, tmp_path)
    assert run(*command, CHECKPOINT, PROMPT, prefix=prefix) == expected
    without = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "LD_LIBRARY_PATH": f"{prefix}/lib"},
        capture_output=True,
        text=True,
    )
    assert without.returncode == 2 and without.stderr.startswith("usage: ") and not without.stdout


def test_every_folder_is_tested():
    """Each language has a line in the table of examples/README.md."""
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in EXAMPLES.glob("*/[sS]tream.*")}
    assert folders == set(LANGUAGES) == set(re.findall(r"^\| \[.*?\]\((\w+)\) \|", table, re.M)) - {"swift"}
