"""No call through recurrent.h can end the process, whatever is passed; invalid_inputs.py does the calling."""

import subprocess
import sys
from pathlib import Path

import pytest

import invalid_inputs
from recurrent._c import signatures
from support import HARDEN


def group(function: str) -> str:
    noun = function.removeprefix("recurrent_").split("_")[0]
    return (
        noun
        if noun in {"random", "mat", "graph", "network", "optimizer", "generator", "sentence", "text"}
        else "others"
    )


GROUPS = sorted({group(function) for function in signatures.SIGNATURES})


@pytest.mark.campaign("Bad calls of exported functions")
@pytest.mark.parametrize("noun", GROUPS)
def test_bad_calls(tmp_path, noun, cases):
    functions = [function for function in signatures.SIGNATURES if group(function) == noun]
    trace = tmp_path / "trace"
    done = subprocess.run(
        [
            sys.executable,
            Path(invalid_inputs.__file__),
            trace,
            tmp_path,
            "2000" if HARDEN else "60",
            *functions,
        ],
        capture_output=True,
        text=True,
        timeout=3000,
    )
    last = trace.read_text().splitlines()[0] if trace.exists() else "nothing"
    assert done.returncode >= 0, f"signal {-done.returncode} in {last}\n{done.stderr}"
    assert done.returncode == 0, f"in {last}\n{done.stderr}"
    # all of them, many ways each; the address of a function cannot be checked
    many = [
        f for f in functions if len(signatures.SIGNATURES[f]) > 1 and not f.endswith("_set_interrupt_check")
    ]
    assert int(done.stdout) > 60 * len(many)
    cases(int(done.stdout))
