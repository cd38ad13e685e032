"""The command: what it does, what it says to people and to scripts, how it ends, and everything done wrong."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent.cli import flags, main, voice

TEXT = "the end is not the end, the end is the beginning. " * 40
SMALL = ["--rnn-size", "8", "--batch-size", "4", "--seq-length", "10"]
CELLS = ("lstm", "gru", "rnn", "rnn_relu", "gru_reset_before")


@pytest.fixture
def text(working_directory: Path) -> Path:
    path = working_directory / "novel.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint; not to be written to."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "novel.txt").write_text(TEXT, encoding="utf-8")
    place = folder / "model.safetensors"
    assert (
        main(
            [
                "train",
                str(folder / "novel.txt"),
                "--checkpoint",
                str(place),
                "--steps",
                "20",
                *SMALL,
                "--quiet",
            ]
        )
        == 0
    )
    return place


def lines(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines()]


def failure(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one sentence with which a command fails."""
    assert main([str(word) for word in words]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert printed.err.startswith("recurrent: ")
    return printed.err[len("recurrent: ") : -1]


def usage(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What is said to what is no command."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def process(*words: object, **settings: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own, its warnings errors."""
    command = [sys.executable, "-W", "error", "-m", "recurrent", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings)  # type: ignore[call-overload,no-any-return]


# ---- training


def test_train_says_what_it_does_and_saves(text, capsys):
    assert (
        main(["train", "novel.txt", "--steps", "30", "--print-every", "10", "--eval-val-every", "15", *SMALL])
        == 0
    )
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in (
        "2,000 characters, 13 different ones; the last 10 % held out",
        "lstm 8 8, one-hot: ",
        "30 steps, 44 to an epoch; RMSProp",
        "Done: step 30, ",
        "saved in novel.safetensors; next: recurrent sample novel.safetensors",
    ):
        assert words in printed.out
    steps = [
        line.split()[0] for line in printed.out.splitlines() if line[:1] == " " and line.split()[0].isdigit()
    ]
    assert steps == ["1", "10", "15", "20", "30"]
    tm = recurrent.TextModel.load("novel.safetensors")
    assert (tm.step, tm.hidden_sizes, tm.cell) == (30, [8, 8], "lstm")
    assert Path("novel.best.safetensors").exists()


def test_train_is_fit(text):
    """Flag by flag what the library does with the same words."""
    words = ["--model", "gru", "--rnn-size", "6", "--num-layers", "3", "--dropout", "0.2", "--embedding", "5"]
    words += [
        "--seq-length",
        "7",
        "--batch-size",
        "5",
        "--max-epochs",
        "2",
        "--solver",
        "adamw",
        "--weight-decay",
        "0.1",
    ]
    words += ["--learning-rate", "0.01", "--schedule", "cosine", "--warmup-steps", "3", "--grad-clip", "0.3"]
    words += [
        "--val-frac",
        "0.2",
        "--eval-val-every",
        "9",
        "--seed",
        "4",
        "--dtype",
        "float64",
        "--checkpoint",
        "a",
    ]
    assert main(["train", "novel.txt", "--quiet", *words]) == 0
    tm = recurrent.TextModel("gru", [6, 6, 6], 5, 0.2, dtype="float64", rng=4)
    steps = 2 * ((1600 - 1) // 5 // 7)
    schedule = recurrent.schedules.Cosine(0.01, steps, 3)
    solver = recurrent.AdamW(0.01, weight_decay=0.1)
    run = tm.fit(text, steps, 5, 7, solver, schedule, 0.2, progress=False, clip=0.3, evaluate_every=9)
    found = recurrent.TextModel.load("a")
    assert np.array_equal(found.flat.w, tm.flat.w)
    assert found.history.validation == run.validation and found.history.train == run.train


def test_train_in_char_rnns_words(text):
    """Its defaults, with underscores too: the rate falls by 0.97 an epoch after ten."""
    words = [
        "--rnn_size=8",
        "--num_layers",
        "1",
        "--seq_length",
        "10",
        "--batch_size",
        "4",
        "--max_epochs",
        "12",
    ]
    assert main(["train", "novel.txt", "--quiet", *words]) == 0
    tm = recurrent.TextModel.load("novel.safetensors")
    rates = dict(tm.history.learning_rates)
    assert tm.step == 12 * 44 and tm.hidden_sizes == [8]
    assert rates[1] == rates[11 * 44] == 2e-3 and rates[11 * 44 + 1] == pytest.approx(2e-3 * 0.97)
    settings = tm.optimizer.settings
    assert (settings["rule"], settings["alpha"], settings["eps"]) == ("rmsprop", 0.95, 1e-8)
    options = flags.parse(["train", "x"])
    names = ("model", "rnn_size", "num_layers", "dropout", "seq_length", "batch_size", "grad_clip", "seed")
    assert [getattr(options, name) for name in names] == ["lstm", 128, 2, 0, 50, 50, 5, 123]


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one-cycle", "plateau"])
@pytest.mark.parametrize("solver", ["rmsprop", "adam", "adamw", "sgd", "adagrad"])
def test_every_solver_and_schedule(text, solver, schedule):
    words = ["--solver", solver, "--schedule", schedule, "--steps", "6", "--eval-val-every", "2"]
    assert main(["train", "novel.txt", "--quiet", *words, *SMALL]) == 0
    tm = recurrent.TextModel.load("novel.safetensors")
    assert tm.optimizer.settings["rule"] == solver
    assert tm._fit.settings.schedule.to_dict()["schedule"] == schedule.replace("-", "_")


def test_train_tells_scripts(text, capsys):
    words = ["--steps", "9", "--print-every", "4", "--eval-val-every", "6"]
    assert main(["train", "novel.txt", "--json", *words, *SMALL]) == 0
    printed = capsys.readouterr()
    start, *steps, end = lines(printed.out)
    assert start == {
        "event": "start", "text": "novel.txt", "steps": 9, "steps_per_epoch": 44,
        "checkpoint": "novel.safetensors", "seed": 123,
    }  # fmt: skip
    assert [step["step"] for step in steps] == [1, 4, 6, 8, 9]
    history = recurrent.TextModel.load("novel.safetensors").history
    for step in steps:
        assert step["loss"] == dict(history.train)[step["step"]]
        assert step["gradient_norm"] == dict(history.gradient_norms)[step["step"]]
        assert step.get("validation") == dict(history.validation).get(step["step"])
    assert (end["event"], end["ended"], end["step"]) == ("end", "steps", 9)
    assert end["validation"] == history.validation[-1][1] and end["best"] == list(history.best)


def test_quiet_says_nothing(text, capsys):
    assert main(["train", "novel.txt", "--steps", "2", "--quiet", *SMALL]) == 0
    assert main(["resume", "novel.safetensors", "--steps", "2", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_train_writes_over_nothing_unasked(text, capsys):
    assert main(["train", "novel.txt", "--steps", "2", "--quiet", *SMALL]) == 0
    before = Path("novel.safetensors").read_bytes()
    sentence = failure(capsys, "train", "novel.txt", "--steps", "3", *SMALL)
    assert sentence.startswith("novel.safetensors is there already: `recurrent resume novel.safetensors`")
    assert Path("novel.safetensors").read_bytes() == before
    assert main(["train", "novel.txt", "--steps", "3", "--quiet", "--force", *SMALL]) == 0
    assert recurrent.TextModel.load("novel.safetensors").step == 3
    sentence = failure(capsys, "train", "novel.txt", "--checkpoint", text, "--force", *SMALL)
    assert "is the text itself" in sentence
    assert text.read_text(encoding="utf-8") == TEXT


def test_train_goes_on_from_another_model(text, trained, capsys):
    Path("more.txt").write_text("the éend, " * 100, encoding="utf-8")
    words = ["train", "more.txt", "--init-from", str(trained), "--steps", "3", *SMALL[2:]]
    assert (
        failure(capsys, *words)
        == "the character 'é' (U+00E9) at position 4 of 'more.txt' is not in the alphabet"
    )
    assert main([*words, "--unknown", "e", "--quiet"]) == 0
    tm = recurrent.TextModel.load("more.safetensors")
    assert tm.step == 23 and tm.vocabulary == recurrent.TextModel.load(trained).letters
    assert "--rnn-size is decided by the model of --init-from" in usage(capsys, *words, "--rnn-size", "3")


def test_patience_ends_it(text, capsys):
    words = ["--learning-rate", "0", "--patience", "2", "--eval-val-every", "2", "--steps", "50"]
    assert main(["train", "novel.txt", *words, *SMALL]) == 0
    assert "Stopped, as validation gets no better: step 6" in capsys.readouterr().out


def test_divergence_is_a_sentence(text, capsys):
    words = ["--learning-rate", "1e6", "--schedule", "constant", "--steps", "50", "--quiet", *SMALL]
    assert failure(capsys, "train", "novel.txt", *words).startswith("training diverged in step ")
    assert not Path("novel.safetensors").exists()


# ---- resuming


def test_resumed_to_the_same_bits(text, capsys):
    words = [
        "train",
        "novel.txt",
        "--dropout",
        "0.3",
        "--schedule",
        "constant",
        "--eval-val-every",
        "4",
        "--quiet",
        *SMALL,
    ]
    assert main([*words, "--steps", "20", "--checkpoint", "whole"]) == 0
    assert main([*words, "--steps", "7", "--checkpoint", "half"]) == 0
    # the text and the checkpoint may have been moved
    text.rename("elsewhere.txt")
    Path("half").rename("moved")
    capsys.readouterr()
    assert "novel.txt" in failure(capsys, "resume", "moved", "--steps", "13", "--quiet")
    assert main(["resume", "moved", "elsewhere.txt", "--steps", "13", "--json"]) == 0
    told = lines(capsys.readouterr().out)
    assert told[0] == {"event": "start", "step": 7, "steps": 13, "checkpoint": "moved"}
    assert told[-1]["step"] == 20 and not Path("half").exists()
    whole, half = (recurrent.TextModel.load(name) for name in ("whole", "moved"))
    assert np.array_equal(whole.flat.w, half.flat.w) and whole.history.train == half.history.train
    assert main(["resume", "moved", "--steps", "1", "--checkpoint", "third"]) == 0
    assert "going on after step 20 to step 21" in capsys.readouterr().out
    assert recurrent.TextModel.load("third").step == 21


def test_what_cannot_be_resumed(text, trained, capsys):
    assert failure(capsys, "resume", trained) == "all 20 steps are made: say how many more with --steps"
    other = Path("other.txt")
    other.write_text(TEXT + "x", encoding="utf-8")
    sentence = failure(capsys, "resume", trained, other, "--steps", "1")
    assert "'other.txt' is not what the model was learning from" in sentence
    assert sentence.endswith("go on with the same text, or `recurrent train --init-from`")
    recurrent.TextModel(hidden_sizes=[3], rng=1).build("ab").save("new")
    assert "no training run to go on with" in failure(capsys, "resume", "new")
    assert main(["train", "novel.txt", "--schedule", "cosine", "--steps", "3", "--quiet", *SMALL]) == 0
    assert "has come to its end after 3 steps" in failure(
        capsys, "resume", "novel.safetensors", "--steps", "3"
    )


# ---- writing


def test_sample_is_the_models(trained, capsys):
    tm = recurrent.TextModel.load(trained)
    words = ["sample", str(trained), "--length", "60", "--seed", "3"]
    assert main([*words, "--primetext", "the end"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == "the end" + tm.sample(60, "the end", rng=3)
    more = ["--temperature", "0.6", "--top-k", "5", "--top-p", "0.9", "--min-p", "0.01"]
    more += ["--repetition-penalty", "1.3", "--repetition-window", "9", "--stop", "d", "--stop", r"\n"]
    assert main([*words, *more, "--quiet", "--primetext", "the"]) == 0
    expected = tm.sample(
        60, "the", 0.6, 5, 0.9, ["d", "\n"], 3, min_p=0.01, repetition_penalty=1.3, repetition_window=9
    )
    assert capsys.readouterr().out == expected + "\n"
    assert main([*words, "--temperature", "0", "--quiet"]) == 0
    assert capsys.readouterr().out == tm.sample(60, temperature=0) + "\n"


def test_sample_tells_its_seed(trained, capsys):
    told = []
    for more in ([], []):
        assert main(["sample", str(trained), "--length", "30", "--json", "--primetext", "the", *more]) == 0
        told += lines(capsys.readouterr().out)
    assert told[0]["seed"] != told[1]["seed"] and told[0]["text"] != told[1]["text"]
    again = [
        "sample",
        str(trained),
        "--length",
        "30",
        "--json",
        "--primetext",
        "the",
        "--seed",
        str(told[0]["seed"]),
    ]
    assert main(again) == 0
    assert lines(capsys.readouterr().out) == [told[0]]


@pytest.mark.parametrize(("unknown", "read"), [("skip", "the end"), (" ", "the  end")])
def test_unknown_characters_are_named_or_mapped(trained, capsys, unknown, read):
    words = [
        "sample",
        str(trained),
        "--primetext",
        "the É end".replace(" É", "É"),
        "--seed",
        "1",
        "--length",
        "30",
    ]
    assert failure(capsys, *words) == "the character 'É' (U+00C9) at position 3 is not in the alphabet"
    assert main([*words, "--unknown", unknown, "--quiet"]) == 0
    tm = recurrent.TextModel.load(trained)
    assert capsys.readouterr().out == tm.sample(30, read, rng=1) + "\n"


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--temperature", "-1", "a number of at least 0"),
        ("--temperature", "nan", "a number of at least 0"),
        ("--temperature", "inf", "a number of at least 0"),
        ("--temperature", "warm", "a number of at least 0"),
        ("--top-p", "0", "a number above 0 and at most 1"),
        ("--top-p", "1.01", "a number above 0 and at most 1"),
        ("--top-p", "-0.5", "a number above 0 and at most 1"),
        ("--top-p", "nan", "a number above 0 and at most 1"),
        ("--top-k", "0", "an integer of at least 1"),
        ("--top-k", "2.5", "an integer of at least 1"),
        ("--min-p", "1.5", "a number from 0 to 1"),
        ("--length", "-1", "an integer of at least 0"),
        ("--seed", "-1", "an integer of at least 0"),
        ("--repetition-penalty", "0", "a number above 0"),
        ("--unknown", "ab", "refuse, skip or one character"),
        ("--stop", "", "at least one character"),
    ],
)
def test_settings_of_samples(trained, capsys, flag, value, expected):
    said = usage(capsys, "sample", trained, flag, value)
    assert f"argument {flag}: expected {expected}" in said


def test_bytes_are_never_shown_by_halves(working_directory):
    """Each write ends where a character does, whatever bytes the model comes upon."""
    Path("face.txt").write_bytes("é😀\xff".encode() * 300)
    assert main(["train", "face.txt", "--tokens", "bytes", "--steps", "3", "--quiet", *SMALL]) == 0
    for seed in range(5):
        done = process(
            "sample", "face.safetensors", "--length", "200", "--seed", seed, "--primetext", "\udcff"
        )
        out, err = done.communicate(timeout=60)
        assert done.returncode == 0 and err == b""
        assert out.decode("utf-8")
        read = recurrent.TextModel.load("face.safetensors").sample(200, b"\xff", rng=seed)
        assert out.decode("utf-8") == "\ufffd" + read + "\n" * (not read.endswith("\n"))


def test_characters_come_one_by_one(trained):
    """What is written can be read before the end, in a locale without UTF-8 too."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    running = process("sample", trained, "--length", 10**9, env=environment)
    try:
        assert len(running.stdout.read(100)) == 100
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()


def test_a_terminal_obeys_nothing_that_is_written():
    from recurrent.cli.sample import _visible

    assert [_visible(letter) for letter in "a\n\t\x1b\x00\x7f\x9bé"] == [
        "a",
        "\n",
        "\t",
        "␛",
        "␀",
        "␡",
        "\ufffd",
        "é",
    ]


# ---- looking


@pytest.mark.parametrize("tokens", ["characters", "bytes"])
def test_evaluate(text, capsys, tokens):
    words = ["--steps", "5", "--tokens", tokens, "--quiet", "--model", "rnn", *SMALL]
    assert main(["train", "novel.txt", "--quiet", *words]) == 0
    tm = recurrent.TextModel.load("novel.safetensors")
    assert main(["evaluate", "novel.safetensors", "novel.txt", "--columns", "1", "--json"]) == 0
    (told,) = lines(capsys.readouterr().out)
    assert told["nats"] == tm.evaluate(TEXT)
    assert told["bits"] == pytest.approx(told["nats"] / np.log(2))
    assert told["perplexity"] == pytest.approx(np.exp(told["nats"]))
    assert (told["tokens"], told["unit"]) == (2000, tokens[:-1])
    # the part that training held out
    assert main(["evaluate", "novel.safetensors", "novel.txt", "--val-frac", "0.1"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{tm.history.validation[-1][1]:.4f} nats per {tokens[:-1]} (")
    assert printed.endswith(f"over 200 {tokens}\n")


def test_info(trained, capsys):
    assert main(["info", str(trained), "--json"]) == 0
    (told,) = lines(capsys.readouterr().out)
    tm = recurrent.TextModel.load(trained)
    assert told["letters"] == tm.vocabulary and told["step"] == tm.step == 20
    assert told["solver"] == tm.optimizer.settings and told["weights"] == tm.flat.n
    assert told["train"] == tm.history.train[-1][1] and told["settings"]["batch_size"] == 4
    assert main(["info", str(trained)]) == 0
    printed = capsys.readouterr().out
    for words in (
        "lstm 8 8, one-hot: ",
        "alphabet  13 characters:  ,.bdeghinost",
        "solver    RMSProp(learning_rate=0.002",
        "trained   20 steps\n",
        f"held out  {tm.history.validation[-1][1]:.4f} nats per character",
        str(trained.with_name("novel.txt")),
    ):
        assert words in printed


@pytest.mark.parametrize("cell", CELLS)
def test_info_of_a_model_without_a_run(working_directory, capsys, cell):
    recurrent.TextModel(cell, [3], tied=True, tokenizer="bytes", rng=1).build("a\x1b").save("new")
    assert main(["info", "new"]) == 0
    printed = capsys.readouterr().out
    assert f"{cell} 3, embedding 3, tied" in printed and "none yet" in printed and "\x1b" not in printed
    assert main(["info", "new", "--json"]) == 0


# ---- files that are none


def bad_files(folder: Path, good: Path) -> dict[Path, str]:
    data = good.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    files = {
        "short": (data[: len(data) // 2], "truncated"),
        "flipped": (bytes(flipped), "damaged"),
        "pickled": (pickle.dumps({"a": 1}), "a pickle"),
        "empty": (b"", "0 bytes"),
        "text": (TEXT.encode(), "not a safetensors file"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "fifo")
    found = {folder / name: words for name, (_, words) in files.items()}
    return {
        **found,
        folder / "fifo": "not a regular file",
        folder: "is a directory",
        folder / "none": "no such file",
    }


def test_checkpoints_that_are_none(text, trained, capsys):
    for path, words in bad_files(text.parent, trained).items():
        for job in (["sample"], ["info"], ["resume"], ["evaluate", "novel.txt"]):
            sentence = failure(capsys, job[0], path, *job[1:])
            assert words in sentence and f"'{path}'" in sentence, sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "'bad' is empty"),
        (
            b"a",
            "'bad' has 0 characters to learn from; a batch of 50 streams of 50 needs 2,501: lower --batch-size",
        ),
        (b"ab\xffc" * 5000, "'bad' is not valid UTF-8 at byte 2, 0xFF; --tokens bytes reads anything"),
        (None, "cannot read 'bad': no such file or directory"),
        ("folder", "cannot read 'bad': is a directory"),
        ("fifo", "cannot read 'bad': not a regular file"),
    ],
)
def test_texts_that_are_none(working_directory, capsys, content, words):
    if content == "folder":
        Path("bad").mkdir()
    elif content == "fifo":
        os.mkfifo("bad")
    elif content is not None:
        Path("bad").write_bytes(content)
    assert words in failure(capsys, "train", "bad")
    assert [path.name for path in Path().iterdir()] == (["bad"] if content is not None else [])


@pytest.mark.parametrize("content", ["a\r\nb\0c\ufeff" * 400, "\ufeff" + "e\u0301😀👩‍👩‍👧" * 400])
def test_texts_that_are_odd(working_directory, capsys, content):
    Path("odd").write_bytes(content.encode())
    assert main(["train", "odd", "--steps", "2", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert not set("\0\r") & set(printed)
    tm = recurrent.TextModel.load("odd.safetensors")
    assert set(tm.vocabulary) == set(content.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "commands:"),
        (["frob"], "invalid choice: 'frob'"),
        (["train"], "the following arguments are required: FILE"),
        (
            ["train", "x", "--temperature", "1"],
            "recurrent train: error: unrecognized arguments: --temperature 1",
        ),
        (["train", "x", "--steps", "1", "--max-epochs", "1"], "expected one of them"),
        (["train", "x", "--decay-rate", "0.9", "--solver", "adam"], "--decay-rate is rmsprop's"),
        (["train", "x", "--patience", "1", "--val-frac", "0"], "--patience needs a --val-frac above 0"),
        (["train", "x", "--schedule", "plateau", "--val-frac", "0"], "needs a --val-frac above 0"),
        (["train", "x", "--unknown", "skip"], "--unknown needs --init-from"),
        (["train", "x", "--rnn-s", "1"], "unrecognized arguments: --rnn-s 1"),
        (["train", "x", "--dropout", "1"], "expected a number of at least 0 and below 1, got '1'"),
        (["sample"], "the following arguments are required: CHECKPOINT"),
        (["sample", "x", "--top-p"], "expected one argument"),
        (["demo", "--frob"], "recurrent demo: error: unrecognized arguments: --frob"),
    ],
)
def test_what_is_no_command(capsys, words, said):
    assert said in usage(capsys, *words)


@pytest.mark.parametrize("job", ["", "train", "resume", "sample", "info", "evaluate", "demo"])
def test_help(capsys, job):
    with pytest.raises(SystemExit) as ended:
        main([*job.split(), "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: recurrent {job}".rstrip())
    assert job == "demo" or "examples:\n  recurrent " in printed
    assert max(map(len, printed.splitlines())) <= 120


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"recurrent {recurrent.__version__}\n"


def test_demo(working_directory, capsys):
    assert main(["demo", "--epochs", "1", "--hidden", "4", "--quiet"]) == 0
    assert "known by heart" in capsys.readouterr().out


def test_sentences_leave_what_is_quoted():
    said = voice.refusal(ValueError("batch_size is 0; 'batch_size clip.txt' has no seq_length"))
    assert said == "--batch-size is 0; 'batch_size clip.txt' has no --seq-length"
    assert (
        voice.refusal(OSError(errno.ENOENT, "cannot open 'x'"))
        == "cannot open 'x': no such file or directory"
    )
    assert (
        voice.refusal(OSError(errno.ENOSPC, "cannot write 'x': disk full")) == "cannot write 'x': disk full"
    )
    assert voice.refusal(MemoryError()) == "memory is full"


# ---- ends before the end


def begun(*words: object) -> subprocess.Popen[bytes]:
    """A training run that has made its first step."""
    running = process("train", *words, "--json", "--print-every", "1", "--steps", 10**6, *SMALL)
    while json.loads(running.stdout.readline())["event"] != "step":
        pass
    return running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_training_is_saved(text, number, capsys):
    running = begun("novel.txt")
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130 and err == b""
    # what begun() had read ahead is gone, to the middle of a line
    end = json.loads(out.decode().splitlines()[-1])
    assert end["ended"] == "interrupted"
    assert recurrent.TextModel.load("novel.safetensors").step == end["step"]
    assert main(["info", "novel.safetensors"]) == 0
    assert f"{end['step']:,} steps of 1,000,000, interrupted" in capsys.readouterr().out
    assert main(["resume", "novel.safetensors", "--steps", "2", "--quiet"]) == 0


def test_interrupted_samples_end_quietly(trained):
    running = process("sample", trained, "--length", 10**9)
    running.stdout.read(10)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130 and err == b"recurrent: interrupted\n"


def test_nobody_reads_on(text, trained):
    running = process("sample", trained, "--length", 10**9)
    running.stdout.read(10)
    running.stdout.close()
    assert running.wait(timeout=60) == 141 and running.stderr.read() == b""
    running.stderr.close()
    # what was learned is kept
    running = begun("novel.txt")
    running.stdout.close()
    assert running.wait(timeout=60) == 141 and running.stderr.read() == b""
    running.stderr.close()
    assert recurrent.TextModel.load("novel.safetensors").step >= 1


def test_a_save_that_fails_is_a_sentence(text, capsys, monkeypatch):
    """On the way a warning, at the end exit status 1."""

    def save(*_: object) -> None:
        raise OSError(errno.ENOSPC, "cannot write 'x'")

    monkeypatch.setattr(recurrent.TextModel, "save", save)
    assert main(["train", "novel.txt", "--steps", "2", "--checkpoint-every", "1", "--quiet", *SMALL]) == 1
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("recurrent: ") and first.endswith("; training continues")
    assert last == "recurrent: cannot write 'x': no space left on device"


@pytest.mark.nightly
def test_the_first_step_comes_at_once(working_directory):
    """Half a second from the command to the first step on a text of 1 MB, at the network's default size."""
    letters = np.random.default_rng(1).choice(list("abcdefghijklmnopqrstuvwxyz ,.\n"), 1_000_000)
    Path("large.txt").write_text("".join(letters), encoding="utf-8")
    fastest = 9.0
    for _ in range(10):
        began = time.perf_counter()
        running = process("train", "large.txt", "--json", "--force")
        while json.loads(running.stdout.readline())["event"] != "step":
            pass
        fastest = min(fastest, time.perf_counter() - began)
        running.kill()
        running.communicate()
        if fastest < 0.5:
            return
    raise AssertionError(f"the first step took {fastest:.2f} s")
