"""An instance of every public class, and a valid call of each of its public methods, for tests that walk them all."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import recurrent
from recurrent import introspection, losses, recurrentjs
from recurrent.optim import schedules
from recurrent.training.array_trainer import ArrayTrainer
from recurrent.training.corpus_trainer import CorpusTrainer
from recurrent.training.ranks import Ranks

TOKENS = np.array([[0, 1], [2, 3], [1, 0]])
X = np.linspace(-1, 1, 3 * 2 * 4, dtype=np.float32).reshape(3, 2, 4)
LENGTHS = np.array([3, 2])
TEXT = "abcd" * 30
NETWORK_TYPES = (recurrent.RNN, recurrent.LSTM, recurrent.GRU)


class Alone:
    """A communicator of one process."""

    def Get_rank(self) -> int:
        return 0

    def Get_size(self) -> int:
        return 1

    def Allreduce(self, sendbuf: None, recvbuf: Any) -> None:
        pass

    def bcast(self, obj: Any, root: int = 0) -> Any:
        return obj

    def allgather(self, sendobj: Any) -> list[Any]:
        return [sendobj]


def public() -> dict[str, Any]:
    """Every public name of the package, those of its public modules included."""
    found: dict[str, Any] = {}
    for module in (recurrent, recurrentjs, schedules, losses, introspection):
        prefix = "" if module is recurrent else f"{module.__name__.rsplit('.', 1)[-1]}."
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            value = getattr(module, name)
            if not isinstance(value, ModuleType) and getattr(value, "__module__", "").startswith("recurrent"):
                found[f"{prefix}{name}"] = value
    return found


def classes() -> list[type]:
    """Every public class that has instances."""
    kinds = {value for value in public().values() if isinstance(value, type)} | {CorpusTrainer, ArrayTrainer}
    abstract = {recurrent.Optimizer, recurrent.Network, recurrent.Cell, schedules.Schedule, losses.Loss}
    # with the methods of str
    documents = {recurrent.Drawing, recurrent.HTML}
    return sorted(kinds - abstract - documents, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")


def methods(kind: type) -> list[str]:
    """The public methods and properties of a class, by name."""
    return [
        name
        for name, value in inspect.getmembers(kind)
        if not name.startswith("_") and (callable(value) or isinstance(value, property))
    ]


def text_model() -> recurrent.TextModel:
    model = recurrent.TextModel("lstm", [5], rng=1).build("abcd")
    model.optimizer = recurrent.SGD(0.1)
    return model


def fit(model: Any, **arguments: Any) -> Any:
    settings = {"steps": 2, "batch_size": 2, "seq_length": 4, "progress": False, **arguments}
    return model.fit(TEXT, settings.pop("steps"), **settings)


def trained() -> recurrent.TextModel:
    model = text_model()
    fit(model)
    return model


def fit_arrays(net: Any) -> Any:
    return net.fit(X, TOKENS, steps=2, batch_size=1, progress=False)


def trained_network() -> recurrent.Network:
    net = recurrent.GRU(4, [5, 3], 4, rng=0)
    fit_arrays(net)
    return net


def stepped() -> recurrent.Optimizer:
    """An optimizer with the state of a step."""
    solver = recurrent.Adam()
    solver.step({"a": mat()})
    return solver


def graph() -> recurrent.Graph:
    G = recurrent.Graph()
    G.tanh(mat())
    return G


def mat() -> recurrent.Mat:
    return recurrent.Mat.from_array(np.linspace(-1, 1, 6).reshape(3, 2))


def program() -> recurrent.Program:
    return recurrent.Program(lambda x, h, p: (p.W @ x + h).tanh(), 3, 3, {"W": (3, 3)})


def step_model() -> recurrentjs.Model:
    return recurrentjs.init_lstm(3, [4], 2, rng=0)


def output() -> recurrentjs.Output:
    return recurrentjs.forward_lstm(recurrent.Graph(False), step_model(), [4], recurrent.Mat(3, 1), None)


_OPTIMIZERS = {
    kind: kind
    for kind in (*(getattr(recurrent, n) for n in recurrent.optimizers.__all__), recurrentjs.Solver)
}
MAKERS: dict[type, Callable[[], Any]] = {
    **{kind: lambda kind=kind: kind(4, [5, 3], 4, rng=0) for kind in NETWORK_TYPES},
    **_OPTIMIZERS,
    recurrent.Graph: graph,
    recurrent.Mat: mat,
    recurrent.EchoStateNetwork: lambda: recurrent.EchoStateNetwork(4, 5, 4, rng=0),
    recurrent.LSTMCell: lambda: recurrent.LSTMCell(peephole=True),
    recurrent.GRUCell: lambda: recurrent.GRUCell(norm="joint"),
    recurrent.RNNCell: lambda: recurrent.RNNCell(zoneout=0.1),
    recurrent.Program: program,
    recurrent.Random: lambda: recurrent.Random(3),
    recurrent.State: lambda: recurrent.LSTM(4, [5, 3], 4, rng=0).forward(X)[1],
    recurrent.StepResult: lambda: recurrent.StepResult(1.0, 2.0, 0.0),
    recurrent.History: lambda: trained().history,
    recurrent.StepReport: lambda: recurrent.StepReport(
        None, 1, 1.0, 1.0, 0.0, 0.1, 0.5, None, recurrent.History()
    ),
    recurrent.GradientError: lambda: recurrent.GradientError("mats[0]", 0, 0, 1.0, 1.0, 1),
    recurrent.GradientCheck: lambda: recurrent.GradientCheck(
        (recurrent.GradientError("W", 0, 0, 1.0, 1.0, 1),)
    ),
    recurrent.Operand: lambda: recurrent.Operand(None, 1, 1, 0),
    recurrent.Operation: lambda: graph().operations[0],
    recurrent.LayerSummary: lambda: recurrent.RNN(4, [5], rng=0).summary().layers[0],
    recurrent.Summary: lambda: recurrent.RNN(4, [5], rng=0).summary(),
    recurrent.Parameters: lambda: recurrent.LSTM(4, [5, 3], 4, rng=0).parameters,
    recurrent.SentenceModel: lambda: recurrent.SentenceModel(["abc", "bcd"], "lstm", [4], 3, rng=0),
    recurrent.TextModel: trained,
    CorpusTrainer: lambda: trained().trainer,
    ArrayTrainer: lambda: trained_network().trainer,
    **{kind: kind for name in losses.__all__ if (kind := getattr(losses, name)) is not losses.Loss},
    recurrentjs.Model: step_model,
    recurrentjs.Output: output,
    recurrentjs.Cost: lambda: recurrentjs.Cost(1.0, 2.0),
    recurrentjs.Tick: lambda: recurrentjs.Tick(1.0, 2.0, 0.0, 0.5),
    schedules.Constant: lambda: schedules.Constant(0.1),
    schedules.Step: lambda: schedules.Step(0.1, 5),
    schedules.Exponential: lambda: schedules.Exponential(0.1, 0.9),
    schedules.Cosine: lambda: schedules.Cosine(0.1, 10),
    schedules.Linear: lambda: schedules.Linear(0.1, 10),
    schedules.OneCycle: lambda: schedules.OneCycle(0.1, 10),
    schedules.Plateau: lambda: schedules.Plateau(0.1),
    schedules.PlateauState: lambda: schedules.Plateau(0.1).start(),
}


def without_package(call: Callable[[], Any]) -> None:
    """A call that needs a package, which may be absent."""
    with contextlib.suppress(ImportError):
        call()


def _operations(G: Any) -> dict[str, Callable[[], Any]]:
    """A valid call of every operation of a Graph, or of its module of functions."""
    square, column = recurrent.Mat(3, 3).fill(0.5), recurrent.Mat(3, 1).fill(0.5)
    wide = recurrent.Mat(12, 3)
    named = {
        "mul": (square, column), "dot": (column, column), "row_pluck": (square, [0, 2]), "transpose": (square,),
        "reverse_sequence": (square, 3, [2]),
        "concat_rows": ([column, column],), "concat_columns": ([column, column],), "slice_rows": (square, 1, 2),
        "slice_columns": (square, 1, 2), "sum": (square,), "mean": (square, 0), "softmax": (square,),
        "log_softmax": (square,), "cross_entropy": (square, [0, 1, 2]), "squared_error": (square, square),
        "dropout": (square, 0.5, 1), "layer_norm": (square, column, column),
        "rnn": (column, column, square, square, column),
        "lstm": (column, column, column, wide, wide, recurrent.Mat(12, 1)), "scale": (square, 2.0),
        "shift": (square, 2.0), "scan": (program(), square, [column], [square]),
        "apply": (program(), square, [square], [square]),
        "forest": (program(), square, [[0], [1], [-1]], [column], [square]),
        "pow": (square, 1.5), "where": (square, column, square), "cumsum": (square, 0), "reshape": (square, 1, -1),
        "stack": ([column, column], 1), "index_select": (square, [0, 2], 1), "bmm": (square, square, 1, True),
        "leaky_relu": (square,),
        **{
            name: (square, square)
            for name in (
                "add", "sub", "eltmul", "div", "maximum", "minimum", "greater", "greater_equal", "less", "less_equal",
                "equal", "not_equal",
            )
        },
    }  # fmt: skip
    calls: dict[str, Callable[[], Any]] = {}
    for name in methods(type(G)):
        if name in {"backward", "evaluate", "reset", "operations", "svg", "needs_backprop"}:
            continue
        arguments = named.get(name, (square,))
        calls[name] = lambda name=name, arguments=arguments: getattr(G, name)(*arguments)
    return calls


def calls(thing: Any, folder: Path) -> dict[str, Callable[[], Any]]:
    """A valid call of each public method of an instance, by name; an access for a property."""
    kind, path = type(thing), str(folder / "file")
    found: dict[str, Callable[[], Any]] = {}
    for name in methods(kind):
        if isinstance(inspect.getattr_static(kind, name), property):
            found[name] = lambda name=name: getattr(thing, name)
    if isinstance(thing, recurrent.Network):
        sgd, ones = recurrent.SGD(0.1), np.zeros((3, 2, 4), np.float32)
        found |= {
            "forward": lambda: thing.forward(X, None, LENGTHS),
            "backward": lambda: (
                thing.forward(X),
                thing.backward(ones),
                thing.forward(TOKENS),
                thing.backward(ones),
            ),
            "activations": lambda: thing.activations(TOKENS),
            "train_step": lambda: (thing.train_step(X, TOKENS, sgd), thing.train_step(TOKENS, ones, sgd)),
            "generate": lambda: thing.generate(3, [0, 1], rng=1),
            "stream": lambda: list(thing.stream(3, [0, 1], rng=1)),
            "beam_search": lambda: thing.beam_search(3, [0, 1], 2),
            "load_torch": lambda: thing.load_torch(thing.to_torch()),
            "to_torch": thing.to_torch,
            "save_torch": lambda: thing.save_torch(f"{folder}/net.pt", overwrite=True),
            "load_keras": lambda: thing.load_keras(thing.to_keras()),
            "to_keras": thing.to_keras,
            "to_onnx": lambda: without_package(lambda: thing.to_onnx(path, overwrite=True)),
            "to_c": lambda: thing.to_c(f"{folder}/net.c", overwrite=True),
            "program": lambda: thing.program(0).json(),
            "initialize": lambda: thing.initialize(recurrent="orthogonal", rng=1),
            "initial_state": lambda: thing.forward(X, thing.initial_state(2)),
            "zero_state": lambda: thing.forward(X, thing.zero_state(2)),
            "summary": lambda: (str(thing.summary()), thing._repr_html_()),
        }

        def load() -> None:
            thing.save(path, overwrite=True)
            kind.load(path)

        found |= {
            "save": lambda: thing.save(path, overwrite=True),
            "load": load,
            "fit": lambda: fit_arrays(thing),
            "resume": lambda: (fit_arrays(thing), thing.resume(X, TOKENS, 1, progress=False)),
            "scores": lambda: (thing.scores(X), thing.scores(list(TOKENS.T))),
            "predict": lambda: (thing.predict(X, LENGTHS), thing.predict(TOKENS, per_sequence=True)),
            "predict_proba": lambda: thing.predict_proba(TOKENS, loss="cross_entropy"),
            "evaluate": lambda: thing.evaluate(X, TOKENS, LENGTHS, loss="cross_entropy"),
            "forecast": lambda: thing.forecast(X, 3),
        }
        if isinstance(thing, recurrent.EchoStateNetwork):
            found["fit"] = lambda: thing.fit(X, np.ones((3, 2, 4)), ridge=1)
    elif isinstance(thing, recurrent.Cell):
        # the step is the library's
        def step() -> None:
            with contextlib.suppress(NotImplementedError):
                thing.step(mat())

        def parameters() -> None:
            with contextlib.suppress(NotImplementedError):
                thing.parameters(3, 4)

        network = lambda: recurrent.Network(thing, 3, [4], rng=0)  # noqa: E731
        of = lambda: recurrent.Cell.of(lambda x, h, p: (x + h).tanh(), lambda inputs, units: {}, name="sum")  # noqa: E731
        found |= {
            "step": step, "parameters": parameters, "rows": lambda: thing.rows(4), "of": of, "states": network,
        }  # fmt: skip
    elif isinstance(thing, recurrent.Program):
        found |= {"json": thing.json, "from_json": lambda: recurrent.Program.from_json(thing.json())}
    elif isinstance(thing, recurrent.Graph):
        found |= _operations(thing) | {
            "backward": lambda: thing.backward(thing.sum(mat())), "evaluate": thing.evaluate, "reset": thing.reset,
            "svg": lambda: (thing.tanh(mat()), thing.svg(), thing._repr_svg_()),
        }  # fmt: skip
    elif isinstance(thing, recurrent.Mat):
        found |= {
            name: getattr(thing, name)
            for name in methods(kind)
            if name not in found and callable(getattr(kind, name))
        } | {
            "view": lambda: thing.view(1, 0, 2, 1).w, "fill": lambda: thing.fill(1.0), "dot": lambda: thing.dot(mat()),
            "from_array": lambda: kind.from_array([[1.0]]), "uniform": lambda: kind.uniform(2, 2, rng=1),
            "gaussian": lambda: kind.gaussian(2, 2, rng=1), "backward": lambda: thing.tanh().sum().backward(),
            "item": lambda: thing.sum().item(), "w": lambda: thing.w.sum(), "dw": lambda: thing.dw.sum(),
            "graph": lambda: (thing.tanh().graph(), repr(thing), thing._repr_html_(), thing._past and thing.graph()),
        }  # fmt: skip
    elif isinstance(thing, recurrent.Optimizer):
        net = recurrent.GRU(4, [3], rng=0)
        found |= {
            "step": lambda: (thing.step(net.parameters), thing.step({"a": mat()})),
            "state": lambda: [thing.state[slot]["bz0"].w for slot in thing.state],
            "state_dict": lambda: (thing.step(net.parameters), thing.state_dict()),
            "load_state_dict": lambda: thing.load_state_dict(thing.state_dict()),
        }
    elif isinstance(thing, recurrent.Random):
        found |= {
            name: lambda name=name: getattr(thing, name)(count=3) for name in ("words", "uniform", "gaussian")
        }
    elif isinstance(thing, recurrent.State):
        net = recurrent.LSTM(4, [5, 3], 4, rng=0)
        found |= {
            "copy": thing.copy,
            "flat": lambda: net.forward(X, thing),
            "h": lambda: net.forward(X, (thing.h, thing.c)),
        }
    elif isinstance(thing, recurrent.TextModel):
        found |= {
            "build": lambda: thing.build("ab"), "fit": lambda: fit(thing),
            "load": lambda: (thing.save(path), kind.load(path)),
            "resume": lambda: thing.resume(TEXT, 1, progress=False), "save": lambda: thing.save(path),
            "encode": lambda: thing.encode("abca"), "decode": lambda: thing.decode([0, 1]),
            "train_step": lambda: thing.train_step(TOKENS, TOKENS), "reset_state": thing.reset_state,
            "evaluate": lambda: thing.evaluate("abcdabcd", 2), "sample": lambda: thing.sample(3, "a", rng=1),
            "stream": lambda: list(thing.stream(3, "a", rng=1)), "activations": lambda: thing.activations("abc"),
            "next_characters": lambda: thing.next_characters("abc"),
            "gradient_norms": lambda: thing.gradient_norms("abcd"),
            "to_onnx": lambda: without_package(lambda: thing.to_onnx(path)),
            "to_c": lambda: thing.to_c(f"{folder}/net.c", quantize="int8"),
            "html": lambda: thing.html("abc", "h0", 0), "summary": lambda: (thing.summary(), thing._repr_html_()),
        }  # fmt: skip
    elif isinstance(thing, ArrayTrainer):
        net = recurrent.GRU(4, [5, 3], 4, rng=0)
        net.optimizer = recurrent.SGD(0.1)
        found |= {
            "run": lambda: thing.run(net, False, [lambda _: True]), "to_dict": thing.to_dict,
            "join": lambda: thing.join(net, Ranks(Alone())),
            "chosen": lambda: thing.chosen(0),
            "resume": lambda: (fit_arrays(net), net.resume(X, TOKENS, 1, progress=False)),
            "metrics": lambda: thing.metrics(net), "from_dict": lambda: kind.from_dict(thing.to_dict(), None),
            "new": lambda: None, "from_json": lambda: None,
        }  # fmt: skip
    elif isinstance(thing, losses.Loss):
        scores = np.linspace(-1, 1, 36).reshape(6, 6)
        net = recurrent.GRU(4, [5], 6, rng=0)

        def train() -> None:
            y = TOKENS if thing.are_classes else np.full((3, 2, thing.numbers(6)), 0.5)
            net.fit(X, y, steps=1, loss=thing, progress=False)

        found |= {
            "numbers": lambda: thing.numbers(6), "predict": lambda: thing.predict(scores),
            "probabilities": lambda: thing.probabilities(scores), "check": lambda: thing.check(scores, "y"),
            "to_dict": lambda: (thing.to_dict(), train()),
        }  # fmt: skip
    elif isinstance(thing, CorpusTrainer):
        model = recurrent.TextModel("lstm", [5], rng=1).build("abcd")
        found |= {
            "run": lambda: thing.run(model, False, [lambda _: True]), "to_dict": thing.to_dict,
            "resume": lambda: thing.resume(model, (TEXT, None), 1, None, False, Ranks()),
            "join": lambda: thing.join(model, Ranks(Alone())),
            "from_dict": lambda: kind.from_dict(thing.to_dict(), ""), "new": lambda: None, "from_json": lambda: None,
        }  # fmt: skip
    elif isinstance(thing, recurrent.SentenceModel):
        found |= {
            "tick": lambda: thing.tick("abc"), "cost": lambda: thing.cost("abc"),
            "predict": lambda: thing.predict(rng=1),
            "save_recurrentjs": lambda: thing.save_recurrentjs(path),
            "load_recurrentjs": lambda: (thing.save_recurrentjs(path), kind.load_recurrentjs(path)),
        }  # fmt: skip
    elif isinstance(thing, schedules.Schedule):
        if isinstance(thing, schedules.Plateau):
            found |= {"start": thing.start, "advance": lambda: thing.advance(thing.start(), 1.0)}
        found |= {
            "to_dict": lambda: (thing.to_dict(), thing(3)),
            "from_dict": lambda: kind.from_dict(thing.to_dict()),
        }
    elif isinstance(thing, recurrent.History):
        found |= {
            "add": lambda: thing.add(9, 1.0, 1.0, 0.1),
            "add_validation": lambda: thing.add_validation(9, 1.0),
            "halve": thing.halve,
            "curves": lambda: (thing.curves(), thing._repr_html_()),
            "to_dict": thing.to_dict,
            "from_dict": lambda: kind.from_dict(thing.to_dict()),
        }
    elif isinstance(thing, recurrentjs.Output):
        model = step_model()
        found["h"] = lambda: recurrentjs.forward_lstm(
            recurrent.Graph(), model, [4], recurrent.Mat(3, 1), thing
        )
    elif isinstance(thing, recurrentjs.Model):
        found["get"] = lambda: recurrentjs.forward_lstm(
            recurrent.Graph(), thing, [4], recurrent.Mat(3, 1), None
        )
    elif isinstance(thing, recurrent.Parameters):
        found["get"] = lambda: (thing["Wix0"].w, recurrent.SGD().step(thing), thing.flat.w)
    return found
