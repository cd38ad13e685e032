"""Exported: what the writers of this folder need of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..mat import Mat
from ..parameters import Parameters
from ..program import Program
from ..sizes import Sizes

if TYPE_CHECKING:
    import numpy as np


class Exported(Protocol):
    """A network, such as ``Network``."""

    @property
    def cell(self) -> str:
        """The name of the cell."""

    @property
    def input_size(self) -> int:
        """Elements of an input vector, or the number of tokens."""

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """The hidden size of each layer."""

    @property
    def output_size(self) -> int | None:
        """The size of the decoder, or None."""

    @property
    def embedding(self) -> int | None:
        """The width of the table for tokens, or None."""

    @property
    def tied(self) -> bool:
        """Whether the table is the decoder's matrix."""

    @property
    def bidirectional(self) -> bool:
        """Whether each layer runs in both directions."""

    @property
    def residual(self) -> bool:
        """Whether layers add their inputs to their outputs."""

    @property
    def learned_initial_state(self) -> bool:
        """Whether sequences begin with learned states."""

    @property
    def batch_first(self) -> bool:
        """Whether the first axis is that of the batch."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all elements."""

    @property
    def parameters(self) -> Parameters:
        """The weights by name."""

    @property
    def flat(self) -> Mat:
        """All weights as one column."""

    @property
    def _sizes(self) -> Sizes:
        """The sizes of its buffers."""

    def program(self, layer: int = 0) -> Program:
        """Returns the step of a layer."""

    def _is_of_library(self, layer: int) -> bool:
        """Whether a layer's step is that of the library's cell of its name."""
