"""The live page, ``recurrent demo --web``: a network learns before one's eyes, and one moves the sliders.

``desk`` owns the run and answers what the page asks for; ``learners`` do the learning, ``insight`` looks inside;
``server`` is the way to a browser, ``widget`` the way to a notebook. Both show the same ``page.js``.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from ..demo.text import CORPUS
from ..training.corpus import Corpus
from .desk import Desk
from .settings import TEXT, Settings


def live(text: str | os.PathLike[str] | None = None, **settings: Any) -> Any:
    """The live page in a notebook; it needs ``anywidget``.

    Parameters
    ----------
    text : str or Path, optional
        Sentences, one a line; or the Path of a UTF-8 file of them; where absent, the sentences of the package.
    settings
        The page's boxes: ``cell``, ``hidden_sizes``, ``letter_size``, ``learning_rate``, ``regc``, ``clip``, ``seed``;
        with ``kind="text"``, which reads running text in batches, also ``batch_size`` and ``seq_length``.

    Returns
    -------
    widget : Live
        Shows itself as a cell's last value; ``widget.desk.learner.model`` is the model that learns, ``widget.close()``
        ends it.

    Raises
    ------
    ImportError
        Without anywidget.
    ValueError
        Naming a setting out of range, or a text that has no letters.
    """
    try:
        widget = importlib.import_module(".widget", __name__)
    except ImportError as error:
        raise ImportError("the page in a notebook needs anywidget: pip install anywidget") from error
    lines = Corpus(CORPUS if text is None else text, "characters").data.decode()
    usual = TEXT if settings.get("kind") == "text" else Settings()
    return widget.Live(Desk(usual.changed(settings), lines))
