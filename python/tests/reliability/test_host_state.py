"""What belongs to the program is as it was: after the import, and after a call of every public function."""

import os

import pytest

from support import succeed

HOST = r"""
import ctypes, gc, locale, os, resource, signal, struct, sys, tempfile, threading, warnings
from pathlib import Path
import numpy

libc, libm = ctypes.CDLL(None), ctypes.CDLL("libm.so.6")

def state():
    # the handlers as the kernel has them: Python's signal module sees only its own
    handlers = []
    for number in range(1, 65):
        action = ctypes.create_string_buffer(256)
        # the handler's address; glibc leaves part of the rest as it was
        handlers.append((libc.sigaction(number, None, action), action.raw[:8]))
    environment = ctypes.create_string_buffer(64)
    libm.fegetenv(environment)
    mask = os.umask(0)
    os.umask(mask)
    limits = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return {
        "signal handlers": handlers,
        "signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        # of the x87's state only the control word, and MXCSR without its sticky flags
        "floating-point modes": (environment.raw[:2], struct.unpack_from("<I", environment.raw, 28)[0] & ~0x3F),
        "rounding": libm.fegetround(),
        "locale": locale.setlocale(locale.LC_ALL),
        "working directory": os.getcwd(),
        "umask": mask,
        "environment": dict(os.environ),
        "limits": [resource.getrlimit(limit) for limit in limits],
        "file descriptors": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in descriptors()},
        "interpreter": (sys.getswitchinterval(), sys.getrecursionlimit(), sys.unraisablehook, sys.excepthook),
        "threads of Python": threading.active_count(),
        "NumPy": (numpy.geterr(), numpy.get_printoptions()),
        "filters of warnings": list(warnings.filters),
        "random numbers": numpy.random.get_state()[1].tobytes(),
        "garbage collector": (gc.isenabled(), gc.get_threshold(), len(gc.callbacks)),
        "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text(),
    }

def descriptors():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
            found.append(int(name))
        except OSError:
            pass  # the folder's own
    return found

def check(when):
    now = state()
    for what, old in before.items():
        assert old == now[what], f"{when} changed the {what}: {old} to {now[what]}"

import contextlib, io
numpy.random.seed(1)
before = state()
import recurrent
check("import")
import instances
before = state()
count = 0
with tempfile.TemporaryDirectory() as folder:
    for kind in instances.classes():
        thing = instances.MAKERS[kind]()
        for name, call in instances.calls(thing, Path(folder)).items():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                try:
                    call()
                except Exception:
                    pass  # a failure, too, leaves the state as it is
            check(f"{kind.__name__}.{name}")
            count += 1
del thing
print(count, len(before))
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="reads x86-64's floating-point environment")
@pytest.mark.campaign("Changes of the program's state by public calls")
def test_nothing_changes(cases):
    calls, parts = map(int, succeed(HOST).split())
    assert calls > 200
    cases(calls * parts)
