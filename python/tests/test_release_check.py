"""`make release-check`: its steps run in a clone of the commit, and the first that fails ends it with its log."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys

import pytest

from support import ROOT

SCRIPT = ROOT / "Sources" / "Packaging" / "release-check"


@pytest.fixture(scope="module")
def script():
    """The module of the script."""
    loader = importlib.machinery.SourceFileLoader("release_check", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("release_check", loader))
    # no file is written beside the script; a NamedTuple looks for its module
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of one file, and a folder for the clones."""
    (tmp_path / "clones").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "clones"))
    monkeypatch.setattr("tempfile.tempdir", None)
    root = tmp_path / "checkout"
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run([*git, "init", "-q", root], check=True)
    (root / ".gitignore").write_text(".build/\n")
    (root / "file").write_text("committed\n")
    subprocess.run([*git, "add", "-A"], cwd=root, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "One"], cwd=root, check=True)
    return root


def clones(checkout):
    return list((checkout.parent / "clones").iterdir())


def test_steps_run_in_a_clone(script, checkout, capsys):
    (checkout / "file").write_text("changed\n")
    steps = [
        script.Step("first", 'grep committed file && test -d "$OUT" && touch "$OUT/made"'),
        script.Step("second", 'test -f "$OUT/made" && pwd && test -z "$RECURRENT_LIBRARY$PYTHONPATH"'),
        script.Step("third", "grep changed file", in_checkout=True),
    ]
    assert script.main([], steps, checkout) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r" +\d+\.\d s$", "", line) for line in lines[:3]] == [
        "first      ok", "second     ok", "third      ok"
    ]  # fmt: skip
    assert re.fullmatch(r"release-check passed: [0-9a-f]{9}, 3 steps, \d+ s", lines[3])
    folder = (checkout / ".build" / "release-check" / "second.log").read_text().strip()
    assert folder.startswith(str(checkout.parent / "clones")) and clones(checkout) == []


def test_the_first_failure_ends_it(script, checkout, capsys):
    steps = [
        script.Step("good", "true"),
        script.Step("bad", "seq 100; echo reason >&2; exit 7"),
        script.Step("never", "touch never"),
    ]
    assert script.main([], steps, checkout) == 7
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("good       ok") and lines[1].startswith("bad        failed")
    # the last lines of the log alone
    assert lines[2 : 2 + script.TAIL] == [*(f"    {n}" for n in range(82, 101)), "    reason"]
    log = checkout / ".build" / "release-check" / "bad.log"
    assert "release-check stopped at bad; expected exit status 0, got 7: seq 100" in out
    assert f"log:      {log}\n" in out and "never" not in out and "passed" not in out
    # the clone is kept
    (kept,) = clones(checkout)
    assert f"files:    {kept}\n" in out and (kept / "recurrent" / "file").is_file()
    assert len(log.read_text().splitlines()) == 101


def test_a_signal_is_a_failure(script, checkout):
    assert script.main([], [script.Step("killed", "kill -9 $$")], checkout) == 128 + 9


def test_steps_are_chosen(script, checkout, capsys):
    steps = [script.Step(name, f"echo {name}") for name in ("one", "two", "three")]

    def ran(*arguments):
        assert script.main(arguments, steps, checkout) == 0
        return [line.split()[0] for line in capsys.readouterr().out.splitlines()[:-1]]

    assert ran("--only", "three,one") == ["one", "three"]
    assert ran("--skip", "two") == ["one", "three"]
    assert ran("--only", "one,two", "--skip", "two") == ["one"]
    assert ran("--here") == ["one", "two", "three"]
    for flag in ("--only", "--skip"):
        with pytest.raises(SystemExit):
            script.main([flag, "one,four"], steps, checkout)
        expected = f"{flag} names an unknown step; expected one, two, three, got four"
        assert expected in capsys.readouterr().err


def test_changes_are_refused(script, checkout, capsys):
    (step,) = (step for step in script.STEPS if step.name == "committed")
    assert script.main([], [step], checkout) == 0
    (checkout / "more").touch()
    assert script.main([], [step], checkout) == 1
    assert "    ?? more\n" in capsys.readouterr().out


def test_the_steps_name_what_exists(script):
    """Targets of the Makefile, and scripts."""
    targets = set(re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    targets |= {".build/lib/librecurrent.so"}
    commands = " && ".join(step.command for step in script.STEPS)
    for words in re.findall(r"\bmake ([\w./ -]+?)(?= PREFIX=| &&|$)", commands):
        assert set(words.split()) <= targets, words
    for path in re.findall(r"(?:Sources/Packaging|python/tools)/[\w.-]+", commands):
        assert (ROOT / path).is_file(), path
    assert [step.name for step in script.STEPS] == [
        "committed", "versions", "changelog", "setup", "check", "interface", "test", "docs", "docs-links", "docc",
        "wheel", "try-wheel", "install",
    ]  # fmt: skip


def test_there_is_no_wheel(tmp_path):
    (tmp_path / "other.whl").touch()
    done = subprocess.run(
        [ROOT / "Sources" / "Packaging" / "try-wheel", tmp_path, tmp_path / "venv"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and not (tmp_path / "venv").exists()
    assert re.fullmatch(
        r"DIST has no wheel to try; expected one recurrent_nets-\S+-\*\.whl, got other\.whl \n", done.stderr
    )
