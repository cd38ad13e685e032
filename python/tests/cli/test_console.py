"""Messages about errors."""

from __future__ import annotations

import errno
import io
import os

from recurrent.cli import console


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


def test_closed_output():
    """Of a pipe, and of a terminal that is gone; a disk that fails is neither."""
    assert console.is_closed_output(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert console.is_closed_output(OSError(errno.EIO, os.strerror(errno.EIO)))
    assert not console.is_closed_output(OSError(errno.EIO, "cannot read 'x': input/output error"))
    assert not console.is_closed_output(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert not console.is_closed_output(ValueError("5"))


def test_an_error_without_standard_error(monkeypatch):
    """A message that cannot be written ends nothing."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(console.sys, "stderr", Gone())
    console.report_error("interrupted")
