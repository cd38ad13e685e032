"""``recurrent demo --web``: serves the live page until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import threading
from pathlib import Path

from .._terminal import OutputError, UserError, describe_error, escaped, print_line
from .._version import __version__
from ..demo.sentences import CORPUS, read_sentences, read_text
from ..nn.threads import get_num_threads, set_num_threads
from ..outputs import Outputs
from ..training.interrupt import Interrupt
from ..web.server import Server, open_browser
from ..web.session import Session
from ..web.settings import Settings
from ..web.trainers import FILES
from .console import EXIT_INTERRUPTED
from .outputs import check_outputs

PORT = 8462
_SETTINGS = ("cell", "hidden_sizes", "embedding", "seed", "learning_rate", "weight_decay", "clip")


def serve(options: argparse.Namespace) -> int:
    """Serves the page until a signal ends it, and saves the model; returns the exit status.

    Parameters
    ----------
    options : Namespace
        The flags of the demo.

    Raises
    ------
    UserError
        If the page cannot start or the model cannot be saved.
    """
    o = options
    if "RECURRENT_NUM_THREADS" not in os.environ:
        # the browser needs a core too: threads that wait at a barrier stall if it takes theirs
        set_num_threads(max(1, get_num_threads() - 1))
    try:
        text = _read(o.text or CORPUS, o.encoding)
        check_outputs(o.out, FILES, o.force)
        session = Session(Settings().changed({name: getattr(o, name) for name in _SETTINGS}), text)
    except (ValueError, MemoryError, OSError) as error:
        raise UserError(describe_error(error)) from None
    server = _listen(session, o.host, o.port)
    # a second signal does not split the save
    with Interrupt() as interrupt:
        try:
            print_line(f"recurrent {__version__}: the live page is at\n\n  {server.url}\n\nCtrl-C ends it.")
            if not o.no_browser:
                # the start of a browser may block
                threading.Thread(target=_open, args=(server.url,), daemon=True).start()
            interrupt.call(server.serve_forever, 0.2)
        except KeyboardInterrupt:
            pass
        finally:
            server.close()
        path = _save(session, o.out, o.force)
    print_line(f"\nsaved in {escaped(str(path))}" if path else "")
    return EXIT_INTERRUPTED


def _save(session: Session, folder: Path, force: bool) -> Path | None:
    """Saves the model on the page if it has been trained, and returns the file; the one of Undo is not saved."""
    trainer = session.trainer
    if not trainer.step:
        return None
    try:
        name, data = trainer.save()
        folder.mkdir(parents=True, exist_ok=True)
        Outputs().write(folder / name, data, force)
    except (OSError, FloatingPointError, RuntimeError) as error:
        raise UserError(f"cannot save in {folder}: {describe_error(error)}") from None
    return folder / name


def _read(path: Path, encoding: str | None) -> str:
    """Returns the text of a file that contains sentences."""
    read_sentences(path, encoding)
    return read_text(path, encoding)


def _listen(session: Session, host: str, port: int | None) -> Server:
    """Returns a server at the given port; without one, at the usual port or a free one."""
    try:
        return Server(session, host, PORT if port is None else port)
    except OverflowError:
        raise UserError(f"--port is out of range; expected 0 to 65535, got {port}") from None
    except (OSError, UnicodeError) as error:
        if not isinstance(error, OSError) or error.errno != errno.EADDRINUSE:
            raise UserError(f"cannot listen at {host}: {describe_error(error)}") from None
        if port is not None:
            raise UserError(f"port {port} is in use: choose another, or --port 0 for a free one") from None
        return Server(session, host, 0)


def _open(url: str) -> None:
    if not open_browser(url):
        with contextlib.suppress(OutputError):
            print_line("No browser opened: open the address above in one.")
