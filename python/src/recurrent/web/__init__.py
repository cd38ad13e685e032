"""The live page, ``recurrent demo --web``: shows a network during training, with settings that act at once.

``session`` owns the run and its thread, ``actions`` carries out the requests of the page, ``trainers`` train,
``introspection`` and ``network_picture`` show activations and weights. ``server`` connects a browser, ``widget`` a
notebook; both show the same modules of ``static``.
"""

from __future__ import annotations

import os
from typing import Any

from ..demo.sentences import CORPUS
from ..texts import as_file_encoding
from ..training.corpus import Corpus
from .session import Session
from .settings import TEXT, Settings


def live(text: str | os.PathLike[str] | None = None, *, encoding: str | None = None, **settings: Any) -> Any:
    """Shows the live page in a notebook; requires ``anywidget``.

    Parameters
    ----------
    text : str or Path, optional
        The training text, one sentence a line, or a ``Path`` of a file. The default is the package's sentences.
    encoding : str, optional
        The encoding of the file, such as ``"cp1252"``; UTF-8 where absent.
    settings
        The settings of the page: ``cell``, ``hidden_sizes``, ``embedding``, ``learning_rate``, ``weight_decay``,
        ``clip``, ``seed``. ``kind="text"`` trains on running text in batches and adds ``batch_size``,
        ``seq_length`` and ``tokenizer``.

    Returns
    -------
    widget : Live
        Shows the page as the last value of a notebook cell. ``widget.session.trainer.model`` is the model in
        training; ``widget.close()`` ends the run.

    Raises
    ------
    ImportError
        If anywidget is not installed.
    ValueError
        If a setting is out of range or the text has no characters.
    """
    try:
        from .widget import Live
    except ImportError as error:
        raise ImportError("the page in a notebook requires anywidget: pip install anywidget") from error
    source = CORPUS if text is None else text
    corpus = Corpus(source, "characters", encoding=as_file_encoding(encoding, "characters", source))
    defaults = TEXT if settings.get("kind") == "text" else Settings()
    return Live(Session(defaults.changed(settings), corpus.data.decode()))
