"""`recurrent sample`."""

from __future__ import annotations

import argparse
import os
import secrets
import sys

from ..nn.threads import set_num_threads
from ..text.model import TextModel
from .voice import Voice, errors_of


def sample(options: argparse.Namespace, voice: Voice) -> int:
    """Write text: the prime text, and what follows, as it comes."""
    o = options
    if o.threads:
        set_num_threads(o.threads)
    model = TextModel.load(o.model)
    seed = secrets.randbelow(1 << 32) if o.seed is None else o.seed
    # a shell's bytes as they are, where that can be said
    prime = os.fsencode(o.primetext) if model.tokenizer == "bytes" else o.primetext
    pieces = model.stream(
        o.length,
        prime,
        o.temperature,
        o.top_k,
        o.top_p,
        o.stop,
        seed,
        min_p=o.min_p,
        repetition_penalty=o.repetition_penalty,
        repetition_window=o.repetition_window,
        **errors_of(o.unknown),
    )
    begin = prime.decode("utf-8", "replace") if isinstance(prime, bytes) else prime
    if voice.is_json:
        voice.tell(prime=begin, text="".join(pieces), seed=seed)
        return 0
    out, is_terminal = sys.stdout, sys.stdout.isatty()
    last = ""
    if voice.is_for_people:
        out.write(begin)
        last = begin[-1:]
    try:
        for piece in pieces:
            out.write(_visible(piece) if is_terminal else piece)
            out.flush()
            last = piece
    finally:
        if last != "\n":
            out.write("\n")
            out.flush()
    return 0


def _visible(letter: str) -> str:
    """What a terminal would obey, as a sign of it."""
    code = ord(letter)
    if letter in "\n\t\r" or not (code < 32 or 127 <= code < 160):
        return letter
    return chr(0x2400 + code) if code < 32 else "␡" if code == 127 else "\ufffd"
