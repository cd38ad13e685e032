"""The demo: a run and its files, seeds, texts, flags and interruptions."""

import csv
import errno
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

import recurrent
from recurrent._terminal import UserError
from recurrent.cli import demo, main
from recurrent.demo import report, screen, sentences, training

LINES = "hello there\ngood morning\nwell, good night\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def run(text: Path, out: Path, *flags: str) -> int:
    return demo.main(
        ["--text", str(text), "--out", str(out), "--hidden-sizes", "8", "--embedding", "4", *flags]
    )


# ---- the corpus


def test_corpus() -> None:
    raw = sentences.CORPUS.read_bytes()
    assert raw.isascii() and raw.endswith(b".\n")
    lines, note = sentences.read_sentences(sentences.CORPUS)
    assert lines == raw.decode().splitlines()
    assert note == ""
    assert len(set(lines)) == len(lines) == 100
    assert all(25 <= len(sentence) <= 70 and sentence == sentence.strip().lower() for sentence in lines)
    assert len({sentence[0] for sentence in lines}) >= 24


# ---- the run


def test_run(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "b"
    assert run(text, out, "--epochs", "2") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in (
        "memorizing 3 sentences",
        "memorized",
        "argmax",
        "temperature 0.3: ",
        "median perplexity",
        "model.json",
    ):
        assert words in printed.out
    assert "\x1b" not in printed.out  # no colors without a terminal
    model = recurrent.SentenceModel.load_recurrentjs(out / "model.json", dtype="float32")
    assert (model.cell, model.hidden_sizes, model.letter_size) == ("lstm", (8,), 4)
    assert model.predict(sample=False, max_chars=10) in (out / "samples.txt").read_text(encoding="utf-8")
    with (out / "curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], float(row["epoch"])) for row in rows] == [("3", 1.0), ("6", 2.0)]
    assert all(float(row["perplexity"]) > 1 for row in rows)


@pytest.mark.parametrize("name", report.FILES)
def test_files_of_another_run_are_kept(
    name: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("theirs", encoding="utf-8")
    assert run(text, out, "--epochs", "1") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "recurrent demo: a file of --out exists and was not written by this run; expected a new file, or --force, "
        f"got '{out / name}'\n"
    )
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text(encoding="utf-8") == "theirs"
    if name != "curve.png":
        assert run(text, out, "--epochs", "1", "--force") == 0
        assert (out / name).read_bytes() != b"theirs"


def test_each_run_has_a_folder(text: Path, working_directory: Path) -> None:
    flags = ["--text", str(text), "--hidden-sizes", "3", "--epochs", "1", "--quiet"]
    for folders in (["out"], ["out", "out-2"], ["out", "out-2", "out-3"]):
        assert demo.main(flags) == 0
        assert sorted(path.name for path in working_directory.iterdir() if path.is_dir()) == folders
    assert demo.main([*flags, "--force"]) == 0
    assert len(list(working_directory.glob("out*"))) == 3


def test_the_text_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Samples of an earlier run as the text of the next."""
    path = tmp_path / "samples.txt"
    path.write_text(LINES, encoding="utf-8")
    assert run(path, tmp_path, "--epochs", "1", "--force") == 2
    assert "a file of --out is a text of this run; expected another file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["samples.txt"]
    assert path.read_text(encoding="utf-8") == LINES


def test_memorizes_and_stops(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text, tmp_path / "out", "--epochs", "3000", "--hidden-sizes", "24", "--quiet") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Done: all memorized")
    argmax = printed.split("argmax", 1)[1].splitlines()[1]
    assert argmax.startswith("  ✓ ") and argmax[4:] in LINES.splitlines()


@pytest.mark.parametrize("bounds", [["--epochs", "4"], ["--epochs", "4", "--seconds", "1000"]])
def test_same_seed_same_run(text: Path, tmp_path: Path, bounds: list[str]) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert run(text, tmp_path / name, "--seed", seed, "--quiet", *bounds) == 0
    models = [(tmp_path / name / "model.json").read_bytes() for name in "abc"]
    assert models[0] == models[1] != models[2]
    samples = [(tmp_path / name / "samples.txt").read_text(encoding="utf-8") for name in "ab"]
    assert samples[0].splitlines()[1:] == samples[1].splitlines()[1:]  # the first line contains the time


@pytest.mark.parametrize(
    "flags", [["--cell", "rnn"], ["--cell", "gru"], ["--dtype", "float64"], ["--schedule", "constant"]]
)
def test_other_settings(text: Path, tmp_path: Path, flags: list[str]) -> None:
    assert run(text, tmp_path / "out", "--epochs", "2", *flags) == 0


def test_seconds_end_it(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text, tmp_path / "out", "--seconds", "0.01", "--learning-rate", "0", "--quiet") == 0
    assert capsys.readouterr().out.startswith("Time is up: 0 % memorized")


def test_recurrentjs() -> None:
    options = demo.parse(["--recurrentjs", "--learning-rate", "0.002"])
    assert (options.cell, options.hidden_sizes, options.embedding) == ("lstm", [20, 20], 5)
    assert (options.weight_decay, options.clip, options.schedule, options.learning_rate) == (
        1e-6,
        5.0,
        "constant",
        0.002,
    )


def test_interrupted_run_is_reported(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: screen.Screen, run: training.TrainingRun) -> None:
        if run.step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(screen.Screen, "update", interrupt)
    assert run(text, tmp_path / "out") == 130
    printed = capsys.readouterr().out
    assert "Stopped: " in printed and "after 1.33 epochs" in printed and "argmax" in printed
    assert len((tmp_path / "out" / "curve.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_without_optional_modules(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (screen, report):
        monkeypatch.setattr(module, "optional_module", lambda name: None)
    assert run(text, tmp_path / "out", "--epochs", "2") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "curve.csv",
        "model.json",
        "samples.txt",
    ]


def test_picture(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run(text, tmp_path / "out", "--epochs", "2", "--quiet") == 0
    assert (tmp_path / "out" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_as_a_command(text: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recurrent.demo"]
    described = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    for flag in (
        "--text",
        "--cell",
        "--hidden-sizes",
        "--epochs",
        "--seconds",
        "--seed",
        "--recurrentjs",
        "--quiet",
    ):
        assert flag in described.stdout
    missing = subprocess.run(
        [*command, "--text", tmp_path / "none"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 2
    assert missing.stderr == f"recurrent demo: cannot read {tmp_path / 'none'}: no such file or directory\n"


# ---- texts


def test_long_lines_are_split(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    sentence = "this one is short. " * 15
    path.write_bytes(f"\ufeff  one line \r\n\n{sentence}\n{'word ' * 50}\n{'x' * 450}\n".encode())
    lines, note = sentences.read_sentences(path)
    assert lines[:16] == ["one line", *["this one is short."] * 15]
    assert [len(piece) for piece in lines[16:]] == [199, 49, 200, 200, 50]
    assert note == "lines of more than 200 characters, split into sentences: 3 of 4"


def test_characters_of_all_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text.txt"
    path.write_text("größe\n日本 😀\n\x1b[31mred\x00\n", encoding="utf-8")
    assert run(path, tmp_path / "out", "--epochs", "2") == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "{} has no training data; expected at least 1 character, got none"),
        (b" \n\t\r\n\n", "{} has no training data; expected at least 1 character, got none"),
        (b"fine\n\xff\xfe not", "{} is not valid UTF-8; expected UTF-8, got 0xFF in line 2"),
        (
            "fine\n".encode("utf-16"),
            "{} is UTF-16; expected UTF-8, got a byte order mark: --encoding utf-16 reads it",
        ),
        (
            gzip.compress(b"fine", mtime=0),
            "{} is compressed; expected UTF-8, got gzip: `gunzip` decompresses it",
        ),
        (None, "cannot read {}: is a directory"),
    ],
)
def test_invalid_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: "bytes | None", problem: str
) -> None:
    path = tmp_path / "text"
    path.mkdir() if content is None else path.write_bytes(content)
    assert run(path, tmp_path / "out") == 2
    assert capsys.readouterr() == ("", f"recurrent demo: {problem.format(path)}\n")
    assert not (tmp_path / "out").exists()


def test_another_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text"
    path.write_bytes("größe\nstraße\n".encode("cp1252"))
    assert run(path, tmp_path / "out", "--epochs", "2", "--quiet", "--encoding", "cp1252") == 0
    model = recurrent.SentenceModel.load_recurrentjs(tmp_path / "out" / "model.json")
    assert set(model.letter_to_index) == set("größestraße")
    with pytest.raises(SystemExit):
        demo.main(["--encoding", "cp1252"])
    assert "--encoding requires --text" in capsys.readouterr().err


def test_text_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "MAX_TEXT", 1 << 20)
    path = tmp_path / "text"
    path.write_bytes(b"x" * (1 << 20) + b"\n")
    with pytest.raises(UserError, match="too large; expected at most 1 MB"):
        sentences.read_sentences(path)


# ---- other invalid input


def test_out_is_a_file(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text, text) == 2
    assert capsys.readouterr().err == f"recurrent demo: cannot save in {text}: file exists\n"


@pytest.mark.parametrize(
    "flags",
    [
        ["--hidden-sizes", "20,"],
        ["--hidden-sizes", "0"],
        ["--embedding", "1.5"],
        ["--learning-rate", "-1"],
        ["--weight-decay", "nan"],
        ["--clip", "0"],
        ["--epochs", "0"],
        ["--seconds", "inf"],
        ["--temperatures", "1,0"],
        ["--seed", "-1"],
        ["--seed", str(2**64)],
        ["--cell", "cnn"],
        ["--dtype", "float16"],
        ["--unknown"],
    ],
)
def test_invalid_flags(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        demo.main(flags)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_errors_of_the_library(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text, tmp_path / "out", "--hidden-sizes", "99999999") == 2
    assert capsys.readouterr().err.startswith("recurrent demo: ")


def test_divergence(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text, tmp_path / "out", "--learning-rate", "1e6", "--epochs", "9") == 1
    error = capsys.readouterr().err
    assert error.startswith("recurrent demo: training diverged in step ")
    assert error.endswith(": try --learning-rate 0.01\n")


def test_as_a_job_of_the_command(working_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--epochs", "1", "--hidden-sizes", "4", "--quiet"]) == 0
    assert "memorized" in capsys.readouterr().out


def test_a_folder_without_permission(text, tmp_path, capsys, monkeypatch):
    """Whatever user runs the tests."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert run(text, tmp_path / "out", "--epochs", "1") == 2
    assert "permission denied" in capsys.readouterr().err


def test_a_save_that_fails(text, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(demo, "save", full)
    assert run(text, tmp_path / "out", "--epochs", "1") == 1
    assert f"cannot save in {tmp_path / 'out'}: no space left on device" in capsys.readouterr().err


def test_a_signal_at_the_end_of_the_training(text, tmp_path, capsys, monkeypatch):
    """After the last step, where the run itself no longer receives it."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.TrainingRun, "run", training.TrainingRun.train, raising=False)
    monkeypatch.setattr(training.TrainingRun, "train", lambda run, update: (run.run(update), interrupted()))
    assert run(text, tmp_path / "out", "--epochs", "1") == 130
    assert (tmp_path / "out" / "model.json").exists() and "Stopped: " in capsys.readouterr().out


def test_a_progress_bar_that_cannot_be_written(monkeypatch):
    shown = screen.Screen([1.0], quiet=False)

    def full():
        raise OSError(errno.ENOSPC, "no space left on device")

    shown._guard(full)
    assert shown.error is not None and shown.error.errno == errno.ENOSPC
