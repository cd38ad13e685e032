"""The sources for arm64: CVector and Kernels assume no x86."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support import ROOT

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(shutil.which("swiftc") is None, reason="swiftc is not on the PATH"),
    pytest.mark.skipif(
        not Path("/usr/aarch64-linux-gnu/include").is_dir(),
        reason="headers for arm64 are not installed (package libc6-dev-arm64-cross)",
    ),
]


def test_arm64(tmp_path):
    done = subprocess.run(
        [ROOT / "Sources" / "Packaging" / "arm64", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    code = (tmp_path / "Kernels.o").read_bytes()
    # ELF, of a machine that is AArch64
    assert code[:4] == b"\x7fELF" and int.from_bytes(code[18:20], "little") == 183
    # no product is a call of the C library, which would be 60 times as slow
    names = code.split(b"\0")
    assert b"memcpy" in names and not {b"fma", b"fmaf"} & set(names)
