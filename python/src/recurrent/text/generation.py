"""Generation: the text that a language model writes, whole or character by character."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal, overload

import numpy as np

from .._checks import as_count, as_errors, as_flag, as_list, as_text
from ..names import ErrorsName
from ..nn.generation import CHUNK_TOKENS, MAX_SAMPLES, Generator, bytes_of
from ..random import RNG, Random, as_random_or_shared, restoring, spawned
from ..sampling import sampler_settings
from .coded_generator import CodedGenerator, coded_bytes_of
from .coder import is_coded
from .language_model import LanguageModel, as_utf8, decoded


class Generation(LanguageModel):
    """A language model that generates text."""

    @overload
    def sample(
        self,
        n: int,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: ErrorsName = ...,
        replacement: str | None = ...,
        as_bytes: Literal[False] = ...,
        samples: None = ...,
    ) -> str: ...

    @overload
    def sample(
        self,
        n: int,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: ErrorsName = ...,
        replacement: str | None = ...,
        as_bytes: Literal[True],
        samples: None = ...,
    ) -> bytes: ...

    @overload
    def sample(
        self,
        n: int,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: ErrorsName = ...,
        replacement: str | None = ...,
        as_bytes: Literal[False] = ...,
        samples: int,
    ) -> list[str]: ...

    @overload
    def sample(
        self,
        n: int,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: ErrorsName = ...,
        replacement: str | None = ...,
        as_bytes: Literal[True],
        samples: int,
    ) -> list[bytes]: ...

    def sample(
        self,
        n: int,
        prompt: str | bytes = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Iterable[str] | None = None,
        rng: RNG = None,
        *,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        as_bytes: bool = False,
        samples: int | None = None,
    ) -> str | bytes | list[str] | list[bytes]:
        r"""Generates text after a prompt.

        Parameters
        ----------
        n : int
            The largest number of tokens: characters, bytes, words or byte pairs.
        prompt : str or bytes
            The text to start from, not part of the result. If empty, the model starts from ``"\n"``, or ``" "`` if the
            vocabulary has no newline, or token 0. Of a model of ``documents`` it is the start of one; a line ends the
            text where the model ends it.
        temperature : float
            The divisor of the scores, at least 0: below 1 favors likely tokens, 0 takes the likeliest.
        top_k : int, optional
            Keep the k likeliest tokens, at least 1.
        top_p : float, optional
            Keep the likeliest tokens until their probability reaches this, above 0 and at most 1.
        stop : str or iterable of str, optional
            Strings that end the text and are not part of it.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; equal seeds give equal texts in every language.
        min_p : float, optional
            Keep tokens with p ≥ min_p · max p, 0 to 1.
        repetition_penalty : float
            The divisor of positive scores, and factor of negative ones, of recent tokens; 1 for none.
        repetition_window : int
            The number of recent tokens that are penalized, the prompt included.
        errors, replacement
            As for ``encode``, for characters of the prompt.
        as_bytes : bool
            Return bytes, as ``decode`` does: those of the tokens as they are, or characters in UTF-8. In a str,
            invalid UTF-8 becomes U+FFFD and an incomplete trailing character is omitted.
        samples : int, optional
            The number of texts, 1 to 4096, all computed together: several times the tokens in a second. The
            seed of each is the next word of ``rng``: text i is that of ``rng=int(words[i])`` alone, where
            ``words`` is ``Random(rng).words(samples)``, and for a ``Random`` ``rng.words(samples)``.

        Returns
        -------
        str or bytes, or list of them
            The text after the prompt; with ``samples`` a list of texts.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.

        Examples
        --------
        >>> import recurrent
        >>> tm = recurrent.TextModel("gru", [8], rng=1).build("the cat sat on the mat")
        >>> texts = tm.sample(20, rng=7, samples=3)
        >>> texts[2] == tm.sample(20, rng=int(recurrent.Random(7).words(3)[2]))
        True
        """
        wants_bytes = as_flag(as_bytes, "as_bytes")
        count = None if samples is None else as_count(samples, "samples", 1, MAX_SAMPLES)
        random, create = self._generators(
            as_count(n, "n"),
            prompt,
            rng,
            stop,
            (errors, replacement),
            sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        with restoring(random):
            if count is None:
                data = b"".join(_pieces(create(random), CHUNK_TOKENS))
                return data if wants_bytes else "".join(decoded([data]))
            texts = _texts([create(each) for each in spawned(random, count)])
        return texts if wants_bytes else ["".join(decoded([text])) for text in texts]

    @overload
    def stream(
        self,
        n: int | None = ...,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: ErrorsName = ...,
        replacement: str | None = ...,
        as_bytes: Literal[False] = ...,
    ) -> Iterator[str]: ...

    @overload
    def stream(
        self,
        n: int | None = ...,
        prompt: str | bytes = ...,
        temperature: float = ...,
        top_k: int | None = ...,
        top_p: float | None = ...,
        stop: str | Iterable[str] | None = ...,
        rng: RNG = ...,
        *,
        min_p: float | None = ...,
        repetition_penalty: float = ...,
        repetition_window: int = ...,
        errors: ErrorsName = ...,
        replacement: str | None = ...,
        as_bytes: Literal[True],
    ) -> Iterator[bytes]: ...

    def stream(
        self,
        n: int | None = None,
        prompt: str | bytes = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Iterable[str] | None = None,
        rng: RNG = None,
        *,
        min_p: float | None = None,
        repetition_penalty: float = 1.0,
        repetition_window: int = 64,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        as_bytes: bool = False,
    ) -> Iterator[str] | Iterator[bytes]:
        r"""Yields the text of ``sample`` character by character, each as soon as it is complete.

        A suffix that may become a ``stop`` string is held back.

        Parameters
        ----------
        n : int, optional
            The largest number of tokens; no limit where absent.
        prompt : str or bytes
            The text to start from, not part of the result. If empty, the model starts from ``"\n"``, or ``" "`` if the
            vocabulary has no newline, or token 0.
        temperature, top_k, top_p, stop, rng, min_p, repetition_penalty, repetition_window
            As for ``sample``.
        errors, replacement, as_bytes
            As for ``sample``.

        Yields
        ------
        str or bytes
            One character; of bytes that are not UTF-8 each byte by itself.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        wants_bytes = as_flag(as_bytes, "as_bytes")
        random, create = self._generators(
            None if n is None else as_count(n, "n"),
            prompt,
            rng,
            stop,
            (errors, replacement),
            sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window),
        )
        pieces = _pieces(create(random), 1)
        return _characters(pieces) if wants_bytes else decoded(pieces)

    def _generators(
        self,
        count: int | None,
        prompt: str | bytes,
        rng: RNG,
        stop: Any,
        errors: tuple[str, str | None],
        settings: dict[str, Any],
    ) -> tuple[Random | None, Callable[[Random | None], Generator | CodedGenerator]]:
        """Returns the source of random numbers, and what creates a generator that draws from one."""
        stops = (
            [stop]
            if isinstance(stop, str)
            else as_list(() if stop is None else stop, "stop", "str or a list of str")
        )
        for one in stops:
            as_text(one, "stop")
        coder = self._coded() if is_coded(self.tokenizer) else None
        start = prompt if isinstance(prompt, bytes) else as_text(prompt, "prompt")
        settings |= {"max_tokens": count}
        # a document begins after a newline, and a line ends before one
        before = [] if self.documents is None else [self._newline()]
        if self.documents == "lines":
            settings |= {"end": before[0]}
        if coder is not None:
            # the newline is a token by itself, as in training
            tokens = coder.encode(as_utf8(start, "prompt"), *errors)  # type: ignore[arg-type]
            tokens = np.concatenate([np.array(before, np.int64), tokens])
            random = as_random_or_shared(rng) if settings["temperature"] != 0 else None
            return random, partial(CodedGenerator, self.network, coder, tokens, stops, settings)
        as_errors(*errors)
        start = b"\n" + start if before else start
        settings |= {"stop": stops, "errors": errors[0], "replacement": errors[1]}
        random = as_random_or_shared(rng) if settings["temperature"] != 0 else None
        return random, partial(Generator.of_text, self._handle, start, settings)


def _texts(generators: list[Generator | CodedGenerator]) -> list[bytes]:
    """Returns the texts of generators of one model, computed together."""
    coded = [each for each in generators if isinstance(each, CodedGenerator)]
    return coded_bytes_of(coded) if coded else bytes_of([g for g in generators if isinstance(g, Generator)])


def _pieces(generator: Generator | CodedGenerator, chunk: int) -> Iterator[bytes]:
    """Yields the text of a generator, ``chunk`` tokens in one call of the library."""
    while not generator.has_ended:
        yield generator.next_bytes(chunk)


def _characters(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the bytes of each character, and each byte that is not part of one."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        yield from (character.encode("utf-8", "surrogateescape") for character in decoder.decode(piece))
    yield from (bytes([byte]) for byte in decoder.getstate()[0])
