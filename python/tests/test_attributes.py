"""No assignment to an attribute, public or private, lets a later call write or read beyond an array."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import instances
import recurrent
from support import TESTS

HOSTILE = (
    1,
    0,
    -1,
    2**62,
    None,
    "x",
    [],
    (),
    1.5,
    np.zeros(1, np.int8),
    np.zeros((2, 2), complex),
    np.arange(6.0)[::2],
)
# what a dict or a NamedTuple inherits is no method of this package
INHERITED = set(dir(dict)) | set(dir(tuple)) | set(dir(recurrent.Parameters.__mro__[2]))


def attributes(thing: object) -> list[str]:
    """The attributes of an instance: those of its dict, of its slots and of its class."""
    slots = itertools.chain.from_iterable(getattr(kind, "__slots__", ()) for kind in type(thing).__mro__)
    names = {*getattr(thing, "__dict__", {}), *slots, *dir(type(thing))}
    return sorted(
        name for name in names if not name.startswith("__") and not callable(getattr(type(thing), name, None))
    )


def assign(kind: type, folder: Path, trace: Path) -> int:
    """Assigns every value to every attribute, and calls every method after each; returns the number of assignments."""
    count = 0
    for name in attributes(instances.MAKERS[kind]()):
        for value, by_dict in itertools.product(HOSTILE, (False, True)):
            thing = instances.MAKERS[kind]()
            if by_dict and not hasattr(thing, "__dict__"):
                continue
            # the calls are made before, so that they reach a thing that is valid but for one attribute
            calls = instances.calls(thing, folder)
            trace.write_text(f"{kind.__name__}.{name} = {value!r}{' by vars' if by_dict else ''}")
            try:
                if by_dict:
                    vars(thing)[name] = value
                else:
                    setattr(thing, name, value)
            except Exception as error:
                check(error, name, value)
            count += 1
            for call in calls.values():
                for file in folder.iterdir():
                    file.unlink()
                try:
                    call()
                except Exception as error:
                    assert not isinstance(error, SystemError), error
    return count


def check(error: Exception, name: str, value: object) -> None:
    """A refusal is a sentence."""
    assert str(error) and not isinstance(error, (SystemError, OverflowError)), (name, value, error)


def test_every_class_and_method_has_an_entry(tmp_path):
    kinds = instances.classes()
    assert set(kinds) <= set(instances.MAKERS)
    for kind in instances.MAKERS:
        thing = instances.MAKERS[kind]()
        missing = set(instances.methods(kind)) - set(instances.calls(thing, tmp_path)) - INHERITED
        assert not missing, f"{kind.__name__}: {missing}"


@pytest.mark.parametrize("kind", instances.MAKERS, ids=lambda kind: kind.__name__)
def test_assignments(kind, tmp_path):
    (tmp_path / "files").mkdir()
    trace = tmp_path / "trace"
    done = subprocess.run(
        [sys.executable, __file__, kind.__name__, tmp_path / "files", trace],
        capture_output=True, text=True, timeout=600, cwd=TESTS, env={**os.environ, "RECURRENT_NUM_THREADS": "1"},
    )  # fmt: skip
    last = trace.read_text() if trace.exists() else "nothing"
    assert done.returncode == 0, f"exit status {done.returncode} after {last}\n{done.stderr[-2000:]}"
    count = int(done.stdout.split()[-1])
    print(f"{kind.__name__}: {count} assignments")
    assert count or not attributes(instances.MAKERS[kind]())


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    wanted = next(kind for kind in instances.MAKERS if kind.__name__ == sys.argv[1])
    os.chdir(sys.argv[2])
    print(assign(wanted, Path(sys.argv[2]), Path(sys.argv[3])))
