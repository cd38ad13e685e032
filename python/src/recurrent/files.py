"""load: a model of any kind from its file."""

from __future__ import annotations

import os
from typing import Union

from . import _c
from ._checks import as_path
from .nn.network import Network
from .recurrentjs import SentenceModel
from .text.model import TextModel

Model = Union[Network, TextModel, SentenceModel]


def load(path: str | os.PathLike[str]) -> Model:
    """Returns the model of a file, of the class that the file holds.

    Parameters
    ----------
    path : str or Path
        A file that ``save`` of a model wrote, here, in C or in Swift, or the JSON of RecurrentJS's page.

    Returns
    -------
    Network, TextModel or SentenceModel
        As ``Network.load``, ``TextModel.load`` and ``SentenceModel.load_recurrentjs`` return them.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is damaged, truncated, of a newer version or of another program.

    Examples
    --------
    >>> import recurrent, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recurrent.TextModel(hidden_sizes=[4], rng=1).build("abc").save(f"{folder}/model")
    ...     model = recurrent.load(f"{folder}/model")
    >>> model.vocabulary
    'abc'
    """
    encoded = as_path(path)
    kind = _c.written(_c.lib.recurrent_file_kind, encoded, len(encoded))
    if kind == "network":
        return Network.load(path)
    return TextModel.load(path) if kind == "text_model" else SentenceModel.load_recurrentjs(path)
