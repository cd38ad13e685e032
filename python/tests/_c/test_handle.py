"""Handles: an object is freed once, at once, whatever moment an interrupt chooses."""

import contextlib
import copy
import ctypes
import gc
import os
import pickle
import random
import signal
import sys
from functools import partial

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, _c, tape
from recurrent._c import signatures
from recurrent._c.handle import Handle, new
from support import HARDEN, objects, succeed

W = Mat.from_array(np.full((3, 3), 0.1))
X = Mat.from_array([1.0, 2.0, 3.0], "float64")
G = Graph()
NET = recurrent.GRU(3, [4], 3, rng=0)


def test_freed_with_the_last_reference_and_in_a_cycle():
    before = objects()
    handle = new(_c.lib.recurrent_mat_create, _c.lib.recurrent_mat_free, 0, 2, 3)
    assert objects() == before + 1 and handle.value
    del handle
    assert objects() == before
    cycle = [new(_c.lib.recurrent_mat_create, _c.lib.recurrent_mat_free, 0, 2, 3)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    assert objects() == before


def test_a_handle_without_an_object_frees_nothing():
    before = objects()
    handle = _c.MatHandle()
    assert isinstance(handle.__del__, partial) and handle.__del__() == handle.value == 0
    with pytest.raises(ValueError, match="shape is empty"):
        new(_c.lib.recurrent_mat_create, _c.lib.recurrent_mat_free, 0, 0, 3)
    assert objects() == before


def test_elements_of_an_array_are_handles():
    before = objects()
    array, handles = _c.outputs(_c.MatHandle, 3)
    for handle in handles[:2]:
        _c.lib.recurrent_mat_create(0, 2, 3, handle)
    assert [handle.value > 0 for handle in handles] == [True, True, False]
    assert objects() == before + 2
    del array, handles, handle
    assert objects() == before


def test_each_kind_has_its_class_and_its_finalizer():
    kinds = [
        kind for name, kind in vars(signatures).items() if name.endswith("Handle") and kind is not Handle
    ]
    assert len(kinds) >= 10 and all(isinstance(vars(kind)["__del__"], property) for kind in kinds)
    with pytest.raises(ctypes.ArgumentError, match="argument 1"):
        _c.lib.recurrent_mat_copy(Graph()._handle, _c.MatHandle())


def test_a_handle_is_not_copied():
    handle = new(_c.lib.recurrent_mat_create, _c.lib.recurrent_mat_free, 0, 2, 3)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="not pickled or deep-copied"):
            duplicate(handle)


def test_at_the_end_of_the_process():
    assert succeed(
        "import recurrent; kept = recurrent.Mat(2, 2); cycle = [kept]; cycle.append(cycle); kept.w; print(1)"
    )


def blocks():
    with Graph():
        ((W @ X).tanh() - X).square().sum().backward()


def default_graphs():
    ((W @ X).tanh() - X).square().sum().backward()


def one_graph():
    G.reset()
    h = G.lstm(Mat(1, 1), Mat(1, 1), Mat(1, 1), Mat(4, 1), Mat(4, 1), Mat(4, 1))[0]
    G.backward(G.sum(G.concat_rows(h for _ in range(2))))


def without_history():
    with recurrent.no_grad(), Graph(False):
        (W @ X).softmax().view(0, 0, 2, 1).w.sum()


def stacks():
    with contextlib.ExitStack() as stack:
        stack.enter_context(Graph())
        (W @ X).sum()


def networks():
    y, _ = NET.forward([[0, 1]])
    NET.backward(y)


@pytest.mark.skipif(os.name == "nt", reason="no interval timer")
@pytest.mark.parametrize(
    "use", [blocks, default_graphs, one_graph, without_history, networks], ids=lambda f: f.__name__
)
@pytest.mark.campaign("Interrupts at random moments after which work was lost")
def test_interrupts_at_random_moments(use, monkeypatch, cases):
    """None is lost, nothing leaks, and the thread's graph is usable after each."""
    raised = caught = 0
    lost = []

    def interrupt(*_):
        nonlocal raised
        raised += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    # those of hypothesis run Python where no exception can be raised
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    moments = random.Random(0)
    expected = (W @ X).sum().item()
    for _ in range(50):
        use()
    before = objects()
    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        while not lost and caught < (10_000 if HARDEN else 500):
            # both clauses: the signal may come before and after the loop's own lines
            try:
                signal.setitimer(signal.ITIMER_REAL, moments.uniform(1e-6, 4e-4))
                while not lost:
                    use()
            except KeyboardInterrupt:
                caught += 1
            assert (W @ X).sum().item() == expected
            assert not [block for block in tape._tape.stack if block() is not None]
            assert not tape._tape.held
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        gc.callbacks[:] = callbacks
    for _ in range(5):
        use()
    cases(caught)
    assert raised == caught and not lost
    assert abs(objects() - before) <= 2


@pytest.mark.skipif(os.name == "nt", reason="no interval timer")
def test_after_the_call_of_the_library(monkeypatch):
    """An interrupt that follows backward at once: the same lines run again."""
    lib = recurrent.graph._lib

    class Interrupted:
        def __getattr__(self, name):
            return getattr(lib, name)

        def recurrent_graph_backward_from(self, *arguments):
            lib.recurrent_graph_backward_from(*arguments)
            monkeypatch.undo()
            raise KeyboardInterrupt

    monkeypatch.setattr(recurrent.graph, "_lib", Interrupted())
    kept = []

    def cell():
        for _ in range(3):
            kept.append((W @ W).tanh().sum())
            kept[-1].backward()

    with pytest.raises(KeyboardInterrupt):
        cell()
    for _ in range(3):
        cell()
    W.zero_gradient()
