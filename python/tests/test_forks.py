"""Children of a process that has used the library: none dies, none hangs, and each computes the same bits."""

import os

import pytest

from support import succeed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# forks `count` children, each of which calls child(), and prints how they ended
CHILDREN = """
import os, signal, sys, threading, warnings
import numpy as np, recurrent
warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads, which is the subject

def children(count, child):
    ends = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            try:
                child()
                os._exit(0)
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(1)
        ends.append(os.waitpid(pid, 0)[1])
    print(sum(end != 0 for end in ends), "of", len(ends), "failed", set(ends) - {0})
    os._exit(0)

def busy():
    while True:
        recurrent.Mat(2, 2).fill(1)

def train():
    network = recurrent.LSTM(5, [8], 5, rng=0)
    x = np.arange(20).reshape(5, 4) % 5
    for _ in range(3):
        network.train_step(x[:-1], x[1:], recurrent.SGD())
    return network.flat.w.tobytes()
"""

THREADS_IN_PARENT = """
expected = train()
for _ in range(7):
    threading.Thread(target=busy, daemon=True).start()
def child():
    assert train() == expected
children(int(sys.argv[1]), child)
"""

THREADS_IN_CHILD = """
expected = train()
def child():
    found = []
    threads = [threading.Thread(target=lambda: found.append(train())) for _ in range(5)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert found == [expected] * 5
children(int(sys.argv[1]), child)
"""

POOL = """
recurrent.set_num_threads(3)
W = recurrent.Mat(400, 400).fill(0.5)
def product():
    with recurrent.Graph(needs_backprop=False):
        return (W @ W).w.tobytes()
expected = product()
def child():
    for _ in range(3):
        assert product() == expected
children(int(sys.argv[1]), child)
"""

POOL_IN_USE = """
recurrent.set_num_threads(3)
W = recurrent.Mat(300, 300).fill(0.5)
def product():
    own = recurrent.Mat(300, 300).fill(0.5)
    with recurrent.Graph(needs_backprop=False):
        return (own @ own).w.tobytes()
expected = product()
def work():
    while True: product()
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
def child():
    assert product() == expected
children(int(sys.argv[1]), child)
"""

SCENARIOS = {
    "threads in the parent": THREADS_IN_PARENT,
    "threads in the child": THREADS_IN_CHILD,
    "a pool in the parent": POOL,
    "a pool that works": POOL_IN_USE,
}


@pytest.mark.campaign("Children of forks that died, hung or differed")
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("count", [20, pytest.param(300, marks=pytest.mark.nightly)])
def test_children(scenario, count, cases):
    cases(count)
    assert succeed(CHILDREN + SCENARIOS[scenario], str(count)).strip() == f"0 of {count} failed set()"


BUSY = """
network = recurrent.LSTM(50, [200], 50, rng=0)
x = np.zeros((400, 32), int)
def work():
    while True:
        try:
            network.train_step(x, x, recurrent.SGD())
        except RuntimeError:
            pass  # the other thread was first
def refused(call):
    try:
        call()
    except RuntimeError as error:
        assert "when this process was forked" in str(error), error
        return True
def child():
    # threads of the child may have the addresses of the parent's
    results = []
    for _ in range(4):
        # one after another: the package refuses a second call meanwhile, with another sentence
        thread = threading.Thread(target=lambda: results.append(refused(lambda: network.forward(x[:2]))))
        thread.start()
        thread.join()
    assert results == [True] * 4, results
    assert refused(lambda: network.train_step(x, x, recurrent.SGD()))
    before = recurrent._c.lib.recurrent_object_count()
    # the frame of the lost thread refers to the network for ever
    recurrent._c.lib.recurrent_network_free(network._handle.value)
    assert recurrent._c.lib.recurrent_object_count() == before - 1
    assert train() == expected
expected = train()
threading.Thread(target=work, daemon=True).start()
# the call has begun once another one is refused
while True:
    try:
        network.forward(x[:1])
    except RuntimeError as error:
        assert "in use by another thread" in str(error)
        break
children(1, child)
"""


def test_a_model_that_was_busy():
    assert succeed(CHILDREN + BUSY).strip() == "0 of 1 failed set()"


PROCESSES = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np, recurrent

def train(seed):
    network = recurrent.LSTM(5, [8], 5, rng=seed)
    x = np.arange(20).reshape(5, 4) % 5
    for _ in range(3):
        network.train_step(x[:-1], x[1:], recurrent.SGD())
    return network.flat.w.tobytes()

if __name__ == "__main__":
    expected = [train(seed) for seed in range(4)]
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        assert pool.map(train, range(4)) == expected
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(train, range(4))) == expected
    print("equal")
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes(method, tmp_path):
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES)
    # a file, which the children of spawn and forkserver import
    run = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1:]], timeout=120).returncode)"
    assert succeed(run, str(script), method).strip() == "equal"
