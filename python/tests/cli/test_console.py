"""Messages about errors."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import stat

import pytest

from recurrent import _terminal, cli
from recurrent._terminal import OutputError
from recurrent.cli import console
from recurrent.training.interrupt import StopSignals


def test_messages_name_flags():
    message = console.describe(ValueError("batch_size is 0; 'batch_size clip.txt' has no seq_length"))
    assert message == "--batch-size is 0; 'batch_size clip.txt' has no --seq-length"
    assert (
        console.describe(OSError(errno.ENOENT, "cannot open 'x'"))
        == "cannot open 'x': no such file or directory"
    )
    assert (
        console.describe(OSError(errno.ENOSPC, "cannot write 'x': disk full"))
        == "cannot write 'x': disk full"
    )
    assert console.describe(MemoryError()) == "out of memory"


def test_settings_are_flags():
    message = "'t.txt' is no text: encoding='utf-16' reads it, tokenizer='bytes' reads anything"
    expected = "'t.txt' is no text: --encoding utf-16 reads it, --tokenizer bytes reads anything"
    assert console.describe(ValueError(message)) == console.with_flags(message) == expected


def test_output_errors(capsys):
    """Of a pipe, and of a terminal that is gone, without a word; others with the system's."""
    for number, status in ((errno.EPIPE, 141), (errno.EIO, 141), (errno.ENOSPC, 1), (errno.EBADF, 1)):
        assert console.report_output_error(OutputError(number, os.strerror(number))) == status
    assert capsys.readouterr().err.splitlines() == [
        "recurrent: cannot write standard output: no space left on device",
        "recurrent: cannot write standard output: bad file descriptor",
    ]


def test_an_error_without_standard_error(monkeypatch):
    """A message that cannot be written ends nothing."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    for stream in (Gone(), None):
        monkeypatch.setattr(console.sys, "stderr", stream)
        console.report_error("interrupted")


def test_messages_have_no_control_characters(capsys):
    """A message may quote a text, or name a file of any bytes."""
    console.report_error("got '\x1b[31m\x9b\u202e\n', in \udcff.txt, é 日")
    assert capsys.readouterr().err == "recurrent: got '\\x1b[31m\\x9b\\u202e\\n', in \\xff.txt, é 日\n"
    with console.Console(argparse.Namespace(json=True, quiet=False)) as out:
        out.write_json(text="\x1b\x9b\u202e\U000e0041é")
    line = capsys.readouterr().out
    assert line == '{"text": "\\u001b\\u009b\\u202e\\udb40\\udc41é"}\n'
    assert json.loads(line)["text"] == "\x1b\x9b\u202e\U000e0041é"
    with console.Console(argparse.Namespace(json=False, quiet=False)) as out:
        out.print("\nfile \x1b]0;title\x07\nDone")
    assert capsys.readouterr().out == "\nfile \\x1b]0;title\\x07\\nDone\n"


def test_terminals_that_are_gone(monkeypatch):
    """The null device takes the place of a character device that is no terminal; other outputs stay."""
    kinds, discarded = {1: stat.S_IFCHR, 2: stat.S_IFREG}, []

    def closed(_):
        raise OSError(errno.EBADF, "closed")

    for status in (lambda number: argparse.Namespace(st_mode=kinds[number]), closed):
        with monkeypatch.context() as patch:
            patch.setattr(console, "discard", discarded.append)
            patch.setattr(os, "isatty", lambda _: False)
            patch.setattr(os, "fstat", status)
            console.leave_dead_terminals()
        assert discarded == [1]


def test_no_standard_output(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(OutputError) as raised:
        _terminal.print_line("a line")
    assert raised.value.errno == errno.EBADF and not raised.value.is_broken
    # an output that is no file stays
    monkeypatch.setattr("sys.stdout", io.StringIO())
    _terminal.discard_output()
    _terminal.print_line("a line")
    assert _terminal.sys.stdout.getvalue() == "a line\n"


def test_modules_that_are_not_installed():
    assert _terminal.optional_module("no_such_module") is None and _terminal.optional_module("io") is io


def test_a_signal_before_another_was_handled(monkeypatch, capsys):
    """Ctrl-C twice: the second one within the first one's handler."""
    stop, calls = StopSignals(), []

    def interrupted(_):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return console.EXIT_INTERRUPTED

    def execute(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_interrupted", interrupted)
    monkeypatch.setattr(cli, "_execute", execute)
    assert cli._run([], stop) == 130 and len(calls) == 2
