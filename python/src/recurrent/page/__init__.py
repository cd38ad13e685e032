"""The live page, ``recurrent demo --web``: a network learns before one's eyes, and one moves the sliders.

``desk`` owns the run and answers what the page asks for; ``learners`` do the learning, ``insight`` looks inside;
``server`` is the way to a browser, ``widget`` the way to a notebook. Both show the same ``page.js``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .widget import Live


def live(text_or_path: str | os.PathLike[str] | None = None, **settings: Any) -> Live:
    """The live page in a notebook; it needs ``anywidget``.

    Parameters
    ----------
    text_or_path : str or Path, optional
        What to learn: sentences, one a line, or a UTF-8 file of them; where absent, those that ship. A str is a path
        where something is called so.
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
    from .._corpus import Corpus
    from ..demo.text import CORPUS
    from .desk import Desk
    from .settings import TEXT, Settings

    try:
        from .widget import Live
    except ImportError as error:
        raise ImportError("the page in a notebook needs anywidget: pip install anywidget") from error
    text = Corpus(CORPUS if text_or_path is None else text_or_path, "characters").data.decode()
    usual = TEXT if settings.get("kind") == "text" else Settings()
    return Live(Desk(usual.changed(settings), text))
