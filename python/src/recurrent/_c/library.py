"""Finding and loading of the shared library."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .levels import cpu_flags, levels_of
from .signatures import ABI_VERSION

_FILE = "librecurrent.dylib" if sys.platform == "darwin" else "librecurrent.so"
# the folder of a wheel's libraries for levels of instructions, as glibc lays them out
_LEVELS = "glibc-hwcaps"
_NAMED = "RECURRENT_LIBRARY names it"


class Loaded(NamedTuple):
    """The library of this process."""

    library: ctypes.CDLL
    path: Path
    reason: str
    """Why this one and no other."""


def candidates(levels: Sequence[str]) -> list[tuple[Path, str]]:
    """Returns the paths to try, in order, each with the reason to take it.

    Parameters
    ----------
    levels : sequence of str
        The instruction-set levels of the CPU, highest first.
    """
    if "RECURRENT_LIBRARY" in os.environ:
        # a path without a slash would be looked up in the folders of the system
        return [(Path(os.environ["RECURRENT_LIBRARY"]).absolute(), _NAMED)]
    here = Path(__file__).resolve().parents[1]
    found = []
    for level in levels:
        found.append(
            (here / _LEVELS / level / _FILE, f"{level} is the highest level of this CPU that is installed")
        )
    found.append((here / _FILE, "it is the only one of this package"))
    # a checkout: python/src/recurrent beside .build
    if len(here.parents) > 2:
        found.append((here.parents[2] / ".build" / "lib" / _FILE, "it is that of this checkout"))
    return found


def _missing_cpu_flags(library: ctypes.CDLL, flags: frozenset[str] | None) -> list[str]:
    """Returns the instructions that the library needs and this CPU lacks. Runs no code of the library."""
    try:
        needed = ctypes.c_char.in_dll(library, "recurrent_cpu_flags")
    except ValueError:
        # a library of another ABI version, which the caller refuses
        return []
    words = ctypes.string_at(ctypes.addressof(needed)).decode().split()
    return [] if flags is None else sorted(set(words) - flags)


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


def load() -> Loaded:
    """Returns the loaded library; an ImportError names the cause and a remedy."""
    _check_package(Path(__file__).resolve().parents[1])
    flags = cpu_flags()
    tried = candidates(levels_of(flags))
    found, reason = next(((path, reason) for path, reason in tried if path.is_file()), (None, ""))
    if found is None and tried[0][1] == _NAMED:
        raise ImportError(
            f"RECURRENT_LIBRARY is not a file; expected the path of a {_FILE}, got '{tried[0][0]}'"
        )
    if found is None:
        others = sorted(level.name for level in (Path(__file__).resolve().parents[1] / _LEVELS).glob("*"))
        if others:
            raise ImportError(
                f"this CPU has none of the levels that this package is built for; expected {', '.join(others)}, got "
                f"{', '.join(levels_of(flags)) or 'another CPU'}; build for it with "
                "`RECURRENT_MARCH=x86-64 make setup` and set RECURRENT_LIBRARY to the result"
            )
        paths = "\n  ".join(str(path) for path, _ in tried)
        raise ImportError(
            f"{_FILE} was not found; build it with `make setup`, or set RECURRENT_LIBRARY to its path. Tried:\n"
            f"  {paths}"
        )
    try:
        library = ctypes.CDLL(str(found))
        version = library.recurrent_abi_version
    except (OSError, AttributeError) as error:
        source = "RECURRENT_LIBRARY, " if reason == _NAMED else ""
        raise ImportError(f"{source}{found} is not a {_FILE} that this system can load: {error}") from None
    missing = _missing_cpu_flags(library, flags)
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
    return Loaded(library, found, reason)
