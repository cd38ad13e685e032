"""Finding and loading of the shared library."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from .signatures import ABI_VERSION

_FILE = "librecurrent.dylib" if sys.platform == "darwin" else "librecurrent.so"


def _candidates() -> list[Path]:
    """Returns the paths to try, in order."""
    here = Path(__file__).resolve().parents[1]
    paths = []
    if "RECURRENT_LIBRARY" in os.environ:
        paths.append(Path(os.environ["RECURRENT_LIBRARY"]))
    paths.append(here / _FILE)
    # a checkout: python/src/recurrent beside .build
    if len(here.parents) > 2:
        paths.append(here.parents[2] / ".build" / "lib" / _FILE)
    return paths


def _missing_cpu_flags(library: ctypes.CDLL) -> list[str]:
    """Returns the instructions that the library needs and this CPU lacks. Runs no code of the library."""
    try:
        flags = ctypes.c_char.in_dll(library, "recurrent_cpu_flags")
    except ValueError:
        # a library of another ABI version, which the caller refuses
        return []
    needed = ctypes.string_at(ctypes.addressof(flags))
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    for line in text.splitlines():
        if line.startswith("flags"):
            return sorted(set(needed.decode().split()) - set(line.split()))
    return []


def _check_package(folder: Path) -> None:
    """Refuses a package that has another distribution's files: the date parser's of the public index."""
    package = sys.modules[__name__.partition(".")[0]]
    names = {
        "no __init__.py, which `pip uninstall recurrent` removes": getattr(package, "__file__", None) is None,
        "files of recurrent, the date parser of the public index": hasattr(package, "RecurringEvent")
        or (folder / "event_parser.py").is_file(),
    }
    for got, is_so in names.items():
        if is_so:
            raise ImportError(
                f"the package {folder} is not whole; expected recurrent-nets alone, got {got}: run "
                "`pip uninstall recurrent recurrent-nets`, then install recurrent-nets again"
            )


def load() -> ctypes.CDLL:
    """Returns the loaded library; an ImportError names the cause and a remedy."""
    _check_package(Path(__file__).resolve().parents[1])
    paths = _candidates()
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        tried = "\n  ".join(str(path) for path in paths)
        raise ImportError(
            f"{_FILE} was not found; build it with `make setup`, or set RECURRENT_LIBRARY to its path. Tried:\n"
            f"  {tried}"
        )
    try:
        library = ctypes.CDLL(str(found))
        version = library.recurrent_abi_version
    except (OSError, AttributeError) as error:
        raise ImportError(f"{found} is not a {_FILE} that this system can load: {error}") from None
    missing = _missing_cpu_flags(library)
    if missing:
        raise ImportError(
            f"this CPU lacks {', '.join(missing)}, which {found} is built for; build for it with "
            "`RECURRENT_MARCH=x86-64 make setup` and set RECURRENT_LIBRARY to the result"
        )
    version.argtypes, version.restype = [], ctypes.c_int32
    if version() != ABI_VERSION:
        raise ImportError(
            f"{found} has ABI version {version()}, this package needs {ABI_VERSION}; they are from different "
            "releases: run `make setup` again"
        )
    return library
