"""`make install` into a folder of the tests, and the tools that use what it installs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import ROOT, SANITIZED


def need(*programs: str) -> None:
    """Skips a test where a program is missing."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def make(*arguments: str) -> str:
    """Runs make in the checkout; returns what it prints."""
    if SANITIZED or not (ROOT / "Makefile").is_file():
        pytest.skip("make install installs the library of a checkout")
    need("make", "swiftc", "objcopy")
    return run("make", "--no-print-directory", *arguments, cwd=ROOT)


def install(prefix: Path, *arguments: str) -> Path:
    """Installs the library under a prefix."""
    make("install", f"PREFIX={prefix}", *arguments)
    return prefix


def run(
    *command: object,
    cwd: Path | None = None,
    prefix: Path | None = None,
    timeout: float = 900,
    **environment: str,
) -> str:
    """Runs a program that must end well; returns its standard output. It finds the library of a prefix."""
    if prefix:
        environment |= {"LD_LIBRARY_PATH": f"{prefix}/lib", "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
