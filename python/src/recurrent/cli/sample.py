"""``recurrent sample``."""

from __future__ import annotations

import argparse
import os
import secrets
import sys

from ..nn.threads import set_num_threads
from ..text.model import TextModel
from .console import Console


def sample(options: argparse.Namespace, console: Console) -> int:
    """Prints the prompt and its continuation, character by character."""
    o = options
    if o.threads:
        set_num_threads(o.threads)
    model = TextModel.load(o.model)
    seed = secrets.randbelow(1 << 32) if o.seed is None else o.seed
    # bytes of the shell that are not UTF-8 stay as they are
    prompt = os.fsencode(o.prompt) if model.tokenizer == "bytes" else o.prompt
    pieces = model.stream(
        o.length, prompt, o.temperature, o.top_k, o.top_p, o.stop, seed,
        min_p=o.min_p, repetition_penalty=o.repetition_penalty, repetition_window=o.repetition_window,
        errors=o.errors, replacement=o.replacement,
    )  # fmt: skip
    shown = prompt.decode("utf-8", "replace") if isinstance(prompt, bytes) else prompt
    if console.is_json:
        console.write_json(prompt=shown, text="".join(pieces), seed=seed)
        return 0
    out, is_terminal = sys.stdout, sys.stdout.isatty()
    last = ""
    if console.is_verbose:
        out.write(shown)
        last = shown[-1:]
    try:
        for piece in pieces:
            out.write(without_controls(piece) if is_terminal else piece)
            out.flush()
            last = piece
    finally:
        if last != "\n":
            out.write("\n")
            out.flush()
    return 0


def without_controls(character: str) -> str:
    """Returns a visible symbol for a control character, which a terminal would execute; newlines and tabs stay."""
    code = ord(character)
    if character in "\n\t\r" or not (code < 32 or 127 <= code < 160):
        return character
    return chr(0x2400 + code) if code < 32 else "␡" if code == 127 else "\ufffd"
