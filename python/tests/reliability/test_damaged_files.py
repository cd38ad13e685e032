"""Damaged files of every format: each is refused, or, without a checksum, gives a model that works."""

import random

import pytest

import recurrent
from support import HARDEN, succeed

# a process loads the variants of a file through the C interface; it prints how many were accepted, of how many
LOAD = """
import ctypes, sys
from pathlib import Path
import invalid_inputs as bad
from damage import variants

name, path, every = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "every"
load, whole, raw = getattr(bad.lib, name), path.read_bytes(), bytes(path)
last = (0,) if "sentence" in name else ()
# the outputs of a network's optimizer and generator
more = (None, None) if "network" in name else ()
accepted = count = 0
before = bad.lib.recurrent_object_count()
for data in variants(whole, every):
    path.write_bytes(data)
    out = ctypes.c_uint64()
    status = load(raw, len(raw), *last, ctypes.addressof(out), *more)
    count += 1
    if status == 0:
        accepted += 1
        if more:
            assert bad.lib.recurrent_network_free(out) == 0
            continue
        model = bad.make("recurrent_text_model_network", out.value)
        assert bad.lib.recurrent_network_free(model) == 0
        assert bad.lib.recurrent_text_model_free(out) == 0
    else:
        assert status in (bad.FORMAT, bad.VALUE, bad.NOT_FINITE, bad.SHAPE, bad.INDEX), (status, data)
        assert out.value == 0 and len(bad.lib.recurrent_last_error()) > 10
assert bad.lib.recurrent_object_count() == before
print(accepted, count)
"""


def load(function, path):
    return map(int, succeed(LOAD, function, str(path), "every" if HARDEN else "bits").split())


@pytest.mark.campaign("Damaged checkpoints accepted")
def test_checkpoints(memory_folder, cases):
    model = recurrent.TextModel("rnn_tanh", [2], rng=1).build("ab")
    path = memory_folder / "m.safetensors"
    model.optimizer = recurrent.SGD(0.1)
    model.train_step([[0], [1]], [[1], [0]])
    model.save(path)
    accepted, count = load("recurrent_text_model_load", path)
    assert accepted == 0 and count > 8 * 1000
    cases(count)


@pytest.mark.campaign("Damaged files of networks accepted")
def test_networks(memory_folder, cases):
    net = recurrent.GRU(1, [1], 1, dropout=0.0, rng=1)
    path = memory_folder / "n.safetensors"
    net.optimizer, net.metadata = recurrent.SGD(0.1, momentum=0.5), {"a": "b"}
    net.train_step([[0], [0]], [[0], [0]], net.optimizer)
    net.save(path)
    accepted, count = load("recurrent_network_load", path)
    assert accepted == 0 and count > 8 * 1000
    cases(count)


@pytest.mark.campaign("Damaged files of RecurrentJS that ended the process")
def test_recurrentjs(memory_folder, cases):
    model = recurrent.SentenceModel(["ab"], hidden_sizes=[2], letter_size=1, rng=1)
    model.tick("ab")
    path = memory_folder / "m.json"
    model.save_recurrentjs(path)
    accepted, count = load("recurrent_sentence_model_load", path)
    # a changed digit is another number
    assert 0 < accepted < count
    cases(count)


# prints the seconds and the bytes of memory that refusing the file took
HUGE = """
import resource, sys, time
import recurrent

before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    recurrent.SentenceModel.load_recurrentjs(sys.argv[1])
except ValueError as error:
    assert "hidden_sizes is too long; expected at most 1000 layers, got " in str(error), error
else:
    raise AssertionError
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before << 10)
"""


def test_many_layers(memory_folder):
    """A file of RecurrentJS with all its matrices costs what its bytes cost."""
    layers, matrix = 1_000_000 if HARDEN else 100_000, '{"n":1,"d":1,"w":[1]}'
    path = memory_folder / "m.json"
    with path.open("w") as file:
        file.write(
            '{"generator":"rnn","letter_size":1,"letterToIndex":{"a":1},"indexToLetter":{"1":"a"},"vocab":["a"],'
        )
        file.write(
            f'"hidden_sizes":[{",".join(["1"] * layers)}],"model":{{"Wil":{matrix},"Whd":{matrix},"bd":{matrix}'
        )
        for k in range(layers):
            file.write(f',"Wxh{k}":{matrix},"Whh{k}":{matrix},"bhh{k}":{matrix}')
        file.write("}}")
    seconds, memory = map(float, succeed(HUGE, str(path)).split())
    assert seconds < 60 and memory < 40 * path.stat().st_size, (seconds, memory, path.stat().st_size)


SETTINGS = """
import ctypes, json, sys
import invalid_inputs as bad
import recurrent
from damage import variants
from pathlib import Path
from recurrent import _c

accepted = count = 0
bench = bad.Bench(Path(sys.argv[1]))
creators = {
    "network_create": (bench.random,), "optimizer_create": (), "text_model_create": (0, 0, 0, bench.random),
    "sentence_model_create": (0, 0, 0, bench.random),
}
cell = recurrent.Network("lstm_peephole", 2, [2, 1], rng=1)
recorded = json.loads(_c.written(_c.lib.recurrent_network_describe, cell._handle.value))
before = bad.lib.recurrent_object_count()
cases = [(name, rest, bad.SETTINGS[name]) for name, rest in creators.items()]
cases += [("network_create", creators["network_create"], {**recorded, "dtype": "float32"})]
for name, rest, settings in cases:
    whole = json.dumps({**settings, **({"tokenizer": "bytes"} if name[0] == "t" else {})}).encode()
    for data in variants(whole, sys.argv[2] == "every"):
        out, held = ctypes.c_uint64(), bad.Memory(data)
        status = getattr(bad.lib, "recurrent_" + name)(held.address, len(data), *rest, ctypes.addressof(out))
        count += 1
        accepted += status == 0
        if status == 0:
            assert getattr(bad.lib, "recurrent_" + name.replace("sentence", "text").replace("create", "free"))(out) == 0
        else:
            assert status in (bad.VALUE, bad.SHAPE, bad.FORMAT, bad.INDEX, 8), (status, data)
            assert out.value == 0
assert bad.lib.recurrent_object_count() == before
print(accepted, count)
"""


@pytest.mark.campaign("Damaged settings that ended the process")
def test_settings(memory_folder, cases):
    accepted, count = map(int, succeed(SETTINGS, str(memory_folder), "every" if HARDEN else "bits").split())
    assert 0 < accepted < count
    cases(count)


def test_the_search_finds_a_reader_without_a_checksum():
    """Of the variants of a file, most differ in its data: a reader without a checksum accepts them."""
    from damage import variants

    whole = random.Random(1).randbytes(50)
    found = list(variants(whole, False))
    assert whole not in found and len(set(found)) == len(found)
    assert sum(len(data) == 50 for data in found) == 50 * 8
