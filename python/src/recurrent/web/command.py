"""``recurrent demo --web``: serve the page until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import os
import threading
from pathlib import Path

from .._version import __version__
from ..demo.text import CORPUS, RefusalError, read_sentences, reason
from ..nn.threads import get_num_threads, set_num_threads
from ..training.interrupt import sigterm_as_interrupt
from .desk import Desk
from .server import Server, open_browser
from .settings import Settings

PORT = 8462


def show(options: argparse.Namespace) -> int:
    """Serve the page; 0 when it is ended, and a ``RefusalError`` where it cannot begin.

    Parameters
    ----------
    options : Namespace
        The demo's flags.
    """
    o = options
    if "RECURRENT_NUM_THREADS" not in os.environ:
        # the browser wants a core too: threads that wait for one another stand still where it takes theirs
        set_num_threads(max(1, get_num_threads() - 1))
    try:
        text = _text(o.text or CORPUS)
        settings = Settings().changed({
            "cell": o.cell, "hidden_sizes": o.hidden, "letter_size": o.letter_size, "seed": o.seed,
            "learning_rate": o.learning_rate, "regc": o.regc, "clip": o.clip,
        })  # fmt: skip
        desk = Desk(settings, text)
    except (ValueError, MemoryError, OSError) as error:
        raise RefusalError(reason(error)) from None
    server = _listen(desk, o.host, o.port)
    print(f"recurrent {__version__}: the live page is at\n\n  {server.url}\n\nCtrl-C ends it.", flush=True)
    if not o.no_browser:
        # a browser may take its time, or this thread
        threading.Thread(target=_open, args=(server.url,), daemon=True).start()
    try:
        with sigterm_as_interrupt():
            server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        print()
    finally:
        server.close()
    return _save(desk, o.out)


def _save(desk: Desk, folder: Path) -> int:
    """Keep what was learned; 0 if that went well."""
    learner = desk.learner
    if learner is None or not learner.tick:
        return 0
    try:
        name, data = learner.save()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    except (OSError, FloatingPointError) as error:
        raise RefusalError(f"cannot save in {folder}: {reason(error)}") from None
    print(f"saved in {folder / name}")
    return 0


def _text(path: Path) -> str:
    """A text, if there is something to learn in it."""
    read_sentences(path)
    return path.read_bytes().decode("utf-8-sig")


def _listen(desk: Desk, host: str, port: int | None) -> Server:
    """A server at the port that was asked for; at the usual one, or one that is free, where none was."""
    try:
        return Server(desk, host, PORT if port is None else port)
    except OverflowError:
        raise RefusalError(f"--port is {port}; expected 0 to 65535") from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise RefusalError(f"cannot listen at {host}: {reason(error)}") from None
        if port is not None:
            raise RefusalError(
                f"port {port} is taken: choose another, or --port 0 for one that is free"
            ) from None
        return Server(desk, host, 0)


def _open(url: str) -> None:
    if not open_browser(url):
        print("No browser opened here: open that address in one.", flush=True)
