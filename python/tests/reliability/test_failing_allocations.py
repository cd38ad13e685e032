"""Each large allocation fails in turn: a MemoryError, nothing changed, and the next call works."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import HARDEN, PYTHON_FIXTURES, SANITIZED, succeed

pytestmark = [
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.skipif(SANITIZED, reason="replaces functions that the sanitizer replaces"),
    pytest.mark.skipif(not Path("/lib64/ld-linux-x86-64.so.2").exists(), reason="replaces glibc's malloc"),
]

# buffers that grow with the data of a program; the Swift runtime aborts for small ones (SECURITY.md)
LEAST = 4096
# the calls from which on all allocations fail, in each scenario
MOST = 1000 if HARDEN else 10

FAIL = """
import collections, ctypes, os, sys
from pathlib import Path
import numpy as np, recurrent

memory, folder, least, most = ctypes.CDLL(None), Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
memory.recurrent_arm_allocations.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int]
os.chdir(folder)
TEXT = "a rose is a rose is a rose. " * 3000
x = np.random.default_rng(0).integers(0, 65, (51, 20))
network = recurrent.LSTM(65, [256], 65, rng=0)
optimizer = recurrent.Adam()
model = recurrent.TextModel("lstm", [64], rng=1).build(TEXT)
model.optimizer = recurrent.Adam()
tokens = model.encode(TEXT)[:320].reshape(32, 10)
model.train_step(tokens[:-1], tokens[1:])
model.save("m.safetensors")
sentences = recurrent.SentenceModel(["hello", "help"], hidden_sizes=[64], rng=1)
sentences.tick("help")
sentences.save_recurrentjs("m.json")
MANY = "".join(map(chr, range(0x4E00, 0x5E00)))
W = recurrent.Mat(300, 300).fill(0.01)

def graph():
    G = recurrent.Graph()
    y = G.mul(W, W)
    for _ in range(5):
        y = G.tanh(G.add(G.mul(W, y), W))
    G.backward(G.sum(y))
    G.softmax(y).w

def writes():
    G = recurrent.Graph()
    for _ in range(100):
        x = recurrent.Mat(2, 2)
        y = G.square(x)
        x.fill(2)
    G.backward(G.sum(y))

SCENARIOS = {
    "Mat": lambda: recurrent.Mat(1000, 1000).w.sum(),
    "Mat.from_array": lambda: recurrent.Mat.from_array(np.ones((500, 500))),
    "graph": graph,
    "network": lambda: recurrent.LSTM(65, [256], 65, rng=0),
    "train_step": lambda: network.train_step(x[:-1], x[1:], optimizer),
    "first train_step": lambda: recurrent.GRU(65, [256], 65).train_step(x[:-1], x[1:], recurrent.Adam()),
    "forward": lambda: network.forward(x),
    "forward and backward": lambda: network.backward(network.forward(x, training=True)[0]),
    "generate": lambda: network.generate(200, [0], rng=1, repetition_penalty=1.2),
    "beam_search": lambda: network.beam_search(20, [0], 8),
    "load": lambda: recurrent.TextModel.load("m.safetensors"),
    "save": lambda: model.save("x.safetensors", overwrite=True),
    "encode": lambda: model.encode(TEXT),
    "evaluate": lambda: model.evaluate(TEXT[:5000], 50),
    "sample": lambda: model.sample(300, rng=1, top_k=3, stop=["qqq"]),
    "prompt": lambda: model.sample(5, prompt=TEXT[:5000], rng=1),
    "decode": lambda: model.decode(np.zeros(50_000, int)),
    "vocabulary": lambda: recurrent.TextModel("rnn_tanh", [2], rng=1).build(MANY).encode(MANY),
    "sentence": lambda: sentences.cost("help" * 2000),
    "vocabulary of sentences": lambda: recurrent.SentenceModel([MANY, "a"], hidden_sizes=[2], rng=1),
    "load_recurrentjs": lambda: recurrent.SentenceModel.load_recurrentjs("m.json"),
    "save_recurrentjs": lambda: sentences.save_recurrentjs("x.json", overwrite=True),
    "writes": writes,
    "objects": lambda: [recurrent.Random(i) for i in range(2000)],
    "probabilities": lambda: recurrent.probabilities(
        np.zeros(100_000), top_k=5, repetition_penalty=1.2, history=np.arange(5000)
    ),
    "Random.words": lambda: recurrent.Random(1).words(100_000),
}

def child(name, call, persistent):
    weights = lambda: (network.flat.w.tobytes(), model.flat.w.tobytes(), sentences.parameters.flat.w.tobytes())
    before, objects = weights(), recurrent._c.lib.recurrent_object_count()
    memory.recurrent_arm_allocations(call, least, persistent)
    try:
        SCENARIOS[name]()
        end = 0
    except MemoryError:
        end = 1
    except BaseException as error:
        print(name, call, repr(error), flush=True)
        end = 2
    memory.recurrent_disarm_allocations()
    if memory.recurrent_seen_allocations() < call:
        os._exit(4)
    if end == 1 and weights() != before:
        end = 5
    if end == 1:
        SCENARIOS[name]()
    os._exit(end)

if "/debug/" in recurrent._c.lib._name:
    # Swift's runtime allocates metadata of generic types at their first use, and code without optimization has many
    for scenario in SCENARIOS.values():
        scenario()
ends = collections.Counter()
wrong = []
for name in SCENARIOS:
    for persistent in (0, 1):
        call = 0
        while True:
            call += 1
            sys.stdout.flush()
            process = os.fork()
            if process == 0:
                child(name, call, persistent)
            end = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if end == 4 or persistent and call == most:
                break
            ends[end] += 1
            if end not in (0, 1):
                wrong.append((name, call, persistent, end))
assert not wrong, wrong
assert ends[1] > 20, ends
print(ends.total(), dict(ends))
"""


@pytest.mark.campaign("Failing allocations of 4 KiB and more that gave no MemoryError")
def test_each_allocation(tmp_path_factory, memory_folder, cases):
    library = tmp_path_factory.mktemp("allocations") / "allocations.so"
    source = PYTHON_FIXTURES / "failing_allocations.c"
    command = [
        "gcc",
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "-shared",
        "-fPIC",
        "-o",
        library,
        source,
    ]
    subprocess.run(command, check=True)
    cases(int(succeed(FAIL, str(memory_folder), str(LEAST), str(MOST), LD_PRELOAD=str(library)).split()[0]))
