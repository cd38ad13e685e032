"""The wheel's build hook: it builds the shared library with Swift, and packs it.

RECURRENT_LIBRARY names a library that is built already; `make wheel` sets it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUFFIX = "dylib" if sys.platform == "darwin" else "so"
OTHERWISE = f"or RECURRENT_LIBRARY, the path of a built librecurrent.{SUFFIX}, got neither"


class LibraryError(Exception):
    """The library is not available; the message names the missing part."""


class LibraryHook(BuildHookInterface):
    """Adds the library to a wheel, and tags the wheel for the library's platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Finds the library before anything is packed."""
        # an editable install uses the library of its checkout, .build/lib
        if version == "editable":
            return
        try:
            library = find_library(Path(self.root).parent)
        except LibraryError as error:
            self.app.abort(str(error))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(library.read_bytes())}"
        build_data["force_include"][str(library)] = f"recurrent/librecurrent.{SUFFIX}"


def find_library(checkout: Path) -> Path:
    """Returns the path of the library that RECURRENT_LIBRARY names, or of one built from the sources."""
    if "RECURRENT_LIBRARY" in os.environ:
        library = Path(os.environ["RECURRENT_LIBRARY"])
        if not library.is_file():
            raise LibraryError(
                f"RECURRENT_LIBRARY is not a file; expected a built librecurrent.{SUFFIX}, got '{library}'"
            )
        return library.resolve()
    if not (checkout / "Package.swift").is_file():
        raise LibraryError(
            f"the Swift sources are missing; expected Package.swift in {checkout}, {OTHERWISE}"
        )
    if not shutil.which("swift"):
        raise LibraryError(
            f"Swift 6.3 or newer is missing; expected 'swift' on the PATH (https://www.swift.org/install), {OTHERWISE}"
        )
    # stdout belongs to the protocol between pip and its build backend
    status = subprocess.run(
        ["swift", "build", "-c", "release", "--product", "recurrent_c"], cwd=checkout, stdout=sys.stderr
    ).returncode
    library = checkout / ".build" / "release" / f"librecurrent_c.{SUFFIX}"
    if status or not library.is_file():
        raise LibraryError(f"swift build failed; expected {library.name}, got exit status {status}")
    return library


def platform_tag(library: bytes) -> str:
    """Returns the wheel's platform tag: on Linux the oldest glibc that has the versions of all symbols (PEP 600)."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    versions = re.findall(rb"GLIBC_2\.(\d+)(?:\.\d+)?\0", library)
    if not platform.startswith("linux_") or not versions:
        return platform
    return platform.replace("linux_", f"manylinux_2_{max(map(int, versions))}_", 1)
