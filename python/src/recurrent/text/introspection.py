"""Introspection: the activations, predictions and gradients of a language model over a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..introspection import activations as _activations
from ..introspection import text_html
from ..introspection.document import HTML
from ..names import ErrorsName
from ..sources import Sources
from .language_model import LanguageModel

if TYPE_CHECKING:
    import numpy.typing as npt


class Introspection(LanguageModel):
    """A language model that shows its computations."""

    def activations(
        self,
        text: Sources,
        names: Sequence[str] | None = None,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        *,
        encoding: str | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Computes the activations of all layers over a text: outputs, cells and gates.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            At least one token, read from a zero state; as for ``encode``.
        names : list of str, optional
            Names as for ``Network.activations``: ``"h0"`` is layer 0's output, ``"c1"`` layer 1's cell, ``"f1"``
            its forget gate; all where absent.
        errors, replacement, encoding
            As for ``encode``.

        Returns
        -------
        dict of str to array
            (T, H) each: row t is the value after token t, column j is unit j.

        Raises
        ------
        IndexError
            If a name is unknown.
        ValueError, TypeError
            If the text is empty or has characters outside the vocabulary.
        """
        return _activations.activations(
            self.network, self.encode(text, errors, replacement, encoding=encoding), names
        )

    def next_characters(
        self,
        text: Sources,
        k: int = 5,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        *,
        encoding: str | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Returns the ``k`` likeliest next characters after each token of a text.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            At least one token, read from a zero state; as for ``encode``.
        k : int
            At least 1; limited by the size of the vocabulary.
        errors, replacement, encoding
            As for ``encode``.

        Returns
        -------
        list of list of (str, float)
            For each token the characters and their probabilities, the likeliest first; the last element predicts
            the characters after the text. Bytes beyond ASCII are written in hexadecimal.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.
        """
        tokens = self.encode(text, errors, replacement, encoding=encoding)
        return _activations.next_characters(self.network, tokens, self.characters, k)

    def gradient_norms(
        self,
        text: Sources,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        *,
        encoding: str | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Returns how strongly the prediction of a text's last token depends on each earlier state.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            At least three tokens, read from a zero state; as for ``encode``.
        errors, replacement, encoding
            As for ``encode``.

        Returns
        -------
        dict of str to array
            ``"h0"``, ``"h1"``, … and an LSTM's ``"c0"``, …: (T - 2,) each; element t is ‖∂L/∂s‖ of the state s
            after token t, L being -ln p of the last token. The weights' gradients are unchanged.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or a character is outside the vocabulary.

        References
        ----------
        Pascanu, Mikolov and Bengio, ICML 2013.
        """
        return _activations.gradient_norms(
            self.network, self.encode(text, errors, replacement, encoding=encoding)
        )

    def html(
        self,
        text: Sources,
        activation: str,
        unit: int,
        k: int = 5,
        errors: ErrorsName = "strict",
        replacement: str | None = None,
        *,
        encoding: str | None = None,
    ) -> HTML:
        """Returns a page that colors each character of a text by the activation of one unit.

        Parameters
        ----------
        text : str, bytes, Path, or list of these
            1 to 20,000 tokens, read from a zero state; as for ``encode``.
        activation : str
            A name as for ``activations``: ``"c1"`` is layer 1's cell, shown through tanh.
        unit : int
            The index of the unit, from 0.
        k : int
            The number of predictions shown at each character.
        errors, replacement, encoding
            As for ``encode``.

        Returns
        -------
        str
            Self-contained HTML; notebooks display it, ``page.save(path)`` writes it.

        Raises
        ------
        IndexError
            If ``activation`` or ``unit`` is unknown.
        ValueError, TypeError
            If the text is too long, or has characters outside the vocabulary.

        References
        ----------
        Karpathy, Johnson and Fei-Fei, arXiv:1506.02078.
        """
        layers = " ".join(map(str, self.hidden_sizes))
        return text_html.page(
            self.network,
            self.encode(text, errors, replacement, encoding=encoding),
            self.characters,
            self.tokenizer == "bytes",
            activation,
            unit,
            k,
            f"{self.cell} {layers}, {self.step:,} steps",
        )
