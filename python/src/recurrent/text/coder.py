"""Coder: text as the tokens of the ``tokenizers`` package: words, byte pairs, and the caller's own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_choice, as_text, shown
from ..names import ErrorsName
from ..texts import as_text_or_file

if TYPE_CHECKING:
    import numpy.typing as npt

# the tokenizers whose tokens are numbers in the library
CODED = ("words", "bpe", "custom")
# the largest number of tokens where the caller gives none
WORDS, BYTE_PAIRS = 10_000, 4096
UNKNOWN = "<unk>"
# a word has one token wherever it is: with the space before it, it had another one at the start of a line
_WORD = r"\w+|[^\w\s]|\s"
# characters in one call of the package: between two calls Python handles an interrupt
_CHUNK = 1 << 20
# no word and no piece of byte pairs goes on from a letter to a space
_BOUNDARY = re.compile(r"(?<=\w)(?=[ \n])")


def is_coded(tokenizer: str) -> bool:
    """Returns whether tokens are those of the ``tokenizers`` package."""
    return tokenizer in CODED


class Coder:
    """Converts between text and the tokens of the ``tokenizers`` package.

    Parameters
    ----------
    kind : {"words", "bpe", "custom"}
        "words" and "bpe" decode to the same text exactly: their tokens are parts of it, "words" except for
        unknown ones.
    tokenizer : tokenizers.Tokenizer
        The tokenizer, which is copied; neither truncated nor padded.

    Raises
    ------
    ValueError
        If it has no tokens.
    """

    def __init__(self, kind: str, tokenizer: Any) -> None:
        self.kind = kind
        self._tokenizer = type(tokenizer).from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        numbers = self._tokenizer.get_vocab(with_added_tokens=True)
        if not numbers:
            raise ValueError("tokenizer has no tokens; expected at least one, got an empty vocabulary")
        self.size = max(numbers.values()) + 1
        self._tokens: list[str] = [""] * self.size
        for token, number in numbers.items():
            self._tokens[number] = token
        self.unknown: int | None = numbers.get(_unknown(self._tokenizer))
        decoder = _type(self._tokenizer.decoder)
        # the bytes of each token, where the text of tokens is these one after another
        self._bytes: list[bytes] | None = None
        if decoder == "ByteLevel":
            self._bytes = [_bytes_of_characters(token) for token in self._tokens]
        elif decoder == "Fuse":
            self._bytes = [token.encode() for token in self._tokens]

    @classmethod
    def train(cls, kind: str, text: str, vocabulary_size: int | None) -> Coder:
        """Returns the tokenizer of a text's most frequent words, or byte pairs.

        Parameters
        ----------
        kind : {"words", "bpe"}
            What a token is.
        text : str
            The text.
        vocabulary_size : int, optional
            The largest number of tokens: with the unknown word, or with the 256 bytes; 10,000 words or 4,096 byte pairs
            where absent.

        Raises
        ------
        ImportError
            If the package is missing.
        """
        package = _package(f"tokenizer={kind!r}")
        models, pieces, decoders = package.models, package.pre_tokenizers, package.decoders
        if kind == "words":
            tokenizer = package.Tokenizer(models.WordLevel(unk_token=UNKNOWN))
            tokenizer.pre_tokenizer = pieces.Split(package.Regex(_WORD), "isolated")
            tokenizer.decoder = decoders.Fuse()
            trainer = package.trainers.WordLevelTrainer(
                vocab_size=vocabulary_size or WORDS, special_tokens=[UNKNOWN], show_progress=False
            )
        else:
            tokenizer = package.Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pieces.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
            trainer = package.trainers.BpeTrainer(
                vocab_size=vocabulary_size or BYTE_PAIRS,
                initial_alphabet=pieces.ByteLevel.alphabet(),
                special_tokens=[],
                min_frequency=2,
                show_progress=False,
            )
        tokenizer.train_from_iterator(_parts(text), trainer)
        return cls(kind, tokenizer)

    @classmethod
    def of_json(cls, kind: str, text: str, size: int, source: str = "the model") -> Coder:
        """Returns the tokenizer that a checkpoint holds.

        Raises
        ------
        ImportError
            If the package is missing.
        ValueError
            If the JSON is no tokenizer, or one of another number of tokens.
        """
        coder = cls(kind, _parsed(text, source, _package(f"the text of a model of {kind}")))
        if coder.size != size:
            raise ValueError(
                f"the tokenizer of {source} has the wrong number of tokens; expected {size:,}, got {coder.size:,}"
            )
        return coder

    @classmethod
    def of(cls, tokenizer: Any) -> Coder:
        """Returns the tokenizer of the caller: a ``tokenizers.Tokenizer``, or the Path of its JSON.

        Raises
        ------
        ImportError
            If the package is missing.
        TypeError, ValueError, OSError
            If it is neither, or the file is not the JSON of a tokenizer.
        """
        if isinstance(tokenizer, os.PathLike):
            name = f"'{os.fsdecode(tokenizer)}'"
            data = as_text_or_file(tokenizer, "tokenizer", "bytes")
            package = _package(f"tokenizer={name}")
            try:
                return cls("custom", _parsed(data.decode(), name, package))
            except UnicodeDecodeError:
                raise ValueError(_no_tokenizer(name, "bytes that are not UTF-8")) from None
        # a fast tokenizer of `transformers` has one inside
        inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if type(inner).__module__.partition(".")[0] != "tokenizers" or not hasattr(inner, "to_str"):
            raise TypeError(
                "tokenizer has the wrong type; expected 'characters', 'bytes', 'words', 'bpe', a tokenizers.Tokenizer "
                f"or the Path of its JSON, got {type(tokenizer).__name__}"
            )
        return cls("custom", inner)

    @property
    def json(self) -> str:
        """The tokenizer as the package writes it."""
        return str(self._tokenizer.to_str())

    @property
    def labels(self) -> list[str]:
        r"""A label of each token: its text; of bytes that are no characters their codes, such as ``\xC3``."""
        if self._bytes is None:
            return [self.decode([number]).decode() or token for number, token in enumerate(self._tokens)]
        return [data.decode("utf-8", "backslashreplace") for data in self._bytes]

    def default_prompt(self) -> int:
        r"""Returns the token that an empty prompt stands for: ``"\n"``, or ``" "`` without it, or token 0."""
        return next((found for text in ("\n", " ") if (found := self.token(text)) is not None), 0)

    def newline(self) -> int:
        """Returns the token of the newline, which documents need.

        Raises
        ------
        ValueError
            If no token is a newline.
        """
        number = self.token("\n")
        if number is None:
            raise ValueError("documents needs a newline; expected a token of it in the vocabulary, got none")
        return number

    def token(self, text: str) -> int | None:
        """Returns the token that is a text by itself, or None."""
        numbers = self._encode(text)
        if len(numbers) != 1 or numbers[0] == self.unknown or self.decode(numbers) != text.encode():
            return None
        return int(numbers[0])

    def encode(
        self, text: str, errors: ErrorsName = "strict", replacement: str | None = None
    ) -> npt.NDArray[np.int64]:
        """Returns the tokens of a text.

        Parameters
        ----------
        text : str
            The text.
        errors : {"strict", "ignore", "replace"}
            How to handle unknown words: raise an error, skip them, or encode ``replacement``.
        replacement : str, optional
            The text of a token, with ``errors="replace"``; the unknown token where absent.

        Raises
        ------
        ValueError
            If a word is unknown, with its index.
        """
        number = self._replacement(as_choice(errors, "errors", ("strict", "ignore", "replace")), replacement)
        found: list[npt.NDArray[np.int64]] = []
        start = 0
        for part in [text] if self.kind == "custom" else _parts(text):
            numbers = self._encode(part)
            if self.unknown is not None and errors != "replace":
                is_unknown = numbers == self.unknown
                if is_unknown.any():
                    if errors == "strict":
                        self._refuse(part, start)
                    else:
                        numbers = numbers[~is_unknown]
            elif self.unknown is not None and number is not None:
                numbers = np.where(numbers == self.unknown, number, numbers)
            found.append(numbers)
            start += len(part)
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def decode(self, tokens: Iterable[int]) -> bytes:
        """Returns the bytes of the text of tokens: those of the tokens as they are where they are parts of it.

        Raises
        ------
        IndexError
            If a token is out of range.
        """
        numbers = np.asarray(tokens, np.int64).ravel()
        wrong = np.flatnonzero((numbers < 0) | (numbers >= self.size))
        if len(wrong):
            raise IndexError(
                f"tokens[{wrong[0]}] is out of range; expected 0 to {self.size - 1}, got {numbers[wrong[0]]}"
            )
        if self._bytes is not None:
            table = self._bytes
            return b"".join([table[number] for number in numbers.tolist()])
        return str(self._tokenizer.decode(numbers.tolist(), skip_special_tokens=False)).encode()

    def follow(self, before: list[int], tokens: list[int]) -> tuple[list[int], bytes]:
        """Returns the text that tokens add, as far as it is certain, and the tokens that the next call needs.

        Parameters
        ----------
        before : list of int
            What the last call returned; empty at first.
        tokens : list of int
            The next tokens.
        """
        if self._bytes is not None:
            return [], self.decode(tokens)
        # a decoder may join tokens by their neighbors: the text of two windows of them is compared
        known, read = before[1:], before[0] if before else 0
        window = known + tokens
        old, new = self.decode(known[:read]).decode(), self.decode(window).decode()
        if new.endswith("\ufffd") or not new.startswith(old) or len(new) <= len(old):
            return [read, *window], b""
        kept = window[read:]
        return [len(kept), *kept], new[len(old) :].encode()

    def _encode(self, text: str) -> npt.NDArray[np.int64]:
        try:
            return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.int64)
        except Exception as error:
            # the package raises nothing more special
            raise ValueError(
                f"text cannot be encoded; expected a text of the tokenizer, got this: {error}"
            ) from None

    def _replacement(self, errors: str, replacement: str | None) -> int | None:
        if errors != "replace":
            if replacement is not None:
                raise ValueError(f"replacement is without effect; expected errors='replace', got {errors!r}")
            return None
        if replacement is None:
            return self.unknown
        number = self.token(as_text(replacement, "replacement").decode())
        if number is None:
            raise ValueError(
                "replacement is outside the vocabulary; expected the text of one token, got "
                f"{shown(replacement)}"
            )
        return number

    def _refuse(self, text: str, start: int) -> None:
        """Refuses the first unknown word, unless the text has the unknown token by itself."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        for number, (first, last) in zip(found.ids, found.offsets):
            if number == self.unknown and text[first:last] != self._tokens[number]:
                raise ValueError(
                    f"text[{start + first}] is outside the vocabulary; expected a known word, or errors='replace' for "
                    f"{self._tokens[number]}, got {shown(text[first:last])}"
                )


def _package(user: str) -> Any:
    """Returns the ``tokenizers`` package."""
    try:
        import tokenizers
    except ImportError:
        raise ImportError(f"{user} requires the tokenizers package: pip install tokenizers") from None
    return tokenizers


def _parsed(text: str, name: str, package: Any) -> Any:
    try:
        return package.Tokenizer.from_str(text)
    except Exception as error:
        # the package raises nothing more special
        raise ValueError(_no_tokenizer(name, str(error))) from None


def tokenizer_of(text: str, name: str) -> Any:
    """Returns the tokenizer of the package whose JSON is a text."""
    return _parsed(text, name, _package(f"the tokenizer of {name}"))


def _no_tokenizer(name: str, got: str) -> str:
    return f"tokenizer {name} is no tokenizer; expected the JSON of the tokenizers package, got this: {got}"


def _type(part: Any) -> str | None:
    """Returns the type of a part of a tokenizer, by its JSON."""
    return None if part is None else str(json.loads(part.__getstate__())["type"])


def _unknown(tokenizer: Any) -> str | None:
    """Returns the text of the token that stands for unknown ones."""
    model = tokenizer.model
    token = getattr(model, "unk_token", None)
    if token is None and (number := getattr(model, "unk_id", None)) is not None:
        token = tokenizer.id_to_token(number)
    return token


def _parts(text: str) -> Iterator[str]:
    """Yields parts of a text, whose tokens one after another are those of the text: they end before a space."""
    at = 0
    while at < len(text):
        if len(text) - at <= _CHUNK:
            yield text[at:]
            return
        boundary = _BOUNDARY.search(text, at + _CHUNK)
        end = boundary.start() if boundary else len(text)
        yield text[at:end]
        at = end


def _bytes_of_characters(token: str) -> bytes:
    """Returns the bytes of a byte-level token, which has a visible character for each; of an added token its text."""
    try:
        return bytes(_BYTES[character] for character in token)
    except KeyError:
        return token.encode()


def _byte_characters() -> dict[str, int]:
    """Returns the byte of each character of byte-level tokens, those of GPT-2."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in set(visible)]
    return {chr(byte): byte for byte in visible} | {chr(256 + k): byte for k, byte in enumerate(others)}


_BYTES = _byte_characters()
