"""Paths and small helpers that several test files use."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import recurrent

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "Sources" / "CRecurrent" / "include" / "recurrent.h"
TESTS = Path(__file__).resolve().parent
PYTHON_FIXTURES = TESTS / "fixtures"
FIXTURES = ROOT / "Tests" / "RecurrentTests" / "Fixtures"
HARDEN = "RECURRENT_HARDEN" in os.environ
# AddressSanitizer replaces malloc, and keeps memory that was freed
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
DTYPES = ("float32", "float64")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, warnings being errors, so that its end tells what a crash would do."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=6000 if HARDEN else 300,
        env={**os.environ, **environment},
        cwd=TESTS,
    )


def succeed(code: str, *arguments: str, **environment: str) -> str:
    """The output of code that must end well."""
    done = python(code, *arguments, **environment)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def relative_error(found: Any, expected: Any) -> float:
    """|found - expected| / |expected| in the L2 norm, of a tensor as a whole; absolute where expected is 0."""
    found, expected = (np.asarray(v, np.float64).ravel() for v in (found, expected))
    assert found.shape == expected.shape
    size = float(np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected)) / (size if size > 0 else 1.0)


def rows(saved: Any) -> np.ndarray:
    """A matrix of RecurrentJS, {n, d, w} in reading order."""
    return np.array(saved["w"], np.float64).reshape(saved["n"], saved["d"])


def close(found: Any, expected: Any, tolerance: float) -> None:
    """Equal to a relative tolerance as tensors."""
    error = relative_error(found, expected)
    assert error <= tolerance, f"relative error {error:.3g} > {tolerance}"


def values(
    n: int, d: int, dtype: str = "float64", seed: int = 0, low: float = -2, high: float = 2
) -> np.ndarray:
    """Some numbers."""
    return np.random.default_rng([seed, n, d]).uniform(low, high, (n, d)).astype(dtype)


def mat(
    n: int, d: int, dtype: str = "float64", seed: int = 0, low: float = -2, high: float = 2
) -> recurrent.Mat:
    """A Mat of some numbers."""
    return recurrent.Mat.from_array(values(n, d, dtype, seed, low, high))


def objects() -> int:
    """How many objects of the library live, garbage not counted."""
    gc.collect()
    return recurrent._c.lib.recurrent_object_count()


def resident() -> int:
    """Bytes of memory that the process holds; 0 where the system does not say, and under a sanitizer."""
    statm = Path("/proc/self/statm")
    return (
        int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        if statm.exists() and not SANITIZED
        else 0
    )


def names(folder: Path) -> list[str]:
    """Returns the names in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())


def bits(mapping: Any) -> dict[str, bytes]:
    """Every number of named Mats, to compare exactly."""
    return {name: m.w.tobytes(order="F") for name, m in mapping.items()}


def dropped_by(random: recurrent.Random, count: int) -> npt.NDArray[np.float64]:
    """Returns the numbers in [0, 1) that decide a mask: two of each word, as NumPy's float32."""
    halves = random.words((count + 1) // 2).view(np.uint32)[:count]
    return (halves >> 8) * 2.0**-24
