"""Plants bugs in a copy of the sources, one at a time, and runs the test that must catch each.

    python tools/planted_bugs.py FILE [WORD...]

Writes one JSON object a line for each bug to FILE, for tools/reliability.py. With words, only bugs whose description
has one of them. Exits with 1 if a bug escapes, or if its test fails without it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".build-planted"
LIBRARY = COPY / ".build" / "debug" / "librecurrent_c.so"
CORE, ABI, PACKAGE = "Sources/Recurrent", "Sources/RecurrentABI", "python/src/recurrent"


class Bug(NamedTuple):
    """A textual change of one place in a file, and the test that fails because of it."""

    what: str
    file: str
    old: str
    new: str
    test: str


BUGS = [
    Bug(
        "the generation of a handle is not compared",
        f"{ABI}/Handles.swift",
        "let p = slots.start, p[slot].generation == handle >> 32,",
        "let p = slots.start,",
        "reliability/test_bad_calls.py::test_random_handles",
    ),
    Bug(
        "the kind of a handle is not compared",
        f"{ABI}/Handles.swift",
        "p[slot].kind == kind, kind.rawValue",
        "kind.rawValue",
        "reliability/test_bad_calls.py::test_random_handles",
    ),
    Bug(
        "a result of an earlier recording is accepted",
        f"{CORE}/Graph/Graph+Lifetime.swift",
        "if let current = storage.owner?.generation, current != generation { throw invalidated }",
        "if let current = storage.owner?.generation, current == 0 { throw invalidated }",
        "test_graph.py::test_stale_results",
    ),
    Bug(
        "a bounds check of a view is removed",
        f"{CORE}/Core/Mat+View.swift",
        "n > 0 && row >= 0 && row <= self.n && n <= self.n - row,",
        "n > 0 && row >= 0,",
        "_c/test_invalid_inputs.py::test_bad_calls[mat]",
    ),
    Bug(
        "a sum of sizes can overflow",
        f"{CORE}/Text/TextModel+Evaluation.swift",
        "maxSteps < length - step ? step + maxSteps : length",
        "min(step + maxSteps, length)",
        "_c/test_invalid_inputs.py::test_bad_calls[text]",
    ),
    Bug(
        "the core does not synchronize a file",
        f"{CORE}/Files/File.swift",
        "if fsync(file) != 0 {",
        "if false {",
        "reliability/test_saves.py::test_the_order_of_the_calls",
    ),
    Bug(
        "the package does not synchronize a file",
        f"{PACKAGE}/outputs.py",
        "            os.fsync(file)\n",
        "",
        "reliability/test_saves.py::test_the_order_of_the_calls",
    ),
    Bug(
        "a write that is short counts as complete",
        f"{CORE}/Files/File.swift",
        "done += count\n",
        "done = piece.count\n",
        "reliability/test_saves.py::test_errors",
    ),
    Bug(
        "a failed save leaves its temporary file",
        f"{CORE}/Files/File.swift",
        "      close(file)\n      unlink(temporary.cString)\n",
        "      close(file)\n",
        "reliability/test_saves.py::test_errors",
    ),
    Bug(
        "a file is written in place",
        f"{CORE}/Files/File.swift",
        "temporary = folder.file(try temporaryName(path).utf8)",
        "temporary = overwrite && old != nil ? target : folder.file(try temporaryName(path).utf8)",
        "reliability/test_saves.py::test_kills",
    ),
    Bug(
        "the checksum of a file is not compared",
        f"{CORE}/Files/Safetensors+Read.swift",
        "expected.elementsEqual(found), .badFormat,",
        "expected.count == found.count, .badFormat,",
        "reliability/test_damaged_files.py::test_checkpoints",
    ),
    Bug(
        "a sign in a derivative is swapped",
        "Sources/Kernels/Elementwise/Unary.swift",
        "T.V.multiplyAdd(y, 1.0 - s, s)",
        "T.V.multiplyAdd(y, 1.0 + s, s)",
        "reliability/test_random_graphs.py::test_random_graphs",
    ),
    Bug(
        "scores are not shifted by their maximum",
        "Sources/Kernels/Reductions/Softmax.swift",
        "let shift = T.V(maximum)\n  let x = MatrixView(x,",
        "maximum = 0\n  let shift = T.V(maximum)\n  let x = MatrixView(x,",
        "reliability/test_numeric_extremes.py::test_softmax",
    ),
    Bug(
        "a value is not copied before a write",
        f"{CORE}/Graph/Graph+SavedValues.swift",
        "if node.operation.backwardReads(node).contains(k - node.first) { try saveOperand(k) }",
        "_ = k",
        "test_graph_writes.py::test_the_gradient_of_what_was_recorded",
    ),
    Bug(
        "a value with a view is not copied when it is recorded",
        f"{CORE}/Graph/Graph+Recording.swift",
        "m.storage.isPinned(m.span) && keepsRecordedValues {",
        "m.storage.isPinned(m.span) && !needsBackprop {",
        "test_graph_writes.py",
    ),
    Bug(
        "an operation that no gradient reaches is visited",
        f"{CORE}/Graph/Graph+Run.swift",
        "if !node.isReached && (is32",
        "if operands.isEmpty && (is32",
        "test_graph_writes.py::test_an_operation_that_no_loss_depends_on",
    ),
    Bug(
        "a lock lets a second thread in",
        f"{CORE}/Core/Lock.swift",
        "if acquired { break }",
        "if acquired || holder & isShared == 0 { break }",
        "test_forks.py::test_a_model_that_was_busy",
    ),
    Bug(
        "training begins during inference",
        f"{CORE}/Core/Lock.swift",
        "holder >> forkShift != sharedByProcess() >> forkShift else",
        "true else",
        "test_inference_threads.py::test_changes_are_refused_during_inference",
    ),
    Bug(
        "calls of inference share a context",
        f"{CORE}/Networks/NetworkContext.swift",
        "let context = idle.popLast()",
        "let context = idle.last",
        "test_inference_threads.py::test_threads_get_what_a_call_alone_gets",
    ),
    Bug(
        "a sequence that ends leaves its column to none",
        f"{CORE}/Generation/Generator+Batch.swift",
        "batch.move(last, to: j)",
        "batch.move(j, to: j)",
        "nn/test_generation.py::test_samples_are_those_of_their_seeds",
    ),
    Bug(
        "forks are not counted",
        "Sources/CVector/CThread.c",
        "  ct_fork_count++;\n",
        "",
        "test_forks.py::test_a_model_that_was_busy",
    ),
    Bug(
        "threads forget the remainder of a division",
        f"{CORE}/Core/ThreadPool.swift",
        "..<total * (thread + 1) / count }",
        "..<max(total * thread / count, (total / count) * (thread + 1)) }",
        "reliability/test_determinism.py",
    ),
    Bug(
        "a failed allocation is not noticed",
        f"{CORE}/Core/Storage.swift",
        "bytes >= 0, let block = calloc(1, size) else {",
        "bytes >= 0, let block = Optional(calloc(1, size)!) else {",
        "reliability/test_failing_allocations.py",
    ),
    Bug(
        "memory is not freed",
        f"{CORE}/Core/Storage.swift",
        "deinit { free(block) }",
        "deinit {}",
        "test_leaks.py::test_nothing_is_left",
    ),
    Bug(
        "weights that an update makes infinite are kept",
        f"{CORE}/Optimizers/Optimizer+Finite.swift",
        "guard let (i, j, value) = mat.firstNonFinite else { continue }",
        "guard let (i, j, value) = mat.firstNonFinite, i < 0 else { continue }",
        "optim/test_infinite_weights.py",
    ),
    Bug(
        "gradients that are not finite are applied",
        f"{CORE}/Optimizers/Optimizer.swift",
        "if sum.isFinite { return sum.squareRoot() }",
        "return sum.squareRoot()\n    if sum.isFinite { return sum.squareRoot() }",
        "optim/test_optimizers.py::test_a_gradient_that_is_not_finite",
    ),
    Bug(
        "the counter of the generator advances by two",
        f"{CORE}/Core/Random.swift",
        "counter.0 &+= 1",
        "counter.0 &+= 2",
        "test_random.py::test_words",
    ),
    Bug(
        "the answer of an interrupt check is ignored",
        f"{CORE}/Core/Interrupt.swift",
        "state.pointee.is_requested = function() != 0",
        "_ = function()",
        "_c/test_binding.py text/test_model.py::test_an_interrupt_is_seen_while_it_writes",
    ),
    Bug(
        "a file of another run is replaced",
        f"{PACKAGE}/outputs.py",
        "if not (allowed or is_own):",
        "if allowed and not is_own:",
        "test_outputs.py",
    ),
    Bug(
        "an array with gaps is passed to the library",
        f"{PACKAGE}/_c/pointers.py",
        "not (flags.c_contiguous and flags.aligned)",
        "not flags.aligned",
        "_c/test_pointers.py",
    ),
    Bug(
        "an import changes NumPy's treatment of errors",
        f"{PACKAGE}/_c/pointers.py",
        "_INT64, _UINT64,",
        'np.seterr(all="ignore")\n_INT64, _UINT64,',
        "reliability/test_host_state.py",
    ),
]


def build() -> bool:
    """Builds the library of the copy, without optimization of the core: quicker than the code that ships.

    The static runtime of Swift leaves the handlers of signals alone.
    """
    command = ["swift", "build", "--product", "recurrent_c", "-Xswiftc", "-static-stdlib"]
    done = subprocess.run(command, cwd=COPY, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-3000:], file=sys.stderr)
    return done.returncode == 0


def passes(tests: str, shows: bool = False) -> bool:
    """Runs tests of the copy with its library; ``shows`` prints what fails."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(COPY / "python" / "src"),
        "RECURRENT_LIBRARY": str(LIBRARY),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    names = [f"tests/{name}" for name in tests.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not nightly", "-p", "no:cacheprovider", *names],
        cwd=COPY / "python",
        env=environment,
        capture_output=True,
        text=True,
    )
    # 0: passed; 1: failed; others: no test was run, but a signal is a bug that was caught
    if done.returncode > 1:
        raise SystemExit(f"{tests}: {done.stdout[-2000:]}")
    if shows and done.returncode:
        print(done.stdout[-3000:], file=sys.stderr)
    return done.returncode == 0


def planted(bug: Bug) -> bool:
    """Whether a bug escapes."""
    path = COPY / bug.file
    source = path.read_text(encoding="utf-8")
    if source.count(bug.old) != 1:
        raise SystemExit(f"{bug.file} has {source.count(bug.old)} places of: {bug.old}")
    path.write_text(source.replace(bug.old, bug.new), encoding="utf-8")
    try:
        if not build():
            raise SystemExit(f"{bug.what}: does not compile")
        return passes(bug.test)
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> None:
    """Copies the sources, and plants each bug."""
    out, words = Path(sys.argv[1]), sys.argv[2:]
    for folder in ("Sources", "python", "Tests", "docs", "examples"):
        shutil.rmtree(COPY / folder, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__", "*.so", ".hypothesis")
        shutil.copytree(ROOT / folder, COPY / folder, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, COPY / path.name)
    chosen = [bug for bug in BUGS if not words or any(word in bug.what for word in words)]
    if not build():
        raise SystemExit("the sources do not compile")
    if not passes(" ".join(dict.fromkeys(name for bug in chosen for name in bug.test.split()))):
        raise SystemExit("a test fails without a bug")
    escaped = 0
    with out.open("w", encoding="utf-8") as file:
        for bug in chosen:
            escapes = planted(bug)
            escaped += escapes
            line = {"file": bug.file, "bug": bug.what, "caught by": "" if escapes else bug.test}
            print("ESCAPED" if escapes else "caught", bug.what, flush=True)
            file.write(json.dumps(line) + "\n")
    sys.exit(escaped > 0)


if __name__ == "__main__":
    main()
