"""Messages about errors."""

from __future__ import annotations

import errno

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
