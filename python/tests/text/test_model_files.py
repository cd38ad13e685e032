"""Text models in files: the same bits in a new process, whole files after kill -9, and every damage said."""

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import recurrent
from recurrent import TextModel
from support import DTYPES, HARDEN, TESTS, names, objects, python, succeed
from text_models import TEXT, chunk, lesson, train

CELLS = ("rnn_tanh", "lstm", "gru")


def digest(tm):
    return hashlib.sha256(tm.flat.w.tobytes()).hexdigest()


# ---- going on

GO_ON = """
import hashlib, sys
import recurrent
sys.path.insert(0, "")
from text_models import chunk
for path, steps in zip(sys.argv[1::2], sys.argv[2::2]):
    tm = recurrent.TextModel.load(path)
    for _ in range(int(steps)):
        tm.train_step(*chunk(tm))
    print(hashlib.sha256(tm.flat.w.tobytes()).hexdigest())
"""


@pytest.mark.campaign("Resumed runs with other bits")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_a_new_process_goes_on_to_the_same_bits(cell, dtype, tmp_path, cases):
    """2N steps at once, against N, a file, a new process and N more; dropout is on."""
    stops = range(1, 51) if HARDEN else (1, 2, 7, 23, 50)
    arguments, expected = [], []
    for stop in stops:
        tm = lesson(cell, 2 * stop, dtype=dtype)
        half = lesson(cell, stop, dtype=dtype)
        half.save(tmp_path / f"{stop}.safetensors")
        arguments += [str(tmp_path / f"{stop}.safetensors"), str(stop)]
        expected.append(digest(tm))
    assert succeed(GO_ON, *arguments).split() == expected
    assert len(set(expected)) == len(expected)
    cases(len(expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_everything_comes_back(dtype, tmp_path):
    path = tmp_path / "model é.safetensors"
    for cell, embedding, tied, tokens in (
        ("lstm", None, False, "characters"),
        ("gru_reset_before", 4, False, "bytes"),
        ("rnn_relu", None, True, "characters"),
    ):
        tm = lesson(cell, 3, embedding=embedding, tied=tied, tokenizer=tokens, dtype=dtype)
        tm.metadata = json.dumps({"history": [1, 2.5], "é": None})
        tm.save(path, overwrite=True)
        twin = TextModel.load(path)
        assert repr(twin) == repr(tm) and repr(twin.network) == repr(tm.network)
        for name in ("cell", "hidden_sizes", "embedding", "dropout", "tokenizer", "dtype", "tied", "vocabulary",
                     "metadata",
                     "step", "batch_size"):  # fmt: skip
            assert getattr(twin, name) == getattr(tm, name), name
        assert repr(twin.optimizer) == repr(tm.optimizer)
        assert digest(twin) == digest(tm)
        assert twin.sample(50, rng=1) == tm.sample(50, rng=1)
        assert train(twin, 4) == train(tm, 4) and digest(twin) == digest(tm)
        # one that was not moved writes the same file again
        again = tmp_path / "again"
        TextModel.load(path).save(again, overwrite=True)
        assert again.read_bytes() == path.read_bytes()
    fresh = TextModel(hidden_sizes=[3], rng=1).build("abc")
    fresh.save(path, overwrite=True)
    assert TextModel.load(path).optimizer is None and TextModel.load(path).batch_size == 0


def crc64(data):
    """CRC-64/XZ by its definition, a byte at a time."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0xC96C5795D7870F42 if byte & 1 else 0)
        table.append(byte)
    crc = 2**64 - 1
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 2**64 - 1


def parts(data):
    """A safetensors file read by its specification."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header.pop("__metadata__"), header, data[8 + length :]


def test_other_programs_read_it(tmp_path):
    tm = lesson(steps=2, dtype="float64")
    tm.save(tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    metadata, tensors, numbers = parts(data)
    assert all(isinstance(text, str) for text in metadata.values())
    assert (
        metadata["format"] == "recurrent" and json.loads(metadata["tokenizer"])["vocabulary"] == tm.vocabulary
    )
    types = {"F64": "<f8", "U64": "<u8"}
    for name, mat in tm.parameters.items():
        for prefix in ("model", "optimizer.exp_avg", "optimizer.exp_avg_sq"):
            tensor = tensors.pop(f"{prefix}.{name}")
            begin, end = tensor["data_offsets"]
            found = np.frombuffer(numbers[begin:end], types[tensor["dtype"]]).reshape(tensor["shape"])
            expected = mat.w if prefix == "model" else tm.optimizer.state[prefix.split(".")[1]][name].w
            assert np.array_equal(found, expected), name
    assert sorted(tensors) == ["generator", "state.c0", "state.c1", "state.h0", "state.h1"]
    # the checksum is what its description says
    blank = data.replace(metadata["crc64"].encode(), b"0" * 16, 1)
    assert metadata["crc64"] == f"{crc64(blank):016x}"
    safetensors = pytest.importorskip("safetensors.numpy")
    assert np.array_equal(safetensors.load(data)["model.Whd"], tm.parameters["Whd"].w)


# ---- damage


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    lesson(steps=2).save(path)
    return path


def test_damage(saved, tmp_path):
    good, bad = saved.read_bytes(), tmp_path / "bad"
    rng = np.random.default_rng(1)
    for at in (0, 7, 8, 30, *rng.integers(0, len(good), 300 if HARDEN else 60), len(good) - 1):
        data = bytearray(good)
        data[at] ^= 1 << int(rng.integers(8))
        bad.write_bytes(data)
        with pytest.raises(ValueError, match=r"cannot load '.*bad'"):
            TextModel.load(bad)
    for count in (0, 1, 7, 8, 9, 100, *rng.integers(0, len(good), 40), len(good) - 1):
        bad.write_bytes(good[:count])
        with pytest.raises(ValueError, match=r"cannot load '.*bad'"):
            TextModel.load(bad)
    bad.write_bytes(good + b"\0")
    with pytest.raises(ValueError, match=r"the file is too long; expected 31832 bytes of tensors, got 31833"):
        TextModel.load(bad)


def forged(path, change):
    """A saved file with other texts, and a checksum that is right."""
    data = path.read_bytes()
    metadata, tensors, numbers = parts(data)
    change(metadata)
    metadata = {"crc64": "0" * 16, **{key: text for key, text in metadata.items() if key != "crc64"}}
    header = json.dumps({"__metadata__": metadata, **tensors}, separators=(",", ":")).encode()
    whole = len(header).to_bytes(8, "little") + header + numbers
    path.write_bytes(whole.replace(b"0" * 16, f"{crc64(whole):016x}".encode(), 1))
    return path


def test_other_versions_and_cells(saved):
    with pytest.raises(
        ValueError, match=r"format_version is not supported; expected 2, got 3, from a newer recurrent"
    ):
        TextModel.load(forged(saved, lambda m: m.update(format_version="3")))
    with pytest.raises(ValueError, match=r"format_version is not supported; expected 2, got 1"):
        TextModel.load(forged(saved, lambda m: m.update(format_version="1")))
    forged(saved, lambda m: m.update(format_version="2", model=m["model"].replace("lstm", "gru")))
    with pytest.raises(ValueError, match=r"model\.Wrx0 is missing"):
        TextModel.load(saved)
    forged(saved, lambda m: m.update(model=m["model"].replace('"gru"', '"lstm"')))
    assert TextModel.load(saved).step == 2


def test_other_kinds_of_file(tmp_path):
    path = tmp_path / "other"
    with pytest.raises(FileNotFoundError):
        TextModel.load(path)
    with pytest.raises(IsADirectoryError):
        TextModel.load(tmp_path)
    import pickle
    import zipfile

    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(
        ValueError, match=r"the file is a pickle, whose loading executes code; expected safetensors"
    ):
        TextModel.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x")
    with pytest.raises(ValueError, match="the file is a zip archive"):
        TextModel.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match="the file is a NumPy array"):
        TextModel.load(path)
    recurrent.SentenceModel(["ab"], hidden_sizes=[2], rng=1).save_recurrentjs(path, overwrite=True)
    with pytest.raises(ValueError, match=r"the file is JSON.*load_recurrentjs"):
        TextModel.load(path)
    path.write_text("First Citizen:\nBefore we proceed any further, hear me speak.\n")
    with pytest.raises(ValueError, match="the file is not safetensors"):
        TextModel.load(path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="expected a regular file"):
        TextModel.load(fifo)
    for bad in ("a\0b", ""):
        with pytest.raises(ValueError, match="path"):
            TextModel.load(bad)
    for bad in (b"bytes", 5, None):
        with pytest.raises(TypeError, match="path"):
            TextModel.load(bad)


def test_a_thousand_layers(tmp_path):
    """The most that a network can have: with the largest optimizer's state, all tensors fit into a file."""
    tm = recurrent.TextModel("lstm", [1] * 1000, rng=1).build(TEXT)
    tm.optimizer = recurrent.Adam(0.01, amsgrad=True)
    train(tm, 1)
    tm.save(tmp_path / "m")
    assert digest(TextModel.load(tmp_path / "m")) == digest(tm)
    with pytest.raises(ValueError, match="hidden_sizes is too long; expected at most 1000 layers, got 1001"):
        recurrent.TextModel("lstm", [1] * 1001).build(TEXT)


@pytest.mark.parametrize("name", [b"m\xff", b"\xc3", b"\xed\xa0\x80/\xf5", b"\x80" * 250])
def test_names_of_any_bytes(name, working_directory):
    """Paths are bytes to the system: save, load, fit and resume keep them, in a folder and behind a symlink as well."""
    path = Path(os.fsdecode(name))
    path.parent.mkdir(exist_ok=True)
    whole, tm = recurrent.TextModel("lstm", [4], rng=1), recurrent.TextModel("lstm", [4], rng=1)
    settings = {
        "batch_size": 2,
        "seq_length": 5,
        "evaluate_every": 2,
        "progress": False,
        "learning_rate": 0.01,
    }
    whole.fit(TEXT, 6, **settings)
    tm.fit(TEXT, 3, **settings, checkpoint=path, checkpoint_every=1)
    kept = path.read_bytes()
    loaded = TextModel.load(path)
    with pytest.raises(FileExistsError, match="exists and was not written by this run"):
        whole.save(path)
    assert path.read_bytes() == kept
    loaded.resume(TEXT, 3, progress=False)
    assert digest(loaded) == digest(whole) == digest(TextModel.load(str(path)))
    Path("link").symlink_to(path)
    loaded.save("link", overwrite=True)
    assert Path("link").is_symlink() and digest(TextModel.load("link")) == digest(whole)
    path.write_bytes(kept[:-1])
    shown = name.decode("utf-8", "backslashreplace").replace("\\", r"\\")
    with pytest.raises(ValueError, match=f"^cannot load '{shown}': "):
        TextModel.load(path)
    with pytest.raises(
        ValueError, match="path has a lone surrogate at position 1; expected valid characters"
    ):
        loaded.save("a\ud800")


def test_nothing_is_left_behind(saved, tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(saved.read_bytes()[:-1])

    def use():
        TextModel.load(saved).save(saved)
        for path in (bad, tmp_path, tmp_path / "none"):
            with pytest.raises((ValueError, OSError)):
                TextModel.load(path)

    use()
    descriptors = Path("/proc/self/fd")
    before, opened = objects(), names(descriptors) if descriptors.exists() else None
    for _ in range(20):
        use()
    assert objects() == before
    assert opened is None or len(names(descriptors)) == len(opened)
    assert names(tmp_path) == ["bad", "model.safetensors"]


# ---- saving that fails, or is killed


def test_a_folder_that_may_not_be_written(saved, tmp_path):
    tm, before = TextModel.load(saved), saved.read_bytes()
    with pytest.raises(FileNotFoundError):
        tm.save(tmp_path / "no" / "model")
    with pytest.raises(IsADirectoryError):
        tm.save(tmp_path)
    if os.getuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError):
            tm.save(saved)
        saved.chmod(0)
        with pytest.raises(PermissionError):
            TextModel.load(saved)
        tmp_path.chmod(0o700)
        saved.chmod(0o600)
    tm.parameters["bd"].w[3] = np.inf
    with pytest.raises(FloatingPointError, match=r"bd is not finite; .*got inf at \[3, 0\]"):
        tm.save(saved)
    assert saved.read_bytes() == before and names(tmp_path) == ["model.safetensors"]


def test_a_disk_that_is_full(saved, tmp_path):
    """No file may pass a limit: writing stops in its middle, as on a full disk."""
    before = saved.read_bytes()
    done = python(
        "import resource, sys, recurrent\n"
        "tm = recurrent.TextModel.load(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    tm.save(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error.errno, error)\n"
        "print(tm.sample(3, rng=1) == recurrent.TextModel.load(sys.argv[1]).sample(3, rng=1))\n",
        str(saved),
    )
    assert done.returncode == 0, done.stderr
    assert "Errno 27] cannot write" in done.stdout and done.stdout.endswith("True\n")
    assert saved.read_bytes() == before and names(tmp_path) == ["model.safetensors"]


def test_dev_full():
    """A disk that is full from the first byte: its folder takes no temporary file."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(OSError, match="cannot write"):
        lesson().save("/dev/full/model")


SAVE_FOR_EVER = """
import sys, recurrent
sys.path.insert(0, "")
from text_models import chunk
tm = recurrent.TextModel.load(sys.argv[1])
print("ready", flush=True)
while True:
    tm.train_step(*chunk(tm))
    tm.save(sys.argv[1])
"""


def kills(saved, count):
    """Kill a process that saves without end, at random moments; the file must always load."""
    rng, steps = np.random.default_rng(2), set()
    for _ in range(count):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOR_EVER, str(saved)],
            cwd=TESTS,
            stdout=subprocess.PIPE,
        )
        assert process.stdout and process.stdout.readline() == b"ready\n"
        time.sleep(float(rng.uniform(0, 0.05)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        tm = TextModel.load(saved)
        assert np.isfinite(train(tm, 1)).all()
        steps.add(tm.step)
    return steps


@pytest.mark.campaign("Kills at random moments after which no whole file was there")
def test_kill(saved, tmp_path, cases):
    count = 200 if HARDEN else 8
    assert len(kills(saved, count)) > 2
    cases(count)
    # what killed processes have left is taken away when another one saves, once it is old
    left = [
        f".recurrent-{2**31 - 2}-{5:016x}",
        *(name for name in names(tmp_path) if name != saved.name),
    ]
    others = [
        f".recurrent-{os.getpid()}-{5:016x}",
        f".recurrent-x-{5:016x}",
        f".recurrent-{2**31 - 2}-5",
        "m.tmp.9.9",
    ]
    for name in (*left, *others):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    young = tmp_path / f".recurrent-{2**31 - 3}-{1:016x}"
    young.touch()
    TextModel.load(saved).save(saved)
    assert names(tmp_path) == sorted([saved.name, young.name, *others])


def test_two_threads_save_to_one_path(saved):
    import threading

    models = [lesson(steps=n) for n in (1, 3)]

    def save(tm):
        for _ in range(30):
            tm.save(saved, overwrite=True)
            assert TextModel.load(saved).step in (1, 3)

    threads = [threading.Thread(target=save, args=(tm,)) for tm in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert TextModel.load(saved).step in (1, 3)


def test_text_is_not_needed_to_go_on(saved):
    """The alphabet is in the file."""
    tm = TextModel.load(saved)
    assert tm.vocabulary == "".join(sorted(set(TEXT)))
    assert tm.encode(TEXT).shape == (len(TEXT),)
    assert all(a.shape == (5, 2) for a in chunk(tm))
    assert list(itertools.islice(tm.stream(rng=1), 3))


# ---- a training run in a file


RUNS = [
    ("[" * 100_000, "is nested too deeply|is not JSON"),
    ('{"step": NaN}', "is not JSON; expected what fit writes, got this: .*NaN"),
    ("[]", "is invalid; expected what fit writes, got this: "),
    ("{}", "is incomplete; expected 'settings', got no such key"),
    (
        {"step": -1},
        "is invalid; .*: step is out of range; expected 0 to 9,007,199,254,740,992, got -1",
    ),
    ({"step": 2**53 + 1, "goal": 2**53 + 1}, "step is out of range"),
    ({"step": 3.0}, "step has the wrong type; expected an int, got float"),
    ({"step": True}, "step has the wrong type; expected an int, got bool"),
    ({"step": 10**30}, "step is out of range"),
    (
        {"step": 9, "goal": 20},
        "step of the training run is out of range; expected at most the model's 4, got 9",
    ),
    ({"start": 5}, "step is out of range; expected 5 to"),
    ({"goal": 3}, "goal is out of range; expected 4 to"),
    ({"first": "x"}, "first has the wrong type; expected a number, got str"),
    ({"first": 10**400}, "first is out of range; expected a finite number"),
    ({"since": [-1, 0.0, 0.0]}, r"since\[0\] is out of range; expected 0 to 4, got -1"),
    ({"since": [0, 0.0]}, "is invalid; .*: not enough values"),
    ({"patience": [None, -1]}, r"patience\[1\] is out of range; expected 0 to 4, got -1"),
    ({"plateau": [0.1, None, 0, 0]}, "plateau does not fit the schedule"),
    ({"texts": {}}, "texts is invalid"),
    ({"texts": {"text": {"sha256": "0", "path": None}}}, "texts.text.sha256 is invalid; expected 64"),
    ({"texts": {"text": 5}}, "texts.text is invalid; expected sha256 and path"),
    (
        {"texts": {"text": {"sha256": "0" * 64, "path": 5}}},
        "texts.text.path has the wrong type; expected a str or None, got int",
    ),
    ({"epoch": 3}, "has unknown keys"),
    ({"history.train": [[5, 1.0]]}, r"train\[0\] is out of range; expected 1 to 4, got 5"),
    ({"history.train": [[2, 1.0], [1, 1.0]]}, r"train\[1\] is out of order; expected ascending steps, got 1"),
    ({"history.validation": [[2, 10**400]]}, r"validation\[0\] is out of range; expected a finite number"),
    ({"history.validation": [[1.5, 1.0]]}, r"validation\[0\] has the wrong type; expected an int, got float"),
    ({"history.stop_reason": "lunch"}, "stop_reason is unknown"),
    (
        {"settings.batch_size": 3},
        "batch_size of the training run is out of range; expected the model's 2, got 3",
    ),
    ({"settings.batch_size": 0}, "batch_size is out of range; expected at least 1, got 0"),
    ({"settings.schedule": {"schedule": "cosine"}}, "cosine lacks learning_rate"),
    ({"settings.checkpoint": "/etc/passwd"}, "checkpoint has the wrong type; expected a bool, got str"),
]


@pytest.mark.parametrize("change, sentence", RUNS, ids=range(len(RUNS)))
def test_runs_that_no_training_makes(change, sentence, tmp_path):
    """Under a right checksum: refused with the name of the file and of the part; no other exception."""
    path = tmp_path / "m"
    tm = TextModel("rnn_tanh", [2], rng=1)
    tm.fit("ab" * 50, 4, batch_size=2, seq_length=5, validation_split=0, progress=False)
    tm.save(path)
    text = change
    if isinstance(change, dict):
        run = tm.trainer.to_dict()
        for key, value in change.items():
            part, _, name = key.rpartition(".")
            (run[part] if part else run)[name] = value
        text = json.dumps(run)
    forged(path, lambda metadata: metadata.update({"metadata.training": text}))
    with pytest.raises(ValueError, match=rf"cannot load '{path}': .*({sentence})"):
        TextModel.load(path)


def test_states_that_no_training_makes(saved):
    """NaN, and squares below 0, in the optimizer or the carried state."""
    data = saved.read_bytes()
    for name, value, sentence in (
        ("optimizer.exp_avg.Whd", np.nan, r"exp_avg of Whd is not finite; .*got nan at \[0, 0\]"),
        (
            "optimizer.exp_avg_sq.Whd",
            -1.0,
            r"exp_avg_sq of Whd is negative; expected at least 0, got -1\.0 at",
        ),
        ("optimizer.exp_avg_sq.Whd", np.inf, "exp_avg_sq of Whd is not finite"),
        ("state.c1", np.nan, "state.c1 is not finite"),
    ):
        _, tensors, numbers = parts(data)
        begin = tensors[name]["data_offsets"][0] + len(data) - len(numbers)
        saved.write_bytes(data[:begin] + np.float64(value).tobytes() + data[begin + 8 :])
        forged(saved, lambda metadata: None)
        with pytest.raises(ValueError, match=rf"cannot load '{saved}': {sentence}"):
            TextModel.load(saved)
