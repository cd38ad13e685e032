"""Documents: the drawings and pages that introspection returns, as text that can be saved."""

from __future__ import annotations

import os

from ..outputs import drawings


class Document(str):
    """A self-contained drawing or page."""

    __slots__ = ()

    def __repr__(self) -> str:
        # a notebook stores it beside the drawing
        return f"<{type(self).__name__} of {len(self):,} characters>"

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the document to a file.

        Parameters
        ----------
        path : str or Path
            The file.
        overwrite : bool
            Whether to replace a file that no drawing or page of this process wrote.

        Raises
        ------
        FileExistsError
            If the file exists and was not written by a drawing or page of this process, or is a text that was read.
        OSError
            If the file cannot be written.
        """
        drawings.write(path, self.encode(), overwrite)


class Drawing(Document):
    """Self-contained SVG, which notebooks display."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


class HTML(Document):
    """Self-contained HTML, which notebooks display."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)
