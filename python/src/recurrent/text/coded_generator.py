"""CodedGenerator: the text of tokens of the ``tokenizers`` package, as they are produced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_text
from ..nn.generation import CHUNK_TOKENS, Generator, tokens_of
from ..nn.network import Network
from ..random import Random
from .coder import Coder

if TYPE_CHECKING:
    import numpy.typing as npt


class CodedGenerator:
    """Produces a text, a part at a time, as ``Generator`` does of a text model of characters.

    Parameters
    ----------
    network, coder
        What scores the tokens, and what they stand for.
    prompt : array of int
        The tokens before the text; empty for the default prompt of the coder.
    stops : list of str
        Strings that end the text and are not part of it.
    settings : dict
        Of the sampler, and ``max_tokens``.
    random : Random or None
        Draws the tokens; None selects the largest score each time.
    """

    def __init__(
        self,
        network: Network,
        coder: Coder,
        prompt: npt.NDArray[np.int64],
        stops: list[str],
        settings: dict[str, Any],
        random: Random | None,
    ) -> None:
        for i, stop in enumerate(stops):
            if not stop:
                raise ValueError(f"stop[{i}] is empty; expected at least 1 character, got 0")
        self._stops = [as_text(stop, "stop") for stop in stops]
        start = prompt if len(prompt) else np.array([coder.default_prompt()], np.int64)
        self._generator = Generator.of_tokens(network._handle, start, None, settings, random)
        self._coder, self.random = coder, random
        self.has_ended = settings["max_tokens"] == 0
        # tokens whose text is not certain yet; and bytes that may begin a stop string
        self._open: list[int] = []
        self._held = b""

    def next_bytes(self, count: int) -> bytes:
        """Produces at most ``count`` tokens; returns the text that is certain."""
        # one token at a time if each may complete a stop string, so that nothing is drawn beyond it
        part, made, text = 1 if self._stops else count, 0, b""
        while made < count and not self.has_ended:
            tokens, _ = self._generator.next(min(part, count - made))
            made += len(tokens)
            self._open, new = self._coder.follow(self._open, tokens.tolist())
            self._held += new
            self.has_ended = self._generator.has_ended
            text += self._certain()
        if self.has_ended:
            text, self._held = text + self._held, b""
        return text

    def text_of(self, tokens: list[int]) -> bytes:
        """Returns the text of all tokens of a sequence, without stop strings."""
        return self._coder.follow([], tokens)[1]

    def _certain(self) -> bytes:
        """Takes the bytes that no stop string can begin in; the first stop string to be complete ends the text."""
        held = self._held
        places = [(place + len(stop), place) for stop in self._stops if (place := held.find(stop)) >= 0]
        if places:
            self.has_ended, self._held = True, b""
            return held[: min(places)[1]]
        longest = max(map(len, self._stops), default=1) - 1
        keep = next(
            (
                n
                for n in range(min(longest, len(held)), 0, -1)
                if any(s.startswith(held[-n:]) for s in self._stops)
            ),
            0,
        )
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]


def coded_bytes_of(generators: Sequence[CodedGenerator]) -> list[bytes]:
    """Returns the texts of several generators: computed together, with stop strings one after the other."""
    if any(each._stops for each in generators):
        return [b"".join(_pieces(each)) for each in generators]
    active = [each for each in generators if not each.has_ended]
    tokens = iter(tokens_of([each._generator for each in active]))
    return [b"" if each.has_ended else each.text_of(next(tokens).tolist()) for each in generators]


def _pieces(generator: CodedGenerator) -> Iterator[bytes]:
    while not generator.has_ended:
        yield generator.next_bytes(CHUNK_TOKENS)
