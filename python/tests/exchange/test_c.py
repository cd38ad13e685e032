"""C sources: compiled without warnings, they give the results of the network step by step."""

import copy
import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

import recurrent
from odd_cell import Delay, Odd
from recurrent.exchange import c_step
from recurrent.exchange.c_constants import quantized
from recurrent.parameters import CELLS

COMPILER = shutil.which("cc")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler: `cc` is not on the PATH")
FLAGS = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wdouble-promotion",
    "-Werror",
    "-O2",
]
T = 9
OPTIONS = {
    "vectors": {},
    "embedding": {"embedding": 3},
    "tied": {"embedding": 5, "tied": True},
    "residual": {"residual": True, "learned_initial_state": True, "hidden_sizes": (5, 5, 5)},
    "no decoder": {"output_size": None, "embedding": 4, "learned_initial_state": True},
}
EXTRA = [
    recurrent.LSTMCell(norm="gate", projection=5, zoneout=0.2, peephole=True, input_dropout=0.1),
    recurrent.GRUCell(norm="joint", weight_dropout=0.2, candidate_dropout=0.1),
    recurrent.RNNCell(leak=0.5, nonlinearity="relu"),
    Odd(),
    Delay(),
]
# x is read element by element, and is no state
ELEMENTS = recurrent.Cell.of(
    lambda x, h, p: (p.W @ x.tanh() + p.U @ h).tanh(),
    lambda inputs, units: {"W": (units, inputs), "U": (units, units)},
    name="elements",
)


def network(cell, dtype="float32", **options):
    settings = {"output_size": 6, "hidden_sizes": (5, 5), **options}
    net = recurrent.Network(cell, 6, dtype=dtype, rng=1, **settings)
    net.flat.w = np.random.default_rng(2).standard_normal((net.flat.n, 1)) * 0.3
    return net


class Compiled:
    """A source that is compiled as a library, with a state."""

    def __init__(self, folder, name, net, tokens=False):
        library = folder / f"{name}.so"
        subprocess.run(
            [COMPILER, *FLAGS, "-shared", "-fPIC", f"{name}.c", "-o", library, "-lm"], cwd=folder, check=True
        )
        self.header, self.tokens = (folder / f"{name}.h").read_text(), tokens or bool(net.embedding)
        self._dtype, self._outputs = net.dtype, net._sizes.outputs
        size = int(re.search(r"A state: (\d+) bytes", self.header)[1])
        # bytes behind the state show a write beyond it
        self._state, self._size = np.full(size + 64, 0xAB, np.uint8), size
        self._library = ctypes.CDLL(str(library))
        self._step, self._reset = (
            getattr(self._library, f"{name}_step"),
            getattr(self._library, f"{name}_reset"),
        )
        self._step.restype = ctypes.c_int if self.tokens else None

    def reset(self):
        self._reset(ctypes.c_void_p(self._state.ctypes.data))

    def step(self, x):
        y = np.full(self._outputs, np.nan, self._dtype)
        given = np.ascontiguousarray(x, self._dtype)
        argument = int(x) if self.tokens else ctypes.c_void_p(given.ctypes.data)
        status = self._step(
            ctypes.c_void_p(self._state.ctypes.data), argument, ctypes.c_void_p(y.ctypes.data)
        )
        assert (self._state[self._size :] == 0xAB).all()
        return status if status else y

    def run(self, x):
        self.reset()
        return np.array([self.step(each) for each in x])


def inputs(net, tokens=False, steps=T):
    random = np.random.default_rng(3)
    if net.embedding or tokens:
        return random.integers(0, net.input_size, steps)
    return random.standard_normal((steps, net.input_size)).astype(net.dtype)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cell", [*CELLS, *EXTRA], ids=str)
def test_steps(cell, options, tmp_path):
    for dtype, bound in (("float32", 1e-5), ("float64", 1e-12)):
        net = network(cell, dtype, **OPTIONS[options])
        x = inputs(net)
        expected = net.forward(x[:, None])[0][:, 0]
        net.to_c(tmp_path / f"{dtype}.c")
        compiled = Compiled(tmp_path, dtype, net)
        # twice: a reset begins a sequence
        for _ in range(2):
            np.testing.assert_allclose(compiled.run(x), expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("cell", ["lstm", "gru_reset_before", "sru", Odd(), Delay(), ELEMENTS], ids=str)
@pytest.mark.parametrize("quantize", [None, "int8"])
def test_one_hot_tokens(cell, quantize, tmp_path):
    net = network(cell)
    net.to_c(tmp_path / "net.c", tokens=True, quantize=quantize)
    x = inputs(net, tokens=True)
    compiled = Compiled(tmp_path, "net", net, tokens=True)
    expected = (net if quantize is None else rounded(net)).forward(x[:, None])[0][:, 0]
    np.testing.assert_allclose(compiled.run(x), expected, rtol=1e-5, atol=1e-5)


def rounded(net):
    """The network with the weights that int8 stands for: matrices of products, one of them a single column."""
    twin = copy.deepcopy(net)
    for name, mat in twin.parameters.items():
        if mat.d > 1 or name.startswith("spread"):
            q, scales = quantized(mat.w)
            mat.w = q * scales[:, None]
    return twin


@pytest.mark.parametrize("options", ["vectors", "embedding", "tied", "residual"])
@pytest.mark.parametrize("cell", [*CELLS, Odd()], ids=str)
def test_int8_is_the_network_with_rounded_weights(cell, options, tmp_path):
    net = network(cell, **OPTIONS[options])
    net.to_c(tmp_path / "net.c", quantize="int8")
    x = inputs(net)
    expected = rounded(net).forward(x[:, None])[0][:, 0]
    np.testing.assert_allclose(Compiled(tmp_path, "net", net).run(x), expected, rtol=2e-5, atol=2e-5)


def test_int8_rounds_by_half_a_unit():
    W = np.random.default_rng(0).standard_normal((5, 30)).astype(np.float32)
    W[2] = 0
    q, scales = quantized(W)
    assert q.dtype == np.int8 and scales[2] == 0 and np.abs(q[[0, 1, 3, 4]]).max(axis=1).tolist() == [127] * 4
    assert (np.abs(q * scales[:, None] - W) <= np.abs(W).max(axis=1, keepdims=True) / 254 * 1.0001).all()


def test_a_trained_model_loses_little(tmp_path):
    """The loss of a text model in C, float32 and int8: bits of the difference are measured, not assumed."""
    text = "she sells sea shells by the sea shore; the shells she sells are sea shells. " * 20
    model = recurrent.TextModel("gru", [32], embedding=8, rng=1)
    model.fit(text, 200, batch_size=8, seq_length=30, validation_split=0, progress=False)
    tokens = model.encode(text)[:400]
    losses = {}
    for name, quantize in (("plain", None), ("small", "int8")):
        model.to_c(tmp_path / f"{name}.c", quantize=quantize)
        compiled = Compiled(tmp_path, name, model.network, tokens=True)
        scores = compiled.run(tokens[:-1]).astype(float)
        scores -= scores.max(axis=1, keepdims=True)
        p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        losses[name] = -p[np.arange(len(p)), tokens[1:]].mean()
        vocabulary = (ctypes.c_long * model.vocabulary_size).in_dll(compiled._library, f"{name}_vocabulary")
        assert "".join(map(chr, vocabulary)) == model.vocabulary
        assert [compiled.step(token) for token in (-1, model.vocabulary_size, 2**31 - 1, -(2**31))] == [
            -1
        ] * 4
    print({name: round(float(np.exp(loss)), 4) for name, loss in losses.items()}, "perplexity")
    expected = model.network.forward(tokens[:-1, None])[0][:, 0].astype(float)
    expected -= expected.max(axis=1, keepdims=True)
    p = expected - np.log(np.exp(expected).sum(axis=1, keepdims=True))
    assert abs(losses["plain"] + p[np.arange(len(p)), tokens[1:]].mean()) < 1e-5
    assert losses["plain"] < 1 and abs(losses["small"] - losses["plain"]) < 0.02


def test_an_operation_without_an_expression(tmp_path, monkeypatch):
    """An operation of steps that is added is refused by name until C has it."""
    monkeypatch.delitem(c_step.EXPRESSIONS, "tanh")
    with pytest.raises(ValueError, match="wrong operation; expected one that C has, got tanh"):
        network("gru").to_c(tmp_path / "net.c")
    assert not list(tmp_path.iterdir())


def test_a_token_out_of_range_changes_nothing(tmp_path):
    net = network("lstm", embedding=3)
    net.to_c(tmp_path / "net.c")
    compiled, x = Compiled(tmp_path, "net", net), inputs(net)
    compiled.reset()
    for token in x:
        assert compiled.step(6) == -1
        y = compiled.step(token)
    np.testing.assert_allclose(y, net.forward(x[:, None])[0][-1, 0], atol=1e-5)


def test_it_needs_the_functions_of_math_alone(tmp_path):
    for cell in (*CELLS, Odd()):
        network(cell).to_c(tmp_path / "net.c", overwrite=True)
        subprocess.run([COMPILER, *FLAGS, "-c", "net.c"], cwd=tmp_path, check=True)
        names = subprocess.run(
            ["nm", "-u", "net.o"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.split()
        allowed = {f"{name}f" for name in "exp tanh log log1p erf sqrt sin cos pow fabs".split()}  # noqa: SIM905
        # compilers may call these for loops that copy, and on position-independent tables
        allowed |= {"memcpy", "memmove", "memset", "sincosf", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
        assert {name for name in names if name != "U"} <= allowed
        includes = re.findall(r"#include .*", (tmp_path / "net.c").read_text())
        assert includes == ['#include "net.h"', "#include <math.h>"]
        # no variable: all memory of a sequence is its state
        data = subprocess.run(
            ["nm", "net.o"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        assert not re.search(r" [bBdDcC] ", data)


def test_the_header_serves_cplusplus(tmp_path):
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler: `c++` is not on the PATH")
    network("gru").to_c(tmp_path / "net.c")
    (tmp_path / "main.cpp").write_text(
        '#include "net.h"\nint main() { net_state s; net_reset(&s); float x[NET_INPUTS] = {}, y[NET_OUTPUTS];\n'
        "net_step(&s, x, y); return 0; }\n"
    )
    subprocess.run([COMPILER, *FLAGS, "-c", "net.c"], cwd=tmp_path, check=True)
    subprocess.run(
        [compiler, "-Wall", "-Werror", "main.cpp", "net.o", "-lm", "-o", "main"], cwd=tmp_path, check=True
    )
    subprocess.run([tmp_path / "main"], check=True)


@pytest.mark.parametrize(
    "path, words",
    [
        ("net", "path has the wrong name; expected an identifier of C with the suffix .c, got 'net'"),
        ("net.h", "got 'net.h'"), ("1net.c", "got '1net.c'"), ("a-b.c", "got 'a-b.c'"), ("int.c", "got 'int.c'"),
        ("nét.c", "got 'nét.c'"), (".c", r"got '\.c'"),
    ],
)  # fmt: skip
def test_names_of_files(path, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        network("gru").to_c(tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_refusals_write_nothing(tmp_path):
    net = network("gru")
    for change, words in (
        ({"quantize": "int4"}, "quantize is unknown; expected one of 'int8', got 'int4'"),
        ({"tokens": 1}, "tokens has the wrong type"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            net.to_c(tmp_path / "net.c", **change)
    with pytest.raises(ValueError, match="bidirectional; expected one direction"):
        network("gru", bidirectional=True).to_c(tmp_path / "net.c")
    net.parameters["bd"].w[1] = np.inf
    with pytest.raises(
        FloatingPointError, match=r"bd is not finite; expected finite elements, got inf at \[1, 0\]"
    ):
        net.to_c(tmp_path / "net.c")
    assert not list(tmp_path.iterdir())
    # a header of another program
    (tmp_path / "net.h").write_text("mine")
    with pytest.raises(FileExistsError, match=r"was not written by this run; .*net\.h'"):
        network("gru").to_c(tmp_path / "net.c")
    assert [file.name for file in tmp_path.iterdir()] == ["net.h"] and (
        tmp_path / "net.h"
    ).read_text() == "mine"
    own = network("gru")
    own.to_c(tmp_path / "net.c", overwrite=True)
    own.to_c(tmp_path / "net.c")


def test_a_cell_that_attends(tmp_path):
    class Attending(recurrent.Cell):
        states = ("h", "k", "v")

        def parameters(self, I, H):  # noqa: E741
            return {"W": (H, I)}

        def step(self, x, h, k, v, p):
            z = p.W @ x
            return z.attend(k, v), z, z

    net = recurrent.Network(Attending(), 3, [4], rng=1)
    with pytest.raises(
        ValueError, match=r"wrong cell; expected one whose state holds .* attends to the past"
    ):
        net.to_c(tmp_path / "net.c")
