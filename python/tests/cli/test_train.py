"""`recurrent train`."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

import recurrent
from commands import SMALL, TEXT, begun, failure, lines, process, usage
from recurrent.cli import arguments, main
from recurrent.cli.evaluate import describe_network
from recurrent.optim.optimizers import OPTIMIZERS
from recurrent.optim.schedules import SCHEDULES


def test_train_says_what_it_does_and_saves(text, capsys):
    assert (
        main(["train", "novel.txt", "--steps", "30", "--print-every", "10", "--evaluate-every", "15", *SMALL])
        == 0
    )
    printed = capsys.readouterr()
    assert printed.err == ""
    for words in (
        "2,000 characters, 13 distinct; the last 10 % held out",
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
    assert (tm.step, tm.hidden_sizes, tm.cell) == (30, (8, 8), "lstm")
    assert Path("novel.best.safetensors").exists()


def test_train_is_fit(text):
    """Every flag has the effect of the argument of the library."""
    words = ["--cell", "gru", "--hidden-sizes", "6,6,6", "--dropout", "0.2", "--embedding", "5"]
    words += ["--learned-initial-state", "--residual", "--variational"]
    words += [
        "--seq-length",
        "7",
        "--batch-size",
        "5",
        "--max-epochs",
        "2",
        "--optimizer",
        "adamw",
        "--weight-decay",
        "0.1",
    ]
    words += ["--learning-rate", "0.01", "--schedule", "cosine", "--warmup-steps", "3", "--clip", "0.3"]
    words += [
        "--validation-split",
        "0.2",
        "--evaluate-every",
        "9",
        "--seed",
        "4",
        "--dtype",
        "float64",
        "--checkpoint",
        "a",
    ]
    assert main(["train", "novel.txt", "--quiet", *words]) == 0
    assert main(["evaluate", "a", "novel.txt"]) == 0
    options = {"learned_initial_state": True, "residual": True, "variational": True}
    tm = recurrent.TextModel("gru", [6, 6, 6], 5, 0.2, dtype="float64", rng=4, **options)
    steps = 2 * ((1600 - 1) // 5 // 7)
    schedule = recurrent.schedules.Cosine(0.01, steps, 3)
    optimizer = recurrent.AdamW(0.01, weight_decay=0.1)
    run = tm.fit(text, steps, 5, 7, optimizer, schedule, 0.2, progress=False, clip=0.3, evaluate_every=9)
    found = recurrent.TextModel.load("a")
    assert found.options == options
    assert describe_network(found).endswith("dropout 0.2, learned initial state, residual, variational")
    assert np.array_equal(found.flat.w, tm.flat.w)
    assert found.history.validation == run.validation and found.history.train == run.train


def test_initial_values(text, capsys):
    words = ["--steps", "1", "--learning-rate", "0", "--quiet", "--dtype", "float64", "--seed", "4", *SMALL]
    flags = ["--input-init", "glorot", "--recurrent-init", "orthogonal", "--chrono", "30"]
    assert main(["train", "novel.txt", *words, *flags]) == 0
    found = recurrent.TextModel.load("novel.safetensors")
    twin = recurrent.TextModel("lstm", found.hidden_sizes, dtype="float64", rng=4).build(text)
    twin.network.initialize(input="glorot", recurrent="orthogonal", chrono=30, rng=4)
    assert np.array_equal(found.flat.w, twin.flat.w)
    assert main(["train", "novel.txt", *words, "--forget-bias", "-2.5", "--checkpoint", "c"]) == 0
    assert (recurrent.TextModel.load("c").network.parameters["bf0"].w == -2.5).all()
    for wrong in (
        ["--chrono", "2"],
        ["--forget-bias", "nan"],
        ["--recurrent-init", "normal"],
        [*flags, "--init-from", "novel.safetensors"],
    ):
        with pytest.raises(SystemExit):
            main(["train", "novel.txt", *wrong])
    assert "--input-init is not allowed with --init-from" in capsys.readouterr().err
    words = ["--cell", "rnn", "--chrono", "9", "--checkpoint", "b", "--steps", "1", *SMALL]
    assert "rnn_tanh has no gates that forget" in failure(capsys, "train", "novel.txt", *words)
    assert not Path("b").exists()


def test_train_in_char_rnns_words(text):
    """The defaults of char-rnn, and flags with underscores: after epoch 10 the rate falls by 0.97 per epoch."""
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
    assert main(["train", "novel.txt", "--quiet", "--recipe", "char-rnn", *words]) == 0
    tm = recurrent.TextModel.load("novel.safetensors")
    rates = dict(tm.history.learning_rates)
    assert tm.step == 12 * 44 and tm.hidden_sizes == (8,)
    assert rates[1] == rates[11 * 44] == 2e-3 and rates[11 * 44 + 1] == pytest.approx(2e-3 * 0.97)
    settings = tm.optimizer.settings
    assert (settings["name"], settings["alpha"], settings["eps"]) == ("rmsprop", 0.95, 1e-8)
    assert tm.trainer.settings.clip == 5
    options = arguments.parse(["train", "x"])
    names = ("cell", "hidden_sizes", "dropout", "seq_length", "batch_size", "seed")
    assert [getattr(options, name) for name in names] == ["lstm", [128, 128], 0, 50, 50, 123]


def test_recipes(text, capsys):
    """Flags are arguments of fit; an optimizer that is a flag has char-rnn's schedule unless another is one too."""
    found = []
    for words in (
        (),
        ("--recipe", "recurrentjs"),
        ("--recipe", "char_rnn"),
        ("--learning-rate", "0.5"),
        ("--weight-decay", "0.25"),
        ("--recipe", "char-rnn", "--learning-rate", "0.5"),
        ("--optimizer", "adam", "--weight-decay", "0.25"),
        ("--decay-rate", "0.5"),
        ("--schedule", "cosine"),
        ("--schedule", "cosine", "--optimizer", "adam"),
    ):
        assert main(["train", "novel.txt", "--steps", "2", "--force", "--quiet", *SMALL, *words]) == 0
        tm = recurrent.TextModel.load("novel.safetensors")
        settings = tm.trainer.settings
        schedule = settings.schedule.to_dict() if settings.schedule else {"schedule": settings.learning_rate}
        name, alpha = (tm.optimizer.settings.get(key) for key in ("name", "alpha"))
        rate = schedule.get("learning_rate")
        found.append((name, alpha, schedule["schedule"], rate, settings.weight_decay, settings.clip))
    assert found == [
        ("rmsprop", 0.9, "linear", 7e-3, 0.1, 2), ("recurrentjs", None, "constant", 1e-2, 0, 5),
        ("rmsprop", 0.95, "step", 2e-3, 0, 5), ("rmsprop", 0.9, 0.5, None, 0, 2),
        ("rmsprop", 0.9, "linear", 7e-3, 0.25, 2), ("rmsprop", 0.95, 0.5, None, 0, 5),
        ("adam", None, "step", 2e-3, 0.25, 5), ("rmsprop", 0.5, "step", 2e-3, 0, 5),
        ("rmsprop", 0.9, "cosine", 7e-3, 0, 2), ("adam", None, "cosine", 2e-3, 0, 5),
    ]  # fmt: skip
    words = ["train", "novel.txt", "--recipe", "char-rnn", "--decay-rate", "0.5"]
    with pytest.raises(SystemExit):
        main(words)
    assert "--recipe excludes --decay-rate" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "novel.txt", "--optimizer", "adam", "--decay-rate", "0.5"])
    assert "--decay-rate requires --optimizer rmsprop, got adam" in capsys.readouterr().err


def test_gradients_through_other_lengths_than_a_chunk(text):
    """The flag is fit's argument, which the checkpoint keeps and ``resume`` uses."""
    words = [
        "train",
        str(text),
        *SMALL,
        "--seed",
        "4",
        "--bptt-length",
        "25",
        "--quiet",
        "--schedule",
        "constant",
    ]
    assert main([*words, "--steps", "5", "--checkpoint", "part"]) == 0
    assert main(["resume", "part", "--steps", "2", "--quiet"]) == 0
    assert main([*words, "--steps", "7", "--checkpoint", "whole"]) == 0
    part, whole = (recurrent.TextModel.load(name) for name in ("part", "whole"))
    assert part.trainer.settings.bptt_length == 25
    assert (part.flat.w == whole.flat.w).all()


def test_flags_in_char_rnns_and_torch_rnns_spelling(text):
    Path("data").mkdir()
    text.rename("data/input.txt")
    words = ["-data_dir", "data", "-rnn_size", "8", "-num_layers=1", "-seq_length", "10", "-batch_size", "4"]
    words += [
        "-model_type",
        "gru",
        "-wordvec_size",
        "5",
        "-max_epochs",
        "1",
        "-grad_clip",
        "3",
        "-eval_val_every",
        "9",
    ]
    assert main(["train", *words, "-val_frac", "0.2", "--quiet"]) == 0
    tm = recurrent.TextModel.load("input.safetensors")
    assert (tm.cell, tm.hidden_sizes, tm.embedding) == ("gru", (8,), 5)
    settings = tm.trainer.settings
    assert (settings.seq_length, settings.batch_size, settings.clip) == (10, 4, 3)
    assert (settings.validation_split, settings.evaluate_every) == (0.2, 9)
    assert arguments.parse(["sample", "m", "-temperature", "0.5"]).temperature == 0.5


def test_several_files_are_one_text(text, capsys):
    whole = Path("whole.txt")
    whole.write_bytes(("\ufeff" + TEXT + "é").encode())
    Path("a.txt").write_bytes(("\ufeff" + TEXT[:700]).encode("utf-8"))
    Path("b.txt").write_bytes((TEXT[700:] + "é").encode())
    words = ["--steps", "4", "--quiet", *SMALL]
    assert main(["train", "whole.txt", *words]) == main(["train", "a.txt", "b.txt", *words]) == 0
    expected = recurrent.TextModel.load("whole.safetensors")
    assert np.array_equal(expected.flat.w, recurrent.TextModel.load("a.safetensors").flat.w)
    # each in the encoding that is given
    Path("c.txt").write_bytes(TEXT[:700].encode("utf-16"))
    Path("d.txt").write_bytes((TEXT[700:] + "é").encode("utf-16"))
    assert main(["train", "c.txt", "d.txt", "--encoding", "utf-16", *words]) == 0
    assert np.array_equal(expected.flat.w, recurrent.TextModel.load("c.safetensors").flat.w)
    # resume finds them again, and reads them as they were read
    assert main(["resume", "c.safetensors", "--steps", "1", "--quiet"]) == 0
    more = ["resume", "c.safetensors", "c.txt", "d.txt", "--steps", "1", "--quiet"]
    assert main(more) == 0
    sentence = failure(capsys, *more, "--encoding", "utf-16")
    assert sentence.startswith("--encoding is without effect; expected - as a FILE, got utf-16")
    assert main(["evaluate", "c.safetensors", "c.txt", "d.txt", "--encoding", "utf-16"]) == 0
    printed = capsys.readouterr().out
    assert main(["evaluate", "c.safetensors", "whole.txt"]) == 0
    assert capsys.readouterr().out == printed
    # none of them is overwritten
    before = Path("b.txt").read_bytes()
    sentence = failure(capsys, "train", "a.txt", "b.txt", "--checkpoint", "b.txt", "--force", *words)
    assert "checkpoint is a text of this run; expected another file, got" in sentence
    assert Path("b.txt").read_bytes() == before


def test_standard_input(text):
    words = ["--steps", "4", "--quiet", *SMALL]
    for given, expected in ((TEXT.encode(), 0), (TEXT.encode("utf-16"), 1), (b"", 1)):
        done = process("train", "-", "--force", *words, stdin=subprocess.PIPE)
        _, err = done.communicate(given, timeout=60)
        assert done.returncode == expected, err
    assert main(["train", "novel.txt", *words]) == 0
    models = [recurrent.TextModel.load(f"{name}.safetensors") for name in ("stdin", "novel")]
    assert np.array_equal(models[0].flat.w, models[1].flat.w)


def test_other_encodings(text, capsys):
    Path("fr.txt").write_bytes("le café était fermé.\n".encode("cp1252") * 60)
    words = ["--steps", "4", "--quiet", *SMALL]
    assert "; --encoding cp1252 reads Windows-1252; --tokenizer bytes" in failure(
        capsys, "train", "fr.txt", *words
    )
    assert main(["train", "fr.txt", "--encoding", "cp1252", *words]) == 0
    assert "é" in recurrent.TextModel.load("fr.safetensors").vocabulary
    # resume reads it from the checkpoint; evaluate takes a flag
    assert main(["resume", "fr.safetensors", "--steps", "1", "--quiet"]) == 0
    assert main(["evaluate", "fr.safetensors", "fr.txt", "--encoding", "cp1252", "--quiet"]) == 0
    assert failure(capsys, "evaluate", "fr.safetensors", "fr.txt") == (
        "'fr.txt' is not valid UTF-8; expected UTF-8, got 0xE9 at byte 6; --encoding cp1252 reads Windows-1252"
    )
    assert failure(capsys, "resume", "fr.safetensors", "fr.txt", "--encoding", "cp1252").startswith(
        "--encoding is without effect; expected - as a FILE, got cp1252"
    )
    assert failure(capsys, "train", "novel.txt", "--tokenizer", "bytes", "--encoding", "cp1252", *words) == (
        "--encoding is without effect; expected None, as tokens are bytes, got 'cp1252'"
    )
    assert not Path("novel.safetensors").exists()
    for name, content, sentence in (
        (
            "u16",
            TEXT.encode("utf-16"),
            "'u16' is UTF-16; expected UTF-8, got a byte order mark: --encoding utf-16 reads",
        ),
        ("u16", TEXT.encode("utf-16-le"), "NUL at odd indices alone: --encoding utf-16-le reads it"),
        (
            "a.gz",
            gzip.compress(TEXT.encode()),
            "is compressed; expected UTF-8, got gzip: `gunzip` decompresses it",
        ),
    ):
        Path(name).write_bytes(content)
        assert sentence in failure(capsys, "train", name, *words)


@pytest.mark.parametrize("schedule", [name.replace("_", "-") for name in SCHEDULES])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_and_schedule(text, optimizer, schedule):
    words = ["--optimizer", optimizer, "--schedule", schedule, "--steps", "6", "--evaluate-every", "2"]
    assert main(["train", "novel.txt", "--quiet", *words, *SMALL]) == 0
    tm = recurrent.TextModel.load("novel.safetensors")
    assert tm.optimizer.settings["name"] == optimizer
    assert tm.trainer.settings.schedule.to_dict()["schedule"] == schedule.replace("-", "_")


def test_train_json(text, capsys):
    words = ["--steps", "9", "--print-every", "4", "--evaluate-every", "6"]
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
    assert (end["event"], end["stop_reason"], end["step"]) == ("end", "steps", 9)
    assert end["validation"] == history.validation[-1][1] and end["best"] == list(history.best)


def test_quiet(text, capsys):
    assert main(["train", "novel.txt", "--steps", "2", "--quiet", *SMALL]) == 0
    assert main(["resume", "novel.safetensors", "--steps", "2", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_train_overwrites_with_force_only(text, capsys):
    assert main(["train", "novel.txt", "--steps", "2", "--quiet", *SMALL]) == 0
    before = Path("novel.safetensors").read_bytes()
    sentence = failure(capsys, "train", "novel.txt", "--steps", "3", *SMALL)
    assert sentence == (
        "checkpoint exists and was not written by this run; expected a new file, or --force, got "
        f"'{Path('novel.safetensors').absolute()}'; `recurrent resume novel.safetensors` continues its run"
    )
    assert Path("novel.safetensors").read_bytes() == before
    assert main(["train", "novel.txt", "--steps", "3", "--quiet", "--force", *SMALL]) == 0
    assert recurrent.TextModel.load("novel.safetensors").step == 3
    sentence = failure(capsys, "train", "novel.txt", "--checkpoint", text, "--force", *SMALL)
    assert sentence == f"checkpoint is a text of this run; expected another file, got '{text}'"
    assert text.read_text(encoding="utf-8") == TEXT


def test_train_keeps_the_best_model_of_another_run(text, capsys):
    assert main(["train", "novel.txt", "--steps", "40", "--quiet", *SMALL]) == 0
    Path("novel.safetensors").rename("kept.safetensors")
    best = Path("novel.best.safetensors").read_bytes()
    sentence = failure(capsys, "train", "novel.txt", "--steps", "3", "--seed", "9", *SMALL)
    assert sentence.startswith(
        "best model exists and was not written by this run; expected a new file, or --force"
    )
    assert "resume" not in sentence
    assert Path("novel.best.safetensors").read_bytes() == best
    assert sorted(path.name for path in Path().iterdir()) == [
        "kept.safetensors", "novel.best.safetensors", "novel.txt",
    ]  # fmt: skip
    assert main(["train", "novel.txt", "--steps", "3", "--seed", "9", "--quiet", "--force", *SMALL]) == 0
    assert Path("novel.best.safetensors").read_bytes() != best


def test_train_keeps_the_model_it_starts_from(text, capsys):
    assert main(["train", "novel.txt", "--steps", "2", "--quiet", *SMALL]) == 0
    words = ["train", "novel.txt", "--init-from", "novel.safetensors", "--steps", "2", *SMALL[2:]]
    before = Path("novel.safetensors").read_bytes()
    assert "expected a new file, or --force" in failure(capsys, *words)
    assert Path("novel.safetensors").read_bytes() == before


def test_train_init_from(text, trained, capsys):
    Path("more.txt").write_text("the éend, " * 100, encoding="utf-8")
    words = ["train", "more.txt", "--init-from", str(trained), "--steps", "3", *SMALL[2:]]
    assert (
        failure(capsys, *words)
        == "character 4 of 'more.txt' is unknown; expected one of the vocabulary, got 'é' (U+00E9)"
    )
    assert main([*words, "--errors", "replace", "--replacement", "e", "--quiet"]) == 0
    tm = recurrent.TextModel.load("more.safetensors")
    assert tm.step == 23 and tm.vocabulary == recurrent.TextModel.load(trained).vocabulary
    assert "--rnn-size is not allowed with --init-from" in usage(capsys, *words, "--rnn-size", "3")


def test_patience(text, capsys):
    words = ["--learning-rate", "0", "--patience", "2", "--evaluate-every", "2", "--steps", "50"]
    assert main(["train", "novel.txt", *words, *SMALL]) == 0
    assert "Stopped, no new best validation loss: step 6" in capsys.readouterr().out


def test_divergence(text, capsys):
    words = ["--learning-rate", "1e6", "--schedule", "constant", "--steps", "50", "--quiet", *SMALL]
    assert failure(capsys, "train", "novel.txt", *words).startswith("training diverged in step ")
    assert not Path("novel.safetensors").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "'bad' has no training data; expected at least 1 character, got none"),
        (
            b"a",
            "'bad' is too short; expected at least 2,501 characters for a batch of 50 x 50, got 0; lower --batch-size",
        ),
        (
            b"ab\xffc" * 5000,
            "'bad' is not valid UTF-8; expected UTF-8, got 0xFF at byte 2; --encoding cp1252 reads Windows-1252; "
            "--tokenizer bytes reads anything",
        ),
        (None, "cannot read 'bad': no such file or directory"),
        ("folder", "cannot read 'bad': no file *.txt is in the directory"),
        ("fifo", "cannot read 'bad': not a regular file"),
    ],
)
def test_invalid_texts(working_directory, capsys, content, words):
    if content == "folder":
        Path("bad").mkdir()
    elif content == "fifo":
        os.mkfifo("bad")
    elif content is not None:
        Path("bad").write_bytes(content)
    assert words in failure(capsys, "train", "bad")
    assert [path.name for path in Path().iterdir()] == (["bad"] if content is not None else [])


@pytest.mark.parametrize("content", ["a\r\nb\0c\ufeff" * 400, "\ufeff" + "e\u0301😀👩‍👩‍👧" * 400])
def test_unusual_texts(working_directory, capsys, content):
    Path("odd").write_bytes(content.encode())
    assert main(["train", "odd", "--steps", "2", *SMALL]) == 0
    printed = capsys.readouterr().out
    assert not set("\0\r") & set(printed)
    tm = recurrent.TextModel.load("odd.safetensors")
    assert set(tm.vocabulary) == set(content.removeprefix("\ufeff"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_training_is_saved(text, number, capsys):
    running = begun("novel.txt")
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number and err == b""
    # begun() has read ahead, to the middle of a line
    end = json.loads(out.decode().splitlines()[-1])
    assert end["stop_reason"] == "interrupted"
    assert recurrent.TextModel.load("novel.safetensors").step == end["step"]
    assert main(["info", "novel.safetensors"]) == 0
    assert f"{end['step']:,} steps of 1,000,000, interrupted" in capsys.readouterr().out
    assert main(["resume", "novel.safetensors", "--steps", "2", "--quiet"]) == 0


def test_failing_save(text, capsys, monkeypatch):
    """During training a warning, at the end exit status 1."""

    def save(*_: object, **settings: object) -> None:
        raise OSError(errno.ENOSPC, "cannot write 'x'")

    monkeypatch.setattr(recurrent.TextModel, "save", save)
    assert main(["train", "novel.txt", "--steps", "2", "--checkpoint-every", "1", "--quiet", *SMALL]) == 1
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("recurrent: ") and first.endswith("; training continues")
    assert last == "recurrent: cannot write 'x': no space left on device"


@pytest.mark.nightly
def test_time_to_the_first_step(working_directory):
    """At most 0.5 s of the processor to the first step, on a text of 1 MB with the default network.

    The time of the clock depends on other work of the machine.
    """
    letters = np.random.default_rng(1).choice(list("abcdefghijklmnopqrstuvwxyz ,.\n"), 1_000_000)
    Path("large.txt").write_text("".join(letters), encoding="utf-8")
    fastest = 9.0
    for _ in range(10):
        running = process("train", "large.txt", "--json", "--force", "--threads", "1")
        while json.loads(running.stdout.readline())["event"] != "step":
            pass
        user, system = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        fastest = min(fastest, (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"))
        running.kill()
        running.communicate()
        if fastest < 0.5:
            return
    raise AssertionError(f"the first step took {fastest:.2f} s")


def test_threads_and_a_constant_rate(text):
    """One thread and two give the same bits; a decay of 1 gives a constant rate."""
    words = ["train", "novel.txt", "--steps", "4", *SMALL, "--quiet", "--learning-rate-decay", "1"]
    for threads in ("1", "2"):
        assert main([*words, "--threads", threads, "--checkpoint", threads]) == 0
    one, two = (recurrent.TextModel.load(threads) for threads in ("1", "2"))
    assert one.flat.w.tobytes() == two.flat.w.tobytes()
    assert isinstance(one.trainer.settings.schedule, recurrent.schedules.Constant)
