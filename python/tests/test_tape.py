"""The graph that an expression is recorded on."""

import threading

import pytest

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
