"""Data-parallel training: equal to one process on the same global batch, up to rounding, and to itself bit by bit."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurrent
from instances import Alone
from ranks import TIMEOUT, Communicator, outcomes, results, same_bits
from recurrent import distributed
from recurrent.distributed import RankError
from support import ROOT

# of weights of about 0.1 after about 40 steps: their sums are in another order
BOUNDS = {"float64": 1e-13, "float32": 1e-5}
TEXT = "the quick brown fox jumps over the lazy dog. " * 200
HERE = Path(__file__).parent


def rank_of(comm: Any) -> int:
    return 0 if comm is None else comm.Get_rank()


def read_text(comm: Any = None, steps: int = 40, **options: Any) -> Any:
    """A text model after a run; each rank draws weights of its own, and none but those of rank 0 counts."""
    settings = {name: options.pop(name) for name in ("dropout", "dtype") if name in options}
    tm = recurrent.TextModel("lstm", [16, 8], rng=1 + rank_of(comm), **{"dtype": "float64", **settings})
    tm.fit(
        TEXT, steps, learning_rate=2e-3,
        **{"batch_size": 7, "seq_length": 11, "validation_split": 0.2, "evaluate_every": 10, **options},
        progress=False, distributed=comm,
    )  # fmt: skip
    return tm


RNG = np.random.default_rng(0)
X = [RNG.normal(size=(RNG.integers(3, 9), 3)) for _ in range(23)]
NUMBERS = [x.sum(1) for x in X]
CLASSES = [(x.sum(1) > 0).astype(int) for x in X]
# a sequence without a target, in a shard of its own
HOLES = [np.full(len(c), -1) if k % 2 else c for k, c in enumerate(CLASSES)]


def learn(comm: Any = None, y: Any = NUMBERS, outputs: int = 1, dropout: float = 0.0, **options: Any) -> Any:
    net = recurrent.GRU(3, [8, 8], outputs, rng=1 + rank_of(comm), dtype="float64", dropout=dropout)
    given = {"epochs": 4, "batch_size": 10, "validation_split": 0.15, **options}
    net.fit(X, y, **given, progress=False, distributed=comm)
    return net


def differences(one: Any, other: Any) -> float:
    """The largest difference between weights, and between records of two runs."""
    found = [float(abs(one.flat.w - other.flat.w).max())]
    pairs = [(one.history.train, other.history.train), (one.history.validation, other.history.validation)]
    pairs += [(curve, other.history.metrics[name]) for name, curve in one.history.metrics.items()]
    for a, b in pairs:
        assert [step for step, _ in a] == [step for step, _ in b]
        found += [abs(x - y) for (_, x), (_, y) in zip(a, b)]
    return max(found)


# ---- the two functions


def test_shards_are_the_whole():
    for count in (0, 1, 5, 7, 16):
        for size in (1, 2, 3, 5):
            parts = results(size, lambda comm: distributed.shard(count, comm))  # noqa: B023
            assert [i for part in parts for i in range(count)[part]] == list(range(count))
            lengths = [part.stop - part.start for part in parts]
            assert max(lengths) - min(lengths) <= 1 and lengths == sorted(lengths, reverse=True)


def test_all_reduce_is_the_weighted_mean():
    gradients, weights = RNG.normal(size=(3, 6, 1)), [5.0, 0.0, 1.0]

    def reduce(comm: Communicator) -> Any:
        mat = recurrent.Mat(6, 1, dtype="float64")
        mat.dw = gradients[comm.Get_rank()]
        total = distributed.all_reduce(mat, weights[comm.Get_rank()], comm)
        return total, mat.dw.copy()

    found = results(3, reduce)
    assert {total for total, _ in found} == {6.0} and same_bits([dw for _, dw in found])
    # the mean of the means would be 1/3 of each
    expected = (5 * gradients[0] + gradients[2]) / 6
    assert np.abs(found[0][1] - expected).max() < 1e-15


def test_no_weight_at_all_leaves_no_gradient():
    mat = recurrent.Mat(2, 1)
    mat.dw = [[1], [2]]
    assert distributed.all_reduce(mat, 0, Alone()) == 0 and not mat.dw.any()


def test_arguments_are_checked():
    with pytest.raises(
        TypeError, match=r"comm has no Get_rank; expected a communicator, such as mpi4py.*, got str"
    ):
        distributed.shard(3, "mpi")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weight is out of range; expected at least 0, got -1"):
        distributed.all_reduce(recurrent.Mat(1, 1), -1, Alone())
    with pytest.raises(TypeError, match="flat has the wrong type; expected a Mat, got list"):
        distributed.all_reduce([], 1, Alone())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="distributed has no Get_rank"):
        learn_with = recurrent.GRU(3, [8], 1, rng=1)
        learn_with.fit(X, NUMBERS, 1, distributed=3)  # type: ignore[arg-type]


# ---- equal to one process


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_text_is_that_of_one_process(dtype, size):
    alone, found = read_text(dtype=dtype), results(size, lambda comm: read_text(comm, dtype=dtype))
    assert same_bits([tm.flat.w for tm in found]) and all(tm.history == found[0].history for tm in found)
    assert differences(alone, found[0]) < BOUNDS[dtype]
    # the state of all sequences, on every rank
    assert found[0].step == alone.step and found[-1].batch_size == alone.batch_size == 7
    assert np.abs(found[-1]._carried_state().flat - alone._carried_state().flat).max() < 10 * BOUNDS[dtype]


RUNS: dict[str, dict[str, Any]] = {
    "numbers": {"metrics": ["r2", "mae", "rmse"]},
    "classes": {"y": CLASSES, "outputs": 2, "metrics": ["accuracy", "class_accuracy"]},
    "function": {"metrics": [lambda p, t: float(np.abs(p - t).max())]},
    "huber": {"loss": "huber"},
    "weights": {"y": CLASSES, "outputs": 2, "class_weight": "balanced"},
    "per sequence": {"y": np.array([c[-1] for c in CLASSES]), "outputs": 2, "metrics": ["accuracy"]},
    "holes": {"y": HOLES, "outputs": 2, "shuffle": False},
    "clipped": {"clip": 0.01},
    "schedule": {"schedule": recurrent.schedules.Plateau(0.01, patience=0)},
    "parts": {"seq_length": 3, "y": CLASSES, "outputs": 2},
    "windows": {"seq_length": 2, "bptt_length": 5},
    "parts with holes": {"seq_length": 2, "bptt_length": 3, "y": HOLES, "outputs": 2, "shuffle": False},
}


# 7: the last batch of an epoch has fewer sequences
@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize("name", RUNS)
def test_arrays_are_those_of_one_process(name, size):
    alone, found = learn(**RUNS[name]), results(size, lambda comm: learn(comm, **RUNS[name]))
    assert same_bits([net.flat.w for net in found]) and all(net.history == found[0].history for net in found)
    assert differences(alone, found[0]) < BOUNDS["float64"]


def test_the_optimizer_is_that_of_rank_0():
    def run(comm: Communicator) -> Any:
        net = recurrent.GRU(3, [8], 1, rng=1, dtype="float64")
        net.optimizer = recurrent.Adam(0.01)
        for _ in range(4 if comm.Get_rank() == 0 else 1):
            net.train_step(X[0][:, None], NUMBERS[0][:, None, None], net.optimizer)
        net.fit(X, NUMBERS, 1, batch_size=10, progress=False, distributed=comm)
        return net.flat.w.copy()

    assert same_bits(results(2, run))


def test_one_rank_is_no_rank():
    assert same_bits([read_text(comm, 20).flat.w for comm in (None, Alone())])
    assert same_bits([learn(comm).flat.w for comm in (None, Alone())])


def test_as_many_ranks_have_the_same_bits():
    for run in (read_text, learn):
        assert same_bits([results(3, run)[0].flat.w for _ in range(2)])


def test_a_step_exchanges_gradients_once():
    def calls(comm: Communicator) -> list[str]:
        learn(comm, steps=20, epochs=None, evaluate_every=100, validation_split=0)
        return comm.calls

    found = results(2, calls)
    # two agreements and the sum
    assert found[0] == found[1] and 60 <= found[0].count("Allreduce") < 70


# ---- dropout


def test_masks_are_those_of_the_rank():
    def masks(comm: Communicator) -> Any:
        net = learn(comm, dropout=0.5)
        return net.flat.w.copy(), net._random.state

    first, second = results(2, masks), results(2, masks)
    assert (
        same_bits([w for w, _ in [*first, *second]]) and len({state for _, state in [*first, *second]}) == 1
    )

    # two shards of the same data: the mean of two masks is another gradient than that of one
    def twice(comm: Any) -> Any:
        net = recurrent.GRU(3, [8, 8], 1, rng=1, dtype="float64", dropout=0.5)
        net.fit(
            [X[0]] * 2,
            [NUMBERS[0]] * 2,
            steps=1,
            optimizer=recurrent.SGD(1.0),
            distributed=comm,
            progress=False,
        )
        return net.flat.w.copy()

    net = recurrent.GRU(3, [8, 8], 1, rng=1, dtype="float64", dropout=0.5)
    net._random.state = (1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4)
    net.fit([X[0]], [NUMBERS[0]], steps=1, optimizer=recurrent.SGD(1.0), progress=False)
    assert not np.allclose(results(2, twice)[0], net.flat.w)


def test_a_generator_that_draws_nothing_stays():
    assert results(2, lambda comm: learn(comm)._random.state)[0] == learn()._random.state


# ---- files


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_run_resumes_on_as_many_ranks_to_the_same_bits(tmp_path, dropout):
    path = tmp_path / "tm.safetensors"

    def resumed(comm: Communicator) -> Any:
        tm = recurrent.TextModel.load(path)
        tm.resume(TEXT, 17, progress=False, distributed=comm)
        return tm

    whole = results(3, lambda comm: read_text(comm, 40, dropout=dropout))
    results(3, lambda comm: read_text(comm, 23, dropout=dropout, checkpoint=path))
    found = results(3, resumed)
    assert same_bits([tm.flat.w for tm in [*whole, *found]])
    assert found[0].history.train == whole[0].history.train


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_run_resumes_on_other_numbers_of_ranks(tmp_path, size):
    path = tmp_path / "tm.safetensors"

    def resumed(comm: Communicator) -> Any:
        tm = recurrent.TextModel.load(path)
        tm.resume(TEXT, 17, progress=False, distributed=comm)
        return tm

    results(3, lambda comm: read_text(comm, 23, checkpoint=path))
    results(size, resumed)
    found = recurrent.TextModel.load(path)
    assert np.abs(found.flat.w - read_text(None, 40).flat.w).max() < BOUNDS["float64"]
    assert found.batch_size == 7 and found.trainer is not None


# of batches of 10 and of 3 sequences: some ranks have none
@pytest.mark.parametrize(("made", "columns"), [(10, 3), (14, 10)])
@pytest.mark.parametrize(("ranks", "dropout"), [(3, 0.0), (3, 0.3), (1, 0.0), (2, 0.0), (5, 0.0)])
def test_arrays_resume_in_the_middle_of_sequences(tmp_path, ranks, dropout, made, columns):
    """On as many ranks to the same bits; from a file, and from the object."""
    settings = {"dropout": dropout, "seq_length": 2, "bptt_length": 5, "epochs": None, "validation_split": 0}
    settings["learning_rate"] = 0.01
    path = tmp_path / "net.safetensors"

    def resumed(comm: Any, net: Any = None) -> Any:
        net = net or recurrent.load(f"{path}.copy")
        net.resume(X, NUMBERS, 24 - made, progress=False, distributed=comm)
        return net

    whole = results(3, lambda comm: learn(comm, steps=24, **settings))
    part = results(3, lambda comm: learn(comm, steps=made, checkpoint=path, **settings))
    assert all(len(net.trainer._state.h[0]) == columns for net in part)
    shutil.copy(path, f"{path}.copy")
    if ranks == 3:
        found = [
            *results(3, resumed),
            *results(3, lambda comm: resumed(comm, learn(comm, steps=made, **settings))),
        ]
        assert same_bits([net.flat.w for net in [*whole, *found]])
    else:
        assert max(differences(whole[0], net) for net in results(ranks, resumed)) < BOUNDS["float64"]


def test_epochs_of_parts_are_counted_in_the_order_of_rank_0():
    """Without a seed each rank would have another number of steps."""
    found = results(3, lambda comm: learn(comm, seq_length=2, rng=None, epochs=20))
    assert len({net.step for net in found}) == 1 and found[0].step == found[0].trainer.target_step
    assert same_bits([net.flat.w for net in found])


def test_rank_0_writes_alone(tmp_path):
    folder = tmp_path / "of rank 0"
    folder.mkdir()

    def run(comm: Communicator) -> None:
        # other machines may have no such folder
        name = "of rank 0" if comm.Get_rank() == 0 else "nowhere"
        learn(comm, checkpoint=tmp_path / name / "net.safetensors", checkpoint_every=3)

    results(2, run)
    assert sorted(p.name for p in folder.iterdir()) == ["net.best.safetensors", "net.safetensors"]
    assert not (tmp_path / "nowhere").exists()
    loaded = recurrent.load(folder / "net.safetensors")

    def resumed(comm: Communicator) -> Any:
        net = recurrent.load(folder / "net.safetensors")
        net.resume(X, NUMBERS, 4, progress=False, distributed=comm)
        return net

    assert results(2, resumed)[1].step == loaded.step + 4


def test_the_best_weights_are_restored_on_all_ranks():
    found = results(2, lambda comm: learn(comm, learning_rate=0.3, epochs=6, restore_best=True))
    assert same_bits([net.flat.w for net in found]) and found[1].trainer.is_restored


# ---- the end of a run


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_callback_of_one_rank_stops_all(rank):
    def run(comm: Communicator) -> Any:
        stops = [lambda report: report.step == 3] if comm.Get_rank() == rank else []
        return learn(comm, callbacks=stops)

    found = results(3, run)
    assert [(net.step, net.history.stop_reason) for net in found] == [(3, "callback")] * 3


def test_an_interrupt_of_one_rank_stops_all(tmp_path):
    path = tmp_path / "tm.safetensors"

    def interrupt(report: Any) -> None:
        if report.step == 13:
            raise KeyboardInterrupt

    def run(comm: Communicator) -> Any:
        return read_text(comm, 40, checkpoint=path, callbacks=[interrupt] if comm.Get_rank() == 1 else [])

    found = results(2, run)
    assert [(tm.step, tm.history.stop_reason) for tm in found] == [(13, "interrupted")] * 2

    def resumed(comm: Communicator) -> Any:
        tm = recurrent.TextModel.load(path)
        tm.resume(TEXT, progress=False, distributed=comm)
        return tm

    assert same_bits([tm.flat.w for tm in [*results(2, resumed), *results(2, read_text)]])


def test_patience_is_that_of_all():
    found = results(2, lambda comm: learn(comm, learning_rate=0.5, epochs=40, patience=1))
    assert found[0].history == found[1].history and found[0].history.stop_reason == "patience"


def test_the_learning_rate_is_that_of_rank_0():
    def run(comm: Communicator) -> Any:
        def lower(report: Any) -> None:
            report.model.optimizer.learning_rate *= 0.5

        return learn(comm, callbacks=[lower] if comm.Get_rank() == 0 else [])

    found = results(2, run)
    assert same_bits([net.flat.w for net in found])
    assert found[1].history.learning_rates[-1][1] < found[1].history.learning_rates[0][1]


# ---- failures: one sentence on each rank, and no rank that waits


def failing_callback(comm: Communicator) -> Any:
    def fail(report: Any) -> None:
        if report.step == 3:
            raise OSError("the disk is on fire")

    return learn(comm, callbacks=[fail] if comm.Get_rank() == 1 else [])


def failing_exit(comm: Communicator) -> Any:
    def leave(report: Any) -> None:
        raise SystemExit(3)

    return learn(comm, callbacks=[leave] if comm.Get_rank() == 1 else [])


def failing_metric(comm: Communicator) -> Any:
    def measure(predictions: Any, targets: Any) -> float:
        if comm.Get_rank() == 1:
            raise OSError("no such measure")
        return 1.0

    return learn(comm, metrics=[measure])


def failing_loss(comm: Communicator) -> Any:
    def loss(y: Any, t: Any) -> Any:
        if comm.Get_rank() == 1:
            raise OSError("no such loss")
        return ((y - t) ** 2).mean()

    return learn(comm, loss=loss)


def refused_data(comm: Communicator) -> Any:
    return learn(comm, y=NUMBERS if comm.Get_rank() != 1 else NUMBERS[:-1])


def failing_adapter(comm: Communicator) -> Any:
    # within a step's own part
    net = recurrent.GRU(3, [8, 8], 1, rng=1, dtype="float64")
    if comm.Get_rank() == 1:
        net._gradient = lambda *_, **__: 1 / 0  # type: ignore[method-assign]
    return net.fit(X, NUMBERS, 2, batch_size=10, distributed=comm, progress=False, validation_split=0)


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (failing_callback, OSError), (failing_exit, SystemExit), (failing_metric, OSError), (failing_loss, OSError),
        (refused_data, ValueError), (failing_adapter, ZeroDivisionError),
    ],
)  # fmt: skip
def test_a_failure_of_one_rank_ends_all(run, kind):
    found = outcomes(3, run)
    assert isinstance(found[1], kind)
    for other in (found[0], found[2]):
        assert isinstance(other, RankError)
        assert str(other).startswith(f"rank 1 has failed, which ends the run on all ranks: {kind.__name__}: ")


def test_a_save_that_fails_ends_all(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()

    def run(comm: Communicator) -> Any:
        def remove(report: Any) -> None:
            shutil.rmtree(folder, ignore_errors=True)

        return learn(
            comm, checkpoint=folder / "net.safetensors", callbacks=[remove] if comm.Get_rank() == 0 else [],
            keep_best=False, epochs=1,
        )  # fmt: skip

    found = outcomes(2, run)
    assert isinstance(found[0], OSError) and isinstance(found[1], RankError)


def test_a_run_that_diverges_ends_on_all_ranks_with_its_sentence():
    found = outcomes(
        2, lambda comm: learn(comm, learning_rate=1e30, epochs=9, clip=None, optimizer=recurrent.SGD(1))
    )
    assert all(isinstance(error, FloatingPointError) for error in found) and str(found[0]) == str(found[1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clip": 2.0}, "clip differs between the ranks; expected 1.0 as on rank 0, got 2.0 on rank 1"),
        ({"y": [y + 1 for y in NUMBERS]}, "data differs between the ranks; expected "),
        ({"epochs": 5}, "steps differs between the ranks; expected "),
        ({"optimizer": recurrent.SGD(0.1)}, "optimizer differs between the ranks; expected "),
    ],
)
def test_ranks_have_the_same_arguments(options, sentence):
    found = outcomes(2, lambda comm: learn(comm, **(options if comm.Get_rank() else {})))
    assert all(isinstance(error, ValueError) and str(error).startswith(sentence) for error in found), found


def test_a_batch_has_a_sequence_for_each_rank():
    for error in outcomes(3, lambda comm: learn(comm, batch_size=2)):
        assert isinstance(error, ValueError)
        assert str(error) == "batch_size is smaller than the number of ranks; expected at least 3, got 2"


# ---- the documentation


def blocks() -> list[str]:
    return re.findall(r"```py\n(.*?)```", (ROOT / "docs/distributed.md").read_text(encoding="utf-8"), re.S)


def test_the_loop_of_the_documentation():
    (code,) = (block for block in blocks() if "all_reduce(" in block)
    rng = np.random.default_rng(3)
    x, targets = rng.normal(size=(6, 5, 2)), rng.normal(size=(6, 5, 1))

    def loop(comm: Any) -> Any:
        net = recurrent.GRU(2, [4], 1, rng=1 + comm.Get_rank(), dtype="float64")
        exec(
            code,
            {
                "comm": comm,
                "net": net,
                "x": x,
                "targets": targets,
                "steps": 5,
                "optimizer": recurrent.Adam(0.1),
            },
        )
        return net.flat.w.copy()

    found = results(3, loop)
    assert same_bits(found) and np.abs(found[0] - loop(Alone())).max() < BOUNDS["float64"]


def test_the_adapter_of_the_documentation():
    (code,) = (block for block in blocks() if "class Gathered" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    events = asyncio.new_event_loop()
    thread = threading.Thread(target=events.run_forever)
    thread.start()
    meeting = names["Meeting"](2)

    def gather(*call: Any) -> Any:
        # between processes objects are copied
        return pickle.loads(
            pickle.dumps(asyncio.run_coroutine_threadsafe(meeting.gather(*call), events).result(TIMEOUT))
        )

    try:
        found = results(2, lambda comm: learn(names["Gathered"](comm.Get_rank(), 2, gather)))
    finally:
        events.call_soon_threadsafe(events.stop)
        thread.join()
        events.close()
    assert not meeting.calls and differences(learn(), found[0]) < BOUNDS["float64"]


# ---- without MPI


def test_mpi_is_imported_where_it_is_asked_for():
    code = """
import sys, recurrent
from recurrent.cli.ranks import communicator
assert communicator("auto") is None and communicator("none") is None
assert not any(name.startswith("mpi4py") for name in sys.modules)
sys.modules["mpi4py"] = None
try:
    recurrent.distributed.world()
except ImportError as error:
    print(error)
"""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMI", "SLURM"))
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "mpi4py is missing; expected `pip install 'recurrent-nets[mpi]'` and an MPI library"
    )


def test_launchers_are_known(monkeypatch):
    from recurrent.cli import ranks

    for name in ranks._SIZES:
        monkeypatch.delenv(name, raising=False)
    assert ranks.started() == 1
    monkeypatch.setenv("PMI_SIZE", "4")
    assert ranks.started() == 4
    # the processes are not of one MPI: each would write the same checkpoint
    monkeypatch.setattr(ranks, "world", Alone)
    with pytest.raises(
        recurrent._terminal.UserError, match="MPI knows 1 process, and the launcher has started 4"
    ):
        ranks.communicator("auto")
    assert ranks.communicator("none") is None


# ---- with MPI


def has_mpi() -> bool:
    # an import of mpi4py.MPI here would start MPI in the process of the tests
    known = subprocess.run([sys.executable, "-c", "import mpi4py.MPI"], capture_output=True)
    return shutil.which("mpirun") is not None and known.returncode == 0


needs_mpi = pytest.mark.skipif(
    "not __import__('test_distributed').has_mpi()", reason="mpirun or mpi4py is missing"
)


def mpirun(size: int, *command: str, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PYTHONPATH": os.pathsep.join([str(HERE), str(Path(recurrent.__file__).parents[1])]),
        # on loopback, whatever interfaces there are
        "OMPI_MCA_btl": "self,vader,tcp", "OMPI_MCA_btl_tcp_if_include": "lo", "OMPI_MCA_oob_tcp_if_include": "lo",
    }  # fmt: skip
    return subprocess.run(
        ["mpirun", "--oversubscribe", "-n", str(size), sys.executable, *command],
        capture_output=True, text=True, timeout=300, env=environment, cwd=cwd,
    )  # fmt: skip


RUN = """
import hashlib, json, sys
import recurrent
from mpi4py import MPI
from test_distributed import learn, read_text
recurrent.set_num_threads(1)
comm = MPI.COMM_WORLD
runs = [read_text(comm, dtype=dtype) for dtype in ("float64", "float32")] + [learn(comm, dropout=0.2), learn(comm)]
bits = comm.gather([hashlib.sha256(run.flat.w.tobytes()).hexdigest() for run in runs])
if comm.Get_rank() == 0:
    assert all(each == bits[0] for each in bits)
    alone = [read_text(dtype="float64"), read_text(dtype="float32"), learn()]
    differences = [float(abs(a.flat.w - b.flat.w).max()) for a, b in zip(alone, (*runs[:2], runs[3]))]
    print(json.dumps({"size": comm.Get_size(), "bits": bits[0], "differences": differences}))
"""


@needs_mpi
@pytest.mark.parametrize("size", [2, 4])
def test_mpi_is_one_process_up_to_rounding(size):
    found = []
    for _ in range(2):
        done = mpirun(size, "-c", RUN)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    one, other = found
    assert one["size"] == size and one["bits"] == other["bits"]
    text, single, arrays = one["differences"]
    assert text < BOUNDS["float64"] and single < BOUNDS["float32"] and arrays < BOUNDS["float64"]


FAILURE = """
import sys
from mpi4py import MPI
from test_distributed import failing_callback
import recurrent
try:
    failing_callback(MPI.COMM_WORLD)
except (OSError, recurrent.distributed.RankError) as error:
    # one write: mpirun passes parts of lines on
    sys.stdout.write(f"{MPI.COMM_WORLD.Get_rank()} {error}\\n")
"""


@needs_mpi
def test_a_failure_ends_all_processes():
    done = mpirun(2, "-c", FAILURE)
    assert sorted(done.stdout.splitlines()) == [
        "0 rank 1 has failed, which ends the run on all ranks: OSError: the disk is on fire",
        "1 the disk is on fire",
    ]


@needs_mpi
def test_the_command_trains_and_resumes(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    flags = [
        "--rnn-size=8",
        "--batch-size=6",
        "--seq-length=10",
        "--dtype=float64",
        "--threads=1",
        "--quiet",
        "--schedule=constant",
    ]
    train = ("-m", "recurrent", "train", "text.txt", *flags)
    done = mpirun(2, *train, "--steps", "12", "--checkpoint", "two.safetensors", cwd=tmp_path)
    assert done.returncode == 0 and not done.stdout, done.stderr
    done = mpirun(4, "-m", "recurrent", "resume", "two.safetensors", "--steps", "8", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # one rank prints
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events].count("end") == 1 and events[-1]["step"] == 20
    command = [sys.executable, *train, "--steps", "20", "--checkpoint", "one.safetensors"]
    subprocess.run(
        command, check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    one, other = (recurrent.load(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert one.step == other.step == 20 and np.abs(one.flat.w - other.flat.w).max() < BOUNDS["float64"]
    done = mpirun(2, "-m", "recurrent", "train", "nowhere.txt", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("nowhere.txt") == 1


def test_documents_and_weight_decay():
    """The states of documents, and the decay of a step, are those of one process."""
    text = "the quick brown fox\njumps over\nthe lazy dog\n" * 20
    settings = {"documents": "lines", "weight_decay": 0.01, "learning_rate": 0.01, "validation_split": 0.2}

    def trained(comm: Any = None, **more: Any) -> Any:
        tm = recurrent.TextModel("lstm", [8], dtype="float64", rng=1)
        tm.fit(text, 12, 6, 10, progress=False, distributed=comm, **settings, **more)
        return tm

    alone, found = trained(), results(2, trained)
    assert same_bits([tm.flat.w for tm in found]) and differences(alone, found[0]) < BOUNDS["float64"]
    words = "bptt_length is unusable with several processes; expected 10, the seq_length, got 20"
    assert all(words in str(error) for error in outcomes(2, lambda comm: trained(comm, bptt_length=20)))
