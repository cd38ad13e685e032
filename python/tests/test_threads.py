"""Threads, forks and interrupts."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import recurrent
from recurrent import recurrentjs
from support import bits, mat, succeed

TEXTS = ["the quick brown fox", "jumps over", "the lazy dog"]


def train(seed, dtype="float32"):
    sm = recurrent.SentenceModel(TEXTS, hidden_sizes=[8], dtype=dtype, rng=seed)
    for k in range(60):
        sm.tick(TEXTS[k % 3])
    W, x = mat(5, 4, seed=seed), mat(4, 3, seed=seed)
    for _ in range(20):
        # expressions outside a `with` go to the thread's own graph
        loss = (W @ x).tanh().square().sum()
        loss.backward()
    return bits(sm.parameters), [sm.predict(rng=k) for k in range(3)], W.dw.tobytes()


@pytest.mark.campaign("Runs in threads that differ from a serial run")
@pytest.mark.parametrize("threads", [2, 8, pytest.param(64, marks=pytest.mark.nightly)])
def test_different_models_at_once(threads, cases):
    cases(threads)
    expected = [train(seed) for seed in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(train, range(threads))) == expected


def at_once(work, count=4):
    """What went wrong, thread by thread, when all of them do the same."""
    errors, start = [], threading.Barrier(count)

    def run():
        start.wait()
        try:
            for _ in range(300):
                try:
                    work()
                except RuntimeError as error:
                    errors.append(str(error))
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=run) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return errors


def allowed(errors):
    """Refusals that the rules promise; everything else is a fault."""
    return all(
        isinstance(e, str) and ("another thread" in e or "reset" in e or "already" in e) for e in errors
    )


def test_one_model_from_many_threads():
    sm = recurrent.SentenceModel(TEXTS, hidden_sizes=[30], rng=0)
    assert allowed(at_once(lambda: sm.tick(TEXTS[0])))
    assert allowed(at_once(lambda: sm.predict(sample=False)))
    sm.tick(TEXTS[1])
    assert np.isfinite(sm.parameters.flat.w).all()


def test_one_graph_from_many_threads():
    G, W = recurrent.Graph(), mat(30, 30)

    def work():
        y = G.mul(W, W)
        y.w.sum()
        G.backward(G.sum(y))
        G.reset()

    assert allowed(at_once(work))
    G.reset()
    W.zero_gradient()
    G.backward(G.sum(W.view(0, 0, 30, 30)))
    assert (W.dw == 1).all()


def test_one_solver_and_one_generator_from_many_threads():
    solver, model, rng = recurrentjs.Solver(), recurrentjs.init_lstm(20, [50], 20, rng=0), recurrent.Random(1)
    assert allowed(at_once(lambda: solver.step(model, 0.01, 0, 5)))
    assert allowed(at_once(lambda: rng.words(1000)))
    assert len(rng.words(3)) == 3


def test_shared_operands():
    """Weights read by several threads' own graphs: a refusal or the right answer, never a wrong one."""
    W, wrong = mat(40, 40), []
    expected = W.w @ W.w

    def work():
        with recurrent.Graph():
            found = (W @ W).w
        if not np.allclose(found, expected):
            wrong.append(found)

    assert allowed(at_once(work)) and not wrong


class Leaky(recurrent.Cell):
    def parameters(self, I, H):  # noqa: E741
        return {"Wx": (H, I), "Wh": (H, H), "b": (H, 1)}

    def step(self, x, h, p):
        return h + 0.1 * ((p.Wx @ x + p.Wh @ h + p.b).tanh() - h)


def train_a_cell(seed):
    """Sizes that are divided among the threads of the pool; a seed is a cell of the library, or an own one."""
    tm = recurrent.TextModel((Leaky(), "lstm_peephole")[seed % 2], [128, 96], rng=seed).build("abcdefgh")
    tm.optimizer = recurrent.Adam()
    tokens = np.random.default_rng(seed).integers(0, 8, (5, 32))
    for _ in range(2):
        tm.train_step(tokens[:-1], tokens[1:])
    return tm.flat.w.tobytes(), tm.sample(30, rng=seed), tm.sample(10, rng=seed, temperature=0.5)


@pytest.mark.campaign("Runs in threads that differ from a serial run")
def test_programs_in_threads(cases):
    """The steps of cells: the same bits for any number of the pool's threads, and of the program's."""
    before = recurrent.get_num_threads()
    try:
        recurrent.set_num_threads(1)
        expected = [train_a_cell(seed) for seed in range(4)]
        for count in (2, 4):
            recurrent.set_num_threads(count)
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(train_a_cell, range(4))) == expected
            cases(4)
    finally:
        recurrent.set_num_threads(before)


def test_one_program_in_many_threads():
    """A program does not change: each thread has a graph and Mats of its own."""
    program = recurrent.Program(
        lambda x, h, p: (p.W @ x + h).tanh(), inputs=40, states=96, parameters={"W": (96, 40)}
    )

    def run(_):
        x, h, W = mat(40, 160, "float32", 1), mat(96, 32, "float32", 2), mat(96, 40, "float32", 3)
        with recurrent.Graph() as G:
            y, _ = G.scan(program, x, [h], [W])
            y.square().sum().backward()
            return y.w.tobytes(), W.dw.tobytes(), x.dw.tobytes()

    with ThreadPoolExecutor(4) as pool:
        (_,) = set(pool.map(run, range(40)))


def test_made_here_freed_there():
    made = [[recurrent.Graph().tanh(mat(8, 8)) for _ in range(200)] for _ in range(4)]
    workers = [threading.Thread(target=part.clear) for part in made]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not any(made)


FORK = """
import os, sys, recurrent
sm = recurrent.SentenceModel(["hello"], hidden_sizes=[8], rng=0)
sm.tick("hello")
W = recurrent.Mat(3, 3).fill(1)
pending = W.tanh()
child = os.fork()
sm.tick("hello")
(pending @ W).sum().backward()
made = recurrent.SentenceModel(["new"], rng=1).tick("new")
answer = repr((sm.cost("hello"), W.dw.tobytes(), made, recurrent._c.lib.recurrent_object_count()))
if child == 0:
    sys.stdout.write(answer)
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0, "the child"
sys.stdout.write("\\n" + answer)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork():
    child, parent = succeed(FORK).split("\n")
    assert child == parent


INTERRUPT = """
import os, signal, sys, threading, time, recurrent
sm = recurrent.SentenceModel(["hello world"] * 5, hidden_sizes=[20, 20], rng=0)
expected = [recurrent.SentenceModel(["hello world"], hidden_sizes=[20, 20], rng=0)]
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
ticks = 0
try:
    start = time.monotonic()
    while time.monotonic() - start < 60:
        sm.tick("hello world")
        ticks += 1
except KeyboardInterrupt:
    pass
else:
    sys.exit("no interrupt arrived")
# whole: a tick is done or not begun. The interrupt may come between a tick and its counting
cost = sm.cost("hello world")
other = expected[0]
for _ in range(ticks):
    other.tick("hello world")
if other.cost("hello world") != cost:
    other.tick("hello world")
assert other.cost("hello world") == cost, "the model is neither before nor after a tick"
sm.tick("hello world")
print("interrupted", ticks)
"""


def test_interrupt():
    assert succeed(INTERRUPT).startswith("interrupted")


def test_other_threads_run_during_a_call():
    """ctypes lets go of the interpreter: a long call must not stop the others."""
    sm = recurrent.SentenceModel(["abcdefgh" * 2000], hidden_sizes=[64], rng=0)
    beats, done = [], threading.Event()

    def beat():
        while not done.is_set():
            beats.append(time.monotonic())
            time.sleep(0.001)

    worker = threading.Thread(target=beat)
    worker.start()
    start = time.monotonic()
    sm.cost("abcdefgh" * 2000)
    end = time.monotonic()
    done.set()
    worker.join()
    if end - start > 0.05:
        assert sum(start < at < end for at in beats) > 3


def test_a_graph_may_go_while_another_thread_looks_at_its_operand():
    W = recurrentjs.RandMat(8, 8, rng=0)
    x = recurrentjs.RandMat(8, 1, rng=1)
    done, errors = threading.Event(), []

    def read():
        while not done.is_set():
            try:
                _ = W.w
            except RuntimeError as error:
                errors.append(str(error))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3000):
        try:
            G = recurrent.Graph()
            y = G.mul(W, x)
            del G, y  # never computed: W still has a pending reader
        except RuntimeError as error:
            errors.append(str(error))
    done.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert all("in use by another thread" in error for error in errors)
