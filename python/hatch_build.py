"""The build hooks: a wheel holds the shared library, which Swift builds; a source distribution holds the Swift sources.

RECURRENT_LIBRARY names a library that is built already, RECURRENT_LIBRARIES a folder with one for each of several
instruction-set levels, x86-64-v3/librecurrent.so; `make wheel` sets it.
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
from hatchling.metadata.plugin.interface import MetadataHookInterface

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
        checkout = find_checkout(Path(self.root))
        if self.target_name == "sdist":
            build_data["force_include"].update(
                {str(checkout / name): name for name in ("Package.swift", "Sources", "Tests", "README.md")}
            )
            return
        try:
            libraries = find_libraries(checkout)
        except LibraryError as error:
            self.app.abort(str(error))
        build_data["pure_python"] = False
        build_data["tag"] = (
            f"py3-none-{platform_tag(b''.join(path.read_bytes() for path in libraries.values()))}"
        )
        for name, path in libraries.items():
            build_data["force_include"][str(path)] = f"recurrent/{name}"


class DescriptionHook(MetadataHookInterface):
    """Makes the README the description of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds the README, whose links lead to the repository."""
        readme = find_checkout(Path(self.root)) / "README.md"
        if not readme.is_file():
            raise FileNotFoundError(f"the description is missing; expected a file, got none at '{readme}'")
        text = readme.read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, metadata["urls"]["Source"]),
        }


def find_checkout(root: Path) -> Path:
    """Returns the folder of Package.swift: that of an unpacked source distribution, or the one above ``python``."""
    return root if (root / "Package.swift").is_file() else root.parent


def absolute_links(text: str, repository: str) -> str:
    """Returns Markdown whose links to files of the repository are addresses; links within the page stay."""
    return re.sub(r"\]\((?![a-z]+:|#)([^)\s]+)\)", rf"]({repository}/blob/main/\1)", text)


def find_libraries(checkout: Path) -> dict[str, Path]:
    """Returns the libraries to pack by their names in the package: one, or one for each instruction-set level."""
    if "RECURRENT_LIBRARIES" not in os.environ:
        return {f"librecurrent.{SUFFIX}": find_library(checkout)}
    folder = Path(os.environ["RECURRENT_LIBRARIES"])
    found = {
        path.parent.name: path.resolve() for path in sorted(folder.glob(f"x86-64-v?/librecurrent.{SUFFIX}"))
    }
    if not found:
        raise LibraryError(
            f"RECURRENT_LIBRARIES has no library; expected x86-64-v3/librecurrent.{SUFFIX} in it, got '{folder}'"
        )
    return {f"glibc-hwcaps/{level}/librecurrent.{SUFFIX}": path for level, path in found.items()}


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
