"""``recurrent sample``."""

from __future__ import annotations

import argparse
import codecs
import math
import secrets
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .._terminal import UserError, writing_output
from ..nn.threads import set_num_threads
from ..text.coder import is_coded
from ..text.model import TextModel
from .console import Console, report_error
from .evaluate import better_model

# marks, embeddings, overrides and isolates of the bidirectional algorithm
_DIRECTIONS = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def sample(options: argparse.Namespace, console: Console) -> int:
    """Writes the prompt and its continuation, character by character; of a model over bytes, the bytes themselves."""
    o = options
    if o.threads:
        set_num_threads(o.threads)
    model = TextModel.load(o.model)
    is_bytes = model.tokenizer == "bytes"
    _check_encoding(o, model)
    seed = secrets.randbelow(1 << 32) if o.seed is None else o.seed
    prompt: Any = _encoded(o.prompt, o.encoding) if is_bytes else o.prompt
    settings: dict[str, Any] = {
        "min_p": o.min_p,
        "repetition_penalty": o.repetition_penalty,
        "repetition_window": o.repetition_window,
        "errors": o.errors,
        "replacement": o.replacement,
    }
    given = (o.length, prompt, o.temperature, o.top_k, o.top_p, o.stop, seed)
    # bytes have the encoding of the training text, characters come in UTF-8
    source = (o.encoding if is_bytes else None) or "utf-8"
    if console.is_json:
        values: dict[str, Any] = {"prompt": prompt.decode(source, "replace") if is_bytes else prompt}
        if o.samples is None:
            data = model.sample(*given, as_bytes=True, **settings)
            values["text"] = _decoder(source)(data)
        else:
            data = model.sample(*given, as_bytes=True, samples=o.samples, **settings)
            values["texts"] = [_decoder(source)(text) for text in data]
        if is_bytes:
            values["bytes"] = data.hex() if o.samples is None else [text.hex() for text in data]
        console.write_json(**values, seed=seed)
        return 0
    texts: Iterable[Iterable[bytes]] = (
        [model.stream(*given, as_bytes=True, **settings)]
        if o.samples is None
        else ([text] for text in model.sample(*given, as_bytes=True, samples=o.samples, **settings))
    )
    if console.is_verbose:
        _describe(model, o, seed)
    shown = (prompt if is_bytes else prompt.encode()) if console.is_verbose else b""
    with writing_output():
        buffer = getattr(sys.stdout, "buffer", None)
        # byte pairs may give any character, and bytes that are none
        problem = "replace" if is_coded(model.tokenizer) else "strict"
        encoder = codecs.getincrementalencoder(o.encoding or "utf-8")(problem)
        for i, pieces in enumerate(texts):
            if buffer is None or sys.stdout.isatty():
                sys.stdout.write("---\n" if i else "")
                _print_text(shown, pieces, _decoder(source))
                continue
            buffer.write(encoder.encode("---\n") if i else b"")
            if is_bytes:
                # bytes have no end of their own: the line between two texts does
                _print_bytes(buffer, shown, pieces, bytes, b"" if o.samples is None else b"\n")
            else:
                _print_bytes(
                    buffer, shown, pieces, lambda piece: encoder.encode(piece.decode("utf-8", problem)), b"\n"
                )
    return 0


def _print_text(prompt: bytes, pieces: Iterable[bytes], decode: Callable[[bytes], str]) -> None:
    """Writes to a terminal, whose last line ends."""
    out = sys.stdout
    last = decode(prompt)
    out.write("".join(map(without_controls, last)))
    try:
        for piece in pieces:
            text = decode(piece)
            out.write("".join(map(without_controls, text)))
            out.flush()
            last = text or last
    finally:
        if last[-1:] != "\n":
            out.write("\n")
            out.flush()


def _print_bytes(
    out: Any, prompt: bytes, pieces: Iterable[bytes], encode: Callable[[bytes], bytes], end: bytes
) -> None:
    """Writes to a file or a pipe, ``end`` at the end of the last line."""
    last = prompt
    try:
        if prompt:
            out.write(encode(prompt))
        for piece in pieces:
            out.write(encode(piece))
            out.flush()
            last = piece
    finally:
        if end and last[-1:] != end:
            out.write(encode(end))
        out.flush()


def _check_encoding(o: argparse.Namespace, model: TextModel) -> None:
    """Refuses an encoding that cannot write the characters of the model, or in which a stop text is not found."""
    if o.encoding is None:
        return
    if model.vocabulary is not None:
        _encoded(model.vocabulary + o.prompt, o.encoding)
        return
    if is_coded(model.tokenizer):
        _encoded(o.prompt, o.encoding)
        return
    for stop in o.stop or ():
        if _encoded(stop, o.encoding) != stop.encode("utf-8", "surrogateescape"):
            raise UserError(
                f"--stop is not found in bytes of {o.encoding}; expected a text with the bytes of UTF-8, got {stop!r}"
            )


def _encoded(text: str, encoding: str | None) -> bytes:
    """Returns the bytes of a text; those of the shell that are no characters stay as they are."""
    try:
        return text.encode(encoding or "utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise UserError(
            f"--encoding {encoding} lacks a character; expected an encoding with '{character}' "
            f"(U+{ord(character):04X}), got {encoding}"
        ) from None


def _decoder(encoding: str) -> Callable[[bytes], str]:
    return codecs.getincrementaldecoder(encoding)("replace").decode


def _describe(model: TextModel, o: argparse.Namespace, seed: int) -> None:
    """Names on standard error the seed, if it was drawn, and a better model, if there is one."""
    if o.seed is None and o.temperature > 0:
        report_error(f"--seed {seed} repeats this sample")
    best = better_model(model, o.model)
    if best is not None:
        step, loss = best[1]
        last = model.history.validation[-1][1] if model.history else math.nan
        report_error(f"{best[0]} is better: validation {loss:.3f} after step {step:,}, against {last:.3f}")


def without_controls(character: str) -> str:
    """Returns a visible symbol for a character that a terminal would execute; newlines and tabs stay.

    These are the control characters, and those that change the direction of the text around them.
    """
    code = ord(character)
    if code in _DIRECTIONS:
        return "\ufffd"
    if character in "\n\t\r" or not (code < 32 or 127 <= code < 160):
        return character
    return chr(0x2400 + code) if code < 32 else "␡" if code == 127 else "\ufffd"
