"""Files of torch.save, read and written without PyTorch: the same numbers, and nothing in a file is executed."""

import argparse
import collections
import datetime
import fractions
import io
import itertools
import os
import pathlib
import pickle
import re
import struct
import time
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

import recurrent
from damage import variants
from recurrent.exchange.torch_pickle import PickleError, values_of_pickle
from support import PYTHON_FIXTURES, succeed

FOLDER = PYTHON_FIXTURES / "torch"
SHAPES = {
    "rnn.weight_ih_l0": (16, 3), "rnn.weight_hh_l0": (16, 4), "rnn.bias_ih_l0": (16,), "rnn.bias_hh_l0": (16,),
    "fc.weight": (2, 4), "fc.bias": (2,),
}  # fmt: skip


def numbers(shape, first):
    return ((np.arange(np.prod(shape)) + first) % 61 - 30).reshape(shape) / 8


def weights(first=0):
    """The numbers that fixtures/make_torch_files.py writes."""
    return {name: numbers(shape, first + 7 * i) for i, (name, shape) in enumerate(SHAPES.items())}


def lstm(**options):
    return recurrent.LSTM(3, [4], 2, rng=0, **options)


def loaded(source, **options):
    net = lstm(dtype="float64")
    assert net.load_torch(source, **options) == []
    return net.flat.w.copy()


# ---- files of PyTorch


@pytest.mark.parametrize("name, key, changed", [
    ("protocol5", None, weights()), ("views", None, weights() | {"fc.bias": np.full(2, 0.5)}),
    ("checkpoint", "model", weights()), ("checkpoint", "averages.ema", weights(first=5)),
])  # fmt: skip
def test_a_file_of_pytorch(name, key, changed):
    """Of float32, float64, float16 and bfloat16, of two protocols, with views of shared storages."""
    expected, path = loaded(changed), FOLDER / f"{name}.pt"
    assert np.array_equal(loaded(path, key=key), expected)
    assert np.array_equal(loaded(str(path), key=key), expected)
    assert recurrent.LSTM(3, [4], rng=0).load_torch(path, strict=False, key=key) == ["fc.weight", "fc.bias"]


def test_the_suffix_does_not_matter(tmp_path):
    data = (FOLDER / "protocol5.pt").read_bytes()
    lstm(dtype="float64").save_torch(tmp_path / "tensors.safetensors")
    other = (tmp_path / "tensors.safetensors").read_bytes()
    expected, second = loaded(weights()), lstm(dtype="float64").flat.w
    for name in ("net.pth", "net.bin", "net.model", "net.safetensors", "net.ckpt", "net.tar", "net"):
        path = tmp_path / name
        for content, found in ((data, expected), (other, second)):
            path.write_bytes(content)
            assert np.array_equal(loaded(path), found) and np.array_equal(loaded(str(path)), found)
    for absent in ("absent", "absent.ckpt", "\0"):
        with pytest.raises((FileNotFoundError, ValueError), match=r"cannot read 'absent|has a NUL character"):
            loaded(absent)


def test_other_files_are_refused_with_the_remedy(tmp_path):
    net = recurrent.RNN(2, [1], rng=0)
    before = net.flat.w.copy()
    words = r"legacy\.pt' has an old format of torch\.save; expected the zip archive of PyTorch 1\.6 and newer, got a "
    with pytest.raises(
        ValueError, match=words + r"pickle: write it again with torch\.save\(torch\.load\(path\), "
    ):
        net.load_torch(FOLDER / "legacy.pt")
    (tmp_path / "old.pt").write_bytes(b"tensors".ljust(257, b"\0") + b"ustar\x0000" + bytes(1000))
    with pytest.raises(
        ValueError, match=r"has an old format of torch\.save; .*, got a tar archive: write it again"
    ):
        net.load_torch(tmp_path / "old.pt")
    words = r"module\.pt' is not a file of weights; expected tensors of torch\.save\(module\.state_dict\(\), path\), "
    with pytest.raises(ValueError, match=words + r"got the name 'torch\.nn\.modules\.rnn\.RNN'$"):
        net.load_torch(FOLDER / "module.pt")
    for data in (b"", b"text", b"\x80\x04]."):
        (tmp_path / "other.pt").write_bytes(data)
        with pytest.raises(
            ValueError,
            match=rf"zip archive of torch\.save or a safetensors file, got {len(data)} bytes of another format",
        ):
            net.load_torch(tmp_path / "other.pt")
    for absent in (tmp_path / "absent.pt", str(tmp_path / "absent.pth"), tmp_path):
        with pytest.raises(OSError, match="cannot read"):
            net.load_torch(absent)
    assert np.array_equal(net.flat.w, before)


# ---- keys


def test_keys_of_a_checkpoint():
    net, path = lstm(), FOLDER / "checkpoint.pt"
    before = net.flat.w.copy()
    with pytest.raises(ValueError, match=r"^state_dict is nested; expected key='model' or 'averages\.ema', got a dict "
                       r"of 'epoch', 'model', 'averages', 'parameter', 'optimizer', 'history', 'pair'$"):  # fmt: skip
        net.load_torch(path)
    for key in ("epoch", "ema", "averages.", ""):
        with pytest.raises(
            ValueError, match=rf"^key is unknown; expected one of 'model', 'averages\.ema', got '{key}'$"
        ):
            net.load_torch(path, key=key)
    with pytest.raises(TypeError, match="key has the wrong type; expected a str, got int"):
        net.load_torch(path, key=1)
    with pytest.raises(ValueError, match="key is unknown; expected None, as no entry is a dict, got 'model'"):
        net.load_torch(weights(), key="model")
    with pytest.raises(ValueError, match=r"lacks a recurrent layer; .* got 'state', 'param_groups'$"):
        net.load_torch(path, key="optimizer", strict=False)
    with pytest.raises(
        ValueError,
        match=r"^state_dict is nested; expected key='averages\.ema', got a dict of 'decay', 'ema'$",
    ):
        net.load_torch(path, key="averages")
    assert np.array_equal(net.flat.w, before)
    # a mapping has keys too, and dots may be part of them
    for key in ("a", "a.b", "a.b.c"):
        values = weights()
        for name in key.split("."):
            values = {name: values}
        assert np.array_equal(loaded(values, key=".".join(key.split(".")[::-1])), loaded(weights()))
    assert np.array_equal(loaded({"a.b": weights()}, key="a.b"), loaded(weights()))
    many = {f"k{i:02}": weights() for i in range(20)}
    with pytest.raises(ValueError, match=r"'k06' or 'k07', got a dict of 'k00', .*'k07', …$"):
        net.load_torch(many)
    cyclic = {"model": weights()}
    cyclic["self"] = cyclic
    assert np.array_equal(loaded(cyclic, key="model"), loaded(weights()))
    with pytest.raises(ValueError, match=r"expected key='model', got a dict of 'model', 'self'$"):
        net.load_torch(cyclic)


def test_a_dict_under_several_names():
    twice = {"model": weights(), "other": 1}
    twice |= {"best": twice["model"], "averages": {"ema": twice["model"]}}
    for key in ("model", "best", "averages.ema"):
        assert np.array_equal(loaded(twice, key=key), loaded(weights()))
    with pytest.raises(ValueError, match=r"nested; expected key='model' or 'best' or 'averages\.ema', got"):
        lstm().load_torch(twice)
    # 10,000 names of each of 4 dicts: 10^16 in all
    below = weights()
    for _ in range(4):
        below = {f"k{i}": below for i in range(10_000)}
    assert np.array_equal(loaded(below, key="k9999.k3.k9998.k1"), loaded(weights()))
    for key in (None, "k1.absent"):
        start = time.perf_counter()
        with pytest.raises(
            ValueError, match=r"lacks a recurrent layer|key is unknown; expected one of 'k0', 'k1'"
        ):
            lstm().load_torch(below, key=key)
        assert time.perf_counter() - start < 5


# ---- damage


def archive(entries, compression=zipfile.ZIP_STORED, root="archive"):
    """A zip archive with the entries of a file, by name without the root; the checksums are right."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as written:
        for name, data in entries.items():
            written.writestr(f"{root}/{name}", data)
    return out.getvalue()


def entries_of(path):
    with zipfile.ZipFile(path) as read:
        return {name.partition("/")[2]: read.read(name) for name in read.namelist()}


@pytest.fixture
def refusal(tmp_path):
    """Loads bytes as a file; returns the sentence that they are refused with."""
    net, path = recurrent.RNN(2, [1], rng=0), tmp_path / "net.pt"
    before = net.flat.w.copy()

    def refuse(data):
        path.write_bytes(data)
        with pytest.raises((TypeError, ValueError), match=r"; expected .*, got ") as caught:
            net.load_torch(path)
        assert np.array_equal(net.flat.w, before)
        return str(caught.value)

    return refuse


def test_every_damaged_byte(tmp_path):
    """A damaged file is refused, or has the same weights: checksums cover all that is read."""
    whole, path = (FOLDER / "rnn.pt").read_bytes(), tmp_path / "net.pt"
    net, refused = recurrent.RNN(2, [1], rng=0), 0
    net.load_torch(FOLDER / "rnn.pt")
    expected = net.flat.w.copy()
    # PyTorch aligns the elements with Z
    bits = (whole[:at] + bytes([byte ^ 1 << bit]) + whole[at + 1 :]
            for at, byte in enumerate(whole) if byte != ord("Z") for bit in range(8))  # fmt: skip
    for data in itertools.chain(bits, (whole[:length] for length in range(0, len(whole), 3))):
        path.write_bytes(data)
        net.flat.w[:] = 7
        try:
            net.load_torch(path)
            assert np.array_equal(net.flat.w, expected)
        except ValueError as error:
            assert "; expected " in str(error) and len(str(error)) < 400, error
            assert (net.flat.w == 7).all()
            refused += 1
    assert refused > len(whole) * 2


def test_every_damaged_byte_of_a_pickle():
    """Without a checksum, which an attacker can compute."""
    storages, refused = {"0": 2, "1": 1, "2": 1, "3": 1}, 0

    def storage(kind, key, count):
        if storages.get(key) != count:
            raise PickleError("a storage", key)
        return np.ones(count, np.float32)

    whole = entries_of(FOLDER / "rnn.pt")["data.pkl"]
    assert sorted(values_of_pickle(whole, storage)) == [
        "bias_hh_l0",
        "bias_ih_l0",
        "weight_hh_l0",
        "weight_ih_l0",
    ]
    for data in variants(whole, False):
        try:
            found = values_of_pickle(data, storage)
            # a changed name is not a dict, and stands for what is not called
            parts = found.values() if type(found) is dict else [found]
            assert all(array.size < 3 for array in parts if isinstance(array, np.ndarray))
        except PickleError:
            refused += 1
    assert refused > len(whole) * 5


@pytest.mark.parametrize("change, words", [
    ({"data/1": None}, "expected an entry 'data/1', got none"),
    ({"data/1": b""}, "expected 0 elements of FloatStorage '1', got 1 of FloatStorage"),
    ({"data/1": bytes(5)}, "expected whole elements of FloatStorage '1', got 5 bytes"),
    ({"data/0": bytes(400)}, "expected 100 elements of FloatStorage '0', got 2 of FloatStorage"),
    ({"version": None}, "expected an entry 'version', got none"),
    ({"version": b"11\n"}, r"expected a version up to 10, got '11'"),
    ({"version": b"three"}, r"expected a version up to 10, got 'three'"),
    ({"byteorder": b"middle"}, "expected a byteorder, little or big, got 'middle'"),
    ({"data.pkl": None}, "expected 1 entry data.pkl, got 0"),
    ({"constants.pkl": b""}, r"expected weights, got a TorchScript module: write torch\.save\(torch\.jit\.load"),
    ({"data.pkl": b"\x80\x02" + b"N0" * (1 << 23)}, "expected at most 16777216 bytes of data.pkl, got 16777218"),
    ({"data.pkl": b"\x80\x02K\x01."}, "expected a dict of tensors, got another value"),
    ({"data.pkl": b"\x80\x02N"}, "expected a whole pickle, got a damaged one at byte 3"),
])  # fmt: skip
def test_other_entries(change, words, refusal):
    entries = entries_of(FOLDER / "rnn.pt") | change
    data = archive({name: data for name, data in entries.items() if data is not None})
    assert re.search(words, refusal(data))


def test_zip_bombs(refusal, tmp_path):
    entries = entries_of(FOLDER / "rnn.pt")
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        words = refusal(archive(entries | {"data/0": bytes(1 << 22)}, method))
        assert "expected entries of" in words or "got a compressed or encrypted entry" in words
    # entries that are the same bytes
    whole = bytearray(archive(entries))
    at = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    directory = bytes(whole[at:end])
    record = directory[: 46 + len("archive/data.pkl")]
    copies = b"".join(record.replace(b"data.pkl", b"%08d" % i) for i in range(2000))
    count = struct.pack("<HH", *[2000 + len(entries)] * 2)
    sizes = struct.pack("<II", len(directory) + len(copies), at)
    bomb = bytes(whole[:at]) + directory + copies + b"PK\x05\x06" + bytes(4) + count + sizes + bytes(2)
    assert "the same names or more bytes" in refusal(bomb)
    # declared sizes beyond the file, in the directory
    for form, size in (("<II", 1 << 30), ("<II", 0xFFFFFFFF)):
        changed = bytearray(whole)
        changed[at + 20 : at + 28] = struct.pack(form, size, size)
        refusal(bytes(changed))
    # one size for the reader, another for the directory
    changed = bytearray(whole)
    changed[at + 24 : at + 28] = struct.pack("<I", 12)
    assert "compressed or encrypted entry" in refusal(bytes(changed))
    changed = bytearray(whole)
    changed[at + 8] |= 1
    assert "compressed or encrypted entry" in refusal(bytes(changed))
    with pytest.warns(UserWarning, match="Duplicate name"):
        out = io.BytesIO(archive(entries))
        with zipfile.ZipFile(out, "a") as written:
            written.writestr("archive/data.pkl", b"")
    assert "the same names or more bytes" in refusal(out.getvalue())


# ---- hostile pickles


class Call:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


CALLS = {
    "posix.system": Call(os.system, "exit 1"), "nt.system": b"cnt\nsystem\n(X\x01\0\0\0atR.",
    "builtins.eval": Call(eval, "1"), "__builtin__.eval": b"c__builtin__\neval\n)R.",
    "builtins.getattr": b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
    "torch._utils._rebuild_tensor_v2.__globals__":
        b"\x80\x04\x8c\x0ctorch._utils\x8c\x1e_rebuild_tensor_v2.__globals__\x93.",
    "torch.load": b"ctorch\nload\n)R.", "collections.defaultdict": b"ccollections\ndefaultdict\n)R.",
    "numpy.core.multiarray.scalar": b"cnumpy.core.multiarray\nscalar\n)R.",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_names_are_refused_and_nothing_is_called(name, protocol, refusal, monkeypatch):
    def called(*arguments):
        raise AssertionError(arguments)

    call = CALLS[name]
    data = call if isinstance(call, bytes) else pickle.dumps({"weight_ih_l0": call}, protocol)
    # the pickle of a builtin has its name before Python 3
    name = name.replace("builtins", "__builtin__") if protocol == 2 and not isinstance(call, bytes) else name
    with monkeypatch.context() as patched:
        patched.setattr(os, "system", called)
        words = refusal(archive({"data.pkl": data, "version": b"3"}))
    assert words.endswith(f"got the name '{name}'"), words


def unrelated():
    """Values of other types, which a checkpoint may have beside weights."""
    name = argparse.Namespace(layers=[1, 2], path=pathlib.PurePosixPath("a/b"))
    name.own = name
    values = {
        "args": name, "path": pathlib.PurePosixPath("a/b"), "counts": collections.Counter("aab"),
        "score": np.float64(0.5), "step": np.int32(3), "array": np.arange(3.0), "dtype": np.dtype("f4"),
        "by pair": {(1, 2): 3, np.dtype("f4"): 1}, "names": {"a", "b"}, "frozen": frozenset("ab"), "raw": b"ab",
        "bytes": bytearray(b"ab"), "lists": collections.defaultdict(list, a=[1]), "range": range(3), "z": 1 + 2j,
        "ordered": collections.OrderedDict(a=name), "call": Call(os.system, "exit 1"), "eval": Call(eval, "1 / 0"),
        "date": datetime.datetime(2024, 1, 2), "fraction": fractions.Fraction(1, 2), "deque": collections.deque([1]),
    }  # fmt: skip
    return values


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", unrelated())
def test_unrelated_values_are_dropped(name, protocol, tmp_path, monkeypatch):
    def called(*arguments):
        raise AssertionError(arguments)

    # a checkpoint around the pickle of a state_dict
    inner = entries_of(FOLDER / "rnn.pt")
    value = pickle.dumps(unrelated()[name], protocol)
    value = re.sub(rb"^\x80.(\x95.{8})?", b"", value, flags=re.DOTALL)[:-1]
    arrays = inner["data.pkl"][2:-1]
    # the value first: the operations of protocol 4 count what is remembered
    data = b"\x80\x02}(X\5\0\0\0other" + value + b"X\5\0\0\0model" + arrays + b"u."
    path, net, twin = tmp_path / "net.pt", recurrent.RNN(2, [1], rng=0), recurrent.RNN(2, [1], rng=1)
    path.write_bytes(archive(inner | {"data.pkl": data}))
    twin.load_torch(FOLDER / "rnn.pt")
    monkeypatch.setattr(os, "system", called)
    assert net.load_torch(path, key="model") == [] and np.array_equal(net.flat.w, twin.flat.w)
    with pytest.raises(
        ValueError, match=r"^state_dict is nested; expected key='model', got a dict of 'other'"
    ):
        net.load_torch(path)
    before = net.flat.w.copy()
    words = r"is not a dict of tensors; |key is unknown; |lacks a recurrent layer; |key of the wrong type; "
    with pytest.raises((TypeError, ValueError), match=words):
        net.load_torch(path, key="other")
    assert np.array_equal(net.flat.w, before)


def test_an_object_in_place_of_weights_is_named(tmp_path, refusal):
    net, path = recurrent.RNN(2, [1], 1, rng=0), tmp_path / "net.pt"
    inner = entries_of(FOLDER / "rnn.pt")
    arrays, call = inner["data.pkl"][:-1], b"cos\nsystem\nX\1\0\0\0a\x85R"
    words = r"; expected tensors of torch\.save\(module\.state_dict\(\), path\), got the name 'os\.system'$"
    for data, key, start in (
        (b"\x80\x02}X\5\0\0\0model" + call + b"s.", "model", "^model is not a dict of tensors"),
        (b"\x80\x02}X\1\0\0\0a}X\1\0\0\0b" + call + b"ss.", "a.b", "^b is not a dict of tensors"),
        (arrays + b"X\x09\0\0\0fc.weight" + call + b"s.", None, r"^fc\.weight is not a tensor"),
        (arrays + b"X\x0c\0\0\0weight_hh_l0" + call + b"s.", None, "^weight_hh_l0 is not a tensor"),
        (b"\x80\x02" + call + b".", None, "is not a file of weights"),
    ):  # fmt: skip
        path.write_bytes(archive(inner | {"data.pkl": data}))
        for strict in (True, False):
            with pytest.raises(ValueError, match=start + words):
                net.load_torch(path, key=key, strict=strict)
    # without a key, and beside weights
    path.write_bytes(archive(inner | {"data.pkl": b"\x80\x02}X\5\0\0\0model" + call + b"s."}))
    with pytest.raises(ValueError, match=r"^state_dict lacks a .*, got 'model' \(the name 'os\.system'\)$"):
        net.load_torch(path)
    path.write_bytes(archive(inner | {"data.pkl": arrays + b"X\4\0\0\0more" + call + b"s."}))
    with pytest.raises(ValueError, match=r"without a place .*, got the name 'os\.system': more$"):
        recurrent.RNN(2, [1], rng=0).load_torch(path)
    assert recurrent.RNN(2, [1], rng=0).load_torch(path, strict=False) == ["more"]


def test_names_take_little_memory(refusal):
    """Texts of a megabyte, whose pairs are names: none is joined."""
    text = b"X\0\0\x10\0" + b"a" * (1 << 20)
    data = b"\x80\x02" + text + b"q\0](" + b"h\0h\0\x93" * 20_000 + b"e\x86."
    whole = archive({"data.pkl": data, "version": b"3"})
    tracemalloc.start()
    try:
        refusal(whole)
        assert tracemalloc.get_traced_memory()[1] < 30 << 20
    finally:
        tracemalloc.stop()


LONG = b"\x8a\x08" + struct.pack("<q", 1 << 62)
STORAGE = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + b"0X\3\0\0\0cpuK\2tQ"


def tensor(offset=b"K\0", shape=b"K\1K\2\x86", strides=b"K\2K\1\x86", storage=STORAGE):
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + strides + b"\x89N" + b"tR"


HOSTILE = {
    "a text of 4 EiB": b"\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
    "a text of 4 GiB": b"X\xff\xff\xff\xffx.",
    "a frame": b"\x95" + struct.pack("<Q", (1 << 64) - 1) + b".",
    "a memo of 4 GiB": b"Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.",
    "an absent memo": b"h\0.",
    "an empty stack": b"Q.", "no mark": b"t.", "a mark below the stack": b"K\1(R.", "the stack's end": b".",
    "an odd dict": b"}(Nu.", "items of a number": b"K\1(NNu.", "elements of a dict": b"}Na.", "a build": b"K\1}b.",
    "a call of a text": b"X\1\0\0\0a)R.", "a call of None": b"N)R.",
    "arguments in a list": b"ccollections\nOrderedDict\n]R.",
    "a dict of pairs": b"ccollections\nOrderedDict\n]\x85R.",
    "a parameter of a dict": b"ctorch._utils\n_rebuild_parameter\n}\x88}\x87R.",
    "a tensor as a storage": tensor(storage=tensor()) + b".",
    "two arguments": b"ctorch._utils\n_rebuild_tensor_v2\nNN\x86R.",
    "a storage of another class": b"(X\7\0\0\0storageccollections\nOrderedDict\nX\1\0\0\0" + b"0X\0\0\0\0K\2tQ.",
    "a storage of terabytes": STORAGE.replace(b"K\2", LONG) + b".",
    "a storage without parts": b")Q.", "a storage outside": STORAGE.replace(b"\1\0\0\0" + b"0", b"\4\0\0\0../0") + b".",
    "a storage with a list": b"(X\7\0\0\0storage]X\1\0\0\0" + b"0X\0\0\0\0K\2tQ.",
    "an offset": tensor(offset=b"K\1") + b".", "a negative offset": tensor(offset=b"J\xff\xff\xff\xff") + b".",
    "a bool as offset": tensor(offset=b"\x89") + b".", "a text as offset": tensor(offset=b"X\0\0\0\0") + b".",
    "a shape of terabytes": tensor(shape=b"(" + LONG + LONG + b"t") + b".",
    "a shape that repeats": tensor(shape=b"(" + LONG + LONG + b"t", strides=b"K\0K\0\x86") + b".",
    "an empty shape of terabytes": tensor(shape=b"(K\0" + LONG + LONG + b"t", strides=b"K\0K\0K\0\x87") + b".",
    "a size beyond 64 bits": tensor(shape=b"K\0\x8a\x20" + b"\x7f" * 32 + b"\x86") + b".",
    "a negative size": tensor(shape=b"J\xff\xff\xff\xffK\2\x86") + b".",
    "strides": tensor(strides=b"K\2K\2\x86") + b".",
    "negative strides": tensor(strides=b"K\2J\xff\xff\xff\xff\x86") + b".",
    "more strides": tensor(strides=b"K\2K\1K\1\x87") + b".",
    "a stride of terabytes": tensor(strides=b"K\2" + LONG + b"\x86") + b".",
    "dimensions": tensor(shape=b"(" + b"K\1" * 33 + b"t", strides=b"(" + b"K\1" * 33 + b"t") + b".",
    "a key without a hash": b"}]Ns.", "a deep key": b"})" + b"\x85" * 200_000 + b"Ns.",
    "a tensor as a key": b"}" + tensor() + b"Ns.",
    "an extension": b"\x82\1.", "an instance": b"(ios\nsystem\n.", "an object": b"(cos\nsystem\no.",
    "a new object": b"ccollections\nOrderedDict\n)\x81.", "a persistent text": b"P0\n.",
    "a name without an end": b"cos",
    "a name of numbers": b"K\1K\1\x93.", "a name that is no text": b"c\xff\n\xff\n.", "more after the end": b"}..",
    "a text that is no UTF-8": b"X\1\0\0\0\xff.",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name, refusal):
    entries = entries_of(FOLDER / "rnn.pt") | {"data.pkl": b"\x80\x02" + HOSTILE[name]}
    data = archive(entries)
    tracemalloc.start()
    try:
        words = refusal(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(words) < 400 and peak < 20 << 20, (words, peak)


RECURSION = b"".join([
    b"\x80\x02}q\0(",
    # the dict itself, a dict within dicts, a list of itself, tuples that double 60 times
    b"X\1\0\0\0ah\0",
    b"X\1\0\0\0b}" + b"q\1X\1\0\0\0b}" * 100_000 + b"s" * 100_000,
    b"X\1\0\0\0c]q\2(h\2h\2e",
    b"X\1\0\0\0d)" + b"q\3h\3\x86" * 60,
    b"u.",
])  # fmt: skip


def test_recursion(refusal, tmp_path):
    entries = entries_of(FOLDER / "rnn.pt")
    words = refusal(archive(entries | {"data.pkl": RECURSION}))
    assert (
        words
        == "state_dict lacks a recurrent layer; expected a name that ends in weight_ih_l0, got 'a', 'b', 'c', 'd'"
    )
    # beside weights
    whole = b"\x80\x02}" + b"(X\1\0\0\0x" + RECURSION[2:-1]
    for i, name in enumerate(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")):
        storage = STORAGE.replace(b"\1\0\0\0" + b"0", b"\1\0\0\0%d" % i).replace(
            b"K\2", b"K\2" if not i else b"K\1"
        )
        shape = ((b"K\1K\2\x86", b"K\2K\1\x86"), (b"K\1K\1\x86",) * 2, (b"K\1\x85",) * 2, (b"K\1\x85",) * 2)[
            i
        ]
        whole += b"X" + struct.pack("<I", len(name)) + name.encode() + tensor(b"K\0", *shape, storage)
    data = archive(entries | {"data.pkl": whole + b"u."})
    assert refusal(data).endswith("an unknown array: x")
    (tmp_path / "net.pt").write_bytes(data)
    assert recurrent.RNN(2, [1], rng=0).load_torch(tmp_path / "net.pt", strict=False) == ["x"]


def test_values_that_are_no_arrays():
    """They are refused by name where a weight should be, and ignored elsewhere."""
    values = {"a": "text", "b": 3, "c": None, "d": [1.0, 2.0], "e": (1.0, 2.0), "f": {"a": 1}, "g": 2.5}
    found = values_of_pickle(pickle.dumps(values, 2), None)
    assert lstm().load_torch(weights() | found, strict=False) == list(values)
    for value in found.values():
        with pytest.raises((TypeError, ValueError), match=r"^fc\.bias has the wrong "):
            lstm().load_torch(weights() | {"fc.bias": value})


def test_big_endian_files(tmp_path):
    entries = entries_of(FOLDER / "protocol5.pt")
    for name, data in entries.items():
        if name.startswith("data/"):
            entries[name] = np.frombuffer(data, "<f4").astype(">f4").tobytes()
    (tmp_path / "net.pt").write_bytes(archive(entries | {"byteorder": b"big"}))
    assert np.array_equal(loaded(tmp_path / "net.pt"), loaded(weights()))


# ---- writing


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".safetensors"])
def test_files_come_back(suffix, dtype, tmp_path):
    net = recurrent.GRU(5, [4, 4], embedding=4, tied=True, bidirectional=False, dtype=dtype, rng=1)
    twin = recurrent.GRU(5, [4, 4], embedding=4, tied=True, dtype=dtype, rng=2)
    path = tmp_path / f"net{suffix}"
    net.save_torch(path)
    assert twin.load_torch(path) == [] and np.array_equal(twin.flat.w, net.flat.w)
    # the bytes are the same each time, under each name
    first = path.read_bytes()
    twin.save_torch(tmp_path / f"other{suffix}")
    assert (tmp_path / f"other{suffix}").read_bytes() == first
    if suffix != ".safetensors":
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_saving_refuses_and_writes_nothing(tmp_path):
    net, path = lstm(), tmp_path / "net.pt"
    for name in ("net.onnx", "net", "net.ckpt", ".pt"):
        with pytest.raises(
            ValueError, match=r"wrong suffix; expected \.pt or \.pth or \.bin or \.safetensors, got '"
        ):
            net.save_torch(tmp_path / name)
    with pytest.raises(TypeError, match="path has the wrong type"):
        net.save_torch(3)
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="was not written by this run"):
        net.save_torch(path)
    net.parameters["Wix0"].w[1, 2] = np.nan
    with pytest.raises(FloatingPointError, match=r"Wix0 is not finite; .* got nan at \[1, 2\]"):
        net.save_torch(path, overwrite=True)
    with pytest.raises(ValueError, match=r"wrong cell; expected one that torch\.nn has, got mgu"):
        recurrent.Network("mgu", 3, [4], rng=0).save_torch(path, overwrite=True)
    assert path.read_bytes() == b"mine" and [p.name for p in tmp_path.iterdir()] == ["net.pt"]
    lstm().save_torch(path, overwrite=True)


WITHOUT = """
import sys
for name in ("torch", "safetensors"):
    sys.modules[name] = None
import recurrent
net = recurrent.LSTM(3, [4], 2, rng=0)
print(net.load_torch(sys.argv[1]))
"""


def test_without_pytorch():
    assert succeed(WITHOUT, str(FOLDER / "protocol5.pt")) == "[]\n"


# ---- PyTorch itself


def pytorch():
    return pytest.importorskip("torch", reason="torch is not installed: `pip install torch`")


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_reads_what_is_written(kind, dtype, tmp_path):
    torch = pytorch()
    net = getattr(recurrent, kind)(3, [4, 4], bidirectional=True, dtype=dtype, rng=1)
    net.save_torch(tmp_path / "net.pt")
    for options in ({}, {"mmap": True}):
        state = torch.load(tmp_path / "net.pt", weights_only=True, **options)
        assert list(state) == list(net.to_torch())
        for name, array in net.to_torch().items():
            assert state[name].dtype == getattr(torch, dtype) and np.array_equal(state[name].numpy(), array)
    module = getattr(torch.nn, kind)(3, 4, 2, bidirectional=True, dtype=getattr(torch, dtype))
    module.load_state_dict({name[len("rnn.") :]: tensor for name, tensor in state.items()})
    x = np.random.default_rng(0).standard_normal((7, 2, 3)).astype(dtype)
    y = module(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(net.forward(x)[0], y, atol=1e-6 if dtype == "float32" else 1e-12)
    # and what PyTorch writes of it is read
    for options in ({}, {"pickle_protocol": 5}):
        torch.save(module, tmp_path / "module.pt")
        torch.save(module.state_dict(), tmp_path / "back.pt", **options)
        twin = getattr(recurrent, kind)(3, [4, 4], bidirectional=True, dtype=dtype, rng=2)
        assert twin.load_torch(tmp_path / "back.pt") == []
        np.testing.assert_array_equal(twin.flat.w, net.flat.w)
    with pytest.raises(ValueError, match=f"got the name 'torch.nn.modules.rnn.{kind}'"):
        twin.load_torch(tmp_path / "module.pt")


def test_files_of_pytorch_as_it_reads_them(tmp_path):
    """Every fixture, and each type of elements."""
    torch = pytorch()
    # weights_only has no operations of protocol 5
    for name, key in (("protocol5", None), ("views", None), ("checkpoint", "model")):
        state = torch.load(FOLDER / f"{name}.pt", weights_only=name != "protocol5")
        state = state[key] if key else state
        assert np.array_equal(
            loaded(FOLDER / f"{name}.pt", key=key), loaded({n: t.double() for n, t in state.items()})
        )
    for kind in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8"):
        state = {
            name: torch.tensor(np.round(array)).to(getattr(torch, kind)) for name, array in weights().items()
        }
        torch.save(state, tmp_path / "net.pt")
        assert np.array_equal(loaded(tmp_path / "net.pt"), loaded({n: t.double() for n, t in state.items()}))
    # what checkpoints have beside weights, with types of elements that NumPy lacks
    others = {
        "size": torch.Size([2]), "dtype": torch.float32, "device": torch.device("cpu"), "args": torch.nn.LSTM(2, 1),
        "complex": torch.ones(2, dtype=torch.complex64), "generator": torch.get_rng_state(), "score": np.float32(1),
        "parameter": torch.nn.Parameter(torch.ones(2)), "counts": collections.Counter("a"),
        "path": pathlib.Path("a"), "uint16": torch.ones(2, dtype=torch.uint16), "sparse": torch.eye(2).to_sparse(),
        "optimizer": torch.optim.Adam(torch.nn.Linear(2, 1).parameters()).state_dict(),
    }  # fmt: skip
    for options in ({}, {"pickle_protocol": 4}):
        for name, other in others.items():
            torch.save({"model": state, "best": state, name: other}, tmp_path / "net.pt", **options)
            for key in ("model", "best"):
                assert np.array_equal(
                    loaded(tmp_path / "net.pt", key=key), loaded({n: t.double() for n, t in state.items()})
                )
            with pytest.raises((TypeError, ValueError)):
                loaded(tmp_path / "net.pt", key=name)
    torch.save(state | {"fc.bias": torch.ones(2, dtype=torch.complex64)}, tmp_path / "net.pt")
    with pytest.raises(
        ValueError, match=r"^fc\.bias is not a tensor; .*got the name 'torch\.ComplexFloatStorage'$"
    ):
        loaded(tmp_path / "net.pt")
    normed = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 2))
    torch.save({f"fc.{n}": t for n, t in normed.state_dict().items()} | {n: t for n, t in state.items() if "rnn" in n},
               tmp_path / "net.pt")  # fmt: skip
    for strict in (True, False):
        with pytest.raises(
            ValueError, match=r"^state_dict is parametrized; .*fc\.parametrizations\.weight\.original0"
        ):
            loaded(tmp_path / "net.pt", strict=strict)
    with warnings.catch_warnings():
        # of PyTorch, about TorchScript itself
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(torch.nn.RNN(2, 1)), tmp_path / "script.pt")
    with pytest.raises(ValueError, match=r"got a TorchScript module: write torch\.save"):
        loaded(tmp_path / "script.pt")
