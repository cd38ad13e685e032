"""The graph that an expression is recorded on."""

import contextlib
import threading

import pytest

import recurrent
from recurrent import Graph, Mat, tape


def graph(*mats):
    return tape.graph_for(*mats)


def test_innermost_block_first():
    a = Mat(1, 1)
    with Graph() as outer:
        assert graph(a) is outer
        with Graph() as inner:
            assert graph(a) is inner
        assert graph(a) is outer
    assert graph(a) is not outer


def test_a_block_goes_before_the_graph_of_an_operand():
    result = Mat(1, 1).tanh()
    with Graph() as outer:
        assert graph(result) is outer


def test_a_block_that_fails_is_left():
    with pytest.raises(ZeroDivisionError), Graph() as failed:
        _ = 1 // 0
    assert graph(Mat(1, 1)) is not failed


def test_the_graph_of_an_operand_until_its_backward_pass():
    own = Graph()
    result = own.tanh(Mat(1, 1))
    assert graph(Mat(1, 1), result) is own
    own.backward()
    assert graph(Mat(1, 1), result) is not own


def test_one_default_graph_for_each_dtype():
    single, double = Mat(1, 1, "float32"), Mat(1, 1, "float64")
    a, b = single.tanh(), double.tanh()
    assert graph(single) is not graph(double)
    assert graph(single) is graph(a) and graph(double) is graph(b)


def test_the_default_graph_is_replaced_while_its_results_live():
    first = Mat(1, 1).tanh()
    before = graph(Mat(1, 1))
    before.backward()
    after = graph(Mat(1, 1))
    assert after is not before and first.item() == 0
    # without results the graph is used again
    assert graph(Mat(1, 1)) is after


def test_threads_have_graphs_of_their_own():
    found = []
    with Graph() as outer:
        thread = threading.Thread(target=lambda: found.append(graph(Mat(1, 1))))
        thread.start()
        thread.join()
        assert graph(Mat(1, 1)) is outer
    assert found[0] is not outer


class _Interrupted:
    """The library, with an exception just before or just after a backward pass."""

    def __init__(self, lib, when, error):
        self.lib, self.when, self.error = lib, when, error

    def __getattr__(self, name):
        return getattr(self.lib, name)

    def recurrent_graph_backward_from(self, *arguments):
        if self.when == "after":
            self.lib.recurrent_graph_backward_from(*arguments)
        raise self.error


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])
def test_an_interrupted_backward_pass_leaves_the_tape_usable(monkeypatch, when, error):
    W = Mat(3, 3).fill(0.5)
    kept = []
    for _ in range(3):
        loss = (W @ W).tanh().sum()
        kept.append(loss)
        with monkeypatch.context() as patch:
            patch.setattr(recurrent.graph, "_lib", _Interrupted(recurrent.graph._lib, when, error))
            with pytest.raises(error):
                loss.backward()
        W.zero_gradient()
        for _ in range(2):
            kept.append((W * 2).sum())
            kept[-1].backward()
        assert (W.dw == 4).all()
        W.zero_gradient()


def test_a_refused_backward_pass_is_still_to_come():
    G = Graph()
    y = G.tanh(Mat(2, 1).fill(1))
    for bad in (y, Mat(1, 1)):
        with pytest.raises(ValueError):
            G.backward(bad)
        assert "done" not in repr(G) and graph(Mat(1, 1), y) is G
    G.backward(G.sum(y))
    assert "done" in repr(G)


def test_an_exception_between_recording_and_backward():
    W = Mat(2, 2).fill(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            _ = (W @ W).tanh() / 0
        (W * 3).sum().backward()
    assert (W.dw == 9).all()


def test_a_graph_without_a_with_statement():
    """`contextlib.ExitStack` and callers of the two methods end the block that is theirs."""
    a, G = recurrent.Mat(1, 1), recurrent.Graph()
    for leave in (
        lambda: G.__exit__(None, None, None),
        lambda: recurrent.Graph.__exit__(G, None, None, None),
    ):
        assert G.__enter__() is G
        assert len(G.operations) == 0 and (a + a) is not None and len(G.operations) == 1
        leave()
        count = len(G.operations)
        (a + a).sum()
        assert len(G.operations) == count
        G.reset()
    recurrent.Graph.__exit__(G, None, None, None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(G)
        a + a
        assert len(G.operations) == 1
    a + a
    assert len(G.operations) == 1
